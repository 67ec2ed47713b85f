"""The pools of a plan, its bill by nodes, and the certificate of every zone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.decisions.facts import Facts
from planner.decisions.node_pools.certificate import certificates
from planner.decisions.node_pools.excuses import broken_rules, dearer_types
from planner.decisions.node_pools.gather import pool_input
from planner.decisions.node_pools.model import PoolInput
from planner.decisions.node_pools.placements import placements
from planner.decisions.node_pools.pool_recommendations import pool_recommendations
from planner.decisions.node_pools.pool_rows import cost_by_offering, pool_rows
from planner.decisions.node_pools.solve import WeekPlan, plan_week
from planner.decisions.node_pools.steps import ordered_changes
from planner.domain.pod_request import PlannedWorkload
from planner.plan.pools import Pool, PoolPeriod, PoolPlan, Relaxation, ZoneLoss
from planner.plan.schema import Finding, PlanWarning, Recommendation
from planner.units import HOURS_PER_MONTH

NO_ZONE = "(no zone)"


@dataclass(frozen=True, slots=True)
class NodeBill:
    """Bills by nodes, one measure, currency a month; see :class:`planner.plan.schema.Bill`."""

    current_per_month: float
    repacked_per_month: float
    planned_per_month: float
    lower_bound_per_month: float | None
    gap: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodePools:
    """What the stage adds to a plan; without ``bill`` the plan keeps its basis, and a warning says why."""

    bill: NodeBill | None = None
    pools: tuple[Pool, ...] = ()
    pool_plan: PoolPlan | None = None
    zone_loss: tuple[ZoneLoss, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What a what-if changes of the pools: nothing by default.

    Attributes:
        closed_zones: zones in which nothing can be had.
        growth: so many times the pods.
        without_repacking: leave out what today's requests would cost; it is told as the plan's cost then.
    """

    closed_zones: frozenset[str] = frozenset()
    growth: float = 1.0
    without_repacking: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Weeks:
    """The pools for today's requests, and those for the planned ones; the same where nothing was resized."""

    repacked_input: PoolInput
    repacked: WeekPlan
    planned_input: PoolInput
    planned: WeekPlan


def plan_pools(facts: Facts, planned: Sequence[PlannedWorkload], change: Change | None = None) -> NodePools:
    """Plan the pools for all workloads as they will run.

    Args:
        facts: of the snapshot.
        planned: over ``facts.workloads``.
        change: of a what-if.
    """
    change = change or Change()
    rules = facts.policy.node_pools
    if not rules.enabled or not facts.snapshot.nodes:
        return NodePools()
    given = pool_input(facts, planned, closed_zones=change.closed_zones, growth=change.growth)
    if not given.offerings or not given.classes:
        return NodePools(warnings=given.warnings)
    weeks = _weeks(facts, planned, given, change)
    faults = (*weeks.repacked.faults, *weeks.planned.faults)
    if faults:
        return NodePools(warnings=(*given.warnings, _not_checked(faults)))
    week = weeks.planned
    pools = pool_rows(given, week)
    today = _today(facts, given)
    losses = certificates(given, week, facts.workloads)
    bill = _bill(today, weeks)
    relaxations = (*given.relaxations, *broken_rules(given, week, facts.workloads))
    repacked_cost = cost_by_offering(weeks.repacked_input, weeks.repacked)
    return NodePools(
        bill=replace(bill, notes=_bill_notes(facts, bill)),
        pools=pools,
        pool_plan=_pool_plan(given, weeks, pools, relaxations),
        zone_loss=losses,
        recommendations=(
            *pool_recommendations(facts, pools, _by_pool(weeks.repacked_input, repacked_cost), today),
            *placements(facts, given, week),
        ),
        warnings=(*given.warnings, *_warnings(given, week, losses)),
    )


def _weeks(facts: Facts, planned: Sequence[PlannedWorkload], given: PoolInput, change: Change) -> _Weeks:
    rules, protect = facts.policy.node_pools, len(given.zones) > 1
    as_today = [replace(item, containers=item.workload.containers, week_pods={}) for item in planned]
    is_same = all(a.containers == b.containers and not b.week_pods for a, b in zip(as_today, planned, strict=True))
    if change.without_repacking or is_same:
        week = plan_week(given, rules, protect=protect)
        return _Weeks(given, week, given, week)
    before = pool_input(facts, as_today, closed_zones=change.closed_zones, growth=change.growth)
    repacked = plan_week(before, rules, protect=protect, with_bound=False)
    # What holds today's requests mostly holds the planned ones: their packing is a start.
    starts = [one.kept() for one in repacked.periods] if before.periods == given.periods else []
    return _Weeks(before, repacked, given, plan_week(given, rules, protect=protect, starts=starts))


def _today(facts: Facts, given: PoolInput) -> dict[str, float]:
    """Pool -> what its nodes of today cost a month; nodes without a price are in no bill."""
    costs: dict[str, float] = {}
    for node in facts.snapshot.nodes:
        price = node.price
        if (
            node.ready
            and node.name not in given.unpriced
            and price is not None
            and price.currency == facts.policy.currency
        ):
            costs[node.pool] = costs.get(node.pool, 0.0) + price.amount_per_hour * HOURS_PER_MONTH
    return costs


