"""One option per item at least cost under shared limits: a multiple-choice knapsack in many dimensions.

The model is::

    minimise    sum_io c_io x_io
    subject to  sum_o x_io = 1                          choose_one[i]
                sum_io u_kio x_io <= L_k                the limits, named by the caller
                x_io in {0, 1}

**Bound.** For prices ``p >= 0`` of the limits, ``B(p) = sum_i min_o (c_io + sum_k p_k u_kio) - sum_k p_k
L_k`` is below every feasible choice; its maximum is the linear relaxation. It is found by columns: a
linear program over few options per item gives prices, the options that are cheaper at those prices
join, until the bound meets the program. **Choice.** A basic solution of the relaxation splits at most as
many items as there are limits; an integer program over the options near the optimum, those whose
reduced cost is small, settles these. Where that is not good enough, the program gets every option that
a better choice could use: one of reduced cost r belongs to no choice below ``B(p) + r``, so beyond
``cost - B(p)`` none is needed and the program's own bound holds for all. Columns and reduced costs:
Dantzig and Wolfe 1960; Kellerer, Pferschy, Pisinger, *Knapsack Problems*, 2004, ch. 11.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from solvers.backends import solve
from solvers.choice_problem import ChoiceProblem, Floats, Places, SharedLimit
from solvers.linear_model import LinearModel
from solvers.solution import Solution, SolveError, SolveStatus, relative_gap_between

__all__ = ["Choice", "ChoiceProblem", "SharedLimit", "choice_model", "choose"]

LARGEST_ROUNDS = 60
CLIMB_STEPS = 80
NEAR_OPTIONS_PER_LIMIT = (20, 200)
"""Options beside those of the relaxation that enter the first integer programs: those of the lowest reduced cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The answer.

    Attributes:
        status: ``optimal`` if the gap is at most the one asked for, ``limit`` for a worse feasible
            choice, ``infeasible`` if no choice keeps the limits.
        chosen: (item,) int64 option of each item, -1 without an answer.
        cost: of the choice, NaN without.
        bound: no choice that keeps the limits costs less.
        gap: ``(cost - bound) / |cost|``.
        prices: (limit,) what one more unit of each limit would save in the relaxation, 0 or more.
        shortage: by name of the limit, how much more than the limit is needed at least, if infeasible.
        columns: options that were looked at by a program, of all items together.
    """

    status: SolveStatus
    chosen: Places
    cost: float
    bound: float
    gap: float
    prices: Floats
    shortage: Mapping[str, float] = field(default_factory=dict)
    columns: int = 0


def choose(
    problem: ChoiceProblem,
    *,
    relative_gap: float = 1e-3,
    backend: str = "scipy",
    node_limit: int | None = 2000,
    time_limit_seconds: float = 60.0,
) -> Choice:
    """Choose one option per item.

    Args:
        problem: costs and limits.
        relative_gap: good enough.
        backend: see `solvers.backends`.
        node_limit: of each integer program, a count of work.
        time_limit_seconds: of each program, a safety net.

    Raises:
        SolveError: a program failed that has a solution.
    """
    cheapest = np.argmin(problem.cost, axis=1)
    none = np.zeros(len(problem.limits))
    if (problem.used(cheapest) <= problem.bounds() * (1 + 1e-12)).all():
        cost = problem.total_cost(cheapest)
        return Choice(SolveStatus.OPTIMAL, cheapest, cost, cost, 0.0, none, columns=cheapest.size)
    relaxed = _Relaxation(problem, backend, time_limit_seconds).run(relative_gap / 20.0)
    if relaxed.shortage.size:
        short = {
            one.name: float(amount)
            for one, amount in zip(problem.limits, relaxed.shortage, strict=True)
            if amount > 1e-9 * max(1.0, abs(one.limit))
        }
        nobody = np.full(problem.cost.shape[0], -1, dtype=np.int64)
        return Choice(SolveStatus.INFEASIBLE, nobody, math.nan, math.inf, math.nan, none, short, relaxed.count)
    programs = _Programs(problem, relaxed, backend, relative_gap, node_limit, time_limit_seconds)
    return programs.run(relaxed.count)


class _Programs:
    """Integer programs over more and more options, until one choice is good enough."""

    def __init__(
        self,
        problem: ChoiceProblem,
        relaxed: "_Relaxation",
        backend: str,
        relative_gap: float,
        node_limit: int | None,
        time_limit_seconds: float,
    ) -> None:
        self._problem, self._relaxed = problem, relaxed
        self._backend, self._gap = backend, relative_gap
        self._node_limit, self._time_limit = node_limit, time_limit_seconds
        self._best: Places | None = None
        self._cost, self._bound = math.inf, relaxed.bound
        self._count = 0

    def run(self, count: int) -> Choice:
        """First the options near the optimum, then all that could matter."""
        self._count = count
        for options in NEAR_OPTIONS_PER_LIMIT:
            self._try(self._relaxed.nearest(options * (5 + len(self._problem.limits))))
            if self._is_good:
                return self._answer(SolveStatus.OPTIMAL)
        every = self._best is None
        threshold = math.inf if every else self._cost - self._relaxed.bound
        solution = self._try(self._relaxed.near(threshold * (1.0 + 1e-9) + 1e-9))
        if solution.status is SolveStatus.INFEASIBLE and every:
            return Choice(
                SolveStatus.INFEASIBLE, np.full(self._problem.cost.shape[0], -1, dtype=np.int64), math.nan, math.inf,
                math.nan, self._relaxed.prices, columns=self._count,
            )  # fmt: skip
        if self._best is None and solution.status is SolveStatus.ERROR:
            raise SolveError(f"the integer program of a choice failed: {solution.message}")
        proved = self._cost if solution.status is SolveStatus.INFEASIBLE else solution.bound
        self._bound = max(self._bound, min(proved, self._cost))
        return self._answer(SolveStatus.OPTIMAL if self._is_good else SolveStatus.LIMIT)

    @property
    def _is_good(self) -> bool:
        return self._best is not None and relative_gap_between(self._cost, self._bound) <= self._gap

    def _try(self, near: NDArray[np.bool_]) -> Solution:
        self._count = max(self._count, int(near.sum()))
        model, columns = choice_model(self._problem, near)
        solution = solve(
            model, backend=self._backend, relative_gap=self._gap / 2.0, node_limit=self._node_limit,
            time_limit_seconds=self._time_limit,
        )  # fmt: skip
        if solution.has_point:
            found = _options(self._problem, columns, solution)
            cost = self._problem.total_cost(found)
            if cost < self._cost:
                self._best, self._cost = found, cost
        return solution

    def _answer(self, status: SolveStatus) -> Choice:
        prices = self._relaxed.prices
        if self._best is None:
            nobody = np.full(self._problem.cost.shape[0], -1, dtype=np.int64)
            return Choice(status, nobody, math.nan, self._bound, math.nan, prices, columns=self._count)
        bound = min(self._bound, self._cost)
        gap = relative_gap_between(self._cost, bound)
        return Choice(status, self._best, self._cost, bound, gap, prices, columns=self._count)


def choice_model(
    problem: ChoiceProblem, offered: NDArray[np.bool_], *, is_relaxed: bool = False, shortage_cost: float | None = None
) -> tuple[LinearModel, Places]:
    """The model of this module's docstring over the options ``offered``, (item, option).

    Args:
        problem: costs and limits.
        offered: options that may be chosen.
        is_relaxed: leave out that variables are whole.
        shortage_cost: price of exceeding a limit, in units of the limit itself; None = forbidden.

    Returns:
        The model, and (variable,) the flat place ``item * options + option`` of its choice variables.
    """
    columns = np.flatnonzero(offered & np.isfinite(problem.cost))
    options = problem.cost.shape[1]
    items = columns // options
    model = LinearModel("choice")
    chosen = model.add_variables(
        "choose", columns.size, upper=np.inf if is_relaxed else 1.0, objective=problem.cost.ravel()[columns],
        integer=not is_relaxed, labels=lambda: [f"{place // options},{place % options}" for place in columns],
    )  # fmt: skip
    count = problem.cost.shape[0]
    model.add_constraints(
        "choose_one", items, chosen, 1.0, count=count, lower=1.0, upper=1.0,
        labels=lambda: [str(item) for item in range(count)],
    )  # fmt: skip
    rows, places, values = _limit_entries(problem, columns)
    if shortage_cost is not None and problem.limits:
        scale = np.maximum(1.0, np.abs(problem.bounds()))
        short = model.add_variables("shortage", len(problem.limits), objective=shortage_cost / scale)
        rows, places = np.concatenate([rows, np.arange(short.size)]), np.concatenate([places, short])
        values = np.concatenate([values, np.full(short.size, -1.0)])
    if problem.limits:
        names = [one.name for one in problem.limits]
        model.add_constraints("limit", rows, places, values, count=len(names), upper=problem.bounds(), labels=names)
    return model, columns


def _limit_entries(problem: ChoiceProblem, columns: Places) -> tuple[Places, Places, Floats]:
    """Limit, variable and usage of every coefficient that is not zero."""
    options = problem.cost.shape[1]
    items, option = columns // options, columns % options
    rows, places, values = [], [], []
    member = np.full(problem.cost.shape[0], -1, dtype=np.int64)
    for number, one in enumerate(problem.limits):
        member[:] = -1
        member[one.items] = np.arange(one.items.size)
        here = np.flatnonzero(member[items] >= 0)
        usage = one.usage[member[items[here]], option[here]]
        uses = usage != 0.0
        rows.append(np.full(int(uses.sum()), number, dtype=np.int64))
        places.append(here[uses])
        values.append(usage[uses])
    empty = np.empty(0, dtype=np.int64)
    return np.concatenate([empty, *rows]), np.concatenate([empty, *places]), np.concatenate([np.empty(0), *values])


class _Relaxation:
    """The linear relaxation by columns; holds the best bound and its prices."""

    def __init__(self, problem: ChoiceProblem, backend: str, time_limit_seconds: float) -> None:
        self._problem = problem
        self._backend, self._time_limit = backend, time_limit_seconds
        self._offered = np.zeros(problem.cost.shape, dtype=bool)
        self._support = np.zeros(problem.cost.shape, dtype=bool)
        self._every = np.arange(problem.cost.shape[0])
        finite = problem.cost[np.isfinite(problem.cost)]
        self.scale = max(1.0, float(np.abs(finite).mean()))
        self._shortage_cost = 10.0 * float(finite.max() - finite.min() + self.scale) * problem.cost.shape[0]
        self.bound = -math.inf
        self.prices = np.zeros(len(problem.limits))
        self.shortage: Floats = np.empty(0)

    @property
    def count(self) -> int:
        """Options in the program."""
        return int(self._offered.sum())

    def run(self, gap: float) -> "_Relaxation":
        """Columns until bound and program are within ``gap``."""
        self._offer_first()
        for _ in range(LARGEST_ROUNDS):
            model, columns = choice_model(
                self._problem, self._offered, is_relaxed=True, shortage_cost=self._shortage_cost
            )
            solution = solve(model, backend=self._backend, time_limit_seconds=self._time_limit)
            if solution.status is not SolveStatus.OPTIMAL:
                raise SolveError(f"the relaxation of a choice ended as {solution.status}: {solution.message}")
            prices = np.maximum(-solution.row_duals[self._every.size :], 0.0)
            self._improve(prices)
            if solution.objective - self.bound <= gap * max(abs(solution.objective), 1e-12):
                break
            if not self._offer_cheaper(prices, solution.row_duals[: self._every.size]):
                break
        self._support.ravel()[columns[solution.x[: columns.size] > 1e-9]] = True
        short = solution.x[columns.size :]
        if (short > 1e-7 * np.maximum(1.0, np.abs(self._problem.bounds()))).any():
            self.shortage = short
        return self

    def near(self, reduced_cost: float) -> NDArray[np.bool_]:
        """Options of at most this reduced cost at the best prices, and the support of the relaxation."""
        priced = self._problem.priced(self.prices)
        reduced = priced - priced.min(axis=1, keepdims=True)
        near: NDArray[np.bool_] = self._support | (np.isfinite(priced) & (reduced <= reduced_cost))
        return near

    def nearest(self, count: int) -> NDArray[np.bool_]:
        """An option per item and the ``count`` next ones by reduced cost, and the support of the relaxation."""
        priced = self._problem.priced(self.prices)
        reduced = (priced - priced.min(axis=1, keepdims=True))[np.isfinite(priced)]
        last = min(reduced.size, self._every.size + count) - 1
        return self.near(float(np.partition(reduced, last)[last]))

    def _offer_first(self) -> None:
        """Cheapest options, those that use least, and those near the best prices of a climb."""
        problem, limits = self._problem, self._problem.bounds()
        self._offered[self._every, np.argmin(problem.cost, axis=1)] = True
        scale = np.where(np.isfinite(limits) & (limits > 0), limits, 1.0)
        usage = problem.priced(self._shortage_cost / scale)
        self._offered[self._every, np.argmin(usage, axis=1)] = True
        self._climb(scale, np.isfinite(limits))
        self._offered |= self.nearest(self._every.size)

    def _climb(self, scale: Floats, is_limited: NDArray[np.bool_]) -> None:
        """Raise the bound: each price goes up while its limit is exceeded, down while it is not.

        A price's step grows while its direction holds and halves when it turns, as in Rprop.
        """
        problem, limits = self._problem, self._problem.bounds()
        steps = 0.05 * self.scale * self._every.size / scale
        prices = np.zeros(len(problem.limits))
        before = np.zeros(len(problem.limits))
        for _ in range(CLIMB_STEPS):
            priced = problem.priced(prices)
            chosen = np.argmin(priced, axis=1)
            self._note_bound(prices, float(priced[self._every, chosen].sum()))
            excess = np.where(is_limited, problem.used(chosen) - np.where(is_limited, limits, 0.0), 0.0)
            direction = np.where(excess > 0, 1.0, np.where(prices > 0, -1.0, 0.0))
            if not direction.any():
                break
            steps = steps * np.where(direction * before > 0, 1.2, np.where(direction * before < 0, 0.5, 1.0))
            prices = np.maximum(prices + steps * direction, 0.0)
            before = direction

    def _improve(self, prices: Floats) -> None:
        self._note_bound(prices, float(self._problem.priced(prices).min(axis=1).sum()))

    def _note_bound(self, prices: Floats, total: float) -> None:
        limits = self._problem.bounds()
        paid = prices > 0
        value = total - float(prices[paid] @ limits[paid])
        if value > self.bound:
            self.bound, self.prices = value, prices.copy()

    def _offer_cheaper(self, prices: Floats, price_of_item: Floats) -> bool:
        """Add each item's option of the lowest reduced cost, if it is below zero."""
        priced = self._problem.priced(prices)
        best = np.argmin(priced, axis=1)
        reduced = priced[self._every, best] - price_of_item
        new = (reduced < -1e-9 * self.scale) & ~self._offered[self._every, best]
        self._offered[self._every[new], best[new]] = True
        return bool(new.any())


def _options(problem: ChoiceProblem, columns: Places, solution: Solution) -> Places:
    """(item,) option of each item in a whole solution."""
    options = problem.cost.shape[1]
    taken = columns[solution.x[: columns.size] > 0.5]
    chosen = np.empty(problem.cost.shape[0], dtype=np.int64)
    chosen[taken // options] = taken % options
    return chosen
