"""The sample as OpenMetrics text, and what a real Prometheus makes of it."""

import json
import math
import re
import urllib.parse
import urllib.request
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from fakes.real_prometheus import RealPrometheus, load_openmetrics, require_prometheus

from planner.collectors.sample.exposition import block_ranges, openmetrics, write_openmetrics
from planner.collectors.sample.model import build_model
from planner.collectors.sample.platform import START, STEP_SECONDS
from planner.collectors.sample.usage import KILL_AT
from planner.snapshot.header import Metric

LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+) (\d+)$')
FIRST, LAST = KILL_AT - 18, KILL_AT + 6  # 12:45 to 14:45 of the first day
BEGIN, END = START + FIRST * STEP_SECONDS, START + LAST * STEP_SECONDS


@pytest.fixture(scope="module")
def model():
    return build_model(days=1)


@pytest.fixture(scope="module")
def text(model):
    prices = {node.name: 1.25 for node in model.nodes[:3]}
    return "".join(openmetrics(model, BEGIN, END, node_prices=prices))


@pytest.fixture(scope="module")
def series(text):
    """Name and labels -> [(time, value)]."""
    found = defaultdict(list)
    for line in text.splitlines():
        if not line.startswith("#"):
            match = LINE.match(line)
            assert match, line
            found[match[1] + (match[2] or "")].append((int(match[4]), float(match[3])))
    return found


def test_families_stand_together_under_their_type(text):
    current, seen = "", set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in seen
            assert not name.endswith("_total")
            seen.add(name)
            current = f"{name}_total" if kind == "counter" else name
        else:
            assert line.split("{")[0].split(" ")[0] == current
    assert len(seen) > 50


def test_samples_of_a_series_rise_in_time_and_lie_in_the_range(series):
    for name, samples in series.items():
        times = [time for time, _ in samples]
        assert all(a < b for a, b in pairwise(times)), name
        assert times[0] >= BEGIN
        assert times[-1] < END


def test_scrapes_fall_inside_steps_and_state_is_never_older_than_the_lookback(series):
    for name, samples in series.items():
        offsets = {(time - int(START)) % STEP_SECONDS for time, _ in samples}
        if name.startswith(("container_", "DCGM_")):
            assert offsets <= {30, 105, 180, 255}
        else:
            gaps = np.diff([time for time, _ in samples])
            assert (gaps[gaps > 0] >= 240).all()
    assert any(len(samples) == 30 for name, samples in series.items() if name.startswith("kube_node_info"))


def labels_of(name):
    return dict(re.findall(r'([a-zA-Z_0-9]+)="((?:[^"\\]|\\.)*)"', name))


def test_a_kill_is_a_reset_where_ids_are_dropped_and_is_told_by_kube_state_metrics(model, series):
    """doc-parser's first pod is killed at step 171, on a node whose scrape drops ``id`` and ``name``."""
    killed = next(u for u in model.usage.values() if u.run.spec.name == "doc-parser" and KILL_AT + 1 in u.kills)
    pod = killed.run.name
    cpu = [s for n, s in series.items() if n.startswith("container_cpu_usage_seconds_total") and f'pod="{pod}"' in n]
    assert len(cpu) == 1
    values = dict(cpu[0])
    moment = int(model.time(KILL_AT + 1))
    assert values[moment + 30] < values[moment - 45]
    assert all(values[t] >= values[t - 75] for t in values if t - 75 in values and t != moment + 30)
    restarts = next(
        s for n, s in series.items() if n.startswith("kube_pod_container_status_restarts_total") and pod in n
    )
    before = {value for time, value in restarts if time < moment}
    after = {value for time, value in restarts if time > moment}
    assert len(before) == len(after) == 1
    assert after == {before.pop() + 1.0}
    reason = next(n for n in series if n.startswith("kube_pod_container_status_last_terminated_reason") and pod in n)
    assert labels_of(reason)["reason"] == "OOMKilled"


def test_ids_stand_on_the_other_nodes(model, series):
    pools = {node.name: node.pool.name for node in model.nodes}
    for name in series:
        if name.startswith("container_memory_working_set_bytes") and "dev" not in labels_of(name)["namespace"]:
            labels = labels_of(name)
            assert ("id" in labels) == ("name" in labels) == (pools[labels["node"]] != "general")


def test_gpus_carry_the_exporters_labels_and_the_pods_as_exported(series):
    held = [labels_of(n) for n in series if n.startswith("DCGM_FI_DEV_FB_USED") and "exported_pod" in n]
    free = [labels_of(n) for n in series if n.startswith("DCGM_FI_DEV_FB_USED") and "exported_pod" not in n]
    assert len(held) >= 16
    assert free
    assert all(labels["pod"].startswith("dcgm-exporter-") for labels in held)
    assert {labels["exported_container"] for labels in held} >= {"pytorch", "classifier", "ray-worker"}


