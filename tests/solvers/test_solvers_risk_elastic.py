"""Budgets that may be passed at a price: by hand, and against one linear program with explicit excesses."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from solver_cases import INF, allowed_points, one_item, problems, quota, with_budgets

from solvers.risk import solve_risk
from solvers.risk_elastic import solve_elastic
from solvers.risk_problem import BudgetRow


def example(limit=1.0, **more):
    """One item of 1 or 2 units with 4 or 1 incidents, 10 a unit, incidents at no cost, a budget of incidents."""
    return one_item([1, 2], [4, 1], 10.0, 0.0, budgets=[quota("few", [0], limit, measure="incidents")], **more)


def test_a_budget_that_costs_more_than_its_price_is_passed():
    """Holding it costs 10 for three incidents less, 10 / 3 each, more than the price of 2."""
    found = solve_elastic(example(), [2.0])
    assert found.choice.request.tolist() == [1.0]
    assert (found.use.tolist(), found.price.tolist(), found.excess.tolist()) == ([4.0], [2.0], [3.0])
    assert found.violation.tolist() == [0.0]
    assert found.choice.objective == pytest.approx(10.0)  # what is paid for requests and risk, without the excess


def test_a_budget_that_costs_less_than_its_price_is_held():
    """10 / 3 an incident is less than 4: two units, and one more incident in the budget would save 10 / 3."""
    found = solve_elastic(example(), [4.0])
    rigid = solve_risk(example())
    assert found.choice.request.tolist() == rigid.request.tolist() == [2.0]
    assert found.price.tolist() == [pytest.approx(10 / 3)]
    assert (found.use.tolist(), found.excess.tolist(), found.violation.tolist()) == ([1.0], [0.0], [0.0])


def test_a_budget_with_room_costs_nothing():
    found = solve_elastic(example(limit=5.0), [2.0])
    assert (found.choice.request.tolist(), found.price.tolist(), found.excess.tolist()) == ([1.0], [0.0], [0.0])


def test_what_cannot_be_met_is_bought_as_far_as_it_pays_and_priced():
    """No size has less than one incident, the budget is half of one. At 4 the second unit pays, and half an incident
    more in the budget would save 4 each; at 2 it does not pay. Without a price the least excess is a violation."""
    dear, cheap, rigid = (solve_elastic(example(limit=0.5), [q]) for q in (4.0, 2.0, INF))
    assert (dear.choice.request[0], dear.excess[0], dear.price[0]) == (2.0, pytest.approx(0.5), 4.0)
    assert (cheap.choice.request[0], cheap.excess[0], cheap.price[0]) == (1.0, pytest.approx(3.5), 2.0)
    assert (rigid.choice.request[0], rigid.violation[0]) == (2.0, pytest.approx(0.5))


def test_a_priced_row_of_requests_makes_requests_dearer():
    """An item saves 3 incidents at 5 = 15 with its second unit for 10. A quota of one unit: rigid it forbids that, at
    3 a unit too much the unit costs 13 and pays, at 6 it costs 16 and does not."""
    problem = one_item([1, 2], [4, 1], 10.0, 5.0, budgets=[quota("room", [0], 1.0)])
    assert solve_elastic(problem, [INF]).choice.request.tolist() == [1.0]
    passed = solve_elastic(problem, [3.0])
    assert (passed.choice.request.tolist(), passed.excess.tolist()) == ([2.0], [1.0])
    held = solve_elastic(problem, [6.0])
    assert (held.choice.request.tolist(), held.price.tolist()) == ([1.0], [pytest.approx(5.0)])


def test_two_budgets_of_their_own_items():
    """The example twice, at prices of 2 and 4: the first is passed, the second held."""
    rows = [quota("a", [0], 1.0, measure="incidents"), quota("b", [1], 1.0, measure="incidents")]
    found = solve_elastic(one_item([1, 2], [4, 1], 10.0, 0.0, budgets=rows, copies=2), [2.0, 4.0])
    assert found.choice.request.tolist() == [1.0, 2.0]
    assert found.excess.tolist() == [3.0, 0.0]
    assert found.price.tolist() == [2.0, pytest.approx(10 / 3)]


def test_no_budget_is_the_plain_problem():
    problem = one_item([1, 2], [4, 1], 10.0, 5.0)
    assert solve_elastic(problem, []).choice.request.tolist() == solve_risk(problem).request.tolist() == [2.0]


@pytest.mark.parametrize("prices", [[], [1.0, 2.0], [0.0], [-1.0], [np.nan]])
def test_prices_must_fit(prices):
    with pytest.raises(ValueError, match="price above 0"):
        solve_elastic(example(), prices)


@st.composite
def separate(draw, *, measures=("request", "incidents"), finite=False):
    """A random problem whose rows share no item, and a price for each row; only rows that can be met have none."""
    problem = draw(problems(max_budgets=0))
    owner = np.array(draw(st.lists(st.integers(-1, 2), min_size=problem.item_count, max_size=problem.item_count)))
    rows, prices = [], []
    for row in range(3):
        members = np.flatnonzero(owner == row)
        if not members.size:
            continue
        weights = np.array(draw(st.lists(st.integers(1, 3), min_size=members.size, max_size=members.size)), dtype=float)
        measure = draw(st.sampled_from(measures))
        pair = [allowed_points(problem, item)[0 if measure == "request" else 1] for item in members]
        low = sum(w * v.min() for w, v in zip(weights, pair, strict=True))
        high = sum(w * v.max() for w, v in zip(weights, pair, strict=True))
        part = draw(st.integers(-3, 10)) / 10
        price = draw(st.sampled_from([0.25, 0.75, 1.5, 4.25, 20.5] + ([] if finite else [INF])))
        limit = low + max(part, 0.0 if np.isinf(price) else -1.0) * (high - low)
        rows.append(BudgetRow(f"rule{row}[r]", members, weights, limit, measure))
        prices.append(price)
    return with_budgets(problem, rows), prices


def one_program(problem, prices):
    """Least cost with a variable for each excess, by mixing the points of the curves."""
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
    price = np.array([0.0 if np.isinf(q) else q for q in prices])
    cost = np.concatenate([problem.unit_cost[owner] * r + problem.price_of_risk[owner] * f, price])
    equal = (np.concatenate([owner, np.full(count, -1)]) == np.arange(problem.item_count)[:, None]).astype(float)
    bounds = [(0, None)] * owner.size + [(0, 1e-9 if np.isinf(q) else None) for q in prices]
    limits = [budget.limit for budget in problem.budgets]
    result = linprog(
        cost, A_ub=rows if count else None, b_ub=limits if count else None, A_eq=equal,
        b_eq=np.ones(problem.item_count), bounds=bounds,
    )  # fmt: skip
    assert result.status == 0
    return result.fun


def whole_cost(found, prices):
    excess = np.where(np.isinf(prices), 0.0, found.excess)
    return found.choice.objective + float(np.where(np.isinf(prices), 0.0, prices) @ excess)


@settings(max_examples=120, deadline=None)
@given(separate())
def test_rows_without_a_common_item_give_the_optimum_of_one_program(case):
    problem, prices = case
    found = solve_elastic(problem, prices)
    assert whole_cost(found, np.array(prices)) == pytest.approx(one_program(problem, prices), rel=1e-6, abs=1e-6)


@settings(max_examples=120, deadline=None)
@given(separate())
def test_every_row_holds_or_pays_its_price(case):
    problem, prices = case
    found = solve_elastic(problem, prices)
    for row, q, use, price, excess in zip(problem.budgets, prices, found.use, found.price, found.excess, strict=True):
        measured = found.choice.request if row.measure == "request" else found.choice.expected_incidents
        assert use == pytest.approx(row.weights @ measured[row.items])
        assert excess == pytest.approx(max(use - row.limit, 0.0), abs=1e-6)
        assert price <= q
        assert price == q or excess <= 1e-6


@settings(max_examples=80, deadline=None)
@given(separate(measures=("incidents",), finite=True), st.integers(0, 9))
def test_a_larger_budget_never_costs_more(case, more):
    problem, prices = case
    wider = with_budgets(problem, [replace(row, limit=row.limit + more) for row in problem.budgets])
    small, large = solve_elastic(problem, prices), solve_elastic(wider, prices)
    room = 1e-6 * (1.0 + abs(small.choice.objective))
    assert large.choice.objective <= small.choice.objective + room
    assert whole_cost(large, np.array(prices)) <= whole_cost(small, np.array(prices)) + room


@settings(max_examples=80, deadline=None)
@given(separate(measures=("incidents",), finite=True), st.sampled_from([1.5, 4.0, 100.0]))
def test_a_higher_price_of_risk_never_adds_expected_incidents(case, factor):
    """The same factor for the price of every incident and of every excess."""
    problem, prices = case
    dearer = replace(problem, price_of_risk=problem.price_of_risk * factor)
    one, other = solve_elastic(problem, prices), solve_elastic(dearer, [q * factor for q in prices])
    weighted = problem.price_of_risk
    priced = lambda found: weighted @ found.choice.expected_incidents + np.array(prices) @ found.excess  # noqa: E731
    assert priced(other) <= priced(one) + 1e-6 * (1.0 + priced(one))


@settings(max_examples=60, deadline=None)
@given(problems(max_budgets=3), st.data())
def test_where_rows_share_items_every_row_still_holds_or_pays(problem, data):
    prices = data.draw(
        st.lists(st.sampled_from([0.75, 4.25]), min_size=len(problem.budgets), max_size=len(problem.budgets))
    )
    found = solve_elastic(problem, prices)
    for row, q, use, price in zip(problem.budgets, prices, found.use, found.price, strict=True):
        assert price <= q
        assert price == q or use <= row.limit + 1e-5 * (1.0 + abs(row.limit))
    least = one_program(problem, prices)
    assert whole_cost(found, np.array(prices)) >= least - 1e-6 * (1.0 + abs(least))
