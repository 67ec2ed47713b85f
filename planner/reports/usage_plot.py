"""A plot of use over time in plain text: bars of cells, with the requests and limits as lines across."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from planner.reports.layout import clip, left, right

_HEIGHT = 9
_LABEL = 18
_HIGHEST_LINE = 2.5
"""A line this many times higher than use and plan is told in words: drawn, it would press the bars flat."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Characters of a plot.

    Attributes:
        steps: how a cell fills from below, from empty to full.
        peak: between the mean and the peak.
        lines: request now, request planned, limit planned.
    """

    steps: str
    peak: str
    lines: str


NOW, PLANNED, LIMIT = 0, 1, 2
UNICODE = Glyphs(" ▁▂▃▄▅▆▇█", "░", "─━╌")
ASCII = Glyphs(" #", ":", "-=~")


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line: its name, its height, and which of the line characters draws it."""

    name: str
    value: float
    line: int


def plot(
    times: NDArray[np.float64],
    mean: NDArray[np.float64],
    peak: NDArray[np.float64],
    levels: Sequence[Level],
    show: Callable[[float], str],
    *,
    width: int,
    ascii_only: bool = False,
) -> list[str]:
    """Lines of the plot.

    Args:
        times: (time,) Unix seconds of the starts of buckets, ascending.
        mean: (time,) mean use, NaN = no sample; the filled part of a bar.
        peak: (time,) highest use, NaN = no sample; the light part above it.
        levels: lines across; those without a finite value are left out.
        show: value -> text with its unit.
        width: cells of a line.
        ascii_only: whether only ASCII may be used.
    """
    glyphs = ASCII if ascii_only else UNICODE
    if not np.isfinite(peak).any():
        return ["  no samples to draw"]
    columns = max(width - _LABEL - 2, 8)
    groups = np.minimum(np.arange(columns) * len(times) // columns, len(times) - 1)
    ends = np.append(groups[1:], len(times))
    means = np.array([_bucket(mean, a, b, np.mean) for a, b in zip(groups, ends, strict=True)])
    peaks = np.array([_bucket(peak, a, b, np.max) for a, b in zip(groups, ends, strict=True)])
    means = peaks if mean is peak else np.where(np.isfinite(means), np.minimum(means, peaks), 0.0)
    drawn, above = _levels_inside(levels, float(np.nanmax(peaks)))
    top = max([float(np.nanmax(peaks)), *(level.value for level in drawn)]) * 1.02 or 1.0
    rows = _rows(means, peaks, drawn, top, glyphs, show)
    notes = [f"{right(f'{level.name} {show(level.value)}', _LABEL)}   (above the plot)" for level in above]
    return [clip(line, width) for line in (*notes, *rows, *_axis(times, columns, ascii_only=ascii_only))]


def _bucket(values: NDArray[np.float64], start: int, end: int, how: Callable[..., np.floating]) -> float:
    part = values[start : max(end, start + 1)]
    part = part[np.isfinite(part)]
    return float(how(part)) if len(part) else math.nan


def _levels_inside(levels: Sequence[Level], highest: float) -> tuple[list[Level], list[Level]]:
    known = [level for level in levels if math.isfinite(level.value)]
    reference = max([highest, *(level.value for level in known if level.line == PLANNED)])
    inside = [level for level in known if level.value <= _HIGHEST_LINE * max(reference, 1e-12)]
    return inside, [level for level in known if level not in inside]


def _rows(
    means: NDArray[np.float64],
    peaks: NDArray[np.float64],
    levels: Sequence[Level],
    top: float,
    glyphs: Glyphs,
    show: Callable[[float], str],
) -> list[str]:
    by_row: dict[int, list[Level]] = {}
    for level in levels:
        by_row.setdefault(min(int(level.value / top * _HEIGHT), _HEIGHT - 1), []).append(level)
    lines = []
    for row in range(_HEIGHT - 1, -1, -1):
        here = by_row.get(row, [])
        line = glyphs.lines[min(level.line for level in here)] if here else ""
        cells = "".join(
            _cell(mean / top * _HEIGHT - row, peak / top * _HEIGHT - row, line, glyphs)
            for mean, peak in zip(means, peaks, strict=True)
        )
        label = _label(here, show) or (show(top / 1.02) if row == _HEIGHT - 1 else "")
        lines.append(f"{right(label, _LABEL)} {'|' if glyphs is ASCII else '│'}{cells}".rstrip())
    return lines


def _label(levels: Sequence[Level], show: Callable[[float], str]) -> str:
    if not levels:
        return ""
    joined = "/".join(level.name for level in levels)
    text = f"{joined} {show(levels[0].value)}"
    return text if cell_len(text) <= _LABEL else f"{levels[0].name} {show(levels[0].value)}"


def _cell(mean: float, peak: float, line: str, glyphs: Glyphs) -> str:
    """One cell: heights are in rows above the floor of this one."""
    if math.isnan(peak):
        return line or " "
    full = len(glyphs.steps) - 1
    if mean >= 1:
        return glyphs.steps[full]
    if line:
        return line
    if mean < 0.5 <= peak:
        return glyphs.peak
    return glyphs.steps[max(math.ceil(mean * full - 1e-9), 0)]


def _axis(times: NDArray[np.float64], columns: int, *, ascii_only: bool) -> list[str]:
    step = float(times[-1] - times[-2]) if len(times) > 1 else 0.0
    stamps = [_stamp(float(t)) for t in (times[0], (times[0] + times[-1] + step) / 2, times[-1] + step)]
    corner, dash, tick = ("+", "-", "+") if ascii_only else ("└", "─", "┴")
    line = dash * (columns // 2) + tick + dash * (columns - columns // 2 - 1)
    gap = " " * (_LABEL + 2)
    if columns < 3 * len(stamps[0]) + 4:
        return [f"{' ' * (_LABEL + 1)}{corner}{line}", f"{gap}{stamps[0]} to {stamps[2]} UTC"]
    middle = columns // 2 - len(stamps[1]) // 2
    labels = left(stamps[0], middle) + stamps[1]
    labels = left(labels, columns - len(stamps[2])) + stamps[2]
    return [f"{' ' * (_LABEL + 1)}{corner}{line}", f"{gap}{labels}"]


def _stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%m-%d %H:%M}"
