r"""Items tied together by several shared budgets: the linear program over steps of their hulls.

Item ``i`` has hull vertices ``(v_{i0}, g_{i0}), ..., (v_{iS}, g_{iS})`` (see `solvers.risk_curves`),
steps of length ``l_{is} = v_{is} - v_{i,s-1}`` that remove ``d_{is} = g_{i,s-1} - g_{is} > 0`` incidents,
a cost ``c_i`` per unit of request and a price ``p_i`` per expected incident. With the share
``0 <= t_{is} <= 1`` of each step that is bought::

    request_i   = v_{i0} + sum_s l_{is} t_{is}
    incidents_i = g_{i0} - sum_s d_{is} t_{is}

    minimise    sum_{is} (c_i l_{is} - p_i d_{is}) t_{is}
    subject to  sum_{is} w_{ri} l_{is} t_{is} <= b_r - sum_i w_{ri} v_{i0}       budgets of requests
              - sum_{is} w_{ri} d_{is} t_{is} <= b_r - sum_i w_{ri} g_{i0}       budgets of incidents

Steps need no order among themselves: slopes ``d/l`` decrease, so buying a later step before an
earlier one never helps, and a tie is put in order afterwards by reading the incidents off the hull.

**Budgets that cannot be met.** Every row may be exceeded by ``o_r >= 0``, least violation first and
cost second, exactly::

    phase 1     minimise    sum_r o_r / s_r         subject to the rows with  b_r + o_r
    phase 2     minimise    the cost                subject to the rows with  b_r + o*_r

``s_r`` is the size of row r, ``max(|b_r|, |largest use|, |smallest use|)``, so that cores, bytes and incidents
are compared by their relative excess. One weighted objective ``cost + M sum o`` would need an ``M``
above every shadow price that chains of rows can build up, which is either unsafe or so large that the
cost drowns in the solver's tolerance; two solves need none. Phase 1 runs only if the budgets cannot be
met.

**Numbers.** Shares are between 0 and 1 whatever the unit of the request. A row or objective whose
largest coefficient is far from 1 (bytes, micro-dollars) is multiplied by a power of two, which is
exact, because solvers have absolute tolerances; duals are scaled back.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solvers.backends import solve
from solvers.linear_model import LinearModel
from solvers.model_names import is_block_name
from solvers.risk_budgets import BUDGET_TOLERANCE, ROUNDING, Budgets
from solvers.risk_curves import Floats, Hulls, Indices
from solvers.solution import Solution, SolveError, SolveStatus

_BEST_STEP = 1e4
_PADDINGS = (1e-10, 1e-9, 1e-8, 5e-8)
"""Raises of the limits in phase 2, for solvers that find no point at the very least excess; below BUDGET_TOLERANCE."""
_NO_RULE = "shared_budget"
_RULE_AND_LABEL = re.compile(r"(\w+)\[(.*)\]", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class BudgetedChoice:
    """Answer of the linear program.

    Attributes:
        request: (item,) requests, None if a limit struck before any point was found.
        duals: (row,) d cost / d limit, 0 or less; NaN if the program was not finished.
        solution: the last solution, for status, limits and messages.
    """

    request: Floats | None
    duals: Floats
    solution: Solution


def choose_within_budgets(
    budgets: Budgets,
    hulls: Hulls,
    unit_cost: Floats,
    price_of_risk: Floats,
    labels: Sequence[str] | None,
    *,
    backend: str,
    time_limit_seconds: float,
) -> BudgetedChoice:
    """Solve the linear program of this module for all given items and rows.

    Raises:
        SolveError: the solver failed.
    """
    deadline = time.monotonic() + time_limit_seconds
    program = StepProgram(budgets, hulls, unit_cost, price_of_risk, labels)

    def solved(model: LinearModel) -> Solution:
        left = max(deadline - time.monotonic(), 1e-3)
        return solve(model, backend=backend, time_limit_seconds=left, presolve=False)

    solution = solved(program.cheapest()) if program.may_be_feasible() else None
    request: Floats | None = None
    if solution is None or solution.status is SolveStatus.INFEASIBLE:
        solution = solved(program.least_excess())
        if solution.has_point:
            request = program.request_of(solution.x)
        if solution.status is SolveStatus.OPTIMAL:
            excess = program.excess_of(solution.x)
            for padding in _PADDINGS:
                solution = solved(program.cheapest(excess, padding))
                if solution.status is not SolveStatus.INFEASIBLE:
                    break
    if solution.has_point:
        request = program.request_of(solution.x)
    if solution.status is SolveStatus.OPTIMAL:
        return BudgetedChoice(request, program.duals_of(solution.row_duals), solution)
    if solution.status is SolveStatus.LIMIT:
        return BudgetedChoice(request, np.full(len(budgets.names), np.nan), solution)
    raise SolveError(f"{solution.backend} ended with {solution.status} on a sizing model: {solution.message}")


class StepProgram:
    """The linear program over shares of steps, and the way back from shares to requests."""

    def __init__(
        self,
        budgets: Budgets,
        hulls: Hulls,
        unit_cost: Floats,
        price_of_risk: Floats,
        labels: Sequence[str] | None = None,
    ) -> None:
        from scipy.sparse import csr_array

        self.budgets, self.hulls, self._labels = budgets, hulls, labels
        lengths, drops = hulls.lengths(), hulls.drops()
        with np.errstate(invalid="ignore"):
            self._item, self._step = np.nonzero(drops > 0.0)
        self._length, drop = lengths[self._item, self._step], drops[self._item, self._step]
        cost = unit_cost[self._item] * self._length - price_of_risk[self._item] * drop
        self._cost_scale = float(_scale(np.abs(cost).max(initial=0.0), 1.0, 1e6, target=2.0**10))
        self._cost = cost * self._cost_scale

        columns = np.arange(self._item.size)
        shape = (hulls.last.size, self._item.size)
        length_of_item = csr_array((self._length, (self._item, columns)), shape=shape)
        drop_of_item = csr_array((drop, (self._item, columns)), shape=shape)
        use = (budgets.request_weights @ length_of_item - budgets.incident_weights @ drop_of_item).tocsr()
        largest = np.zeros(len(budgets.names))
        np.maximum.at(largest, np.repeat(np.arange(largest.size), np.diff(use.indptr)), np.abs(use.data))
        self._row_scale = _scale(largest, 1e-3, 1e3, target=1.0)
        self._largest = largest * self._row_scale
        self._use = use.multiply(self._row_scale[:, None]).tocsr()
        self._room = (budgets.limit - budgets.use(hulls.start, hulls.incidents[:, 0])) * self._row_scale
        self._size = budgets.sizes(hulls) * self._row_scale

    def may_be_feasible(self) -> bool:
        """False if a row is exceeded even when all its items do their best for it."""
        least = self._use.minimum(0.0).sum(axis=1)
        return bool((least <= self._room + BUDGET_TOLERANCE * self._size).all())

    def cheapest(self, excess: Floats | float = 0.0, padding: float = 0.0) -> LinearModel:
        """Phase 2: the cheapest shares.

        Args:
            excess: (row,) by how much each limit is raised, in scaled units.
            padding: part of each row's size by which its limit is raised too.
        """
        model = LinearModel("cheapest_sizes")
        self._add_steps(model, self._cost)
        self._add_budgets(model, self._room + excess + padding * self._size, None)
        return model

    def least_excess(self) -> LinearModel:
        """Phase 1: the shares with the least sum of relative excesses."""
        model = LinearModel("least_excess")
        self._add_steps(model, 0.0)
        # What a single step brings must stay above the tolerance of solvers; the best one brings this much.
        best_step = float((self._largest / self._size).max(initial=0.0))
        weight = (_BEST_STEP / best_step if best_step else 1.0) / self._size
        names = list(self.budgets.names)
        over = model.add_variables("exceeded", len(names), objective=weight, labels=names)
        self._add_budgets(model, self._room, over)
        return model

    def _add_steps(self, model: LinearModel, cost: Floats | float) -> None:
        model.add_variables("step", self._item.size, upper=1.0, objective=cost, labels=self._step_labels)

    def _step_labels(self) -> list[str]:
        items = self._labels
        pairs = zip(self._item.tolist(), (self._step + 1).tolist(), strict=True)
        return [f"{items[item] if items is not None else item},{step}" for item, step in pairs]

    def _add_budgets(self, model: LinearModel, limit: Floats, over: Indices | None) -> None:
        """One block of rows per rule, in the order in which the rules first appear."""
        rules = [_rule_and_label(name) for name in self.budgets.names]
        for rule in dict.fromkeys(rule for rule, _ in rules):
            rows = np.array([row for row, (its_rule, _) in enumerate(rules) if its_rule == rule])
            part = self._use[rows].tocoo()
            row, column, value = part.row, part.col, part.data
            if over is not None:
                row = np.concatenate([row, np.arange(rows.size)])
                column = np.concatenate([column, over[rows]])
                value = np.concatenate([value, np.full(rows.size, -1.0)])
            labels = [rules[r][1] for r in rows.tolist()]
            model.add_constraints(rule, row, column, value, count=rows.size, upper=limit[rows], labels=labels)

    def _row_order(self) -> Indices:
        """Position in `budgets` of each row of the model."""
        rules = [_rule_and_label(name)[0] for name in self.budgets.names]
        order = {rule: place for place, rule in enumerate(dict.fromkeys(rules))}
        return np.argsort([order[rule] for rule in rules], kind="stable").astype(np.int64)

    def excess_of(self, x: Floats) -> Floats:
        """(row,) scaled excess of each row at a solution of phase 1, 0 where it is within rounding."""
        excess = self._use @ x[: self._item.size] - self._room
        return np.where(excess > 0.0, excess, 0.0)

    def duals_of(self, row_duals: Floats) -> Floats:
        """(row,) d cost / d limit in the caller's units; 0 or less."""
        duals = np.empty(row_duals.size)
        duals[self._row_order()] = row_duals
        return np.minimum(duals * self._row_scale / self._cost_scale, 0.0)

    def request_of(self, x: Floats) -> Floats:
        """(item,) requests of a solution; one within rounding of a vertex is put on the vertex."""
        bought = np.bincount(self._item, weights=self._length * x[: self._item.size], minlength=self.hulls.last.size)
        return self.hulls.snapped(self.hulls.start + bought, ROUNDING)


def _scale(largest: Floats | float, low: float, high: float, *, target: float) -> Floats:
    """Power of two that brings a largest coefficient to about ``target``; 1 if it is from ``low`` to ``high``."""
    size = np.asarray(largest, dtype=np.float64)
    exponent = np.frexp(np.where(size > 0.0, size, 1.0))[1]
    far = (size > 0.0) & ((size < low) | (size > high))
    return np.where(far, np.ldexp(target, -exponent), 1.0)


def _rule_and_label(name: str) -> tuple[str, str]:
    """``quota_covers_requests[team-a]`` -> its rule and label; any other name is a label of ``shared_budget``."""
    match = _RULE_AND_LABEL.fullmatch(name)
    if match and match.group(1) != _NO_RULE and is_block_name(match.group(1)):
        return match.group(1), match.group(2)
    return _NO_RULE, name
