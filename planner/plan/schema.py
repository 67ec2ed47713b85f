"""The schema of a plan file.

A plan holds what was decided and nothing that was observed; ``snapshot_id`` names the observation.
Reports, patches, apply and the dashboard read it and never change it. Later schema versions may add
fields; a reader refuses a file of a newer major version (:mod:`planner.plan.files`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from planner.plan.autoscaling import AutoscalerPlan
from planner.plan.frozen import Frozen, Numbers, Target
from planner.plan.pools import Pool, PoolPlan, ZoneLoss

SCHEMA_VERSION = "1.0"


class Kind(StrEnum):
    """What a recommendation changes."""

    REQUESTS = "requests"
    AUTOSCALER = "autoscaler"
    NODE_POOL = "node_pool"
    QUOTA = "quota"
    LIMIT_RANGE = "limit_range"
    PLACEMENT = "placement"
    AVAILABILITY = "availability"


class Confidence(StrEnum):
    """How far the evidence carries."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Detail(Frozen):
    """Why one value is what it is."""

    field: str = Field(description="Dotted field of `proposed` that this explains, such as `requests.cpu`.")
    code: str = Field(description="Stable word for programs: `risk_price`, `oom_floor`, `quota` ...")
    text: str = Field(description="One line for people.")
    numbers: Numbers = Field(default_factory=dict)


class Reason(Frozen):
    """Why a recommendation is made."""

    text: str
    details: tuple[Detail, ...] = ()


class Expectation(Frozen):
    """A risk in numbers, as things are and as proposed."""

    name: str = Field(description="`oom_kills_per_30_days`, `cpu_shortage_core_seconds_per_day` ...")
    current: float | None
    proposed: float | None


class BacktestLine(Frozen):
    """What the same rule would have done to this container in days that it had not seen, and what today's did."""

    folds: int
    days: float = Field(description="Container-days judged.")
    memory_incident_days: float | None = Field(default=None, description="Days above the memory; null = memory stays.")
    memory_incident_days_today: float | None = None
    memory_relative_slack: float | None = Field(default=None, description="(request - p95 of use) / request.")
    cpu_shortage_core_seconds_per_day: float | None = None
    cpu_shortage_core_seconds_per_day_today: float | None = None
    cpu_short_share: float | None = Field(default=None, description="Share of time above the CPU request.")
    cpu_relative_slack: float | None = None


class Evidence(Frozen):
    """What a recommendation rests on."""

    first: datetime | None = Field(description="First sample (UTC).")
    last: datetime | None = Field(description="End of the last step with a sample (UTC).")
    days: float = Field(description="Days with samples, in days of 24 h of covered time per pod running.")
    samples: int
    pods: int = Field(description="Pods seen, deleted ones included.")
    coverage: float = Field(description="Share of the steps of the observed span that have a sample, 0 to 1.")
    confidence: Confidence
    observed: dict[str, float] = Field(default_factory=dict, description="Statistics of the usage, units in the names.")
    expected_incidents: tuple[Expectation, ...] = ()
    backtest: BacktestLine | None = Field(default=None, description="null = too short a history to hold days back.")
    notes: tuple[str, ...] = ()


class Recommendation(Frozen):
    """One change to one object."""

    id: str = Field(description="The same for the same target and kind over runs.")
    kind: Kind
    target: Target
    replicas: float | None = Field(
        default=None, description="Pods that the change touches, on average over the window."
    )
    current: dict[str, Any]
    proposed: dict[str, Any]
    reason: Reason
    evidence: Evidence
    freed_value_per_month: float | None = Field(
        description="Value of what the change frees at the node prices; negative where more is needed,"
        " null where no price is known."
    )
    saving_per_month: float | None = Field(
        default=None, description="Part of the bill's change; null while `bill.basis` is `requests`."
    )
    after: tuple[str, ...] = Field(default=(), description="Ids of recommendations to be applied before this one.")
    warnings: tuple[str, ...] = Field(default=(), description="What whoever applies it must know.")
    autoscaler: AutoscalerPlan | None = Field(default=None, description="Of kind `autoscaler` only.")
    patch: dict[str, Any] = Field(
        default_factory=dict,
        description="How the change reaches the object: `method` (strategic-merge | json-patch | none),"
        " `template_path`, `container_list`, `container_index`, `container_names`,"
        " `resource_maps` (those that exist today), `why_none`.",
    )


class NotRecommended(Frozen):
    """A result too: no recommendation, because ..."""

    target: Target
    fields: tuple[str, ...] = Field(description="The fields left alone, such as `requests.cpu`.")
    reason: str = Field(description="Stable word: `hpa_on_same_metric`, `too_little_data` ...")
    text: str
    fix: str = ""
    numbers: Numbers = Field(default_factory=dict)


