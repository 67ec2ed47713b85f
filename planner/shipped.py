"""Files that travel with the program: the catalogue, the sample cluster, the dashboard."""

from pathlib import Path


def shipped(folder: str) -> Path:
    """Folder ``data`` or ``app``: inside an installed wheel ``planner/_data``, in a checkout ``data``."""
    package = Path(__file__).resolve().parent
    packaged = package / f"_{folder}"
    return packaged if packaged.is_dir() else package.parent / folder
