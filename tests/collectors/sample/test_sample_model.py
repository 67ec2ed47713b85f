"""What the sample promises to hold is really in it."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from planner.collectors.sample.model import GAP, Model, build_model
from planner.collectors.sample.objects_policy import quota_used
from planner.collectors.sample.placement import pod_size
from planner.collectors.sample.platform import NAMESPACES, POOLS, QUOTAS, STEPS_PER_DAY, ZONES
from planner.collectors.sample.usage import ContainerUsage
from planner.snapshot.header import Metric
from planner.units import GIB, MIB, parse_cpu, parse_memory, parse_quantity


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model()


def of(model: Model, namespace: str, name: str, container: str | None = None) -> list[ContainerUsage]:
    return [
        usage
        for usage in model.usage.values()
        if (usage.run.spec.namespace, usage.run.spec.name) == (namespace, name)
        and container in (None, usage.container.name)
    ]


def total(usages: list[ContainerUsage], metric: Metric, steps: int) -> np.ndarray:
    result = np.zeros(steps)
    for usage in usages:
        result[usage.first : usage.stop] += usage.values[metric]
    return result


def test_it_has_three_zones_cpu_and_gpu_pools_and_over_sixty_workloads_of_many_kinds(model):
    assert len(model.workloads) >= 60
    assert {node.zone for node in model.nodes} == set(ZONES)
    assert len(ZONES) == 3
    assert {pool.name for pool in POOLS.values()} == {node.pool.name for node in model.nodes}
    assert sum(node.type.gpus for node in model.nodes) >= 16
    kinds = Counter(spec.kind for spec in model.workloads)
    expected = "Deployment StatefulSet DaemonSet CronJob Job Rollout PyTorchJob RayCluster InferenceService Pod"
    assert set(expected.split()) < set(kinds)
    assert kinds["VectorIndexer"] == 1
    assert {spec.namespace for spec in model.workloads} == set(NAMESPACES)


def test_requests_on_a_node_never_exceed_what_it_has(model):
    """At each start of a pod, the requests of all pods alive on its node fit the node, and no GPU is held twice."""
    by_node = defaultdict(list)
    for run in model.runs:
        by_node[run.node].append(run)
    for node in model.nodes:
        runs = by_node[node.name]
        for step in {run.first for run in runs if run.spec.kind != "DaemonSet"}:
            alive = [run for run in runs if run.first <= step and (run.last is None or step < run.last)]
            sizes = [pod_size(run.part) for run in alive]
            assert sum(size.cpu for size in sizes) <= parse_cpu(node.type.allocatable_cpu) + 1e-6
            assert sum(size.memory for size in sizes) <= parse_memory(node.type.allocatable_memory)
            held = [gpu for run in alive for gpu in run.gpus]
            assert sorted(held) == sorted(set(held))
            assert set(held) <= set(range(node.type.gpus))


def test_no_quota_is_exceeded_at_any_time_and_that_of_staging_is_nearly_used_up(model):
    for namespace, hard in QUOTAS.items():
        runs = [run for run in model.runs if run.spec.namespace == namespace]
        for step in {max(run.first, 0) for run in runs}:
            used = quota_used([run for run in runs if run.first <= step < run.stop(model.steps)])
            assert all(used[name] <= float(parse_quantity(limit)) for name, limit in hard.items())
    used = quota_used([run for run in model.alive() if run.spec.namespace == "staging"])
    room = float(parse_quantity(QUOTAS["staging"]["requests.memory"]))
    assert 0.95 < used["requests.memory"] / room <= 1.0
    staging = [usage for usage in model.usage.values() if usage.run.spec.namespace == "staging"]
    peaks = [usage.values[Metric.MEMORY].max() for usage in staging if usage.run.last is None]
    assert sum(peaks) > 1.2 * room  # whoever sizes for the peaks meets the quota


def test_about_8_percent_of_the_cpu_and_20_percent_of_the_memory_are_used(model):
    cpu = sum(parse_cpu(node.type.allocatable_cpu) for node in model.nodes)
    memory = sum(parse_memory(node.type.allocatable_memory) for node in model.nodes)
    used_cpu = sum(usage.values[Metric.CPU].sum() for usage in model.usage.values()) / model.steps
    used_memory = sum(usage.values[Metric.MEMORY].sum() for usage in model.usage.values()) / model.steps
    assert used_cpu / cpu == pytest.approx(0.08, abs=0.015)
    assert used_memory / memory == pytest.approx(0.20, abs=0.03)


def test_services_for_offices_sleep_at_the_weekend(model):
    cores = total(of(model, "data", "airflow-webserver"), Metric.CPU, model.steps)
    by_day = cores[: 28 * STEPS_PER_DAY].reshape(4, 7, STEPS_PER_DAY).mean(axis=(0, 2))
    assert by_day[:5].min() > 2 * by_day[5:].max()


def test_growing_work_grows(model):
    cores = total(of(model, "inference", "model-gateway", "gateway"), Metric.CPU, model.steps)
    weeks = cores.reshape(4, -1).mean(axis=1)
    assert np.all(np.diff(weeks) > 0)


def test_the_leak_grows_to_the_limit_is_killed_and_starts_again(model):
    for usage in of(model, "data", "feature-ingest"):
        inside = [step for step in usage.kills if 0 < step < model.steps]
        assert len(inside) >= 10
        memory = usage.values[Metric.MEMORY]
        for begin, end in pairwise(inside):
            life = memory[begin:end]
            slope = np.polyfit(np.arange(len(life)) / 12.0, life, 1)[0]
            assert 15 * MIB < slope < 50 * MIB  # per hour
            assert life[-1] > 0.99 * 2 * GIB
            assert memory[end] < 0.5 * 2 * GIB


def test_doc_parser_is_killed_at_its_limit_now_and_then(model):
    usages = of(model, "data", "doc-parser")
    kills = sorted(step for usage in usages for step in usage.kills)
    assert 5 <= len(kills) <= 40
    assert kills[0] < STEPS_PER_DAY  # short versions of the sample have one too
    for usage in usages:
        limit = usage.container.memory_limit
        assert limit == GIB
        for step in usage.kills:
            assert usage.values[Metric.MEMORY][step - 1 - usage.first] == pytest.approx(0.995 * limit, rel=0.01)


def test_no_working_set_passes_its_limit_and_no_cpu_its_quota(model):
    for usage in model.usage.values():
        if usage.container.memory_limit is not None:
            assert usage.values[Metric.MEMORY].max() <= usage.container.memory_limit
        if usage.container.cpu_limit is not None:
            assert usage.values[Metric.CPU].max() <= usage.container.cpu_limit * 1.01
            throttled = usage.values[Metric.CPU_THROTTLED]
            assert throttled.min() >= 0
            assert throttled.max() <= 1
        else:
            assert Metric.CPU_THROTTLED not in usage.values


def test_safety_filter_is_throttled_at_its_peaks(model):
    usages = of(model, "inference", "safety-filter")
    assert np.concatenate([usage.values[Metric.CPU_THROTTLED] for usage in usages]).mean() > 0.02


def test_one_gpu_idles_some_work_little_and_training_works_hard(model):
    def activity(name: str, namespace: str = "inference") -> float:
        usages = [usage for usage in of(model, namespace, name) if Metric.GPU_ACTIVE in usage.values]
        values = np.concatenate([usage.values[Metric.GPU_ACTIVE] / usage.container.gpus for usage in usages])
        return float(values.mean())

    assert activity("image-classifier") == 0.0
    assert 0.02 < activity("reranker") < 0.15
    assert activity("finetune-ranker", "training") > 0.8
    idle = of(model, "inference", "image-classifier")[0]
    assert idle.values[Metric.GPU_MEMORY].min() > 2 * GIB


def test_hpa_pods_follow_the_work_around_the_target(model):
    for name, container in (("model-gateway", "gateway"), ("embedding-service", "embedder")):
        usages = of(model, "inference", name, container)
        spec = usages[0].run.spec
        pods = np.zeros(model.steps)
        for usage in usages:
            pods[usage.first : usage.stop] += 1
        assert spec.scaling is not None
        assert pods.min() >= spec.scaling.minimum
        assert pods.max() <= spec.scaling.maximum + 2  # a roll-out has both revisions for a moment
        assert len(np.unique(pods)) >= 3
        cores = total(usages, Metric.CPU, model.steps)
        level = cores / (pods * usages[0].container.cpu_request)
        assert np.median(level[pods > spec.scaling.minimum + 1]) == pytest.approx(spec.scaling.target / 100, abs=0.15)


def test_missing_data_is_missing(model):
    for usage in of(model, "inference", "tokenizer"):
        seen = usage.seen(Metric.CPU)
        lost = np.isnan(seen[max(GAP[0] - usage.first, 0) : max(GAP[1] - usage.first, 0)])
        assert lost.all()
    assert (GAP[1] - GAP[0]) * 300 == 20 * 3600
    assert all(usage.hidden.all() for usage in of(model, "data", "object-indexer"))
    young = of(model, "inference", "guardrails")
    assert min(usage.first for usage in young) >= model.steps - 4 * STEPS_PER_DAY
    assert not of(model, "inference", "shadow-ranker")


def test_jobs_come_and_go_and_rollouts_replace_pods(model):
    hourly = [run for run in model.runs if run.spec.name == "hourly-compaction"]
    assert len({run.owner_name for run in hourly}) > 600
    reshard = [run for run in model.runs if run.spec.name == "dataset-reshard-v3"]
    assert reshard
    assert all(run.last is not None and run.visible is not None for run in reshard)
    revisions = {run.revision for run in model.runs if run.spec.name == "recommendation-api"}
    assert len(revisions) >= 3
    alive = Counter(run.name for run in model.alive() if run.spec.name == "kafka")
    assert alive == {"kafka-0": 1, "kafka-1": 1, "kafka-2": 1}


def test_stateful_pods_stay_in_the_zone_of_their_volume(model):
    zones = defaultdict(set)
    for run in model.runs:
        if run.spec.volume is not None and run.spec.volume.zonal:
            zones[run.spec.namespace, run.name].add(run.zone)
    assert len(zones) > 15
    assert all(len(where) == 1 for where in zones.values())


def test_copies_stand_beside_each_other():
    one, two = build_model(days=1), build_model(days=1, copies=2)
    assert len(two.workloads) == 2 * len(one.workloads)
    assert len(two.nodes) == 2 * len(one.nodes)
    assert len({node.name for node in two.nodes}) == len(two.nodes)
    assert {"inference", "inference-2"} < set(two.namespaces)
    assert len({(run.spec.namespace, run.uid) for run in two.runs}) == len(two.runs)
