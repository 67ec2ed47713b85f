"""What the plan shows of pools: rows, certificates, steps, excuses, rules given up, and the parts of a saving."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fakes.snapshots import workload

from planner.config.pool_policy import Commitment, NodePoolsPolicy
from planner.decisions.node_pools.certificate import certificates
from planner.decisions.node_pools.excuses import broken_rules, dearer_types
from planner.decisions.node_pools.pool_rows import pool_rows
from planner.decisions.node_pools.solve import plan_week
from planner.decisions.node_pools.steps import ordered_changes
from planner.decisions.recommend import with_savings
from tests.decisions.pool_weeks import given, offering

NO_CHURN = NodePoolsPolicy(churn_price=0.0)
WEB = (workload("web"),)


def zones(pods, protected, **more):
    return given(pods, [offering(zone, **more) for zone in "abc"], protected=protected)


def test_rows_of_two_periods_by_hand():
    """12 pods of 4 cores, two on a node of 10: 6 nodes for 48 hours, 4 pods on 2 nodes for 120: 22/7 nodes on average.

    730 hours x 22/7 = 2,294.3 node-hours, at 1 an hour. Six nodes hold 12 x 4 of 60 cores.
    """
    case = given([12, 4], [offering("a", nodes_now=4)])
    (row,) = pool_rows(case, plan_week(case, NO_CHURN))
    assert (row.nodes_now, row.nodes, row.min_nodes, row.max_nodes, row.pods) == (4, 6, 2, 6, 12)
    assert row.node_hours_per_month == pytest.approx(2294.3, abs=0.05)
    assert row.cost_per_month == pytest.approx(2294.29, abs=0.01)
    assert row.fill.cpu == pytest.approx(0.8)
    assert row.fill.memory == pytest.approx(0.2)
    assert row.fill.gpu is None
    assert row.shadow_prices.core_per_hour == pytest.approx(0.1, rel=1e-3)  # ten of them are worth no more than 1
    assert row.shadow_prices.gib_per_hour == 0.0


def test_a_certificate_by_hand():
    """12 protected pods on 3 nodes in each of three zones; a lost zone's 4 pods move, 2 to each node that has room."""
    case = zones([12], [12])
    week = plan_week(case, NO_CHURN)
    losses = certificates(case, week, WEB)
    assert [loss.zone for loss in losses] == ["a", "b", "c"]
    for loss in losses:
        assert (loss.nodes_lost, loss.protected_pods, loss.unplaced_protected_pods) == (3, 12, 0)
        assert loss.survives
        assert {move.workload for move in loss.moves} == {"shop/Deployment/web"}
        assert sum(move.pods for move in loss.moves) == loss.pods_lost
        assert all(not move.to_pool.endswith(f"/{loss.zone}") for move in loss.moves)
        assert loss.left_out == ()


def test_pods_that_nothing_protects_take_what_is_free_or_wait():
    """6 pods, none protected, 3 nodes: when the zone that all are in goes, none has a place; told, not hidden."""
    case = zones([6], [0])
    week = plan_week(case, NO_CHURN, protect=True)
    losses = {loss.zone: loss for loss in certificates(case, week, WEB)}
    assert all(loss.survives and loss.protected_pods == 0 for loss in losses.values())
    lost = [loss for loss in losses.values() if loss.nodes_lost]
    for loss in lost:
        waiting = sum(move.pods for move in loss.left_out)
        left = int(week.periods[0].nodes.sum()) - loss.nodes_lost
        assert waiting == max(0, 6 - 2 * left)


def test_a_cap_that_forbids_protection_is_named_with_the_pods():
    """12 protected pods need 6 nodes without any zone; one node a zone is allowed: 4 find a place when one is gone."""
    case = zones([12], [12])
    week = plan_week(case, NodePoolsPolicy(churn_price=0.0, zone_caps={"a": 1, "b": 1, "c": 1}))
    assert week.faults == ()
    rules = {relaxation.rule: relaxation for relaxation in broken_rules(case, week, WEB)}
    assert rules["places[shop/Deployment/web]"].pods == 6
    assert rules["protected_share[shop/Deployment/web]"].pods == 8
    assert rules["protected_share[shop/Deployment/web]"].fix
    assert not any(loss.survives for loss in certificates(case, week, WEB))