def test_opencost_is_exposed_when_asked_for(series):
    costs = {labels_of(n)["node"]: s[0][1] for n, s in series.items() if n.startswith("node_total_hourly_cost")}
    assert set(costs.values()) == {1.25}
    assert len(costs) == 3


def test_every_container_has_owner_requests_and_node(model, series):
    now = model.time(LAST) - 1
    alive = [r for r in model.runs if model.time(r.first) + 10 < BEGIN and (r.last is None or model.time(r.last) > now)]
    info = {labels_of(n)["uid"]: labels_of(n) for n in series if n.startswith("kube_pod_info")}
    requests = {
        (labels_of(n)["uid"], labels_of(n)["container"], labels_of(n)["resource"]): s[0][1]
        for n, s in series.items()
        if "container_resource_requests" in n
    }
    assert len(alive) > 150
    for run in alive:
        assert info[run.uid]["node"] == run.node
        assert info[run.uid]["created_by_kind"] == ("" if run.owner_kind == "Pod" else run.owner_kind)
        for container in run.part.containers:
            wanted = container.cpu_request
            found = requests.get((run.uid, container.name, "cpu"), 0.0)
            assert math.isclose(found, wanted), (run.name, container.name)


def test_blocks_cover_the_window_and_end_at_multiples_of_their_length(model):
    ranges = block_ranges(model, hours=6)
    assert ranges[0][0] == model.start
    assert ranges[-1][1] == model.end
    assert all(a[1] == b[0] and a[1] % (6 * 3600) == 0 for a, b in pairwise(ranges))


@pytest.mark.integration
def test_prometheus_gives_back_the_values_of_the_model(model, tmp_path):
    """``rate`` and ``max_over_time`` over five minutes at the end of a step are the step's own values."""
    require_prometheus()
    write_openmetrics(model, tmp_path / "text", BEGIN, END)
    load_openmetrics(tmp_path / "text", tmp_path / "data")
    with RealPrometheus(tmp_path / "data") as server:
        for metric, query in QUERIES.items():
            answer = ask(server.url, query)
            expected = expected_values(model, metric)
            assert set(answer) == set(expected)
            for key, values in expected.items():
                np.testing.assert_allclose(answer[key], values, rtol=2e-4, atol=2e-6, err_msg=str(key))


BY = "by (namespace,pod,container)"
QUERIES = {
    Metric.CPU: f'sum {BY} (rate(container_cpu_usage_seconds_total{{container!=""}}[5m]))',
    Metric.MEMORY: f'max {BY} (max_over_time(container_memory_working_set_bytes{{container!=""}}[5m]))',
    Metric.CPU_THROTTLED: f"sum {BY} (rate(container_cpu_cfs_throttled_periods_total[5m]))"
    f" / sum {BY} (rate(container_cpu_cfs_periods_total[5m]))",
    Metric.CPU_PRESSURE: f'sum {BY} (rate(container_pressure_cpu_waiting_seconds_total{{container!=""}}[5m]))',
    Metric.GPU_ACTIVE: "sum by (exported_namespace,exported_pod,exported_container)"
    ' (avg_over_time(DCGM_FI_PROF_GR_ENGINE_ACTIVE{exported_pod!=""}[5m]))',
}


def ask(url, query):
    parameters = {"query": query, "start": BEGIN + STEP_SECONDS, "end": END, "step": STEP_SECONDS}
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{urllib.parse.urlencode(parameters)}") as answer:
        rows = json.load(answer)["data"]["result"]
    found = {}
    for row in rows:
        labels = {key.removeprefix("exported_"): value for key, value in row["metric"].items()}
        values = np.full(LAST - FIRST, np.nan)
        for time, value in row["values"]:
            values[round((time - BEGIN) / STEP_SECONDS) - 1] = float(value)
        found[labels["namespace"], labels["pod"], labels["container"]] = values
    return found


def expected_values(model, metric):
    found = {}
    for usage in model.usage.values():
        begin, end = max(usage.first, FIRST), min(usage.stop, LAST)
        if metric not in usage.values or begin >= end:
            continue
        part = usage.seen(metric)[begin - usage.first : end - usage.first]
        if np.isnan(part).all():
            continue
        key = (usage.run.spec.namespace, usage.run.name, usage.container.name)
        values = found.setdefault(key, np.full(LAST - FIRST, np.nan))
        values[begin - FIRST : end - FIRST] = np.where(np.isnan(part), values[begin - FIRST : end - FIRST], part)
    return found
