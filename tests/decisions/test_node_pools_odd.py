"""Pools of clusters that are odd: no zones, no prices, pods that fit nowhere, rules that leave no room."""

from dataclasses import replace

import numpy as np
import pytest
from fakes.snapshots import GIB, STEPS, container, make_snapshot, workload

from planner.config.load import parse_policy
from planner.decisions.recommend import recommend
from planner.domain.node import Node, Price, Purchase
from planner.domain.workload import Resources
from planner.reports.render import render
from planner.snapshot.header import Metric

TIME = 5 * STEPS


def node(name, zone="a", price=1.0, **more):
    values = {
        "allocatable": Resources(8.0, 32 * GIB), "capacity": Resources(8.0, 32 * GIB), "zone": zone,
        "price": None if price is None else Price(price, "file:p.csv", "2026-01-01"),
    } | more  # fmt: skip
    return Node("toy", name, "general", region="r", instance_type="toy.8", purchase=Purchase.ON_DEMAND, **values)


def plan_of(tmp_path, nodes, policy="{}", cpu=1.0, replicas=4):
    item = workload("web", container(cpu=cpu), replicas=replicas)
    flat = {Metric.CPU: np.full(TIME, 0.8 * cpu), Metric.MEMORY: np.full(TIME, 0.5 * GIB)}
    usage = {("shop", f"web-{n}", "app"): flat for n in range(replicas)}
    return recommend(make_snapshot(tmp_path / "s", [item], usage, nodes=nodes), parse_policy(policy))


def codes(plan):
    return {warning.code for warning in plan.warnings}


def test_two_zones_by_hand(tmp_path):
    """Four pods of a core in two zones: one node in each, since either must hold all four."""
    plan = plan_of(tmp_path, [node("n1"), node("n2", "b"), node("n3", "b")])
    assert plan.bill.basis == "nodes"
    assert sum(row.nodes for row in plan.pools) == 2
    assert [loss.survives for loss in plan.zone_loss] == [True, True]
    assert plan.bill.current_per_month == pytest.approx(3 * 730)
    assert plan.bill.planned_per_month == pytest.approx(2 * 730)
    assert plan.bill.gap == pytest.approx(0.0, abs=5e-3)


def test_no_zone_labels_anywhere(tmp_path):
    plan = plan_of(tmp_path, [node("n1", ""), node("n2", "")])
    assert {"one_zone", "zone_unknown"} <= codes(plan)
    assert "(no zone)" in render(plan, "table", width=80, color=False, top=3)
    assert sum(row.nodes for row in plan.pools) == 1


def test_no_price_at_all_keeps_the_value_of_requests(tmp_path):
    plan = plan_of(tmp_path, [node("n1", price=None)])
    assert plan.bill.basis == "requests"
    assert "no_offerings" in codes(plan)
    assert plan.pools == ()


def test_a_pod_larger_than_any_node_is_named_and_the_rest_is_planned(tmp_path):
    plan = plan_of(tmp_path, [node("n1"), node("n2", "b")], cpu=12.0, replicas=1)
    assert plan.bill.basis == "requests" or "pods_without_place" in codes(plan)
    relaxations = plan.pool_plan.relaxations if plan.pool_plan else ()
    assert [one.workloads for one in relaxations] in ([], [("shop/Deployment/web",)])


def test_caps_that_leave_pods_out_tell_no_bound(tmp_path):
    """At most one node of 8 cores in all, and 20 pods of a core."""
    policy = "node_pools: {zone_caps: {a: 1, b: 0}}"
    plan = plan_of(tmp_path, [node("n1"), node("n2", "b")], policy, replicas=20)
    assert plan.bill.lower_bound_per_month is None
    assert plan.bill.gap is None
    assert {"pods_without_place", "zone_loss_not_survived"} & codes(plan)
    rules = {relaxation.rule for relaxation in plan.pool_plan.relaxations}
    assert any(rule.startswith("places[") for rule in rules)
    for output in ("table", "markdown", "html", "csv"):
        assert "no plan costs less than" not in render(plan, output, width=80, color=False, top=3)


def test_unready_and_half_priced_nodes(tmp_path):
    nodes = [node("n1"), node("n2", "b", ready=False), replace(node("n3", "b", price=None), pool="lab")]
    plan = plan_of(tmp_path, nodes)
    assert "nodes_left_out" in codes(plan)
    assert plan.bill.basis == "nodes"
    assert plan.bill.current_per_month == pytest.approx(730.0)


def test_node_pools_can_be_switched_off(tmp_path):
    plan = plan_of(tmp_path, [node("n1")], "node_pools: {enabled: false}")
    assert (plan.bill.basis, plan.pools, plan.pool_plan) == ("requests", (), None)


def test_many_nodes_of_a_group_with_one_unknown_price_are_in_no_bill(tmp_path):
    """Thirty lab nodes of which one has no price: none of them is counted, though 29 have one."""
    lab = [replace(node(f"lab-{n}", price=None if n == 0 else 5.0), pool="lab") for n in range(30)]
    plan = plan_of(tmp_path, [node("n1"), node("n2", "b"), *lab])
    assert plan.bill.current_per_month == pytest.approx(2 * 730.0)
    assert {row.pool for row in plan.pools} == {"general"}
