"""Where the pods of a workload may stand, read from its template; rules that are not planned with are named.

Modelled: node selectors, node affinity, tolerations; spread and anti-affinity of a workload against its own pods, by
host and by zone; gangs. Not modelled, and told: affinity and anti-affinity towards other workloads.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planner.decisions.node_pools.model import Placement
from planner.domain.workload import Workload

ZONE_KEYS = frozenset({"topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"})
HOST_KEYS = frozenset({"kubernetes.io/hostname"})
GANG_KINDS = frozenset(
    {"PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "PaddleJob", "JAXJob", "TrainJob", "LeaderWorkerSet", "JobSet"}
)
"""Kinds of which all pods work together: they want one zone, and are of no use in part."""
JOB_KINDS = (
    frozenset({"Job", "CronJob", "RayJob", "SparkApplication", "Workflow", "TaskRun", "PipelineRun"}) | GANG_KINDS
)
"""Kinds that run to an end: the loss of a zone makes them start again, later."""


@dataclass(frozen=True, slots=True)
class ReadPlacement:
    """A placement, and the rules of the template that it leaves out, in words."""

    placement: Placement
    left_out: tuple[str, ...]


def placement_of(workload: Workload) -> ReadPlacement:
    """Placement of a workload's pods, without what volumes and data add."""
    affinity = workload.affinity if isinstance(workload.affinity, dict) else {}
    node = _mapping(affinity.get("nodeAffinity"))
    per_node, zone_skew, left_out = _own_rules(workload, affinity)
    return ReadPlacement(
        Placement(
            node_selector=tuple(sorted((str(k), str(v)) for k, v in workload.node_selector.items())),
            required_affinity=_text(node.get("requiredDuringSchedulingIgnoredDuringExecution")),
            preferred_affinity=_text(node.get("preferredDuringSchedulingIgnoredDuringExecution")),
            tolerations=tuple(sorted({_text(one) for one in workload.tolerations})),
            most_per_node=per_node,
            zone_skew=zone_skew,
            is_gang=workload.kind in GANG_KINDS,
            priority=workload.priority or 0,
        ),
        tuple(left_out),
    )


def _own_rules(workload: Workload, affinity: Mapping[str, Any]) -> tuple[int, int, list[str]]:
    """Most pods on a node, skew over zones, and what is left out."""
    per_node = zone_skew = 0
    left_out: list[str] = []
    for spread in workload.topology_spread:
        if spread.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
            continue
        if not _selects_own(spread.get("labelSelector"), workload):
            left_out.append("topology spread over other workloads' pods")
            continue
        skew = spread.get("maxSkew")
        skew = skew if isinstance(skew, int) and skew > 0 else 1
        if spread.get("topologyKey") in HOST_KEYS:
            # New nodes are empty, so the fewest pods on a node are none.
            per_node = skew if not per_node else min(per_node, skew)
        elif spread.get("topologyKey") in ZONE_KEYS:
            zone_skew = skew if not zone_skew else min(zone_skew, skew)
    for kind in ("podAntiAffinity", "podAffinity"):
        terms = _mapping(affinity.get(kind)).get("requiredDuringSchedulingIgnoredDuringExecution")
        for term in terms if isinstance(terms, list) else []:
            own = isinstance(term, dict) and _selects_own(term.get("labelSelector"), workload)
            if own and kind == "podAntiAffinity" and term.get("topologyKey") in HOST_KEYS:
                per_node = 1
            elif own and kind == "podAntiAffinity" and term.get("topologyKey") in ZONE_KEYS:
                zone_skew = 1
            else:
                left_out.append(f"{kind} towards other pods")
    return per_node, zone_skew, sorted(set(left_out))


def _selects_own(selector: Any, workload: Workload) -> bool:
    """Whether a label selector means the workload's own pods: all that it names are its selector's or its labels'."""
    wanted = _mapping(_mapping(selector).get("matchLabels"))
    if not wanted or _mapping(selector).get("matchExpressions"):
        return False
    own = {**workload.labels, **workload.selector}
    return all(own.get(str(key)) == value for key, value in wanted.items())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True, separators=(",", ":"))
