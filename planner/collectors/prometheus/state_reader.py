"""Read kube-state-metrics: states now and states over a window, each as one row per set of labels.

Every question is an instant query with its labels named, so that the answer holds nothing else and
HA pairs fall together. Windows are read in pieces, since servers limit the length of a range.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from planner.collectors.parts import Progress
from planner.collectors.prometheus import queries
from planner.collectors.prometheus.chunks import Allowance, Part, ask_in_parts, in_order, windows_back
from planner.collectors.prometheus.client import PrometheusClient
from planner.collectors.prometheus.queries import Scope

NOW_SECONDS = 900
"""A state counts as present when it was seen this recently: a restart of the exporter hides nothing."""
NAMESPACE_METRIC = "kube_pod_info"

Rows = dict[tuple[str, ...], float]
"""Values of the named labels -> value."""


class When(Enum):
    """Which value of a state is wanted."""

    NOW = "now"
    LAST = "last_over_time"
    FIRST = "min_over_time"
    HIGHEST = "max_over_time"
    SEEN = "time of the last sample"


@dataclass(frozen=True, slots=True)
class Ask:
    """One state metric.

    Attributes:
        name: of the metric.
        by: labels of a row, in its order.
        when: now, or how a window becomes one value.
        only: further matchers.
        condition: comparison on the value (``== 1``); rows that fail it are not sent.
        namespaced: whether its objects lie in namespaces.
        how: aggregation over what is left beside ``by``.
        as_stored: ``by`` holds stored names already (another exporter's metric).
    """

    name: str
    by: tuple[str, ...]
    when: When = When.NOW
    only: tuple[str, ...] = ()
    condition: str = ""
    namespaced: bool = True
    how: str = "max"
    as_stored: bool = False


class StateReader:
    """A cluster's state at one server over one window.

    Attributes:
        client: the server.
        scope: cluster, namespaces and label names of kube-state-metrics here.
        start, end: window, Unix seconds.
        now: when the exporter was last heard; states "now" are those at this time.
        missing: metrics that were asked for and gave nothing.
    """

    def __init__(
        self,
        client: PrometheusClient,
        scope: Scope,
        *,
        start: float,
        end: float,
        step_seconds: int,
        known: frozenset[str] | None,
        longest_seconds: float,
        progress: Progress,
    ) -> None:
        self.client = client
        self.scope = scope
        self.start = start
        self.end = end
        self.now = end
        self.step_seconds = step_seconds
        self.missing: set[str] = set()
        self._known = known
        self._longest_seconds = longest_seconds
        self._allowance = Allowance()
        self._progress = progress

    def has(self, name: str) -> bool:
        """Whether a metric may exist: it is known, or the server does not tell its names."""
        return (self._known is None or name in self._known) and name not in self.missing

    def read(self, asks: Sequence[Ask]) -> Iterator[Rows]:
        """Rows of each question, in order; several are under way at once."""
        pieces = [self._pieces(ask) for ask in asks]
        calls: list[Callable[[], Rows]] = [
            partial(self._rows, ask, part) for ask, parts in zip(asks, pieces, strict=True) for part in parts
        ]
        self._progress.expect(len(calls))
        answers = in_order(calls, self.client.threads)
        for ask, parts in zip(asks, pieces, strict=True):
            merged: Rows = {}
            for _ in parts:
                _merge(merged, next(answers), ask.when)
                self._progress.step(ask.name)
            if merged:
                self.missing.discard(ask.name)
            elif not ask.condition and not ask.only:
                self.missing.add(ask.name)
            yield merged

    def one(self, ask: Ask) -> Rows:
        """Rows of one question."""
        return next(iter(self.read([ask])))

    def _pieces(self, ask: Ask) -> list[Part]:
        """Windows to ask for, newest first; none where the metric does not exist."""
        if not self.has(ask.name):
            return []
        if ask.when is When.NOW:
            return [Part(self.now - NOW_SECONDS, self.now, self.scope.namespaces)]
        windows = windows_back(self.start, self.end, self._longest_seconds)
        return [Part(begin, until, self.scope.namespaces) for begin, until in windows]

    def text(self, ask: Ask, part: Part) -> str:
        """The query for a piece."""
        narrowed = Scope(self.scope.cluster, part.namespaces, self.scope.names)
        where = narrowed.where(*ask.only, namespaced=ask.namespaced)
        window = max(1, round(part.end - part.start))
        if ask.when is When.SEEN:
            inner = queries.last_seen(ask.name, where, window, max(self.step_seconds, 60))
        else:
            function = "last_over_time" if ask.when is When.NOW else ask.when.value
            inner = queries.over_time(function, ask.name, where, window)
        condition = f" {ask.condition}" if ask.condition else ""
        return queries.by_labels(ask.how, self._stored(ask), inner + condition)

    def _stored(self, ask: Ask) -> list[str]:
        return list(ask.by) if ask.as_stored else [self.scope.names.of(label) for label in ask.by]

    def _rows(self, ask: Ask, part: Part) -> Rows:
        labels = self._stored(ask)

        def once(piece: Part) -> Rows:
            answer = self.client.instant(self.text(ask, piece), piece.end)
            pairs = zip(answer.labels, answer.values.tolist(), strict=True)
            return {tuple([row.get(label, "") for label in labels]): value for row, value in pairs}

        merged: Rows = {}
        answers = ask_in_parts(
            once, part, step_seconds=3_600, list_namespaces=self._namespaces, allowance=self._allowance
        )
        for rows in reversed(answers):  # newest first, as the pieces of a window
            _merge(merged, rows, ask.when)
        return merged

    def _namespaces(self) -> tuple[str, ...]:
        label = self.scope.names.namespace
        inner = queries.over_time("last_over_time", NAMESPACE_METRIC, self.scope.where(), int(self._longest_seconds))
        answer = self.client.instant(queries.by_labels("count", [label], inner), self.end)
        return tuple(sorted({row.get(label, "") for row in answer.labels} - {""}))


def _merge(into: Rows, rows: Mapping[tuple[str, ...], float], when: When) -> None:
    """Add an older piece to newer ones."""
    if when in (When.NOW, When.LAST):
        for key, value in rows.items():
            into.setdefault(key, value)
        return
    choose = min if when is When.FIRST else max
    for key, value in rows.items():
        into[key] = choose(into[key], value) if key in into else value
