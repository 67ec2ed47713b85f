"""The planner's rule on whole fleets: what must hold whatever was used."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.decisions.risk_sizer import RiskSizer, SharedBudget
from planner.units import GIB, MIB
from planner.usage.cpu_lessons import learn_cpu
from planner.usage.day_ranks import ranks_of_window
from planner.usage.fleet_risk import DAYS_PER_MONTH, cpu_curves
from planner.usage.memory_risk import calibrate_memory
from planner.usage.window import window_of_steps

STEP = 7200
PER_DAY = 12
DAYS = 14
SERIES = 12
HORIZON = 3
seeds = st.integers(0, 10**6)


def window(resource, values):
    return window_of_steps(resource, np.asarray(values, dtype=np.float32), STEP)


def fleet(seed, resource, series=SERIES):
    """Gamma samples around levels of unlike size and unlike restlessness; a power of two scales them exactly."""
    rng = np.random.default_rng(seed)
    size = rng.lognormal(0.0, 1.0, (series, 1)) * (GIB if resource == "memory" else 1.0)
    drift = np.exp(np.cumsum(rng.normal(0, rng.choice([0.0, 0.05, 0.3], (series, 1)), (series, DAYS)), axis=1))
    return (size * np.repeat(drift, PER_DAY, axis=1) * rng.gamma(5.0, 0.2, (series, DAYS * PER_DAY))).astype(np.float32)


def sizer(resource, series=SERIES, **more):
    """Prices as on a common cloud: 3 a core, 0.4 a GiB and 5 a day with a kill, a month."""
    ones = np.ones(series)
    terms = {
        "cpu": {"unit_price": 3.0 * ones, "risk_price": 20 * 3.0 / 730 * ones, "ceiling": 0.05 * ones},
        "memory": {"unit_price": 0.4 / GIB * ones, "risk_price": 5.0 * ones, "ceiling": ones / 30},
    }[resource]
    return RiskSizer(
        **terms
        | {
            "level": 0.95 * ones, "pods": ones, "least": 0.0 * ones, "most": np.inf * ones,
            "margin": 0.05 * ones, "horizon_days": HORIZON,
        }
        | more
    )  # fmt: skip


def curves_of(resource, values):
    """(series, point) requests and the incidents a month told at them."""
    ranks = ranks_of_window(window(resource, values))
    if resource == "memory":
        points, chance = calibrate_memory(ranks.peak, HORIZON).curves()
        return points, chance * DAYS_PER_MONTH
    ones = np.ones(len(values))
    curves = cpu_curves(learn_cpu(ranks, HORIZON), ranks, 0.95 * ones, ones, 0.05 * ones)
    return curves.points, curves.incidents


def told(resource, values, request):
    """(series,) incidents a month at the requests, read on the curves."""
    points, incidents = curves_of(resource, values)
    return np.array([
        np.interp(r, p[np.isfinite(p)], i[np.isfinite(p)]) for r, p, i in zip(request, points, incidents, strict=True)
    ])  # fmt: skip


def test_a_constant_gets_its_constant_and_the_floor_of_its_margin():
    """0.25 cores and 200 MiB all the time. CPU: the constant. Memory: nothing ever surprised, 1.05 x 200 MiB."""
    assert sizer("cpu", 3).size(window("cpu", np.full((3, 168), 0.25))) == pytest.approx(0.25)
    memory = sizer("memory", 3).size(window("memory", np.full((3, 168), 200.0 * MIB)))
    assert memory == pytest.approx(1.05 * 200 * MIB)


def test_the_newsvendor_by_hand():
    """0.1 cores in 23 of 24 samples, else 0.9: the core that would be missing 1/24 of the time is worth it only if
    20 / 24 > 1 fails and 40 / 24 > 1 holds. Neither lessons nor ceilings move that: every day is like the others and
    any share of time is allowed."""
    values = np.tile(np.array([0.9] + [0.1] * 23), (2, 7))
    free = {"ceiling": np.ones(2)}
    base = sizer("cpu", 2, **free)
    assert base.size(window("cpu", values)) == pytest.approx(0.1)
    dear = replace(base, risk_price=2 * base.risk_price)
    assert (dear.size(window("cpu", values)) > 0.5).all()


@pytest.mark.parametrize("resource", ["cpu", "memory"])
def test_no_sample_is_no_request_and_changes_nothing_for_the_others(resource):
    values = fleet(1, resource)
    silent = np.concatenate([values[:5], np.full((1, values.shape[1]), np.nan, np.float32), values[5:]])
    found = sizer(resource, SERIES + 1).size(window(resource, silent))
    assert np.isnan(found[5])
    assert np.delete(found, 5) == pytest.approx(sizer(resource).size(window(resource, values)))
    assert np.isnan(sizer(resource, 2).size(window(resource, np.full((2, 48), np.nan)))).all()


@pytest.mark.parametrize("resource", ["cpu", "memory"])
def test_the_same_window_gives_the_same_bits(resource):
    budget = (SharedBudget(np.arange(SERIES), 0.5, 500.0),)
    one, other = (sizer(resource, budgets=budget).size(window(resource, fleet(2, resource).copy())) for _ in range(2))
    assert one.tobytes() == other.tobytes()


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["cpu", "memory"]))
def test_no_series_passes_its_ceiling(seed, resource):
    """Memory: one day in thirty, where any size told holds it, which is up to 8 forecasts. CPU: 5 % of the time, to
    half a group of samples."""
    values = fleet(seed, resource)
    rule = sizer(resource, risk_price=1e-9 * np.ones(SERIES), margin=np.zeros(SERIES))
    request = rule.size(window(resource, values))
    if resource == "memory":
        _, incidents = curves_of(resource, values)
        allowed = np.maximum(DAYS_PER_MONTH / 30, incidents[:, -1])
        assert (told(resource, values, request) <= allowed * (1 + 1e-6)).all()
        return
    ranks = ranks_of_window(window(resource, values))
    lessons = learn_cpu(ranks, HORIZON)
    risk = lessons.risk(ranks, lessons.half_life_place(0.95))
    room = risk.share.max(axis=1) / 2 * risk.exceeded_more_often
    assert (risk.share_exceeded(request[:, None])[:, 0] <= 0.05 + room + 1e-9).all()


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["cpu", "memory"]), st.sampled_from([0.0, 0.1, 1.0, 4.0]), st.sampled_from([1.5, 10.0]))
def test_a_larger_incident_budget_never_costs_more(seed, resource, limit, factor):
    values = fleet(seed, resource)
    base = sizer(resource, ceiling=np.ones(SERIES), risk_price=1e-6 * np.ones(SERIES))
    rules = [
        replace(base, budgets=(SharedBudget(np.arange(SERIES), allowed, 1e9),)) for allowed in (limit, limit * factor)
    ]
    cost = [float(rule.unit_price @ rule.size(window(resource, values))) for rule in rules]
    free = float(base.unit_price @ base.size(window(resource, values)))
    assert cost[1] <= cost[0] * (1 + 1e-6)
    assert free <= cost[1] * (1 + 1e-6)


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["cpu", "memory"]), st.sampled_from([1.5, 10.0, 1000.0]))
def test_a_higher_price_of_risk_never_adds_expected_incidents(seed, resource, factor):
    """Nor does it take from any request."""
    values = fleet(seed, resource)
    base = sizer(resource)
    dear = replace(base, risk_price=factor * base.risk_price)
    low, high = base.size(window(resource, values)), dear.size(window(resource, values))
    assert (high >= low * (1 - 1e-9)).all()
    assert told(resource, values, high).sum() <= told(resource, values, low).sum() * (1 + 1e-9)


def test_a_budget_is_met_where_it_can_be():
    """One day a month over twelve series, at any price: what is told at the requests sums up to no more."""
    values = fleet(5, "memory")
    rule = sizer("memory", ceiling=np.ones(SERIES), margin=np.zeros(SERIES), risk_price=1e-9 * np.ones(SERIES))
    without = told("memory", values, rule.size(window("memory", values))).sum()
    budget = replace(rule, budgets=(SharedBudget(np.arange(SERIES), 1.0, 1e9),))
    within = told("memory", values, budget.size(window("memory", values))).sum()
    assert without > 2.0
    assert within <= 1.0 + 0.05  # read on the curve; the program reads its convex hull, which is not above it
    cheap = replace(rule, budgets=(SharedBudget(np.arange(SERIES), 1.0, 1e-9),))
    assert told("memory", values, cheap.size(window("memory", values))).sum() > 1.0


@settings(max_examples=12, deadline=None)
@given(seeds, st.sampled_from(["cpu", "memory"]), st.sampled_from([2.0**-8, 0.5, 16.0]))
def test_scaling_all_usage_scales_the_requests(seed, resource, factor):
    """With prices per unit divided by the same factor, so that the same amount costs the same."""
    values = fleet(seed, resource)
    base = sizer(resource)
    scaled = replace(base, unit_price=base.unit_price / factor)
    if resource == "cpu":
        scaled = replace(scaled, risk_price=base.risk_price / factor)
    one = base.size(window(resource, values))
    other = scaled.size(window(resource, values * np.float32(factor)))
    assert other == pytest.approx(one * factor, rel=1e-6)


@settings(max_examples=12, deadline=None)
@given(seeds, st.sampled_from(["cpu", "memory"]))
def test_the_order_of_the_series_does_not_matter(seed, resource):
    """Under a budget of CPU that reaches beyond the highest samples all series pay the same for a core-hour less, so
    it is open who buys it; what all of them cost together is not."""
    values = fleet(seed, resource)
    order = np.random.default_rng(seed).permutation(SERIES)
    alone = sizer(resource)
    one, other = alone.size(window(resource, values)), alone.size(window(resource, values[order]))
    assert other == pytest.approx(one[order], rel=1e-6)
    shared = replace(alone, budgets=(SharedBudget(np.arange(SERIES), 1.0, 500.0),))
    one, other = shared.size(window(resource, values)), shared.size(window(resource, values[order]))
    assert other.sum() == pytest.approx(one.sum(), rel=1e-6)
    if resource == "memory":
        assert other == pytest.approx(one[order], rel=1e-6)


@settings(max_examples=12, deadline=None)
@given(seeds, st.sampled_from(["cpu", "memory"]), st.floats(0.3, 1.5), st.floats(1.0, 3.0))
def test_bounds_hold(seed, resource, low, span):
    values = fleet(seed, resource)
    middle = np.median(values, axis=1).astype(float)
    least, most = low * middle, low * span * middle
    request = sizer(resource, least=least, most=most).size(window(resource, values))
    assert (request >= least * (1 - 1e-9)).all()
    assert (request <= most * (1 + 1e-9)).all()


def test_memory_never_goes_below_the_peak_and_its_margin():
    values = fleet(6, "memory")
    rule = sizer("memory", risk_price=1e-9 * np.ones(SERIES), margin=0.2 * np.ones(SERIES), ceiling=np.ones(SERIES))
    assert (rule.size(window("memory", values)) >= 1.2 * values.max(axis=1) * (1 - 1e-6)).all()


def test_ranked_days_give_the_same_as_raw_steps():
    for resource in ("cpu", "memory"):
        raw = window(resource, fleet(7, resource))
        ranked = ranks_of_window(raw).window(resource, STEP)
        assert sizer(resource).size(ranked) == pytest.approx(sizer(resource).size(raw))
