"""From a snapshot to autoscalers in the plan: what is chosen, what is refused, and what it changes elsewhere."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fakes.snapshots import GIB, START, STEPS, container, make_snapshot, pod_row, workload

from planner.config.autoscaling_policy import AutoscalingPolicy
from planner.decisions.autoscaling.drawn import replay_for_plot
from planner.decisions.recommend import recommend
from planner.domain.node import Node, Price, Purchase
from planner.domain.policy_objects import Autoscaler, DisruptionBudget, ResourceQuota, ScalingMetric
from planner.domain.workload import Resources
from planner.patches.objects import patch_objects
from planner.plan.schema import Kind
from planner.reports.explain import render_explain
from planner.snapshot.header import Metric
from planner.snapshot.read import read_snapshot
from tests.decisions.without_pools import requests_only

DAYS = 5
TIME = DAYS * STEPS
NODE = Node(
    "toy", "node-1", "general", zone="a", region="r", instance_type="m.large", purchase=Purchase.ON_DEMAND,
    allocatable=Resources(64.0, 256 * GIB), capacity=Resources(64.0, 256 * GIB),
    price=Price(3.2, "file:prices.csv", "2026-01-01"),
)  # fmt: skip
CPU70 = ScalingMetric("Resource", "cpu", "Utilization", 70.0)


def scaler(low=6, high=20, metrics=(CPU70,), **more):
    values = {"name": "web", "kind": "HorizontalPodAutoscaler"} | more
    return Autoscaler(
        "toy", "shop", values.pop("kind"), values.pop("name"), "autoscaling/v2", "Deployment", "web",
        min_replicas=low, max_replicas=high, metrics=tuple(metrics), **values,
    )  # fmt: skip


def daily(low_m, high_m):
    """(step,) millicores: quiet nights, one hump a day."""
    clock = np.arange(TIME) % STEPS / STEPS
    return low_m + (high_m - low_m) * np.clip(np.sin(np.pi * (clock * 2 - 0.5)), 0, None)


def plan_of(tmp_path, demand_m, pods=6, autoscaler=None, policy=None, limit=2.0, **tables):
    """Demand spread evenly over a fixed number of pods of one core each."""
    item = workload("web", container(cpu=1.0, cpu_limit=limit), replicas=pods)
    rows = pd.DataFrame([pod_row(item, f"web-{n}") | {"created": START, "ready": START + 30.0} for n in range(pods)])
    usage = {
        ("shop", f"web-{n}", "app"): {Metric.CPU: demand_m / pods / 1000.0, Metric.MEMORY: np.full(TIME, 0.2 * GIB)}
        for n in range(pods)
    }
    scalers = [autoscaler or scaler()] if autoscaler != "none" else []
    snapshot = make_snapshot(tmp_path / "s", [item], usage, pods=rows, nodes=[NODE], autoscalers=scalers, **tables)
    return recommend(snapshot, policy or requests_only())


def scaled(plan):
    return [item for item in plan.recommendations if item.kind is Kind.AUTOSCALER]


def codes(plan):
    return {finding.code for finding in plan.findings}


def test_an_idle_autoscaler_gets_fewer_pods_under_the_same_service_level(tmp_path):
    """0.5 to 3 cores on six pods of one core: two at night and four by day carry it at 80 %."""
    plan = plan_of(tmp_path, daily(500.0, 3000.0))
    (item,) = scaled(plan)
    story = item.autoscaler
    assert item.proposed["minReplicas"] == 2
    assert item.proposed["metrics"][0]["resource"]["target"]["averageUtilization"] <= 80
    assert story.proposed.replica_hours_per_day < 0.7 * story.current.replica_hours_per_day
    assert story.proposed.violation_minutes_per_day <= 5
    assert story.held_out_proposed.violation_minutes_per_day <= 5
    assert story.current.mean_replicas == pytest.approx(6.0, abs=0.05)  # the minimum holds it
    assert story.calibration.share_within_one == 1.0
    assert (story.pod_start_seconds, story.pod_start_source) == (30.0, "observed")
    assert (story.capacity_cores, story.capacity_source) == (2.0, "limit")
    assert story.threshold_cores_now == 0.7
    assert item.freed_value_per_month > 0
    assert any("spec.replicas" in warning for warning in item.warnings)


def test_the_bill_counts_what_the_autoscaler_frees(tmp_path):
    plan = plan_of(tmp_path, daily(500.0, 3000.0))
    freed = sum(item.freed_value_per_month for item in plan.recommendations)
    assert plan.bill.current_per_month - plan.bill.planned_per_month == pytest.approx(freed, abs=0.02)


def test_the_patch_is_an_autoscaling_v2_spec(tmp_path):
    plan = plan_of(tmp_path, daily(500.0, 3000.0), autoscaler=scaler(behavior={"scaleUp": {"policies": []}}))
    patch = next(p for p in patch_objects(plan) if p.key.kind == "HorizontalPodAutoscaler")
    assert patch.body["apiVersion"] == "autoscaling/v2"
    assert patch.body["metadata"] == {"name": "web", "namespace": "shop"}
    assert set(patch.body["spec"]) >= {"minReplicas", "maxReplicas", "metrics", "behavior"}
    behavior = patch.body["spec"]["behavior"]
    assert behavior is None or behavior["scaleUp"] is None  # the replay ran with the defaults


def test_a_container_metric_stays_one(tmp_path):
    metric = ScalingMetric("ContainerResource", "cpu", "Utilization", 70.0, container="app")
    (item,) = scaled(plan_of(tmp_path, daily(500.0, 3000.0), autoscaler=scaler(metrics=[metric])))
    assert item.proposed["metrics"][0]["containerResource"]["container"] == "app"


def test_demand_that_the_maximum_hides_raises_the_maximum_first(tmp_path):
    """Three pods at most, two cores each, all busy at noon: what they would have taken is not known."""
    demand = np.minimum(daily(1000.0, 9000.0), 6000.0)
    plan = plan_of(tmp_path, demand, pods=3, autoscaler=scaler(2, 3))
    (item,) = scaled(plan)
    assert item.proposed["maxReplicas"] >= 5
    assert item.proposed["metrics"][0]["resource"]["target"]["averageUtilization"] <= 70
    assert item.evidence.confidence == "low"
    assert item.autoscaler.clipped_share > 0
    assert "at_maximum" in codes(plan)


def test_a_disruption_budget_holds_the_minimum(tmp_path):
    budget = DisruptionBudget("toy", "shop", "web", selector={"app": "web"}, min_available="3")
    item = workload("web", container(cpu=1.0, cpu_limit=2.0), replicas=6, selector={"app": "web"})
    usage = {
        ("shop", f"web-{n}", "app"): {Metric.CPU: daily(500.0, 3000.0) / 6000.0, Metric.MEMORY: np.full(TIME, 2e8)}
        for n in range(6)
    }
    snapshot = make_snapshot(
        tmp_path / "s", [item], usage, nodes=[NODE], autoscalers=[scaler()], disruption_budgets=[budget]
    )
    (made,) = scaled(recommend(snapshot, requests_only()))
    assert made.proposed["minReplicas"] >= 4


@pytest.mark.parametrize(
    ("autoscaler", "why"),
    [
        pytest.param(scaler(name="keda-hpa-web"), "KEDA owns it", id="keda"),
        pytest.param(scaler(metrics=[CPU70, replace(CPU70, name="memory")]), "several metrics", id="several"),
        pytest.param(
            scaler(metrics=[ScalingMetric("External", "queue", "AverageValue", 5.0)]),
            "history is not known",
            id="other",
        ),
        pytest.param(scaler(low=9, high=3), "cannot be held", id="contradiction"),
    ],
)
def test_what_cannot_be_replayed_is_named(tmp_path, autoscaler, why):
    plan = plan_of(tmp_path, daily(500.0, 3000.0), autoscaler=autoscaler)
    assert scaled(plan) == []
    (told,) = [finding for finding in plan.findings if finding.code == "autoscaler_not_replayed"]
    assert why in told.text


def test_too_little_to_gain_is_no_change(tmp_path):
    """Two pods, the fewest allowed, and nothing to do: today's setting stays."""
    plan = plan_of(tmp_path, np.full(TIME, 100.0), pods=2, autoscaler=scaler(2, 4))
    assert scaled(plan) == []
    assert "autoscaler_stays" in codes(plan)


