"""Backends at hand, small random sizing problems, and an independent way to solve them."""

from functools import cache

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.optimize import linprog

from solvers.backends import solve
from solvers.linear_model import LinearModel
from solvers.risk import BudgetRow, RiskProblem
from solvers.solution import SolveError

INF = np.inf
BACKENDS = ("scipy", "pulp:HiGHS", "pulp:CBC")


@cache
def missing(backend: str) -> str:
    """Why a backend cannot be used here, ``""`` if it can."""
    model = LinearModel("probe")
    model.add_variables("x", 1, objective=1.0)
    try:
        solve(model, backend=backend)
    except SolveError as error:
        return str(error)
    return ""


def need(backend: str) -> str:
    """Skip the test if the backend is not installed."""
    if missing(backend):
        pytest.skip(missing(backend))
    return backend


def available() -> tuple[str, ...]:
    return tuple(backend for backend in BACKENDS if not missing(backend))


def one_item(
    request, incidents, cost, price, *, lower=-INF, upper=INF, budgets=(), copies=1, labels=None
) -> RiskProblem:
    """``copies`` equal items."""
    ones = np.ones(copies)
    return RiskProblem(
        np.array([request] * copies, dtype=float),
        np.array([incidents] * copies, dtype=float),
        cost * ones,
        price * ones,
        lower * ones,
        upper * ones,
        tuple(budgets),
        labels,
    )


def quota(name, items, limit, weights=1.0, measure="request") -> BudgetRow:
    items = np.asarray(items, dtype=np.int64)
    return BudgetRow(name, items, np.broadcast_to(np.asarray(weights, dtype=float), items.shape).copy(), limit, measure)


@st.composite
def problems(draw, *, max_items=5, max_budgets=3, feasible=False):
    """Small problems on whole numbers: curves of any shape, ties, bounds off the points, budgets of both kinds."""
    count = draw(st.integers(1, max_items))
    width = draw(st.integers(1, 5))
    request, incidents = np.full((count, width), np.nan), np.full((count, width), np.nan)
    lower, upper = np.full(count, -INF), np.full(count, INF)
    for item in range(count):
        points = draw(st.integers(1, width))
        steps = draw(st.lists(st.integers(1, 8), min_size=points, max_size=points))
        request[item, :points] = np.cumsum(steps)
        falls = draw(st.lists(st.integers(0, 12), min_size=points, max_size=points))
        incidents[item, :points] = np.cumsum(falls)[::-1]
        if draw(st.booleans()):
            lower[item] = draw(st.integers(0, 20)) / 2
        if draw(st.booleans()):
            upper[item] = max(draw(st.integers(0, 40)) / 2, lower[item])
    numbers = st.lists(st.integers(0, 9), min_size=count, max_size=count)
    cost, price = np.array(draw(numbers), dtype=float), np.array(draw(numbers), dtype=float)
    problem = RiskProblem(request, incidents, cost, price, lower, upper)
    rows = []
    for row in range(draw(st.integers(0, max_budgets))):
        members = np.array(sorted(draw(st.sets(st.integers(0, count - 1), min_size=1))))
        weights = np.array(draw(st.lists(st.integers(0, 3), min_size=members.size, max_size=members.size)), dtype=float)
        by_request = draw(st.booleans())
        smallest, largest = reach(problem, members, weights, by_request=by_request)
        part = draw(st.integers(0 if feasible else -3, 10)) / 10
        limit = smallest + part * (largest - smallest) - (0.0 if feasible or part > 0 else -part)
        rows.append(BudgetRow(f"rule{row}[r]", members, weights, limit, "request" if by_request else "incidents"))
    return with_budgets(problem, rows)


def with_budgets(problem, rows, **changes) -> RiskProblem:
    """The problem with other budgets or other arrays."""
    names = ("request", "expected_incidents", "unit_cost", "price_of_risk", "lower", "upper")
    return RiskProblem(*(changes.get(name, getattr(problem, name)) for name in names), tuple(rows), problem.labels)


def allowed_points(problem, item):
    """Points of one restricted curve, by the definition and not by the code under test."""
    known = ~np.isnan(problem.request[item])
    r, f = problem.request[item][known], problem.expected_incidents[item][known]
    low, high = problem.lower[item], problem.upper[item]
    start = low if np.isfinite(low) else min(r[0], high)
    end = max(start, min(high, r[-1]))
    at = np.array(sorted({start, end, *r[(r > start) & (r < end)]}))
    return at, np.interp(at, r, f)


def reach(problem, members, weights, *, by_request):
    """Smallest and largest value that a budget can sum up to."""
    smallest = largest = 0.0
    for item, weight in zip(members, weights, strict=True):
        r, f = allowed_points(problem, item)
        values = r if by_request else f
        smallest, largest = smallest + weight * values.min(), largest + weight * values.max()
    return smallest, largest


def mixture_optimum(problem, *, allowed_excess=None):
    """The optimum by mixing points of every curve: one weight per point, the weights of an item sum to 1.

    Knows nothing of hulls or steps. With ``allowed_excess`` (row,) the limits are raised by it.
    """
    points = [allowed_points(problem, item) for item in range(problem.item_count)]
    owner = np.concatenate([np.full(r.size, item) for item, (r, _) in enumerate(points)])
    r, f = (np.concatenate([pair[k] for pair in points]) for k in (0, 1))
    rows, limits = [], []
    for place, budget in enumerate(problem.budgets):
        weight = np.zeros(problem.item_count)
        np.add.at(weight, budget.items, budget.weights)
        rows.append(weight[owner] * (r if budget.measure == "request" else f))
        limits.append(budget.limit + (0.0 if allowed_excess is None else allowed_excess[place]))
    result = linprog(
        problem.unit_cost[owner] * r + problem.price_of_risk[owner] * f,
        A_ub=np.array(rows) if rows else None,
        b_ub=limits if rows else None,
        A_eq=(owner == np.arange(problem.item_count)[:, None]).astype(float),
        b_eq=np.ones(problem.item_count),
        bounds=(0, None),
    )
    return result.fun if result.status == 0 else None


def least_relative_excess(problem, sizes):
    """The least sum of relative excesses, by mixing points."""
    points = [allowed_points(problem, item) for item in range(problem.item_count)]
    owner = np.concatenate([np.full(r.size, item) for item, (r, _) in enumerate(points)])
    r, f = (np.concatenate([pair[k] for pair in points]) for k in (0, 1))
    count = len(problem.budgets)
    rows = np.zeros((count, owner.size + count))
    for place, budget in enumerate(problem.budgets):
        weight = np.zeros(problem.item_count)
        np.add.at(weight, budget.items, budget.weights)
        rows[place, : owner.size] = weight[owner] * (r if budget.measure == "request" else f)
        rows[place, owner.size + place] = -1.0
    cost = np.concatenate([np.zeros(owner.size), 1.0 / sizes])
    equal = np.column_stack(
        [(owner == np.arange(problem.item_count)[:, None]).astype(float), np.zeros((problem.item_count, count))]
    )
    limits = [budget.limit for budget in problem.budgets]
    result = linprog(cost, A_ub=rows, b_ub=limits, A_eq=equal, b_eq=np.ones(problem.item_count), bounds=(0, None))
    return result.fun
