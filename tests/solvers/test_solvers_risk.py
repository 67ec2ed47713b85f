import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from solver_cases import (
    BACKENDS,
    INF,
    available,
    least_relative_excess,
    mixture_optimum,
    need,
    one_item,
    problems,
    quota,
    with_budgets,
)

from solvers.risk import CLOSED_FORM, Binding, RiskProblem, solve_risk
from solvers.risk_budgets import Budgets
from solvers.risk_curves import convex_hulls
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


@settings(max_examples=120, deadline=None)
@given(problems(feasible=True))
def test_the_optimum_is_that_of_mixing_points(problem):
    """An independent linear program over mixtures of the curves' points, without hulls, steps or scaling."""
    best = mixture_optimum(problem)
    assume(best is not None)
    choice = solve_risk(problem)
    assert choice.status is SolveStatus.OPTIMAL
    assert choice.objective == pytest.approx(best, rel=1e-8, abs=1e-8)
    check_promises(problem, choice)


@settings(max_examples=120, deadline=None)
@given(problems())
def test_exceeded_budgets_are_exceeded_by_the_least_and_then_the_cost_is_least(problem):
    choice = solve_risk(problem)
    check_promises(problem, choice)
    if not problem.budgets:
        return
    sizes = sizes_of(problem)
    least = least_relative_excess(problem, sizes)
    assert (choice.budget_slack_violation / sizes).sum() == pytest.approx(least, abs=1e-6)
    best = mixture_optimum(problem, allowed_excess=choice.budget_slack_violation + 1e-9)
    assert choice.objective == pytest.approx(best, rel=1e-6, abs=1e-5)


