"""Node pools of a plan: how many nodes of which type, purchase option and zone, and the proof that they carry it."""

from typing import Literal

from pydantic import Field

from planner.plan.frozen import Frozen, Numbers


class ShadowPrices(Frozen):
    """What one more unit costs an hour in this pool, by the plan's duals; 0 = it has room."""

    core_per_hour: float
    gib_per_hour: float
    gpu_per_hour: float


class PoolFill(Frozen):
    """Requested share of what the pool's nodes have for pods, in the busiest period, 0 to 1."""

    cpu: float
    memory: float
    gpu: float | None = Field(default=None, description="null = the pool has no GPUs.")
    pods: float


class Pool(Frozen):
    """Nodes of one type, purchase option and zone."""

    pool: str = Field(description="Today's pool that they belong to, or a proposed name.")
    instance_type: str
    purchase: str
    zone: str
    mode: str = Field(default="", description="How GPUs are shared: `whole`, `mig:...`, `timeslice:n`, `mps:n`; empty.")
    nodes_now: int
    nodes: int = Field(description="Nodes in the busiest period: also the pool's maximum less headroom.")
    min_nodes: int
    max_nodes: int
    node_hours_per_month: float
    price_per_hour: float | None = Field(description="Of one node; null where no price is known.")
    price_source: str = ""
    cost_per_month: float
    pods: int = Field(default=0, description="Pods on them in the busiest period.")
    fill: PoolFill | None = None
    shadow_prices: ShadowPrices | None = None


class PodMove(Frozen):
    """Pods of one workload that find another place when a zone is lost."""

    workload: str = Field(description="namespace/Kind/name")
    pods: int
    to_pool: str = Field(description="Pool, type and zone.")


class ZoneLoss(Frozen):
    """The certificate of one zone: an exact packing of what remains."""

    zone: str
    nodes_lost: int
    pods_lost: int = Field(description="Pods that ran there, whatever their protection.")
    protected_pods: int = Field(description="Of the whole cluster: pods that must still have a place.")
    unplaced_protected_pods: int
    survives: bool
    moves: tuple[PodMove, ...] = ()
    left_out: tuple[PodMove, ...] = Field(
        default=(), description="Unprotected pods without a place; `to_pool` is empty."
    )


class Excuse(Frozen):
    """What was considered and rejected, and why."""

    subject: str = Field(description="An instance type, a purchase option, a pool ...")
    code: str = Field(description="Stable word: `no_capacity_in_zone`, `dearer`, `sentinel_price` ...")
    text: str
    numbers: Numbers = Field(default_factory=dict)


class Relaxation(Frozen):
    """The smallest change of the rules without which no plan exists; the rest is planned under it."""

    rule: str = Field(description="`protected_share[ns/Deployment/web]`, `zone_cap[a]`, `places[...]` ...")
    text: str
    fix: str = ""
    workloads: tuple[str, ...] = ()
    pods: int = 0


class PoolChange(Frozen):
    """One step from today's nodes to the plan's, in order."""

    order: int
    action: Literal["add", "remove"]
    pool: str
    instance_type: str
    purchase: str
    zone: str
    nodes: int
    text: str


class PoolPeriod(Frozen):
    """One period of the typical week."""

    name: str
    hours_per_week: float
    pods: int
    nodes: int
    cost_per_hour: float
    lower_bound_per_hour: float


class PoolPlan(Frozen):
    """How the pools were found; the pools themselves stand in ``Plan.pools``."""

    periods: tuple[PoolPeriod, ...] = ()
    offerings: int = Field(description="Instance type x purchase option x zone considered.")
    classes: int = Field(description="Pod classes of equal shape and constraints.")
    pods: int = Field(description="Pods packed in the busiest period.")
    bound_source: str = ""
    stopped_by: str = Field(default="", description="`time` where a limit ended the search; empty = its own end.")
    checked_scenarios: int = Field(default=0, description="Packings checked pod by pod: each period, each lost zone.")
    excuses: tuple[Excuse, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    changes: tuple[PoolChange, ...] = ()
    notes: tuple[str, ...] = ()
