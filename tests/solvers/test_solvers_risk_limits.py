"""Wrong questions, silence, clocks, size."""

import time

import numpy as np
import pytest
from solver_cases import BACKENDS, INF, need, one_item, quota

from solvers import risk_program
from solvers.risk import BudgetRow, RiskProblem, solve_risk
from solvers.solution import SolveError, SolveStatus, make_solution

GOOD = {
    "request": np.array([[1.0, 2.0], [1.0, np.nan]]),
    "expected_incidents": np.array([[5.0, 1.0], [2.0, np.nan]]),
    "unit_cost": np.ones(2),
    "price_of_risk": np.ones(2),
    "lower": np.full(2, -INF),
    "upper": np.full(2, INF),
}


def row(items=(0,), weights=(1.0,), limit=1.0, measure="request", name="q"):
    return BudgetRow(name, np.asarray(items), np.asarray(weights, dtype=float), limit, measure)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"request": np.ones(2)}, r"request has shape \(2,\); expected \(item, point\)"),
        ({"request": np.empty((2, 0))}, "with one point or more"),
        ({"expected_incidents": np.ones((2, 3))}, r"expected_incidents has shape \(2, 3\); expected \(2, 2\)"),
        ({"request": np.array([[1.0, 2.0], [np.nan, np.nan]])}, r"a curve needs a point \(item 1\)"),
        ({"request": np.array([[1.0, 2.0], [1.0, 2.0]])}, r"NaN at different points \(item 1\)"),
        ({"request": np.array([[1.0, 1.0], [1.0, np.nan]])}, r"not strictly ascending \(item 0\)"),
        ({"request": np.array([[1.0, INF], [1.0, np.nan]])}, r"the curve is not finite \(item 0\)"),
        ({"expected_incidents": np.array([[1.0, 5.0], [2.0, np.nan]])}, r"expected_incidents increases \(item 0\)"),
        ({"expected_incidents": np.array([[5.0, -1.0], [2.0, np.nan]])}, r"expected_incidents is negative \(item 0\)"),
        ({"unit_cost": np.ones(3)}, r"unit_cost has shape \(3,\); expected \(2,\)"),
        ({"unit_cost": np.array([1.0, -1.0])}, "unit_cost of item 1 is -1.0; expected a finite number of 0 or more"),
        ({"price_of_risk": np.array([1.0, np.nan])}, "price_of_risk of item 1 is nan"),
        ({"lower": np.array([np.nan, 0.0])}, "lower of item 0 is nan"),
        ({"lower": np.array([0.0, INF])}, "lower of item 1 is inf"),
        ({"upper": np.array([0.0, -INF])}, "upper of item 1 is -inf"),
        ({"lower": np.array([0.0, 3.0]), "upper": np.array([5.0, 2.0])}, "upper of item 1 is 2.0; expected at least"),
        ({"labels": ["a"]}, "there are 2 items but 1 labels"),
        ({"labels": ["a", "a"]}, "labels of items repeat"),
        ({"budgets": (row(), row())}, "two budgets are called 'q'"),
        ({"budgets": (row(items=(0, 1)),)}, r"items \(2,\) and weights \(1,\)"),
        ({"budgets": (row(items=(2,)),)}, "names items 2 to 2; there are 2"),
        ({"budgets": (row(items=(-1,)),)}, "names items -1"),
        ({"budgets": (row(items=(0.5,)),)}, "items must be whole numbers"),
        ({"budgets": (row(weights=(-1.0,)),)}, "weights must be finite and 0 or more"),
        ({"budgets": (row(limit=np.nan),)}, "has the limit nan"),
        ({"budgets": (row(limit=-INF),)}, "has the limit -inf"),
        ({"budgets": (row(measure="cores"),)}, "measures 'cores'; expected 'request' or 'incidents'"),
    ],
)
def test_wrong_problems_say_what_is_wrong(changes, message):
    assert RiskProblem(**GOOD).item_count == 2
    with pytest.raises(ValueError, match=message):
        RiskProblem(**{**GOOD, **changes})


def test_nan_between_points_is_refused():
    request = np.array([[1.0, np.nan, 2.0]])
    one = np.ones(1)
    with pytest.raises(ValueError, match="request has NaN between points"):
        RiskProblem(request, request[:, ::-1], one, one, -INF * one, INF * one)


def test_rounding_in_a_curve_is_forgiven():
    """A rise of 1e-12 of the first value is what summation leaves behind."""
    choice = solve_risk(one_item([1, 2, 3], [10, 4, 4 * (1 + 1e-12)], 1, 2))
    assert choice.request.tolist() == [2]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"backend": "gurobi"}, "backend is 'gurobi'"), ({"time_limit_seconds": 0}, "time_limit_seconds is 0")],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        solve_risk(RiskProblem(**GOOD), **options)


