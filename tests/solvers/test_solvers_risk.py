import numpy as np
import pytest
from solver_cases import (
    BACKENDS,
    INF,
    need,
    one_item,
    quota,
    with_budgets,
)

from solvers.risk import CLOSED_FORM, Binding, RiskProblem, solve_risk
from solvers.solution import SolveStatus

every_backend = pytest.mark.parametrize("backend", BACKENDS)
each_way = pytest.mark.parametrize("closed_form", [True, False], ids=["closed_form", "program"])

CURVE = ([1, 2, 4], [10, 4, 1])
"""Slopes of 6 and 1.5 incidents a core. At 7 a core and 2 an incident the first step saves 5, the second costs 8."""


def two(*budgets, **options) -> RiskProblem:
    return one_item(*CURVE, 7, 2, copies=2, budgets=budgets, **options)


def test_without_budgets_everyone_buys_while_it_pays():
    """2 cores each: 2 * (2 * 7 + 4 * 2) = 44."""
    choice = solve_risk(two())
    assert choice.request.tolist() == [2, 2]
    assert choice.expected_incidents.tolist() == [4, 4]
    assert choice.objective == 44
    assert choice.binding.tolist() == [Binding.RISK_PRICE] * 2
    assert choice.binding.dtype == np.int8
    assert (choice.status, choice.backend, choice.stopped_by) == (SolveStatus.OPTIMAL, CLOSED_FORM, "")


@pytest.mark.parametrize(
    ("cost", "price", "bounds", "request_", "binding"),
    [
        (7, 2, {"lower": 3}, 3, Binding.LOWER),
        (7, 1, {}, 1, Binding.LOWER),
        (7, 2, {"upper": 1.5}, 1.5, Binding.UPPER),
        (1, 2, {}, 4, Binding.FLAT),
        (1, 2, {"upper": 4}, 4, Binding.FLAT),
        (1, 2, {"upper": 3}, 3, Binding.UPPER),
        (7, 2, {"lower": 9}, 9, Binding.LOWER),
        (7, 2, {"lower": 2, "upper": 2}, 2, Binding.LOWER),
        (1, 2, {"upper": 0.5}, 0.5, Binding.UPPER),
        (5, 2, {"lower": 0}, 2, Binding.RISK_PRICE),
        (7, 2, {"lower": 0}, 0, Binding.LOWER),
    ],
)
def test_what_holds_a_single_request(cost, price, bounds, request_, binding):
    """With a lower bound of 0 the first 2 cores remove 6 incidents, 3 a core: worth 6 a core at a price of 2.

    That pays at 5 a core and not at 7, where the step from 1 to 2 alone would have paid.
    """
    choice = solve_risk(one_item(*CURVE, cost, price, **bounds))
    assert choice.request.tolist() == [request_]
    assert choice.binding.tolist() == [binding]


def test_a_flat_tail_is_told_apart_from_a_price():
    choice = solve_risk(one_item([1, 2, 4], [10, 4, 4], 1, 2))
    assert (choice.request.tolist(), choice.binding.tolist()) == ([2], [Binding.FLAT])
    choice = solve_risk(one_item([3], [4], 1, 2))
    assert (choice.request.tolist(), choice.binding.tolist()) == ([3], [Binding.FLAT])


@every_backend
@each_way
def test_a_budget_of_requests(backend, closed_form):
    """3 cores for two: one first step is kept. 2 * 7 + 4 * 2 + 1 * 7 + 10 * 2 = 49; a further core would save 5."""
    choice = solve_risk(two(quota("q[a]", [0, 1], 3.0)), backend=need(backend), closed_form=closed_form)
    assert sorted(choice.request) == pytest.approx([1, 2])
    assert choice.objective == pytest.approx(49)
    assert choice.budget_dual == pytest.approx([-5])
    assert choice.budget_use == pytest.approx([3])
    assert choice.budget_slack_violation.tolist() == [0]
    assert sorted(choice.binding) == [Binding.RISK_PRICE, Binding.BUDGET]
    assert choice.backend == (CLOSED_FORM if closed_form else backend)


@every_backend
@each_way
def test_a_budget_between_two_vertices(backend, closed_form):
    """3.5 cores: the second item gets half of its step: 1.5 cores and, on the hull, 7 incidents."""
    choice = solve_risk(two(quota("q[a]", [0, 1], 3.5)), backend=need(backend), closed_form=closed_form)
    assert sorted(choice.request) == pytest.approx([1.5, 2])
    assert sorted(choice.expected_incidents) == pytest.approx([4, 7])
    assert choice.objective == pytest.approx(46.5)


