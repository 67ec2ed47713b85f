"""One picture of a cluster from what each source saw.

The API knows the present exactly, Prometheus knows the past. So for objects that exist the API's
values win; pods that are gone, and tables that the API could not see, come from Prometheus. Every
pod ends up under its top controller.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from planner.collectors.merge_events import merge_events
from planner.collectors.merge_pods import combine_pods, fold_into_tops, owners_of
from planner.collectors.ownership import Ownership
from planner.collectors.parts import ObjectRef, ObservedState
from planner.domain.node import Node
from planner.domain.policy_objects import (
    Autoscaler,
    DisruptionBudget,
    LimitRangeItem,
    Namespace,
    ResourceQuota,
    ZoneBoundVolume,
)
from planner.domain.workload import Workload
from planner.snapshot.header import Source, SourceWarning
from planner.snapshot.tables import empty_frame

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, str, str]
"""Namespace, kind and name of a controller."""

MOST_NAMES = 20
_OBJECT_TABLES = (
    "namespaces",
    "nodes",
    "quotas",
    "limit_ranges",
    "autoscalers",
    "disruption_budgets",
    "volumes",
)


@dataclass(slots=True)
class MergedState:
    """The objects of a cluster, all sources together; attributes as in :class:`ObservedState`.

    Attributes:
        sources: those that were read.
        workloads: top controllers only.
        pods: ``kind`` and ``workload`` name the *top* controller.
    """

    sources: tuple[Source, ...]
    namespaces: list[Namespace] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    quotas: list[ResourceQuota] = field(default_factory=list)
    limit_ranges: list[LimitRangeItem] = field(default_factory=list)
    autoscalers: list[Autoscaler] = field(default_factory=list)
    disruption_budgets: list[DisruptionBudget] = field(default_factory=list)
    volumes: list[ZoneBoundVolume] = field(default_factory=list)
    pods: "pd.DataFrame" = field(default_factory=lambda: empty_frame("pods"))
    events: "pd.DataFrame" = field(default_factory=lambda: empty_frame("events"))
    node_prices: dict[str, float] = field(default_factory=dict)
    warnings: list[SourceWarning] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


def merge_states(
    kubernetes: ObservedState | None,
    prometheus: ObservedState | None,
    *,
    cluster: str,
    window_start: float,
    window_end: float,
) -> MergedState:
    """Make one picture of one or two sources.

    Args:
        kubernetes: what the API told, ``None`` where it was not asked.
        prometheus: what Prometheus told, ``None`` where it was not asked.
        cluster: name that every row gets.
        window_start: Unix seconds; pods that ended before are left out.
        window_end: Unix seconds, exclusive; end of pods that vanished between the two sources.
    """
    states = [state for state in (kubernetes, prometheus) if state is not None]
    merged = MergedState(
        sources=tuple(state.source for state in states),
        warnings=[warning for state in states for warning in state.warnings],
        seen=set().union(*(state.seen for state in states)),
    )
    for table in _OBJECT_TABLES:
        setattr(merged, table, _table(table, kubernetes, prometheus, cluster))
    for state in reversed(states):
        merged.node_prices.update(state.node_prices)
    if kubernetes is None:
        merged.warnings.append(_no_api())
    pods = combine_pods(
        None if kubernetes is None else kubernetes.pods,
        None if prometheus is None else prometheus.pods,
        cluster=cluster,
        window_start=window_start,
        window_end=window_end,
        seen_now=lambda namespace: _sees(kubernetes, "pods", namespace),
    )
    ownership = _ownership(kubernetes, prometheus, pods)
    merged.autoscalers = [_with_top(scaler, ownership) for scaler in merged.autoscalers]
    static_pods = {
        (workload.namespace, workload.name)
        for workload in (kubernetes.workloads if kubernetes else ())
        if workload.kind == "StaticPod"
    }
    pods = fold_into_tops(pods, ownership, static_pods)
    workloads, gone = _workloads(kubernetes, prometheus, pods, ownership, cluster)
    merged.workloads = [workloads[key] for key in sorted(workloads)]
    merged.events = merge_events(
        None if kubernetes is None else kubernetes.events,
        None if prometheus is None else prometheus.events,
        known_pods=None if prometheus is None else prometheus.pods,
        cluster=cluster,
        window_start=window_start,
        window_end=window_end,
    )
    merged.pods = pods
    if gone:
        merged.pods, merged.events = _without(pods, merged.events, gone)
        merged.warnings.append(_gone(gone, len(pods) - len(merged.pods)))
    return merged


def _table(table: str, kubernetes: ObservedState | None, prometheus: ObservedState | None, cluster: str) -> list[Any]:
    """Rows of the first source that saw a table; of the first that has any rows where none saw it whole."""
    states = [state for state in (kubernetes, prometheus) if state is not None]
    chosen = next((state for state in states if table in state.seen), None)
    if chosen is None:
        chosen = next((state for state in states if getattr(state, table)), None)
    rows = [] if chosen is None else getattr(chosen, table)
    return [row if row.cluster == cluster else replace(row, cluster=cluster) for row in rows]


def _with_top(scaler: Autoscaler, ownership: Ownership) -> Autoscaler:
    """Name the workload that an autoscaler really scales: the top controller above its target."""
    top = ownership.top(scaler.namespace, ObjectRef(scaler.target_kind, scaler.target_name))
    if (top.kind, top.name) == (scaler.target_kind, scaler.target_name):
        return scaler
    return replace(scaler, workload_kind=top.kind, workload_name=top.name)


def _sees(kubernetes: ObservedState | None, table: str, namespace: str) -> bool:
    """Whether the API saw a whole table of a namespace."""
    if kubernetes is None or table not in kubernetes.seen:
        return False
    limited_to = kubernetes.source.details.get("namespaces", "").split()
    return not limited_to or namespace in limited_to


def _ownership(kubernetes: ObservedState | None, prometheus: ObservedState | None, pods: "pd.DataFrame") -> Ownership:
    links = {**(prometheus.owners if prometheus else {}), **(kubernetes.owners if kubernetes else {})}
    present = _keys(kubernetes.workloads if kubernetes else ())
    parents = present | _keys(prometheus.workloads if prometheus else ())
    known = present | set(kubernetes.owners if kubernetes else ())
    return Ownership(links, known, _pod_owner(pods, links.values()), parents)


def _keys(workloads: Iterable[Workload]) -> set[Key]:
    return {(workload.namespace, workload.kind, workload.name) for workload in workloads}


def _pod_owner(pods: "pd.DataFrame", parents: Iterable[ObjectRef]) -> Callable[[str, str], ObjectRef | None]:
    """Owners of pods that own something themselves (a driver its executors)."""
    by_pod = (pods["kind"] == "Pod") & (pods["workload"] != pods["pod"])
    if not by_pod.any() and not any(parent.kind == "Pod" for parent in parents):
        return lambda namespace, name: None
    owners = owners_of(pods)
    return lambda namespace, name: owners.get((namespace, name))


def _workloads(
    kubernetes: ObservedState | None,
    prometheus: ObservedState | None,
    pods: "pd.DataFrame",
    ownership: Ownership,
    cluster: str,
) -> tuple[dict[Key, Workload], set[Key]]:
    """Top controllers, and those of which only history is left."""
    workloads: dict[Key, Workload] = {}
    gone: set[Key] = set()
    tops = set(pods[["namespace", "kind", "workload"]].drop_duplicates().itertuples(index=False, name=None))
    for state in (kubernetes, prometheus):
        for workload in state.workloads if state is not None else ():
            key = (workload.namespace, workload.kind, workload.name)
            if key in workloads or not _is_top(workload, ownership):
                continue
            if state is kubernetes or not _is_gone(kubernetes, key):
                workloads[key] = replace(workload, cluster=cluster)
    for key in sorted(tops - workloads.keys()):
        if _is_gone(kubernetes, key):
            gone.add(key)
        else:
            # Nothing but its pods is known: it is named, not passed over.
            workloads[key] = Workload(cluster, *key, api_version="")
    return workloads, gone


def _is_top(workload: Workload, ownership: Ownership) -> bool:
    top = ownership.top(workload.namespace, ObjectRef(workload.kind, workload.name, workload.api_version))
    return (top.kind, top.name) == (workload.kind, workload.name)


def _is_gone(kubernetes: ObservedState | None, key: Key) -> bool:
    """Whether the API would show a controller if it still existed. Jobs of their own may have been cleaned up."""
    namespace, kind, _ = key
    if kind == "Job":
        return False
    return _sees(kubernetes, "workloads", namespace) or _sees(kubernetes, f"workloads/{kind}", namespace)


def _without(pods: "pd.DataFrame", events: "pd.DataFrame", gone: set[Key]) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    import pandas as pd

    owners = pd.MultiIndex.from_frame(pods[["namespace", "kind", "workload"]])
    dropped = owners.isin(list(gone))
    names = pd.MultiIndex.from_frame(pods.loc[dropped, ["namespace", "pod"]])
    kept = pods[~dropped].reset_index(drop=True)
    # A name may have come back under another controller: its events stay.
    names = names.difference(pd.MultiIndex.from_frame(kept[["namespace", "pod"]]))
    of_gone = pd.MultiIndex.from_frame(events[["namespace", "pod"]]).isin(names)
    return kept, events[~of_gone].reset_index(drop=True)


def _no_api() -> SourceWarning:
    return SourceWarning(
        source="kubernetes",
        code="no_kubernetes_api",
        text="the Kubernetes API was not read",
        costs=(
            "scheduling constraints, annotations, heap sizes, priorities, volumes and owners by custom controllers are"
            " not known; no autoscaler but the HPA is seen"
        ),
        fix="name a kubeconfig with --kubeconfig or --context",
    )


def _gone(gone: set[Key], pods: int) -> SourceWarning:
    names = sorted("/".join(key) for key in gone)
    return SourceWarning(
        source="kubernetes",
        code="gone_workloads",
        text=f"{len(names)} workloads of the window no longer exist; they are left out with their {pods} pods",
        objects=tuple(names[:MOST_NAMES]),
    )
