"""Rules over the numbers of bins, most items of a class in a bin, and classes that exist for losses only."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.node_patterns import PlanLimits, plan_bins
from solvers.packing import find_faults, pack
from solvers.pool_problem import SideRow
from solvers.shadow_prices import resource_prices
from solvers.solution import SolveError
from tests.solvers.pool_cases import can_pack, problem, small_cases

LIMITS = PlanLimits(time_limit_seconds=20.0)


def rows(case, *given_rows):
    return replace(
        case, rows=tuple(SideRow(f"r{i}", np.array(f, dtype=float), lo, hi) for i, (f, lo, hi) in enumerate(given_rows))
    )


def bins_of(plan, case):
    return np.bincount(plan.bin_type, minlength=case.bins.size).tolist()


def test_at_most_so_many_bins_of_the_cheap_type():
    """6 items of 5 in bins of 10 at 1 or at 3: three bins; at most one cheap one, so 1 + 3 + 3 = 7."""
    case = rows(problem([((5,), 6, 0, 0, 0)], [((10,), 0, 1.0, 0), ((10,), 0, 3.0, 0)]), ([1, 0], -np.inf, 1.0))
    plan = plan_bins(case, LIMITS)
    assert plan.faults == ()
    assert bins_of(plan, case) == [1, 2]
    assert (plan.cost_per_hour, plan.lower_bound) == (7.0, pytest.approx(7.0, rel=1e-3))


def test_a_share_of_the_bins():
    """Spot bins (1) may be half of all (3): n0 - n1 <= 0, four bins, so 2 + 6 = 8."""
    case = rows(problem([((5,), 8, 0, 0, 0)], [((10,), 0, 1.0, 0), ((10,), 0, 3.0, 0)]), ([0.5, -0.5], -np.inf, 0.0))
    plan = plan_bins(case, LIMITS)
    assert bins_of(plan, case) == [2, 2]
    assert plan.lower_bound == pytest.approx(8.0, rel=1e-3)


def test_a_smallest_number_of_bins():
    """Two items fit one bin; a rule wants three of them."""
    case = rows(problem([((5,), 2, 0, 0, 0)], [((10,), 0, 1.0, 0)]), ([1.0], 3.0, np.inf))
    plan = plan_bins(case, LIMITS)
    assert (bins_of(plan, case), plan.faults) == ([3], ())
    assert plan.lower_bound == pytest.approx(3.0, rel=1e-3)


def test_a_cap_on_a_group_with_losses_survived():
    """12 of 4 in bins of 10, all protected: 3 bins in each of three groups. At most 2 in the first: then the other two
    hold 12 when it is lost (6 bins), and 4 more with it gone for each of them: 2 + 4 + 4 = 10."""
    case = problem([((4,), 12, 0, 0, 12)], [((10,), 0, 1.0, g) for g in range(3)], groups=("a", "b", "c"))
    plan = plan_bins(rows(case, ([1, 0, 0], -np.inf, 2.0)), LIMITS)
    assert plan.faults == ()
    assert (bins_of(plan, case), plan.cost_per_hour) == ([2, 4, 4], 10.0)
    assert plan.lower_bound == pytest.approx(10.0, rel=1e-3)


def test_items_are_left_out_where_a_rule_leaves_no_room():
    """Three items, room for two in the only bin allowed; one is left out at its price of 50."""
    case = problem([((5,), 3, 0, 0, 0)], [((10,), 0, 1.0, 0)], drop_cost=np.array([50.0]))
    plan = plan_bins(rows(case, ([1.0], -np.inf, 1.0)), LIMITS)
    assert (plan.scenarios[0].left_out.tolist(), plan.cost_per_hour, plan.faults) == ([1], 51.0, ())


def test_protected_items_are_not_left_out_for_nothing():
    """Two groups; dropping costs far more than the bin that saves: both groups have one."""
    bins = [((10,), 0, 1.0, g) for g in range(2)]
    case = problem([((5,), 2, 0, 0, 2)], bins, groups=("a", "b"), drop_cost=np.array([50.0]))
    plan = plan_bins(case, LIMITS)
    assert (bins_of(plan, case), plan.cost_per_hour) == ([1, 1], 2.0)
    alone = plan_bins(rows(case, ([1, 1], -np.inf, 1.0)), LIMITS)
    assert len(alone.bin_type) == 1
    assert sorted(scenario.left_out.tolist()[0] for scenario in alone.scenarios) == [0, 0, 2]


def test_one_of_a_class_in_a_bin():
    """Five small items that may not meet: five bins, whatever room they leave."""
    case = problem([((1,), 5, 0, 0, 0), ((2,), 3, 0, 0, 0)], [((10,), 0, 1.0, 0)])
    case = replace(case, items=replace(case.items, most_per_bin=np.array([1, 0])))
    plan = plan_bins(case, LIMITS)
    assert (len(plan.bin_type), plan.faults) == (5, ())
    assert plan.lower_bound == pytest.approx(5.0, rel=1e-3)
    assert plan.scenarios[0].contents[:, 0].max() == 1
    assert find_faults(case, np.array([0]), np.array([[2, 0]]), np.array([2, 0]))
    assert pack(case, np.array([0, 0]), np.array([3, 0]), most_nodes=1000).left.tolist() == [1, 0]


def test_a_class_for_losses_only():
    """Two items pinned to a group each; when one is lost both must have a place in the other: k2 stands for them."""
    allowed = np.array([[True, False], [False, True], [True, True]])
    case = problem(
        [((6,), 1, 0, 0, 0), ((6,), 1, 0, 0, 0), ((6,), 0, 0, 0, 2)],
        [((10,), 0, 1.0, g) for g in range(2)], groups=("a", "b"), allowed=allowed,
    )  # fmt: skip
    plan = plan_bins(case, LIMITS)
    assert (bins_of(plan, case), plan.faults) == ([2, 2], ())
    assert plan.lower_bound == pytest.approx(4.0, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(small_cases(), st.integers(0, 2), st.integers(1, 2))
def test_a_cap_against_trying_everything(case, cap, most):
    """With a cap on the first type and a limit of a class in a bin: bound <= optimum <= cost, and no rule is broken."""
    case = replace(case, items=replace(case.items, most_per_bin=np.full(case.items.size, most)))
    cap = cap + int(case.items.count.sum()) * (case.bins.size == 1)
    case = rows(case, ([1.0] + [0.0] * (case.bins.size - 1), -np.inf, float(cap)))
    if case.without_place.any():
        return
    plan = plan_bins(replace(case, drop_cost=np.full(case.items.size, 100.0)), LIMITS)
    assert plan.faults == ()
    optimum = _cheapest(case, cap, most, plan)
    if optimum is not None:
        assert plan.lower_bound <= optimum + 1e-6
        assert plan.cost_per_hour >= optimum - 1e-6 or plan.scenarios[0].left_out.any()


def _cheapest(case, cap, most, plan):
    """Least cost of a set of at most five bins, the first type capped; None = none that small."""
    from itertools import combinations_with_replacement

    best = None
    for size in range(6):
        for chosen in combinations_with_replacement(range(case.bins.size), size):
            cost = float(case.bins.cost_per_hour[list(chosen)].sum())
            if chosen.count(0) <= cap and (best is None or cost < best) and _fits_limited(case, chosen, most):
                best = cost
    return best


def _fits_limited(case, chosen, most):
    """As can_pack; every class gets a resource of its own of which a bin has ``most``."""
    items, bins = case.items, case.bins
    own = np.eye(items.size, dtype=np.int64)
    wide = replace(
        case,
        rows=(),
        items=replace(items, demand=np.hstack([items.demand, own]), most_per_bin=None),
        bins=replace(bins, capacity=np.hstack([bins.capacity, np.full((bins.size, items.size), most)])),
    )
    return can_pack(wide, chosen, items.count)


def test_shadow_prices_put_the_cost_on_what_binds():
    """Items of (5, 1) in bins of (10, 100): the first resource is the whole price of 2, 0.2 a unit."""
    case = problem([((5, 1), 40, 0, 0, 0)], [((10, 100), 0, 2.0, 0)])
    prices = resource_prices(case, plan_bins(case, LIMITS))
    np.testing.assert_allclose(prices, [[0.2, 0.0, 0.0]], atol=1e-6)


def test_shadow_prices_of_gpus():
    """One GPU each, four in a bin of 8 an hour with cores to spare: 2 a GPU, cores free."""
    case = problem([((1,), 40, 1, 0, 0)], [((100,), 4, 8.0, 0)])
    prices = resource_prices(case, plan_bins(case, LIMITS))
    np.testing.assert_allclose(prices, [[0.0, 2.0]], atol=1e-6)


def test_items_that_cost_something_where_they_stand():
    """Four items of 5 in bins of 10; group a costs 1.0 a bin, b 1.1, and an item of class 0 in a costs 0.2 more.

    Class 0 (two items) goes to b: 1.1 instead of 1.0 + 0.4; class 1 goes to a: 2.1 in all."""
    case = problem(
        [((5,), 2, 0, 0, 0), ((5,), 2, 0, 0, 0)], [((10,), 0, 1.0, 0), ((10,), 0, 1.1, 1)], groups=("a", "b")
    )
    case = replace(case, item_cost=np.array([[0.2, 0.0], [0.0, 0.0]]))
    plan = plan_bins(case, LIMITS)
    assert (bins_of(plan, case), plan.faults) == ([1, 1], ())
    assert plan.cost_per_hour == pytest.approx(2.1)
    assert plan.lower_bound == pytest.approx(2.1, rel=1e-3)


def test_a_small_price_of_a_place_does_not_open_a_bin():
    """One bin holds all four at 1.0; keeping class 0 out of it would cost a second bin: 1.0 + 2 x 0.2."""
    case = problem(
        [((2,), 2, 0, 0, 0), ((2,), 2, 0, 0, 0)], [((10,), 0, 1.0, 0), ((10,), 0, 1.1, 1)], groups=("a", "b")
    )
    plan = plan_bins(replace(case, item_cost=np.array([[0.2, 0.0], [0.0, 0.0]])), LIMITS)
    assert plan.cost_per_hour == pytest.approx(1.1)
    assert plan.lower_bound <= 1.1 + 1e-6


def test_a_bin_with_room_for_everything():
    """Two items of 4 in bins of 10 at 1: no resource binds, and the bound is the bin, not more."""
    plan = plan_bins(problem([((4, 1), 2, 0, 0, 0)], [((10, 10), 0, 1.0, 0)]), LIMITS)
    assert plan.cost_per_hour == 1.0
    assert 0.8 <= plan.lower_bound <= 1.0 + 1e-9


def test_items_that_take_only_what_has_room():
    """One class takes the first resource only, the other one the second: both bounds hold, whatever is plenty."""
    plan = plan_bins(problem([((4, 0), 2, 0, 0, 0), ((0, 9), 3, 0, 0, 0)], [((10, 10), 0, 1.0, 0)]), LIMITS)
    assert plan.cost_per_hour == 3.0
    assert plan.lower_bound == pytest.approx(3.0, rel=1e-3)


def test_rules_that_leave_no_room_are_named():
    """Three items, room for two in the only bin allowed, and none may be left out: an error, not an empty plan."""
    case = rows(problem([((5,), 3, 0, 0, 0)], [((10,), 0, 1.0, 0)]), ([1.0], -np.inf, 1.0))
    with pytest.raises(SolveError, match="r0"):
        plan_bins(case, LIMITS)
