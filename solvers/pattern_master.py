"""The master problem over patterns: its linear relaxation, and the bound that prices of the classes prove.

Scenarios s (all bins there; one group gone) each have a demand d_ks and for every offer o, which is a bin type or,
where all groups are alike, a bin type of every group at once, the part w_so of its bins that is left::

    min   sum_o c_o n_o + sum_p e_p x_0p + sum_sk M_k m_sk
    s.t.  sum_p a_kp x_sp + m_sk      >= d_ks   demand[s, k]   price v_sk
          sum_{o of t} w_so n_o - sum_{p of t} x_sp >= 0    bins[s, t]     price u_st
          L_i <= sum_o f_io n_o <= H_i                      rules[i]        price w_i
          0 <= n_o <= U_o,  x, m >= 0

x_sp counts the bins that hold pattern p in scenario s; t is the shape of a pattern and of an offer. m are items
left out, at a cost M_k far above that of a bin of their own.

e_p is what the items of a pattern cost where they stand, e_p = sum_k e_kt a_kp; in a loss nobody asks.

Where all groups are alike an optimum exists that treats them alike (the mean of an optimum over all exchanges of
groups is one too), so that one scenario stands for the loss of any group, with w = (Z - 1)/Z, and nothing is lost.

**Bound.** Let V_st >= max_p sum_k (v_sk - e_kt) a_kp, e only for s = 0, over the patterns of shape t, for any prices
v_sk >= 0. By duality, for every factor f >= 0 (with f v_sk <= M_k where items may be left out, and f <= 1 where items
cost something)::

    cost >= f sum_sk v_sk d_ks - sum_o U_o max(0, f sum_s w_so V_st(o) - c_o)

where offers without a limit must have f sum_s w_so V_st(o) <= c_o. With one scenario and no limits that is Farley's
bound, v d / max_t (V_t / c_t). The right side is concave and piecewise linear in f: its best f is a breakpoint. It
bounds every plan in whole numbers that leaves nothing out, since the relaxation without m holds them all.
Rules are taken into the objective: for any prices w_i the c_o above become ``c_o - sum_i w_i f_io``, and
``sum_i w_i (L_i where w_i > 0, H_i where w_i < 0)`` is added.
"""

from dataclasses import dataclass

import numpy as np

from solvers.backends import solve
from solvers.linear_model import LinearModel
from solvers.pool_problem import Floats, Ints, PoolProblem
from solvers.solution import SolveError

