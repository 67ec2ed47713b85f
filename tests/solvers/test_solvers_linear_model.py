import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers.linear_model import LinearModel
from solvers.model_names import LP_NAME_LIMIT, lp_names, unique_names


def test_blocks_become_one_matrix():
    """Two blocks of columns, two of rows; a coefficient given twice is added up, a zero is dropped."""
    model = LinearModel("toy")
    a = model.add_variables("a", 2, lower=[0, -1], upper=5.0, objective=[1, 2], labels=["p", "q"])
    b = model.add_variables("b", (2, 2), integer=True, labels=[["x", "y"], ["1", "2"]])
    assert a.tolist() == [0, 1]
    assert b.tolist() == [[2, 3], [4, 5]]
    first = model.add_constraints("first", [0, 0, 1, 0], [0, 5, 1, 0], [1.0, 2.0, 3.0, 4.0], upper=[7, 8])
    second = model.add_constraints("second", 0, b[:, 0], [1.0, 0.0], lower=1.0, upper=1.0, labels=["only"])
    assert first.tolist() == [0, 1]
    assert second.tolist() == [2]
    expected = [[5, 0, 0, 0, 0, 2], [0, 3, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]]
    assert model.matrix_csr().toarray().tolist() == expected
    assert model.matrix_csc().toarray().tolist() == expected
    assert model.matrix_csr().nnz == 4
    assert model.objective.tolist() == [1, 2, 0, 0, 0, 0]
    assert model.column_lower.tolist() == [0, -1, 0, 0, 0, 0]
    assert model.column_upper.tolist() == [5, 5, *[np.inf] * 4]
    assert model.integrality.tolist() == [False, False, True, True, True, True]
    assert model.row_lower.tolist() == [-np.inf, -np.inf, 1]
    assert model.row_upper.tolist() == [7, 8, 1]
    assert model.variable_names() == ["a[p]", "a[q]", "b[x,1]", "b[x,2]", "b[y,1]", "b[y,2]"]
    assert model.constraint_names() == ["first[0]", "first[1]", "second[only]"]
    assert model.lp_variable_names()[2] == "b(x,1)"


def test_what_was_read_is_renewed_when_a_block_is_added():
    model = LinearModel()
    model.add_variables("x", 1)
    assert model.variable_names() == ["x[0]"]
    assert model.matrix_csr().shape == (0, 1)
    model.add_variables("y", 1, objective=3.0)
    model.add_constraints("row", [0], [1], 2.0)
    assert model.variable_names() == ["x[0]", "y[0]"]
    assert model.objective.tolist() == [0, 3]
    assert model.matrix_csr().toarray().tolist() == [[0, 2]]


def test_arrays_handed_out_cannot_be_changed():
    model = LinearModel()
    model.add_variables("x", 2)
    with pytest.raises(ValueError, match="read-only"):
        model.column_lower[0] = 3.0


