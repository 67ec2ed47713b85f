"""Bins in seconds: sums, packings and local search; patterns of whole GPUs; what a bin is worth."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.bin_descent import descend
from solvers.bin_plan import ScenarioPacking, plan_faults
from solvers.bin_quick import QuickLimits, plan_bins_quickly
from solvers.packing import pack, pack_more
from solvers.pattern_whole import RELATIVE_GAP, WholeKnapsack
from solvers.pool_problem import SideRow
from solvers.shadow_prices import bin_worth
from solvers.solution import SolveError
from tests.solvers.pool_cases import cheapest_by_trying, holds_every_scenario, problem, small_cases

LIMITS = QuickLimits(most_trials=300)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.floats(0.1, 3.0)), min_size=1, max_size=4),
    st.tuples(st.integers(9, 25), st.integers(9, 25)),
    st.lists(st.integers(1, 4), min_size=4, max_size=4),
)
def test_one_bin_of_whole_items_against_trying_everything(classes, capacity, most):
    demand = np.array([row[:2] for row in classes], dtype=np.int64)
    values = np.array([row[2] for row in classes])
    most = np.array(most[: len(classes)], dtype=np.int64)
    room = np.array(capacity, dtype=np.int64)
    asked = WholeKnapsack(demand, room, values, most)
    every = (np.array(counts) for counts in product(*(range(n + 1) for n in most)))
    optimum = max(float(counts @ values) for counts in every if np.all(counts @ demand <= room))
    greedy = asked.greedy()
    assert np.all(greedy @ demand <= room)
    assert np.all(greedy <= most)
    assert float((greedy @ values).max()) <= optimum + 1e-9
    assert asked.relaxed() >= optimum - 1e-9
    counts, upper = asked.best()
    assert np.all(counts @ demand <= room)
    assert np.all(counts <= most)
    assert optimum - 1e-6 <= upper
    assert float(counts @ values) >= optimum * (1.0 - RELATIVE_GAP) - 1e-6


def test_the_relaxed_value_by_hand():
    """Bin (10, 10); items (5, 1) worth 2 at most three, (1, 5) worth 1. All of the first resource: 2 copies = 4 and
    nothing of the second class is left out by it: t = 0.4 gives 0.4 x 10 + (1 - 0.4) x copies."""
    asked = WholeKnapsack(
        np.array([[5, 1], [1, 5]]), np.array([10, 10]), np.array([2.0, 1.0]), np.array([3, 1], dtype=np.int64)
    )
    # By the first resource alone: class 1 first (1 a unit), then 9 of 10 units of class 0 at 0.4 each: 1 + 3.6.
    assert asked.relaxed() == pytest.approx(4.6, rel=0.02)
    assert asked.relaxed() >= 3.0


@settings(max_examples=30, deadline=None)
@given(small_cases())
def test_quick_bins_of_one_group_against_trying_everything(case):
    plan = plan_bins_quickly(case, LIMITS)
    assert plan.faults == ()
    assert not plan.scenarios[0].left_out.any()
    if case.without_place.any():
        return
    optimum = cheapest_by_trying(case, 5, plan.cost_per_hour)
    assert plan.lower_bound <= optimum + 1e-6
    assert optimum - 1e-6 <= plan.cost_per_hour <= optimum + case.bins.cost_per_hour.max() + 1e-6


@settings(max_examples=20, deadline=None)
@given(small_cases(groups=2, most_items=2))
def test_quick_bins_that_survive_a_group(case):
    plan = plan_bins_quickly(case, LIMITS)
    assert plan.faults == ()
    if case.without_place.any():
        return
    assert holds_every_scenario(case, plan.bin_type.tolist())
    assert plan.lower_bound <= cheapest_by_trying(case, 5, plan.cost_per_hour) + 1e-6


def zones(protected, cap=None):
    case = problem([((4,), 12, 0, 0, protected)], [((10,), 0, 1.0, g) for g in range(3)], groups=("a", "b", "c"))
    return case if cap is None else replace(case, rows=(SideRow("cap", np.array([1.0, 0, 0]), upper=cap),))


def test_quick_bins_by_hand():
    """Two of 4 in a bin of 10: 6 bins for 12; any two of three groups must hold 12: 9. At most 2 in the first: 10."""
    assert plan_bins_quickly(zones(0), LIMITS).cost_per_hour == 6.0
    safe = plan_bins_quickly(zones(12), LIMITS)
    assert (safe.cost_per_hour, safe.faults) == (9.0, ())
    assert [scenario.lost_group for scenario in safe.scenarios] == [-1, 0, 1, 2]
    capped = plan_bins_quickly(zones(12, cap=2.0), LIMITS)
    assert (capped.cost_per_hour, capped.faults) == (10.0, ())


def test_what_there_is_is_a_start_and_rules_are_kept():
    """Two bins at 1.01 that are there already do: nothing dearer is bought. A rule that wants three is obeyed."""
    case = problem([((6,), 2, 0, 0, 0)], [((10,), 0, 1.01, 0), ((12,), 0, 2.5, 0)])
    there = np.array([2, 0], dtype=np.int64)
    assert plan_bins_quickly(case, LIMITS, starts=[there]).cost_per_hour <= 2.02
    three = replace(case, rows=(SideRow("least", np.array([1.0, 1.0]), lower=3.0),))
    plan = plan_bins_quickly(three, LIMITS, starts=[there])
    assert (len(plan.bin_type), plan.faults) == (3, ())


def test_no_room_under_the_rules():
    case = problem([((6,), 2, 0, 0, 0)], [((10,), 0, 1.0, 0)])
    case = replace(case, rows=(SideRow("most", np.array([1.0]), upper=1.0),))
    with pytest.raises(SolveError, match="most"):
        plan_bins_quickly(case, LIMITS)
    plan = plan_bins_quickly(replace(case, drop_cost=np.array([50.0])), LIMITS)
    assert (len(plan.bin_type), plan.scenarios[0].left_out.tolist(), plan.faults) == (1, [1], ())


def packed(case, bin_type):
    bin_type = np.array(bin_type, dtype=np.int64)
    found = pack(case, bin_type, case.items.count)
    assert not found.left.any()
    return bin_type, [ScenarioPacking(-1, np.arange(len(bin_type)), found.contents, found.left)]


@pytest.mark.parametrize(
    ("bins", "start", "cost"),
    [
        pytest.param([((10,), 0, 1.0, 0)], [0, 0, 0, 0], 2.0, id="drop"),
        pytest.param([((10,), 0, 1.0, 0), ((10,), 0, 0.7, 0)], [0, 0], 1.4, id="swap"),
        pytest.param([((10,), 0, 1.0, 0), ((20,), 0, 1.5, 0)], [0, 0], 1.5, id="join"),
        pytest.param([((10,), 0, 1.0, 0), ((20,), 0, 2.5, 0)], [1], 2.0, id="split"),
    ],
)
def test_each_move_by_hand(bins, start, cost):
    """Four items of 5: two in a bin of 10, four in one of 20."""
    case = problem([((5,), 4, 0, 0, 0)], bins)
    bin_type, scenarios = packed(case, start)
    better, after = descend(case, bin_type, scenarios)
    assert float(case.bins.cost_per_hour[better].sum()) == pytest.approx(cost)
    assert plan_faults(case, better, after) == []


def test_a_move_that_a_lost_group_forbids_is_not_made():
    """One bin in each of two groups, each must hold the item alone: both stay, though one would do now."""
    case = problem([((5,), 1, 0, 0, 1)], [((10,), 0, 1.0, 0), ((10,), 0, 1.0, 1)], groups=("a", "b"))
    bin_type = np.array([0, 1], dtype=np.int64)
    none = np.zeros(1, dtype=np.int64)
    one, nothing = np.array([[1]]), np.array([[1], [0]])
    scenarios = [
        ScenarioPacking(-1, np.array([0, 1]), nothing, none),
        ScenarioPacking(0, np.array([1]), one, none),
        ScenarioPacking(1, np.array([0]), one, none),
    ]
    better, after = descend(case, bin_type, scenarios)
    assert better.tolist() == [0, 1]
    assert plan_faults(case, better, after) == []


def test_what_finds_no_place_beside_others():
    """A bin of 10 holds 6 already; of three items of 3 one finds room."""
    case = problem([((6,), 1, 0, 0, 0), ((3,), 3, 0, 0, 0)], [((10,), 0, 1.0, 0)])
    left = pack_more(case, np.array([0]), np.array([[1, 0]]), np.array([0, 3]))
    assert left.tolist() == [0, 2]


def test_what_a_bin_is_worth():
    """The optimum buys bins of 10 at 1; those of 10 at 1.5 hold as much, worth 1 of 1.5."""
    case = problem([((5,), 20, 0, 0, 0)], [((10,), 0, 1.0, 0), ((10,), 0, 1.5, 0)])
    worth = bin_worth(case, plan_bins_quickly(case, LIMITS))
    assert worth == pytest.approx([1.0, 1.0], rel=1e-6)


def test_many_splits_need_many_places():
    """Ten bins of 20 with four items each become twenty of 10: each split opens two and closes one."""
    case = problem([((5,), 40, 0, 0, 0)], [((10,), 0, 1.0, 0), ((20,), 0, 2.5, 0)])
    bin_type, scenarios = packed(case, [1] * 10)
    better, after = descend(case, bin_type, scenarios)
    assert plan_faults(case, better, after) == []
    assert float(case.bins.cost_per_hour[better].sum()) <= 22.5
