"""Fair shares: cases by hand, properties, and the linear programs as oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.fairness import (
    BORROWING,
    BUDGET,
    CAP,
    NEED_MET,
    FairProblem,
    fair_problem,
    fair_shares,
    losses_of_one_more,
)
from solvers.fairness_lp import fair_shares_by_programs, first_stage_duals


def test_dominant_resource_fairness_of_the_paper() -> None:
    """9 CPU, 18 GB; tasks (1, 4) and (3, 1): 3 tasks and 2 tasks, each 2/3 of its dominant resource (Ghodsi 2011)."""
    need = np.array([[100.0, 400.0], [300.0, 100.0]])  # a hundred tasks each
    answer = fair_shares(fair_problem(need, np.array([9.0, 18.0])))
    assert answer.share * 100 == pytest.approx([3.0, 2.0])
    assert answer.rows[answer.binding[0]].resource == 0


def test_what_one_does_not_need_goes_to_the_others() -> None:
    answer = fair_shares(fair_problem(np.array([[2.0], [8.0], [10.0]]), np.array([12.0])))
    assert answer.amount[:, 0] == pytest.approx([2.0, 5.0, 5.0])
    assert answer.binding[0] == NEED_MET


def test_weights_guarantees_caps_and_priorities() -> None:
    need, capacity = np.array([[10.0], [10.0], [10.0]]), np.array([12.0])
    by = lambda **rules: fair_shares(fair_problem(need, capacity, **rules)).amount[:, 0]  # noqa: E731
    assert by(weights=np.array([1.0, 2.0, 3.0])) == pytest.approx([2.0, 4.0, 6.0])
    assert by(guaranteed=np.array([[8.0], [0.0], [0.0]])) == pytest.approx([8.0, 2.0, 2.0])
    assert by(cap=np.array([[1.0], [np.inf], [np.inf]])) == pytest.approx([1.0, 5.5, 5.5])
    assert by(priority=np.array([0, 1, 0])) == pytest.approx([1.0, 10.0, 1.0])


def test_money_bounds_a_tenant() -> None:
    problem = fair_problem(
        np.array([[10.0, 10.0], [10.0, 10.0]]),
        np.array([20.0, 20.0]),
        price=np.array([1.0, 3.0]),
        budget=np.array([20.0, np.inf]),
        guaranteed=np.array([[8.0, 0.0], [0.0, 0.0]]),
    )
    answer = fair_shares(problem)
    # 8 units of the first are guaranteed and cost 8: 12 are left for the second at 3 each.
    assert answer.amount[0] == pytest.approx([8.0, 4.0])
    assert answer.binding.tolist() == [BUDGET, NEED_MET]


def test_a_cohort_shares_its_nominal_sum_up_to_the_borrowing_limit() -> None:
    need = np.array([[10.0], [2.0], [10.0]])
    rules = {"cohort": np.array([0, 0, -1]), "nominal": np.array([[4.0], [4.0], [0.0]])}
    lent = fair_shares(fair_problem(need, np.array([100.0]), **rules))
    assert lent.amount[:, 0] == pytest.approx([6.0, 2.0, 10.0])
    little = fair_shares(
        fair_problem(need, np.array([100.0]), **rules, borrowing_limit=np.array([[1.0], [np.inf], [np.inf]]))
    )
    assert little.amount[:, 0] == pytest.approx([5.0, 2.0, 10.0])
    assert little.binding[0] == BORROWING
    kept = fair_shares(
        fair_problem(need, np.array([100.0]), **rules, lending_limit=np.array([[np.inf], [1.0], [np.inf]]))
    )
    assert kept.amount[:, 0] == pytest.approx([5.0, 3.0, 10.0])


def test_guarantees_beyond_the_capacity_are_named_and_cut_by_the_excess() -> None:
    problem = fair_problem(
        np.array([[10.0], [10.0]]), np.array([12.0]), guaranteed=np.array([[9.0], [6.0]]), cap=np.array([[9.0], [3.0]])
    )
    answer = fair_shares(problem)
    assert [one.rule for one in answer.relaxations] == ["cap"]
    assert answer.amount[:, 0] == pytest.approx([9.0, 3.0])
    over = fair_shares(fair_problem(np.array([[10.0], [10.0]]), np.array([12.0]), guaranteed=np.array([[9.0], [6.0]])))
    (relaxation,) = over.relaxations
    assert (relaxation.rule, relaxation.guaranteed - relaxation.limit) == ("capacity", pytest.approx(3.0))
    assert over.amount[:, 0] == pytest.approx([7.2, 4.8])


def test_one_more_for_one_costs_the_others_of_its_row() -> None:
    problem = fair_problem(np.array([[8.0], [8.0], [8.0], [1.0]]), np.array([10.0]), weights=np.array([1.0, 1, 2, 1]))
    answer = fair_shares(problem)
    row = int(answer.binding[0])
    assert losses_of_one_more(problem, answer, 0, row) == pytest.approx([0.0, 1 / 3, 2 / 3, 0.0])


def test_the_dual_of_a_row_is_that_of_the_program() -> None:
    problem = fair_problem(np.array([[100.0, 400.0], [300.0, 100.0]]), np.array([9.0, 18.0]))
    answer = fair_shares(problem)
    level, duals = first_stage_duals(problem)
    assert answer.level.min() == pytest.approx(level)
    assert answer.level_per_unit == pytest.approx(duals, abs=1e-9)


def test_a_resource_that_does_not_exist_stops_only_who_needs_it() -> None:
    answer = fair_shares(fair_problem(np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([10.0, 0.0])))
    assert answer.share == pytest.approx([0.0, 1.0])
    assert answer.rows[answer.binding[0]].resource == 1


def test_pools_are_shared_one_by_one() -> None:
    need = np.array([[[4.0], [0.0]], [[4.0], [6.0]]])  # (tenant, pool, resource)
    answer = fair_shares(fair_problem(need, np.array([[4.0], [6.0]])))
    assert answer.amount == pytest.approx(np.array([[2.0, 0.0], [2.0, 3.0]]))


@pytest.mark.parametrize(
    ("field", "value"),
    [("weights", np.zeros(2)), ("capacity", np.array([np.nan])), ("guaranteed", np.array([[-1.0], [0.0]]))],
)
def test_wrong_numbers_are_refused(field: str, value: np.ndarray) -> None:
    rules = {"capacity": np.array([1.0])} | {field: value}
    with pytest.raises(ValueError, match=field):
        fair_problem(np.ones((2, 1)), **rules)


def random_problem(seed: int, tenants: int) -> FairProblem:
    """A problem with every kind of rule."""
    random = np.random.default_rng(seed)
    resources = int(random.integers(1, 5))
    shape = (tenants, resources)
    need = random.integers(0, 20, shape) * (random.random(shape) < 0.8) * 1.0
    capacity = np.maximum(need.sum(axis=0) * random.uniform(0.2, 1.1, resources), 1.0)
    some = lambda share, value: np.where(random.random(shape) < share, value, np.inf)  # noqa: E731
    cohort = random.integers(-1, 3, tenants)
    guaranteed = need * (random.random(shape) < 0.3) * 0.15
    nominal = need * random.uniform(0.2, 1.2, shape)
    price = random.uniform(0.0, 3.0, resources)
    budget = np.where(random.random(tenants) < 0.2, need @ price * 0.6, np.inf)
    return fair_problem(
        need,
        capacity,
        weights=random.integers(1, 4, tenants).astype(float),
        guaranteed=guaranteed,
        cap=some(0.15, need * 0.5),
        priority=random.integers(0, 2, tenants),
        cohort=cohort,
        nominal=nominal,
        borrowing_limit=some(0.3, need * 0.2),
        lending_limit=some(0.3, need * 0.1),
        price=price,
        budget=budget,
    )


@pytest.mark.parametrize(("seed", "tenants"), [*((s, 2 + s % 9) for s in range(60)), (100, 40), (101, 100)])
def test_filling_equals_the_sequence_of_programs(seed: int, tenants: int) -> None:
    problem = random_problem(seed, tenants)
    assert fair_shares(problem).share == pytest.approx(fair_shares_by_programs(problem), abs=2e-6)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**31), tenants=st.integers(1, 30))
def test_limits_hold_and_nobody_gains_but_at_the_cost_of_one_not_above(seed: int, tenants: int) -> None:
    problem = random_problem(seed, tenants)
    answer = fair_shares(problem)
    for row in answer.rows:
        assert answer.amount[row.members, row.resource].sum() <= row.capacity * (1 + 1e-9) + 1e-9
    assert (answer.amount <= problem.most + 1e-9).all()
    assert (answer.amount @ problem.price <= problem.budget * (1 + 1e-9) + 1e-9).all()
    if not answer.relaxations:
        assert (answer.amount >= problem.reserved - 1e-9).all()
    for tenant, code in enumerate(answer.binding):
        if code == NEED_MET:
            assert answer.share[tenant] == pytest.approx(1.0)
        elif code >= 0:
            row = answer.rows[code]
            assert answer.amount[row.members, row.resource].sum() == pytest.approx(row.capacity, rel=1e-9, abs=1e-9)
            assert problem.need[tenant, row.resource] > 0
            above = answer.amount[row.members, row.resource] > problem.reserved[row.members, row.resource] + 1e-9
            rivals = row.members[above & (problem.priority[row.members] <= problem.priority[tenant])]
            lower = problem.priority[rivals] < problem.priority[tenant]
            # A lower priority got nothing of a row that a higher one still wanted; an equal one stands no higher.
            assert not lower.any()
            assert (answer.level[rivals] <= answer.level[tenant] * (1 + 1e-9) + 1e-12).all()
        else:
            assert code in (CAP, BUDGET, BORROWING)