DROP_FACTOR = 20.0
"""Cost of leaving an item out, as a multiple of the cheapest bin that can hold it."""


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """Offers and scenarios of a problem; see the text of this module.

    Attributes:
        shape: (offer,) int64.
        cost: (offer,) float64 per bin and hour.
        limit: (offer,) float64.
        demand: (scenario, class) int64; scenario 0 has all bins.
        weight: (scenario, offer) float64, part of the bins that is left.
        drop_cost: (class,) float64, cost of an item that is left out.
        may_drop: whether items may really be left out; else their cost only keeps the master feasible.
        copies: number of equal groups that each offer stands for.
        shapes: number of shapes.
        factor: (rule, offer) float64.
        lower, upper: (rule,) float64.
        item_cost: (shape, class) float64.
    """

    shape: Ints
    cost: Floats
    limit: Floats
    demand: Ints
    weight: Floats
    drop_cost: Floats
    may_drop: bool
    copies: int
    shapes: int
    factor: Floats
    lower: Floats
    upper: Floats
    item_cost: Floats

    @classmethod
    def of(cls, problem: PoolProblem) -> "Relaxation":
        """The relaxation of a problem; classes that fit nowhere ask for nothing."""
        bins, items = problem.bins, problem.items
        places = ~problem.without_place
        normal = items.count * places
        protected = items.protected * places
        groups = len(problem.group_names)
        chosen = np.arange(bins.size)
        limit = bins.limit
        demand, weight = [normal], [np.ones(bins.size)]
        if problem.groups_are_alike:
            chosen = np.flatnonzero(bins.group == 0)
            limit = limit * groups
            weight = [np.ones(chosen.size)]
            if protected.any():
                demand.append(protected)
                weight.append(np.full(chosen.size, (groups - 1) / groups))
        elif protected.any():
            for group in range(groups):
                demand.append(protected)
                weight.append((bins.group != group).astype(np.float64))
        drop_cost = problem.drop_cost
        cheapest = np.where(problem.fits, bins.cost_per_hour[None, :], np.inf).min(axis=1, initial=np.inf)
        cheapest[~np.isfinite(cheapest)] = 0.0
        highest = float(bins.cost_per_hour.max(initial=1.0))
        return cls(
            shape=problem.shape_of_bin[chosen],
            cost=bins.cost_per_hour[chosen],
            limit=limit[chosen],
            demand=np.array(demand),
            weight=np.array(weight),
            drop_cost=drop_cost if drop_cost is not None else DROP_FACTOR * np.maximum(cheapest, 1e-3 * highest),
            may_drop=drop_cost is not None,
            copies=groups if problem.groups_are_alike else 1,
            shapes=len(problem.shapes),
            factor=np.array([row.factor[chosen] for row in problem.rows]).reshape(-1, chosen.size),
            lower=np.array([row.lower for row in problem.rows]),
            upper=np.array([row.upper for row in problem.rows]),
            item_cost=np.array([shape.item_cost for shape in problem.shapes]).reshape(-1, items.size),
        )

    def pattern_cost(self, counts: Ints, shape: Ints) -> Floats:
        """(pattern,) e of patterns (pattern, class) of these shapes."""
        cost: Floats = (counts * self.item_cost[shape]).sum(axis=1)
        return cost

    def proved_bound(
        self, prices: Floats, best_value: Floats, rule_prices: Floats | None = None
    ) -> tuple[float, float]:
        """The bound that prices prove, and the factor f by which it takes them.

        Args:
            prices: (scenario, class) float64, v.
            best_value: (scenario, shape) float64, V, from above.
            rule_prices: (rule,) float64, w; ``None`` = 0.
        """
        cost, constant = self.cost, 0.0
        if rule_prices is not None and rule_prices.any():
            ends = np.where(rule_prices > 0.0, self.lower, self.upper)
            if not np.isfinite(ends[rule_prices != 0.0]).all():
                return 0.0, 0.0
            cost = self.cost - rule_prices @ self.factor
            constant = float(rule_prices @ np.where(rule_prices != 0.0, ends, 0.0))
        load = (self.weight * best_value[:, self.shape]).sum(axis=0)
        worth = float((prices * self.demand).sum())
        limited = np.isfinite(self.limit)
        if np.any(cost[~limited] < 0.0):
            return 0.0, 0.0
        breaks = np.divide(cost, load, out=np.full_like(load, np.inf), where=load > 0.0)
        most = float(breaks[~limited].min(initial=np.inf))
        if self.item_cost.any():
            most = min(most, 1.0)
        if self.may_drop:
            # An item is never worth more than leaving it out.
            most = min(most, float((self.drop_cost / np.maximum(prices, 1e-300)).min(initial=np.inf)))
        best = (0.0, 0.0)
        for factor in sorted({most, *breaks[limited].tolist()}):
            if factor > most or factor < 0.0 or not np.isfinite(factor):
                continue
            paid = self.limit[limited] * np.maximum(0.0, factor * load[limited] - cost[limited])
            best = max(best, ((factor * worth - float(paid.sum()) + constant) * (1.0 - 1e-9), factor))
        return best


@dataclass(frozen=True, slots=True, eq=False)
class MasterPoint:
    """An optimum of the relaxation over known patterns.

    Attributes:
        cost: its value.
        prices: (scenario, class) v.
        bin_prices: (scenario, shape) u.
        used: (scenario, pattern) x.
        bins: (offer,) n.
        left_out: (scenario, class) m.
        rule_prices: (rule,) w.
    """

    cost: float
    prices: Floats
    bin_prices: Floats
    used: Floats
    bins: Floats
    left_out: Floats
    rule_prices: Floats


