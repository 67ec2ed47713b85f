"""Figures of one replay, from its tracks: whole, or of its last part that no choice has seen."""

import numpy as np
from numpy.typing import NDArray

from planner.evidence.autoscaling.judge import Figures, judge
from planner.evidence.autoscaling.ledger import DIRECTION_MEMORY_SECONDS
from planner.evidence.autoscaling.setting import Setting
from planner.plan.autoscaling import ReplayFigures
from planner.snapshot.usage import SECONDS_PER_DAY

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]


def replay_figures(
    demand_m: Floats, desired: Counts, ready: Counts, setting: Setting, sync_seconds: float, value: float | None
) -> tuple[ReplayFigures, Figures]:
    """What a reviewer reads.

    Args:
        demand_m: (step,) offered demand in millicores, NaN = unknown.
        desired: (step,) pods that existed.
        ready: (step,) pods that served.
        setting: that was replayed.
        sync_seconds: length of a step.
        value: of one pod's requests a month, in the policy's currency; ``None`` = no price is known.
    """
    days = len(demand_m) * sync_seconds / SECONDS_PER_DAY
    comfort = setting.threshold_m * (1.0 + setting.tolerances[1])
    seen = judge(demand_m, desired, ready, capacity_m=setting.capacity_m, comfort_m=comfort, sync_seconds=sync_seconds)
    violated = np.nan_to_num(demand_m - ready * setting.capacity_m) > 0.0
    worst = max((one.steps for one in seen.worst_episodes), default=0) * sync_seconds / 60.0
    waits = (seen.trigger_to_capacity_p50_seconds, seen.trigger_to_capacity_p95_seconds)
    p50, p95 = (None if np.isnan(wait) else round(wait, 1) for wait in waits)
    return (
        ReplayFigures(
            violation_minutes_per_day=round(float(violated.sum()) * sync_seconds / 60.0 / days, 3),
            worst_violation_minutes=round(worst, 2),
            mean_replicas=round(seen.mean_replicas, 3),
            p95_replicas=round(seen.p95_replicas, 2),
            max_replicas=seen.max_replicas,
            replica_hours_per_day=round(float(desired.sum()) * sync_seconds / 3600.0 / days, 3),
            direction_changes_per_day=round(_reversals(desired, sync_seconds) / days, 2),
            share_at_min=round(float((desired <= setting.minimum).mean()), 4),
            share_at_max=round(float((desired >= setting.maximum).mean()), 4),
            trigger_to_capacity_p50_seconds=p50,
            trigger_to_capacity_p95_seconds=p95,
            value_per_month=None if value is None else round(value * seen.mean_replicas, 2),
        ),
        seen,
    )


def _reversals(desired: Counts, sync_seconds: float) -> int:
    """Scale events whose sign differs from the one before, if that was at most half an hour ago."""
    change = np.diff(desired.astype(np.int64))
    at = np.flatnonzero(change)
    if at.size < 2:
        return 0
    turned = np.sign(change[at[1:]]) != np.sign(change[at[:-1]])
    return int((turned & (np.diff(at) * sync_seconds <= DIRECTION_MEMORY_SECONDS)).sum())
