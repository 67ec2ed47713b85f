"""Rules of placement for GPU workloads, from a cluster made by hand to the patch."""

import numpy as np
import pytest
from fakes.snapshots import GIB, STEPS, container, make_snapshot, workload

from planner.config.policy import Policy
from planner.decisions.recommend import recommend
from planner.domain.node import Node, Price, Purchase
from planner.domain.workload import Resources
from planner.patches.objects import patch_objects
from planner.plan.schema import Kind
from planner.snapshot.header import Metric

DAYS = 8
LABEL = "eks.amazonaws.com/nodegroup"


def node(name, pool, zone, price):
    return Node(
        "toy", name, pool, zone=zone, region="r", instance_type=f"{pool}.gpu", purchase=Purchase.ON_DEMAND,
        allocatable=Resources(16.0, 64 * GIB, {"nvidia.com/gpu": 2.0}), labels={LABEL: pool},
        capacity=Resources(16.0, 64 * GIB, {"nvidia.com/gpu": 2.0}), price=Price(price, "file:p.csv", "2026-01-01"),
    )  # fmt: skip


def plan_of(tmp_path, nodes, **more):
    gpu = {"nvidia.com/gpu": 1.0}
    app = container()
    app = type(app)("app", requests=Resources(1.0, GIB, gpu), limits=Resources(None, None, gpu))
    item = workload("model", app, replicas=2, selector={"app": "model"}, labels={"app": "model"}, **more)
    flat = {Metric.CPU: np.full(DAYS * STEPS, 0.5), Metric.MEMORY: np.full(DAYS * STEPS, 0.5 * GIB)}
    usage = {("shop", f"model-{n}", "app"): flat for n in range(2)}
    return recommend(make_snapshot(tmp_path / "s", [item], usage, nodes=nodes), Policy())


def rules(plan):
    return [item for item in plan.recommendations if item.kind is Kind.PLACEMENT]


def test_two_pods_without_a_rule_about_zones_are_spread_and_prefer_their_pool(tmp_path):
    """A cheap and a dear pool take the pods; the plan uses the cheap one, in both zones."""
    nodes = [node("n1", "cheap", "a", 1.0), node("n2", "cheap", "b", 1.0), node("n3", "dear", "a", 3.0)]
    plan = plan_of(tmp_path, nodes)
    (rule,) = rules(plan)
    (spread,) = rule.proposed["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "ScheduleAnyway")
    assert spread["labelSelector"] == {"matchLabels": {"app": "model"}}
    (term,) = rule.proposed["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["preference"]["matchExpressions"] == [{"key": LABEL, "operator": "In", "values": ["cheap"]}]
    (patch,) = patch_objects(plan)  # requests and placement of one object are one patch
    spec = patch.body["spec"]["template"]["spec"]
    assert set(spec) == {"containers", "affinity", "topologySpreadConstraints"}
    assert {item.kind for item in patch.recommendations} == {Kind.REQUESTS, Kind.PLACEMENT}
    assert all(loss.survives for loss in plan.zone_loss)


def test_existing_preferences_stay_and_existing_spreads_are_enough(tmp_path):
    own = {"weight": 1, "preference": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}}
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [own]}}
    spread = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    nodes = [node("n1", "cheap", "a", 1.0), node("n2", "cheap", "b", 1.0), node("n3", "dear", "a", 3.0)]
    (rule,) = rules(plan_of(tmp_path, nodes, affinity=affinity, topology_spread=(spread,)))
    assert "topologySpreadConstraints" not in rule.proposed
    terms = rule.proposed["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert terms[0] == own
    assert len(terms) == 2


def test_one_pool_and_a_spread_need_no_rule(tmp_path):
    spread = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    nodes = [node("n1", "cheap", "a", 1.0), node("n2", "cheap", "b", 1.0)]
    assert rules(plan_of(tmp_path, nodes, topology_spread=(spread,))) == []


@pytest.mark.parametrize("kind", ["PyTorchJob", "InferenceService"])
def test_other_kinds_are_told_and_not_patched(tmp_path, kind):
    nodes = [node("n1", "cheap", "a", 1.0), node("n2", "cheap", "b", 1.0), node("n3", "dear", "a", 3.0)]
    for rule in rules(plan_of(tmp_path, nodes, kind=kind, api_version="x.io/v1")):
        assert rule.patch["method"] == "none"
        assert rule.patch["why_none"]
