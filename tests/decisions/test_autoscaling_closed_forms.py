"""Closed forms by hand, and against the controller that they describe."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.decisions.autoscaling import closed_forms as forms
from planner.evidence.autoscaling.calculator import Tolerance, resource_utilization
from planner.evidence.autoscaling.pods import Pod, Readiness


def saturated(target_percent, request_m, capacity_m, pods=10):
    """Replicas that the controller asks for when every pod runs at its capacity."""
    busy = [Pod(f"p{n}", request_m=request_m, usage_m=capacity_m) for n in range(pods)]
    return resource_utilization(pods, target_percent, Tolerance(), busy, readiness=Readiness()).replicas


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 40))
def test_a_target_scales_saturated_pods_exactly_below_the_dead_limit(target, request_, capacity):
    """Whole percents cut from the ratio at most one percent point, so a band of that width is left out."""
    limit = 100 * forms.highest_live_target(capacity, request_)
    grown = saturated(target, request_ * 100, capacity * 100)
    if target > limit * (1 + 1e-9):
        assert grown <= 10
    elif target < limit - 1:
        assert grown > 10


def test_growth_of_saturated_pods():
    """Target 50 %: ten saturated pods ask for twenty; fourfold takes two effective steps."""
    assert forms.growth_when_saturated(0.5, 1.0, 1.0) == 2.0
    assert saturated(50, 1000, 1000) == 20
    assert forms.seconds_to_grow(4.0, 2.0, 60.0) == 120.0
    assert forms.seconds_to_grow(1.0, 2.0, 60.0) == 0.0
    assert forms.seconds_to_grow(2.0, 0.9, 60.0) == math.inf


def test_big_pools_run_hotter():
    """a = 100, beta 1.761: c = 100 + 17.61, rho = 100/117.61; a = 4: c = 4 + 3.522."""
    assert forms.highest_load(117.61) == pytest.approx(100 / 117.61)
    assert forms.highest_load(7.522) == pytest.approx(4 / 7.522)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.integers(1, 9))
def test_peaks_behind_and_ahead(values, length):
    demand = np.array(values)
    behind, ahead = forms.trailing_peak(demand, length), forms.leading_peak(demand, length)
    for place in range(demand.size):
        assert behind[place] == demand[max(0, place - length + 1) : place + 1].max()
        coming = demand[place + 1 : place + 1 + length]
        assert ahead[place] == (coming.max() if coming.size else -np.inf)


def test_growth_over_the_remembered_peak():
    """Window of two, one value ahead: 2/1, 1/2, 3/2, then 3/3; the highest is 2, the median (1 + 1.5) / 2.

    A falling trace counts as 1, so that it never raises the target.
    """
    demand = np.array([1.0, 2.0, 1.0, 3.0, 3.0])
    assert forms.growth_quantile(demand, 1.0, window_values=2, reaction_values=1) == 2.0
    assert forms.growth_quantile(demand, 0.5, window_values=2, reaction_values=1) == 1.25
    assert forms.growth_quantile(demand[::-1], 1.0, window_values=4, reaction_values=1) == 1.0
    assert forms.target_for_growth(0.88, 1.6) == pytest.approx(0.5)


def test_what_the_minimum_carries_says_nothing_about_growth():
    demand = np.array([1.0, 4.0, 5.0, 6.0])
    assert forms.growth_quantile(demand, 1.0, window_values=1, reaction_values=1, ignore_below=4.5) == 1.25


def test_minimum_for_the_nights():
    """Pods of 1, target 50 %: two pods stand while demand is below 1 (1 * 0.5 * 2); from there 3 may come, so 3 pods,
    which stand below 1.5 and need 3 as well.
    """
    demand = np.array([0.5, 0.5, 3.0, 8.0, 8.0, 0.5])
    options = {"target": 0.5, "request": 1.0, "reaction_values": 1, "quantile": 1.0, "floor": 2}
    assert forms.minimum_for_nights(demand, 1.0, **options) == 3


def test_maximum_and_zones():
    """(1 + 0.5) * 10 / (0.5 * 1) = 30; of three zones one is lost: 45."""
    assert forms.maximum_for_peak(10.0, target=0.5, request=1.0) == 30
    assert forms.maximum_for_peak(10.0, target=0.5, request=1.0, zones=3) == 45
    assert forms.replicas_with_zone_loss(4, 3) == 6


def test_a_request_change_keeps_the_threshold_in_cores():
    """50 % of 1000m is 100 % of 500m; dead where 500m is all a pod can use."""
    assert forms.target_that_keeps_threshold(50, 1000, 500, capacity=1000) == 100
    assert forms.target_that_keeps_threshold(50, 1000, 500, capacity=500) is None
    assert forms.target_that_keeps_threshold(70, 1000, 1200, capacity=1200) == 58


def test_what_lowers_the_threshold_goes_first():
    assert forms.lowers_threshold_first(50, 1000, 100, 500) == ("request", "target")
    assert forms.lowers_threshold_first(50, 1000, 25, 2000) == ("target", "request")


def test_idle_usage_that_pins_the_count():
    """A pod that idles at 300m under a threshold of 500m keeps n while (n-1)/n < 0.6: it stays at 2, not at 3."""
    assert forms.stuck_share(0.3, 0.5, 1.0) == 0.6
    idle = [Pod(f"p{n}", request_m=1000, usage_m=300) for n in range(3)]
    assert resource_utilization(3, 50, Tolerance(), idle, readiness=Readiness()).replicas == 2
    assert resource_utilization(2, 50, Tolerance(), idle[:2], readiness=Readiness()).replicas == 2
