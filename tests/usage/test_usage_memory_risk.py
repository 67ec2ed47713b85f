"""Calibrated chances of daily memory peaks: solved by hand, and what must hold for every fleet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.usage.fleet_risk import DAYS_PER_MONTH, memory_curves, strictly_ascending
from planner.usage.memory_risk import (
    RATIOS,
    Pool,
    Surprises,
    calibrate_memory,
    forecast_peaks,
    volatility,
    walk_forward,
)

NAN = float("nan")


def fleet(seed, series=30, days=21, gaps=0.0):
    """Lognormal daily peaks of unlike size and unlike volatility, some of them flat."""
    rng = np.random.default_rng(seed)
    spread = rng.choice([0.0, 0.02, 0.1, 0.4], (series, 1))
    peaks = rng.lognormal(3.0, 1.5, (series, 1)) * np.exp(spread * rng.normal(size=(series, days)))
    peaks[rng.random(peaks.shape) < gaps] = NAN
    return peaks


def test_the_forecast_by_hand():
    """Highest of all days 12, of the last seven 6, of the last four and two 3: (12 + 6 + 3 + 3) / 4 = 6."""
    peaks = [12.0, 3, 3, 3, 6, 3, 3, 3, 3, 3]
    assert forecast_peaks(np.array([peaks]), 7).tolist() == [6.0]


def test_where_the_last_days_have_no_sample_the_wider_span_stands_in():
    """No sample in the last two days, 5 in the last four: (12 + 6 + 5 + 5) / 4 = 7; none in the last seven: 12; none at
    all: unknown."""
    peaks = np.array([[12, 3, 3, 3, 6, 3, 5, NAN, NAN, NAN], [12, 3, 3, NAN, NAN, NAN, NAN, NAN, NAN, NAN], [NAN] * 10])
    assert np.array_equal(forecast_peaks(peaks, 7), [7.0, 12.0, NAN], equal_nan=True)


def test_steady_growth_goes_on_until_the_horizon():
    """100, 102, ..., 126 and 2 a day for 7 days more: 140."""
    peaks = 100 + 2.0 * np.arange(14)[None, :]
    assert forecast_peaks(peaks, 7).tolist() == [140.0]
    assert calibrate_memory(peaks, 7).growth_per_day.tolist() == [2.0]


def test_volatility_by_hand():
    """Logs of 1, e^2: mean 1, deviation 1. A constant has none; one day does not tell."""
    peaks = np.array([[1.0, np.exp(2.0)], [5.0, 5.0], [5.0, NAN], [NAN, NAN]])
    assert volatility(peaks) == pytest.approx([1.0, 0.0, NAN, NAN], nan_ok=True)


def test_one_surprise_by_hand():
    """Peaks 2, 2, 2, 4 and one day ahead. The only cut leaves three days and one after it: forecast 2 and unit 2 (it
    is the fleet's median itself), so the surprise is (4 - 2) / 2 = 1 and weighs (3 / 4)^3 = 27 / 64.

    All four days forecast 4, unit 4. The class of what moves has no example and is the whole: one surprise of 1
    against 50 of the prior. At size 4 (x = 0): (1 + 50 x 0.1) / 51 = 6 / 51. At size 12 (x = 2) the own share is 0
    and the prior 0.1 (1 + 0.5 x 2 / 0.15)^-2. At size 2 (x = -1/2): (1 + 50 x 0.6) / 51 = 31 / 51.
    """
    peaks = np.array([[2.0, 2.0, 2.0, 4.0]])
    found = walk_forward(peaks, 1)
    assert (found.excess.tolist(), found.volatility.tolist(), found.weight.tolist()) == ([1.0], [0.0], [27 / 64])
    risk = calibrate_memory(peaks, 1)
    assert (risk.forecast[0], risk.spread_unit[0], risk.short_history[0]) == (4.0, pytest.approx(4.0), 1.0)
    far = 50 * 0.1 * (1 + 0.5 * 2 / 0.15) ** -2 / 51
    assert risk.chance(np.array([[2.0, 4.0, 12.0]]))[0] == pytest.approx([31 / 51, 6 / 51, far])


def test_pools_are_shrunk_by_their_number_of_examples():
    """Surprises 0 and 2 in the fleet, the 2 in the class; beyond x = 1 lie half of all and all of the class. With the
    prior 0.1 (1 + 0.5 / 0.15)^-2 of 50 examples the whole is (2 x 1/2 + 50 prior) / 52; the class counts 1 against
    300 of it, a flat class 1 against 29, and 30 flat ones speak for themselves."""
    surprises = lambda *excess: Surprises(np.array(excess), np.zeros(len(excess)), np.ones(len(excess)))  # noqa: E731
    whole = Pool.of(surprises(0.0, 2.0), None)
    expected = (1.0 + 50 * 0.1 * (1 + 0.5 / 0.15) ** -2) / 52
    at = np.array([1.0])
    assert whole.chance(at) == pytest.approx(expected)
    assert Pool.of(surprises(2.0), whole).chance(at) == pytest.approx((1 + 300 * expected) / 301)
    assert Pool.of(surprises(2.0), whole, flat=True).chance(at) == pytest.approx((1 + 29 * expected) / 30)
    assert Pool.of(surprises(*[2.0] * 30), whole, flat=True).chance(at) == pytest.approx(1.0)


def test_the_unit_grows_slower_than_size():
    """Forecasts 16 and 1, median 8.5: units 16^(3/4) 8.5^(1/4) and 8.5^(1/4)."""
    risk = calibrate_memory(np.array([[16.0] * 4, [1.0] * 4]), 1)
    assert risk.spread_unit == pytest.approx([8 * 8.5**0.25, 8.5**0.25])


def test_a_flat_fleet_gets_nothing_beyond():
    """40 containers that never moved: 0 above their constant, 1 below it, once 30 examples say so."""
    peaks = np.repeat(np.linspace(1.0, 9.0, 40)[:, None], 14, axis=1)
    risk = calibrate_memory(peaks, 7)
    assert not risk.chance(peaks[:, :1] * 1.0001).any()
    assert (risk.chance(peaks[:, :1] * 0.999) == 1.0).all()
    assert (risk.least_size(np.full(40, 0.01)) <= peaks[:, 0] * (1 + 1e-12)).all()


def test_one_day_of_samples_does_not_make_a_container_flat():
    """Thirty nine that never moved, and one seen on the last day only: nobody knows whether that one moves."""
    peaks = np.full((40, 28), 5.0)
    peaks[0, :27] = NAN
    risk = calibrate_memory(peaks, 7)
    chance = risk.chance(np.full((40, 1), 5.1))[:, 0]
    assert risk.short_history[0] == 29 / 2
    assert chance[0] > 0.01
    assert not chance[1:].any()


def test_fewer_days_of_samples_never_make_a_surprise_less_likely():
    """The same forecast from 14, 7, 3 and 2 of 14 days, all of them in one class: factors 1, 15/8, 15/4 and 5."""
    peaks = np.concatenate([np.full((4, 14), NAN), fleet(1, series=60, days=14)])
    for row, days in enumerate((14, 7, 3, 2)):
        peaks[row, 14 - days :] = np.where(np.arange(days) % 2, 20.0, 10.0)
        peaks[row, -2:] = 20.0, 10.0
    risk = calibrate_memory(peaks, 7)
    assert risk.short_history[:4].tolist() == [1, 15 / 8, 15 / 4, 5]
    assert risk.forecast[:4].tolist() == [20.0] * 4
    assert len(set(risk.volatility_class[:4].tolist())) == 1
    chance = risk.chance(np.full((64, 1), 25.0))[:4, 0]
    assert chance == pytest.approx(np.minimum(chance[0] * np.array([1, 15 / 8, 15 / 4, 5]), 1.0))
    assert chance[0] > 0


seeds = st.integers(0, 10**6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.3]), st.integers(1, 10))
def test_chances_fall_with_size_and_are_chances(seed, gaps, horizon):
    risk = calibrate_memory(fleet(seed, gaps=gaps), horizon)
    sizes = risk.forecast[:, None] * np.linspace(0.2, 12.0, 200)
    chance = risk.chance(sizes)
    known = np.isfinite(risk.forecast)
    assert ((chance[known] >= 0) & (chance[known] <= 1)).all()
    assert (np.diff(chance[known], axis=1) <= 1e-12).all()
    assert np.isnan(chance[~known]).all()


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(1e-3, 1e9))
def test_scaling_all_usage_scales_the_sizes(seed, factor):
    peaks = fleet(seed, gaps=0.1)
    one, other = calibrate_memory(peaks, 7), calibrate_memory(peaks * factor, 7)
    most = np.full(len(peaks), 1 / 30)
    assert other.forecast == pytest.approx(one.forecast * factor, rel=1e-9)
    assert other.least_size(most) == pytest.approx(one.least_size(most) * factor, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_order_of_the_containers_does_not_matter(seed):
    peaks = fleet(seed, gaps=0.1)
    order = np.random.default_rng(seed).permutation(len(peaks))
    one, other = calibrate_memory(peaks, 7), calibrate_memory(peaks[order], 7)
    sizes = one.forecast[:, None] * np.array([0.9, 1.0, 1.2, 3.0])
    assert other.chance(sizes[order]) == pytest.approx(one.chance(sizes)[order], rel=1e-9, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.002, 0.5))
def test_the_least_size_is_where_the_curve_meets_the_chance(seed, most):
    risk = calibrate_memory(fleet(seed), 7)
    least = risk.least_size(np.full(30, most))
    sizes, chance = risk.curves()
    for row in range(30):
        assert np.isinf(least[row]) == (chance[row, -1] > most)
        if np.isfinite(least[row]):
            assert np.interp(least[row], sizes[row], chance[row]) <= most + 1e-9
            if least[row] > sizes[row, 0] * (1 + 1e-9):
                assert np.interp(least[row] * (1 - 1e-4), sizes[row], chance[row]) >= most - 1e-9


def test_some_of_the_series_have_the_same_chances():
    risk = calibrate_memory(fleet(7), 7)
    rows = np.array([4, 0, 9])
    sizes = risk.forecast[:, None] * np.array([0.8, 1.1, 2.0])
    assert risk.take(rows).chance(sizes[rows]) == pytest.approx(risk.chance(sizes)[rows])


@pytest.mark.parametrize("shape", [(0, 14), (0, 0), (3, 0), (3, 5)])
def test_no_sample_is_no_forecast_and_no_error(shape):
    risk = calibrate_memory(np.full(shape, NAN), 7)
    assert risk.forecast.shape == (shape[0],)
    assert np.isnan(risk.least_size(np.full(shape[0], 0.1))).all()


def test_a_single_series_of_one_day_lives_on_the_prior():
    """No example at all: one day in ten passes the forecast of 4, and x = 1: 0.1 (1 + 0.5 / 0.15)^-2."""
    risk = calibrate_memory(np.array([[4.0]]), 7)
    assert risk.chance(np.array([[4.0, 8.0]]))[0] == pytest.approx([0.1, 0.1 * (1 + 0.5 / 0.15) ** -2])


def test_what_is_predicted_comes_true_in_a_fleet_that_stays_as_it_is():
    """Five fleets of 200 containers, 28 days to learn and 7 to judge. Some caution is built in (shorter trainings
    surprise more often), the more the rarer the event: the rooms are 1.15, 1.35 and 2 times the realised share."""
    ratios = (0.85, 1.0, 1.2)
    predicted, realised = np.zeros(3), np.zeros(3)
    for seed in range(5):
        peaks = fleet(seed, series=200, days=35)
        risk = calibrate_memory(peaks[:, :28], 7)
        sizes = risk.forecast[:, None] * np.array(ratios)
        predicted += risk.chance(sizes).mean(axis=0) / 5
        realised += (peaks[:, 28:, None] > sizes[:, None, :]).mean(axis=(0, 1)) / 5
    assert realised[2] > 0.003
    for room, told, came in zip((1.15, 1.35, 2.0), predicted, realised, strict=True):
        assert came / room <= told <= came * room


def test_curves_count_days_a_month_and_what_nothing_holds_is_held_as_far_as_told():
    """The last point of a curve is 8 forecasts; where even that is too likely, that is the floor."""
    risk = calibrate_memory(np.array([[2.0, 2.0, 2.0, 4.0]]), 1)
    curves = memory_curves(risk, np.array([0]), np.array([1e-9]))
    assert curves.points[0] == pytest.approx(4.0 * RATIOS)
    assert curves.incidents[0] == pytest.approx(risk.curves()[1][0] * DAYS_PER_MONTH)
    assert curves.least[0] == pytest.approx(4.0 * RATIOS[-1])


def test_equal_points_of_a_curve_keep_the_least_risk():
    points, risk = strictly_ascending(np.array([[1.0, 2.0, 2.0, NAN, 3.0]]), np.array([[9.0, 5.0, 4.0, NAN, 1.0]]))
    assert np.array_equal(points[0], [1, 2, 3, NAN, NAN], equal_nan=True)
    assert np.array_equal(risk[0], [9, 4, 1, NAN, NAN], equal_nan=True)
