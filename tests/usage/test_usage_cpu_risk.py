"""CPU shortage: weighted samples against brute force, lessons by hand, and what must hold for every fleet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.units import HOURS_PER_MONTH
from planner.usage.cpu_lessons import HALF_LIVES_DAYS, PRIOR_BEYOND, PRIOR_PASSED, learn_cpu
from planner.usage.cpu_risk import BEYOND, CpuRisk
from planner.usage.day_ranks import ranks_of_window
from planner.usage.fleet_risk import cpu_curves
from planner.usage.weighted_samples import mean_excess_of, quantiles_of
from planner.usage.window import window_of_steps

STEP = 7200
PER_DAY = 12
NAN = float("nan")


def ranks_of(values):
    return ranks_of_window(window_of_steps("cpu", np.asarray(values, dtype=np.float32), STEP))


def of_days(*rows):
    """One constant level a day per series."""
    return ranks_of(np.repeat(np.array(rows, dtype=float), PER_DAY, axis=1))


def fleet(seed, series=12, days=14):
    rng = np.random.default_rng(seed)
    level = rng.lognormal(-1, 1, (series, 1)) * np.exp(np.cumsum(rng.normal(0, 0.1, (series, days)), axis=1))
    return np.repeat(level, PER_DAY, axis=1) * rng.gamma(2.0, 0.5, (series, days * PER_DAY))


def toy(values, share, inflation=1.0, often=1.0, beyond=None, passed=0.0):
    """A risk of one series, as if learnt."""
    beyond = np.zeros(len(BEYOND)) if beyond is None else beyond
    own, of_time = np.array([values], dtype=float), np.array([share])
    return CpuRisk(own, of_time, 4.0, inflation, often, np.array([beyond]), np.array([passed]), 3.0)


@st.composite
def weighted(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 20)))
    values = -np.sort(-rng.gamma(0.7, 1.0, shape), axis=1)
    share = rng.random(shape) ** 2
    return values, share / share.sum(axis=1, keepdims=True)


@settings(max_examples=100, deadline=None)
@given(weighted(), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5))
def test_quantiles_are_straight_between_the_middles_of_the_weights(sample, levels):
    values, share = sample
    found = quantiles_of(values, share, np.array(levels))
    for row in range(len(values)):
        middle = np.cumsum(share[row]) - share[row] / 2
        told = [np.interp(1.0 - level, middle, values[row]) for level in levels]
        assert found[row] == pytest.approx(told, rel=1e-9, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(weighted(), st.lists(st.floats(0.0, 5.0), min_size=1, max_size=5))
def test_mean_excess_is_the_weighted_mean(sample, requests):
    values, share = sample
    points = np.broadcast_to(np.array(requests), (len(values), len(requests)))
    brute = (share[:, :, None] * np.maximum(values[:, :, None] - points[:, None, :], 0.0)).sum(axis=1)
    assert mean_excess_of(values, share, points) == pytest.approx(brute, abs=1e-12)


def test_the_shortage_by_hand():
    """4, 2 and 1 cores for 1/4, 1/4 and 1/2 of the time. At 2 cores 1/4 x 2 = 0.5 are missing, at 1 core
    1/4 x 3 + 1/4 x 1 = 1. Twice as much as forecast, and 0.1 per core of the highest beyond it (0.05 at 1.1 x):
    2 x 0.5 + 4 x 0.1 = 1.4, 2.4, and at 4.2 cores = 1.05 x the highest 4 x 0.075 = 0.3. Who passes the highest in 1/50
    of the time passes 2 cores by 2 more and 1 core by 3 more: 0.04 and 0.06 on top."""
    tail = np.array([0.1, 0.05, 0.02, 0.01, 0.0, 0.0])
    risk = toy([4, 2, 1], [0.25, 0.25, 0.5], inflation=2.0, beyond=tail)
    often = toy([4, 2, 1], [0.25, 0.25, 0.5], inflation=2.0, beyond=tail, passed=0.02)
    assert often.shortage(np.array([[1.0, 2.0, 4.2]]))[0] == pytest.approx([2.46, 1.44, 0.3])
    assert risk.forecast_shortage(np.array([[1.0, 2.0]]))[0].tolist() == [1.0, 0.5]
    assert risk.shortage(np.array([[1.0, 2.0, 4.2]]))[0] == pytest.approx([2.4, 1.4, 0.3])


def test_the_program_falls_beyond_the_highest_no_faster_than_the_highest_alone():
    """The highest 4 cores stand for 1/100 of the time. Beyond them the class loses 0.05 of the highest over a tenth of
    it, a slope of 1/2: kept at 1/100, so 0.001; then 0.03 over 0.15, 0.01 over 0.25 and 0.01 over 1/2: 0.0015, 0.0025
    and 0.005. The highest itself is told 4 x (0.001 + 0.0015 + 0.0025 + 0.005) = 0.04, and so is all below it."""
    tail = np.array([0.1, 0.05, 0.02, 0.01, 0.0, 0.0])
    risk = toy([4, 1], [0.01, 0.99], beyond=tail, passed=0.3)
    told = risk.priced_shortage(np.array([[4.0, 4.4, 5.0, 6.0, 8.0, 12.0]]))[0]
    assert told == pytest.approx([0.04, 0.036, 0.03, 0.02, 0.0, 0.0])
    assert risk.priced_shortage(np.array([[1.0]]))[0] == pytest.approx([0.01 * 3 + 0.04])


def test_the_share_of_time_by_hand():
    """2 cores are passed in 1/4 of the time; twice as often in the future; never more than always."""
    risk = toy([4, 2, 1], [0.25, 0.25, 0.5], often=2.0)
    assert risk.share_exceeded(np.array([[2.0, 1.5, 0.5, 4.0]]))[0].tolist() == [0.5, 1.0, 1.0, 0.0]


def test_the_least_request_asks_for_less_time_where_forecasts_were_passed_more_often():
    """Middles of the weights at 1/8, 3/8 and 6/8 from the top. In 3/8 of the time: 2 cores. Twice as often passed as
    forecast: 3/16 of the time is half way by a quarter, 4 - (3/16 - 1/8) / (1/4) x 2 = 3.5 cores."""
    calm, rough = toy([4, 2, 1], [0.25, 0.25, 0.5]), toy([4, 2, 1], [0.25, 0.25, 0.5], often=2.0)
    assert calm.least_request(np.array([3 / 8]))[0] == pytest.approx(2.0)
    assert rough.least_request(np.array([3 / 8]))[0] == pytest.approx(3.5)
    assert calm.least_request(np.array([0.0]))[0] == 4.0


def test_a_level_shift_moves_the_forecast_by_its_recency():
    """14 days at 1 core and 14 at 3. The second half weighs 1 / (1 + 2^(-14 / half-life)): 1/2, 4/5 and 128/129 with
    half-lives of none, 7 and 2 days; at 2 cores one core is missing for that share."""
    ranks = of_days([1.0] * 14 + [3.0] * 14)
    lessons = learn_cpu(ranks, 7)
    for half_life, share in ((np.inf, 1 / 2), (7.0, 4 / 5), (2.0, 128 / 129)):
        risk = lessons.risk(ranks, HALF_LIVES_DAYS.index(half_life))
        assert risk.half_life_days == half_life
        assert risk.forecast_shortage(np.array([[2.0]]))[0, 0] == pytest.approx(share)


def test_lessons_of_a_constant_are_half_the_prior():
    """Four days, one day ahead: cuts after two and three days, two periods, trust 2 / (2 + 2) = 1/2. Nothing was
    missing and nothing was forecast to be: inflation 1; beyond the highest, half the prior remains of the class whose
    highest stands close above its p98, and the whole prior of the others, which nobody was in."""
    lessons = learn_cpu(of_days([1.0, 1.0, 1.0, 1.0]), 1)
    assert lessons.periods == 2.0
    assert lessons.inflation.tolist() == [1.0] * 4
    assert lessons.exceeded_more_often.tolist() == [1.0] * 4
    assert lessons.beyond == pytest.approx(PRIOR_BEYOND * np.array([[0.5], [1.0], [1.0]]))
    assert lessons.passed == pytest.approx(PRIOR_PASSED * np.array([0.5, 1.0, 1.0]))


def test_lessons_of_a_rise_by_hand():
    """1, 1, 1, 2 cores a day. The cut after three days misses (2 - k)+ above k times the highest, of two cuts with a
    highest of 1 each; trust 1/2 again. Passed all the time at one cut of two: 0.5 / 0.05 = 10, kept at 4, 4^(1/2) = 2.
    Below the highest nothing was forecast: inflation 1."""
    lessons = learn_cpu(of_days([1.0, 1.0, 1.0, 2.0]), 1)
    assert lessons.beyond[0] == pytest.approx(0.5 * np.maximum(2.0 - BEYOND, 0.0) / 2 + 0.5 * PRIOR_BEYOND[0])
    assert lessons.passed[0] == pytest.approx(0.5 * 1 / 2 + 0.5 * PRIOR_PASSED[0])
    assert lessons.exceeded_more_often == pytest.approx([2.0] * 4)
    assert lessons.inflation.tolist() == [1.0] * 4


def test_inflation_is_what_was_missing_over_what_was_forecast():
    """Cuts after two and three of four days, all weights equal at no half-life. Each day of 11 ones and a two is
    forecast to miss what it does miss. Where no day after the cuts has a two, nothing is missing, and a ratio of 0
    counts as 1/4 at least; where the third and fourth have six, much more is, and it counts 4 times at most. Two
    periods, trust 1/2: 1, (1/4)^(1/2) = 1/2 and 4^(1/2) = 2."""
    quiet, none, busy = [1.0] * 11 + [2.0], [1.0] * 12, [1.0] * 6 + [2.0] * 6
    found = [
        learn_cpu(ranks_of([quiet * 2 + later * 2]), 1).inflation[HALF_LIVES_DAYS.index(np.inf)]
        for later in (quiet, none, busy)
    ]
    assert found == [pytest.approx(1.0), pytest.approx(0.5), pytest.approx(2.0)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8))
def test_shortage_falls_and_is_convex_on_each_side_of_the_highest(seed, horizon):
    ranks = ranks_of(fleet(seed))
    risk = learn_cpu(ranks, horizon).risk(ranks, seed % 4)
    for span in ((0.0, 1.0), (1.0, 3.0)):
        requests = risk.highest[:, None] * np.linspace(*span, 81)
        shortage = risk.shortage(requests)
        steps = np.diff(shortage, axis=1)
        scale = risk.highest[:, None]
        assert (shortage >= 0).all()
        assert (steps <= 1e-12 * scale).all()
        assert (np.diff(steps, axis=1) >= -1e-9 * scale).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2.0**-6, 0.5, 64.0]))
def test_scaling_all_usage_scales_shortage_and_requests(seed, factor):
    values = fleet(seed).astype(np.float32)
    ranks, scaled = ranks_of(values), ranks_of(values * np.float32(factor))
    one, other = learn_cpu(ranks, 3), learn_cpu(scaled, 3)
    assert (one.choice == other.choice).all()
    for place in range(4):
        here, there = one.risk(ranks, place), other.risk(scaled, place)
        assert there.inflation == pytest.approx(here.inflation, rel=1e-9)
        requests, more = (risk.points(np.array([0.5, 0.9, 0.99])) for risk in (here, there))
        for told in ("shortage", "priced_shortage"):
            shortage, lack = getattr(here, told)(requests), getattr(there, told)(more)
            assert lack == pytest.approx(shortage * factor, rel=1e-6, abs=1e-9 * factor)
        assert more == pytest.approx(requests * factor, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_the_containers_does_not_matter(seed):
    values = fleet(seed)
    order = np.random.default_rng(seed).permutation(len(values))
    ranks, moved = ranks_of(values), ranks_of(values[order])
    one, other = learn_cpu(ranks, 3), learn_cpu(moved, 3)
    assert (one.choice == other.choice).all()
    assert other.inflation == pytest.approx(one.inflation, rel=1e-9)
    assert other.beyond == pytest.approx(one.beyond, rel=1e-9)
    request = np.full(len(values), 0.05)
    assert other.risk(moved, 2).least_request(request) == pytest.approx(
        one.risk(ranks, 2).least_request(request)[order]
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_least_request_is_passed_no_longer_than_that_to_half_a_group(seed, most):
    ranks = ranks_of(fleet(seed))
    risk = learn_cpu(ranks, 3).risk(ranks, seed % 4)
    least = risk.least_request(np.full(len(risk.values), most))
    above = risk.share_exceeded(least[:, None])[:, 0]
    assert (above <= most + risk.share.max(axis=1) / 2 * risk.exceeded_more_often + 1e-12).all()


@pytest.mark.parametrize("days", [1, 2, 3])
def test_with_few_days_the_prior_speaks(days):
    """One or two days leave no cut with a day after it: no period, no inflation, the prior as it is."""
    lessons = learn_cpu(ranks_of(fleet(3, days=days)), 7)
    if days < 3:
        assert lessons.periods == 0
        assert lessons.inflation.tolist() == [1.0] * 4
        assert lessons.beyond == pytest.approx(PRIOR_BEYOND)
    else:
        assert lessons.periods == pytest.approx(1 / 7)
        assert lessons.beyond == pytest.approx(PRIOR_BEYOND, rel=0.5 / 7 * 1000)
    assert {HALF_LIVES_DAYS[place] for place in learn_cpu(of_days([1.0] * days), 7).choice} == {4.0}


@pytest.mark.parametrize("shape", [(0, 24), (2, 24), (2, 0)])
def test_no_sample_is_no_shortage_and_no_error(shape):
    ranks = ranks_of(np.full(shape, NAN))
    lessons = learn_cpu(ranks, 7)
    assert lessons.beyond == pytest.approx(PRIOR_BEYOND)
    if shape[1]:
        risk = lessons.risk(ranks, 0)
        assert risk.highest.tolist() == [0.0] * shape[0]
        assert not risk.shortage(np.ones((shape[0], 2))).any()


def test_a_fleet_that_drifts_forgets_sooner_than_one_that_stays():
    """Daily levels that walk at random (15 % a day) against levels drawn around a fixed one: yesterday tells most of
    the first, and every day as much as any other of the second."""
    rng = np.random.default_rng(4)
    noise = rng.gamma(20.0, 0.05, (80, 28 * PER_DAY))
    walk = np.exp(np.cumsum(rng.normal(0, 0.15, (80, 28)), axis=1))
    drawn = np.exp(rng.normal(0, 0.15, (80, 28)))
    drifting = learn_cpu(ranks_of(np.repeat(walk, PER_DAY, axis=1) * noise), 2)
    stationary = learn_cpu(ranks_of(np.repeat(drawn, PER_DAY, axis=1) * noise), 2)
    chosen = [[HALF_LIVES_DAYS[place] for place in lessons.choice] for lessons in (drifting, stationary)]
    assert max(chosen[0]) <= 4.0
    assert min(chosen[1]) >= 4.0
    assert sum(1 / h for h in chosen[0]) > sum(1 / h for h in chosen[1])


def test_the_half_life_of_a_level_is_that_of_the_nearest_priced_one():
    """In the logarithm of 1 - level: p80 goes with p90, 0.94 with p95, 0.975 with p98, 0.9999 with p99."""
    lessons = learn_cpu(of_days([1.0, 1.0, 1.0]), 1)
    lessons.choice[:] = [0, 1, 2, 3]
    assert [lessons.half_life_place(level) for level in (0.5, 0.8, 0.94, 0.975, 0.9999, 1.0)] == [0, 0, 1, 2, 3, 3]


def test_curves_count_core_hours_of_all_pods_a_month():
    """A constant core on two pods: at no request all of it is missing, 1 x 2 x 730 core-hours and the prior beyond."""
    ranks = of_days([1.0, 1.0])
    lessons = learn_cpu(ranks, 7)
    curves = cpu_curves(lessons, ranks, np.array([0.95]), np.array([2.0]), np.array([0.05]))
    known = np.isfinite(curves.points[0])
    assert curves.points[0, known][:2].tolist() == [0.0, 1.0]
    told = np.array([1.0 + PRIOR_BEYOND[0, 0], *PRIOR_BEYOND[0]]) * 2 * HOURS_PER_MONTH
    assert curves.incidents[0, known] == pytest.approx(told)
    assert curves.least.tolist() == [1.0]