@settings(max_examples=80, deadline=None)
@given(problems())
def test_the_program_gives_what_the_closed_form_gives(problem):
    closed, program = solve_risk(problem), solve_risk(problem, closed_form=False)
    if closed.budget_slack_violation.any():
        sizes = sizes_of(problem)
        assert (closed.budget_slack_violation / sizes).sum() == pytest.approx(
            (program.budget_slack_violation / sizes).sum(), abs=1e-6
        )
        return
    assert program.objective == pytest.approx(closed.objective, rel=1e-9, abs=1e-9)
    if not any(closed.budget_dual):
        assert program.request == pytest.approx(closed.request, rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(problems())
def test_backends_agree(problem):
    choices = {backend: solve_risk(problem, backend=backend, closed_form=False) for backend in available()}
    reference = choices["scipy"]
    sizes = sizes_of(problem)
    for backend, choice in choices.items():
        violation = (choice.budget_slack_violation / sizes).sum()
        assert violation == pytest.approx((reference.budget_slack_violation / sizes).sum(), abs=1e-6), backend
        if not reference.budget_slack_violation.any():
            assert choice.objective == pytest.approx(reference.objective, rel=1e-6, abs=1e-6), backend


@settings(max_examples=60, deadline=None)
@given(problems(feasible=True), st.integers(0, 5))
def test_a_larger_budget_never_costs_more_and_its_dual_foretells_how_much_less(problem, more):
    """The cost is convex in the limit: it falls, and by no more than the dual says."""
    rows = problem.budgets
    if not rows:
        return
    larger = [
        type(rows[0])(r.name, r.items, r.weights, r.limit + (more if k == 0 else 0), r.measure)
        for k, r in enumerate(rows)
    ]
    before, after = solve_risk(problem), solve_risk(with_budgets(problem, larger))
    assume(not before.budget_slack_violation.any())
    tolerance = 1e-7 * (1 + abs(before.objective))
    assert after.objective <= before.objective + tolerance
    assert (before.budget_dual <= 0).all()
    assert after.objective >= before.objective + more * before.budget_dual[0] - tolerance


@settings(max_examples=60, deadline=None)
@given(problems(feasible=True), st.integers(2, 5))
def test_a_higher_price_of_risk_for_all_never_adds_incidents(problem, factor):
    """One price for all, p or kp: exchanging the two optima in both objectives shows sum f(kp) <= sum f(p)."""
    price = np.full(problem.item_count, 2.0)
    low = solve_risk(with_budgets(problem, problem.budgets, price_of_risk=price))
    high = solve_risk(with_budgets(problem, problem.budgets, price_of_risk=price * factor))
    assume(not low.budget_slack_violation.any())
    assert high.expected_incidents.sum() <= low.expected_incidents.sum() + 1e-6


@settings(max_examples=60, deadline=None)
@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(problem, random):
    order = list(range(problem.item_count))
    random.shuffle(order)
    order = np.array(order)
    place = np.argsort(order)
    names = ("request", "expected_incidents", "unit_cost", "price_of_risk", "lower", "upper")
    rows = [type(r)(r.name, place[r.items], r.weights, r.limit, r.measure) for r in problem.budgets]
    shuffled = with_budgets(problem, rows, **{name: getattr(problem, name)[order] for name in names})
    before, after = solve_risk(problem), solve_risk(shuffled)
    sizes = sizes_of(problem)
    assert (after.budget_slack_violation / sizes).sum() == pytest.approx(
        (before.budget_slack_violation / sizes).sum(), abs=1e-6
    )
    if not before.budget_slack_violation.any():
        assert after.objective == pytest.approx(before.objective, rel=1e-7, abs=1e-7)
    if not problem.budgets:
        assert (after.request == before.request[order]).all()
        assert (after.binding == before.binding[order]).all()


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from([2.0**30, 1e-3, 3e9, 7.0]))
def test_the_unit_of_requests_does_not_matter(problem, unit):
    """Requests, bounds and limits in another unit, costs per that unit: the same bill, the same choice."""
    rows = [
        type(r)(r.name, r.items, r.weights, r.limit * (unit if r.measure == "request" else 1), r.measure)
        for r in problem.budgets
    ]
    scaled = with_budgets(
        problem,
        rows,
        request=problem.request * unit,
        lower=problem.lower * unit,
        upper=problem.upper * unit,
        unit_cost=problem.unit_cost / unit,
    )
    before, after = solve_risk(problem), solve_risk(scaled)
    sizes = sizes_of(problem)
    units = np.array([unit if r.measure == "request" else 1.0 for r in problem.budgets])
    assert (after.budget_slack_violation / units / sizes).sum() == pytest.approx(
        (before.budget_slack_violation / sizes).sum(), abs=1e-6
    )
    if not before.budget_slack_violation.any():
        assert after.objective == pytest.approx(before.objective, rel=1e-7, abs=1e-7)
    if not problem.budgets:
        assert after.request == pytest.approx(before.request * unit, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_the_same_problem_gives_the_same_bytes(problem):
    one, other = solve_risk(problem), solve_risk(problem)
    for name in ("request", "expected_incidents", "binding", "budget_dual", "budget_use", "budget_slack_violation"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def sizes_of(problem):
    hulls = convex_hulls(problem.request, problem.expected_incidents, problem.lower, problem.upper)
    return Budgets.from_rows(problem.budgets, problem.item_count).sizes(hulls)


def check_promises(problem, choice):
    """What the docstrings promise of every answer."""
    assert ((choice.request >= problem.lower) & (choice.request <= problem.upper)).all()
    assert (choice.budget_dual <= 0).all()
    assert (choice.budget_slack_violation >= 0).all()
    cost = problem.unit_cost @ choice.request + problem.price_of_risk @ choice.expected_incidents
    assert choice.objective == pytest.approx(cost)
    for place, row in enumerate(problem.budgets):
        measured = choice.request if row.measure == "request" else choice.expected_incidents
        use = float(row.weights @ measured[row.items])
        assert choice.budget_use[place] == pytest.approx(use)
        allowed = row.limit + choice.budget_slack_violation[place]
        assert use <= allowed + 1e-6 * max(1.0, abs(allowed))
        if use < row.limit - 1e-6 * max(1.0, abs(row.limit)):
            assert choice.budget_dual[place] == pytest.approx(0, abs=1e-6)
    alone = np.setdiff1d(np.arange(problem.item_count), np.concatenate([row.items for row in problem.budgets] or [[]]))
    assert not (choice.binding[alone.astype(int)] == Binding.BUDGET).any()
