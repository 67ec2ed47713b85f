"""Curves of risk against request, read off the observed usage.

CPU. A container that wants more than its request may have to wait. Its shortage at request r is

    shortage(r) = 730 h x (mean over time of the sum over its pods of (u - r)+)     [core-hours a month]

which is convex in r and comes exactly from the histogram of samples. Past the highest sample nothing
is known; the curve ends there with what is left, 0.

Memory. A container that needs more than it may have is killed. An incident is a day on which the
highest sample of any pod lies above m. With the n daily peaks p(1) >= p(2) >= ... the expected number in
30 days is

    incidents(p(k)) = 30 (k - 1 + 1) / (n + 1)          k - 1 days were above it, plus one yet unseen
    incidents(m)    = 30 / (n + 1) exp(-(m - p(1)) / s)   above the highest, s = max(mean excess of the
                                                          upper half over the median, 5 % of p(1))

so that few days of history ask for a wider margin, and jumpy ones too.
"""

import numpy as np
from numpy.typing import NDArray

from planner.units import HOURS_PER_MONTH
from planner.usage.histogram import mean_excess, quantiles
from planner.usage.history import ResourceHistory

CPU_LEVELS = np.concatenate(
    [
        [0.05, 0.1, 0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.875],
        [0.9, 0.92, 0.93, 0.94, 0.95, 0.955, 0.96, 0.965, 0.97, 0.975, 0.98, 0.985],
        [0.9875, 0.99, 0.9925, 0.995, 0.997, 0.998, 0.999, 0.9995],
    ]
)
MEMORY_TAIL = np.array([1.0, 1.02, 1.05, 1.08, 1.1, 1.12, 1.15, 1.18, 1.2, 1.25, 1.3, 1.4, 1.5, 1.75, 2.0])
SMALLEST_TAIL_SCALE = 0.05
DAYS = 30.0


def cpu_curve(
    cpu: ResourceHistory, rows: NDArray[np.intp], mean_pods: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Requests and expected shortage of the containers in ``rows``.

    Args:
        cpu: CPU of all containers.
        rows: (item,) rows of ``cpu``.
        mean_pods: (item,) pods running on average.

    Returns:
        (item, point) request in cores, ascending from 0; (item, point) shortage in core-hours a month.
    """
    histograms = cpu.histograms[rows]
    edges = cpu.bins.edges()
    points = quantiles(histograms, edges, CPU_LEVELS)
    points = np.concatenate([np.zeros((len(rows), 1)), points, cpu.highest[rows][:, None]], axis=1)
    points = np.maximum.accumulate(np.minimum(points, cpu.highest[rows][:, None]), axis=1)
    return strictly_ascending(points, cpu_shortage(cpu, rows, points, mean_pods))


def cpu_shortage(
    cpu: ResourceHistory, rows: NDArray[np.intp], points: NDArray[np.float64], mean_pods: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(item, point) expected core-hours of shortage a month at the given requests (cores)."""
    excess = mean_excess(cpu.histograms[rows], cpu.bins.edges(), points)
    excess = np.where(points >= cpu.highest[rows][:, None], 0.0, excess)
    samples = np.maximum(cpu.samples[rows], 1)[:, None]
    shortage: NDArray[np.float64] = excess / samples * mean_pods[:, None] * HOURS_PER_MONTH
    return shortage


def memory_curve(memory: ResourceHistory, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sizes and expected incidents of the containers in ``rows``.

    Returns:
        (item, point) size in bytes, ascending, NaN at the end where fewer days were seen;
        (item, point) expected incident days in 30 days.
    """
    peaks = np.sort(memory.day_peak[rows], axis=1)  # ascending, NaN last
    highest = memory.highest[rows]
    days = np.isfinite(peaks).sum(axis=1)
    position = np.arange(peaks.shape[1])[None, :]
    inside = position < days[:, None] - 1  # the highest peak itself opens the tail
    body_points = np.where(inside, peaks, np.nan)
    body_risk = DAYS * (days[:, None] - position) / (days[:, None] + 1.0)
    scale = tail_scale(memory, rows)
    tail_points = highest[:, None] * MEMORY_TAIL
    tail_risk = DAYS / (days[:, None] + 1.0) * np.exp(-(tail_points - highest[:, None]) / scale[:, None])
    points = np.concatenate([body_points, tail_points], axis=1)
    risk = np.concatenate([np.where(inside, body_risk, np.nan), tail_risk], axis=1)
    return strictly_ascending(points, risk)


def strictly_ascending(
    points: NDArray[np.float64], risk: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sort each row, NaN last, and keep the last (least risky) of equal points."""
    order = np.argsort(points, axis=1, kind="stable")
    points, risk = np.take_along_axis(points, order, axis=1), np.take_along_axis(risk, order, axis=1)
    equal = np.zeros(points.shape, dtype=bool)
    equal[:, :-1] = points[:, :-1] >= points[:, 1:]
    points, risk = np.where(equal, np.nan, points), np.where(equal, np.nan, risk)
    order = np.argsort(points, axis=1, kind="stable")
    return np.take_along_axis(points, order, axis=1), np.take_along_axis(risk, order, axis=1)


def tail_scale(memory: ResourceHistory, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """(item,) scale s of the exponential tail above the highest daily peak, in bytes."""
    peaks = memory.day_peak[rows]
    highest = memory.highest[rows]
    with np.errstate(invalid="ignore"):
        some = np.isfinite(peaks).any(axis=1)
        median = np.full(len(peaks), np.nan)
        median[some] = np.nanmedian(peaks[some], axis=1)
        above = np.where(peaks > median[:, None], peaks - median[:, None], np.nan)
    count = np.isfinite(above).sum(axis=1)
    excess = np.divide(np.nansum(above, axis=1), count, out=np.zeros(len(peaks)), where=count > 0)
    scale: NDArray[np.float64] = np.maximum(np.maximum(excess, SMALLEST_TAIL_SCALE * highest), 1.0)
    return scale


def memory_incidents(
    memory: ResourceHistory, rows: NDArray[np.intp], sizes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(item,) expected incident days in 30 days when the containers may have ``sizes`` bytes (NaN = no limit: 0)."""
    peaks = memory.day_peak[rows]
    highest = memory.highest[rows]
    days = np.isfinite(peaks).sum(axis=1)
    above = (peaks > sizes[:, None]).sum(axis=1)
    body = DAYS * (above + 1.0) / (days + 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        tail = DAYS / (days + 1.0) * np.exp(-(sizes - highest) / tail_scale(memory, rows))
    risk = np.where(sizes >= highest, tail, np.minimum(body, DAYS))
    return np.where(np.isfinite(sizes) & (days > 0), risk, 0.0)
