"""Screening is close where nothing saturates; the choice is that of replaying everything, or near it."""

import numpy as np
import pytest

from planner.decisions.autoscaling.candidates import Limits, seed_settings
from planner.decisions.autoscaling.decide import ServiceLevel, Workload, decide
from planner.decisions.autoscaling.screening import screen
from planner.evidence.autoscaling.behaviour import DEFAULT_UP, Behaviour, default_down
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.lanes import make_lanes
from planner.evidence.autoscaling.replay import replay
from planner.evidence.autoscaling.setting import Setting

CHAIN = LatencyChain()
HOLD = 20


def waves(days=1, seed=3):
    rng = np.random.default_rng(seed)
    clock = np.arange(288 * days) * 2 * np.pi / 288
    return 9000 * (1 + 0.6 * np.sin(clock)) * rng.gamma(30, 1 / 30, clock.size)


def setting(target, window=300.0, minimum=2):
    return Setting(target, minimum, 60, 1000, 1000, Behaviour(DEFAULT_UP, default_down(window)))


def test_screening_costs_what_the_replay_costs_on_a_calm_wave():
    demand = 9000 * (1 + 0.6 * np.sin(np.arange(288) * 2 * np.pi / 288))
    several = [setting(target, window) for target in (40, 60, 75) for window in (300.0, 1200.0)]
    estimate = screen(demand, several, CHAIN, HOLD)
    outcome = replay(demand, make_lanes(several, CHAIN), hold_steps=HOLD)
    np.testing.assert_allclose(estimate.replica_hours, outcome.replica_hours, rtol=0.06)


def test_screening_counts_the_wait_for_pods_by_hand():
    """Two pods of 1000m at target 50 %, then 3000m: the reaction of 15 + 15 + 7.5 + 45 = 82.5 s is too little."""
    demand = np.array([1000.0, 3000.0, 3000.0])
    found = screen(demand, [setting(50, 0.0)], CHAIN, HOLD)
    assert found.violation_seconds[0] == pytest.approx(82.5)
    assert found.replica_hours[0] == pytest.approx((2 + 6 + 6) / 12)


def test_the_choice_is_the_cheapest_that_keeps_the_level():
    demand = waves()
    several = [setting(target, window) for target in range(30, 91, 10) for window in (60.0, 330.0, 1200.0)]
    everything = replay(demand, make_lanes(several, CHAIN), hold_steps=HOLD)
    allowed = float(np.median(everything.violation_seconds))
    keeps = everything.violation_seconds <= allowed
    best = everything.replica_hours[keeps].min()
    (all_tried,) = decide([Workload(demand, several, CHAIN, ServiceLevel(allowed))], HOLD, per_round=99, rounds=1)
    assert all_tried.replica_hours[all_tried.place] == best
    (screened,) = decide([Workload(demand, several, CHAIN, ServiceLevel(allowed))], HOLD, per_round=4)
    assert screened.keeps_level
    assert screened.replays <= 12 < len(several)
    assert screened.replica_hours[screened.place] <= 1.01 * best
    assert np.isnan(screened.replica_hours).sum() == len(several) - screened.replays


def test_workloads_are_chosen_each_for_itself():
    several = [setting(target) for target in (40, 60, 80)]
    workloads = [Workload(waves(seed=n), several, CHAIN, ServiceLevel(600.0 * n)) for n in (1, 2, 3)]
    together = decide(workloads, HOLD)
    alone = [decide([one], HOLD)[0] for one in workloads]
    assert [one.place for one in together] == [one.place for one in alone]


def test_where_nothing_keeps_the_level_the_least_bad_is_named_so():
    demand = waves()
    several = [setting(target) for target in (75, 80, 85)]
    (found,) = decide([Workload(demand, several, CHAIN, ServiceLevel(0.0))], HOLD)
    assert not found.keeps_level
    assert found.violation_seconds[found.place] == np.nanmin(found.violation_seconds)


def test_the_worst_episode_is_a_limit_of_its_own():
    demand = waves()
    several = [setting(target) for target in (30, 60, 85)]
    loose, tight = (
        decide([Workload(demand, several, CHAIN, ServiceLevel(86_400.0, worst))], HOLD)[0] for worst in (1e9, 0.0)
    )
    assert loose.replica_hours[loose.place] < tight.replica_hours[tight.place]


def test_seeds_keep_every_limit():
    limits = Limits(request_m=500, capacity_m=800, floor=3, ceiling=30, zones=3)
    seeds = seed_settings(waves(2), limits, CHAIN, HOLD, most_minimums=5)
    assert len(set(seeds)) == len(seeds) > 20
    for one in seeds:
        assert 3 <= one.minimum <= one.maximum <= 30
        assert one.target_percent / 100 < 800 / 500 / 1.1
    assert any(one.behaviour is None for one in seeds)
    assert {330.0, 630.0} <= {one.down_window_seconds for one in seeds}


def test_demand_without_a_value_still_gives_seeds_at_the_floor():
    seeds = seed_settings(np.full(50, np.nan), Limits(1000, 1000), CHAIN, HOLD)
    assert {one.minimum for one in seeds} == {2}


def test_a_level_may_have_to_hold_in_either_half():
    """The first half is calm, the second is not: on average 70 % keeps what it breaks in the second half."""
    demand = np.concatenate([np.full(144, 9000.0), waves()[:144]])
    several = [setting(target) for target in (30, 50, 70)]
    replayed = replay(demand, make_lanes(several, CHAIN), hold_steps=HOLD)
    total, (first, second) = replayed.violation_seconds, replayed.violation_halves
    np.testing.assert_array_equal(first + second, total)
    assert first.max() <= 90 < second[2]
    whole = ServiceLevel(float(total[2]))
    halved = ServiceLevel(float(total[2]), halves_seconds_per_day=(float(total[2]),) * 2)
    chosen = [decide([Workload(demand, several, CHAIN, one)], HOLD)[0].place for one in (whole, halved)]
    assert chosen[0] == 2
    assert chosen[1] < 2
