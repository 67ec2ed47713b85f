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

WINDOWS_SECONDS: tuple[float | None, ...] = (None, 60.0, 300.0, 600.0, 1200.0, 1800.0)
"""Scale-down windows to try; None = no ``spec.behavior``, the controller's own window."""

QUANTILES = (0.9, 0.97, 0.99, 0.999)
LOWEST_TARGET_PERCENT = 10
LONGEST_WINDOW_SECONDS = 3600.0
LEGACY_WINDOW_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the workload and its owner fix.

    Attributes:
        request_m, capacity_m: of a pod, millicores.
        floor: fewest replicas for availability: 2, or the zones, or the disruption budget and one.
        ceiling: most replicas that quota and pools allow, None = unknown.
        zones: zones to survive the loss of one of, 1 = none.
        growth: how far demand may grow beyond its peak, 0.5 = by half; for the maximum.
        highest_load: share of the capacity up to which a pod answers in time.
        highest_percent: highest target to try, None = what an autoscaler can still act on.
    """

    request_m: int
    capacity_m: int
    floor: int = 2
    ceiling: int | None = None
    zones: int = 1
    growth: float = 0.5
    highest_load: float = 1.0
    highest_percent: int | None = None


def seed_settings(
    demand_m: NDArray[np.float64],
    limits: Limits,
    chain: LatencyChain,
    hold_steps: int,
    *,
    windows_seconds: Sequence[float | None] = WINDOWS_SECONDS,
    quantiles: Sequence[float] = QUANTILES,
    extra_percents: Sequence[int] = (),
    most_minimums: int = 2,
) -> list[Setting]:
    """Candidates: every window with its targets and every minimum.

    A value that is held for minutes would be forgotten just before the next one is seen if the window
    ended with it; so windows that outlast one and two values by the delay of the metric are tried too.

    Args:
        demand_m: (value,) millicores, NaN = unknown.
        limits: what is fixed.
        chain: delays.
        hold_steps: syncs per value.
        windows_seconds: scale-down windows to try.
        quantiles: growth quantiles to try.
        extra_percents: targets to try with every window besides those of the formula.
        most_minimums: minimums to try, from the floor up to what half of the time needs.
    """
    value_seconds = hold_steps * chain.sync_seconds
    reaction = max(1, math.ceil(chain.reaction_seconds / value_seconds))
    scale = limits.capacity_m / limits.request_m
    dead_percent = math.ceil(100.0 * highest_live_target(limits.capacity_m, limits.request_m)) - 1
    if limits.highest_percent is not None:
        dead_percent = min(dead_percent, limits.highest_percent)
    known = demand_m[np.isfinite(demand_m)]
    peak_m = float(known.max()) if known.size else 0.0
    floor_m = limits.floor * limits.capacity_m * limits.highest_load
    found: dict[Setting, None] = {}
    seen_seconds = chain.metrics_delay_seconds + chain.sync_seconds
    outlasting = [count * value_seconds + seen_seconds for count in (1, 2)]
    windows = [*windows_seconds, *(one for one in outlasting if one <= LONGEST_WINDOW_SECONDS)]
    for window in dict.fromkeys(windows):
        behaviour = None if window is None else Behaviour(DEFAULT_UP, default_down(window))
        values = 1 + int((LEGACY_WINDOW_SECONDS if window is None else window) // value_seconds)
        percents = set(extra_percents)
        for quantile in quantiles:
            growth = growth_quantile(
                demand_m, quantile, window_values=values, reaction_values=reaction, ignore_below=floor_m
            )
            percents.add(math.floor(100.0 * scale * target_for_growth(limits.highest_load, growth)))
        for percent in sorted({min(max(one, LOWEST_TARGET_PERCENT), dead_percent) for one in percents}):
            maximum = maximum_for_peak(
                peak_m, target=percent / 100.0, request=limits.request_m, growth=limits.growth, zones=limits.zones
            )
            for minimum in _minimums(known, percent, limits, reaction, most_minimums):
                most = max(minimum, min(maximum, limits.ceiling or maximum))
                found.setdefault(Setting(percent, minimum, most, limits.request_m, limits.capacity_m, behaviour))
    return list(found)


def _minimums(known_m: NDArray[np.float64], percent: int, limits: Limits, reaction: int, most: int) -> list[int]:
    """The availability floor, what the quiet hours need so that the next rise is carried, and steps between."""
    ceiling = limits.ceiling or 10**9
    nights = minimum_for_nights(
        known_m, limits.capacity_m * limits.highest_load, target=percent / 100.0,
        request=limits.request_m, reaction_values=reaction, quantile=0.99, floor=limits.floor,
    )  # fmt: skip
    if most <= 2 or not known_m.size:
        return sorted({min(limits.floor, ceiling), min(nights, ceiling)})
    median = math.ceil(float(np.median(known_m)) / (percent * limits.request_m / 100.0))
    highest = max(limits.floor, min(ceiling, max(median, 2 * limits.floor)))
    steps = np.geomspace(limits.floor, highest, most)
    return sorted({min(round(float(one)), ceiling) for one in steps})
