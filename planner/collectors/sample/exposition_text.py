"""Samples as OpenMetrics text: fast where values are constant, which most of kube-state-metrics are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.collectors.sample.platform import START, STEP_SECONDS

SCRAPE_OFFSETS = (30, 105, 180, 255)
"""Seconds inside a step at which cAdvisor and DCGM are scraped: none at its edges, so that a window of
one step that ends with the step holds exactly the step's own four samples."""
STATE_SECONDS = 240
"""Seconds between two scrapes of kube-state-metrics."""
STATE_OFFSET = 60


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the window, in steps; half-open.

    Attributes:
        first, last: steps.
        state_times: (scrape,) Unix seconds at which kube-state-metrics is scraped.
        state_texts: the same as text.
    """

    first: int
    last: int
    state_times: NDArray[np.int64]
    state_texts: tuple[str, ...]


def span_of(first: int, last: int) -> Span:
    """The part of the window between two steps."""
    begin, end = int(START) + first * STEP_SECONDS, int(START) + last * STEP_SECONDS
    count = -(-(begin - int(START) - STATE_OFFSET) // STATE_SECONDS)
    times = np.arange(int(START) + STATE_OFFSET + count * STATE_SECONDS, end, STATE_SECONDS, dtype=np.int64)
    return Span(first, last, times, tuple(map(str, times.tolist())))


def type_line(name: str) -> str:
    """The head of a family; counters are named without their suffix."""
    return f"# TYPE {name.removesuffix('_total')} {'counter' if name.endswith('_total') else 'gauge'}\n"


def labelled(name: str, labels: Mapping[str, str]) -> str:
    """``name{a="1",b="2"}`` with sorted, escaped labels."""
    pairs = ",".join(f'{key}="{_escaped(labels[key])}"' for key in sorted(labels))
    return f"{name}{{{pairs}}}" if pairs else name


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    """A value in the shortest form that reads back the same."""
    return str(int(value)) if value == int(value) else repr(float(value))


def constant(head: str, value: str, times: Sequence[str]) -> str:
    """Lines of one series that never changes."""
    if not times:
        return ""
    start = f"{head} {value} "
    return start + f"\n{start}".join(times) + "\n"


def varying(head: str, values: Sequence[float], times: Sequence[int], form: str) -> str:
    """Lines of one series; ``form`` is the ``%`` form of a value."""
    if not len(values):
        return ""
    line = head.replace("%", "%%") + f" {form} %d\n"
    pairs = [item for pair in zip(values, times, strict=True) for item in pair]
    return (line * len(values)) % tuple(pairs)


def stepwise(head: str, changes: Sequence[tuple[float, float]], span: Span, until: float) -> Iterator[str]:
    """Lines of a state that changes now and then.

    Args:
        head: name and labels.
        changes: (Unix seconds, value from then on), by time.
        span: part of the window.
        until: Unix seconds at which the series ends.
    """
    for index, (since, value) in enumerate(changes):
        end = changes[index + 1][0] if index + 1 < len(changes) else until
        times = between(span, since, end)
        if times:
            yield constant(head, number(value), times)


def between(span: Span, since: float, until: float) -> Sequence[str]:
    """Scrapes of kube-state-metrics in a half-open time, as text."""
    low, high = np.searchsorted(span.state_times, [since, until], side="left")
    return span.state_texts[int(low) : int(high)]
