"""Pricing, bounds and plans against trying everything, and solvers against each other."""

import numpy as np
import pytest
from fakes.goldens import check_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_cases import best_pattern_by_trying, cheapest_by_trying, holds_every_scenario, problem, small_cases
from solver_cases import need

from solvers.backends import solve, write_lp
from solvers.node_patterns import PlanLimits, plan_bins
from solvers.pattern_aggregate import aggregate_bound, aggregate_model, aggregate_prices
from solvers.pattern_columns import ColumnGeneration
from solvers.pattern_labels import undominated
from solvers.pattern_master import Relaxation, relaxed_master
from solvers.pattern_pricing import Effort, Pricer
from solvers.pattern_search import improve
from solvers.pool_problem import BinTypes, ItemClasses, PoolProblem

LIMITS = PlanLimits(time_limit_seconds=20.0)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 4).flatmap(lambda r: st.lists(st.tuples(st.integers(0, 3), *[st.integers(0, 4)] * r), max_size=25))
)
def test_dominated_labels_go_and_no_others(labels):
    """Kept: labels below which no other one is worth as much; of equals one."""
    resources = len(labels[0]) - 1 if labels else 1
    value = np.array([label[0] for label in labels], dtype=float)
    demand = np.array([label[1:] for label in labels], dtype=np.int64).reshape(len(labels), resources)
    kept = undominated(demand, value)
    kept_labels = {labels[i] for i in kept.tolist()}
    wanted = {
        one
        for one in labels
        if not any(
            other != one and other[0] >= one[0] and all(o <= m for o, m in zip(other[1:], one[1:], strict=True))
            for other in labels
        )
    }
    assert kept_labels == wanted
    assert len(kept) == len(wanted)


@pytest.mark.parametrize("resources", [2, 3])
def test_the_grid_drops_only_dominated_labels(resources):
    """More labels than the grid starts at: the same ones are kept as by comparing all with all."""
    rng = np.random.default_rng(resources)
    demand = rng.integers(0, 1000, (3000, resources))
    value = demand.sum(axis=1) * rng.uniform(0.8, 1.0, 3000)
    kept = set(undominated(demand, value).tolist())
    below = np.all(demand[:, None, :] <= demand[None, :, :], axis=2) & (value[:, None] >= value[None, :])
    np.fill_diagonal(below, False)
    assert kept == set(np.flatnonzero(~below.any(axis=0)).tolist())


@settings(max_examples=60, deadline=None)
@given(small_cases(), st.lists(st.floats(0.0, 3.0).map(lambda price: round(price, 6)), min_size=3, max_size=3))
def test_pricing_is_exact(case, prices):
    """The best pattern by trying all of up to 12 items; every item takes at least one of at most 9 units."""
    values = np.array(prices[: case.items.size])
    for t, shape in enumerate(case.shapes):
        best = best_pattern_by_trying(case, t, values, most_copies=9)
        found = Pricer(case.items, shape).best(values, 0.0, Effort(most_patterns=5))
        assert found.upper == pytest.approx(best, rel=1e-6, abs=1e-6)
        assert found.values.max(initial=0.0) == pytest.approx(best)
        np.testing.assert_allclose(found.counts @ values, found.values)
        above = Pricer(case.items, shape).best(values, 0.7 * best, Effort(most_labels=0, beam=2))
        assert above.upper >= best - 1e-9


@settings(max_examples=40, deadline=None)
@given(small_cases())
def test_a_plan_of_one_group_against_trying_everything(case):
    """The bound is never above the optimum, the plan never below it and true; most are optimal at this size."""
    plan = plan_bins(case, LIMITS)
    optimum = cheapest_by_trying(case, 5, plan.cost_per_hour)
    assert plan.faults == ()
    assert not plan.scenarios[0].left_out.any()
    if case.without_place.any():
        return
    assert plan.lower_bound <= optimum + 1e-6
    assert plan.cost_per_hour == pytest.approx(optimum)
    assert plan.cost_per_hour == pytest.approx(case.bins.cost_per_hour[plan.bin_type].sum())
    assert aggregate_bound(case, Relaxation.of(case)) <= optimum + 1e-6


@settings(max_examples=20, deadline=None)
@given(small_cases(groups=2, most_items=2))
def test_a_plan_that_survives_a_group_against_trying_everything(case):
    plan = plan_bins(case, LIMITS)
    assert plan.faults == ()
    if case.without_place.any():
        return
    optimum = cheapest_by_trying(case, 5, plan.cost_per_hour)
    assert holds_every_scenario(case, plan.bin_type.tolist())
    assert plan.lower_bound <= optimum + 1e-6
    # Only patterns that column generation met are used, and one set of them for the loss of groups that are alike.
    assert plan.cost_per_hour <= optimum + case.bins.cost_per_hour.max() + 1e-6


