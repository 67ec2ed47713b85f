"""Steady growth of daily peaks, and what is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.usage.growth import DAYS_LOOKED_AT, steady_growth

DAYS = np.arange(14.0)


def growth(*peaks, horizon=7.0):
    return steady_growth(np.array(peaks), horizon).per_day.tolist()


def test_a_straight_line_grows_by_its_slope():
    """100, 102, ..., 126: 2 a day, over 7 days 14, which is more than 5 % of 126 = 6.3."""
    assert growth(100 + 2 * DAYS) == [2.0]
    assert steady_growth(np.array([100 + 2 * DAYS, np.full(14, 3.0)]), 7).steady.tolist() == [True, False]


def test_growth_that_does_not_matter_until_the_horizon_is_noise():
    """0.5 a day: 3.5 in 7 days is less than 5 % of 106.5 = 5.325, and 7 in 14 days is more."""
    assert growth(100 + 0.5 * DAYS) == [0.0]
    assert growth(100 + 0.5 * DAYS, horizon=14) == [0.5]


def test_one_wild_day_does_not_change_the_rate():
    """Day 13 jumps to 1,000: 78 of 91 pairs still have slope 2 and all pairs agree in sign. But 7 days of it are less
    than 5 % of 1,000, so it only counts over a longer horizon: 60 days are 120."""
    peaks = 100 + 2 * DAYS
    peaks[13] = 1000.0
    assert growth(peaks) == [0.0]
    assert growth(peaks, horizon=60) == [2.0]


def test_what_falls_is_flat_or_swings_does_not_grow():
    swing = 100 + 20 * np.sin(DAYS)
    assert growth(126 - 2 * DAYS, np.full(14, 5.0), swing) == [0.0, 0.0, 0.0]


def test_too_many_pairs_that_disagree():
    """Ten days; the last one falls to the bottom: 36 pairs rise and 9 fall, tau = 27 / 45 = 0.6 < 0.8. On the second
    line only the last two days are swapped: (44 - 1) / 45 = 0.96."""
    rising = 100 + 10.0 * np.arange(10)
    fallen, swapped = rising.copy(), rising.copy()
    fallen[9] = 0.0
    swapped[[8, 9]] = swapped[[9, 8]]
    found = growth(fallen, swapped)
    assert found[0] == 0.0
    assert found[1] == pytest.approx(10.0)


def test_gaps_and_few_days():
    """Five days with samples are enough, four are not; a gap does not change the slope."""
    peaks = np.full((2, 14), np.nan)
    peaks[0, [1, 4, 5, 9, 13]] = 100 + 3.0 * np.array([1, 4, 5, 9, 13])
    peaks[1, [1, 4, 5, 9]] = 100 + 3.0 * np.array([1, 4, 5, 9])
    assert growth(*peaks) == [pytest.approx(3.0), 0.0]


def test_only_the_last_days_are_looked_at():
    """Flat for 20 days and then 5 a day for 14."""
    assert DAYS_LOOKED_AT == 14
    assert growth(np.concatenate([np.full(20, 100.0), 100 + 5 * DAYS])) == [5.0]


@pytest.mark.parametrize("days", [0, 1])
def test_no_pair_of_days_is_no_growth(days):
    assert growth(*np.full((2, days), 7.0)) == [0.0, 0.0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.125, 4.0, 2.0**30]))
def test_scaling_scales_and_a_rate_is_never_negative(seed, factor):
    rng = np.random.default_rng(seed)
    peaks = 100 + rng.uniform(-3, 6, (8, 1)) * np.arange(20) + rng.normal(0, 4, (8, 20))
    peaks[rng.random(peaks.shape) < 0.2] = np.nan
    one, other = steady_growth(peaks, 7).per_day, steady_growth(peaks * factor, 7).per_day
    assert (one >= 0).all()
    assert other == pytest.approx(one * factor, rel=1e-12)