def test_a_target_that_saturated_pods_never_reach_is_found(tmp_path):
    metric = ScalingMetric("Resource", "cpu", "Utilization", 95.0)
    plan = plan_of(tmp_path, daily(500.0, 3000.0), autoscaler=scaler(metrics=[metric]), limit=1.0)
    assert "dead_target" in codes(plan)


def test_gaps_and_silence_end_in_no_error(tmp_path):
    demand = daily(500.0, 3000.0)
    demand[3 * STEPS : 5 * STEPS] = np.nan
    plan_of(tmp_path / "gap", demand)
    plan_of(tmp_path / "zero", np.zeros(TIME))
    plan_of(tmp_path / "none", np.full(TIME, np.nan))


def test_the_policy_can_leave_autoscalers_alone(tmp_path):
    policy = requests_only().model_copy(update={"autoscaling": AutoscalingPolicy(enabled=False)})
    plan = plan_of(tmp_path, daily(500.0, 3000.0), policy=policy)
    assert scaled(plan) == []


def test_explain_tells_the_story_within_80_columns(tmp_path):
    plan = plan_of(tmp_path, daily(500.0, 3000.0))
    text = render_explain(scaled(plan), [], width=80, currency="USD")
    assert max(map(len, text.splitlines())) <= 80
    for part in ("target, % of the request", "replica-hours a day", "How far to trust the replay", "peak hour x1.5"):
        assert part in text


