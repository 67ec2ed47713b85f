r"""Risk-priced sizing: the request of every item at which a unit more costs what it saves.

An item is one resource of one container. Its curve ``f_i(r)`` says how many incidents per month are
expected at the request ``r`` (see `solvers.risk_curves` for how a curve is read and what its hull
``h_i`` is). With the cost ``c_i`` of a unit of request per month, the price ``p_i`` of an expected
incident, bounds and shared budgets the problem is::

    minimise    sum_i c_i r_i + p_i h_i(r_i)
    subject to  start_i <= r_i <= end_i                     bounds, and the reach of the curve
                sum_i w_{ri} r_i       <= b_r               budgets of requests, such as a quota
                sum_i w_{ri} h_i(r_i)  <= b_r               budgets of incidents

Without budgets it falls apart into items, and each has a closed form: buy steps of the hull as long
as ``p_i * slope >= c_i``. Budgets that hold at that point change nothing, so they are left out at
first. Exceeded budgets are put in, the problem is solved with these alone, and budgets that are
exceeded now join them, until none is. Leaving budgets out can only make the optimum cheaper, hence an
optimum that keeps within the budgets left out is the optimum with them. Each round solves budgets
that share no item with another in closed form (`solvers.risk_one_budget`), and the rest as one linear
program (`solvers.risk_program`). Both give the least excess of budgets that cannot be met.

Equal costs are decided for the larger request, the safer one. An optimum lies on vertices of the
hulls, which are points of the curves, except that each budget that holds may leave an item between
two vertices; there the incidents are those of the hull, a mixture of its two ends.

Example: a request of 1, 2 or 4 cores expects 10, 4 or 1 incidents. Slopes are 6 and 1.5 per core. At
7 a core and 2 an incident, the first step saves 12 for 7, the second 3 for 7 a core: 2 cores it is,
for 2 * 7 + 4 * 2 = 22. Two such items under a budget of 3 cores: both first steps are wanted, one
core is left, and the second item (or the first; they are equal) stays at 1 core. One more core of
budget would save 12 - 7 = 5, so the dual of the budget is -5.
"""

import time
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from solvers.backends import check_backend_name
from solvers.risk_budgets import BUDGET_TOLERANCE, ROUNDING, Budgets, split_by_ties
from solvers.risk_curves import Floats, Hulls, Indices, best_vertex, convex_hulls
from solvers.risk_one_budget import choose_within_one_budget
from solvers.risk_problem import BudgetRow, RiskProblem
from solvers.risk_program import choose_within_budgets
from solvers.solution import SolveStatus, StoppedBy

__all__ = ["Binding", "BudgetRow", "RiskChoice", "RiskProblem", "solve_risk"]

CLOSED_FORM = "closed form"


