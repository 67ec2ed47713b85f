"""The question of choosing one option per item under shared limits, checked on entry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SharedLimit:
    """One limit: ``sum_m usage[m, option chosen by items[m]] <= limit``.

    Attributes:
        name: unique; it names the row, such as ``namespace_budget[team-a]``.
        items: (member,) int64 positions of items, each at most once.
        usage: (member, option) float64, 0 or more; what an item does not offer is not read.
        limit: float, ``inf`` for none.
    """

    name: str
    items: Places
    usage: Floats
    limit: float


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceProblem:
    """``min sum_i cost[i, o_i]`` over one option ``o_i`` per item, under shared limits.

    Attributes:
        cost: (item, option) float64; ``inf`` = this item has no such option.
        limits: the shared limits.
    """

    cost: Floats
    limits: Sequence[SharedLimit] = ()

    def __post_init__(self) -> None:
        """Check every shape and value once."""
        if self.cost.ndim != 2 or not self.cost.size:
            raise ValueError(f"cost has shape {self.cost.shape}; expected (item, option)")
        if np.isnan(self.cost).any() or (self.cost == -np.inf).any():
            raise ValueError("cost holds a number that is no cost")
        without = np.flatnonzero(np.isinf(self.cost).all(axis=1))
        if without.size:
            raise ValueError(f"item {without[0]} has no option")
        names = [one.name for one in self.limits]
        if len(set(names)) < len(names):
            raise ValueError("two limits have one name")
        for one in self.limits:
            self._check(one)

    def _check(self, limit: SharedLimit) -> None:
        if limit.usage.shape != (limit.items.size, self.cost.shape[1]):
            raise ValueError(f"usage of {limit.name} has shape {limit.usage.shape}")
        if limit.items.size and (limit.items.min() < 0 or limit.items.max() >= self.cost.shape[0]):
            raise ValueError(f"items of {limit.name} are out of range")
        if np.unique(limit.items).size < limit.items.size:
            raise ValueError(f"an item stands twice in {limit.name}")
        offered = limit.usage[np.isfinite(self.cost[limit.items])]
        if not np.isfinite(offered).all() or (offered < 0).any() or np.isnan(limit.limit):
            raise ValueError(f"usage of {limit.name} must be finite and 0 or more")

    def total_cost(self, chosen: Places) -> float:
        """Cost of one option per item, (item,)."""
        return float(self.cost[np.arange(chosen.size), chosen].sum())

    def used(self, chosen: Places) -> Floats:
        """(limit,) what a choice uses of each limit."""
        sums = [one.usage[np.arange(one.items.size), chosen[one.items]].sum() for one in self.limits]
        return np.array(sums, dtype=np.float64)

    def bounds(self) -> Floats:
        """(limit,) the limits."""
        return np.array([one.limit for one in self.limits], dtype=np.float64)

    def priced(self, prices: Floats) -> Floats:
        """(item, option) cost plus usage at ``prices``, (limit,) of 0 or more."""
        total = self.cost.copy()
        for price, one in zip(prices, self.limits, strict=True):
            if price > 0.0:
                total[one.items] += price * one.usage
        # An option that is not offered may have any usage, NaN included.
        total[np.isinf(self.cost)] = np.inf
        return total
