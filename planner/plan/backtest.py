"""The report of a backtest: what each rule would have reserved and suffered in days that it had not seen."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from planner.plan.frozen import Frozen, Target
from planner.plan.schema import Window

SCHEMA_VERSION = "1.0"


class FoldTimes(Frozen):
    """One fold, half-open, UTC."""

    train_start: datetime
    train_end: datetime
    test_end: datetime


class Outcome(Frozen):
    """One rule at one setting, over all folds and containers."""

    resource: Literal["cpu", "memory"]
    method: str = Field(
        description="`planner`, `today`, or a baseline: `vpa`, `krr-simple`, `autopilot-window`, `fixed`."
    )
    setting: str = Field(description="Position of the rule's dial.")
    is_default: bool = Field(description="The rule as it comes; other settings draw the frontier.")
    containers: int
    container_days: float
    reserved_hours: float = Field(description="Core-hours, or GiB-hours, over the time that the pods ran.")
    value_per_month: float | None = Field(description="Value of what is reserved, at the nodes' prices.")
    value_with_risk_per_month: float | None = Field(
        default=None,
        description="The same and the incidents suffered, at the policy's prices of risk: what the planner minimises.",
    )
    incident_days: float = Field(description="Container-days with a sample above the memory.")
    incident_share: float = Field(description="Of the container-days.")
    shortage_core_seconds: float = Field(description="Wanted above the CPU request.")
    short_minutes: float = Field(description="Pod-minutes above the CPU request.")
    relative_slack: float | None = Field(description="(reserved - p95 of use) / reserved, over the sums.")
    mean_relative_slack: float | None = Field(description="Mean of the containers' own (Autopilot's definition).")
    worst_1pct: float = Field(description="Incident days, or core-seconds short, of the worst hundredth of containers.")
    largest_tenth_share: float | None = Field(description="Share of incidents of the largest tenth of containers.")
    changes_per_day: float | None = Field(description="Changes of 10 % or more a container and day, between folds.")


class ContainerOutcome(Frozen):
    """One container under one rule, over all folds."""

    target: Target
    resource: Literal["cpu", "memory"]
    method: str
    request: float = Field(description="Of the last fold, cores or bytes.")
    days: float
    incident_days: float
    shortage_core_seconds: float
    short_share: float = Field(description="Share of its time above the CPU request.")
    relative_slack: float | None


class BacktestReport(Frozen):
    """Everything that a backtest of a snapshot found."""

    schema_version: str = SCHEMA_VERSION
    cluster: str
    snapshot_id: str
    window: Window
    synthetic: bool = False
    policy_id: str
    currency: str
    horizon_days: int
    folds: tuple[FoldTimes, ...]
    outcomes: tuple[Outcome, ...] = ()
    worst: tuple[ContainerOutcome, ...] = Field(
        default=(), description="The containers with most incidents under the planner's rule, with today beside them."
    )
    containers: tuple[ContainerOutcome, ...] = Field(
        default=(), description="Every container under every rule as it comes; empty unless asked for."
    )
    notes: tuple[str, ...] = ()
