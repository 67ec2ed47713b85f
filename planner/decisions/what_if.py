"""Answers to what-ifs: the pools for the planned requests, as they are and under other circumstances."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.config.policy import Policy
from planner.decisions.autoscaling.plan import plan_autoscaling
from planner.decisions.backtest_gate import held_back
from planner.decisions.candidates import find_candidates
from planner.decisions.facts import Facts, gather
from planner.decisions.node_pools.plan import Change, NodePools, plan_pools
from planner.decisions.requests import plan_requests
from planner.decisions.scope import Scope
from planner.decisions.sizing import size
from planner.domain.pod_request import PlannedWorkload
from planner.domain.workload import Workload
from planner.errors import DataTooPoorError, UsageError
from planner.plan.simulation import Side, Simulation

if TYPE_CHECKING:
    from planner.snapshot.read import Snapshot


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What is different.

    Attributes:
        lost_zones: zones in which nothing can be had.
        growth: so many times the pods of every workload, at every hour.
        added: workloads that run besides, at their replicas.
        protected_share: instead of the policy's.
        repriced: the snapshot with other prices; ``None`` = the same prices.
        words: the question for people.
    """

    lost_zones: frozenset[str] = frozenset()
    growth: float = 1.0
    added: tuple[Workload, ...] = ()
    protected_share: float | None = None
    repriced: "Snapshot | None" = None
    words: tuple[str, ...] = ()


def simulate(snapshot: "Snapshot", policy: Policy, what_if: WhatIf, *, backend: str = "scipy") -> Simulation:
    """Plan the pools twice, for the pods that the plan would run: its requests, its autoscalers.

    Raises:
        DataTooPoorError: the snapshot holds no workload.
        UsageError: a zone is not there, or an added workload is already.
    """
    facts = gather(snapshot, policy)
    if not facts.workloads:
        raise DataTooPoorError("the snapshot holds no workload", where=str(snapshot.folder), fix="see `planner doctor`")
    _check(facts, what_if)
    candidates = find_candidates(facts, Scope())
    sizing = size(facts, candidates.items, backend)
    sized = plan_requests(facts, candidates, sizing, held_back(facts, candidates.items))
    everything = list(range(len(facts.workloads)))
    planned = plan_autoscaling(facts, everything, candidates, sized).outcome.planned
    before = plan_pools(facts, planned, Change(without_repacking=True))
    changed = _changed(facts, what_if)
    change = Change(closed_zones=what_if.lost_zones, growth=what_if.growth, without_repacking=True)
    after = plan_pools(changed, [*planned, *_added(what_if.added)], change)
    header = snapshot.header
    return Simulation(
        cluster=header.cluster,
        snapshot_id=header.snapshot_id,
        policy_id=f"policy-{policy.digest()[:16]}",
        currency=policy.currency,
        synthetic=header.synthetic,
        question=what_if.words,
        before=_side(before),
        after=_side(after),
    )


def _check(facts: Facts, what_if: WhatIf) -> None:
    zones = sorted({node.zone for node in facts.snapshot.nodes if node.zone})
    for zone in sorted(what_if.lost_zones - set(zones)):
        raise UsageError(f"no node is in zone {zone[:60]!r}", fix=f"one of {', '.join(zones)}")
    known = {(w.namespace, w.kind, w.name) for w in facts.workloads}
    for workload in what_if.added:
        name = f"{workload.namespace}/{workload.kind}/{workload.name}"
        if (workload.namespace, workload.kind, workload.name) in known:
            raise UsageError(f"{name} runs already", fix="give what is added another name")
        if workload.kind == "DaemonSet":
            raise UsageError(f"{name}: a DaemonSet cannot be added to a what-if")


def _changed(facts: Facts, what_if: WhatIf) -> Facts:
    """The same cluster under other prices and another policy, with the added workloads known by name."""
    policy = facts.policy
    if what_if.protected_share is not None:
        policy = policy.model_copy(update={"protected_share": what_if.protected_share})
    snapshot = facts.snapshot if what_if.repriced is None else what_if.repriced
    return replace(facts, policy=policy, snapshot=snapshot, workloads=(*facts.workloads, *what_if.added))


def _added(workloads: Sequence[Workload]) -> list[PlannedWorkload]:
    """As they are: all replicas, all week."""
    pods = [float(workload.replicas if workload.replicas is not None else 1) for workload in workloads]
    return [PlannedWorkload(w, w.containers, n, {None: n}) for w, n in zip(workloads, pods, strict=True)]


def _side(pools: NodePools) -> Side:
    found, bill = pools.pool_plan, pools.bill
    busiest = found.periods[0] if found is not None and found.periods else None
    return Side(
        cost_per_month=None if bill is None else bill.planned_per_month,
        lower_bound_per_month=None if bill is None else bill.lower_bound_per_month,
        gap=None if bill is None else bill.gap,
        nodes=0 if busiest is None else busiest.nodes,
        pods=0 if busiest is None else busiest.pods,
        pools=pools.pools,
        pool_plan=found,
        zone_loss=pools.zone_loss,
        warnings=pools.warnings,
    )