@settings(max_examples=15, deadline=None)
@given(small_cases(groups=3, most_items=4), st.lists(st.floats(0.0, 2.0), min_size=12, max_size=12))
def test_any_prices_give_a_bound(case, numbers):
    """Bounds are proved for whatever prices, with exact or with relaxed values of patterns."""
    relaxation = Relaxation.of(case)
    prices = np.resize(np.array(numbers), relaxation.demand.shape)
    upper = np.zeros((len(prices), relaxation.shapes))
    for s in range(len(prices)):
        for t, shape in enumerate(case.shapes):
            upper[s, t] = Pricer(case.items, shape).best(prices[s], 0.0, Effort(most_labels=0, beam=1)).upper
    bound, _ = relaxation.proved_bound(prices, upper)
    plan = plan_bins(case, LIMITS)
    assert bound <= plan.cost_per_hour + 1e-6


def three_zones(protected):
    """12 items of 4 of 10 cores at 1 an hour in each of three groups: two on a bin, six bins for all."""
    return problem([((4,), 12, 0, 0, protected)], [((10,), 0, 1.0, g) for g in range(3)], groups=("a", "b", "c"))


def test_full_protection_costs_half_as_much_again():
    """Any two of three groups must hold 12 items on 6 bins: 3 bins in each, 9 in all = 3/2 of 6."""
    free, safe = plan_bins(three_zones(0), LIMITS), plan_bins(three_zones(12), LIMITS)
    assert (free.cost_per_hour, free.lower_bound) == (6.0, pytest.approx(6.0))
    assert (safe.cost_per_hour, safe.lower_bound) == (9.0, pytest.approx(9.0))
    assert [scenario.lost_group for scenario in safe.scenarios] == [-1, 0, 1, 2]
    assert [len(scenario.bins) for scenario in safe.scenarios] == [9, 6, 6, 6]
    assert sorted(np.bincount(safe.bin_type).tolist()) == [3, 3, 3]


def test_part_protection_costs_nothing_where_room_is_left():
    """8 of 12 items need 4 bins: with 6 bins, two in each group, any loss leaves 4."""
    plan = plan_bins(three_zones(8), LIMITS)
    assert (plan.cost_per_hour, plan.lower_bound) == (6.0, pytest.approx(6.0))


def test_groups_that_differ():
    """Group b costs 3 instead of 1. 4 items, 2 to a bin, all protected: 2 bins in a and 2 in b, 2 + 6 = 8."""
    case = problem([((4,), 4, 0, 0, 4)], [((10,), 0, 1.0, 0), ((10,), 0, 3.0, 1)], groups=("a", "b"))
    plan = plan_bins(case, LIMITS)
    assert (plan.cost_per_hour, plan.lower_bound) == (8.0, pytest.approx(8.0))
    assert plan.bin_type.tolist() == [0, 0, 1, 1]


def test_limits_and_items_left_out():
    """One bin of 10 for three items of 4 that cost 5 to leave out, and the bin 1: two inside, 1 + 5 = 6."""
    base = problem([((4,), 3, 0, 0, 0)], [((10,), 0, 1.0, 0)], drop_cost=np.array([5.0]))
    base.bins.limit[0] = 1.0
    plan = plan_bins(base, LIMITS)
    assert plan.cost_per_hour == pytest.approx(6.0)
    assert plan.scenarios[0].left_out.tolist() == [1]
    assert plan.lower_bound <= 6.0 + 1e-9


def test_the_aggregate_model_misleads():
    """Four items of 6 in bins of 10 at 1: by sums 2.4 bins, by the row for large items, and in truth, 4."""
    case = problem([((6,), 4, 0, 0, 0)], [((10,), 0, 1.0, 0)])
    relaxation = Relaxation.of(case)
    assert aggregate_prices(case, relaxation)[0] == pytest.approx(4.0)
    # Items of 4: by sums 1.6, so 2; 2 fit on a bin, so 2 in truth. Items of 3.5 of 10: 7 by sums 2.45, in truth 4.
    case = problem([((35,), 7, 0, 0, 0)], [((100,), 0, 1.0, 0)])
    assert aggregate_bound(case, Relaxation.of(case)) == pytest.approx(3.0, rel=1e-3)
    assert plan_bins(case, LIMITS).cost_per_hour == 4.0
    assert plan_bins(case, LIMITS).lower_bound == pytest.approx(3.5)
    assert plan_bins(case, LIMITS).gap == pytest.approx(0.5 / 3.5)


def mixed():
    """Items of all three kinds, two machines, two zones."""
    return problem(
        [((4, 3), 7, 0, 0, 4), ((2, 2), 5, 0, 300, 5), ((1, 4), 3, 1, 0, 0)],
        [((8, 8), 2, 3.0, 0), ((9, 6), 0, 1.0, 0), ((8, 8), 2, 3.0, 1), ((9, 6), 0, 1.5, 1)],
        groups=("a", "b"),
    )