def test_fewest_nodes_that_largest_numbers_forbid_are_given_up_by_name():
    case = given([2], [offering("a")])
    week = plan_week(
        case, NodePoolsPolicy(churn_price=0.0, pool_min_nodes={"general": 5}, pool_max_nodes={"general": 3})
    )
    assert week.broken_rules == ("pool_min[general]",)
    assert [relaxation.rule for relaxation in broken_rules(case, week, WEB)] == ["pool_min[general]"]


def test_steps_add_first_and_then_remove_what_saves_most():
    case = given([12], [offering("a", 3.0, nodes_now=2), offering("b", 2.0, nodes_now=9), offering("c", 1.0)])
    steps = ordered_changes(pool_rows(case, plan_week(case, NO_CHURN)))
    told = [(step.action, step.zone, step.nodes) for step in steps]
    assert told == [("add", "c", 6), ("remove", "b", 9), ("remove", "a", 2)]
    assert "drain" in steps[1].text


def test_a_dearer_type_is_told_with_the_price_at_which_it_pays():
    other = offering("a", 1.5, instance_type="big.10")
    case = given([12], [offering("a"), other])
    (excuse,) = dearer_types(case, plan_week(case, NO_CHURN))
    assert excuse.code == "dearer"
    assert excuse.numbers["worth_per_hour"] == pytest.approx(1.0, rel=1e-3)
    assert excuse.numbers["price_per_hour"] == 1.5


def test_a_commitment_is_in_the_bill_and_its_nodes_cost_nothing_more():
    """Four nodes of 6 are paid for at 0.5 anyway: 4 x 0.5 + 2 x 1 = 4 an hour."""
    policy = NodePoolsPolicy(
        churn_price=0.0, commitments=(Commitment(instance_type="toy.10", nodes=4, price_per_hour=0.5),)
    )
    case = given([12], [offering("a")])
    week = plan_week(case, policy)
    assert week.most_nodes().tolist() == [6]
    assert week.cost_per_hour == pytest.approx(4.0)
    assert week.lower_bound_per_hour == pytest.approx(4.0, rel=5e-3)


def test_today_is_a_start_so_that_nothing_dearer_is_bought():
    """Today's 7 nodes hold the pods; without churn 6 would do, and changing one costs less than it saves."""
    case = given([12], [offering("a", nodes_now=7)])
    dear = plan_week(case, NodePoolsPolicy(churn_price=10_000.0))
    assert dear.cost_per_hour <= 7.0
    assert plan_week(case, NO_CHURN).cost_per_hour == 6.0


def test_quiet_hours_use_nodes_of_the_busy_ones_unless_others_save_a_tenth():
    """At night one pod of 4 cores: a node of 10 at 1.00 that the day has, a smaller one at 0.95 is not bought, at
    0.50 it is."""
    small = {"instance_type": "toy.5", "cpu_milli": 5000}
    for price, is_bought in ((0.95, False), (0.5, True)):
        night = replace(offering("a", price, instance_type="toy.5"), cpu_milli=small["cpu_milli"])
        case = given([12, 1], [offering("a"), night])
        week = plan_week(case, NO_CHURN)
        if week.periods[0].nodes[1] == 0:
            assert bool(week.periods[1].nodes[1]) is is_bought, price


@pytest.mark.parametrize(
    ("freed", "total", "parts"),
    [
        ([30.0, 10.0], 20.0, [15.0, 5.0]),
        ([1.0, 1.0, 1.0], 10.0, [3.33, 3.34, 3.33]),
        ([30.0, -10.0], 10.0, [15.0, -5.0]),
        ([5.0, -5.0], 4.0, [2.0, 2.0]),
        ([], 0.0, []),
    ],
)
def test_parts_of_a_saving_add_up_to_the_cent(freed, total, parts):
    class Item(SimpleNamespace):
        def model_copy(self, update):
            return Item(**(vars(self) | update))

    made = with_savings([Item(freed_value_per_month=value, saving_per_month=None) for value in freed], total)
    assert sorted(item.saving_per_month for item in made) == sorted(parts)
    assert sum(item.saving_per_month for item in made) == pytest.approx(total if freed else 0.0)


def test_prices_are_of_the_dearest_bin_type():
    case = given([12], [offering("a", nodes_now=6)])
    (row,) = pool_rows(case, plan_week(case, NodePoolsPolicy(churn_price=1.0)))
    assert row.shadow_prices.core_per_hour > 0.0
    assert np.isfinite(row.shadow_prices.core_per_hour)