@every_backend
@each_way
def test_a_budget_of_incidents(backend, closed_form):
    """6 incidents for two; own optima have 8. A second step costs (7 - 3) / 1.5 = 8/3 an incident, 2 are bought.

    That takes 4/3 cores: 44 + 2 * 8/3 = 49 1/3.
    """
    problem = two(quota("risk[fleet]", [0, 1], 6.0, measure="incidents"))
    choice = solve_risk(problem, backend=need(backend), closed_form=closed_form)
    assert sorted(choice.request) == pytest.approx([2, 10 / 3])
    assert sorted(choice.expected_incidents) == pytest.approx([2, 4])
    assert choice.objective == pytest.approx(148 / 3)
    assert choice.budget_dual == pytest.approx([-8 / 3])
    assert sorted(choice.binding) == [Binding.RISK_PRICE, Binding.BUDGET]


@every_backend
@each_way
def test_budgets_that_cannot_be_met_are_exceeded_by_the_least(backend, closed_form):
    """Two items need 2 cores at the least: a quota of 1.5 is exceeded by 0.5. At the most they leave 2 incidents."""
    need(backend)
    choice = solve_risk(two(quota("q[a]", [0, 1], 1.5)), backend=backend, closed_form=closed_form)
    assert choice.request == pytest.approx([1, 1])
    assert choice.budget_slack_violation == pytest.approx([0.5])
    assert choice.binding.tolist() == [Binding.BUDGET] * 2
    assert choice.status is SolveStatus.OPTIMAL
    choice = solve_risk(two(quota("r", [0, 1], 1.25, measure="incidents")), backend=backend, closed_form=closed_form)
    assert choice.request == pytest.approx([4, 4])
    assert choice.budget_slack_violation == pytest.approx([0.75])


@every_backend
def test_violation_comes_before_any_cost(backend):
    """A quota of 3 cores against 5 incidents for two items; c = 1e6 a core and p = 0, so every cost speaks for less.

    Sizes: 8 cores and 20 incidents. At r cores in all the hull leaves 20 - 6 (r - 2) incidents up to r = 4, where it
    leaves 8. Relative excess of r in [3, 4]: (r - 3) / 8 + (15 - 6 (r - 2)) / 20, falling by 6/20 - 1/8 a core;
    beyond 4 the fall is 1.5/20 < 1/8. The least is at r = 4: 1 core and 3 incidents too much.
    """
    budgets = (quota("q", [0, 1], 3.0), quota("r", [0, 1], 5.0, measure="incidents"))
    choice = solve_risk(one_item(*CURVE, 1e6, 0, copies=2, budgets=budgets), backend=need(backend))
    assert choice.request == pytest.approx([2, 2], rel=1e-6)
    assert choice.budget_slack_violation == pytest.approx([1, 3], rel=1e-6)
    assert choice.backend == backend


def test_a_budget_joins_when_another_budget_breaks_it():
    """Own optima use 4 cores and 8 incidents. A quota of 3 leaves 14 incidents, which breaks a budget of 12 that held.

    Both together: 14 - 6 x = 12 at the margin needs x = 1/3 core, which the quota does not have; so
    items: two share 3 cores whatever the split, 20 - 6 * (3 - 2) = 14 incidents: 2 too many, or 1/3 core.
    With a third item outside the quota the incidents can be bought there: 3 items, budget of 16 for all of
    4 + 14 = 18, the third buys 2 incidents at 8/3 each.
    """
    quota_of_two = quota("q", [0, 1], 3.0)
    risk_of_all = quota("r", [0, 1, 2], 16.0, measure="incidents")
    alone = solve_risk(one_item(*CURVE, 7, 2, copies=3, budgets=(quota_of_two,)))
    assert alone.expected_incidents.sum() == 18
    assert alone.backend == CLOSED_FORM
    choice = solve_risk(one_item(*CURVE, 7, 2, copies=3, budgets=(quota_of_two, risk_of_all)))
    assert choice.backend == "scipy"
    assert choice.objective == pytest.approx(49 + 22 + 2 * 8 / 3)
    assert choice.request[2] == pytest.approx(2 + 4 / 3)
    assert choice.budget_use == pytest.approx([3, 16])
    # A core more of quota now saves 5 and the 6 incidents that need not be bought at 8/3: 5 + 16 = 21.
    assert choice.budget_dual == pytest.approx([-21, -8 / 3])


