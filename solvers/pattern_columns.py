"""Column generation: patterns and prices, each found with the other, and the bound that grows with them.

Each round solves the master over the known patterns, mixes its prices with the best ones so far
(``v = beta v_best + (1 - beta) v_master``, Wentges' smoothing, which keeps prices from jumping between corners),
asks every shape for its most valuable patterns at these prices, and takes those that the master's own prices find
too cheap. The prices prove a bound each time; the best are kept. If nothing new is found at the mixed prices, the
mix moves towards the master's own until something is, or nothing is left to find.

The first prices are those of the aggregate model, so the bound is never below that one.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from solvers.pattern_aggregate import aggregate_prices
from solvers.pattern_master import MasterPoint, PatternPool, Relaxation, solve_relaxed
from solvers.pattern_pricing import Effort, Pricer
from solvers.pool_problem import WHOLE_MILLI, Floats, Ints, PoolProblem, Shape

_SMOOTHING = 0.9
_CHEAP_SMOOTHING = 0.6
"""Where patterns are found greedily in no time: the bound does not grow then, and the best prices get old."""
_STALL, _MOST_STALLED = 2e-4, 3
"""Relative progress of the master in a round that is none, and such rounds until the search goes deeper."""
_REDUCED = 1e-7
"""A pattern is new enough if it is worth this much more than its bin, relative to the bin."""
_FEW_ITEMS = 300
_POOL_MOST, _POOL_KEPT = 8000, 4000


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of column generation reached, for progress and benchmarks."""

    number: int
    master_cost: float
    lower_bound: float
    patterns: int