class BudgetUse(Frozen):
    """A budget of incidents, and what the plan makes of it."""

    scope: str = Field(description="`fleet`, or a namespace.")
    resource: Literal["cpu", "memory"]
    unit: str
    budget: float
    expected: float
    exceeded: bool = Field(description="Meeting it would cost more than the policy pays for an incident.")
    saving_of_one_more: float = Field(
        description="Currency a month saved if one more incident a month (a kill, or a core-hour) were allowed."
    )


class RiskSummary(Frozen):
    """Expected incidents of all containers that were sized, and who bears them."""

    oom_kills_per_1000_container_days_now: float | None = None
    oom_kills_per_1000_container_days: float | None = None
    cpu_shortage_core_seconds_per_day_now: float | None = None
    cpu_shortage_core_seconds_per_day: float | None = None
    worst_1pct_oom_days_per_30_days: float | None = Field(
        default=None, description="Expected days of the worst hundredth of containers, each on average."
    )
    largest_tenth_share_of_oom_days: float | None = Field(
        default=None, description="Of all expected days, those of the tenth of containers with the largest requests."
    )
    budgets: tuple[BudgetUse, ...] = ()


class PriceUse(Frozen):
    """Which price stands behind which nodes."""

    pool: str
    instance_type: str
    zone: str
    purchase: str
    nodes: int
    amount_per_hour: float | None = Field(description="Per node; null where no price is known.")
    source: str
    as_of: str
    core_per_hour: float | None = None
    gib_per_hour: float | None = None
    gpu_per_hour: float | None = None


class Bill(Frozen):
    """The money of the plan. A month is 730 hours."""

    currency: str
    basis: Literal["requests", "nodes"] = Field(
        description="`requests`: value of what is requested, at the nodes' prices. `nodes`: the sum over nodes."
    )
    current_per_month: float
    planned_per_month: float
    lower_bound_per_month: float | None = Field(
        default=None, description="No plan for these pods under these rules costs less; null while no pool is planned."
    )
    gap: float | None = Field(default=None, description="(planned - lower bound) / lower bound.")
    repacked_per_month: float | None = Field(
        default=None, description="Today's pods, unchanged, on pools planned by the same rules."
    )
    saving_by_packing_per_month: float | None = Field(default=None, description="current - repacked.")
    saving_by_sizing_per_month: float | None = Field(default=None, description="repacked - planned.")
    requested_now_per_month: float = Field(default=0.0, description="Value of what is requested, at the nodes' prices.")
    requested_planned_per_month: float = Field(default=0.0, description="The same under the plan.")
    nodes_per_month: float = Field(description="Today's nodes at their known prices.")
    unpriced_nodes: tuple[str, ...] = Field(default=(), description="Nodes with no known price: not counted as free.")
    unpriced_workloads: int = Field(default=0, description="Workloads without a price, left out of both sums.")
    prices: tuple[PriceUse, ...] = ()
    notes: tuple[str, ...] = ()


class PlanWarning(Frozen):
    """Something the reader must know before trusting the plan."""

    code: str
    text: str
    costs: str = Field(default="", description="What the plan loses by it.")
    fix: str = ""
    objects: tuple[str, ...] = ()


class Finding(Frozen):
    """Something that is wrong, or could be better, whatever is recommended."""

    code: str = Field(description="Stable word: `dead_target`, `idle_gpu`, `no_autoscaler` ...")
    severity: Literal["info", "warning", "critical"]
    target: Target
    text: str
    fix: str = ""
    numbers: Numbers = Field(default_factory=dict)


class Window(Frozen):
    """The observed time, half-open, UTC."""

    start: datetime
    end: datetime
    step_seconds: int


class Plan(Frozen):
    """Everything that was decided from one snapshot under one policy."""

    schema_version: str = SCHEMA_VERSION
    plan_id: str = Field(
        default="", description="Hash of everything here but `plan_id`, `created_at` and `planner_version`."
    )
    created_at: datetime | None = None
    planner_version: str = ""
    cluster: str
    snapshot_id: str
    window: Window
    synthetic: bool = Field(default=False, description="The snapshot was made up, for demonstration or tests.")
    policy_id: str
    policy: dict[str, Any]
    scope: dict[str, Any] = Field(
        default_factory=dict, description="Namespaces and selector that the run was limited to."
    )
    bill: Bill
    totals: dict[str, float] = Field(
        default_factory=dict,
        description="Sums over all workloads: `requested_cpu_cores`, `planned_cpu_cores`, `used_cpu_cores` ...",
    )
    risk: RiskSummary = Field(default_factory=RiskSummary)
    solver: dict[str, Any] = Field(default_factory=dict, description="Status, backend, objective and bounds.")
    pools: tuple[Pool, ...] = ()
    pool_plan: PoolPlan | None = Field(default=None, description="null = no pools were planned; a warning says why.")
    zone_loss: tuple[ZoneLoss, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    findings: tuple[Finding, ...] = ()
    not_recommended: tuple[NotRecommended, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()
