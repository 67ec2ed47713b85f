"""Toy clusters whose answer can be worked out by hand (docstrings)."""

import numpy as np
import pandas as pd
import pytest
from fakes.snapshots import (
    GIB,
    MIB,
    START,
    STEP,
    STEPS,
    container,
    make_snapshot,
    oom_event,
    pod_row,
    pods_of,
    workload,
)

from planner.config.load import parse_policy
from planner.decisions.recommend import recommend
from planner.decisions.scope import Scope
from planner.domain.node import Node, Price, Purchase
from planner.domain.policy_objects import Autoscaler, LimitRangeItem, Namespace, ResourceQuota, ScalingMetric
from planner.domain.workload import ContainerRole, Resources
from planner.errors import DataTooPoorError
from planner.plan.schema import Plan
from planner.snapshot.header import Metric
from tests.decisions.without_pools import requests_only

DAYS = 14
TIME = DAYS * STEPS
NODE = Node(
    "toy", "node-1", "general", zone="a", region="r", instance_type="m.large", purchase=Purchase.ON_DEMAND,
    allocatable=Resources(16.0, 64 * GIB), capacity=Resources(16.0, 64 * GIB),
    price=Price(0.8, "file:prices.csv", "2026-01-01"),
)  # fmt: skip


def flat(value: float) -> np.ndarray:
    return np.full(TIME, value)


def steady(cpu: float = 0.1, memory: float = 200 * MIB) -> dict[Metric, np.ndarray]:
    return {Metric.CPU: flat(cpu), Metric.MEMORY: flat(memory)}


def plan_of(tmp_path, workloads, usage=None, policy="{}", scope=None, backend="scipy", **more) -> Plan:
    if usage is None:
        usage = {
            (w.namespace, f"{w.name}-{number}", c.name): steady()
            for w in workloads
            for number in range(w.replicas or 1)
            for c in w.containers
        }
    more.setdefault("nodes", [NODE])
    snapshot = make_snapshot(tmp_path / "snapshot", workloads, usage, **more)
    return recommend(snapshot, requests_only(policy), scope, backend=backend)


def one(plan: Plan):
    assert len(plan.recommendations) == 1, (plan.recommendations, plan.not_recommended)
    return plan.recommendations[0]


