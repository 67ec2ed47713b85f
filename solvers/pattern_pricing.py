"""The most valuable pattern of a bin, exactly: a knapsack of several resources with GPUs inside.

For prices v_k >= 0 of the classes and one shape of bin (`solvers.pool_problem`)::

    V = max sum_k v_k a_k    over all patterns a of the shape

No pattern holds more of a class without GPUs than there are, nor of any class where none of value shares a GPU. Limits
on the copies of the others are kept only where asked for; without them V is never below what a plan could use, which is
the safe side for bounds.

A first search keeps only the most promising partial patterns (a beam): quick, and mostly right. A second one keeps all
that could beat it, and so finds the best or proves that there is none; it is given up when it grows too large, and then
the bound of the linear relaxation stands. `solvers.pattern_knapsack` is the search. Where no class shares a GPU,
`solvers.pattern_whole` answers instead: greedy patterns first, branch and bound where a proof is asked for.
"""

from dataclasses import dataclass

import numpy as np

from solvers.pattern_knapsack import PatternSearch, PricedItems
from solvers.pattern_whole import WholeKnapsack
from solvers.pool_problem import WHOLE_MILLI, Floats, Ints, ItemClasses, Shape

_MOST_LIMITED = 40
"""Classes whose limit on copies is kept as a resource of its own."""
_TINY = 1e-9
"""Relative slack for the rounding of sums of prices."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look for patterns.

    Attributes:
        most_patterns: patterns wanted.
        beam: most labels kept at each step of the first search.
        most_labels: most labels kept at each step of the proof; 0 = no proof beyond the relaxation.
        most_pairs: pairs of labels that the proof may look at before it is given up.
        window: the proof also collects patterns worth (1 - window) times the best one of the first search.
        narrow: what is tried instead where that grew too large; negative, so it only shows that nothing is worth so
            much more than the best one.
    """

    most_patterns: int = 100
    beam: int = 300
    most_labels: int = 20_000
    most_pairs: int = 50_000_000
    window: float = 0.02
    narrow: float = -0.003


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """Patterns found for one shape.

    Attributes:
        counts: (pattern, class) int64, best first, possibly none.
        values: (pattern,) float64.
        upper: proved: no pattern of the shape is worth more.
    """

    counts: Ints
    values: Floats
    upper: float
    gave_up: bool = False
    """The proof was given up; ``upper`` is that of the relaxation."""


