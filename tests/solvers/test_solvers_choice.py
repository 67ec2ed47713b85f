"""One option per item under shared limits: toy cases by hand, brute force, bounds, infeasibility by name."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.choice import ChoiceProblem, SharedLimit, choice_model, choose
from solvers.solution import SolveStatus

INF = np.inf


def limit(usage, bound, items=None, name="budget[all]"):
    usage = np.array(usage, dtype=float)
    return SharedLimit(name, np.arange(len(usage)) if items is None else np.array(items), usage, bound)


def test_without_a_limit_that_binds_everyone_takes_the_cheapest():
    problem = ChoiceProblem(np.array([[3.0, 2.0], [5.0, 9.0]]), [limit([[1, 2], [1, 1]], 3.0)])
    answer = choose(problem)
    assert answer.chosen.tolist() == [1, 0]
    assert (answer.status, answer.cost, answer.gap) == (SolveStatus.OPTIMAL, 7.0, 0.0)


def test_a_limit_moves_the_item_that_pays_least_for_it():
    """Cheapest uses 4 + 4 of 6. Item 0 saves 2 units for 1, item 1 saves 2 units for 5: item 0 moves; 2 + 1 + 3 = 6.

    The price of a unit is that of item 0: 0.5.
    """
    problem = ChoiceProblem(np.array([[2.0, 3.0], [3.0, 8.0]]), [limit([[4, 2], [4, 2]], 6.0)])
    answer = choose(problem)
    assert answer.chosen.tolist() == [1, 0]
    assert answer.cost == answer.bound == 6.0
    assert answer.prices[0] >= 0.5


def test_an_option_that_is_not_offered_is_not_taken_and_not_read():
    problem = ChoiceProblem(np.array([[1.0, INF], [1.0, 2.0]]), [limit([[2, np.nan], [2, 1]], 3.0)])
    assert choose(problem).chosen.tolist() == [0, 1]


def test_two_limits_in_different_items():
    """Namespace a (items 0, 1) must save one unit, namespace b (item 2) has room."""
    problem = ChoiceProblem(
        np.array([[1.0, 4.0], [1.0, 3.0], [1.0, 9.0]]),
        [
            limit([[2, 1], [2, 1]], 3.0, [0, 1], "namespace[a]"),
            limit([[2, 1]], 2.0, [2], "namespace[b]"),
        ],
    )
    answer = choose(problem)
    assert answer.chosen.tolist() == [0, 1, 0]
    assert answer.cost == 5.0


def test_what_cannot_be_kept_is_named_with_what_is_missing():
    """The least that both use is 1 + 1 = 2 of 1.5: 0.5 is missing."""
    problem = ChoiceProblem(
        np.array([[1.0, 2.0], [1.0, 2.0]]),
        [limit([[2, 1], [2, 1]], 1.5, name="quota[team-a]"), limit([[1, 1], [1, 1]], 9.0, name="pool[x]")],
    )
    answer = choose(problem)
    assert answer.status is SolveStatus.INFEASIBLE
    assert answer.shortage == pytest.approx({"quota[team-a]": 0.5})
    assert answer.chosen.tolist() == [-1, -1]


def test_whole_choices_may_not_exist_where_shares_of_options_do():
    """Options use (0, 2) and (2, 0) of limits of 1 and 1: half of each fits, neither alone does."""
    both = [limit([[0, 2]], 1.0, name="a"), limit([[2, 0]], 1.0, name="b")]
    answer = choose(ChoiceProblem(np.array([[1.0, 1.0]]), both))
    assert answer.status is SolveStatus.INFEASIBLE


@pytest.mark.parametrize(
    ("cost", "limits", "message"),
    [
        ([[INF, INF]], [], "no option"),
        ([[np.nan, 1.0]], [], "no cost"),
        ([[1.0, 2.0]], [limit([[1]], 1.0)], "shape"),
        ([[1.0, 2.0]], [limit([[1, -1]], 1.0)], "0 or more"),
        ([[1.0, 2.0]], [limit([[1, 1]], 1.0), limit([[1, 1]], 1.0)], "one name"),
        ([[1.0, 2.0]], [limit([[1, 1]], 1.0, [3])], "out of range"),
    ],
)
def test_bad_input_is_refused(cost, limits, message):
    with pytest.raises(ValueError, match=message):
        ChoiceProblem(np.array(cost), limits)


def test_the_model_names_its_rows():
    problem = ChoiceProblem(np.array([[1.0, 2.0]]), [limit([[1, 1]], 1.0, name="namespace a")])
    model, _ = choice_model(problem, np.ones((1, 2), dtype=bool))
    assert model.constraint_names() == ["choose_one[0]", "limit[namespace a]"]
    assert model.variable_names() == ["choose[0,0]", "choose[0,1]"]


@st.composite
def small_problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    items, options = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    cost = rng.integers(0, 30, (items, options)).astype(float)
    cost[rng.random(cost.shape) < 0.15] = INF
    cost[np.isinf(cost).all(axis=1), 0] = 7.0
    limits = []
    for number in range(draw(st.integers(0, 3))):
        members = np.flatnonzero(rng.random(items) < 0.7)
        usage = rng.integers(0, 9, (members.size, options)).astype(float)
        limits.append(SharedLimit(f"limit {number}", members, usage, float(rng.integers(0, 5 * items + 1))))
    return ChoiceProblem(cost, limits)


@settings(max_examples=150, deadline=None)
@given(small_problems())
def test_equals_brute_force(problem):
    items, options = problem.cost.shape
    best = INF
    for chosen in itertools.product(range(options), repeat=items):
        chosen = np.array(chosen)
        if (problem.used(chosen) <= problem.bounds()).all():
            best = min(best, problem.total_cost(chosen))
    answer = choose(problem, relative_gap=0.0)
    if best == INF:
        assert answer.status is SolveStatus.INFEASIBLE
        return
    assert answer.cost == pytest.approx(best)
    assert answer.bound <= best + 1e-6
    assert (problem.used(answer.chosen) <= problem.bounds() + 1e-6).all()
    assert np.isfinite(problem.cost[np.arange(items), answer.chosen]).all()


def test_a_fleet_is_chosen_within_the_gap():
    """400 items x 12 options in 20 namespaces and one pool, budgets of 80 % of what the cheapest use."""
    rng = np.random.default_rng(7)
    cost, usage = rng.uniform(1, 9, (400, 12)), rng.uniform(1, 9, (400, 12))
    cheapest = usage[np.arange(400), cost.argmin(axis=1)]
    limits = [SharedLimit("pool", np.arange(400), usage, 0.85 * cheapest.sum())]
    for number in range(20):
        members = np.arange(number, 400, 20)
        limits.append(SharedLimit(f"namespace {number}", members, usage[members], 0.9 * cheapest[members].sum()))
    problem = ChoiceProblem(cost, limits)
    answer = choose(problem)
    assert answer.status is SolveStatus.OPTIMAL
    assert answer.gap <= 1e-3
    assert answer.bound <= answer.cost
    assert (problem.used(answer.chosen) <= problem.bounds() * (1 + 1e-9)).all()
