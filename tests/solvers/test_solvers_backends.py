import importlib.metadata
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solver_cases import BACKENDS, available, need

from solvers.backends import pulp_any, solve
from solvers.linear_model import LinearModel
from solvers.solution import SolveError, SolveStatus, make_solution, relative_gap_between

every_backend = pytest.mark.parametrize("backend", BACKENDS)


def diet():
    """min 3a + 2b + 4c  with the rows  a + b <= 4,  a + c >= 3,  b + c == 2,  1.5 <= a <= 2.5,  0 <= b <= 1.

    c = 2 - b, so the cost is 3a - 2b + 8 and a + c >= 3 reads a >= 1 + b. More b saves 2 and needs no more a
    until b = 0.5, where a = 1.5 is at its least; from there each unit of b needs a unit of a, +3 - 2 > 0.
    Optimum: a = 1.5, b = 0.5, c = 1.5, cost 3 * 1.5 + 1 + 6 = 11.5. Moving each side up by one (a small) unit:
    a + b <= 4 is slack: 0. a + c >= 3+e: b = 0.5 - e, c = 1.5 + e: +2e. b + c == 2+e: c + e - then a + c has
    e to spare: b = 0.5 + e, c = 1.5: +2e. a >= 1.5 + e: then b may be 0.5 + e, c 1.5 - e: 3e + 2e - 4e = +1e.
    """
    model = LinearModel("diet")
    a, b, c = model.add_variables("eaten", 3, objective=[3, 2, 4], labels=["a", "b", "c"])
    model.add_constraints("at_most", [0, 0], [a, b], 1.0, upper=4)
    model.add_constraints("at_least", [0, 0], [a, c], 1.0, lower=3)
    model.add_constraints("exactly", [0, 0], [b, c], 1.0, lower=2, upper=2)
    model.add_constraints("between", [0, 1], [a, b], 1.0, lower=[1.5, 0], upper=[2.5, 1])
    return model


@every_backend
def test_duals_are_the_change_of_the_objective_per_unit_of_the_side_that_holds(backend):
    solution = solve(diet(), backend=need(backend))
    assert solution.status is SolveStatus.OPTIMAL
    assert solution.objective == pytest.approx(11.5)
    assert solution.x == pytest.approx([1.5, 0.5, 1.5])
    assert solution.row_duals == pytest.approx([0, 2, 2, 1, 0], abs=1e-7)
    assert (solution.bound, solution.gap, solution.stopped_by) == (solution.objective, 0.0, "")


def knapsack(*, sense):
    """min -5x - 4y  with 6x + 4y <= 24, x + 2y <= 6: x = 3, y = 1.5, cost -21; duals -0.75 and -0.5 (Taha's paint).

    ``sense`` writes the first row as <=, as >= of its negative (the dual changes sign) or as a ranged row.
    """
    model = LinearModel("paint")
    x = model.add_variables("made", 2, objective=[-5, -4])
    sign = -1.0 if sense == ">=" else 1.0
    sides = {
        "<=": {"upper": 24},
        ">=": {"lower": -24},
        "ranged": {"lower": 1, "upper": 24},
        "==": {"lower": 24, "upper": 24},
    }
    model.add_constraints("machine", [0, 0], x, [sign * 6, sign * 4], **sides[sense])
    model.add_constraints("material", [0, 0], x, [1, 2], upper=6)
    return model


@every_backend
@pytest.mark.parametrize("sense", ["<=", ">=", "ranged", "=="])
def test_the_sign_of_a_dual_does_not_depend_on_how_the_row_is_written(backend, sense):
    solution = solve(knapsack(sense=sense), backend=need(backend))
    assert solution.objective == pytest.approx(-21)
    assert solution.row_duals == pytest.approx([0.75 if sense == ">=" else -0.75, -0.5])


@st.composite
def linear_programs(draw):
    """Bounded and feasible: rows are laid around a point that is inside the bounds."""
    columns, rows = draw(st.integers(1, 5)), draw(st.integers(0, 5))
    whole = st.integers(-5, 5)
    inside = np.array(draw(st.lists(whole, min_size=columns, max_size=columns)), dtype=float)
    cost = draw(st.lists(whole, min_size=columns, max_size=columns))
    matrix = np.array(draw(st.lists(st.lists(whole, min_size=columns, max_size=columns), min_size=rows, max_size=rows)))
    matrix = matrix.reshape(rows, columns)
    margins = st.lists(st.integers(0, 4), min_size=rows, max_size=rows)
    below, above = np.array(draw(margins), dtype=float), np.array(draw(margins), dtype=float)
    sides = st.sampled_from([(0, 0), (1, 1), (1, np.inf), (np.inf, 1), (np.inf, np.inf)])
    reach = np.array(draw(st.lists(sides, min_size=rows, max_size=rows)), dtype=float).reshape(rows, 2)
    activity = matrix @ inside
    lower = np.where(np.isinf(reach[:, 0]), -np.inf, activity - below * (reach[:, 0] > 0))
    upper = np.where(np.isinf(reach[:, 1]), np.inf, activity + above * (reach[:, 1] > 0))
    integer = draw(st.booleans())
    model = LinearModel("random")
    x = model.add_variables("x", columns, lower=inside - 4, upper=inside + 3, objective=cost, integer=integer)
    row, column = np.nonzero(np.ones_like(matrix))
    model.add_constraints("row", row, x[column], matrix.ravel().astype(float), count=rows, lower=lower, upper=upper)
    return model