def crossed(count=2, points=3, *, request_room=0.75, seed=0, incident_room=1.02):
    """Items in teams under quotas that are too small, all tied by a budget of incidents that is too small then."""
    random = np.random.default_rng(seed)
    request = np.cumsum(random.random((count, points)) + 0.05, axis=1)
    incidents = np.exp(-request / random.uniform(0.5, 4, (count, 1))) * random.uniform(1, 20, (count, 1))
    problem = RiskProblem(
        request,
        incidents,
        random.uniform(1, 20, count),
        random.uniform(5, 50, count),
        np.full(count, -INF),
        np.full(count, INF),
    )
    own = solve_risk(problem)
    teams = max(count // 200, 2)
    rows = [
        quota(
            f"quota_covers_requests[team-{t}]", np.arange(t, count, teams), request_room * own.request[t::teams].sum()
        )
        for t in range(0, teams, 2)
    ]
    limit = incident_room * own.expected_incidents.sum()
    rows.append(quota("risk_within_budget[fleet]", np.arange(count), limit, measure="incidents"))
    names = ("request", "expected_incidents", "unit_cost", "price_of_risk", "lower", "upper")
    return RiskProblem(*(getattr(problem, name) for name in names), tuple(rows))


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_printed(backend, capfd):
    need(backend)
    problem = crossed(400, 12)
    capfd.readouterr()
    assert solve_risk(problem, backend=backend).backend == backend
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", ["pulp:HiGHS", "pulp:CBC"])
def test_backends_agree_on_a_middling_problem(backend):
    problem = crossed(600, 15)
    reference = solve_risk(problem)
    choice = solve_risk(problem, backend=need(backend))
    assert reference.budget_dual[-1] < 0
    assert choice.objective == pytest.approx(reference.objective, rel=1e-7)
    assert choice.budget_dual == pytest.approx(reference.budget_dual, rel=1e-4, abs=1e-6)


def test_the_clock_leaves_a_defined_answer():
    """No solver finishes 2,000 tied items in a microsecond: three simple answers are compared instead."""
    problem = crossed(2000, 20)
    choice = solve_risk(problem, time_limit_seconds=1e-6)
    assert (choice.status, choice.stopped_by) == (SolveStatus.LIMIT, "time")
    assert np.isfinite(choice.request).all()
    assert np.isfinite(choice.objective)
    assert np.isnan(choice.budget_dual).any()
    assert (choice.budget_slack_violation > 0).any()
    best = solve_risk(problem)
    assert (best.status, best.budget_slack_violation.any()) == (SolveStatus.OPTIMAL, False)


def test_a_clock_that_strikes_in_phase_two_keeps_the_point_of_phase_one(monkeypatch):
    """Phase 1 finds 2 cores of 1.5 for both; the clock then stops phase 2, and those sizes are what is known."""
    solved = risk_program.solve

    def stopped_in_phase_two(model, **options):
        if model.name == "cheapest_sizes":
            return make_solution(model, SolveStatus.LIMIT, backend="test", stopped_by="time")
        return solved(model, **options)

    monkeypatch.setattr(risk_program, "solve", stopped_in_phase_two)
    problem = one_item([1, 2, 4], [10, 4, 1], 7, 2, copies=2, budgets=(quota("q", [0, 1], 1.5),))
    choice = solve_risk(problem, closed_form=False)
    assert (choice.status, choice.stopped_by) == (SolveStatus.LIMIT, "time")
    assert choice.request.tolist() == [1, 1]
    assert choice.budget_slack_violation.tolist() == [0.5]


def test_a_solver_that_breaks_down_is_an_error(monkeypatch):
    def broken(model, **options):
        return make_solution(model, SolveStatus.ERROR, backend="test", message="out of memory")

    monkeypatch.setattr(risk_program, "solve", broken)
    with pytest.raises(SolveError, match=r"test ended with error on a sizing model: out of memory"):
        solve_risk(one_item([1, 2], [5, 1], 1, 1, budgets=(quota("q", [0], 1.0),)), closed_form=False)


def test_40000_items_of_40_points_under_200_exceeded_quotas_take_less_than_3_cpu_seconds():
    random = np.random.default_rng(0)
    count = 40_000
    request = np.cumsum(random.random((count, 40)) + 0.01, axis=1)
    incidents = np.exp(-request / random.uniform(1, 8, (count, 1))) * random.uniform(1, 20, (count, 1))
    free = np.full(count, INF)
    arrays = (request, incidents, random.uniform(1, 20, count), random.uniform(5, 50, count), -free, free)
    own = solve_risk(RiskProblem(*arrays)).request
    rows = tuple(quota(f"q[{t}]", np.arange(t, count, 200), 0.8 * own[t::200].sum()) for t in range(200))
    problem = RiskProblem(*arrays, rows)
    began = time.process_time()
    choice = solve_risk(problem)
    assert time.process_time() - began < 3.0
    assert choice.budget_use == pytest.approx([r.limit for r in rows])
    assert not choice.budget_slack_violation.any()
