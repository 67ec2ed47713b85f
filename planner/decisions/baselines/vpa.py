"""The Vertical Pod Autoscaler's target over many series at once (`vpa_state` is the same rule, sample by sample).

CPU: every sample weighs ``0.1 * 2^(-age / 24 h)``. Memory: the peak of each day, dated at the day's end, weighs
``2^(-age / 24 h)``. The target is the end of the bucket in which the cumulative weight reaches ``p``, truncated to
whole millicores or bytes, plus the margin, truncated again.

What differs from a running recommender, by the nature of a window:

- Days of the window are the memory intervals; the recommender counts 24 h from a container's first sample.
- It sees a sample a minute; here a sample is a step of the window.
- Samples past 8 days are left out. It would keep them at less than 1/256 of a new one's weight, unless it restarts.
- CPU samples are not cut to whole millicores first: its metrics API rounds them up, its Prometheus history down.
- Epsilon plays no part: within 8 days no sample is lighter than the oldest one's 0.1.
- Out-of-memory kills are not part of a window.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.baselines.rows import check_margin, check_share, in_groups
from planner.decisions.baselines.vpa_amounts import HIGHEST_AMOUNT, MILLICORES_PER_CORE, share_of_minimum
from planner.decisions.baselines.vpa_buckets import (
    CPU_BUCKETS,
    MEMORY_BUCKETS,
    SAMPLE_WEIGHT,
    ExponentialBuckets,
    float32_edges,
)
from planner.decisions.baselines.vpa_state import DEFAULT_CONFIG
from planner.usage.window import UsageWindow

HALF_LIFE_DAYS = 1.0


@dataclass(frozen=True, slots=True)
class VpaSizer:
    """Target of the Vertical Pod Autoscaler.

    Attributes:
        percentile: of the decayed histogram, CPU and memory alike.
        margin: added to it.
        pod_minimum: hold the answer at or above a pod's 25 millicores and 250 MiB, split over its containers. Off by
            default: a window does not say how many containers share a pod.
        containers_per_pod: what a pod's minimum is split over, for every series.
        window_days: samples older than this are left out.
    """

    percentile: float = 0.9
    margin: float = 0.15
    pod_minimum: bool = False
    containers_per_pod: int = 1
    window_days: int = 8

    def __post_init__(self) -> None:
        """Check the dials."""
        check_share("percentile", self.percentile)
        check_margin(self.margin)
        if self.containers_per_pod < 1 or self.window_days < 1:
            raise ValueError("containers_per_pod and window_days must be 1 or more")

    @property
    def method(self) -> str:
        """``vpa``."""
        return "vpa"

    @property
    def setting(self) -> str:
        """Such as ``percentile=0.9,margin=0.15``."""
        floor = f",pod-minimum/{self.containers_per_pod}" if self.pod_minimum else ""
        return f"percentile={self.percentile:g},margin={self.margin:g}{floor}"

    def size(self, window: UsageWindow) -> NDArray[np.float64]:
        """Target of each series.

        Returns:
            (series,) cores, whole millicores; or whole bytes. NaN = no sample in the last ``window_days``.
        """
        base = np.full(len(window.values), np.nan)
        for rows, group in in_groups(window, self.window_days):
            if window.resource == "cpu":
                edge = _percentile(group.values, _decayed(group), CPU_BUCKETS, self.percentile)
                base[rows] = edge * MILLICORES_PER_CORE
            else:
                peaks = group.day_peaks()
                weights = np.exp2(np.arange(peaks.shape[1]) / HALF_LIFE_DAYS) * np.isfinite(peaks)
                base[rows] = _percentile(peaks.astype(np.float32), weights, MEMORY_BUCKETS, self.percentile)
        amount = self._floored(_with_margin(np.floor(base), self.margin), window)
        return amount / MILLICORES_PER_CORE if window.resource == "cpu" else amount

    def _floored(self, amount: NDArray[np.float64], window: UsageWindow) -> NDArray[np.float64]:
        if not self.pod_minimum:
            return amount
        cpu = window.resource == "cpu"
        of_pod = DEFAULT_CONFIG.pod_minimum_millicores if cpu else DEFAULT_CONFIG.pod_minimum_bytes
        return np.maximum(amount, share_of_minimum(of_pod, self.containers_per_pod))


def _decayed(group: UsageWindow) -> NDArray[np.float64]:
    """(series, slot) weights; the oldest slot keeps its own, newer ones grow, as in the recommender."""
    growth = np.exp2((group.age_days.max(initial=0.0) - group.age_days) / HALF_LIFE_DAYS)
    weights: NDArray[np.float64] = group.weights * (SAMPLE_WEIGHT * growth)
    return weights


def _percentile(
    values: NDArray[np.float32], weights: NDArray[np.float64], buckets: ExponentialBuckets, p: float
) -> NDArray[np.float64]:
    """End of the bucket in which each row's cumulative weight reaches ``p`` of its total.

    Args:
        values: (series, slot), NaN = no sample.
        weights: (series, slot), 0 where there is no sample.
        buckets: the histogram's buckets; its last one has no end, so its start is given.
        p: between 0 and 1.

    Returns:
        (series,) NaN = no sample.
    """
    count = buckets.count
    cells = np.searchsorted(float32_edges(buckets), values.ravel(), side="right")
    cells += np.repeat(np.arange(len(values)) * count, values.shape[1])
    histograms = np.bincount(cells, weights.ravel(), minlength=len(values) * count).reshape(len(values), count)
    reached = histograms.cumsum(axis=1)
    bucket = (reached < p * reached[:, -1:]).sum(axis=1)
    filled = histograms > 0
    lowest, highest = filled.argmax(axis=1), count - 1 - filled[:, ::-1].argmax(axis=1)
    bucket = np.clip(bucket, lowest, highest)
    starts = np.array([buckets.start(index) for index in range(count)])
    return np.where(filled.any(axis=1), starts[np.minimum(bucket + 1, count - 1)], np.nan)


def _with_margin(base: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """``base + trunc(base * margin)`` of whole amounts; the ceiling of an amount holds for each step."""
    return base + np.minimum(np.floor(base * margin), HIGHEST_AMOUNT)
