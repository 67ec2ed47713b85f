"""Many settings as arrays: a lane is one setting on one demand series.

Lanes are kept sorted by (path, scale-down window), so that the lanes of one window lie side by side;
``order`` leads back. Thresholds are worked out once: the replicas change only where the summed usage
of a window leaves ``[low_sum, high_sum)``, which is exact since utilisation is a whole percent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from planner.evidence.autoscaling.behaviour import Behaviour
from planner.evidence.autoscaling.calculator import Tolerance
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.setting import Setting

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """Settings as (lane,) arrays, in sorted order.

    Attributes:
        order: place of each lane in the caller's order.
        series: row of the demand that it replays.
        minimum, maximum: int32.
        target: percent, float64.
        request_m, capacity_m: millicores, float64.
        tolerance_down, tolerance_up: float64.
        low_sum, high_sum: usage sums in millicores between which nothing changes.
        threshold_m: ``T * r``, float64.
        outside: lanes that follow the demand instead of the usage.
        down_steps, up_steps: recommendations that the windows hold, this sync's included.
        is_down_seeded, is_up_seeded: the first entry of the log falls into the window.
        legacy_count: so many lanes at the front have no ``spec.behavior``.
        behaviour: place in ``behaviours`` of each lane, -1 = absent.
        behaviours: the different behaviours.
        start_steps, node_steps, room_pods: latency of each lane, int64.
        delay_steps, window_steps, sync_seconds: latency of all lanes.
    """

    order: Places
    series: Places
    minimum: Counts
    maximum: Counts
    target: Floats
    request_m: Floats
    capacity_m: Floats
    tolerance_down: Floats
    tolerance_up: Floats
    low_sum: Floats
    high_sum: Floats
    threshold_m: Floats
    outside: Places
    down_steps: Places
    up_steps: Places
    is_down_seeded: NDArray[np.bool_]
    is_up_seeded: NDArray[np.bool_]
    legacy_count: int
    behaviour: Places
    behaviours: tuple[Behaviour, ...]
    start_steps: Places
    node_steps: Places
    room_pods: Places
    delay_steps: int
    window_steps: int
    sync_seconds: float

    @property
    def count(self) -> int:
        """Number of lanes."""
        return int(self.order.size)


def make_lanes(
    settings: Sequence[Setting], chain: LatencyChain | Sequence[LatencyChain], series: Sequence[int] | None = None
) -> Lanes:
    """Arrays of the settings.

    Args:
        settings: one per lane.
        chain: delays of all lanes, or one per lane; those of the metrics must be the same for all.
        series: row of the demand of each lane, None = all replay row 0.
    """
    chains = [chain] * len(settings) if isinstance(chain, LatencyChain) else list(chain)
    rows = [0] * len(settings) if series is None else list(series)
    first = chains[0]
    if any((c.delay_steps, c.window_steps, c.sync_seconds) != _shared(first) for c in chains):
        raise ValueError("lanes of one replay share the sync period and the metrics' delay and window")
    sync = first.sync_seconds
    down = [_down_steps(one, sync) for one in settings]
    by_window = sorted(range(len(settings)), key=lambda n: (settings[n].behaviour is not None, down[n], n))
    chosen = [settings[n] for n in by_window]
    behaviours = tuple(dict.fromkeys(one.behaviour for one in chosen if one.behaviour is not None))
    place = {behaviour: n for n, behaviour in enumerate(behaviours)}
    quiet = [_quiet_usage(one.target_percent, one.request_m, *one.tolerances) for one in chosen]
    windows = [(_up_window(one), one.down_window_seconds) for one in chosen]
    return Lanes(
        order=np.array(by_window, dtype=np.int64),
        series=np.array([rows[n] for n in by_window], dtype=np.int64),
        minimum=np.array([one.minimum for one in chosen], dtype=np.int32),
        maximum=np.array([one.maximum for one in chosen], dtype=np.int32),
        target=np.array([one.target_percent for one in chosen], dtype=np.float64),
        request_m=np.array([one.request_m for one in chosen], dtype=np.float64),
        capacity_m=np.array([one.capacity_m for one in chosen], dtype=np.float64),
        tolerance_down=np.array([one.tolerances[0] for one in chosen], dtype=np.float64),
        tolerance_up=np.array([one.tolerances[1] for one in chosen], dtype=np.float64),
        low_sum=np.array([low for low, _ in quiet], dtype=np.float64) * first.window_steps,
        high_sum=np.array([high for _, high in quiet], dtype=np.float64) * first.window_steps,
        threshold_m=np.array([one.threshold_m for one in chosen], dtype=np.float64),
        outside=np.flatnonzero([one.is_outside for one in chosen]),
        down_steps=np.array([down[n] for n in by_window], dtype=np.int64),
        up_steps=np.array([max(1, math.ceil(up / sync)) for up, _ in windows], dtype=np.int64),
        is_down_seeded=np.array([one.behaviour is None or one.down_window_seconds > 0 for one in chosen], dtype=bool),
        is_up_seeded=np.array([up > 0 for up, _ in windows], dtype=bool),
        legacy_count=sum(one.behaviour is None for one in chosen),
        behaviour=np.array([-1 if one.behaviour is None else place[one.behaviour] for one in chosen], dtype=np.int64),
        behaviours=behaviours,
        start_steps=np.array([chains[n].start_steps for n in by_window], dtype=np.int64),
        node_steps=np.array([chains[n].node_steps for n in by_window], dtype=np.int64),
        room_pods=np.array([chains[n].room_pods for n in by_window], dtype=np.int64),
        delay_steps=first.delay_steps,
        window_steps=first.window_steps,
        sync_seconds=sync,
    )


def _shared(chain: LatencyChain) -> tuple[int, int, float]:
    return chain.delay_steps, chain.window_steps, chain.sync_seconds


def _up_window(setting: Setting) -> float:
    return 0.0 if setting.behaviour is None else setting.behaviour.up.window_seconds


def _down_steps(setting: Setting, sync_seconds: float) -> int:
    """Recommendations in the scale-down window: its far end counts only without ``spec.behavior``."""
    if setting.behaviour is None:
        return math.floor(setting.legacy_window_seconds / sync_seconds) + 1
    return max(1, math.ceil(setting.behaviour.down.window_seconds / sync_seconds))


@cache
def _quiet_usage(target_percent: int, request_m: int, tolerance_down: float, tolerance_up: float) -> tuple[int, float]:
    """Whole millicores per pod from which, and below which, the ratio lies inside the tolerance.

    The ratio is ``float(U) / float(T)`` of a whole percent U, so the edges are found among the whole
    percents; ``U >= u`` is the same as ``usage_m >= ceil(u * request_m / 100)``.
    """
    band = Tolerance(tolerance_down, tolerance_up)
    low = max(0, math.floor((1.0 - tolerance_down) * target_percent) - 2)
    while not band.holds(low / target_percent) and low / target_percent < 1.0:
        low += 1
    high = max(low, math.floor((1.0 + tolerance_up) * target_percent) - 2)
    while band.holds(high / target_percent):
        high += 1
    return -(-low * request_m // 100), float(-(-high * request_m // 100))
