"""The main job on real parts: a real Prometheus and a Kubernetes API over HTTP, through the command line.

The sample platform is exposed as cAdvisor, kube-state-metrics and DCGM would, loaded into a real server,
collected, and planned. The plan must be the one of the generator's own snapshot.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.kube_api import KubeApi, write_kubeconfig
from fakes.real_prometheus import RealPrometheus, load_openmetrics, require_prometheus

from planner.collectors.sample.exposition import block_ranges, write_openmetrics
from planner.collectors.sample.model import build_model
from planner.collectors.sample.objects import raw_objects
from planner.collectors.sample.snapshot import write_model
from planner.snapshot.read import read_snapshot
from planner.units import parse_cpu, parse_memory

pytestmark = pytest.mark.integration
DAYS = 2
CLUSTER = "sample"
POLICY = """
defaults: {evidence: {min_days: 1}}
environments: {development: {evidence: {min_days: 1}}}
node_pools: {enabled: false}
"""


@pytest.fixture(scope="module")
def model():
    require_prometheus()
    return build_model(days=DAYS)


@pytest.fixture(scope="module")
def prometheus(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    for begin, end in block_ranges(model, hours=54):
        text = folder / "part.txt"
        write_openmetrics(model, text, begin, end)
        load_openmetrics(text, folder / "data")
        text.unlink()
    with RealPrometheus(folder / "data") as server:
        yield server


@pytest.fixture(scope="module")
def kubeconfig(model, tmp_path_factory):
    with KubeApi(raw_objects(model)) as api:
        yield write_kubeconfig(tmp_path_factory.mktemp("kube") / "config", api)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_text(POLICY)
    return path


def planner(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "planner", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )


def window(model) -> tuple[str, ...]:
    moments = (datetime.fromtimestamp(t, tz=UTC).isoformat() for t in (model.start, model.end))
    start, end = moments
    return ("--start", start, "--end", end)


def plan_from(folder: Path, policy: Path) -> dict:
    answer = planner("recommend", "--snapshot", folder, "--policy", policy, "-o", "json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def collected(model, prometheus, kubeconfig, tmp_path_factory):
    folder = tmp_path_factory.mktemp("collected") / "snapshot"
    answer = planner(
        "collect", "--out", folder, "--prometheus", prometheus.url, "--kubeconfig", kubeconfig, "--cluster", CLUSTER,
        *window(model),
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return folder


@pytest.fixture(scope="module")
def generated(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated") / "snapshot"
    write_model(model, folder, cluster=CLUSTER)
    return folder


def key(item: dict) -> tuple:
    target = item["target"]
    return target["namespace"], target["kind"], target["name"], target["container"]


def same_quantity(ours: str, theirs: str, name: str) -> bool:
    """Equal, or one step of rounding apart (99m or 105m): usage went through counters, text and float32."""
    parse = parse_cpu if name == "cpu" else parse_memory
    return abs(parse(ours) - parse(theirs)) <= 0.06 * parse(theirs)


def test_the_plan_from_the_server_is_the_plan_of_the_generator(collected, generated, policy):
    ours, theirs = plan_from(collected, policy), plan_from(generated, policy)
    assert {key(r) for r in ours["recommendations"]} == {key(r) for r in theirs["recommendations"]}
    by_key = {key(r): r for r in theirs["recommendations"]}
    for change in ours["recommendations"]:
        other = by_key[key(change)]
        assert change["current"] == other["current"]
        assert change["id"] == other["id"]
        for side in ("requests", "limits"):
            assert change["proposed"][side].keys() == other["proposed"][side].keys(), key(change)
            for name, value in change["proposed"][side].items():
                assert same_quantity(value, other["proposed"][side][name], name), (key(change), side, name)
    refused = [{(key(n), n["reason"]) for n in plan["not_recommended"]} for plan in (ours, theirs)]
    assert refused[0] == refused[1]
    for total in ("requested_cpu_cores", "planned_cpu_cores", "used_cpu_cores", "requested_memory_gib", "pods"):
        assert ours["totals"][total] == pytest.approx(theirs["totals"][total], rel=0.01), total
    for amount in ("current_per_month", "planned_per_month", "nodes_per_month"):
        assert ours["bill"][amount] == pytest.approx(theirs["bill"][amount], rel=0.01), amount


def test_no_secret_of_the_cluster_is_in_the_folder(collected):
    stored = b"".join(path.read_bytes() for path in sorted(collected.rglob("*")) if path.is_file())
    assert b"AKIA" not in stored
    assert b"example-password" not in stored


def test_a_second_run_asks_for_nothing_that_is_stored(model, prometheus, kubeconfig, collected):
    before = read_snapshot(collected).header
    answer = planner(
        "collect", "--out", collected, "--prometheus", prometheus.url, "--kubeconfig", kubeconfig, "--cluster", CLUSTER,
        *window(model),
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    after = read_snapshot(collected).header
    assert after.days == before.days
    queries = {source.name: source.queries for source in after.sources}
    assert queries["prometheus"] < {source.name: source.queries for source in before.sources}["prometheus"]


def test_prometheus_alone_makes_a_plan_that_says_what_it_could_not_see(model, prometheus, policy, tmp_path, generated):
    folder = tmp_path / "snapshot"
    answer = planner(
        "collect",
        "--out",
        folder,
        "--prometheus",
        prometheus.url,
        "--no-kubernetes",
        "--cluster",
        CLUSTER,
        *window(model),
    )
    assert answer.returncode == 0, answer.stderr
    plan = plan_from(folder, policy)
    assert "no_kubernetes_api" in {warning["code"] for warning in plan["warnings"]}
    full = plan_from(generated, policy)
    found = {key(r) for r in plan["recommendations"]} & {key(r) for r in full["recommendations"]}
    assert len(found) >= 0.8 * len(full["recommendations"])


def test_recommend_straight_from_the_server(model, prometheus, kubeconfig, policy, collected):
    source = ("--prometheus", prometheus.url, "--kubeconfig", kubeconfig, "--cluster", CLUSTER)
    answer = planner("recommend", *source, "--policy", policy, *window(model), "-o", "json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["recommendations"] == plan_from(collected, policy)["recommendations"]


def test_prometheus_is_found_and_reached_through_the_api_server(model, prometheus, tmp_path):
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-prometheus-stack-prometheus",
            "namespace": "monitoring",
            "labels": {"app": "kube-prometheus-stack-prometheus"},
        },
        "spec": {"ports": [{"name": "http-web", "port": 9090}], "clusterIP": "10.0.0.9", "type": "ClusterIP"},
    }
    with KubeApi({**raw_objects(model), "services": [service]}) as api:
        api.proxy_to("monitoring", "kube-prometheus-stack-prometheus:9090", prometheus.url)
        kubeconfig = write_kubeconfig(tmp_path / "config", api)
        doctor = planner("doctor", "--kubeconfig", kubeconfig, *window(model))
        assert doctor.returncode == 0, doctor.stdout
        answer = planner(
            "collect", "--out", tmp_path / "snapshot", "--kubeconfig", kubeconfig, "--cluster", CLUSTER, *window(model)
        )
        assert answer.returncode == 0, answer.stderr
    assert read_snapshot(tmp_path / "snapshot").header.days
