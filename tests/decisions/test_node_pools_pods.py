"""Periods of the week, what must survive a zone, and where pods of a template may stand."""

from itertools import pairwise

import numpy as np
import pytest
from fakes.snapshots import workload

from planner.decisions.node_pools.periods import week_periods
from planner.decisions.node_pools.placement import placement_of
from planner.decisions.node_pools.protection import protected_pods, protected_share
from planner.domain.policy_objects import DisruptionBudget

OWN = {"app": "web"}


def test_a_constant_week_is_one_period():
    (only,) = week_periods(np.full(168, 3.0), 6)
    assert (only.name, only.hours_per_week) == ("all week", 168.0)


def test_days_and_nights():
    """Worth 4 on 60 hours, 1 on the others: two periods, the dear one first; a third would save nothing."""
    value = np.ones(168)
    value[10:70] = 4.0
    peak, low = week_periods(value, 6)
    assert (peak.name, low.name) == ("peak", "low")
    assert peak.hours == tuple(range(10, 70))
    assert len(low.hours) == 108


def test_every_hour_is_in_one_period():
    value = np.abs(np.sin(np.arange(168.0))) + 0.1
    periods = week_periods(value, 4)
    assert sorted(hour for period in periods for hour in period.hours) == list(range(168))
    levels = [value[list(period.hours)] for period in periods]
    assert all(one.min() >= two.max() for one, two in pairwise(levels))


def budget(**rule):
    return DisruptionBudget("toy", "shop", "web", OWN, **rule)


@pytest.mark.parametrize(
    ("rule", "share"),
    [
        ({"min_available": "2"}, 0.5),
        ({"min_available": "75%"}, 0.75),
        ({"max_unavailable": "1"}, 0.75),
        ({"max_unavailable": "100%"}, 0.0),
        ({"min_available": "many"}, 1.0),
    ],
)
def test_budgets_say_what_must_stay(rule, share):
    assert protected_share(workload("web", selector=OWN), [budget(**rule)], 1.0, 4) == pytest.approx(share)


def test_who_need_not_stay():
    assert protected_share(workload("web"), [budget(min_available="2")], 1.0, 4) == 1.0  # not its pods
    assert protected_share(workload("web", selector=OWN), [budget(min_available="2")], 0.2, 4) == 0.2
    assert protected_share(workload("job", kind="Job"), [], 1.0, 4) == 0.0
    assert protected_share(workload("low", priority=-1), [], 1.0, 4) == 0.0
    assert [protected_pods(0.5, pods) for pods in (0, 1, 3, 4)] == [0, 1, 2, 2]


def test_spread_and_anti_affinity_against_own_pods():
    selector = {"labelSelector": {"matchLabels": OWN}}
    spread = (
        {**selector, "topologyKey": "topology.kubernetes.io/zone", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"},
        {**selector, "topologyKey": "kubernetes.io/hostname", "maxSkew": 3, "whenUnsatisfiable": "DoNotSchedule"},
        {**selector, "topologyKey": "kubernetes.io/hostname", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"},
    )
    term = {**selector, "topologyKey": "kubernetes.io/hostname"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    read = placement_of(workload("web", selector=OWN, topology_spread=spread))
    assert (read.placement.zone_skew, read.placement.most_per_node, read.left_out) == (2, 3, ())
    assert placement_of(workload("web", selector=OWN, affinity=apart)).placement.most_per_node == 1
    other = placement_of(workload("db", selector={"app": "db"}, affinity=apart))
    assert other.placement.most_per_node == 0
    assert other.left_out == ("podAntiAffinity towards other pods",)
