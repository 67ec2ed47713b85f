"""Times without any sample: a server that forgets, a scrape that stopped."""

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from planner.snapshot.header import SourceWarning

CODES = ("retention_gap", "data_gap")
SHORTEST_SECONDS = 3_600.0


class Presences:
    """Which steps of a window have any sample of any container."""

    def __init__(self, start: float, end: float, step_seconds: int) -> None:
        self.start = start
        self.step_seconds = step_seconds
        self.seen: NDArray[np.bool_] = np.zeros(round((end - start) / step_seconds), dtype=bool)
        self.asked: NDArray[np.bool_] = np.zeros_like(self.seen)

    def ask(self, start: float, end: float) -> None:
        """Note that a time was asked for."""
        first, last = (round((t - self.start) / self.step_seconds) for t in (start, end))
        self.asked[first:last] = True

    def add(self, day_start: float, values: NDArray[np.float32]) -> None:
        """Note what a day's rows (series, step of the day) hold."""
        columns = np.flatnonzero(np.isfinite(values).any(axis=0)) if len(values) else np.empty(0, dtype=np.intp)
        index = columns + round((day_start - self.start) / self.step_seconds)
        self.seen[index[(index >= 0) & (index < len(self.seen))]] = True

    def gaps(self) -> list[tuple[float, float]]:
        """(start, end) of every asked time without samples, an hour or longer."""
        missing = np.concatenate([[False], self.asked & ~self.seen, [False]]).astype(np.int8)
        edges = np.diff(missing)
        pairs = zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True)
        times = ((self.start + a * self.step_seconds, self.start + b * self.step_seconds) for a, b in pairs)
        return [(a, b) for a, b in times if b - a >= SHORTEST_SECONDS]


def iso(seconds: float) -> str:
    """A time as ``2026-01-31T08:00Z``."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%MZ")


def gap_warnings(presences: Presences) -> list[SourceWarning]:
    """A warning for each gap, with its dates; ``objects`` is ``start/end`` for programs."""
    warnings = []
    for start, end in presences.gaps():
        leading = start == presences.start
        warnings.append(
            SourceWarning(
                source="prometheus",
                code=CODES[0] if leading else CODES[1],
                text=f"no usage from {iso(start)} to {iso(end)}"
                + (": the server's history begins there, or its scraping did" if leading else ""),
                costs="peaks and seasons of this time are unknown; intervals get wider",
                fix="raise the server's retention, or choose a shorter --window" if leading else "",
                objects=(f"{iso(start)}/{iso(end)}",),
            )
        )
    return warnings


def carried_over(earlier: Iterable[SourceWarning], presences: Presences) -> list[SourceWarning]:
    """Gaps of earlier collections that still lie in the window and were not asked for again."""
    kept = []
    for warning in earlier:
        if warning.source != "prometheus" or warning.code not in CODES or not warning.objects:
            continue
        try:
            begin, until = (
                datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC).timestamp()
                for text in warning.objects[0].split("/")
            )
        except ValueError:
            continue
        first, last = (
            round((max(time, presences.start) - presences.start) / presences.step_seconds) for time in (begin, until)
        )
        if until > presences.start and not presences.asked[first:last].any():
            kept.append(warning)
    return kept
