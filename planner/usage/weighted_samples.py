"""Weighted samples in descending order: quantiles, and means of what lies above a request.

Arrays are (series, slot): values highest first, 0 where a slot is empty, and shares of the weight that sum to 1 in each
row (all 0 = no sample).
"""

import numpy as np
from numpy.typing import NDArray

from planner.usage.day_ranks import GROUPS, DayRanks

Floats = NDArray[np.float64]


def descending(ranks: DayRanks) -> tuple[NDArray[np.intp], Floats]:
    """(series, slot) order of the slots by value, highest first, and the values in it."""
    flat = np.nan_to_num(ranks.values.reshape(len(ranks.values), ranks.days * GROUPS))
    order = np.argsort(-flat, axis=1, kind="stable")
    return order, np.take_along_axis(flat, order, axis=1).astype(np.float64)


def shares(ranks: DayRanks, half_life_days: float, order: NDArray[np.intp]) -> Floats:
    """(series, slot) weights in the order of the values, rows sum to 1 (all 0 without a sample)."""
    age = ranks.days - 1 - np.arange(ranks.days)
    recency = 0.5 ** (age / half_life_days)
    weights = (ranks.weights * recency[None, :, None]).reshape(len(ranks.weights), ranks.days * GROUPS)
    ordered = np.take_along_axis(weights, order, axis=1)
    total = ordered.sum(axis=1, keepdims=True)
    share: Floats = np.divide(ordered, total, out=np.zeros(ordered.shape), where=total > 0)
    return share


def descending_shares(ranks: DayRanks) -> tuple[Floats, Floats, Floats]:
    """(series, slot) values, highest first; (series, slot) shares of the samples; (series,) number of samples."""
    values, share = ordered(ranks, np.inf)
    return values, share, ranks.weights.sum(axis=(1, 2)).astype(np.float64)


def ordered(ranks: DayRanks, half_life_days: float) -> tuple[Floats, Floats]:
    """(series, slot) values, highest first, and their recency-weighted shares."""
    order, values = descending(ranks)
    return values, shares(ranks, half_life_days, order)


def quantiles_of(values: Floats, share: Floats, levels: Floats) -> Floats:
    """Weighted quantiles of each row.

    Groups of samples stand for their means, so a quantile between the middles of two groups is told linearly.

    Args:
        values: (series, slot) descending.
        share: (series, slot), rows sum to 1.
        levels: (level,) for all, or (series, level).

    Returns:
        (series, level).
    """
    above = np.cumsum(share, axis=1)
    middle = above - share / 2.0
    all_levels = np.broadcast_to(levels, (len(values), levels.shape[-1]))
    result = np.empty(all_levels.shape)
    rows = np.arange(len(values))
    last = values.shape[1] - 1
    for column in range(all_levels.shape[1]):
        wanted = 1.0 - all_levels[:, column]
        right = np.minimum((middle < wanted[:, None] - 1e-12).sum(axis=1), last)
        left = np.maximum(right - 1, 0)
        width = middle[rows, right] - middle[rows, left]
        part = np.divide(wanted - middle[rows, left], width, out=np.ones(len(rows)), where=width > 0)
        part = np.clip(part, 0.0, 1.0)
        result[:, column] = values[rows, left] + part * (values[rows, right] - values[rows, left])
    return result


def mean_excess_of(values: Floats, share: Floats, requests: Floats) -> Floats:
    """(series, point) weighted mean of ``(u - r)+``; values descending."""
    count = np.concatenate([np.zeros((len(values), 1)), np.cumsum(share, axis=1)], axis=1)
    area = np.concatenate([np.zeros((len(values), 1)), np.cumsum(share * values, axis=1)], axis=1)
    result = np.empty(requests.shape)
    rows = np.arange(len(values))
    for column in range(requests.shape[1]):
        above = (values > requests[:, column, None]).sum(axis=1)
        result[:, column] = area[rows, above] - requests[:, column] * count[rows, above]
    positive: Floats = np.maximum(result, 0.0)
    return positive
