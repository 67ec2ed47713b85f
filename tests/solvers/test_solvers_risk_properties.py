"""Properties of every sizing problem, on small random ones."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from solver_cases import available, least_relative_excess, mixture_optimum, problems, with_budgets

from solvers.risk import Binding, solve_risk
from solvers.risk_budgets import Budgets
from solvers.risk_curves import convex_hulls
from solvers.solution import SolveStatus


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