def test_aggregate_model_as_text():
    check_golden("lp/aggregate_bins.lp", write_lp(aggregate_model(mixed(), Relaxation.of(mixed()), integer=True)))


@pytest.mark.parametrize("backend", ["scipy", "pulp:CBC", "pulp:HiGHS"])
def test_backends_agree(backend):
    """The same aggregate bound and the same relaxed optimum from every solver."""
    need(backend)
    case = mixed()
    columns = ColumnGeneration(case)
    columns.run()
    reference = aggregate_bound(case, columns.relaxation)
    assert aggregate_bound(case, columns.relaxation, backend=backend) == pytest.approx(reference, rel=1e-3)
    relaxed = solve(relaxed_master(columns.relaxation, columns.pool), backend=backend)
    assert relaxed.objective == pytest.approx(columns.point.cost, rel=1e-6)
    assert columns.lower_bound == pytest.approx(columns.point.cost, rel=1e-3)


def test_prices_prove_the_bound():
    """With the prices of the plan no bin's best pattern is worth more than the bin, and they add up to the bound."""
    case = problem(
        [((4, 3), 7, 0, 0, 0), ((2, 2), 5, 0, 300, 0), ((1, 4), 3, 1, 0, 0)],
        [((8, 8), 2, 3.0, 0), ((9, 6), 0, 1.0, 0)],
    )
    plan = plan_bins(case, LIMITS)
    prices = plan.class_prices[0]
    assert float(prices @ case.items.count) == pytest.approx(plan.lower_bound, rel=1e-6)
    for t in range(len(case.shapes)):
        b = int(np.flatnonzero(case.shape_of_bin == t)[0])
        assert best_pattern_by_trying(case, t, prices, 9) <= case.bins.cost_per_hour[b] * (1 + 1e-6)


def test_local_search():
    """Bins of 10 at 5 and of 4 at 1. A bin of 10 with one item of 3 becomes a bin of 4; two of 4 + 4 become none less.

    One bin of 10 holding 4 + 4 + 2 (5) is worth two of 4 and one of 4 (3): one into two, twice.
    """
    case = problem([((3,), 1, 0, 0, 0), ((4,), 2, 0, 0, 0)], [((10,), 0, 5.0, 0), ((4,), 0, 1.0, 0)])
    types, contents = improve(case, np.array([0, 0]), np.array([[1, 0], [0, 2]]))
    assert types.tolist() == [1, 1, 1]
    assert contents.sum(axis=0).tolist() == [1, 2]
    # The other way: bins of 4 at 3 and of 10 at 4; two bins of 4 (6) become one of 10 (4).
    case = problem([((3,), 2, 0, 0, 0)], [((10,), 0, 4.0, 0), ((4,), 0, 3.0, 0)])
    types, contents = improve(case, np.array([1, 1]), np.array([[1], [1]]))
    assert types.tolist() == [0]
    assert contents.tolist() == [[2]]


def test_the_same_plan_twice():
    first, second = plan_bins(mixed(), LIMITS), plan_bins(mixed(), LIMITS)
    assert first.bin_type.tolist() == second.bin_type.tolist()
    assert first.lower_bound == second.lower_bound


def test_nothing_to_place_and_nowhere_to_place_it():
    """No items: no bins. An item larger than every bin is told apart, the rest is planned."""
    empty = problem([((4,), 0, 0, 0, 0)], [((10,), 0, 1.0, 0)])
    assert (plan_bins(empty, LIMITS).cost_per_hour, plan_bins(empty, LIMITS).gap) == (0.0, 0.0)
    no_classes = PoolProblem(
        ItemClasses((), np.zeros((0, 1), dtype=np.int64), *[np.zeros(0, dtype=np.int64)] * 4), empty.bins, ("a",)
    )
    none = np.zeros(0, dtype=np.int64)
    no_bins = PoolProblem(
        problem([((4,), 2, 0, 0, 0)], [((10,), 0, 1.0, 0)]).items,
        BinTypes((), np.zeros((0, 1), dtype=np.int64), none, np.zeros(0), none, np.zeros(0)),
        ("a",),
    )
    assert plan_bins(no_classes, LIMITS).cost_per_hour == 0.0
    assert plan_bins(no_bins, LIMITS).without_place.tolist() == [2]
    case = problem([((40,), 2, 0, 0, 0), ((4,), 1, 0, 0, 0)], [((10,), 0, 1.0, 0)])
    plan = plan_bins(case, LIMITS)
    assert plan.without_place.tolist() == [2, 0]
    assert plan.cost_per_hour == 1.0
