"""Packings: what is found is true, what is called impossible is so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_cases import can_pack, problem, small_cases

from solvers.packing import PackingAnswer, find_faults, pack
from solvers.packing_state import gpu_layout
from solvers.pool_problem import ItemClasses, PoolProblem, SideRow


@settings(max_examples=150, deadline=None)
@given(small_cases(most_items=6), st.data())
def test_the_answer_is_that_of_trying_everything(case, data):
    bin_type = np.array(data.draw(st.lists(st.integers(0, case.bins.size - 1), max_size=3)), dtype=np.int64)
    found = pack(case, bin_type, case.items.count)
    possible = can_pack(case, bin_type.tolist(), case.items.count)
    assert found.answer is (PackingAnswer.PACKED if possible else PackingAnswer.IMPOSSIBLE)
    assert find_faults(case, bin_type, found.contents, case.items.count - found.left) == []


def test_greedy_is_not_enough():
    """Two bins of 10 and items 5, 4, 3, 3, 3, 2: only 5+3+2 and 4+3+3 fit, while 5+4 leaves a gap."""
    sizes = [(5, 1), (4, 1), (3, 3), (2, 1)]
    case = problem([((size,), count, 0, 0, 0) for size, count in sizes], [((10,), 0, 1.0, 0)])
    found = pack(case, np.array([0, 0]), case.items.count)
    assert found.answer is PackingAnswer.PACKED
    assert sorted((found.contents @ case.items.demand[:, 0]).tolist()) == [10, 10]


def test_without_branching_nothing_is_claimed():
    """Three items of 6 on two bins of 9: the sums fit (18), the items do not."""
    case = problem([((6,), 3, 0, 0, 0)], [((9,), 0, 1.0, 0)])
    bins = np.array([0, 0])
    assert pack(case, bins, case.items.count, most_nodes=0).answer is PackingAnswer.NOT_FOUND
    assert pack(case, bins, case.items.count).answer is PackingAnswer.IMPOSSIBLE
    assert pack(case, np.empty(0, dtype=np.int64), case.items.count).answer is PackingAnswer.IMPOSSIBLE


def test_shares_do_not_span_gpus():
    """Three shares of 600 milli are 1.8 GPUs, and need three."""
    case = problem([((1,), 3, 0, 600, 0)], [((9,), 2, 1.0, 0), ((9,), 3, 1.0, 0)])
    assert pack(case, np.array([0]), case.items.count).answer is PackingAnswer.IMPOSSIBLE
    found = pack(case, np.array([1]), case.items.count)
    assert found.answer is PackingAnswer.PACKED
    layout = gpu_layout(case.items, found.contents[0], 3)
    assert sorted(gpu for _, gpus in layout for gpu in gpus) == [0, 1, 2]


def test_whole_gpus_come_before_shares():
    """One item of two GPUs and two shares of 500 on three GPUs: the shares meet on the third."""
    case = problem([((1,), 1, 2, 0, 0), ((1,), 2, 0, 500, 0)], [((9,), 3, 1.0, 0)])
    assert gpu_layout(case.items, case.items.count, 3) == [(0, (0, 1)), (1, (2,)), (1, (2,))]
    assert gpu_layout(case.items, np.array([1, 3]), 3) is None
    assert gpu_layout(case.items, np.array([2, 0]), 3) is None


def test_faults_are_named():
    case = problem([((4,), 2, 0, 0, 0)], [((7,), 0, 1.0, 0)])
    faults = find_faults(case, np.array([0]), np.array([[2]]), case.items.count)
    assert faults == ["bin 0 of type b0 does not hold its items"]
    faults = find_faults(case, np.array([0]), np.array([[1]]), case.items.count)
    assert faults == ["k0: 1 of 2 items are in bins"]


def test_where_a_class_is_not_allowed_it_does_not_go():
    case = problem([((1,), 1, 0, 0, 0)], [((7,), 0, 1.0, 0), ((7,), 0, 9.0, 0)], allowed=np.array([[False, True]]))
    assert pack(case, np.array([0]), case.items.count).answer is PackingAnswer.IMPOSSIBLE
    assert pack(case, np.array([1]), case.items.count).answer is PackingAnswer.PACKED
    assert len(case.shapes) == 2


def test_what_is_no_problem():
    ok = problem([((1,), 1, 0, 0, 0)], [((7,), 0, 1.0, 0)])
    with pytest.raises(ValueError, match="not for both"):
        problem([((1,), 1, 1, 500, 0)], [((7,), 0, 1.0, 0)])
    with pytest.raises(ValueError, match="at most 999"):
        problem([((1,), 1, 0, 1000, 0)], [((7,), 0, 1.0, 0)])
    with pytest.raises(ValueError, match="rule r"):
        PoolProblem(ok.items, ok.bins, ("a",), rows=(SideRow("r", np.array([1.0, 2.0])),))
    with pytest.raises(ValueError, match="resources"):
        problem([((1, 2), 1, 0, 0, 0)], [((7,), 0, 1.0, 0)])
    with pytest.raises(ValueError, match="no name"):
        PoolProblem(ok.items, ok.bins, ())
    with pytest.raises(ValueError, match="int64"):
        ItemClasses(("a",), np.array([[1.5]]), *[np.array([0])] * 4)
    with pytest.raises(ValueError, match="takes nothing"):
        problem([((0,), 1, 0, 0, 0)], [((7,), 0, 1.0, 0)])