def reasons(plan: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item in plan.not_recommended:
        found.setdefault(item.reason, set()).update(item.fields)
    return found


def test_a_steady_service_gets_its_use_and_the_margin(tmp_path):
    """0.1 cores all the time: the bin of 0.1 ends at 0.1015 at most, the curve at 0.1, so 100m.

    200 MiB all the time, 14 days: the forecast is 200 MiB and no day ever surprised it. The walk-forward cuts
    after 5 to 13 days and sees 3 x 7 + 6 + 5 + 4 + 3 + 2 + 1 = 42 days after them, more than the 30 at which
    flat containers trust their own past alone: the chance of a day above 200 MiB is 0, nothing more is bought,
    and the floor of the margin holds, 1.05 x 200 = 210 MiB.
    """
    change = one(plan_of(tmp_path, [workload()]))
    assert change.current == {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {}}
    assert change.proposed["requests"]["cpu"] == "100m"
    assert change.proposed["requests"]["memory"] == "210Mi"
    assert change.proposed["limits"] == {}
    assert change.evidence.days == DAYS
    assert change.evidence.coverage == 1.0
    assert change.evidence.confidence == "high"
    assert change.evidence.observed["cpu_cores_max"] == pytest.approx(0.1)
    assert change.freed_value_per_month > 0
    assert change.saving_per_month is None


def test_cpu_follows_the_newsvendor_quantile(tmp_path):
    """0.1 cores in 96 % of the steps, 0.9 in 4 %: p95 is 0.1. At ratio 19 a core kept for 4 % of the time
    is worth 0.04 x 19 = 0.76 < 1 core: not bought. At ratio 99 it is 3.96 > 1: bought up to 0.9."""
    cpu = flat(0.1)
    cpu[::25] = 0.9
    usage = {("shop", "web-0", "app"): {Metric.CPU: cpu, Metric.MEMORY: flat(200 * MIB)}}
    balanced = one(plan_of(tmp_path / "a", [workload()], usage))
    assert balanced.proposed["requests"]["cpu"] == "100m"
    cautious = plan_of(tmp_path / "b", [workload()], usage, "defaults: {risk: {cpu_shortage_price_ratio: 99}}")
    value = float(one(cautious).proposed["requests"]["cpu"].removesuffix("m"))
    assert 900 <= value <= 930 or value == 1
    bold = plan_of(tmp_path / "c", [workload("web", container(cpu=3.0))], usage, "defaults: {risk: {level: cautious}}")
    assert 900 <= float(one(bold).proposed["requests"]["cpu"].removesuffix("m")) <= 930


def test_the_bill_is_requests_times_the_prices_of_the_nodes(tmp_path):
    """Freed values add up to current - planned, and current is pods x (1 core, 1 GiB) at the node's prices."""
    plan = plan_of(tmp_path, [workload("web", replicas=3), workload("api", namespace="other")])
    freed = sum(r.freed_value_per_month for r in plan.recommendations)
    assert plan.bill.current_per_month - plan.bill.planned_per_month == pytest.approx(freed, abs=0.02)
    assert plan.bill.basis == "requests"
    assert plan.bill.nodes_per_month == pytest.approx(0.8 * 730)
    price = plan.bill.prices[0]
    assert plan.bill.current_per_month == pytest.approx(4 * 730 * (price.core_per_hour + price.gib_per_hour), abs=0.05)


def test_memory_is_never_below_an_oom_killed_limit_times_the_factor(tmp_path):
    """Killed at 512 MiB: at least 614.4 MiB, although 200 MiB was the most that a scrape saw."""
    item = workload("web", container(memory=512 * MIB, memory_limit=512 * MIB, cpu=0.1))
    plan = plan_of(tmp_path, [item], events=[oom_event(item, "web-0", "app", START + 3600, 512 * MIB)])
    change = one(plan)
    assert change.proposed["requests"]["memory"] == "624Mi"
    assert change.proposed["limits"]["memory"] == "624Mi"
    detail = next(d for d in change.reason.details if d.field == "requests.memory")
    assert detail.code == "oom_floor"
    assert detail.numbers["oom_kills"] == 1


@pytest.mark.parametrize("scaled", ["cpu", "memory"])
def test_a_resource_that_an_hpa_scales_is_left_alone(tmp_path, scaled):
    hpa = Autoscaler(
        "toy", "shop", "HorizontalPodAutoscaler", "web", "autoscaling/v2", "Deployment", "web", 2, 10,
        metrics=(ScalingMetric("Resource", scaled, "Utilization", 60.0),),
    )  # fmt: skip
    plan = plan_of(tmp_path, [workload()], autoscalers=[hpa])
    other = {"cpu": "memory", "memory": "cpu"}[scaled]
    assert reasons(plan) == {"hpa_on_same_metric": {f"requests.{scaled}"}}
    change = one(plan)
    assert change.proposed["requests"][scaled] == change.current["requests"][scaled]
    assert change.proposed["requests"][other] != change.current["requests"][other]


def test_an_average_value_or_another_containers_metric_does_not_stop_sizing(tmp_path):
    hpa = Autoscaler(
        "toy", "shop", "HorizontalPodAutoscaler", "web", "autoscaling/v2", "Deployment", "web", 2, 10,
        metrics=(
            ScalingMetric("Resource", "cpu", "AverageValue", 0.5),
            ScalingMetric("ContainerResource", "memory", "Utilization", 60.0, "proxy"),
        ),
    )  # fmt: skip
    plan = plan_of(tmp_path, [workload()], autoscalers=[hpa])
    assert reasons(plan) == {}
    assert set(one(plan).proposed["requests"]) == {"cpu", "memory"}


def test_a_quota_is_shared_by_the_price_of_risk(tmp_path):
    """Two equal services would want 1.84 cores each (p95 of a wide spread); the quota has room for 2.4.

    The sum of the proposals stays within the quota after rounding, the reason names it, and the dual says
    what one more core would save.
    """
    rng = np.random.default_rng(5)
    usage = {
        ("shop", f"{name}-0", "app"): {Metric.CPU: rng.uniform(0.1, 2.0, TIME), Metric.MEMORY: flat(200 * MIB)}
        for name in ("web", "api")
    }
    quota = ResourceQuota("toy", "shop", "compute", hard={"requests.cpu": 2.4})
    services = [workload(name, kind="StatefulSet") for name in ("web", "api")]  # no surge: one pod each
    plan = plan_of(tmp_path, services, usage, quotas=[quota])
    cores = [float(r.proposed["requests"]["cpu"].removesuffix("m")) / 1000 for r in plan.recommendations]
    assert sum(cores) <= 2.4
    assert sum(cores) > 2.38
    codes = {d.code for r in plan.recommendations for d in r.reason.details if d.field == "requests.cpu"}
    assert "quota" in codes
    row = plan.solver["binding_quotas"][0]
    assert row["row"].endswith("[shop/compute/cpu]")
    assert row["value_per_month_of_one_more"] > 0
    twin = plan_of(tmp_path / "pulp", services, usage, quotas=[quota], backend="pulp")
    assert [r.proposed for r in twin.recommendations] == [r.proposed for r in plan.recommendations]


def test_a_quota_that_is_too_small_is_named_and_the_floors_stay(tmp_path):
    """Room for 100 MiB; 200 MiB were used, and 1.05 x 200 = 210 MiB stay the floor."""
    quota = ResourceQuota("toy", "shop", "tiny", hard={"requests.memory": 100 * MIB})
    plan = plan_of(tmp_path, [workload()], quotas=[quota])
    assert "quota_too_small" in {w.code for w in plan.warnings}
    assert one(plan).proposed["requests"]["memory"] == "210Mi"


def test_a_scoped_quota_binds_nothing(tmp_path):
    quota = ResourceQuota("toy", "shop", "batch", hard={"requests.cpu": 0.05}, scopes=("Terminating",))
    plan = plan_of(tmp_path, [workload()], quotas=[quota])
    assert one(plan).proposed["requests"]["cpu"] == "100m"


def test_limit_range_bounds_hold(tmp_path):
    """Without it 100m and 1.05 x 200 = 210 MiB would be right: the minimum of CPU and the maximum of memory bind."""
    item = LimitRangeItem(
        "toy", "shop", "limits", "Container", min={"cpu": 0.25, "memory": 64 * MIB}, max={"memory": 205 * MIB}
    )
    change = one(plan_of(tmp_path, [workload()], limit_ranges=[item]))
    assert change.proposed["requests"] == {"cpu": "250m", "memory": "205Mi"}
    codes = {d.field: d.code for d in change.reason.details}
    assert codes == {"requests.cpu": "limit_range_min", "requests.memory": "limit_range_max"}


def test_a_guaranteed_pod_stays_guaranteed_and_a_burstable_one_burstable(tmp_path):
    guaranteed = workload("db", container(cpu_limit=1.0, memory_limit=GIB), kind="StatefulSet")
    change = one(plan_of(tmp_path / "g", [guaranteed]))
    assert change.proposed["limits"] == change.proposed["requests"]
    burstable = workload("web", container(cpu_limit=2.0, memory_limit=2 * GIB))
    policy = "defaults: {limits: {cpu: 1.0, memory: equal-request}}"
    plan = plan_of(tmp_path / "b", [burstable], policy=policy)
    assert reasons(plan) == {"qos_class_kept": {"requests.cpu", "requests.memory"}}
    assert plan.recommendations == ()
    asked = policy.replace("equal-request", "equal-request, keep_qos_class: false")
    change = one(plan_of(tmp_path / "c", [burstable], policy=asked))
    assert change.proposed["limits"] == change.proposed["requests"]


def test_best_effort_is_kept_unless_asked(tmp_path):
    item = workload("toy", container(cpu=None, memory=None))
    kept = plan_of(tmp_path / "kept", [item])
    assert reasons(kept) == {"best_effort_kept": {"requests.cpu", "requests.memory"}}
    asked = plan_of(tmp_path / "asked", [item], policy="defaults: {limits: {keep_qos_class: false}}")
    assert one(asked).proposed["requests"]["cpu"] == "100m"


@pytest.mark.parametrize(
    ("rule", "limits"),
    [
        ("keep", {"cpu": "4", "memory": "2Gi"}),
        ("keep-ratio", {"cpu": "400m"}),
        ("none", {}),
        ("3", {"cpu": "300m"}),
    ],
)
def test_cpu_limit_rules(tmp_path, rule, limits):
    item = workload("web", container(cpu=1.0, cpu_limit=4.0, memory_limit=2 * GIB))
    change = one(plan_of(tmp_path, [item], policy=f"defaults: {{limits: {{cpu: {rule}}}}}"))
    assert change.proposed["limits"].get("cpu") == limits.get("cpu")


def test_a_cpu_limit_is_not_removed_under_a_quota_on_limits_nor_set_below_the_burst_seen(tmp_path):
    """Keeping the ratio 1.2 would cut the limit to 120m, but 900m was used."""
    cpu = flat(0.1)
    cpu[7] = 0.9
    usage = {("shop", "web-0", "app"): {Metric.CPU: cpu, Metric.MEMORY: flat(200 * MIB)}}
    item = workload("web", container(cpu=1.0, cpu_limit=1.2))
    quota = ResourceQuota("toy", "shop", "q", hard={"limits.cpu": 100.0})
    change = one(plan_of(tmp_path, [item], usage, "defaults: {limits: {cpu: none}}", quotas=[quota]))
    assert change.proposed["limits"]["cpu"] == "900m"


def test_who_is_left_alone_and_why(tmp_path):
    vpa = Autoscaler(
        "toy",
        "shop",
        "VerticalPodAutoscaler",
        "v",
        "autoscaling.k8s.io/v1",
        "Deployment",
        "vpa",
        update_mode="Recreate",
    )
    workloads = [
        workload("vpa"),
        workload("out", annotations={"planner/opt-out": "true"}),
        workload("dns", namespace="kube-system"),
        workload("once", kind="Job", api_version="batch/v1"),
        workload("silent"),
        workload("fresh"),
        workload("gappy"),
        workload("mesh", container(), container("proxy", injected=True)),
        workload("right", container(cpu=0.1, memory=220 * MIB)),  # 210 Mi would do: 10 Mi less is too small
    ]
    usage = {
        (w.namespace, f"{w.name}-0", c.name): steady() for w in workloads for c in w.containers if w.name != "silent"
    }
    late = flat(np.nan)
    late[-2 * STEPS :] = 0.1
    usage["shop", "fresh-0", "app"] = {Metric.CPU: late, Metric.MEMORY: late * 2 * GIB}
    holes = flat(np.nan)
    holes[::3] = 0.1
    usage["shop", "gappy-0", "app"] = {Metric.CPU: holes, Metric.MEMORY: holes * 2 * GIB}
    pods = pods_of(workloads, DAYS)
    pods.loc[pods["workload"] == "fresh", ["created", "started"]] = START + (DAYS - 2) * 86_400
    plan = plan_of(tmp_path, workloads, usage, autoscalers=[vpa], pods=pods)
    by_name = {n.target.name: n.reason for n in plan.not_recommended}
    assert by_name == {
        "vpa": "vpa_in_charge",
        "out": "opted_out",
        "dns": "namespace_excluded",
        "once": "job_runs_once",
        "silent": "no_usage_data",
        "fresh": "too_little_data",
        "gappy": "coverage_too_low",
        "mesh": "injected_container",
        "right": "already_right",
    }
    assert [r.target.name for r in plan.recommendations] == ["mesh"]
    assert all(n.text for n in plan.not_recommended)


def test_jobs_are_covered_by_the_time_their_pods_ran(tmp_path):
    """A CronJob that runs one hour a day has samples in 1/24 of the window, and full coverage."""
    job = workload("report", kind="CronJob", api_version="batch/v1", template_path="spec.jobTemplate.spec.template")
    usage, rows = {}, []
    for day in range(DAYS):
        pod = f"report-{day}"
        values = flat(np.nan)
        values[day * STEPS : day * STEPS + 12] = 0.3
        usage["shop", pod, "app"] = {Metric.CPU: values, Metric.MEMORY: values * GIB}
        rows.append(pod_row(job, pod, started=START + day * 86_400, ended=START + day * 86_400 + 3600))
    change = one(plan_of(tmp_path, [job], usage, pods=pd.DataFrame(rows)))
    assert change.evidence.coverage == 1.0
    assert change.evidence.pods == DAYS
    assert change.replicas == pytest.approx(1 / 24, rel=1e-2)
    assert change.patch["template_path"] == "spec.jobTemplate.spec.template"


def test_init_containers_keep_their_highest_use_and_sidecars_are_sized_like_apps(tmp_path):
    item = workload(
        "web",
        container("migrate", role=ContainerRole.INIT, cpu=2.0, memory=2 * GIB),
        container("mesh", role=ContainerRole.SIDECAR, cpu=0.5),
        container("app"),
    )
    init = flat(np.nan)
    init[:2] = 0.9
    for day in (3, 6, 9):
        init[STEPS * day : STEPS * day + 2] = 0.2
    usage = {
        ("shop", "web-0", "migrate"): {Metric.CPU: init, Metric.MEMORY: init * GIB},
        ("shop", "web-0", "mesh"): steady(0.02, 40 * MIB),
        ("shop", "web-0", "app"): steady(),
    }
    plan = plan_of(tmp_path, [item], usage)
    by_container = {r.target.container: r for r in plan.recommendations}
    assert by_container["migrate"].proposed["requests"]["cpu"] == "900m"
    assert by_container["migrate"].patch["container_list"] == "initContainers"
    assert by_container["migrate"].patch["container_index"] == 0
    assert by_container["mesh"].patch == by_container["migrate"].patch | {"container_index": 1}
    assert by_container["mesh"].proposed["requests"]["cpu"] == "20m"
    freed = sum(r.freed_value_per_month for r in plan.recommendations)
    assert plan.bill.current_per_month - plan.bill.planned_per_month == pytest.approx(freed, abs=0.02)


def test_templates_of_one_workload_are_counted_and_patched_apart(tmp_path):
    """A Ray head (1 core) and three workers (4 cores each): 13 cores requested, not 4 x 5."""
    head = container("head", template="spec.headGroupSpec.template")
    worker = container("worker", cpu=4.0, template="spec.workerGroupSpecs.0.template")
    ray = workload(
        "ray", head, worker, kind="RayCluster", api_version="ray.io/v1", replicas=4, template_path=None,
        templates_reachable=True,
    )  # fmt: skip
    pods = pods_of([ray], DAYS)
    pods["images"] = ['{"head": "a"}'] + ['{"worker": "b"}'] * 3
    usage = {("shop", "ray-0", "head"): steady()} | {("shop", f"ray-{n}", "worker"): steady() for n in (1, 2, 3)}
    plan = plan_of(tmp_path, [ray], usage, pods=pods)
    assert plan.totals["requested_cpu_cores"] == pytest.approx(13.0)
    assert plan.totals["pods"] == 4
    by_container = {r.target.container: r for r in plan.recommendations}
    assert by_container["worker"].replicas == 3
    assert by_container["worker"].evidence.coverage == 1.0
    assert by_container["worker"].patch["template_path"] == "spec.workerGroupSpecs.0.template"
    assert by_container["head"].patch["container_names"] == ["head"]
    freed = sum(r.freed_value_per_month for r in plan.recommendations)
    assert plan.bill.current_per_month - plan.bill.planned_per_month == pytest.approx(freed, abs=0.02)


@pytest.mark.parametrize(
    ("item", "method"),
    [
        (workload(), "strategic-merge"),
        (workload(kind="Rollout", api_version="argoproj.io/v1alpha1"), "json-patch"),
        (workload(kind="Rollout", api_version=""), "none"),
        (workload(kind="Widget", api_version="acme.io/v1", template_path=None), "none"),
        (workload(kind="Pod", api_version="v1", template_path=None), "none"),
    ],
)
def test_the_patch_takes_the_road_that_the_kind_allows(tmp_path, item, method):
    patch = one(plan_of(tmp_path, [item])).patch
    assert patch["method"] == method
    assert bool(patch["why_none"]) is (method == "none")


def test_unknown_prices_are_named_and_never_free(tmp_path):
    bare = Node("toy", "node-1", "general", allocatable=Resources(16.0, 64 * GIB))
    plan = plan_of(tmp_path, [workload()], nodes=[bare])
    assert plan.bill.unpriced_nodes == ("node-1",)
    assert plan.bill.unpriced_workloads == 1
    assert "price_unknown" in {w.code for w in plan.warnings}
    assert one(plan).proposed["requests"]["cpu"] == "100m"


def test_a_price_in_another_currency_is_not_converted(tmp_path):
    plan = plan_of(tmp_path, [workload()], policy="currency: EUR")
    assert plan.bill.unpriced_nodes == ("node-1",)
    assert (plan.bill.currency, plan.bill.nodes_per_month, plan.bill.current_per_month) == ("EUR", 0.0, 0.0)
    assert one(plan).freed_value_per_month is None
    assert any("EUR" in w.text for w in plan.warnings)


def test_throttled_usage_is_not_the_demand(tmp_path):
    item = workload("web", container(cpu=0.5, cpu_limit=0.5))
    usage = {("shop", "web-0", "app"): steady(0.2) | {Metric.CPU_THROTTLED: flat(0.3)}}
    plan = plan_of(tmp_path, [item], usage)
    change = one(plan)
    assert change.proposed["requests"]["cpu"] == "500m"
    assert reasons(plan) == {"already_right": {"requests.cpu"}}


def test_a_request_beyond_every_node_is_capped_and_said(tmp_path):
    small = Node("toy", "node-1", "general", allocatable=Resources(2.0, 256 * MIB), price=NODE.price)
    usage = {("shop", "web-0", "app"): steady(0.1, 300 * MIB)}
    change = one(plan_of(tmp_path, [workload("web", container(memory=200 * MIB))], usage, nodes=[small]))
    assert change.proposed["requests"]["memory"] == "256Mi"
    assert any("largest node" in note for note in change.evidence.notes)


def test_scope_limits_the_plan_and_nothing_in_scope_is_an_error(tmp_path):
    workloads = [workload("web", labels={"app": "web"}), workload("api", namespace="other", labels={"app": "api"})]
    usage = {(w.namespace, f"{w.name}-0", "app"): steady() for w in workloads}
    snapshot = make_snapshot(tmp_path / "s", workloads, usage, nodes=[NODE])
    policy = parse_policy("{}")
    assert [r.target.name for r in recommend(snapshot, policy, Scope(("other",))).recommendations] == ["api"]
    assert [r.target.name for r in recommend(snapshot, policy, Scope(selector="app in (web)")).recommendations] == [
        "web"
    ]
    with pytest.raises(DataTooPoorError, match="no workload matches"):
        recommend(snapshot, policy, Scope(("nowhere",)))


def test_same_snapshot_same_policy_same_bytes(tmp_path):
    workloads = [workload(f"w{n}", namespace=f"ns{n % 3}", replicas=2) for n in range(8)]
    first = plan_of(tmp_path / "a", workloads)
    second = plan_of(tmp_path / "b", list(reversed(workloads)))
    assert first.model_dump_json() == second.model_dump_json()
    assert first.plan_id.startswith("plan-")
    other = plan_of(tmp_path / "c", workloads, policy="defaults: {risk: {level: bold}}")
    assert other.plan_id != first.plan_id
    assert [r.id for r in other.recommendations[:1]] == [r.id for r in first.recommendations[:1]]


def test_namespace_labels_choose_the_environment(tmp_path):
    namespaces = [Namespace("toy", "shop", {"environment": "prod"})]
    plan = plan_of(
        tmp_path, [workload()], policy="environments: {production: {requests: {cpu_min: 700m}}}", namespaces=namespaces
    )
    assert one(plan).proposed["requests"]["cpu"] == "700m"


def test_an_unreadable_annotation_is_told_and_ignored(tmp_path):
    plan = plan_of(tmp_path, [workload(annotations={"planner/risk.level": "reckless"})])
    assert "annotation_unreadable" in {w.code for w in plan.warnings}
    assert one(plan)


def test_the_step_is_part_of_the_window(tmp_path):
    plan = plan_of(tmp_path, [workload()])
    assert plan.window.step_seconds == STEP
    assert plan.window.start.timestamp() == START
