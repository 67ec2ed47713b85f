"""Settings worth trying for one workload, seeded by the closed forms.

Target, scale-down window and minimum substitute one another, so each window gets the targets that its
own growth quantiles ask for, and each minimum is tried with them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.autoscaling.closed_forms import (
    growth_quantile,
    highest_live_target,
    maximum_for_peak,
    minimum_for_nights,
    target_for_growth,
)
from planner.evidence.autoscaling.behaviour import DEFAULT_UP, Behaviour, default_down
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.setting import Setting

WINDOWS_SECONDS = (60.0, 300.0, 600.0, 1200.0, 1800.0)
QUANTILES = (0.9, 0.97, 0.99, 0.999)
LOWEST_TARGET_PERCENT = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """What the workload and its owner fix.

    Attributes:
        request_m, capacity_m: of a pod, millicores.
        floor: fewest replicas for availability: 2, or the zones, or the disruption budget and one.
        ceiling: most replicas that quota and pools allow, None = unknown.
        zones: zones to survive the loss of one of, 1 = none.
        highest_load: share of the capacity up to which a pod answers in time.
    """

    request_m: int
    capacity_m: int
    floor: int = 2
    ceiling: int | None = None
    zones: int = 1
    highest_load: float = 1.0


def seed_settings(
    demand_m: NDArray[np.float64],
    limits: Limits,
    chain: LatencyChain,
    hold_steps: int,
    *,
    windows_seconds: Sequence[float] = WINDOWS_SECONDS,
    quantiles: Sequence[float] = QUANTILES,
    extra_percents: Sequence[int] = (),
) -> list[Setting]:
    """Candidates, cheapest first as far as the formulas tell; at most windows x (quantiles + extra) x 2.

    Args:
        demand_m: (value,) millicores, NaN = unknown.
        limits: what is fixed.
        chain: delays.
        hold_steps: syncs per value.
        windows_seconds: scale-down windows to try.
        quantiles: growth quantiles to try.
        extra_percents: targets to try with every window besides those of the formula.
    """
    value_seconds = hold_steps * chain.sync_seconds
    reaction = max(1, math.ceil(chain.reaction_seconds / value_seconds))
    scale = limits.capacity_m / limits.request_m
    dead_percent = math.ceil(100.0 * highest_live_target(limits.capacity_m, limits.request_m)) - 1
    known = demand_m[np.isfinite(demand_m)]
    peak_m = float(known.max()) if known.size else 0.0
    floor_m = limits.floor * limits.capacity_m * limits.highest_load
    found: dict[Setting, None] = {}
    for window in windows_seconds:
        values = 1 + int(window // value_seconds)
        percents = set(extra_percents)
        for quantile in quantiles:
            growth = growth_quantile(
                demand_m, quantile, window_values=values, reaction_values=reaction, ignore_below=floor_m
            )
            percents.add(math.floor(100.0 * scale * target_for_growth(limits.highest_load, growth)))
        for percent in sorted({min(max(one, LOWEST_TARGET_PERCENT), dead_percent) for one in percents}, reverse=True):
            for minimum in _minimums(demand_m, percent, limits, reaction):
                maximum = maximum_for_peak(peak_m, target=percent / 100.0, request=limits.request_m, zones=limits.zones)
                maximum = max(minimum, min(maximum, limits.ceiling or maximum))
                behaviour = Behaviour(DEFAULT_UP, default_down(window))
                setting = Setting(percent, minimum, maximum, limits.request_m, limits.capacity_m, behaviour)
                found.setdefault(setting)
    return list(found)


def _minimums(demand_m: NDArray[np.float64], percent: int, limits: Limits, reaction: int) -> list[int]:
    """The availability floor, and what the quiet hours need so that the next rise is carried."""
    ceiling = limits.ceiling or 10**9
    nights = minimum_for_nights(
        np.nan_to_num(demand_m), limits.capacity_m * limits.highest_load, target=percent / 100.0,
        request=limits.request_m, reaction_values=reaction, quantile=0.99, floor=limits.floor,
    )  # fmt: skip
    return sorted({min(limits.floor, ceiling), min(nights, ceiling)})