@settings(max_examples=40, deadline=None)
@given(linear_programs())
def test_backends_agree_and_duals_prove_the_optimum(model):
    """Weak duality with the reported duals gives a bound that equals the objective: no other proof is needed."""
    answers = {backend: solve(model, backend=backend) for backend in available()}
    best = answers["scipy"].objective
    for backend, answer in answers.items():
        assert answer.status is SolveStatus.OPTIMAL, backend
        assert answer.objective == pytest.approx(best, rel=1e-6, abs=1e-6), backend
        assert answer.bound <= answer.objective
        assert answer.bound == pytest.approx(best, rel=2e-6, abs=1e-5)
        if model.has_integers:
            assert np.isnan(answer.row_duals).all()
            assert (answer.x == np.round(answer.x)).all()
            continue
        duals = answer.row_duals
        reduced = model.objective - model.matrix_csr().T @ duals
        at_columns = np.where(reduced > 0, model.column_lower, model.column_upper)
        side = np.where(duals > 0, model.row_lower, model.row_upper)
        used = np.abs(duals) > 1e-9
        assert np.isfinite(side[used]).all(), f"{backend}: a dual has the sign of a side that is not there"
        assert side[used] @ duals[used] + at_columns @ reduced == pytest.approx(best, rel=1e-6, abs=1e-5), backend


@every_backend
@pytest.mark.parametrize("integer", [False, True])
def test_infeasible_and_unbounded_are_answers(backend, integer):
    need(backend)
    unbounded = LinearModel()
    x = unbounded.add_variables("x", 2, objective=[-1, 0], integer=integer)
    unbounded.add_constraints("row", [0, 0], x, [1, -1], upper=1)
    answer = solve(unbounded, backend=backend)
    assert (answer.status, answer.has_point, answer.bound) == (SolveStatus.UNBOUNDED, False, -math.inf)
    assert np.isnan(answer.x).all()

    infeasible = LinearModel()
    x = infeasible.add_variables("x", 2, objective=[-1, 0], integer=integer)
    infeasible.add_constraints("row", [0, 0, 1, 1], [0, 1, 0, 1], [1, -1, 1, -1], lower=[-9, 2], upper=[1, 5])
    answer = solve(infeasible, backend=backend)
    assert (answer.status, answer.has_point) == (SolveStatus.INFEASIBLE, False)


@every_backend
def test_rows_and_columns_that_no_one_uses(backend):
    need(backend)
    model = LinearModel()
    model.add_variables("idle", 3, lower=[-3, 2, -4], upper=[np.inf, 5, -1])
    model.add_variables("used", 1, objective=1.0, lower=-np.inf)
    model.add_constraints("free_row", [0], [3], 1.0)
    model.add_constraints("hollow", [], [], [], count=1, upper=0.5)
    model.add_constraints("floor", [0], [3], 1.0, lower=-7)
    answer = solve(model, backend=backend)
    assert (answer.status, answer.objective) == (SolveStatus.OPTIMAL, pytest.approx(-7))
    assert ((answer.x[:3] >= [-3, 2, -4]) & (answer.x[:3] <= [np.inf, 5, -1])).all()
    assert answer.row_duals == pytest.approx([0, 0, 1])
    model.add_constraints("impossible", [], [], [], count=1, lower=0.5)
    assert solve(model, backend=backend).status is SolveStatus.INFEASIBLE


@every_backend
def test_models_without_variables(backend):
    need(backend)
    model = LinearModel()
    assert solve(model, backend=backend).objective == 0.0
    model.add_constraints("row", [], [], [], count=2, lower=-1, upper=1)
    assert solve(model, backend=backend).row_duals.tolist() == [0, 0]
    model.add_constraints("impossible", [], [], [], count=1, lower=1)
    assert solve(model, backend=backend).status is SolveStatus.INFEASIBLE


@every_backend
def test_integers_without_an_upper_bound_are_not_cut_at_one(backend):
    """Readers of MPS files may take 1 as the bound of an integer column that states none: 57.5 must give 58."""
    model = LinearModel()
    x = model.add_variables("x", 2, objective=[1, 3], integer=True)
    model.add_constraints("row", [0, 0], x, [1, 2], lower=57.5)
    assert solve(model, backend=need(backend)).x.tolist() == [58, 0]


def hard():
    """60 items, five knapsacks with six-digit weights: no solver closes the gap in a moment."""
    random = np.random.default_rng(0)
    weights = random.integers(10**5, 10**6, (5, 60)).astype(float)
    model = LinearModel("hard")
    x = model.add_variables("x", 60, objective=-weights.sum(0) - random.random(60), integer=True, upper=1)
    model.add_constraints("room", np.repeat(np.arange(5), 60), np.tile(x, 5), weights.ravel(), upper=weights.sum(1) / 2)
    return model


