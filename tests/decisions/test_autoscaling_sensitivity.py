"""Neighbours of a choice."""

import numpy as np

from planner.decisions.autoscaling.sensitivity import around_many, neighbours, sensitivity, stresses
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


def test_the_figures_are_those_of_the_replay():
    demand = np.random.default_rng(5).gamma(3.0, 2000.0, 12)
    around = {one.change: one for one in sensitivity(demand, CHOSEN, CHAIN, 20)}
    alone = replay(demand, make_lanes([CHOSEN], CHAIN), hold_steps=20)
    assert around["chosen"].replica_hours == alone.replica_hours[0]
    assert around["chosen"].violation_seconds == alone.violation_seconds[0]
    assert around["pod start x2"].violation_seconds >= around["chosen"].violation_seconds
    assert around["target -10"].replica_hours > around["chosen"].replica_hours


def test_bad_days_are_worse():
    """Five pods at 3000m (600m each). 9000m from step s on: sync s+2 sees 800m, ceil(1.33 * 5) = 7; sync s+3 sees
    1000m on five of seven pods, 71 %, ceil(1.18 * 7) = 9, ready at s+6: 6 steps, 90 s. Without room, 240 s more.
    """
    demand = np.concatenate([np.full(12, 3000.0), np.full(12, 9000.0)])
    days = {one.change: one for one in stresses(demand, CHOSEN, CHAIN, 20)}
    assert list(days) == ["chosen", "peak hour x1.5", "no free room", "both"]
    assert days["chosen"].violation_seconds == 90
    assert days["no free room"].violation_seconds == 330
    assert days["peak hour x1.5"].replica_hours > days["chosen"].replica_hours
    assert days["both"].violation_seconds > days["no free room"].violation_seconds


def test_many_at_once_are_each_alone():
    """Three choices, two to a replay: the same lines as one by one, the choice itself left out."""
    rng = np.random.default_rng(7)
    cases = [
        (rng.gamma(3.0, 2000.0, 12), setting, LatencyChain(pod_start_seconds=start))
        for setting, start in ((CHOSEN, 45.0), (Setting(5, 1, 1, 1000, 1000), 300.0), (CHOSEN, 15.0))
    ]
    for (demand, setting, chain), told in zip(cases, around_many(cases, 20, at_once=2), strict=True):
        alone = [*sensitivity(demand, setting, chain, 20)[1:], *stresses(demand, setting, chain, 20)[1:]]
        assert told == alone
