"""Replays: who sees what, and what is counted."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.decisions.baselines.registry import DEFAULTS
from planner.decisions.risk_sizer import RiskSizer
from planner.evidence.backtest import Constant, backtest
from planner.evidence.folds import Fold, walk_forward_folds
from planner.usage.day_ranks import DayRanks, ranks_of_window
from planner.usage.window import UsageWindow, window_of_steps

STEP = 7200
PER_DAY = 12
FOLDS = (Fold(0, 3, 5), Fold(0, 5, 7))


def days(*rows):
    values = np.repeat(np.array(rows, dtype=np.float32), PER_DAY, axis=1)
    return ranks_of_window(window_of_steps("memory", values, STEP))


@dataclass
class Highest:
    """The highest sample of the window."""

    method: str = "highest"
    setting: str = ""

    def size(self, window: UsageWindow) -> np.ndarray:
        return np.fmax.reduce(window.values, axis=1).astype(float)


def test_by_hand():
    """Daily levels 1 1 1 | 2 2 | 2 3. The first fold knows 1 and fails on both days, the second knows 2 and fails on
    one of two: 3 incidents in 4 days. It went from 1 to 2, one change in the two days of the second fold."""
    found = backtest("memory", days([1, 1, 1, 2, 2, 2, 3]), [Highest()], FOLDS, STEP)[0]
    assert [fold.request.tolist() for fold in found.folds] == [[1.0], [2.0]]
    assert [fold.incident_days.tolist() for fold in found.folds] == [[2.0], [1.0]]
    assert (found.totals.incident_days, found.totals.container_days) == (3.0, 4.0)
    assert found.totals.reserved_hours == pytest.approx(48 + 96)
    assert found.changes_per_day == pytest.approx(1 / 2)


def test_small_changes_do_not_count_and_one_fold_tells_none():
    """From 1 to 1.05, less than a tenth."""
    ranks = days([1, 1, 1, 1.05, 1, 1, 1])
    assert backtest("memory", ranks, [Highest()], FOLDS, STEP)[0].changes_per_day == 0.0
    assert np.isnan(backtest("memory", ranks, [Highest()], FOLDS[:1], STEP)[0].changes_per_day)


def test_what_is_allowed_of_one_method_only():
    """Today requests 1 and may have 2.5; another rule with the same request has no more than that."""
    ranks = days([1, 1, 1, 2, 2, 2, 3])
    sizers = [Constant(np.array([1.0])), Constant(np.array([1.0]), method="other")]
    allowed = {("today", "as it is"): np.array([2.5])}
    found = backtest("memory", ranks, sizers, FOLDS, STEP, allowed)
    assert [result.method for result in found] == ["today", "other"]
    assert [result.totals.incident_days for result in found] == [1.0, 4.0]


def planner_rule(count, resource):
    ones = np.ones(count)
    return RiskSizer(
        unit_price=ones, risk_price=20.0 * ones, level=0.95 * ones, pods=ones,
        ceiling=(0.05 if resource == "cpu" else 1 / 30) * ones, least=0.0 * ones, most=np.inf * ones,
        margin=0.05 * ones, horizon_days=3,
    )  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["cpu", "memory"]), st.integers(0, 3))
def test_no_rule_sees_the_days_that_judge_it(seed, resource, kept):
    """Whatever happens from the first day of a fold's answer on, the requests of that fold stay."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(2.0, 1.0, (5, 14 * PER_DAY)).astype(np.float32)
    ranks = ranks_of_window(window_of_steps(resource, values, STEP))
    folds = walk_forward_folds(14, 3)
    fold = folds[kept % len(folds)]
    changed = ranks.values.copy()
    changed[:, fold.cut :] *= np.float32(50.0)
    other = DayRanks(changed, ranks.weights)
    sizers = [planner_rule(5, resource), *DEFAULTS.values()]
    one = backtest(resource, ranks, sizers, folds, STEP)
    two = backtest(resource, other, sizers, folds, STEP)
    place = folds.index(fold)
    for before, after in zip(one, two, strict=True):
        assert np.array_equal(before.folds[place].request, after.folds[place].request)
    assert one[0].folds[place].p95.sum() < two[0].folds[place].p95.sum()  # the answer itself did change
