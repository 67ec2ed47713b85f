"""What one replay looked like: the figures and episodes that a reviewer reads, from its tracks.

Episodes are runs of steps; all arrays are (step,), one value per sync.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Episode:
    """An unbroken violation: first step, steps, and demand that was not served."""

    start_step: int
    steps: int
    unserved_core_seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one replay.

    Attributes:
        mean_replicas, p95_replicas, max_replicas: of the pods that existed.
        trigger_to_capacity_p50_seconds, trigger_to_capacity_p95_seconds: see `trigger_to_capacity`, NaN without any.
        worst_episodes: the three longest violations, longest first.
    """

    mean_replicas: float
    p95_replicas: float
    max_replicas: int
    trigger_to_capacity_p50_seconds: float
    trigger_to_capacity_p95_seconds: float
    worst_episodes: tuple[Episode, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Replay of today's setting against the replicas that were recorded.

    Attributes:
        mean_error_pods: mean of |replayed - recorded|.
        share_within_one: share of the steps that differ by at most one pod.
        steps: steps with a record.
    """

    mean_error_pods: float
    share_within_one: float
    steps: int


def judge(
    demand_m: Floats,
    desired: NDArray[np.integer],
    ready: NDArray[np.integer],
    *,
    capacity_m: float,
    comfort_m: float,
    sync_seconds: float = 15.0,
) -> Figures:
    """Figures of one replay.

    Args:
        demand_m: (step,) offered demand in millicores, NaN = unknown.
        desired: (step,) pods that existed.
        ready: (step,) pods that served.
        capacity_m: what a ready pod can serve.
        comfort_m: usage of a pod up to which the autoscaler does nothing, ``T * r * (1 + tolerance)``.
        sync_seconds: length of a step.
    """
    excess_m = np.nan_to_num(demand_m - ready * capacity_m)
    episodes = [
        Episode(start, stop - start, float(np.maximum(excess_m[start:stop], 0).sum()) * sync_seconds / 1000.0)
        for start, stop in runs(excess_m > 0.0)
    ]
    episodes.sort(key=lambda one: (-one.steps, one.start_step))
    waits = trigger_to_capacity(demand_m, ready, comfort_m, sync_seconds)
    p50, p95 = (float(value) for value in np.quantile(waits, [0.5, 0.95])) if waits.size else (np.nan, np.nan)
    return Figures(
        float(desired.mean()), float(np.quantile(desired, 0.95)), int(desired.max()), p50, p95, tuple(episodes[:3])
    )


def trigger_to_capacity(demand_m: Floats, ready: NDArray[np.integer], comfort_m: float, sync_seconds: float) -> Floats:
    """Seconds from the step whose demand rises above what the autoscaler tolerates until ready pods carry it again.

    Returns:
        (rise,) one value per rise; one that outlasts the replay counts up to its end.
    """
    above = np.nan_to_num(demand_m) > ready * comfort_m
    return np.array([stop - start for start, stop in runs(above)], dtype=np.float64) * sync_seconds


def calibrate(replayed: ArrayLike, recorded: ArrayLike) -> Calibration:
    """Compare (step,) replicas; NaN in ``recorded`` = no record."""
    truth = np.asarray(recorded, dtype=np.float64)
    known = np.isfinite(truth)
    error = np.abs(np.asarray(replayed, dtype=np.float64)[known] - truth[known])
    if not error.size:
        return Calibration(float("nan"), float("nan"), 0)
    return Calibration(float(error.mean()), float((error <= 1.0).mean()), int(error.size))


def clipped_share(demand_m: Floats, recorded_replicas: Floats, maximum: int, capacity_m: float) -> float:
    """Share of the time in which recorded usage says little about demand: all pods of the maximum busy.

    Usage at 95 % of what the maximum can serve counts as clipped: the true demand is unknown there.
    """
    known = np.isfinite(demand_m) & np.isfinite(recorded_replicas)
    if not known.any():
        return 0.0
    clipped = (recorded_replicas >= maximum) & (demand_m >= 0.95 * maximum * capacity_m)
    return float(clipped[known].mean())


def runs(flags: Flags) -> list[tuple[int, int]]:
    """Half-open ranges of the steps that are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
