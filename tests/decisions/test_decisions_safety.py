"""What a cluster would refuse, or what would hurt: each case once went wrong or could."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fakes.snapshots import GIB, MIB, START, STEPS, container, make_snapshot, oom_event, pod_row, pods_of, workload
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.decisions.eligibility import is_best_effort, is_guaranteed
from planner.decisions.recommend import recommend
from planner.domain.node import Node, Price
from planner.domain.pod_request import requested
from planner.domain.policy_objects import Autoscaler, LimitRangeItem, ResourceQuota, ScalingMetric
from planner.domain.workload import ContainerRole, Resources
from planner.snapshot.header import Metric
from planner.units import parse_cpu, parse_memory
from tests.decisions.without_pools import requests_only

DAYS = 14
TIME = DAYS * STEPS
NODE = Node(
    "toy",
    "node-1",
    "p",
    allocatable=Resources(16.0, 64 * GIB),
    capacity=Resources(16.0, 64 * GIB),
    price=Price(0.8, "f", ""),
)


def flat(value: float) -> np.ndarray:
    return np.full(TIME, value)


def burst(low: float, high: float, every: int = 500) -> np.ndarray:
    values = flat(low)
    values[::every] = high
    return values


def use(cpu=0.1, memory=200 * MIB, **more):
    as_series = lambda value: value if isinstance(value, np.ndarray) else flat(value)  # noqa: E731
    return {Metric.CPU: as_series(cpu), Metric.MEMORY: as_series(memory)} | more


def plan_of(tmp_path, workloads, usage=None, policy="{}", **more):
    usage = usage or {
        (w.namespace, f"{w.name}-{n}", c.name): use()
        for w in workloads
        for n in range(w.replicas or 1)
        for c in w.containers
    }
    more.setdefault("nodes", [NODE])
    return recommend(make_snapshot(tmp_path / "s", workloads, usage, **more), requests_only(policy))


def proposed(plan, name="app"):
    return next(r.proposed for r in plan.recommendations if r.target.container == name)


def codes(plan):
    return {n.reason for n in plan.not_recommended}


WEB = ("shop", "web-0", "app")


def test_a_node_that_is_away_does_not_cut_a_request_below_todays(tmp_path):
    small = replace(NODE, allocatable=Resources(16.0, 16 * GIB))
    item = workload("web", container(memory=32 * GIB, memory_limit=32 * GIB))
    plan = plan_of(tmp_path, [item], {WEB: use(memory=30.0 * GIB)}, nodes=[small])
    memory = [r.proposed["requests"]["memory"] for r in plan.recommendations]
    assert memory in ([], ["32Gi"])


def test_limits_stay_inside_a_limit_range_after_rounding(tmp_path):
    item = LimitRangeItem("toy", "shop", "lr", "Container", max={"cpu": 1.23, "memory": 1000.0 * MIB})
    web = workload("web", container(cpu=1.0, cpu_limit=1.23, memory=900 * MIB, memory_limit=1000 * MIB))
    limits = proposed(plan_of(tmp_path, [web], {WEB: use(burst(0.1, 1.2), 100 * MIB)}, limit_ranges=[item]))["limits"]
    assert parse_cpu(limits["cpu"]) <= 1.23
    assert parse_memory(limits["memory"]) <= 1000 * MIB


def test_a_limit_that_the_policy_keeps_is_kept_to_the_digit(tmp_path):
    web = workload("web", container(cpu=1.0, cpu_limit=1.234))
    plan = plan_of(tmp_path, [web], policy="defaults: {limits: {cpu: keep}}")
    assert proposed(plan)["limits"]["cpu"] == "1234m"


def test_a_ratio_raises_the_request_and_does_not_cut_the_limit_below_the_use(tmp_path):
    """900m were used and the ratio is 2: the request must be 450m, not 105m with a limit of 210m."""
    item = LimitRangeItem("toy", "shop", "lr", "Container", max_limit_request_ratio={"cpu": 2.0})
    web = workload("web", container(cpu=1.0, cpu_limit=2.0))
    values = proposed(plan_of(tmp_path, [web], {WEB: use(burst(0.1, 0.9))}, limit_ranges=[item]))
    assert values["requests"]["cpu"] == "450m"
    assert values["limits"]["cpu"] == "900m"


def test_a_default_limit_is_written_out_where_it_would_come_too_low(tmp_path):
    """Admission would give a limit of 300Mi to a request of more."""
    item = LimitRangeItem("toy", "shop", "lr", "Container", default={"cpu": 0.2, "memory": 300.0 * MIB})
    web = workload("web", container(cpu=0.1, memory=100 * MIB))
    values = proposed(plan_of(tmp_path, [web], {WEB: use(0.4, 450 * MIB)}, limit_ranges=[item]))
    for name, parse in (("cpu", parse_cpu), ("memory", parse_memory)):
        assert parse(values["limits"][name]) >= parse(values["requests"][name])
    none = plan_of(
        tmp_path / "none", [web], {WEB: use(0.4, 450 * MIB)}, "defaults: {limits: {cpu: none}}", limit_ranges=[item]
    )
    assert parse_cpu(proposed(none)["limits"]["cpu"]) >= 0.4


def test_the_sum_of_a_pod_stays_inside_a_limit_range_of_type_pod(tmp_path):
    item = LimitRangeItem("toy", "shop", "lr", "Pod", max={"memory": 2.5 * GIB})
    web = workload("web", container("a", memory=GIB), container("b", memory=GIB))
    usage = {("shop", "web-0", name): use(memory=1.5 * GIB) for name in "ab"}
    plan = plan_of(tmp_path, [web], usage, limit_ranges=[item])
    assert "limit_range_pod" in codes(plan)
    assert all("memory" not in {d.field.split(".")[1] for d in r.reason.details} for r in plan.recommendations)


def test_a_quota_on_limits_is_not_passed(tmp_path):
    web = workload("web", container(memory=512 * MIB, memory_limit=512 * MIB, cpu=0.1), kind="StatefulSet", replicas=2)
    quota = ResourceQuota("toy", "shop", "q", hard={"limits.memory": float(GIB)})
    plan = plan_of(tmp_path, [web], events=[oom_event(web, "web-0", "app", START, 512 * MIB)], quotas=[quota])
    assert plan.recommendations == ()
    assert "quota_on_limits" in codes(plan)


def test_room_that_a_dropped_change_would_free_is_not_given_away(tmp_path):
    """The cut of `a` is below the least change, but `b` lives on it: under a tight quota it counts."""
    rng = np.random.default_rng(3)
    services = [
        workload("a", container(cpu=1.0), kind="StatefulSet"),
        workload("b", container(cpu=0.9), kind="StatefulSet"),
    ]
    usage = {
        ("shop", "a-0", "app"): use(rng.uniform(0.2, 1.0, TIME)),
        ("shop", "b-0", "app"): use(rng.uniform(0.5, 3.0, TIME)),
    }
    plan = plan_of(tmp_path, services, usage, quotas=[ResourceQuota("toy", "shop", "q", hard={"requests.cpu": 2.0})])
    now = {"a": 1.0, "b": 0.9} | {r.target.name: parse_cpu(r.proposed["requests"]["cpu"]) for r in plan.recommendations}
    assert sum(now.values()) <= 2.0


@pytest.mark.parametrize("case", ["init", "cronjob", "hpa", "surge", "scope"])
def test_a_quota_counts_all_that_may_run_at_once(tmp_path, case):
    """A hungry service (use to 3 cores, 0.3 today) beside something that the quota must hold too."""
    rng = np.random.default_rng(1)
    hungry = workload("hungry", container(cpu=0.3), kind="StatefulSet")
    usage = {("shop", "hungry-0", "app"): use(rng.uniform(0.5, 3.0, TIME))}
    workloads, hard, scopes, scalers = [hungry], 2.0, (), []
    pods = None
    if case == "init":
        other = workload(
            "other", container("init", role=ContainerRole.INIT, cpu=1.5), container(cpu=0.1), kind="StatefulSet"
        )
        usage["shop", "other-0", "app"] = use()
        workloads.append(other)
    elif case == "cronjob":
        job = workload("job", container(cpu=1.0), kind="CronJob", replicas=None)
        workloads.append(job)
        rows = [
            pod_row(job, f"job-{d}", started=START + d * 86_400, ended=START + d * 86_400 + 3600) for d in range(DAYS)
        ]
        pods = pd.concat([pods_of([hungry], DAYS), pd.DataFrame(rows)], ignore_index=True)
        for day in range(DAYS):
            values = flat(np.nan)
            values[day * STEPS : day * STEPS + 12] = 0.95
            usage["shop", f"job-{day}", "app"] = use(values, values * GIB)
    elif case == "hpa":
        scalers = [
            Autoscaler("toy", "shop", "HorizontalPodAutoscaler", "h", "autoscaling/v2", "StatefulSet", "hungry", 1, 5,
                       metrics=(ScalingMetric("Pods", "rps", "AverageValue", 5.0),))
        ]  # fmt: skip
    elif case == "surge":
        workloads = [replace(hungry, kind="Deployment")]
    else:
        scopes, hard = ("NotTerminating",), 0.6
    quota = ResourceQuota("toy", "shop", "q", hard={"requests.cpu": hard}, scopes=scopes)
    plan = plan_of(tmp_path, workloads, usage, quotas=[quota], autoscalers=scalers, pods=pods)
    cpu = next(parse_cpu(r.proposed["requests"]["cpu"]) for r in plan.recommendations if r.target.name == "hungry")
    most = {"init": 0.5, "cronjob": 1.06, "hpa": 2.0 / 5, "surge": 1.0, "scope": 0.6}[case]
    assert 0.3 <= cpu <= most + 1e-9


def test_an_hpa_on_a_child_counts_for_its_top_controller(tmp_path):
    scaler = Autoscaler(
        "toy", "shop", "HorizontalPodAutoscaler", "llm", "autoscaling/v2", "Deployment", "llm-predictor", 1, 5,
        metrics=(ScalingMetric("Resource", "cpu", "Utilization", 60.0),),
        workload_kind="InferenceService", workload_name="llm",
    )  # fmt: skip
    item = workload("llm", kind="InferenceService", api_version="serving.kserve.io/v1beta1")
    assert "hpa_on_same_metric" in codes(plan_of(tmp_path, [item], autoscalers=[scaler]))


def test_a_ceiling_of_the_policy_does_not_cut_a_limit_below_an_oom(tmp_path):
    web = workload("web", container(memory=2 * GIB, memory_limit=4 * GIB))
    events = [oom_event(web, "web-0", "app", START, 4.0 * GIB)]
    plan = plan_of(tmp_path, [web], policy="defaults: {requests: {memory_max: 512Mi}}", events=events)
    assert all(parse_memory(r.proposed["limits"]["memory"]) >= 4 * GIB for r in plan.recommendations)


def test_an_oom_kill_without_any_known_limit_does_not_lower_the_request(tmp_path):
    web = workload("web", container(memory=2 * GIB, cpu=0.1))
    plan = plan_of(tmp_path, [web], events=[oom_event(web, "web-0", "app", START)])
    assert parse_memory(proposed(plan)["requests"]["memory"]) >= 2.4 * GIB


@pytest.mark.parametrize("policy", ["{}", "defaults: {limits: {cpu: 1.5}}"])
@pytest.mark.parametrize("request_now", [None, 2.0])
def test_a_throttled_container_keeps_its_cpu_limit(tmp_path, policy, request_now):
    web = workload("web", container(cpu=request_now, cpu_limit=2.0))
    usage = {WEB: use(0.6) | {Metric.CPU_THROTTLED: flat(0.4)}}
    plan = plan_of(tmp_path, [web], usage, policy)
    assert all(parse_cpu(r.proposed["limits"]["cpu"]) >= 2.0 for r in plan.recommendations)
    assert all(r.evidence.confidence != "high" for r in plan.recommendations if "cpu" in r.reason.text)


def test_a_fixed_heap_leaves_room_beside_it_in_the_limit(tmp_path):
    """-Xmx6g in 8Gi: 6Gi / 0.8 = 7.5Gi at least."""
    item = container(memory=8 * GIB, memory_limit=8 * GIB, heap_bytes=6 * GIB, heap_source="-Xmx")
    plan = plan_of(tmp_path, [workload("web", item)], {WEB: use(memory=2.0 * GIB)})
    assert all(parse_memory(r.proposed["limits"]["memory"]) >= 7.5 * GIB for r in plan.recommendations)


def test_pod_level_resources_are_left_alone(tmp_path):
    web = workload("web", pod_limits=Resources(None, GIB))
    assert codes(plan_of(tmp_path, [web])) == {"pod_level_resources"}


def test_sidecars_count_where_images_name_the_apps_only(tmp_path):
    web = workload("web", container("mesh", role=ContainerRole.SIDECAR), container("app"))
    pods = pods_of([web], DAYS)
    pods["images"] = '{"app": "image:1"}'
    usage = {("shop", "web-0", "app"): use(), ("shop", "web-0", "mesh"): use()}
    plan = plan_of(tmp_path, [web], usage, pods=pods)
    assert {r.target.container: r.replicas for r in plan.recommendations} == {"mesh": 1.0, "app": 1.0}


def test_a_best_effort_template_stays_best_effort(tmp_path):
    ray = workload(
        "ray", container("head", template="h"), container("worker", cpu=None, memory=None, template="w"),
        kind="RayCluster", api_version="ray.io/v1", replicas=2, template_path=None, templates_reachable=True,
    )  # fmt: skip
    pods = pods_of([ray], DAYS)
    pods["images"] = ['{"head": "a"}', '{"worker": "b"}']
    usage = {("shop", "ray-0", "head"): use(), ("shop", "ray-1", "worker"): use()}
    plan = plan_of(tmp_path, [ray], usage, pods=pods)
    assert [r.target.container for r in plan.recommendations] == ["head"]
    assert codes(plan) == {"best_effort_kept"}


def test_a_raised_request_does_not_pull_the_limit_up_by_its_ratio(tmp_path):
    """64Mi / 4Gi with a peak of 1.5Gi: a ratio of 64 would make a limit of 116Gi."""
    web = workload("web", container(memory=64 * MIB, memory_limit=4 * GIB))
    plan = plan_of(tmp_path, [web], {WEB: use(memory=1.5 * GIB)})
    assert proposed(plan)["limits"]["memory"] == "4Gi"


def test_a_pod_that_would_fit_no_node_is_not_proposed(tmp_path):
    small = replace(NODE, allocatable=Resources(16.0, 16 * GIB))
    web = workload("web", container("a", memory=4 * GIB), container("b", memory=4 * GIB))
    usage = {("shop", "web-0", name): use(memory=8.0 * GIB) for name in "ab"}
    plan = plan_of(tmp_path, [web], usage, nodes=[small])
    assert "larger_than_any_node" in codes(plan)
    assert all("memory" not in r.reason.text for r in plan.recommendations)


def test_two_runs_in_two_weeks_are_two_days_of_evidence(tmp_path):
    job = workload("job", kind="CronJob", template_path="spec.jobTemplate.spec.template")
    usage, rows = {}, []
    for day in (0, 13):
        values = flat(np.nan)
        values[day * STEPS : day * STEPS + 12] = 0.3
        usage["shop", f"job-{day}", "app"] = use(values, values * GIB)
        rows.append(pod_row(job, f"job-{day}", started=START + day * 86_400, ended=START + day * 86_400 + 3600))
    plan = plan_of(tmp_path, [job], usage, pods=pd.DataFrame(rows))
    assert codes(plan) == {"too_little_data"}


def test_a_finished_pod_without_an_end_is_not_counted_as_running(tmp_path):
    web = workload("web", replicas=1)
    pods = pd.concat([pods_of([web], DAYS), pd.DataFrame([pod_row(web, "web-old") | {"phase": "Succeeded"}])])
    assert plan_of(tmp_path, [web], {WEB: use()}, pods=pods.reset_index(drop=True)).totals["pods"] == 1.0


def test_no_usage_and_infinite_samples_end_in_no_traceback(tmp_path):
    usage = {WEB: use(0.0, 0.0)}
    plan = plan_of(tmp_path / "zero", [workload()], usage, "defaults: {requests: {cpu_min: 0, memory_min: 0}}")
    assert proposed(plan)["requests"] == {"cpu": "1m", "memory": "1Mi"}


def test_room_that_a_cut_taken_back_would_free_is_not_given_away(tmp_path):
    """A quota of 128 MiB, all of it held by `b`, which uses 10 MiB: cut to 32 MiB it would leave 96 MiB for the two
    containers of `a`, which ask for none. But 0.9 cores under a maximum of 0.5 give `b` request = limit for both
    resources, so it would turn Guaranteed: its cut is taken back, and so is what the room was for."""
    a = workload("a", container("x", cpu=0.1, memory=None), container("y", cpu=0.1, memory=None))
    b = workload("b", container(cpu=None, memory=None, memory_limit=128 * MIB))
    usage = {("shop", "a-0", name): use(0.0, 10 * MIB) for name in "xy"} | {("shop", "b-0", "app"): use(0.9, 10 * MIB)}
    bounds = LimitRangeItem("toy", "shop", "lr", "Container", max={"cpu": 0.5})
    quota = ResourceQuota("toy", "shop", "q", hard={"requests.memory": 128.0 * MIB})
    policy = "defaults: {limits: {cpu: 2}}"
    plan = plan_of(tmp_path, [a, b], usage, policy, limit_ranges=[bounds], quotas=[quota])
    assert codes(plan) == {"qos_class_kept", "quota_on_requests"}
    assert all("memory" not in r.proposed["requests"] for r in plan.recommendations)


cpu = st.sampled_from([None, 0.05, 0.1, 0.25, 0.5, 1.0, 1.23, 2.0])
memory = st.sampled_from([None, 64, 128, 250, 500, 1024, 2000])


@st.composite
def containers(draw, name):
    low, high = draw(cpu), draw(cpu)
    small, large = draw(memory), draw(memory)
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    if small is not None and large is not None:
        small, large = min(small, large), max(small, large)
    size = lambda mib: None if mib is None else mib * MIB  # noqa: E731
    return container(name, cpu=low, cpu_limit=high, memory=size(small), memory_limit=size(large))


@st.composite
def cases(draw):
    workloads, usage = [], {}
    for number in range(draw(st.integers(1, 3))):
        own = [draw(containers(f"c{n}")) for n in range(draw(st.integers(1, 2)))]
        item = workload(f"w{number}", *own, replicas=draw(st.integers(1, 3)))
        workloads.append(item)
        for each in own:
            base, spread = draw(st.sampled_from([0.0, 0.03, 0.1, 0.4, 0.9])), draw(st.sampled_from([0, 0.2, 2.0]))
            mib, jump = draw(st.sampled_from([10, 90, 200, 600, 1500])), draw(st.sampled_from([0, 0.1, 0.5]))
            for pod in range(item.replicas):
                rng = np.random.default_rng(draw(st.integers(0, 5)))
                noise = rng.random(2 * STEPS)
                cores, size = base * (1 + spread * noise), mib * MIB * (1 + jump * noise)
                cores = np.minimum(cores, each.limits.cpu_cores or np.inf)
                size = np.minimum(size, each.limits.memory_bytes or np.inf)
                usage[item.namespace, f"{item.name}-{pod}", each.name] = {Metric.CPU: cores, Metric.MEMORY: size}
    bounds = {}
    if draw(st.booleans()):
        bounds["max"] = {
            "cpu": draw(st.sampled_from([0.5, 1.23, 8.0])),
            "memory": draw(st.sampled_from([300, 1234])) * float(MIB),
        }
    if draw(st.booleans()):
        bounds["max_limit_request_ratio"] = {"cpu": draw(st.sampled_from([1.0, 2.0, 3.5]))}
    slack = draw(st.sampled_from([None, 1.0, 1.05, 1.5]))
    rules = [
        draw(st.sampled_from(options))
        for options in (["keep", "keep-ratio", "none", "2"], ["keep", "keep-ratio", "equal-request", "1.5"])
    ]
    policy = f"defaults: {{limits: {{cpu: {rules[0]}, memory: {rules[1]}}}, evidence: {{min_days: 1}}}}"
    return workloads, usage, bounds, slack, policy


def after(plan, workloads):
    """Containers of each workload under the plan."""
    changes = {(r.target.name, r.target.container): r.proposed for r in plan.recommendations}
    result = {}
    for item in workloads:
        planned = []
        for each in item.containers:
            values = changes.get((item.name, each.name))
            if values is not None:
                sides = [
                    Resources(
                        parse_cpu(side["cpu"]) if "cpu" in side else None,
                        parse_memory(side["memory"]) if "memory" in side else None,
                    )
                    for side in (values["requests"], values["limits"])
                ]
                each = replace(each, requests=sides[0], limits=sides[1])
            planned.append(each)
        result[item.name] = planned
    return result


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # it would hide the case that failed
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_whatever_is_proposed_the_cluster_takes_it(tmp_path_factory, case):
    """Requests within limits, LimitRange and quota; QoS class kept; limits not below the use; money adds up."""
    workloads, usage, bounds, slack, policy = case
    limit_ranges = [LimitRangeItem("toy", "shop", "lr", "Container", **bounds)] if bounds else []
    hard = {}
    if slack is not None:
        for name in ("cpu", "memory"):
            hard[f"requests.{name}"] = slack * sum(
                requested(c, name) * w.replicas for w in workloads for c in w.containers
            )
    quotas = [ResourceQuota("toy", "shop", "q", hard=hard)] if any(hard.values()) else []
    folder = tmp_path_factory.mktemp("case")
    plan = recommend(
        make_snapshot(folder / "s", workloads, usage, nodes=[NODE], limit_ranges=limit_ranges, quotas=quotas),
        requests_only(policy),
    )
    planned = after(plan, workloads)
    changed = {(r.target.name, r.target.container): {d.field for d in r.reason.details} for r in plan.recommendations}
    for item in workloads:
        before = item.containers
        assert is_guaranteed(before) == is_guaranteed(planned[item.name])
        assert is_best_effort(before) == is_best_effort(planned[item.name])
        for each in planned[item.name]:
            for name in ("cpu", "memory"):
                if f"requests.{name}" not in changed.get((item.name, each.name), ()):
                    continue
                request = requested(each, name)
                limit = each.limits.cpu_cores if name == "cpu" else each.limits.memory_bytes
                highest = bounds.get("max", {}).get(name, np.inf)
                ratio = bounds.get("max_limit_request_ratio", {}).get(name, np.inf)
                assert request <= highest * (1 + 1e-9)
                if limit is not None:
                    assert request <= limit + 1e-9
                    assert limit <= highest * (1 + 1e-9)
                    assert limit <= request * ratio * (1 + 1e-9)
    for quota in quotas:
        for name in ("cpu", "memory"):
            asked = sum(requested(c, name) * w.replicas for w in workloads for c in planned[w.name])
            assert asked <= quota.hard[f"requests.{name}"] * (1 + 1e-9)
    freed = sum(r.freed_value_per_month or 0.0 for r in plan.recommendations)
    assert plan.bill.current_per_month - plan.bill.planned_per_month == pytest.approx(freed, abs=0.006)
