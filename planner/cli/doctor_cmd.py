"""``planner doctor``: what works, what is missing, and the one line that fixes it."""

from typing import TYPE_CHECKING

import typer

from planner.cli.options import with_connection
from planner.errors import EXIT_ERROR

if TYPE_CHECKING:
    from planner.config.settings import Settings

MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@with_connection
def doctor(settings: "Settings") -> None:
    """Check every source and print the one line that cures what is missing."""
    from planner import service

    failed = 0
    for check in service.diagnose(settings):
        typer.echo(_printable(f"{MARKS[check.status]}  {check.name}: {check.text}"))
        if check.status != "ok" and check.fix:
            typer.echo(_printable(f"      fix: {check.fix}"))
        failed += check.status == "fail"
    if failed:
        raise typer.Exit(EXIT_ERROR)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
