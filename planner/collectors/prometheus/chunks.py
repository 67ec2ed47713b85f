"""Cut questions into parts: ahead of time by what is expected, afterwards by what a server refuses."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from planner.collectors.prometheus.transport import ConnectionOptions
from planner.errors import SourceLimit

T = TypeVar("T")

SHORTEST_SECONDS = 3_600.0
"""Time is halved down to this before namespaces are asked for in groups."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a question: a half-open time and, perhaps, a group of namespaces (``None`` = all)."""

    start: float
    end: float
    namespaces: tuple[str, ...] | None = None


class Allowance:
    """What a server was seen to accept, so that later questions start at that size. Thread-safe."""

    def __init__(self) -> None:
        self._span_seconds = float("inf")
        self._lock = threading.Lock()

    def refused(self, span_seconds: float) -> None:
        """A question over this time was too big."""
        with self._lock:
            self._span_seconds = min(self._span_seconds, max(span_seconds / 2, SHORTEST_SECONDS))

    def fits(self, part: Part) -> bool:
        """Whether a question of this length has not been refused yet."""
        return part.end - part.start <= self._span_seconds


def halves(part: Part, step_seconds: int, list_namespaces: Callable[[], tuple[str, ...]]) -> tuple[Part, Part] | None:
    """Two smaller questions: half the time, then half the namespaces, then half the rest of the time.

    Returns:
        ``None`` where nothing is left to halve: one namespace and one step.
    """
    if part.end - part.start > SHORTEST_SECONDS:
        return _half_time(part, step_seconds)
    namespaces = part.namespaces if part.namespaces is not None else list_namespaces()
    if len(namespaces) > 1:
        middle = len(namespaces) // 2
        return replace(part, namespaces=namespaces[:middle]), replace(part, namespaces=namespaces[middle:])
    return _half_time(replace(part, namespaces=namespaces or None), step_seconds)


def _half_time(part: Part, step_seconds: int) -> tuple[Part, Part] | None:
    steps = round((part.end - part.start) / step_seconds)
    if steps < 2:
        return None
    middle = part.start + (steps // 2) * step_seconds
    return replace(part, end=middle), replace(part, start=middle)


def ask_in_parts(
    ask: Callable[[Part], T],
    part: Part,
    *,
    step_seconds: int,
    list_namespaces: Callable[[], tuple[str, ...]],
    allowance: Allowance,
) -> list[T]:
    """Answers to all parts of a question, each as large as the server takes; a namespace's in the order of time.

    Raises:
        SourceLimit: the server refuses even one step of one namespace.
    """
    answers: list[T] = []
    waiting = deque([part])
    while waiting:
        current = waiting.popleft()
        refusal: SourceLimit | None = None
        if allowance.fits(current) or current.end - current.start <= max(SHORTEST_SECONDS, step_seconds):
            try:
                answers.append(ask(current))
                continue
            except SourceLimit as error:
                allowance.refused(current.end - current.start)
                refusal = error
        smaller = halves(current, step_seconds, list_namespaces)
        if smaller is None:
            raise refusal or SourceLimit("the smallest question is still too big")
        waiting.extendleft(reversed(smaller))
    return answers


def cut_evenly(part: Part, step_seconds: int, *, series: float, options: ConnectionOptions) -> list[Part]:
    """A question in equal parts on the grid of steps, each within the limits of the options.

    Args:
        part: what to ask.
        step_seconds: grid.
        series: expected at once.
        options: most points, samples and seconds of one question.
    """
    steps = round((part.end - part.start) / step_seconds)
    by_samples = options.max_samples_per_answer / max(series, 1.0)
    by_range = options.max_range_seconds / step_seconds
    most = max(1, int(min(by_samples, by_range, options.max_points_per_series)))
    pieces = -(-steps // most)
    size = -(-steps // pieces)
    edges = [part.start + min(i * size, steps) * step_seconds for i in range(pieces + 1)]
    return [replace(part, start=a, end=b) for a, b in pairwise(edges) if b > a]


def in_order(tasks: Iterable[Callable[[], T]], threads: int) -> Iterator[T]:
    """Results in the order of the tasks, with at most ``threads`` under way and one more finished ahead.

    The first failure stops what has not begun.
    """
    if threads == 1:
        for task in tasks:
            yield task()
        return
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="prometheus") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(task))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def windows_back(start: float, end: float, longest_seconds: float) -> Sequence[tuple[float, float]]:
    """(start, end) pieces of a window from its end backwards, none longer than given."""
    pieces = []
    until = end
    while until > start:
        begin = max(start, until - longest_seconds)
        pieces.append((begin, until))
        until = begin
    return pieces
