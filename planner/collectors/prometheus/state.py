"""The objects of a cluster from kube-state-metrics and its neighbours."""

from collections.abc import Mapping, Sequence

from planner.collectors.parts import ObservedState, Progress, SilentProgress
from planner.collectors.prometheus.client import PrometheusClient
from planner.collectors.prometheus.events import RESTARTS, events_frame, read_events
from planner.collectors.prometheus.gaps import iso
from planner.collectors.prometheus.nodes import ALLOCATABLE, INFO, read_nodes
from planner.collectors.prometheus.pods import CREATED, IMAGES, QOS, READY, pods_frame, read_pods
from planner.collectors.prometheus.pods import INFO as POD_INFO
from planner.collectors.prometheus.policies import READERS
from planner.collectors.prometheus.probe import FAMILY_METRICS, label_names
from planner.collectors.prometheus.queries import Family, Scope
from planner.collectors.prometheus.state_reader import NOW_SECONDS, StateReader
from planner.collectors.prometheus.workloads import KINDS, OWNED, read_owners, read_workloads
from planner.snapshot.header import SourceWarning

LONGEST_WINDOW_SECONDS = 7 * 86_400.0
"""Longest window of one instant query; several services refuse much more."""

_KSM = "install kube-state-metrics and scrape it"
NEEDED: Mapping[str, tuple[str, str]] = {
    POD_INFO.name: ("pods of the past, their nodes and their owners are unknown", _KSM),
    OWNED[0][1].name: ("pods of Deployments are known by ReplicaSet only", _KSM + " (resource replicasets)"),
    CREATED.name: ("the life of a pod is known from its samples only", _KSM + " (resource pods)"),
    IMAGES.name: ("releases cannot be told from restarts", _KSM + " (resource pods)"),
    READY.name: ("start-up times are unknown", "kube-state-metrics 2.5 or newer"),
    QOS.name: ("eviction classes are unknown", "kube-state-metrics 2.7 or newer"),
    "kube_pod_container_resource_requests": ("today's requests are unknown", _KSM + " (resource pods)"),
    RESTARTS.name: ("restarts and OOM kills are unknown", _KSM + " (resource pods)"),
    INFO.name: ("nodes are unknown", _KSM + " (resource nodes)"),
    ALLOCATABLE.name: ("room on nodes is unknown", _KSM + " (resource nodes)"),
    KINDS["Deployment"].replicas: ("wanted replicas are counted from pods", _KSM + " (resource deployments)"),
    "kube_horizontalpodautoscaler_info": (
        "autoscalers are unknown, if there are any",
        _KSM + " (resource horizontalpodautoscalers)",
    ),
}
"""Metrics whose absence is told: name -> (what it costs the plan, cure)."""


def collect_state(
    client: PrometheusClient,
    *,
    start: float,
    end: float,
    step_seconds: int,
    cluster: str,
    cluster_matcher: Mapping[str, str] | None = None,
    namespaces: Sequence[str] | None = None,
    progress: Progress | None = None,
    longest_window_seconds: float = LONGEST_WINDOW_SECONDS,
) -> ObservedState:
    """Read pods, workloads, nodes, policies and events of a window.

    The number of queries depends on the length of the window and on which metrics exist, never on
    the number of objects.

    Args:
        client: the server.
        start: of the window, Unix seconds.
        end: of the window; states "now" are those at this time.
        step_seconds: precision of the ends of pods and of events.
        cluster: name that becomes part of every key.
        cluster_matcher: label -> value on every selector.
        namespaces: only these.
        progress: told after each query.
        longest_window_seconds: longest range of one instant query.

    Raises:
        SourceError: the server cannot be read.
    """
    progress = progress or SilentProgress()
    scope = Scope(dict(cluster_matcher or {}), tuple(sorted(set(namespaces))) if namespaces else None)
    known = client.metric_names(start=start, end=end, match=scope.where(namespaced=False) if scope.cluster else "")

    def reader_of(family: Family) -> StateReader:
        there = [name for name in FAMILY_METRICS[family] if known is None or name in known]
        window = min(end - start, longest_window_seconds)
        names = label_names(client, there, scope, end=end, window_seconds=window)
        return StateReader(
            client,
            Scope(scope.cluster, scope.namespaces, names),
            start=start,
            end=end,
            step_seconds=step_seconds,
            known=known,
            longest_seconds=longest_window_seconds,
            progress=progress,
        )

    reader, cadvisor = reader_of(Family.KUBE_STATE_METRICS), reader_of(Family.CADVISOR)
    state = ObservedState(source=client.source())
    pods = read_pods(reader)
    state.owners = read_owners(reader)
    state.workloads = read_workloads(reader, pods, state.owners, cluster)
    state.pods = pods_frame(pods, cluster, state.owners)
    if pods.sorted():
        state.seen |= {"pods", "workloads"}
    state.nodes, state.node_prices, warnings = read_nodes(reader, cluster)
    if state.nodes:
        state.seen.add("nodes")
    events = read_events(reader, cadvisor, pods)
    state.events = events_frame(events, cluster)
    if reader.has(RESTARTS.name) and pods.sorted():
        state.seen.add("events")
    for table, read in READERS.items():
        rows = read(reader, cluster)
        setattr(state, table, rows)
        if rows:
            state.seen.add(table)
    state.warnings = [*_missing(reader), *warnings, *_stale(reader)]
    state.source = client.source(details=_details(reader))
    return state


def _missing(reader: StateReader) -> list[SourceWarning]:
    absent = {name for name in NEEDED if not reader.has(name)}
    if absent == set(NEEDED):
        return [
            SourceWarning(
                source="prometheus",
                code="metric_missing",
                text="no series of kube-state-metrics at all",
                costs="pods of the past, owners, requests, restarts and nodes are unknown to Prometheus",
                fix=_KSM,
                objects=tuple(sorted(absent)),
            )
        ]
    return [
        SourceWarning(
            source="prometheus",
            code="metric_missing",
            text=f"no series of {name}",
            costs=NEEDED[name][0],
            fix=NEEDED[name][1],
            objects=(name,),
        )
        for name in sorted(absent)
    ]


def _stale(reader: StateReader) -> list[SourceWarning]:
    """A warning where kube-state-metrics fell silent before the end of the window."""
    if reader.now >= reader.end - max(NOW_SECONDS, 2 * reader.step_seconds):
        return []
    return [
        SourceWarning(
            source="prometheus",
            code="state_stale",
            text=f"kube-state-metrics has no samples since {iso(reader.now)}",
            costs="objects are as they were then",
            fix="check the scrape of kube-state-metrics",
        )
    ]


def _details(reader: StateReader) -> dict[str, str]:
    names = reader.scope.names
    return {"labels_kube-state-metrics": names.pod} if names.rewritten else {}
