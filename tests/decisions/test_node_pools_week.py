"""Pools of hand-made weeks, and what the sample cluster gives to plan with."""

import pytest

from planner.config.policy import Policy
from planner.config.pool_policy import NodePoolsPolicy
from planner.decisions.facts import gather
from planner.decisions.node_pools.gather import pool_input
from planner.decisions.node_pools.model import Placement
from planner.decisions.node_pools.solve import plan_week
from planner.domain.node import Purchase
from planner.domain.pod_request import PlannedWorkload
from planner.shipped import shipped
from planner.snapshot.read import read_snapshot
from tests.decisions.pool_weeks import given, offering

NO_CHURN = NodePoolsPolicy(churn_price=0.0)


def test_a_week_of_two_periods():
    """12 pods, two on a node, for 48 hours: 6 nodes; 4 pods for 120 hours: 2. (48 x 6 + 120 x 2) / 168 = 22/7."""
    week = plan_week(given([12, 4], [offering("a")]), NO_CHURN)
    assert [one.nodes.tolist() for one in week.periods] == [[6], [2]]
    assert week.cost_per_hour == pytest.approx(22 / 7)
    assert week.lower_bound_per_hour == pytest.approx(22 / 7, rel=5e-3)


def test_losses_of_zones_are_survived():
    """12 pods, all protected, three zones: 3 nodes in each, so that 6 remain."""
    week = plan_week(given([12], [offering(zone) for zone in "abc"], protected=[12]), NO_CHURN)
    assert week.most_nodes().tolist() == [3, 3, 3]
    assert (
        plan_week(given([12], [offering(z) for z in "abc"], protected=[12]), NO_CHURN, protect=False).cost_per_hour
        == 6.0
    )


def test_a_hard_spread_over_zones():
    """6 pods over three zones of which one costs ten times as much: two pods and so one node in each."""
    offers = [offering("a"), offering("b"), offering("c", 10.0)]
    week = plan_week(given([6], offers, placement=Placement(zone_skew=1)), NO_CHURN)
    assert week.most_nodes().tolist() == [1, 1, 1]
    assert plan_week(given([6], offers), NO_CHURN).cost_per_hour == 3.0


def test_one_pod_a_node():
    week = plan_week(given([5], [offering("a")], placement=Placement(most_per_node=1), cpu_milli=100), NO_CHURN)
    assert week.most_nodes().tolist() == [5]


def test_a_change_must_save_more_than_it_costs():
    """One node of today at 1.000; another type at 0.999. With a churn price of 1 a month the swap is not worth it."""
    offers = [offering("a", 1.0, nodes_now=1), offering("a", 0.999, instance_type="toy.11")]
    assert plan_week(given([2], offers), NO_CHURN).most_nodes().tolist() == [0, 1]
    kept = plan_week(given([2], offers), NodePoolsPolicy(churn_price=1.0))
    assert kept.most_nodes().tolist() == [1, 0]
    assert kept.lower_bound_per_hour <= 0.999


def test_rules_of_the_policy():
    offers = [offering("a"), offering("b", 2.0)]
    capped = plan_week(given([8], offers), NodePoolsPolicy(churn_price=0.0, zone_caps={"a": 1}))
    assert capped.most_nodes().tolist() == [1, 3]
    least = plan_week(given([2], offers), NodePoolsPolicy(churn_price=0.0, pool_min_nodes={"general": 3}))
    assert least.most_nodes().sum() == 3
    both = NodePoolsPolicy(churn_price=0.0, pool_min_nodes={"general": 3}, pool_max_nodes={"general": 2})
    assert plan_week(given([2], offers), both).broken_rules == ("pool_min[general]",)
    spot = [offering("a", 0.3, purchase=Purchase.SPOT, instance_type="s"), offering("a")]
    half = plan_week(given([8], spot), NodePoolsPolicy(churn_price=0.0, spot_max_share=0.5))
    assert half.most_nodes().tolist() == [2, 2]


def test_nodes_that_are_paid_for_anyway():
    """Three committed nodes at 0.6 cost 1.8 whatever happens; six pods need all three, a seventh one more at 1."""
    rules = {"churn_price": 0.0, "commitments": [{"instance_type": "toy.*", "nodes": 3, "price_per_hour": 0.6}]}
    week = plan_week(given([7], [offering("a")]), NodePoolsPolicy.model_validate(rules))
    assert week.most_nodes().tolist() == [4]
    assert week.cost_per_hour == pytest.approx(2.8)


def test_every_running_pod_of_the_sample_may_stay_where_it_is():
    snapshot = read_snapshot(shipped("data") / "samples" / "ml-platform")
    facts = gather(snapshot, Policy())
    planned = [
        PlannedWorkload(w, w.containers, facts.replicas(row), facts.template_pods(row))
        for row, w in enumerate(facts.workloads)
    ]
    found = pool_input(facts, planned)
    assert found.relaxations == ()
    assert sum(period.hours_per_week for period in found.periods) == 168
    assert [warning.code for warning in found.warnings] == ["nodes_left_out"]
    at = {node.name: (node.pool, node.instance_type, node.zone) for node in snapshot.nodes}
    offers = {(one.pool, one.instance_type, one.zone): o for o, one in enumerate(found.offerings)}
    classes = {}
    for k, item in enumerate(found.classes):
        for member in item.members:
            workload = facts.workloads[member.workload_row]
            classes.setdefault((workload.namespace, workload.kind, workload.name), []).append(k)
    pods = snapshot.pods[snapshot.pods["ended"].isna() & (snapshot.pods["phase"] == "Running")]
    seen = 0
    for pod in pods.itertuples():
        place = offers.get(at.get(str(pod.node)))
        own = classes.get((pod.namespace, pod.kind, pod.workload))
        if place is not None and own is not None:
            seen += 1
            assert any(found.allowed[k, place] for k in own), pod
    assert seen > 100
    closed = pool_input(facts, planned, closed_zones=frozenset({"us-east-1a"}))
    assert {one.zone for one in closed.offerings} == {"us-east-1b", "us-east-1c"}
    assert any("clickhouse" in line.rule or "vector-db" in str(line.workloads) for line in closed.relaxations)