def test_another_objective_leaves_the_model_alone():
    model = LinearModel()
    model.add_variables("x", 2, objective=1.0)
    model.add_variables("y", 1, objective=5.0, labels=["only"])
    model.add_constraints("row", [0, 0], [0, 2], 1.0, lower=1.0)
    other = model.with_objective([7, 8, 9])
    assert other.objective.tolist() == [7, 8, 9]
    assert model.objective.tolist() == [1, 1, 5]
    assert other.variable_names() == model.variable_names()
    assert (other.matrix_csr() != model.matrix_csr()).nnz == 0
    other.add_variables("z", 1)
    assert model.variable_count == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a[b]", "shape": 1}, "not a name of a block"),
        ({"name": "e5", "shape": 1}, "not a name of a block"),
        ({"name": "", "shape": 1}, "not a name of a block"),
        ({"name": "taken", "shape": 1}, "already has variables called taken"),
        ({"name": "x", "shape": -1}, "shape of x is -1"),
        ({"name": "x", "shape": 2, "lower": [1, 2, 3]}, r"lower of x has shape \(3,\); expected \(2,\)"),
        ({"name": "x", "shape": 2, "lower": 3, "upper": [4, 2]}, "bounds of x at 1 are 3 to 2"),
        ({"name": "x", "shape": 1, "lower": np.nan}, "bounds of x at 0 are nan"),
        ({"name": "x", "shape": 1, "lower": np.inf}, "bounds of x at 0 are inf"),
        ({"name": "x", "shape": 1, "objective": np.inf}, "objective of x holds a number that is not finite"),
        ({"name": "x", "shape": 2, "labels": ["a"]}, "x has 2 elements but 1 labels"),
        ({"name": "x", "shape": 2, "labels": ["a", "a"]}, "x has the label 'a' twice"),
        ({"name": "x", "shape": 2, "labels": "ab"}, "labels of x are one string"),
        ({"name": "x", "shape": (1, 2), "labels": [["a"]]}, "labels of x have 1 axes"),
        ({"name": "x", "shape": (1, 2), "labels": [["a"], ["b", "b"]]}, "x has the label 'b' twice along axis 1"),
    ],
)
def test_wrong_variables_say_what_is_wrong(arguments, message):
    model = LinearModel()
    model.add_variables("taken", 1)
    with pytest.raises(ValueError, match=message):
        model.add_variables(**arguments)
    assert model.variable_count == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": [0], "columns": [2], "values": 1.0}, "columns of r hold 2; expected 0 to 1"),
        ({"rows": [-1], "columns": [0], "values": 1.0, "count": 1}, "rows of r hold -1"),
        ({"rows": [3], "columns": [0], "values": 1.0, "count": 2}, "rows of r hold 3; expected 0 to 1"),
        ({"rows": [0, 1], "columns": [0, 1, 1], "values": 1.0}, "do not fit"),
        ({"rows": [0.5], "columns": [0], "values": 1.0}, "rows of r must be whole numbers"),
        ({"rows": [0], "columns": [0], "values": np.nan}, "values of r hold a number that is not finite"),
        ({"rows": [0], "columns": [0], "values": 1.0, "lower": 2, "upper": 1}, "bounds of r at 0 are 2 to 1"),
        ({"rows": [0], "columns": [0], "values": 1.0, "upper": [1, 2], "labels": ["a"]}, "different lengths"),
        ({"rows": [0], "columns": [0], "values": 1.0, "labels": ["a", "a"]}, "label 'a' twice"),
    ],
)
def test_wrong_constraints_say_what_is_wrong(arguments, message):
    model = LinearModel()
    model.add_variables("x", 2)
    with pytest.raises(ValueError, match=message):
        model.add_constraints("r", **arguments)
    assert model.constraint_count == 0


def test_rows_without_entries_count_when_sides_say_so():
    model = LinearModel()
    model.add_variables("x", 1)
    assert model.add_constraints("r", [0], [0], 1.0, upper=[1, 2, 3]).size == 3
    assert model.matrix_csr().shape == (3, 1)
    with pytest.raises(ValueError, match="already has constraints called r"):
        model.add_constraints("r", [0], [0], 1.0)


def test_labels_made_by_a_function_are_made_when_names_are_asked_for():
    calls = []
    model = LinearModel()
    model.add_variables("x", 2, labels=lambda: calls.append(1) or ["a", "b"])
    assert model.objective.size == 2
    assert calls == []
    assert model.variable_names() == ["x[a]", "x[b]"]
    assert model.variable_names() == ["x[a]", "x[b]"]
    assert calls == [1]
    model.add_variables("y", 2, labels=lambda: ["a", "a"])
    with pytest.raises(ValueError, match="y has the label 'a' twice"):
        model.variable_names()


def test_lp_names_of_labels_that_look_alike_stay_apart():
    assert lp_names("b", ["team-a", "team_a", "ns/pod", "é\n<=5"]) == [
        "b(team_a)",
        "b(team_a)~1",
        "b(ns.pod)",
        "b(____5)",
    ]
    assert unique_names(["a", "a", "a~1", "a"]) == ["a", "a~1~1", "a~1", "a~3"]


@given(st.lists(st.text(max_size=300), unique=True, max_size=8))
def test_lp_names_are_safe_unique_and_the_same_every_time(labels):
    names = lp_names("block", labels)
    assert names == lp_names("block", labels)
    assert len(set(names)) == len(labels)
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,#()~")
    assert all(set(name) <= allowed and len(name) <= LP_NAME_LIMIT for name in names)


def test_600000_variables_are_built_in_a_moment():
    count = 600_000
    began = time.process_time()
    model = LinearModel()
    x = model.add_variables("x", (count // 100, 100), objective=np.arange(count).reshape(-1, 100), upper=1.0)
    model.add_constraints(
        "total", np.repeat(np.arange(count // 100), 100), x.ravel(), 1.0, upper=np.full(count // 100, 3)
    )
    assert model.matrix_csc().nnz == count
    assert model.objective[-1] == count - 1
    assert time.process_time() - began < 2.0


def test_solvers_import_nothing_of_planner_and_solver_packages_only_when_used():
    code = (
        "import sys, solvers.risk, solvers.backends, solvers.linear_model;"
        "names = {name.partition('.')[0] for name in sys.modules};"
        "print(sorted(names & {'planner', 'pulp', 'highspy', 'scipy', 'pandas', 'kubernetes'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
