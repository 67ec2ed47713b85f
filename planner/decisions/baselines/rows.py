"""A window in groups of rows, and quantiles of weighted rows: what all rules of this package are made of."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.usage.window import UsageWindow

CELLS_AT_ONCE: Final = 2_000_000
"""Slots of a group; its working arrays take about 100 bytes for each."""


def in_groups(window: UsageWindow, last_days: int | None = None) -> Iterator[tuple[slice, UsageWindow]]:
    """The window a group of series at a time, every slot without weight as NaN and every NaN without weight.

    Args:
        window: of any size; never copied as a whole.
        last_days: keep only slots of this many last days.

    Yields:
        Rows of the window, and the window of these rows.
    """
    kept = np.ones(len(window.day), dtype=bool) if last_days is None else window.day >= window.days - last_days
    first_day = 0 if last_days is None else max(window.days - last_days, 0)
    day, age_days = window.day[kept] - first_day, window.age_days[kept]
    columns = slice(None) if kept.all() else kept
    rows_at_once = max(1, CELLS_AT_ONCE // max(1, int(kept.sum())))
    for first in range(0, len(window.values), rows_at_once):
        rows = slice(first, min(first + rows_at_once, len(window.values)))
        values, weights = window.values[rows][:, columns], window.weights[rows][:, columns]
        present = np.isfinite(values) & (weights > 0)
        yield (
            rows,
            replace(
                window,
                values=np.where(present, values, np.float32(np.nan)),
                weights=np.where(present, weights, np.float32(0)),
                day=day,
                age_days=age_days,
            ),
        )


def highest(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """(series,) highest value of each row; NaN = no sample."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    top: NDArray[np.float64] = np.fmax.reduce(values, axis=1).astype(np.float64)
    return top


def sample_quantile(values: NDArray[np.float32], weights: NDArray[np.float32], q: float) -> NDArray[np.float64]:
    """Quantile of each row as if a slot of weight w were w samples, linear between neighbours.

    With N samples, sorted, the rank is ``q (N - 1)``; the answer lies between the samples at its floor and the next
    one, as in Prometheus' ``quantile_over_time`` and numpy's default.

    Args:
        values: (series, slot), NaN = no sample.
        weights: (series, slot), number of samples; 0 where there is none.
        q: between 0 and 1.

    Returns:
        (series,) NaN = no sample.
    """
    if q == 1 or not values.shape[1]:
        return highest(values)
    if bool((weights <= 1).all()):
        ordered = np.sort(values, axis=1)
        counted = np.isfinite(ordered).cumsum(axis=1, dtype=np.float64)
    else:
        order = np.argsort(values, axis=1)
        ordered = np.take_along_axis(values, order, axis=1)
        counted = np.take_along_axis(weights, order, axis=1).cumsum(axis=1, dtype=np.float64)
    total = counted[:, -1]
    rank = np.clip(q * (total - 1), 0, None)
    below = np.floor(rank)
    above = np.minimum(below + 1, np.maximum(total - 1, 0))
    low, high = (_at(ordered, counted, position) for position in (below, above))
    result: NDArray[np.float64] = np.where(total > 0, low + (rank - below) * (high - low), np.nan)
    return result


def share_quantile(values: NDArray[np.float32], shares: NDArray[np.float64], p: float) -> NDArray[np.float64]:
    """Lowest value of each row at or under which at least ``p`` of the row's weight lies.

    Args:
        values: (series, slot), NaN = no sample.
        shares: (series, slot) weights of any scale; 0 where there is no sample.
        p: between 0 and 1.

    Returns:
        (series,) NaN = no sample; the lowest value where none has weight.
    """
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    reached = np.take_along_axis(shares, order, axis=1).cumsum(axis=1)
    index = np.minimum((reached < p * reached[:, -1:]).sum(axis=1), ordered.shape[1] - 1)
    found: NDArray[np.float64] = ordered[np.arange(len(ordered)), index].astype(np.float64)
    return found


def _at(
    ordered: NDArray[np.float32], counted: NDArray[np.float64], position: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sample of each row at a position counted from 0."""
    index = np.minimum((counted <= position[:, None]).sum(axis=1), ordered.shape[1] - 1)
    found: NDArray[np.float64] = ordered[np.arange(len(ordered)), index].astype(np.float64)
    return found


def check_share(name: str, value: float) -> None:
    """``ValueError`` if a dial is not between 0 and 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be between 0 and 1, not {value}")


def check_margin(value: float) -> None:
    """``ValueError`` if a margin is negative or not a number."""
    if not 0 <= value < np.inf:
        raise ValueError(f"margin must be 0 or more, not {value}")