def _by_pool(given: PoolInput, cost: NDArray[np.float64]) -> dict[str, float]:
    costs: dict[str, float] = {}
    for offering, amount in zip(given.offerings, cost.tolist(), strict=True):
        costs[offering.pool] = costs.get(offering.pool, 0.0) + amount
    return costs


def _bill(today: dict[str, float], weeks: _Weeks) -> NodeBill:
    current = round(sum(today.values()), 2)
    planned = round(weeks.planned.cost_per_hour * HOURS_PER_MONTH, 2)
    # A plan that leaves pods out may cost less than any that holds them: then no bound is told.
    is_proved = all(one.lower_bound_per_hour > 0.0 or one.cost_per_hour == 0.0 for one in weeks.planned.periods)
    bound = round(weeks.planned.lower_bound_per_hour * HOURS_PER_MONTH, 2) if is_proved else None
    return NodeBill(
        current_per_month=current,
        repacked_per_month=round(weeks.repacked.cost_per_hour * HOURS_PER_MONTH, 2),
        planned_per_month=planned,
        lower_bound_per_month=bound,
        gap=None if bound is None else round(max(0.0, (planned - bound) / bound), 6) if bound > 0.0 else 0.0,
    )


def _bill_notes(facts: Facts, bill: NodeBill) -> tuple[str, ...]:
    notes = ["basis `nodes`: today's priced nodes all month, against the planned node-hours of a typical week."]
    if bill.planned_per_month > bill.current_per_month:
        more = bill.planned_per_month - bill.current_per_month
        share = facts.policy.protected_share
        notes.append(
            f"The plan costs {more:,.2f} more than today: it also survives the loss of any zone for the protected pods"
            f" (protected_share {share:g}), holds every pod at its peak, and keeps the rules of the policy."
        )
    return tuple(notes)


def _pool_plan(given: PoolInput, weeks: _Weeks, pools: Sequence[Pool], relaxations: tuple[Relaxation, ...]) -> PoolPlan:
    week, busiest = weeks.planned, weeks.planned.periods[0]
    return PoolPlan(
        periods=tuple(
            PoolPeriod(
                name=period.name,
                hours_per_week=period.hours_per_week,
                pods=int(one.assembled.problem.items.count.sum()),
                nodes=int(one.nodes.sum()),
                cost_per_hour=round(one.cost_per_hour, 6),
                lower_bound_per_hour=round(one.lower_bound_per_hour, 6),
            )
            for period, one in zip(given.periods, week.periods, strict=True)
        ),
        offerings=len(given.offerings),
        classes=len(given.classes),
        pods=int(busiest.assembled.problem.items.count.sum()),
        bound_source=busiest.bins.bound_source,
        stopped_by=week.stopped_by,
        checked_scenarios=sum(len(one.bins.scenarios) for one in week.periods),
        excuses=(*given.excuses, *dearer_types(given, week)),
        relaxations=relaxations,
        changes=ordered_changes(pools),
        notes=given.notes,
    )


def _warnings(given: PoolInput, week: WeekPlan, losses: Sequence[ZoneLoss]) -> list[PlanWarning]:
    found = []
    if len(given.zones) < 2:
        found.append(
            PlanWarning(
                code="one_zone",
                text="all nodes that can be had are in one zone: its loss cannot be survived",
                costs="No certificate: every pod is lost with the zone.",
                fix="add zones (`node_pools.zones`)",
            )
        )
    if "" in given.zones:
        found.append(
            PlanWarning(
                code="zone_unknown",
                text="nodes without a zone label are taken as a zone of their own",
                costs="What is certified for the loss of a zone may not hold for them.",
                fix="label the nodes with topology.kubernetes.io/zone",
            )
        )
    lost = [loss.zone for loss in losses if not loss.survives]
    if lost and len(given.zones) > 1:
        found.append(
            PlanWarning(
                code="zone_loss_not_survived",
                text=f"the loss of {', '.join(zone or NO_ZONE for zone in lost)} is not survived by all protected pods",
                fix="see `pool_plan.relaxations` for the pods and the smallest change",
                objects=tuple(lost),
            )
        )
    if any(scenario.left_out.any() for one in week.periods for scenario in one.bins.scenarios[:1]) or given.relaxations:
        found.append(
            PlanWarning(
                code="pods_without_place",
                text="some pods have no place in any pool that the rules allow; the others are planned",
                costs="The bill holds only what has a place.",
                fix="see `pool_plan.relaxations`",
            )
        )
    return found


def _not_checked(faults: Sequence[str]) -> PlanWarning:
    return PlanWarning(
        code="packing_not_proved",
        text=f"node pools are not shown: the exact check of their packing found {len(faults)} fault(s): {faults[0]}",
        costs="The bill is told in the value of requests.",
        fix="please report it, with the snapshot if you can share it",
    )
