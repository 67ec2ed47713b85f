"""What a what-if answers: the pools as planned, and as they would be."""

from pydantic import Field

from planner.plan.frozen import Frozen
from planner.plan.pools import Pool, PoolPlan, ZoneLoss
from planner.plan.schema import PlanWarning


class Side(Frozen):
    """One of the two plans."""

    cost_per_month: float | None = Field(description="null = no pools could be planned; a warning says why.")
    lower_bound_per_month: float | None = None
    gap: float | None = None
    nodes: int = Field(default=0, description="In the busiest period.")
    pods: int = Field(default=0, description="In the busiest period.")
    pools: tuple[Pool, ...] = ()
    pool_plan: PoolPlan | None = None
    zone_loss: tuple[ZoneLoss, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()


class Simulation(Frozen):
    """A question and its answer. Requests and autoscalers are those of the plan on both sides."""

    cluster: str
    snapshot_id: str
    policy_id: str
    currency: str
    synthetic: bool = False
    question: tuple[str, ...] = Field(description="What is different, in words.")
    before: Side
    after: Side
