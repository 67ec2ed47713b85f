"""Folds of a walk-forward."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.evidence.folds import FEWEST_TRAINING_DAYS, Fold, walk_forward_folds


def test_four_weeks_and_a_horizon_of_one():
    """The judging weeks are the second to the fourth; each trains on all days before it."""
    assert walk_forward_folds(28, 7) == (Fold(0, 7, 14), Fold(0, 14, 21), Fold(0, 21, 28))


def test_only_the_latest_folds_are_kept():
    assert walk_forward_folds(28, 2) == (Fold(0, 20, 22), Fold(0, 22, 24), Fold(0, 24, 26), Fold(0, 26, 28))
    assert walk_forward_folds(28, 2, most=1) == (Fold(0, 26, 28),)


def test_a_horizon_longer_than_half_the_history_is_cut():
    """Ten days: five to learn and five to judge. Five days: at most half is two, and three are left to learn."""
    assert walk_forward_folds(10, 30) == (Fold(0, 5, 10),)
    assert walk_forward_folds(5, 7) == (Fold(0, 3, 5),)


@pytest.mark.parametrize("days", [0, 1, 2, 3])
@pytest.mark.parametrize("horizon", [1, 7])
def test_less_than_four_days_have_no_fold(days, horizon):
    assert walk_forward_folds(days, horizon) == ()


def test_four_days_have_one_for_a_horizon_of_one_day_only():
    assert walk_forward_folds(4, 1) == (Fold(0, 3, 4),)
    assert walk_forward_folds(4, 7) == ()


@given(st.integers(0, 200), st.integers(1, 90), st.integers(1, 6))
def test_folds_follow_on_to_the_last_day_and_learn_enough(days, horizon, most):
    folds = walk_forward_folds(days, horizon, most)
    assert len(folds) <= most
    for before, after in pairwise(folds):
        assert before.after == after.cut
    for fold in folds:
        assert 0 < fold.test_days <= min(horizon, days // 2)
        assert fold.cut - fold.first >= max(fold.test_days, FEWEST_TRAINING_DAYS)
    if folds:
        assert folds[-1].after == days
