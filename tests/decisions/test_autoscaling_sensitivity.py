"""Neighbours of a choice."""

import numpy as np

from planner.decisions.autoscaling.sensitivity import around_many, neighbours
from planner.evidence.autoscaling.behaviour import DEFAULT_UP, Behaviour, default_down
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.lanes import make_lanes
from planner.evidence.autoscaling.replay import replay
from planner.evidence.autoscaling.setting import Setting

CHOSEN = Setting(60, 2, 30, 1000, 1000, Behaviour(DEFAULT_UP, default_down(300.0)))
CHAIN = LatencyChain()


def test_each_neighbour_changes_one_dial():
    around = neighbours(CHOSEN, CHAIN)
    assert list(around) == [
        "chosen", "target -10", "target +10", "minimum -1", "minimum +1", "window x2", "pod start x2",
    ]  # fmt: skip
    assert around["target +10"][0].target_percent == 70
    assert around["window x2"][0].down_window_seconds == 600.0
    assert around["window x2"][0].behaviour.up == DEFAULT_UP
    assert around["pod start x2"][1].pod_start_seconds == 90.0


def test_dials_at_their_end_have_one_neighbour():
    around = neighbours(Setting(5, 1, 1, 1000, 1000), CHAIN)
    assert {"target -10", "minimum -1", "minimum +1"}.isdisjoint(around)
    assert around["window x2"][0].down_window_seconds == 600.0


def lines(demand, setting, chain):
    (told,) = around_many([(demand, setting, chain)], 20)
    return {one.change: one for one in told}


def alone(demand, setting, chain):
    """Replica-hours and seconds of violation of one replay of its own."""
    outcome = replay(demand, make_lanes([setting], chain), hold_steps=20)
    return outcome.replica_hours[0], outcome.violation_seconds[0]


def test_the_figures_are_those_of_the_replay():
    demand = np.random.default_rng(5).gamma(3.0, 2000.0, 12)
    around = lines(demand, CHOSEN, CHAIN)
    chosen_hours, chosen_seconds = alone(demand, CHOSEN, CHAIN)
    for name, (setting, chain) in neighbours(CHOSEN, CHAIN).items():
        if name != "chosen":
            assert (around[name].replica_hours, around[name].violation_seconds) == alone(demand, setting, chain)
    assert "chosen" not in around
    assert around["pod start x2"].violation_seconds >= chosen_seconds
    assert around["target -10"].replica_hours > chosen_hours


def test_bad_days_are_worse():
    """Five pods at 3000m (600m each). 9000m from step s on: sync s+2 sees 800m, ceil(1.33 * 5) = 7; sync s+3 sees
    1000m on five of seven pods, 71 %, ceil(1.18 * 7) = 9, ready at s+6: 6 steps, 90 s. Without room, 240 s more.
    """
    demand = np.concatenate([np.full(12, 3000.0), np.full(12, 9000.0)])
    days = lines(demand, CHOSEN, CHAIN)
    assert list(days)[-3:] == ["peak hour x1.5", "no free room", "both"]
    chosen_hours, chosen_seconds = alone(demand, CHOSEN, CHAIN)
    assert chosen_seconds == 90
    assert days["no free room"].violation_seconds == 330
    assert days["peak hour x1.5"].replica_hours > chosen_hours
    assert days["both"].violation_seconds > days["no free room"].violation_seconds


def test_many_at_once_are_each_alone():
    """Three choices, two to a replay: the same lines as one by one."""
    rng = np.random.default_rng(7)
    cases = [
        (rng.gamma(3.0, 2000.0, 12), setting, LatencyChain(pod_start_seconds=start))
        for setting, start in ((CHOSEN, 45.0), (Setting(5, 1, 1, 1000, 1000), 300.0), (CHOSEN, 15.0))
    ]
    for case, told in zip(cases, around_many(cases, 20, at_once=2), strict=True):
        assert told == list(lines(*case).values())
