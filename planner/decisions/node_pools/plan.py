"""The pools of a plan, its bill by nodes, and the certificate of every zone."""

from collections.abc import Sequence
from dataclasses import dataclass

from planner.decisions.facts import Facts
from planner.domain.pod_request import PlannedWorkload
from planner.plan.pools import Pool, PoolPlan, ZoneLoss
from planner.plan.schema import Finding, PlanWarning, Recommendation


@dataclass(frozen=True, slots=True)
class NodeBill:
    """Bills by nodes, one measure, currency a month; see :class:`planner.plan.schema.Bill`."""

    current_per_month: float
    repacked_per_month: float
    planned_per_month: float
    lower_bound_per_month: float
    gap: float


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


def plan_pools(facts: Facts, planned: Sequence[PlannedWorkload]) -> NodePools:
    """Plan the pools for all workloads as they will run (``planned`` runs over ``facts.workloads``)."""
    del facts, planned
    return NodePools()