def test_the_replays_are_drawn_from_the_snapshot_and_the_plan(tmp_path):
    """The drawn replays are those of the plan: as many pods on average."""
    plan = plan_of(tmp_path, daily(500.0, 3000.0))
    (item,) = scaled(plan)
    drawn = replay_for_plot(read_snapshot(tmp_path / "s"), item)
    assert float(drawn.current.replicas.mean()) == pytest.approx(item.autoscaler.current.mean_replicas, abs=0.01)
    assert float(drawn.proposed.replicas.mean()) == pytest.approx(item.autoscaler.proposed.mean_replicas, abs=0.01)
    assert np.all(drawn.proposed.capacity_cores >= 2 * 2.0 - 1e-9)  # two pods of two cores are always ready
    for ascii_only in (False, True):
        text = render_explain([item], [], replays={item.id: drawn}, width=80, currency="USD", ascii_only=ascii_only)
        assert max(map(len, text.splitlines())) <= 80
        assert "Proposed: cores" in text
    assert text.isascii()


def test_the_worst_times_are_told(tmp_path):
    """Two pods at most for a demand of up to six cores: short of capacity at every noon."""
    plan = plan_of(tmp_path, daily(500.0, 3900.0), pods=2, autoscaler=scaler(1, 2), limit=1.0)
    for item in scaled(plan):
        assert item.autoscaler.episodes
        assert "Worst times short of capacity" in render_explain([item], [], width=80)


def test_a_quota_holds_the_maximum_and_one_below_it_is_found(tmp_path):
    """Nine cores in the quota, six of them used by its own pods: seven pods and a surge of two at most."""
    quota = ResourceQuota("toy", "shop", "team", hard={"requests.cpu": 9.0}, used={"requests.cpu": 6.0})
    plan = plan_of(tmp_path, daily(500.0, 3000.0), quotas=[quota])
    assert "quota_below_maximum" in codes(plan)  # today's maximum is 20
    (item,) = scaled(plan)
    assert item.proposed["maxReplicas"] <= 7


def test_a_workload_that_could_breathe_is_told(tmp_path):
    """Eight pods of a core all day for 0.5 to 5 cores: at most a few hours need them."""
    plan = plan_of(tmp_path, daily(500.0, 5000.0), pods=8, autoscaler="none", policy=requests_as_they_are())
    (told,) = [finding for finding in plan.findings if finding.code == "no_autoscaler"]
    assert told.numbers["pods"] == 8
    assert 2 <= told.numbers["mean_needed"] <= 4
    assert told.numbers["most_needed"] == 7  # 5 cores at 80 % of one
    steady = plan_of(
        tmp_path / "steady", np.full(TIME, 6000.0), pods=8, autoscaler="none", policy=requests_as_they_are()
    )
    assert "no_autoscaler" not in codes(steady)


def requests_as_they_are():
    """No request is changed: needs more days than there are."""
    return requests_only("defaults: {evidence: {min_days: 1000}}")
