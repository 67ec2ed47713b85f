"""How the figures move around a choice: the neighbours and the bad days that a reviewer asks about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.evidence.autoscaling.behaviour import Behaviour, default_down
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.lanes import make_lanes
from planner.evidence.autoscaling.replay import replay
from planner.evidence.autoscaling.setting import Setting

NODE_WAIT_SECONDS = 240.0
"""A new node takes 3-4 minutes (cluster-autoscaler FAQ, GCE), the scan before it included."""

BURST_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One change of one dial and what the replay shows for it."""

    change: str
    replica_hours: float
    violation_seconds: float
    worst_seconds: float


def neighbours(setting: Setting, chain: LatencyChain) -> dict[str, tuple[Setting, LatencyChain]]:
    """The choice and its neighbours: target +-10, minimum +-1, window x2, pod start x2; what cannot be is left out."""
    found = {"chosen": (setting, chain)}
    for points in (-10, 10):
        if setting.target_percent + points >= 1:
            found[f"target {points:+d}"] = (replace(setting, target_percent=setting.target_percent + points), chain)
    for pods in (-1, 1):
        if 1 <= setting.minimum + pods <= setting.maximum:
            found[f"minimum {pods:+d}"] = (replace(setting, minimum=setting.minimum + pods), chain)
    behaviour = setting.behaviour or Behaviour(down=default_down(setting.legacy_window_seconds))
    doubled = min(3600.0, max(2.0 * behaviour.down.window_seconds, chain.sync_seconds))
    longer = replace(behaviour, down=replace(behaviour.down, window_seconds=doubled))
    found["window x2"] = (replace(setting, behaviour=longer), chain)
    found["pod start x2"] = (setting, replace(chain, pod_start_seconds=2.0 * chain.pod_start_seconds))
    return found


def bad_days(chain: LatencyChain) -> dict[str, tuple[LatencyChain, bool]]:
    """Delays of each, and whether the hour around the peak is half as high again."""
    no_room = replace(chain, free_room_pods=0, node_wait_seconds=NODE_WAIT_SECONDS)
    return {f"peak hour x{BURST_FACTOR:g}": (chain, True), "no free room": (no_room, False), "both": (no_room, True)}


def around_many(
    cases: Sequence[tuple[NDArray[np.float64], Setting, LatencyChain]], hold_steps: int, *, at_once: int = 50
) -> list[list[Neighbour]]:
    """For many choices the neighbours and the bad days of each, the choice itself left out; one replay for fifty.

    Args:
        cases: (value,) demand of one length, the choice, its delays.
        hold_steps: syncs per value.
        at_once: choices of one replay.
    """
    found: list[list[Neighbour]] = []
    for start in range(0, len(cases), at_once):
        rows: list[NDArray[np.float64]] = []
        names: list[str] = []
        lanes: list[tuple[Setting, LatencyChain]] = []
        series: list[int] = []
        sizes = []
        for demand, setting, chain in cases[start : start + at_once]:
            hour = max(1, round(3600 / (hold_steps * chain.sync_seconds)))
            near = {name: case for name, case in neighbours(setting, chain).items() if name != "chosen"}
            bad = bad_days(chain)
            names += [*near, *bad]
            lanes += [*near.values(), *((setting, other) for other, _ in bad.values())]
            series += [len(rows)] * len(near) + [len(rows) + row for _, row in bad.values()]
            sizes.append(len(near) + len(bad))
            rows += [demand, _with_burst(demand, hour)]
        told = _replayed(np.stack(rows), names, lanes, series, hold_steps)
        for size in sizes:
            found.append(told[:size])
            told = told[size:]
    return found


def _with_burst(demand_m: NDArray[np.float64], hour_values: int) -> NDArray[np.float64]:
    """The hour around the peak, higher by half."""
    if not np.isfinite(demand_m).any():
        return demand_m
    peak = int(np.nanargmax(demand_m))
    start = max(0, peak - hour_values // 2)
    burst = demand_m.copy()
    burst[start : start + hour_values] *= BURST_FACTOR
    return burst


def _replayed(
    demand_m: NDArray[np.float64],
    names: Sequence[str],
    cases: Sequence[tuple[Setting, LatencyChain]],
    rows: Sequence[int],
    hold_steps: int,
) -> list[Neighbour]:
    lanes = make_lanes([one for one, _ in cases], [chain for _, chain in cases], rows)
    outcome = replay(demand_m, lanes, hold_steps=hold_steps)
    figures = zip(outcome.replica_hours, outcome.violation_seconds, outcome.worst_seconds, strict=True)
    return [
        Neighbour(name, float(hours), float(lost), float(worst))
        for name, (hours, lost, worst) in zip(names, figures, strict=True)
    ]
