"""Text of models. Renew the goldens with ``PLANNER_RENEW_GOLDENS=1 pytest tests/solvers`` and read the difference."""

import importlib.util
import subprocess

import numpy as np
import pytest
from fakes.goldens import check_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from solver_cases import available, need, one_item, quota

from solvers.backends import solve, write_lp
from solvers.linear_model import LinearModel
from solvers.risk_budgets import Budgets
from solvers.risk_curves import convex_hulls
from solvers.risk_program import StepProgram


def program(*budgets, copies=2, labels=("team-a/web/app.cpu", "team-a/api/app.cpu")):
    """Items with requests of 1, 2 or 4 cores and 10, 4 or 1 incidents, at 7 a core and 2 an incident.

    Steps cost 7 - 2 * 6 = -5 and 14 - 2 * 3 = 8; they add 1 and 2 cores and remove 6 and 3 incidents.
    """
    problem = one_item([1, 2, 4], [10, 4, 1], 7, 2, copies=copies, labels=labels)
    hulls = convex_hulls(problem.request, problem.expected_incidents, problem.lower, problem.upper)
    rows = Budgets.from_rows(budgets, copies)
    return StepProgram(rows, hulls, problem.unit_cost, problem.price_of_risk, labels)


QUOTA = quota("quota_covers_requests[team-a]", [0, 1], 9.0, weights=[3, 2])
RISK = quota("risk_within_budget[fleet]", [0, 1], 6.0, measure="incidents")

LOOSE_RISK = quota("risk_within_budget[fleet]", [0, 1], 12.0, measure="incidents")


def test_budget_of_requests():
    """3 * 1 + 2 * 1 = 5 of the 9 cores are spent by the least requests: 4 are left for steps."""
    check_golden("lp/risk_budget_of_requests.lp", write_lp(program(QUOTA).cheapest()))


def test_budget_of_incidents():
    """The least requests expect 20 incidents; steps must remove 14 of them."""
    check_golden("lp/risk_budget_of_incidents.lp", write_lp(program(RISK).cheapest()))


def test_least_excess_of_budgets():
    """One unit of excess weighs what it is of the row: 20 cores, 20 incidents and 4 cores are the sizes.

    The step that moves most of a row is the 2 cores of the last row, one half, and is made to weigh 10,000.
    """
    check_golden("lp/risk_least_excess.lp", write_lp(program(QUOTA, RISK, quota("own words", [1], 2.0)).least_excess()))


def test_bytes_are_scaled_by_a_power_of_two():
    """1, 2 and 4 GiB at 7 / 2**30 a byte: the coefficients of the row come near 1, 2**31 bytes become 0.5."""
    problem = one_item(np.array([1, 2, 4]) * 2.0**30, [10, 4, 1], 7 / 2**30, 2)
    hulls = convex_hulls(problem.request, problem.expected_incidents, problem.lower, problem.upper)
    rows = Budgets.from_rows([quota("quota_covers_requests[team-a/memory]", [0], 3.0 * 2**30)], 1)
    text = write_lp(StepProgram(rows, hulls, problem.unit_cost, problem.price_of_risk).cheapest())
    check_golden("lp/risk_budget_of_bytes.lp", text)


def every_kind():
    """Every kind of row, bound and column once."""
    model = LinearModel("every_kind")
    x = model.add_variables("plain", 2, objective=[1, -0.1], upper=[np.inf, 3], labels=["team-a", "team_a"])
    y = model.add_variables("odd", 4, lower=[-np.inf, -np.inf, 2, -1.5], upper=[np.inf, 4, 2, np.inf], objective=1e-7)
    n = model.add_variables(
        "whole", (2, 1), integer=True, upper=[[1], [9]], objective=1, labels=[["m5.large", "m5"], ["zone-a"]]
    )
    model.add_constraints("at_most", [0, 0, 0], [x[0], y[1], n[0, 0]], [1, -1, 2.5], upper=4)
    model.add_constraints("at_least", [0, 0], [y[0], y[3]], [1 / 3, 1], lower=-6)
    model.add_constraints("exactly", [0, 0], n[:, 0], [1, 1], lower=3, upper=3, labels=["pods in (zone) a"])
    model.add_constraints("between", [0, 0, 1], [x[0], y[0], y[1]], [1, 1, 1], lower=[0.5, -3], upper=[7, 2])
    model.add_constraints("said_nothing", [0], [x[0]], 1.0)
    return model


def test_every_kind_of_row_and_bound():
    check_golden("lp/every_kind_of_row.lp", write_lp(every_kind()))


def test_long_rows_are_wrapped_and_names_kept_whole():
    model = LinearModel("long")
    x = model.add_variables("x", 40, objective=1.25, labels=[f"namespace-{k}/workload" for k in range(40)])
    model.add_constraints("row", np.zeros(40, dtype=int), x, 1.0, lower=1)
    lines = write_lp(model).splitlines()
    assert max(map(len, lines)) <= 101
    assert sum(line.count("x(namespace_7.workload)") for line in lines) == 2


def read_by_highs(path):
    import highspy

    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    assert highs.readModel(str(path)) != highspy.HighsStatus.kError
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return highs.getInfo().objective_function_value


def read_by_cbc(path):
    import pulp

    binary = pulp.PULP_CBC_CMD.pulp_cbc_path
    out = path.with_suffix(".txt")
    done = subprocess.run(
        [binary, str(path), "-solve", "-solution", str(out)], capture_output=True, text=True, check=True
    )
    assert "###" not in done.stdout, done.stdout
    first = out.read_text().splitlines()[0]
    assert first.startswith("Optimal"), first
    return float(first.rpartition(" ")[2])


@pytest.mark.parametrize(
    "make", [every_kind, lambda: program(QUOTA, LOOSE_RISK).cheapest(), lambda: program(RISK).least_excess()]
)
def test_other_readers_find_the_same_optimum(make, tmp_path):
    model = make()
    path = tmp_path / "model.lp"
    path.write_text(write_lp(model))
    best = solve(model).objective
    if importlib.util.find_spec("highspy"):
        need("pulp:HiGHS")
        assert read_by_highs(path) == pytest.approx(best, rel=1e-6)
    import pulp

    if hasattr(pulp, "PULP_CBC_CMD"):
        assert read_by_cbc(path) == pytest.approx(best, rel=1e-6)
    assert available()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=4), st.floats(1e-6, 1e6))
def test_labels_and_numbers_from_outside_do_not_break_the_text(tmp_path_factory, labels, number):
    """Cost number * x for x >= 1 is the sum of numbers, read back by another program to the last digits."""
    need("pulp:HiGHS")
    model = LinearModel()
    x = model.add_variables("x", len(labels), objective=number, labels=labels)
    model.add_constraints("floor", np.arange(len(labels)), x, 1.0, lower=1.0, labels=labels)
    path = tmp_path_factory.mktemp("lp") / "model.lp"
    path.write_text(write_lp(model))
    assert read_by_highs(path) == pytest.approx(number * len(labels), rel=1e-12)


def test_the_same_model_gives_the_same_bytes():
    assert write_lp(every_kind()) == write_lp(every_kind())
    assert write_lp(LinearModel("empty")).splitlines()[1:4] == ["Minimize", " cost:", "Subject To"]
