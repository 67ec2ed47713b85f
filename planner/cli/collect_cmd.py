"""``planner collect``: observe a cluster into a snapshot folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli import terminal
from planner.cli.options import AllNamespaces, Namespaces, with_connection

if TYPE_CHECKING:
    from planner.config.settings import Settings
    from planner.snapshot.header import Header


@with_connection
def collect(
    settings: "Settings",
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder of the snapshot; an existing one gets only the days it lacks.", show_default=False
        ),
    ],
    namespace: Namespaces = None,
    all_namespaces: AllNamespaces = False,
) -> None:
    """Read usage, objects and prices; later commands take the folder with --snapshot."""
    scope = () if all_namespaces else tuple(namespace or ())
    header = collect_into(out, settings.model_copy(update={"namespaces": scope}))
    rows = sum(file.rows for day in header.days for file in day.files.values())
    typer.echo(
        f"snapshot {header.snapshot_id} of {header.cluster}: {len(header.days)} days, {rows} series-days, in {out}"
    )
    for warning in header.warnings:
        cost = f" ({warning.costs})" if warning.costs else ""
        fix = f"; {warning.fix}" if warning.fix else ""
        typer.echo(_printable(f"warning: {warning.text}{cost}{fix}"), err=True)


def collect_into(folder: Path, settings: "Settings") -> "Header":
    """Collect with a progress bar on stderr."""
    from planner import service

    with terminal.ProgressBar("collecting") as progress:
        return service.collect(settings, folder, progress=progress)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