class Pricer:
    """Finds the most valuable patterns of one shape; built once, asked for many prices."""

    def __init__(self, items: ItemClasses, shape: Shape) -> None:
        self.items = items
        self.shape = shape
        self.resources = binding_resources(items, shape)
        self.capacity = shape.capacity[self.resources]
        self.demand = items.demand[:, self.resources]
        self._limited: dict[int, int] = {}
        # Questions until the wide proof, which was given up, is tried again.
        self._wait, self._next_wait = 0, 4

    def best(self, prices: Floats, target: float, effort: Effort, most: Ints | None = None) -> Priced:
        """The best patterns that are worth more than ``target``, and a proved upper bound of all patterns.

        Args:
            prices: (class,) float64 values of one item, at least 0.
            target: patterns of at most this value are not looked for; ``upper`` is never below it.
            effort: how long to search, and how close the upper bound shall come to the best value.
            most: (class,) int64 most copies in a pattern, ``None`` for any number. Limits enter as resources of
                their own, and only those that the best pattern would break: others would only cost time.
        """
        while True:
            priced = self._best(prices, target, effort)
            if most is None or not priced.values.size or len(self._limited) >= _MOST_LIMITED:
                return priced
            broken = np.flatnonzero(priced.counts[int(priced.values.argmax())] > most)
            new = [k for k in broken.tolist() if k not in self._limited]
            if not new:
                return priced
            for k in new:
                self._limited[k] = int(most[k])

    def _best(self, prices: Floats, target: float, effort: Effort) -> Priced:
        usable = np.flatnonzero(self.shape.fits & (prices > 0.0))
        target = max(target, 0.0)
        if not usable.size:
            return Priced(np.zeros((0, self.items.size), dtype=np.int64), np.empty(0), target)
        if not self.items.share_milli[usable].any():
            return self._best_of_whole(prices, target, usable, effort)
        limited = [k for k in self._limited if prices[k] > 0.0]
        capacity = np.concatenate([self.capacity, np.array([self._limited[k] for k in limited], dtype=np.int64)])
        demand = np.column_stack([self.demand, *(np.arange(self.items.size) == k for k in limited)])[usable]
        items = PricedItems(
            capacity, self.shape.gpus, demand.astype(np.int64), self.items.gpus[usable], self.items.share_milli[usable],
            prices[usable], self.items.most_in_a_bin[usable],
        )  # fmt: skip
        search = PatternSearch(items, target, effort.beam)
        counts, values = search.run(effort.most_patterns)
        upper = search.proved_upper(values)
        gave_up = False
        for window in self._windows(effort):
            goal = max(target, float(values.max(initial=0.0)) * (1.0 - window))
            if not effort.most_labels or upper <= goal:
                break
            search = PatternSearch(items, goal, effort.most_labels, effort.most_pairs)
            better = search.run(effort.most_patterns)
            upper, gave_up = min(upper, search.proved_upper(better[1])), search.was_cut
            counts, values = np.concatenate([better[0], counts]), np.concatenate([better[1], values])
            if not gave_up:
                break
            if window == effort.window:
                self._wait, self._next_wait = self._next_wait, 2 * self._next_wait
        full = np.zeros((len(values), self.items.size), dtype=np.int64)
        full[:, usable] = counts
        return Priced(full, values, max(upper, target) * (1.0 + _TINY), gave_up)

    def _best_of_whole(self, prices: Floats, target: float, usable: Ints, effort: Effort) -> Priced:
        """The same where no class shares a GPU; all limits on copies are kept."""
        demand = np.column_stack([self.demand, self.items.gpus])[usable]
        capacity = np.append(self.capacity, self.shape.gpus)
        asked = WholeKnapsack(demand, capacity, prices[usable], self.items.most_in_a_bin[usable])
        upper = asked.relaxed()
        if upper <= target:
            return Priced(np.zeros((0, self.items.size), dtype=np.int64), np.empty(0), target * (1.0 + _TINY))
        counts = asked.greedy()[: effort.most_patterns]
        if effort.most_labels:
            best, proved = asked.best()
            counts, upper = np.concatenate([best[None, :], counts]), min(upper, proved)
        values = counts @ prices[usable]
        counts, values = counts[values > target], values[values > target]
        full = np.zeros((len(values), self.items.size), dtype=np.int64)
        full[:, usable] = counts
        return Priced(full, values, max(upper, target) * (1.0 + _TINY))

    def _windows(self, effort: Effort) -> tuple[float, ...]:
        """The proofs to try, one after the other."""
        if not self._wait:
            return effort.window, effort.narrow
        self._wait -= 1
        return (effort.narrow,)


def binding_resources(items: ItemClasses, shape: Shape) -> Ints:
    """Resources that may bind: without those of which every item takes a smaller part than of another one.

    If d_kr / C_r <= d_kq / C_q for every class k that fits, then whatever fits in q fits in r. And what has room for
    all items that a bin could be asked to hold binds nothing.
    """
    demand, capacity = items.demand[shape.fits], shape.capacity
    milli = items.gpu_milli[shape.fits]
    copies = np.where(milli > 0, shape.gpus * WHOLE_MILLI // np.maximum(milli, 1), items.most_in_a_bin[shape.fits])
    kept = list(range(capacity.size))
    for r in np.flatnonzero(copies @ demand <= capacity).tolist():
        # Each class must keep a resource that it takes, or the relaxation without limits on copies has no optimum.
        others = [q for q in kept if q != r]
        if others and np.all((demand[:, others] > 0).any(axis=1) | (milli > 0)):
            kept.remove(r)
    for r in list(kept):
        if any(q != r and np.all(demand[:, r] * capacity[q] <= demand[:, q] * capacity[r]) for q in kept):
            kept.remove(r)
    return np.array(kept, dtype=np.int64)