class Binding(IntEnum):
    """What keeps a request from being another."""

    RISK_PRICE = 0
    """An inner vertex: the next step costs more than the risk that it removes."""
    LOWER = 1
    """The smallest request on offer: the lower bound, or the first point of the curve."""
    UPPER = 2
    """The upper bound; a larger request would pay."""
    BUDGET = 3
    """A shared budget moved it away from where risk and price would have put it."""
    FLAT = 4
    """The curve ends or is flat from here on: more buys nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskChoice:
    """The sizes chosen.

    Attributes:
        request: (item,) float64.
        expected_incidents: (item,) float64 per month, on the hull.
        binding: (item,) int8 codes of `Binding`.
        budget_use: (row,) float64, what each budget sums up to.
        budget_dual: (row,) float64, ``d objective / d limit``, 0 or less: one more unit of the limit
            saves ``-dual``. Of an exceeded budget it is taken at the excess. NaN if a limit struck.
        budget_slack_violation: (row,) float64, how far the least possible excess is above the limit; else 0.
        objective: ``sum unit_cost * request + price_of_risk * expected_incidents``, currency per month.
        status: ``optimal``, or ``limit`` if a limit struck; the sizes are then feasible or least bad, not best.
        stopped_by: ``"time"`` if the clock did.
        backend: who solved the linear program; "closed form" if none was needed.
    """

    request: Floats
    expected_incidents: Floats
    binding: NDArray[np.int8]
    budget_use: Floats
    budget_dual: Floats
    budget_slack_violation: Floats
    objective: float
    status: SolveStatus
    stopped_by: StoppedBy
    backend: str


def solve_risk(
    problem: RiskProblem,
    *,
    backend: str = "scipy",
    time_limit_seconds: float = 60.0,
    closed_form: bool = True,
) -> RiskChoice:
    """Choose the size of every item.

    Args:
        problem: curves, prices, bounds, budgets.
        backend: who solves the linear program, see `solvers.backends`.
        time_limit_seconds: a safety net for the linear program, more than 0.
        closed_form: False sends everything to the linear program, to check one against the other.

    Raises:
        ValueError: an option is wrong.
        SolveError: the backend is missing or failed.
    """
    check_backend_name(backend)
    if not time_limit_seconds > 0.0:
        raise ValueError(f"time_limit_seconds is {time_limit_seconds}; expected more than 0")
    hulls = convex_hulls(problem.request, problem.expected_incidents, problem.lower, problem.upper)
    own_vertex = best_vertex(hulls, problem.unit_cost, problem.price_of_risk)
    budgets = Budgets.from_rows(problem.budgets, problem.item_count)
    search = _Search(problem, hulls, own_vertex, budgets, backend, time.monotonic() + time_limit_seconds)
    if closed_form:
        search.add_budgets_until_all_hold()
    else:
        search.solve_as_linear_program(np.arange(len(budgets.names)), np.arange(problem.item_count))
    own_request, _ = hulls.at(own_vertex)
    request = _return_to_own(budgets, hulls, search.request, own_request, search.duals)
    incidents = hulls.incidents_at(request)
    use = budgets.use(request, incidents)
    excess = use - budgets.limit
    return RiskChoice(
        request=request,
        expected_incidents=incidents,
        binding=_bindings(problem, hulls, own_vertex, request),
        budget_use=use,
        budget_dual=search.duals,
        budget_slack_violation=np.where(excess > BUDGET_TOLERANCE * budgets.sizes(hulls), excess, 0.0),
        objective=float(problem.unit_cost @ request + problem.price_of_risk @ incidents),
        status=search.status,
        stopped_by=search.stopped_by,
        backend=search.solved_by,
    )


class _Search:
    """Requests, duals and status while budgets are added."""

    def __init__(
        self,
        problem: RiskProblem,
        hulls: Hulls,
        own_vertex: Indices,
        budgets: Budgets,
        backend: str,
        deadline: float,
    ) -> None:
        self.problem, self.hulls, self.own_vertex, self.budgets = problem, hulls, own_vertex, budgets
        self.backend, self.deadline = backend, deadline
        self.request, _ = hulls.at(own_vertex)
        self.duals = np.zeros(len(budgets.names))
        self.status, self.solved_by = SolveStatus.OPTIMAL, CLOSED_FORM
        self.stopped_by: StoppedBy = ""

    def add_budgets_until_all_hold(self) -> None:
        """Solve with the budgets that were ever exceeded, until no other is; at most one round per budget."""
        sizes = self.budgets.sizes(self.hulls)
        included = np.zeros(len(self.budgets.names), dtype=bool)
        while self.status is SolveStatus.OPTIMAL:
            use = self.budgets.use(self.request, self.hulls.incidents_at(self.request))
            exceeded = (use > self.budgets.limit + ROUNDING * sizes) & ~included
            if not exceeded.any():
                return
            included |= exceeded
            alone, tied, tied_items = split_by_ties(self.budgets, np.flatnonzero(included))
            prices = (self.problem.unit_cost, self.problem.price_of_risk)
            self.request, self.duals = choose_within_one_budget(
                self.budgets, alone, self.hulls, *prices, self.own_vertex
            )
            if tied.size:
                self.solve_as_linear_program(tied, tied_items)

    def solve_as_linear_program(self, rows: Indices, items: Indices) -> None:
        """Decide some items under some rows by a linear program."""
        budgets, hulls = self.budgets.take(rows, items), self.hulls.take(items)
        labels = self.problem.labels
        choice = choose_within_budgets(
            budgets,
            hulls,
            self.problem.unit_cost[items],
            self.problem.price_of_risk[items],
            [labels[item] for item in items.tolist()] if labels is not None else None,
            backend=self.backend,
            time_limit_seconds=max(self.deadline - time.monotonic(), 1e-3),
        )
        self.duals[rows] = choice.duals
        self.status, self.stopped_by = choice.solution.status, choice.solution.stopped_by
        self.solved_by = choice.solution.backend
        if choice.request is None:
            self.request[items] = _without_program(budgets, hulls, self.request[items])
        else:
            self.request[items] = choice.request


def _return_to_own(budgets: Budgets, hulls: Hulls, request: Floats, own: Floats, duals: Floats) -> Floats:
    """Put items whose budgets cost nothing on their own optimum, as far as there is room.

    Where no budget of an item has a price the program may stop anywhere among points of equal cost
    (or of costs that differ by less than its tolerance). The rule for ties, the larger request,
    is then applied here, in the order of the items.
    """
    sizes = budgets.sizes(hulls)
    worth = np.abs(duals) * sizes
    priced = worth > ROUNDING * worth.max(initial=0.0)
    touched = (budgets.request_weights + budgets.incident_weights)[np.flatnonzero(priced)]
    free = np.ones(request.size, dtype=bool)
    free[touched.indices] = False
    movable = free & (request != own) & ~np.isnan(duals).any()
    if not movable.any():
        return request
    moved = np.where(movable, own, request)
    if (budgets.use(moved, hulls.incidents_at(moved)) <= budgets.limit + ROUNDING * sizes).all():
        return moved
    use, result = budgets.use(request, hulls.incidents_at(request)), request.copy()
    changes = budgets.changes(own - request, hulls.incidents_at(own) - hulls.incidents_at(request)).tocsc()
    for item in np.flatnonzero(movable).tolist():
        span = slice(changes.indptr[item], changes.indptr[item + 1])
        rows, change = changes.indices[span], changes.data[span]
        rising = change > 0.0
        left = np.maximum(budgets.limit[rows[rising]] - use[rows[rising]], 0.0)
        # Hulls are convex, so a part of the way changes incidents by at most that part of the change.
        share = float(np.min(left / change[rising], initial=1.0))
        if share > ROUNDING:
            use[rows] += share * change
            there = result[item] + share * (own[item] - result[item])
            result[item] = own[item] if share > 1.0 - ROUNDING else there
    return result


def _without_program(budgets: Budgets, hulls: Hulls, own: Floats) -> Floats:
    """Of three simple answers the one that exceeds budgets least, for when no point was found in time."""
    best, least = own, np.inf
    sizes = budgets.sizes(hulls)
    for request in (own, hulls.start, hulls.end):
        excess = np.maximum(budgets.use(request, hulls.incidents_at(request)) - budgets.limit, 0.0)
        total = float((excess / sizes).sum())
        if total < least:
            best, least = request, total
    return best


def _bindings(problem: RiskProblem, hulls: Hulls, own_vertex: Indices, request: Floats) -> NDArray[np.int8]:
    """(item,) codes of `Binding`: first what a budget moved, then the own optimum's reason."""
    items = np.arange(request.size)
    last_point = problem.request[items, np.isfinite(problem.request).sum(axis=1) - 1]
    drops = np.column_stack([hulls.drops(), np.full(request.size, np.nan)])
    next_drop = drops[items, own_vertex]
    at_end, at_start = own_vertex == hulls.last, own_vertex == 0
    bounded_below = np.isfinite(problem.lower) & (hulls.start == problem.lower)

    codes = np.full(request.size, Binding.RISK_PRICE, dtype=np.int8)
    codes[next_drop <= 0.0] = Binding.FLAT
    codes[at_start] = Binding.LOWER
    codes[at_end] = np.where(problem.upper < last_point, Binding.UPPER, Binding.FLAT)[at_end]
    codes[at_end & at_start & bounded_below] = Binding.LOWER
    own_request, _ = hulls.at(own_vertex)
    moved = np.abs(request - own_request) > ROUNDING * (hulls.end - hulls.start)
    codes[moved] = Binding.BUDGET
    return codes
