"""GPU workloads that could land where the plan does not count on them, and the rule that keeps them right.

Two reasons. More than one pool takes the pods, and the plan packs all of them into one: a preference for that pool's
label (never a must: in a loss they may go elsewhere). And two pods or more without any rule about zones: nothing keeps
them from standing in one, so that its loss takes all at once; a spread over zones that bends where it has to.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from planner.decisions.evidence_of import window_evidence
from planner.decisions.facts import Facts
from planner.decisions.node_pools.model import PodClass, PoolInput
from planner.decisions.node_pools.placement import JOB_KINDS
from planner.decisions.node_pools.solve import WeekPlan
from planner.decisions.requests import STRATEGIC_KINDS
from planner.domain.node import POOL_LABELS
from planner.domain.prices import is_gpu
from planner.domain.workload import Workload
from planner.plan.files import recommendation_id
from planner.plan.frozen import Target
from planner.plan.schema import Confidence, Detail, Kind, Reason, Recommendation

ZONE = "topology.kubernetes.io/zone"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def placements(facts: Facts, given: PoolInput, week: WeekPlan) -> tuple[Recommendation, ...]:
    """One recommendation per GPU workload that needs a rule, by name."""
    made: dict[int, Recommendation] = {}
    for k, item in enumerate(given.classes):
        if not any(is_gpu(name) for name, _ in item.shape.extended):
            continue
        pool = _only_pool(given, week, k)
        for member in item.members:
            workload = facts.workloads[member.workload_row]
            proposed, details = _rules(facts, given, item, workload, pool, int(member.pods.max()))
            if proposed and member.workload_row not in made:
                made[member.workload_row] = _recommendation(facts, workload, proposed, details, int(member.pods.max()))
    return tuple(made[row] for row in sorted(made, key=lambda row: (facts.workloads[row].namespace, row)))


def _only_pool(given: PoolInput, week: WeekPlan, k: int) -> str:
    """The pool that holds all pods of the class in every period, where others would take them too; else empty."""
    pools = {given.offerings[o].pool for o in np.flatnonzero(given.allowed[k]).tolist()}
    used = set()
    for one in week.periods:
        normal = one.bins.scenarios[0]
        of_bin = one.assembled.offering[one.bins.bin_type[normal.bins]]
        parts = [i for i, part in enumerate(one.assembled.parts) if part.class_row == k]
        holds = normal.contents[:, parts].sum(axis=1) > 0
        used |= {given.offerings[o].pool for o in of_bin[holds].tolist()}
    return next(iter(used)) if len(used) == 1 and len(pools) > 1 else ""


def _rules(
    facts: Facts, given: PoolInput, item: PodClass, workload: Workload, pool: str, pods: int
) -> tuple[dict[str, Any], list[Detail]]:
    proposed: dict[str, Any] = {}
    details = []
    label = _pool_label(facts, pool) if pool else None
    if label is not None:
        term = {
            "weight": 100,
            "preference": {"matchExpressions": [{"key": label[0], "operator": "In", "values": [label[1]]}]},
        }
        affinity = workload.affinity if isinstance(workload.affinity, dict) else {}
        before = (affinity.get("nodeAffinity") or {}).get(_PREFERRED) or []
        proposed["affinity"] = {"nodeAffinity": {_PREFERRED: [*before, term]}}
        text = f"the plan packs it into pool {pool}, and other pools take it too: it prefers that pool"
        details.append(Detail(field="affinity", code="pool", text=text, numbers={"pool": pool}))
    is_free = not workload.topology_spread and not item.placement.zone_skew and item.placement.zones is None
    if pods > 1 and len(given.zones) > 1 and is_free and workload.kind not in JOB_KINDS and workload.selector:
        proposed["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": ZONE,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(sorted(workload.selector.items()))},
            }
        ]
        text = f"{pods} pods and no rule about zones: all could stand in one, and go with it"
        details.append(Detail(field="topologySpreadConstraints", code="zones", text=text, numbers={"pods": pods}))
    return proposed, details


def _pool_label(facts: Facts, pool: str) -> tuple[str, str] | None:
    """The label that all nodes of the pool carry with its name."""
    nodes = [node for node in facts.snapshot.nodes if node.pool == pool]
    for key in POOL_LABELS:
        if nodes and all(node.labels.get(key) == pool for node in nodes):
            return key, pool
    return None


def _recommendation(
    facts: Facts, workload: Workload, proposed: Mapping[str, Any], details: Sequence[Detail], pods: int
) -> Recommendation:
    target = Target(
        cluster=facts.snapshot.header.cluster,
        api_version=workload.api_version,
        kind=workload.kind,
        namespace=workload.namespace,
        name=workload.name,
    )
    return Recommendation(
        id=recommendation_id(Kind.PLACEMENT, target),
        kind=Kind.PLACEMENT,
        target=target,
        replicas=float(pods),
        current={},
        proposed=dict(proposed),
        reason=Reason(text="; ".join(detail.text for detail in details), details=tuple(details)),
        evidence=window_evidence(
            facts,
            samples=0,
            pods=pods,
            confidence=Confidence.MEDIUM,
            note="read from the pod template and the packing; nothing was measured",
        ),
        freed_value_per_month=0.0,
        saving_per_month=0.0,
        patch=_route(workload),
    )


def _route(workload: Workload) -> dict[str, Any]:
    why = ""
    if workload.kind not in STRATEGIC_KINDS:
        why = f"lists of kind {workload.kind} cannot be merged: set it in its template"
    elif workload.template_path is None or not workload.api_version:
        why = "it is not known where its pod template is"
    return {
        "method": "none" if why else "strategic-merge", "template_path": workload.template_path, "why_none": why
    }  # fmt: skip