class ColumnGeneration:
    """The pool of patterns of a problem, its master, and the best bound; see the text of this module.

    Attributes:
        relaxation: offers and scenarios.
        pool: the patterns.
        point: the last optimum of the master.
        lower_bound: the best bound proved, USD or other money per hour.
        bound_source: ``"patterns"`` or ``"aggregate"``.
        prices: (scenario, class) prices that prove it: no bin's patterns are worth more than the bin costs.
    """

    def __init__(self, problem: PoolProblem) -> None:
        self.problem = problem
        self.relaxation = Relaxation.of(problem)
        self.pool = PatternPool(problem.items.size)
        self.pricers = [Pricer(problem.items, shape) for shape in problem.shapes]
        for t, shape in enumerate(problem.shapes):
            self.pool.add(t, single_class_patterns(problem, shape))
        self.lower_bound, self._center = aggregate_prices(problem, self.relaxation)
        self.prices = self._center
        self.bound_source = "aggregate"
        self.point: MasterPoint = solve_relaxed(self.relaxation, self.pool)
        self._center_bins = self._spread_costs(self._center)
        # A proof that was given up is tried again after a pause that doubles.
        self._pause = np.ones((len(self._center), self.relaxation.shapes), dtype=np.int64)
        self._proof_from = np.zeros_like(self._pause)
        # Few items: no pattern holds more of a class than there are, and the bound is the closer for it. Many items:
        # patterns with too many copies hardly matter, and the limits would cost time.
        is_small = problem.items.at_once.sum() <= _FEW_ITEMS
        self._most = problem.items.most_in_a_bin if is_small or problem.items.most_per_bin is not None else None
        # A shape of which a scenario has no bin left needs no patterns there, and its value counts for nothing.
        self._is_left = np.zeros((len(self._center), self.relaxation.shapes), dtype=np.bool_)
        for o, t in enumerate(self.relaxation.shape.tolist()):
            self._is_left[:, t] |= self.relaxation.weight[:, o] > 0.0
        # Greedy and exact search instead of labels, see `solvers.pattern_whole`.
        self._is_whole = not problem.items.share_milli.any()
        self.is_converged = False
        self.rounds = 0
        self._beam_only = Effort(most_labels=0)

    def run(
        self,
        *,
        most_rounds: int = 400,
        relative_gap: float = 2e-4,
        out_of_time: Callable[[], bool] = lambda: False,
        progress: Callable[[Round], None] = lambda _: None,
        proof: Effort | None = None,
    ) -> None:
        """Work until master and bound are as close as ``relative_gap``, or a limit is reached."""
        proof = proof or Effort()
        self._beam_only = effort = replace(proof, most_labels=0)
        stalled = 0
        while self.rounds < most_rounds and not out_of_time():
            self.rounds += 1
            is_cheap = self._is_whole and not effort.most_labels
            before = self.point.cost
            found = self._round(effort, out_of_time, _CHEAP_SMOOTHING if is_cheap else _SMOOTHING)
            self.point = solve_relaxed(self.relaxation, self.pool)
            progress(Round(self.rounds, self.point.cost, self.lower_bound, self.pool.size))
            if self.point.cost - self.lower_bound <= relative_gap * self.point.cost:
                self.is_converged = True
                return
            if self.pool.size > _POOL_MOST:
                self._forget()
            stalled = stalled + 1 if before - self.point.cost < _STALL * before else 0
            # Cheap rounds go on while they help, long searches while they find enough.
            is_done = stalled >= _MOST_STALLED if is_cheap else found < 0.02 * _POOL_KEPT
            if not found or (not effort.most_labels and is_done):
                if effort is not self._beam_only:
                    self.is_converged = True
                    return
                effort = proof
        # Stopped by a limit: the master's own prices may prove more than mixed ones that were still far away.
        self._round(proof, out_of_time, mix=0.0)
        self.point = solve_relaxed(self.relaxation, self.pool)

    def _round(self, effort: Effort, out_of_time: Callable[[], bool], mix: float = _SMOOTHING) -> int:
        """Price once, moving towards the master's prices until patterns are found; how many were new."""
        while True:
            prices = mix * self._center + (1.0 - mix) * self.point.prices
            bins = mix * self._center_bins + (1.0 - mix) * self.point.bin_prices
            found, upper = self._price(prices, bins, effort)
            bound, factor = self.relaxation.proved_bound(prices, upper, self.point.rule_prices)
            if bound > self.lower_bound:
                self.lower_bound, self.bound_source = bound, "patterns"
                self.prices = prices * factor
                self._center, self._center_bins = prices, bins
            if found or mix == 0.0 or out_of_time():
                return found
            mix = mix / 2.0 if mix > 0.3 else 0.0

    def _price(self, prices: Floats, bins: Floats, effort: Effort) -> tuple[int, Floats]:
        """New patterns taken, and (scenario, shape) upper bounds of the values of all patterns."""
        found = 0
        upper = np.zeros((len(prices), self.relaxation.shapes))
        targets = 0.97 * self._targets(prices, bins)
        for s in range(len(prices)):
            for t, pricer in enumerate(self.pricers):
                if not self._is_left[s, t]:
                    continue
                is_paused = self.rounds < self._proof_from[s, t]
                now = self._beam_only if is_paused else effort
                own = self.relaxation.item_cost[t] if s == 0 else 0.0
                priced = pricer.best(np.maximum(prices[s] - own, 0.0), float(targets[s, t]), now, self._most)
                if priced.gave_up:
                    self._pause[s, t] *= 2
                    self._proof_from[s, t] = self.rounds + self._pause[s, t]
                upper[s, t] = priced.upper
                counts = self._within_limits(priced.counts)
                worth = counts @ (self.point.prices[s] - own)
                limit = float(self.point.bin_prices[s, t])
                found += self.pool.add(t, counts[worth > limit * (1.0 + _REDUCED) + 1e-12])
        return found, upper

    def _within_limits(self, counts: Ints) -> Ints:
        """Patterns without what is too much of a class for one bin: pricing does not keep every such limit."""
        if self.problem.items.most_per_bin is None:
            return counts
        fewer: Ints = np.minimum(counts, self.problem.items.most_in_a_bin)
        return fewer

    def _targets(self, prices: Floats, bins: Floats) -> Floats:
        """(scenario, shape) values that patterns may have at least without any bin being worth more than its cost.

        What the bins' prices leave of the cost of an offer goes to the scenarios by their part in the whole worth.
        """
        relaxation = self.relaxation
        cost = relaxation.cost - self.point.rule_prices @ relaxation.factor
        left = cost - (relaxation.weight * bins[:, relaxation.shape]).sum(axis=0)
        share = (prices * relaxation.demand).sum(axis=1)
        share = share / share.sum() if share.sum() > 0.0 else np.full(len(share), 1.0 / len(share))
        spare = np.full((len(prices), relaxation.shapes), np.inf)
        for o, t in enumerate(relaxation.shape.tolist()):
            alive = relaxation.weight[:, o] > 0.0
            more = np.full(len(prices), np.inf)
            more[alive] = max(0.0, float(left[o])) * share[alive] / relaxation.weight[alive, o]
            spare[:, t] = np.minimum(spare[:, t], more)
        return bins + np.where(np.isfinite(spare), spare, 0.0)

    def _spread_costs(self, prices: Floats) -> Floats:
        """(scenario, shape) first prices of bins: the costs of offers, spread as `_targets` does."""
        return self._targets(prices, np.zeros((len(prices), self.relaxation.shapes)))

    def _forget(self) -> None:
        """Keep the patterns in use and those nearest to it."""
        self.pool.keep(nearest_patterns(self.relaxation, self.point, self.pool, _POOL_KEPT))
        self.point = solve_relaxed(self.relaxation, self.pool)


def nearest_patterns(relaxation: Relaxation, point: MasterPoint, pool: PatternPool, most: int) -> Ints:
    """Numbers of the patterns used, and of those of least reduced cost in any scenario; rising."""
    reduced = point.bin_prices[:, pool.shape] - point.prices @ pool.counts.T
    reduced[0] += relaxation.pattern_cost(pool.counts, pool.shape)
    reduced = reduced.min(axis=0)
    reduced[point.used.max(axis=0) > 1e-9] = -math.inf
    return np.sort(np.argsort(reduced, kind="stable")[:most])


def single_class_patterns(problem: PoolProblem, shape: Shape) -> Ints:
    """(pattern, class): for each class that fits, as many of its items as one bin holds, or as there are."""
    items = problem.items
    fits = np.flatnonzero(shape.fits & (items.at_once > 0))
    most = items.most_in_a_bin[fits].copy()
    for r, capacity in enumerate(shape.capacity.tolist()):
        demand = items.demand[fits, r]
        most = np.minimum(most, np.where(demand > 0, capacity // np.maximum(demand, 1), most))
    whole, share = items.gpus[fits], items.share_milli[fits]
    most = np.minimum(most, np.where(whole > 0, shape.gpus // np.maximum(whole, 1), most))
    per_gpu = WHOLE_MILLI // np.maximum(share, 1)
    most = np.minimum(most, np.where(share > 0, shape.gpus * per_gpu, most))
    counts = np.zeros((fits.size, items.size), dtype=np.int64)
    counts[np.arange(fits.size), fits] = most
    return counts