class PatternPool:
    """The patterns found so far, each once: counts (pattern, class) and the shape of each."""

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((0, classes), dtype=np.int64)
        self.shape = np.zeros(0, dtype=np.int64)
        self._known: set[tuple[int, bytes]] = set()

    @property
    def size(self) -> int:
        """Number of patterns."""
        return len(self.shape)

    def add(self, shape: int, counts: Ints) -> int:
        """Add patterns (pattern, class) of a shape; how many were new."""
        new = []
        for row in counts:
            key = (shape, row.tobytes())
            if key not in self._known:
                self._known.add(key)
                new.append(row)
        if new:
            self.counts = np.concatenate([self.counts, np.array(new, dtype=np.int64)])
            self.shape = np.concatenate([self.shape, np.full(len(new), shape, dtype=np.int64)])
        return len(new)

    def keep(self, index: Ints) -> None:
        """Forget all patterns but these."""
        self.counts, self.shape = self.counts[index], self.shape[index]
        self._known = {(int(t), row.tobytes()) for t, row in zip(self.shape, self.counts, strict=True)}


def relaxed_master(relaxation: Relaxation, pool: PatternPool) -> LinearModel:
    """The linear program over the patterns of a pool."""
    model = LinearModel("node_patterns")
    scenarios, classes = relaxation.demand.shape
    bins = model.add_variables("bins", len(relaxation.cost), upper=relaxation.limit, objective=relaxation.cost)
    used_cost = np.zeros((scenarios, pool.size))
    used_cost[0] = relaxation.pattern_cost(pool.counts, pool.shape)
    used = model.add_variables("used", (scenarios, pool.size), objective=used_cost)
    cost = np.broadcast_to(relaxation.drop_cost, (scenarios, classes))
    left_out = model.add_variables("left_out", (scenarios, classes), objective=cost)
    of_class, of_pattern = np.nonzero(pool.counts.T)
    copies = pool.counts[of_pattern, of_class]
    rows, columns, values = [np.arange(scenarios * classes)], [left_out.ravel()], [np.ones(scenarios * classes)]
    for s in range(scenarios):
        rows.append(s * classes + of_class)
        columns.append(used[s, of_pattern])
        values.append(copies.astype(float))
    model.add_constraints(
        "demand",
        np.concatenate(rows),
        np.concatenate(columns),
        np.concatenate(values),
        lower=relaxation.demand.ravel().astype(float),
    )
    rows, columns, values = [], [], []
    for s in range(scenarios):
        rows += [s * relaxation.shapes + relaxation.shape, s * relaxation.shapes + pool.shape]
        columns += [bins, used[s]]
        values += [relaxation.weight[s], np.full(pool.size, -1.0)]
    count = scenarios * relaxation.shapes
    model.add_constraints(
        "bins", np.concatenate(rows), np.concatenate(columns), np.concatenate(values), count=count, lower=0.0
    )
    if len(relaxation.factor):
        row, offer = np.nonzero(relaxation.factor)
        model.add_constraints(
            "rules", row, bins[offer], relaxation.factor[row, offer], count=len(relaxation.factor),
            lower=relaxation.lower, upper=relaxation.upper,
        )  # fmt: skip
    return model


def solve_relaxed(relaxation: Relaxation, pool: PatternPool) -> MasterPoint:
    """The optimum of the relaxation over the patterns of a pool, with its prices."""
    model = relaxed_master(relaxation, pool)
    solution = solve(model, time_limit_seconds=600.0)
    if not solution.has_point:
        raise SolveError(f"the master problem was not solved: {solution.message}")
    scenarios, classes = relaxation.demand.shape
    offers = len(relaxation.cost)
    split = scenarios * classes
    rules = split + scenarios * relaxation.shapes
    used_end = offers + scenarios * pool.size
    return MasterPoint(
        cost=solution.objective,
        prices=np.maximum(solution.row_duals[:split].reshape(scenarios, classes), 0.0),
        bin_prices=np.maximum(solution.row_duals[split:rules].reshape(scenarios, relaxation.shapes), 0.0),
        used=solution.x[offers:used_end].reshape(scenarios, pool.size),
        bins=solution.x[:offers],
        left_out=solution.x[used_end:].reshape(scenarios, classes),
        rule_prices=solution.row_duals[rules:],
    )
