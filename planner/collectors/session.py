"""One collection: connect, ask the sources, merge, price, write."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from planner.collectors.earlier import with_earlier
from planner.collectors.merge import MergedState, merge_states
from planner.collectors.parts import ObservedState, Progress, SilentProgress
from planner.collectors.reach import prometheus_options, wants_kubernetes
from planner.config.settings import Settings
from planner.errors import ConfigError, SourceError, SourceUnreachable
from planner.snapshot.header import Header, Source, SourceWarning
from planner.snapshot.read import read_snapshot
from planner.snapshot.tables import OBJECT_TABLES
from planner.snapshot.write import SnapshotWriter

if TYPE_CHECKING:
    from planner.collectors.kubernetes.client import KubernetesApi
    from planner.collectors.prometheus.client import PrometheusClient
    from planner.domain.node import Node

OVERLAP_SECONDS = 3600.0
"""How far a later collection looks back past the end of the last one: pods that were alive then may have ended."""
DEFAULT_CLUSTER = "default"


@dataclass(frozen=True, slots=True)
class Window:
    """What to ask for, Unix seconds on the grid of steps, half-open."""

    start: float
    end: float


def collect(settings: Settings, folder: Path, *, progress: Progress | None = None, now: float | None = None) -> Header:
    """Observe a cluster into a folder; an existing snapshot gets only what it lacks.

    Args:
        settings: how to reach the sources.
        folder: of the snapshot.
        progress: told after each step.
        now: Unix seconds; the clock when not given.

    Raises:
        PlannerError: a source or the folder cannot be used. The folder is then as it was before.
    """
    progress = progress or SilentProgress()
    moment = time.time() if now is None else now
    start, end = settings.prometheus.window(datetime.fromtimestamp(moment, tz=UTC))
    if end <= start:
        raise ConfigError("the window is empty: it lies in the future or is shorter than a step", where="settings")
    with kubernetes_api(settings) as (api, told):
        kubernetes = None
        if api is not None:
            from planner.collectors.kubernetes.collect import read_state

            kubernetes = read_state(api, progress, now=moment)
        cluster = cluster_name(settings, api)
        writer = SnapshotWriter(
            folder, cluster=cluster, step_seconds=settings.prometheus.step_seconds, namespaces=settings.namespaces
        )
        try:
            return _collect(settings, writer, Window(start, end), api, kubernetes, told, progress, moment)
        except BaseException:
            writer.abandon()
            raise


def _collect(
    settings: Settings,
    writer: SnapshotWriter,
    window: Window,
    api: "KubernetesApi | None",
    kubernetes: ObservedState | None,
    told: list[SourceWarning],
    progress: Progress,
    now: float,
) -> Header:
    from planner.collectors.prometheus.client import PrometheusClient

    options = prometheus_options(settings.prometheus, api)
    with PrometheusClient(options) as client:
        return _collect_with(client, settings, writer, window, kubernetes, told, progress, now)


def _collect_with(
    client: "PrometheusClient",
    settings: Settings,
    writer: SnapshotWriter,
    window: Window,
    kubernetes: ObservedState | None,
    told: list[SourceWarning],
    progress: Progress,
    now: float,
) -> Header:
    from planner.collectors.prometheus.doctor import server_version
    from planner.collectors.prometheus.state import collect_state
    from planner.collectors.prometheus.usage import collect_usage

    matcher = cluster_matcher(settings)
    namespaces = settings.namespaces or None
    usage = collect_usage(
        client,
        writer,
        start=window.start,
        end=window.end,
        step_seconds=writer.step_seconds,
        namespaces=namespaces,
        cluster_matcher=matcher,
        progress=progress,
        now=now,
    )
    end = max(usage.end, window.start + writer.step_seconds)
    earlier = None if writer.previous is None else read_snapshot(writer.folder)
    since = window.start
    if earlier is not None:
        end = max(end, earlier.header.end)  # a window of the past must not end what is known to live on
        if earlier.header.start <= window.start:  # else the pods before the earlier snapshot are not known yet
            since = max(window.start, earlier.header.end - OVERLAP_SECONDS)
    prometheus = collect_state(
        client,
        start=since,
        end=end,
        step_seconds=writer.step_seconds,
        cluster=writer.cluster,
        cluster_matcher=matcher,
        namespaces=namespaces,
        progress=progress,
    )
    start = window.start
    if earlier is not None:
        prometheus = with_earlier(prometheus, earlier)
        start = min(start, earlier.header.start)
    _same_cluster(kubernetes, prometheus)
    merged = merge_states(kubernetes, prometheus, cluster=writer.cluster, window_start=start, window_end=end)
    nodes, price_warnings = priced_nodes(settings, merged)
    write_state(writer, merged, nodes)
    version = server_version(client)
    sources = [_counted(source, client.queries, version) for source in merged.sources]
    warnings = {*told, *merged.warnings, *usage.warnings, *price_warnings, *client.warnings}
    return writer.commit(start=start, end=end, sources=sources, warnings=warnings, created_at=now)


def _counted(source: Source, queries: int, version: str) -> Source:
    if source.name != "prometheus":
        return source
    return source.model_copy(update={"queries": queries, "version": source.version or version})


def write_state(writer: SnapshotWriter, state: MergedState, nodes: list["Node"]) -> None:
    """Store every table of a merged state."""
    for table in OBJECT_TABLES:
        writer.set_objects(table, nodes if table == "nodes" else getattr(state, table))
    writer.set_frame("pods", state.pods)
    writer.set_frame("events", state.events)


def priced_nodes(settings: Settings, state: MergedState) -> tuple[list["Node"], list[SourceWarning]]:
    """Nodes with prices: the operator's file, OpenCost, the catalogue, in this order."""
    from planner.collectors.prices.assign import assign_prices
    from planner.collectors.prices.price_file import read_price_file
    from planner.domain.catalogue import load_catalogue

    prices = settings.prices
    rows = () if prices.file is None else read_price_file(prices.file, max_per_hour=prices.max_per_hour)
    return assign_prices(
        state.nodes,
        catalogue=load_catalogue(),
        price_rows=rows,
        opencost=state.node_prices if prices.use_opencost else None,
        currency=prices.currency,
        opencost_currency=prices.opencost_currency,
    )


