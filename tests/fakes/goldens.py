"""Compare text with a golden file, or write it again with ``PLANNER_RENEW_GOLDENS=1``."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "goldens"


def check_golden(name: str, text: str) -> None:
    """Fail where the text is another one than ``tests/goldens/<name>``."""
    path = FOLDER / name
    if os.environ.get("PLANNER_RENEW_GOLDENS") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    assert path.is_file(), f"no golden {name}: run the test once with PLANNER_RENEW_GOLDENS=1 and read the file"
    assert text == path.read_bytes().decode(), f"{name} changed: renew with PLANNER_RENEW_GOLDENS=1 and read the change"
