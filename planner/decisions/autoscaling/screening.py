"""A first look at many settings without replaying them: the open loop.

The controller is taken to hold ``n(t) = clip(ceil(M_W(t - L_obs) / (T r)), min, max)`` with M_W the peak of
the scale-down window, and pods to carry load L_pod later. It is off where saturation hides demand:
close to the closed loop in cost, too low in violations at high targets. It prunes; it never decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.autoscaling.closed_forms import trailing_peak
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.setting import Setting

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Screened:
    """Estimates of every setting, (setting,): replica-hours and seconds of violation."""

    replica_hours: Floats
    violation_seconds: Floats


def screen(demand_m: Floats, settings: Sequence[Setting], chain: LatencyChain, hold_steps: int) -> Screened:
    """Estimate settings on one series.

    Args:
        demand_m: (value,) millicores; a gap counts as no demand.
        settings: candidates.
        chain: delays.
        hold_steps: syncs per value.
    """
    value_seconds = hold_steps * chain.sync_seconds
    peaks: dict[int, Floats] = {}
    hours = np.empty(len(settings))
    violations = np.empty(len(settings))
    filled = np.nan_to_num(demand_m)
    # A value needs the pods of the values that began at least the reaction time before.
    whole, part = divmod(chain.reaction_seconds / value_seconds, 1.0)
    early, late = int(whole) + 1, int(whole)
    for place, one in enumerate(settings):
        window = 1 + int(one.down_window_seconds // value_seconds)
        if window not in peaks:
            peaks[window] = np.maximum(trailing_peak(filled, window), 0.0)
        threshold_m = one.target_percent * one.request_m / 100.0
        replicas = np.clip(np.ceil(peaks[window] / threshold_m), one.minimum, one.maximum)
        capacity_m = replicas * one.capacity_m
        lost = part * _is_short(filled, capacity_m, early) + (1.0 - part) * _is_short(filled, capacity_m, late)
        hours[place] = replicas.sum() * value_seconds / 3600.0
        violations[place] = float(lost) * value_seconds
    return Screened(hours, violations)


def _is_short(demand_m: Floats, capacity_m: Floats, lag: int) -> int:
    """Number of values above the capacity of ``lag`` values earlier."""
    return int(np.count_nonzero(demand_m[lag:] > capacity_m[: demand_m.size - lag]))