@contextmanager
def kubernetes_api(settings: Settings) -> Iterator[tuple["KubernetesApi | None", list[SourceWarning]]]:
    """The API, or ``None`` where it is not wanted, or not to be had and nobody asked for it by name.

    Raises:
        PlannerError: flags name a kubeconfig, a context or the service account, and it cannot be used.
    """
    if not settings.kubernetes.enabled:
        yield None, []
        return
    from planner.collectors.kubernetes.client import connect
    from planner.collectors.reach import kubernetes_options

    by_name = wants_kubernetes(settings.kubernetes)
    try:
        api = connect(kubernetes_options(settings))
        if not by_name and settings.prometheus.url is not None:
            _answers(api)
    except (ConfigError, SourceUnreachable) as error:
        if by_name or settings.prometheus.url is None:
            raise
        yield None, [_not_reached(error)]
        return
    with api:
        yield api, []


def _answers(api: "KubernetesApi") -> None:
    """Ask the smallest question, so that an API that nobody named and nobody runs costs a warning only."""
    from planner.collectors.kubernetes.collect import server_version

    server_version(api)


def _not_reached(error: ConfigError | SourceError) -> SourceWarning:
    return SourceWarning(
        source="kubernetes",
        code="kubernetes_not_reached",
        text=error.what,
        costs="only what Prometheus knows is planned",
        fix=error.fix or "name a --context, or give --no-kubernetes",
    )


def cluster_name(settings: Settings, api: "KubernetesApi | None") -> str:
    """Name of the cluster in every key: as told, else the cluster label's value, else the context."""
    if settings.cluster:
        return settings.cluster
    if settings.prometheus.cluster_value:
        return settings.prometheus.cluster_value
    return api.context if api is not None else DEFAULT_CLUSTER


def cluster_matcher(settings: Settings) -> dict[str, str]:
    """Label and value that go on every query."""
    label, value = settings.prometheus.cluster_label, settings.prometheus.cluster_value
    return {label: value} if label and value else {}


def _same_cluster(kubernetes: ObservedState | None, prometheus: ObservedState) -> None:
    """Refuse two sources that share not one pod: they are of two clusters, and the plan would be nonsense.

    Raises:
        ConfigError: both know pods, and none in common.
    """
    if kubernetes is None or kubernetes.pods is None or prometheus.pods is None:
        return
    running = kubernetes.pods[kubernetes.pods["phase"] == "Running"]
    ours = set(zip(running["namespace"], running["pod"], strict=True))
    theirs = set(zip(prometheus.pods["namespace"], prometheus.pods["pod"], strict=True))
    if ours and theirs and not ours & theirs:
        raise ConfigError(
            "Prometheus and the Kubernetes API know different pods: they seem to be of two clusters",
            fix="choose the --context of that cluster, a --cluster-label, or --no-kubernetes",
        )
