"""What a plan says of one autoscaler: the replay of today's setting and of the proposed one, side by side."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from planner.plan.frozen import Frozen, Target


class ReplayFigures(Frozen):
    """One setting replayed on the workload's own demand. A violation is demand above what ready pods can serve."""

    violation_minutes_per_day: float
    worst_violation_minutes: float = Field(description="Longest violation without a break.")
    mean_replicas: float
    p95_replicas: float
    max_replicas: int
    replica_hours_per_day: float
    direction_changes_per_day: float = Field(description="Changes from growing to shrinking and back.")
    share_at_min: float = Field(description="Share of the time at `minReplicas`, 0 to 1.")
    share_at_max: float
    trigger_to_capacity_p50_seconds: float | None = Field(
        default=None, description="From demand above what the autoscaler tolerates until ready pods carry it."
    )
    trigger_to_capacity_p95_seconds: float | None = None
    value_per_month: float | None = Field(
        default=None, description="Requests of its pods at the nodes' prices; null where no price is known."
    )


class RecordedReplicas(Frozen):
    """What the cluster recorded over the same time."""

    mean_replicas: float
    p95_replicas: float
    max_replicas: int
    share_at_max: float


class CalibrationLine(Frozen):
    """Replay of today's setting against the recorded replicas."""

    mean_error_pods: float = Field(description="Mean of |replayed - recorded|.")
    share_within_one: float = Field(description="Share of the time that they differ by at most one pod.")
    days: float = Field(description="Days with a record.")


class SensitivityLine(Frozen):
    """The proposed setting with one dial moved, or on a bad day."""

    change: str = Field(description="`target +10`, `pod start x2`, `peak hour x1.5` ...")
    replica_hours_per_day: float
    violation_minutes_per_day: float
    worst_violation_minutes: float


class EpisodeLine(Frozen):
    """One violation in the replay."""

    setting: Literal["current", "proposed"]
    start: datetime
    minutes: float
    unserved_core_seconds: float


class AutoscalerPlan(Frozen):
    """The whole story of one autoscaler; stands in its recommendation."""

    workload: Target = Field(description="The workload that it scales.")
    container: str | None = Field(default=None, description="The container whose request moves with the target.")
    threshold_cores_now: float = Field(description="T * r: use per pod at which it holds still, today.")
    threshold_cores: float = Field(description="The same under the plan.")
    request_cores_now: float
    request_cores: float
    capacity_cores: float = Field(description="What a ready pod can serve.")
    capacity_source: str = Field(description="Where that comes from: `limit`, `request`, `highest use seen` ...")
    pod_start_seconds: float
    pod_start_source: str = Field(description="`observed`, or `assumed`.")
    days: float = Field(description="Days of demand replayed.")
    current: ReplayFigures | None = Field(default=None, description="null = today's setting cannot be replayed.")
    proposed: ReplayFigures
    held_out_current: ReplayFigures | None = Field(
        default=None, description="The last part of the time, which the choice had not seen."
    )
    held_out_proposed: ReplayFigures | None = None
    recorded: RecordedReplicas | None = None
    calibration: CalibrationLine | None = None
    clipped_share: float = Field(
        default=0.0, description="Share of the time at today's maximum with all pods busy: the true demand is unknown."
    )
    sensitivity: tuple[SensitivityLine, ...] = ()
    episodes: tuple[EpisodeLine, ...] = ()
    candidates: int = Field(default=0, description="Settings considered.")
    replays: int = Field(default=0, description="Of them replayed in the closed loop.")
    violation_minutes_allowed_per_day: float
    worst_minutes_allowed: float
