"""``recommend(snapshot, policy) -> Plan``: pure, the same bytes from the same input."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from planner.config.policy import Policy
from planner.decisions.autoscaling.plan import plan_autoscaling
from planner.decisions.backtest_gate import Held, backtest_line, held_back
from planner.decisions.candidates import Candidate, LeftAlone, find_candidates
from planner.decisions.changes import ContainerPlan
from planner.decisions.evidence_of import Expected, evidence, expected_incidents
from planner.decisions.facts import Facts, gather
from planner.decisions.gpu_findings import gpu_findings
from planner.decisions.money import price_uses, value_per_month
from planner.decisions.node_pools.plan import NodeBill, NodePools, plan_pools
from planner.decisions.requests import RequestsPlan, patch_route, plan_requests, resources_json
from planner.decisions.risk_summary import risk_summary
from planner.decisions.scope import Scope
from planner.decisions.sizing import Sizing, size
from planner.decisions.warnings import plan_warnings
from planner.domain.pod_request import PodRequest, requested
from planner.domain.prices import ResourcePrices
from planner.domain.workload import Container, ContainerRole, Workload
from planner.errors import DataTooPoorError
from planner.plan.files import recommendation_id, with_id
from planner.plan.frozen import Target
from planner.plan.schema import Bill, Kind, NotRecommended, Plan, PlanWarning, Reason, Recommendation, Window
from planner.units import GIB, HOURS_PER_MONTH

if TYPE_CHECKING:
    from planner.snapshot.read import Snapshot

BASIS_NOTE = (
    "basis `requests`: the value of what pods request, at the prices of their nodes. "
    "It becomes money when nodes go away; until then it is headroom."
)
PART_OF_CLUSTER = PlanWarning(
    code="pools_not_planned",
    text="node pools are planned for the whole cluster only, and this run looks at a part of it",
    costs="The bill is told in the value of requests.",
    fix="run without a namespace and a selector",
)


def recommend(snapshot: "Snapshot", policy: Policy, scope: Scope | None = None, *, backend: str = "scipy") -> Plan:
    """Decide everything from one snapshot.

    Raises:
        DataTooPoorError: the snapshot holds no workload, or nothing matches the scope.
        InfeasibleError: no plan satisfies the policy.
    """
    scope = scope or Scope()
    facts = gather(snapshot, policy)
    inside = [row for row, workload in enumerate(facts.workloads) if scope.keeps(workload)]
    if not inside:
        what = (
            "no workload matches the namespaces and the selector"
            if facts.workloads
            else "the snapshot holds no workload"
        )
        raise DataTooPoorError(what, where=str(snapshot.folder), fix="see `planner doctor`")
    candidates = find_candidates(facts, scope)
    sizing = size(facts, candidates.items, backend)
    held = held_back(facts, candidates.items)
    autoscaling = plan_autoscaling(facts, inside, candidates, plan_requests(facts, candidates, sizing, held))
    outcome = autoscaling.outcome
    pools = plan_pools(facts, outcome.planned) if scope.is_everything else NodePools(warnings=(PART_OF_CLUSTER,))
    expected = expected_incidents(facts, outcome.changes, candidates.items, sizing.level)
    recommendations = _recommendations(facts, outcome, candidates.items, expected, held)
    if pools.bill is not None:
        sizing_saves = pools.bill.repacked_per_month - pools.bill.planned_per_month
        made = with_savings([*recommendations, *autoscaling.recommendations], round(sizing_saves, 2))
    else:
        made = [*recommendations, *autoscaling.recommendations]
    header = snapshot.header
    plan = Plan(
        cluster=header.cluster,
        snapshot_id=header.snapshot_id,
        window=Window(start=_time(header.start), end=_time(header.end), step_seconds=header.step_seconds),
        synthetic=header.synthetic,
        policy_id=f"policy-{policy.digest()[:16]}",
        policy=policy.as_json(),
        scope=scope.as_json(),
        bill=_node_bill(_bill(facts, outcome, inside, sum(r.freed_value_per_month or 0.0 for r in made)), pools.bill),
        totals=_totals(facts, outcome, inside),
        risk=risk_summary(facts, candidates.items, sizing, outcome.planned),
        solver=_solver(sizing, backend),
        pools=pools.pools,
        pool_plan=pools.pool_plan,
        zone_loss=pools.zone_loss,
        recommendations=(*made, *pools.recommendations),
        findings=(*autoscaling.findings, *pools.findings, *(gpu_findings(facts) if scope.is_everything else ())),
        not_recommended=tuple(_not_recommended(facts, alone) for alone in _sorted(facts, outcome.left_alone)),
        warnings=(*plan_warnings(facts, sizing, inside), *autoscaling.warnings, *pools.warnings),
    )
    return with_id(plan)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def target_of(workload: Workload, container: str | None) -> Target:
    """The object that a recommendation is about."""
    return Target(
        cluster=workload.cluster,
        api_version=workload.api_version,
        kind=workload.kind,
        namespace=workload.namespace,
        name=workload.name,
        container=container,
    )


def _recommendations(
    facts: Facts,
    outcome: RequestsPlan,
    items: list[Candidate],
    expected: Expected,
    held: dict[int, Held],
) -> list[Recommendation]:
    freed = _freed_values(facts, outcome)
    made = []
    for position, change in enumerate(outcome.changes):
        workload = facts.workloads[change.workload_row]
        target = target_of(workload, change.before.name)
        made.append(
            Recommendation(
                id=recommendation_id(Kind.REQUESTS, target),
                kind=Kind.REQUESTS,
                target=target,
                replicas=round(facts.billed_pods(change.workload_row, change.before.name), 3),
                current=_values_json(change.before),
                proposed=_values_json(change.after),
                reason=Reason(text=_summary(change), details=tuple(change.details)),
                evidence=evidence(facts, change, position, items, expected, backtest_line(facts, change, held)),
                freed_value_per_month=None if freed[position] is None else round(freed[position] or 0.0, 2),
                saving_per_month=None,
                patch=patch_route(workload, change.before),
            )
        )
    made.sort(
        key=lambda r: (
            -(r.freed_value_per_month or 0.0),
            r.target.namespace or "",
            r.target.kind,
            r.target.name,
            r.target.container or "",
        )
    )
    return made


def with_savings(recommendations: list[Recommendation], total: float) -> list[Recommendation]:
    """The same, each with its part of what sizing saves on nodes, in proportion to the value that it frees.

    Parts are in cents and add up to ``total``. Where the freed values add up to nothing, all parts are equal.
    """
    freed = [item.freed_value_per_month or 0.0 for item in recommendations]
    whole = sum(freed)
    weights = [value / whole for value in freed] if abs(whole) > 0.005 else [1 / max(len(freed), 1)] * len(freed)
    made, told, reached = [], 0.0, 0.0
    for item, weight in zip(recommendations, weights, strict=True):
        reached += total * weight
        part = round(reached - told, 2)
        told = round(told + part, 2)
        made.append(item.model_copy(update={"saving_per_month": part}))
    made.sort(key=lambda item: -(item.saving_per_month or 0.0))
    return made


def _values_json(container: Container) -> dict[str, dict[str, str]]:
    return {"requests": resources_json(container.requests), "limits": resources_json(container.limits)}


def _summary(change: ContainerPlan) -> str:
    texts = [f"{d.field.partition('.')[2]}: {d.text}" for d in change.details if d.field.startswith("requests.")]
    return "; ".join(texts)


def _freed_values(facts: Facts, outcome: RequestsPlan) -> list[float | None]:
    """Value of what each container's change frees; the containers of a workload share what its pods free.

    A pod's effective request is not the sum of its containers where an init container asks for more. So the
    pods' change is priced, and split over its changed containers in proportion to their own changes.
    """
    by_row: dict[int, list[int]] = {}
    for position, change in enumerate(outcome.changes):
        by_row.setdefault(change.workload_row, []).append(position)
    freed: list[float | None] = [None] * len(outcome.changes)
    for row, positions in by_row.items():
        prices = facts.prices[row]
        if prices is None:
            continue
        planned = outcome.planned[row]
        total = value_per_month(planned.requested_now(), prices) - value_per_month(planned.requested_planned(), prices)
        own = [_own_value(facts, outcome.changes[p], prices) for p in positions]
        plain = sum(own)
        in_proportion = abs(plain) > 1e-9 and 0 <= total / plain <= 1.000001
        for p, value in zip(positions, own, strict=True):
            freed[p] = value * total / plain if in_proportion else total / len(positions)
    return freed


def _own_value(facts: Facts, change: ContainerPlan, prices: ResourcePrices) -> float:
    if change.before.role is ContainerRole.INIT:
        return 0.0
    pods = facts.billed_pods(change.workload_row, change.before.name)
    freed = [requested(change.before, name) - requested(change.after, name) for name in ("cpu", "memory")]
    return value_per_month(PodRequest(freed[0] * pods, freed[1] * pods, {}), prices)


def _bill(facts: Facts, outcome: RequestsPlan, inside: list[int], freed: float) -> Bill:
    """The bill of the workloads in scope; ``freed`` is the sum over recommendations, so that the two always agree."""
    current = 0.0
    unpriced = 0
    for row in inside:
        prices = facts.prices[row]
        if prices is None:
            unpriced += 1
            continue
        item = outcome.planned[row]
        current += value_per_month(item.requested_now(), prices)
    nodes, unknown = facts.snapshot.nodes, facts.unpriced_nodes()
    planned = round(round(current, 2) - freed, 2)
    return Bill(
        currency=facts.policy.currency,
        basis="requests",
        current_per_month=round(current, 2),
        planned_per_month=planned,
        requested_now_per_month=round(current, 2),
        requested_planned_per_month=planned,
        nodes_per_month=round(
            sum(n.price.amount_per_hour for n in nodes if n.price and n.name not in unknown) * HOURS_PER_MONTH, 2
        ),
        unpriced_nodes=tuple(unknown),
        unpriced_workloads=unpriced,
        prices=price_uses(nodes, facts.book),
        notes=(BASIS_NOTE,),
    )


def _node_bill(bill: Bill, nodes: NodeBill | None) -> Bill:
    """The bill in the measure of nodes, where pools were planned."""
    if nodes is None:
        return bill
    return bill.model_copy(
        update={
            "basis": "nodes",
            "current_per_month": nodes.current_per_month,
            "planned_per_month": nodes.planned_per_month,
            "lower_bound_per_month": nodes.lower_bound_per_month,
            "gap": nodes.gap,
            "repacked_per_month": nodes.repacked_per_month,
            "saving_by_packing_per_month": round(nodes.current_per_month - nodes.repacked_per_month, 2),
            "saving_by_sizing_per_month": round(nodes.repacked_per_month - nodes.planned_per_month, 2),
            "notes": nodes.notes,
        }
    )


def _totals(facts: Facts, outcome: RequestsPlan, inside: list[int]) -> dict[str, float]:
    """Sums over the workloads in scope, by mean pods of the typical week."""
    now = [outcome.planned[row].requested_now() for row in inside]
    then = [outcome.planned[row].requested_planned() for row in inside]
    used_cpu, used_memory = _used(facts, set(inside))
    return {
        "workloads": float(len(inside)),
        "containers": float(sum(len(facts.workloads[row].containers) for row in inside)),
        "pods": round(sum(sum(facts.template_pods(row).values()) for row in inside), 2),
        "nodes": float(len(facts.snapshot.nodes)),
        "requested_cpu_cores": round(sum(request.cpu_cores for request in now), 3),
        "planned_cpu_cores": round(sum(request.cpu_cores for request in then), 3),
        "used_cpu_cores": round(used_cpu, 3),
        "requested_memory_gib": round(sum(request.memory_bytes for request in now) / GIB, 3),
        "planned_memory_gib": round(sum(request.memory_bytes for request in then) / GIB, 3),
        "used_memory_gib": round(used_memory / GIB, 3),
    }


def _used(facts: Facts, inside: set[int]) -> tuple[float, float]:
    """Mean cores and bytes in use: the mean sample of each container times its mean pods."""
    totals = []
    inits = {
        (row, container.name)
        for row in inside
        for container in facts.workloads[row].containers
        if container.role is ContainerRole.INIT
    }
    for history in (facts.history.cpu, facts.history.memory):
        pods = np.array(
            [
                facts.billed_pods(row, name) if row in inside and (row, name) not in inits else 0.0
                for row, name in facts.history.containers
            ]
        )
        totals.append(float(history.mean() @ pods) if len(pods) else 0.0)
    return totals[0], totals[1]


def _solver(sizing: Sizing, backend: str) -> dict[str, object]:
    if sizing.choice is None:
        return {"backend": backend, "status": "nothing to decide"}
    quotas = [
        {
            "row": row.name,
            "hard": float(f"{row.hard:.6g}"),
            "room": float(f"{row.room:.6g}"),
            "missing": float(f"{missing:.6g}"),
            "value_per_month_of_one_more": float(f"{abs(dual) * (1 if row.resource == 'cpu' else GIB):.4g}"),
        }
        for row, dual, missing in zip(sizing.quota_rows, sizing.quota_dual, sizing.quota_violation, strict=True)
        if abs(dual) > 0 or missing > 0
    ]
    return {
        "backend": sizing.choice.backend,
        "status": str(sizing.choice.status),
        "candidates": len(sizing.request),
        "quota_rows": len(sizing.quota_rows),
        "binding_quotas": quotas,
    }


def _sorted(facts: Facts, left_alone: list[LeftAlone]) -> list[LeftAlone]:
    return sorted(
        left_alone,
        key=lambda a: (a.refusal.code, str(facts.workloads[a.workload_row].key), a.container or "", a.resources),
    )


def _not_recommended(facts: Facts, alone: LeftAlone) -> NotRecommended:
    return NotRecommended(
        target=target_of(facts.workloads[alone.workload_row], alone.container),
        fields=tuple(f"requests.{resource}" for resource in alone.resources),
        reason=alone.refusal.code,
        text=alone.refusal.text,
        fix=alone.refusal.fix,
    )
