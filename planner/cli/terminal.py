"""What the terminal can show: width, colour, a progress bar on stderr."""

import os
import shutil
import sys
import threading
from types import TracebackType
from typing import Any, Self


def width(default: int = 80) -> int:
    """Columns of the terminal that stdout is, or the default when it is piped."""
    return shutil.get_terminal_size((default, 24)).columns if sys.stdout.isatty() else default


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def color() -> bool:
    """Whether stdout takes colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class ProgressBar:
    """A progress bar on stderr while it is a terminal, silence elsewhere."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._total = 0
        self._lock = threading.Lock()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        """Show the bar."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                TimeElapsedColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.stop()

    def expect(self, steps: int) -> None:
        """So many more steps are to come."""
        with self._lock:
            self._total += steps
            if self._bar is not None:
                self._bar.update(self._task, total=self._total)

    def step(self, text: str) -> None:
        """One step is done."""
        if self._bar is not None:
            printable = "".join(c if c.isprintable() else " " for c in text)[:40]
            self._bar.update(self._task, advance=1, description=f"{self._title}: {printable}")
