"""What a server holds, found with a handful of cheap questions before the large ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.collectors.prometheus import queries
from planner.collectors.prometheus.client import PrometheusClient
from planner.collectors.prometheus.queries import Family, LabelNames, Scope
from planner.errors import SourceError
from planner.snapshot.header import SourceWarning

DEFAULT_SCRAPE_SECONDS = 60.0
USUAL_SCRAPE_SECONDS = (1, 5, 10, 15, 20, 30, 40, 45, 60, 90, 120, 180, 240, 300, 600, 900)
SETTLE_SECONDS = 60.0
"""The newest samples are still on their way; a step is complete this long after its end."""
MOST_POINTS = 32
LOOKBACK_SECONDS = 300
"""How far back a server looks for the newest sample of a series."""

FAMILY_METRICS: Mapping[Family, tuple[str, ...]] = {
    Family.CADVISOR: ("container_memory_working_set_bytes",),
    Family.KUBE_STATE_METRICS: ("kube_pod_container_info", "kube_pod_info"),
}
"""Metrics that together show all four labels of an exporter."""


@dataclass(frozen=True, slots=True)
class Presence:
    """How many series of a metric exist at points of a window.

    Attributes:
        name: of the metric.
        counts: (Unix seconds, series), oldest first, only points with any.
        ever: found by a search over the whole window where no point has any.
    """

    name: str
    counts: tuple[tuple[float, float], ...]
    ever: float = 0.0

    @property
    def exists(self) -> bool:
        """Whether the window holds any sample."""
        return bool(self.counts) or self.ever > 0

    @property
    def most(self) -> float:
        """Most series at once."""
        return max((count for _, count in self.counts), default=self.ever)

    @property
    def oldest(self) -> float | None:
        """First point with series."""
        return self.counts[0][0] if self.counts else None

    @property
    def newest(self) -> float | None:
        """Last point with series."""
        return self.counts[-1][0] if self.counts else None


def probe_presence(
    client: PrometheusClient,
    name: str,
    where: str,
    *,
    start: float,
    end: float,
    known: frozenset[str] | None = None,
    longest_seconds: int = 7 * 86_400,
) -> Presence:
    """Look for a metric at a point of each day; where none has it, search the window once.

    Args:
        client: the server.
        name: of the metric.
        where: selector.
        start: of the window, Unix seconds.
        end: of the window; the search looks back from there.
        known: names that exist at all; another one is not asked for.
        longest_seconds: longest window of one instant query.
    """
    if known is not None and name not in known:
        return Presence(name, ())
    spacing = max(86_400, math.ceil((end - start) / (MOST_POINTS - 2) / 3_600) * 3_600)
    backs = sorted({*range(0, int(end - start), spacing), max(0, int(end - start) - LOOKBACK_SECONDS)})
    answer = client.instant(queries.count_at(name, where, backs), end)
    counts = sorted(
        (end - float(labels["back"]), value)
        for labels, value in zip(answer.labels, answer.values.tolist(), strict=True)
        if value > 0 and labels.get("back", "").isdigit()
    )
    if counts:
        return Presence(name, tuple(counts))
    ever, until = 0.0, end
    while until > start and not ever:
        window = int(min(longest_seconds, until - start))
        values = client.instant(queries.count_ever(name, where, window), until).values
        ever, until = float(values.max(initial=0.0)), until - window
    return Presence(name, (), ever)


def scrape_seconds(client: PrometheusClient, presence: Presence, where: str, *, end: float) -> float | None:
    """Scrape interval of a metric, from the samples of an hour; ``None`` where there are too few."""
    if presence.newest is None:
        return None
    # an hour that ends with the newest point may begin before the data do; its fullest series tell anyway
    text = queries.samples_per_hour(presence.name, where, int(end - presence.newest))
    values = client.instant(text, end).values
    if not len(values) or not values[0] >= 2:
        return None
    found = 3_600.0 / float(values[0])
    nearest = min(USUAL_SCRAPE_SECONDS, key=lambda usual: abs(usual - found))
    return float(nearest) if abs(nearest - found) <= 0.1 * nearest else found


def label_names(
    client: PrometheusClient,
    metrics: Sequence[str],
    scope: Scope,
    *,
    end: float,
    back: int = 0,
    window_seconds: float = 900.0,
) -> LabelNames:
    """What an exporter's metrics call namespace, pod, container and node here.

    Args:
        client: the server.
        metrics: some of the exporter's; together they have all four labels.
        scope: cluster.
        end: Unix seconds.
        back: look so many seconds earlier.
        window_seconds: how far from there to search for rewritten labels.
    """
    labels: set[str] = set()
    for name in metrics:
        text = queries.one_series(name, scope, back=back, window_seconds=int(window_seconds))
        labels.update(*client.instant(text, end).labels)

    def stored(label: str, old: str) -> str:
        return next((one for one in (f"exported_{label}", old) if one in labels), label)

    old = "pod_name" in labels  # the form before dcgm-exporter 2.1
    return LabelNames(
        stored("namespace", "pod_namespace" if old else ""),
        stored("pod", "pod_name" if old else ""),
        stored("container", "container_name" if old else ""),
        stored("node", ""),
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """The end of a window that both clocks agree on.

    Attributes:
        end: Unix seconds, a multiple of the step, past for the server.
        skew_seconds: server minus ours.
        warnings: ``clock_skew`` where the difference is more than a step.
    """

    end: float
    skew_seconds: float
    warnings: tuple[SourceWarning, ...] = ()


def _server_time(client: PrometheusClient, *, otherwise: float) -> float:
    """The server's clock; ours where it takes no query without a metric (Azure)."""
    try:
        values = client.instant(queries.server_time()).values
    except SourceError as error:
        if type(error) is not SourceError:  # not reached, not let in, or not this API
            raise
        return otherwise
    return float(values[0]) if len(values) and math.isfinite(values[0]) else otherwise


def agree_on_end(client: PrometheusClient, *, end: float, step_seconds: int, now: float) -> Clock:
    """Check the asked end of a window against the server's clock.

    Args:
        client: the server.
        end: what was asked for, by our clock.
        step_seconds: grid.
        now: our clock, Unix seconds.
    """
    server = _server_time(client, otherwise=now)
    skew = server - now
    settled = math.floor((server - SETTLE_SECONDS) / step_seconds) * step_seconds
    if abs(skew) <= step_seconds:
        return Clock(min(end, settled), skew)
    asks_for_now = now - end < 2 * step_seconds + SETTLE_SECONDS
    agreed = settled if asks_for_now else min(end, settled)
    side = "ahead of" if skew > 0 else "behind"
    warning = SourceWarning(
        source="prometheus",
        code="clock_skew",
        text=f"the clock of Prometheus is {abs(skew):.0f} s {side} this machine's; its time is used",
        fix="synchronise both clocks (NTP)",
    )
    return Clock(agreed, skew, (warning,))