def test_loose_budgets_change_nothing_and_need_no_program():
    budgets = (quota("q", [0, 1], 4.0), quota("r", [0], 4.0, measure="incidents"), quota("none", [0, 1], INF))
    choice = solve_risk(two(*budgets))
    assert choice.request.tolist() == [2, 2]
    assert choice.budget_dual.tolist() == [0, 0, 0]
    assert choice.budget_use.tolist() == [4, 4, 4]
    assert choice.backend == CLOSED_FORM


def test_a_repeated_item_counts_with_the_sum_of_its_weights():
    choice = solve_risk(two(quota("q", [0, 0, 1], 5.0, weights=[1, 1, 1])))
    assert choice.budget_use.tolist() == [5]
    assert choice.request.tolist() == pytest.approx([1.5, 2])


def test_ties_between_equal_items_go_to_the_first():
    choice = solve_risk(one_item(*CURVE, 7, 2, copies=4, budgets=(quota("q", [3, 1, 0], 4.0),)))
    assert choice.request.tolist() == [2, 1, 2, 1]


def test_members_of_a_row_with_weight_zero_do_not_move():
    choice = solve_risk(two(quota("q", [0, 1], 1.0, weights=[1, 0])))
    assert choice.request.tolist() == [1, 2]


def test_bytes_beside_cores():
    """One item in cores, one in bytes at the same worth: a quota each, exceeded by half a step each."""
    gib = 2.0**30
    request = np.array([[1, 2, 4], [gib, 2 * gib, 4 * gib]])
    problem = RiskProblem(
        request,
        np.array([CURVE[1]] * 2, dtype=float),
        np.array([7, 7 / gib]),
        np.array([2.0, 2.0]),
        np.full(2, -INF),
        np.full(2, INF),
        (quota("q[cpu]", [0], 1.5), quota("q[memory]", [1], 1.5 * gib)),
    )
    for closed_form in (True, False):
        choice = solve_risk(problem, closed_form=closed_form)
        assert choice.request == pytest.approx([1.5, 1.5 * gib], rel=1e-9)
        assert choice.budget_dual == pytest.approx([-5, -5 / gib], rel=1e-9)


def test_no_items_and_no_budgets():
    nothing = np.empty(0)
    problem = RiskProblem(np.empty((0, 3)), np.empty((0, 3)), nothing, nothing, nothing, nothing)
    choice = solve_risk(problem)
    assert (choice.request.size, choice.objective) == (0, 0.0)
    choice = solve_risk(with_budgets(problem, [quota("q", [], -1.0), quota("r", [], 0.0)]))
    assert choice.budget_slack_violation.tolist() == [1, 0]


@each_way
def test_a_budget_of_no_items_that_cannot_be_met(closed_form):
    choice = solve_risk(two(quota("q", [], -2.0)), closed_form=closed_form)
    assert choice.budget_slack_violation.tolist() == [2]
    assert choice.request.tolist() == [2, 2]
    assert choice.binding.tolist() == [Binding.RISK_PRICE] * 2


@pytest.mark.parametrize("unit", [1.0, 2.0**30, 1e-3])
def test_a_row_that_nothing_can_help_does_not_spoil_the_others(unit):
    """Item 1 cannot go below 1 core of the 0.8 it has. Item 0 can keep 1 core of its quota or help the incidents.

    At 1 core incidents are 1 + 2, one of size 3 above 2: 1/3; at 2 cores the quota of 1 is exceeded by 1 of 2: 1/2.
    """
    request, incidents = np.array([[1.0, 2.0], [1.0, 2.0]]) * unit, np.array([[1.0, 0.0], [2.0, 2.0]])
    budgets = (
        quota("a", [1], 0.8 * unit),
        quota("b", [0], 1.0 * unit),
        quota("c", [0, 1], 2.0, measure="incidents"),
    )
    zero, free = np.zeros(2), np.full(2, INF)
    for closed_form in (True, False):
        choice = solve_risk(RiskProblem(request, incidents, zero, zero, -free, free, budgets), closed_form=closed_form)
        assert choice.budget_slack_violation / [unit, unit, 1] == pytest.approx([0.2, 0, 1])