@every_backend
def test_the_clock_ends_a_search_with_what_is_known(backend):
    model = hard()
    answer = solve(model, backend=need(backend), time_limit_seconds=0.5, relative_gap=0.0)
    assert (answer.status, answer.stopped_by) == (SolveStatus.LIMIT, "time")
    assert answer.has_point
    assert (model.matrix_csr() @ answer.x <= model.row_upper * (1 + 1e-6)).all()
    assert answer.bound <= answer.objective < 0
    if backend != "pulp:CBC":
        assert 0 < answer.gap < 0.05


@every_backend
def test_no_time_at_all_gives_a_limit_and_never_a_fractional_point(backend):
    answer = solve(hard(), backend=need(backend), time_limit_seconds=1e-4)
    assert (answer.status, answer.stopped_by) == (SolveStatus.LIMIT, "time")
    assert not answer.has_point or (answer.x == np.round(answer.x)).all()


@every_backend
def test_a_node_limit_ends_a_search(backend):
    answer = solve(hard(), backend=need(backend), node_limit=1, relative_gap=0.0)
    assert (answer.status, answer.stopped_by) == (SolveStatus.LIMIT, "nodes")
    assert answer.has_point


@every_backend
def test_presolve_can_be_left_out(backend):
    assert solve(diet(), backend=need(backend), presolve=False).objective == pytest.approx(11.5)


@every_backend
def test_nothing_is_printed(backend, capfd):
    need(backend)
    capfd.readouterr()
    solve(diet(), backend=backend)
    solve(hard(), backend=backend, node_limit=0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "cplex"}, "backend is 'cplex'; expected 'scipy', 'pulp'"),
        ({"backend": "pulp:"}, "backend is 'pulp:'"),
        ({"time_limit_seconds": 0.0}, "time_limit_seconds is 0"),
        ({"time_limit_seconds": math.nan}, "time_limit_seconds is nan"),
        ({"relative_gap": -1.0}, "relative_gap is -1"),
        ({"node_limit": -1}, "node_limit is -1"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        solve(diet(), **options)


@pytest.mark.parametrize("solver", ["NoSuchSolver", "GUROBI_CMD", "CPLEX_CMD"])
def test_a_missing_solver_is_a_clear_error(solver):
    """None of these is installed where the tests run: the last two need a licence."""
    with pytest.raises(
        SolveError, match=f"{solver}.*(cannot set up|not installed)|(cannot set up|not installed).*{solver}"
    ):
        solve(diet(), backend=f"pulp:{solver}")


def test_the_printing_highspy_is_not_used(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.16.0")
    with pytest.raises(SolveError, match=r"not 1\.16\.0, which prints on stdout"):
        solve(diet(), backend="pulp:HiGHS")


def test_pulp_chooses_highs_if_it_is_there_and_cbc_else(monkeypatch):
    names = [name for name in ("pulp:HiGHS", "pulp:CBC") if name in available()]
    if not names:
        pytest.skip("neither HiGHS nor CBC for PuLP")
    assert solve(diet(), backend="pulp").backend == names[0]
    if "pulp:CBC" in names:
        monkeypatch.setattr(pulp_any, "_highspy_is_usable", lambda: False)
        assert solve(diet(), backend="pulp").backend == "pulp:CBC"


def test_no_deprecated_part_of_pulp_is_used():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for backend in available():
            solve(diet(), backend=backend)


def test_a_point_that_breaks_a_row_is_not_believed():
    """a + c >= 3 does not hold at 0: an optimum is an error then, a point at a limit is no point."""
    model = diet()
    wrong = make_solution(model, SolveStatus.OPTIMAL, backend="test", x=np.zeros(3))
    assert (wrong.status, wrong.has_point) == (SolveStatus.ERROR, False)
    stopped = make_solution(model, SolveStatus.LIMIT, backend="test", x=np.zeros(3), bound=2.0, stopped_by="time")
    assert (stopped.status, stopped.has_point, stopped.bound) == (SolveStatus.LIMIT, False, 2.0)


def test_whole_numbers_are_rounded_and_fractions_are_not_believed():
    model = LinearModel()
    x = model.add_variables("x", 1, objective=1.0, integer=True, upper=5)
    model.add_constraints("row", [0], x, 1.0, lower=2)
    good = make_solution(model, SolveStatus.OPTIMAL, backend="test", x=np.array([2.9999999]), bound=2.5)
    assert (good.x.tolist(), good.objective, good.bound) == ([3.0], 3.0, 2.5)
    assert good.gap == pytest.approx(1 / 6)
    assert make_solution(model, SolveStatus.OPTIMAL, backend="test", x=np.array([2.5])).status is SolveStatus.ERROR


def test_gap():
    assert relative_gap_between(10.0, 9.0) == pytest.approx(0.1)
    assert relative_gap_between(-10.0, -11.0) == pytest.approx(0.1)
    assert relative_gap_between(0.0, 0.0) == 0.0
    assert relative_gap_between(0.0, -1.0) == math.inf
    assert relative_gap_between(5.0, -math.inf) == math.inf
    assert math.isnan(relative_gap_between(math.nan, 1.0))
