"""Usage from a real Prometheus; the numbers of the scene are in :mod:`fakes.prometheus_scene`."""

import math
import time

import numpy as np
import pytest
from fakes.prometheus_scene import DAY, END, GAP, MIB, START
from fakes.prometheus_scene_odd import HOSTILE_CONTAINER, HOSTILE_NAMESPACE, HOSTILE_POD

from planner.errors import SourceUnreachable
from planner.snapshot.header import Metric
from planner.snapshot.usage import day_start
from planner.snapshot.write import SnapshotWriter

pytestmark = pytest.mark.integration
DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"]
WEB_1 = ("shop", "web-6d4cf56db6-aaaaa", "app")
WEB_2 = ("shop", "web-7b9f8c6d5f-bbbbb", "app")
DB = ("shop", "db-0", "db")
JOB = ("shop", "nightly-29454480-ccccc", "batch")
TRAIN = ("ml", "train-worker-0", "pytorch")


def present(values):
    return [i for i, value in enumerate(values) if not math.isnan(value)]


def test_a_step_holds_the_mean_cores_of_its_own_time(client, collect, series_of):
    """Counters rise by exactly 0.25 and 0.5 a second, so every full step holds these numbers.

    The first sample comes 30 s into the day; of the first step's 300 s, 270 show a rise that the
    server can see, so it holds 0.9 times the rate. The counter of db falls to 0 on day 1 at 10:00:
    ``rate`` knows, the step stays at 0.5.
    """
    _, snapshot = collect(client)
    cpu = series_of(snapshot, Metric.CPU)
    assert set(cpu) == {WEB_1, WEB_2, DB, JOB}
    assert cpu[WEB_1]["2026-01-05"][0] == pytest.approx(0.25 * 270 / 300, abs=1e-5)
    assert cpu[WEB_1]["2026-01-05"][1:] == pytest.approx([0.25] * 287, abs=2e-6)
    fall = int(10 * 3600 / 300)
    assert cpu[DB]["2026-01-06"][fall - 2 : fall + 3] == pytest.approx([0.5] * 5, abs=2e-6)


def test_pods_come_and_go(client, collect, series_of):
    """The roll-out is at noon of day 1: step 144. The Job runs from 01:00 to 03:00 of day 0."""
    _, snapshot = collect(client)
    memory = series_of(snapshot, Metric.MEMORY)
    gap = set(range(24, 60))
    assert present(memory[WEB_1]["2026-01-06"]) == [i for i in range(144) if i not in gap]
    assert present(memory[WEB_2]["2026-01-06"]) == list(range(144, 288))
    assert "2026-01-07" not in memory[WEB_1]
    assert present(memory[JOB]["2026-01-05"]) == list(range(12, 36))
    assert np.nanmax(memory[JOB]["2026-01-05"]) == 400 * MIB


def test_ratios_and_gpus(client, collect, series_of):
    """2.5 of 10 periods a second are throttled; 0.125 s of each second wait for CPU; a stall of 2 s a second is cut
    to 1. Two GPUs are active for 0.75 and 0.5 and hold 1000 and 3000 MiB; the exporter's own pod is nobody's GPU."""
    found, snapshot = collect(client)
    expected = {
        Metric.CPU_THROTTLED: (DB, 0.25),
        Metric.CPU_PRESSURE: (DB, 0.125),
        Metric.MEMORY_PRESSURE: (DB, 1.0),
        Metric.GPU_ACTIVE: (TRAIN, 1.25),
        Metric.GPU_MEMORY: (TRAIN, 4000 * MIB),
    }
    for metric, (key, value) in expected.items():
        series = series_of(snapshot, metric)
        assert set(series) == {key}, metric
        last = series[key]["2026-01-07"]
        assert last == pytest.approx([value] * 288, rel=1e-4), metric
    assert found.details["labels_dcgm"] == "exported_pod"
    assert found.details["scrape_seconds"] == "60"
    assert found.details["cpu_rate_window_seconds"] == "300"


def test_a_gap_is_told_with_its_times(client, collect, series_of):
    """Nothing was scraped from 02:00 to 05:00 of day 1: steps 24 to 59 hold no sample."""
    found, snapshot = collect(client)
    assert GAP == (START + DAY + 7200, START + DAY + 18000)
    values = series_of(snapshot, Metric.CPU)[DB]["2026-01-06"]
    assert [i for i in range(288) if i not in present(values)] == list(range(24, 60))
    assert [(w.code, w.objects) for w in found.warnings if w.code.endswith("_gap")] == [
        ("data_gap", ("2026-01-06T02:00Z/2026-01-06T05:00Z",))
    ]


def test_a_history_shorter_than_the_window_is_a_warning(client, collect):
    found, snapshot = collect(client, start=START - 2 * DAY)
    [gap] = [w for w in found.warnings if w.code == "retention_gap"]
    assert gap.objects == ("2026-01-03T00:00Z/2026-01-05T00:00Z",)
    assert gap.costs
    assert gap.fix
    # an empty day stays open: its samples may still be uploaded
    assert [day.date for day in snapshot.header.days if day.closed] == DAYS


def test_only_what_is_missing_is_asked_for(client, collect, series_of):
    """First until noon of day 1, then to the end: day 0 is not asked for again, day 1 only from noon on.

    The result is the same as that of one collection.
    """
    noon = START + DAY + DAY / 2
    first, half = collect(client, end=noon)
    assert [(d.date, d.closed, d.covered_until) for d in half.header.days] == [
        ("2026-01-05", True, START + DAY),
        ("2026-01-06", False, noon),
    ]
    asked = []
    ask = client.range
    client.range = lambda text, start, end, step: asked.append((start, end)) or ask(text, start, end, step)
    second, whole = collect(client)
    assert min(start for start, _ in asked) == noon + 300
    assert first.days == ("2026-01-05", "2026-01-06")
    assert second.days == ("2026-01-06", "2026-01-07")
    # one more point before noon: rate looks back over it
    _, at_once = collect(client, folder="at-once")
    for metric in whole.metrics():
        one, other = series_of(whole, metric), series_of(at_once, metric)
        assert one.keys() == other.keys()
        for key in one:
            for day in one[key]:
                assert one[key][day] == pytest.approx(other[key][day], rel=1e-6, nan_ok=True)
    # the gap of day 1 was found by the first collection and is still told
    assert "data_gap" in {w.code for w in whole.header.warnings}


def test_nothing_to_ask_means_one_query(client, collect):
    collect(client)
    before, told = client.queries, {w.code for w in collect(client, folder="other")[0].warnings}
    before = client.queries
    found, snapshot = collect(client)
    assert client.queries - before == 1  # the clock
    assert found.days == ()
    assert {w.code for w in snapshot.header.warnings} == told


def test_the_same_past_gives_the_same_snapshot(client, collect):
    one = collect(client, folder="one")[1].header
    two = collect(client, folder="two")[1].header
    assert one.snapshot_id == two.snapshot_id
    assert [d.files for d in one.days] == [d.files for d in two.days]


def test_namespaces_narrow_every_metric(client, collect, series_of):
    _, snapshot = collect(client, namespaces=["ml"])
    assert set(series_of(snapshot, Metric.GPU_ACTIVE)) == {TRAIN}
    assert Metric.CPU not in snapshot.metrics()


def test_two_replicas_and_a_new_cgroup_count_once(client, collect, series_of):
    """0.25 cores twice over would be 0.5; around the restart at noon both cgroups have samples.

    Step 144 begins with the new cgroup, whose first samples come 30 s in.
    """
    found, snapshot = collect(client, "twice", end=START + DAY)
    cpu = series_of(snapshot, Metric.CPU)["n", "p", "c"]["2026-01-05"]
    assert cpu[1:144] == pytest.approx([0.25] * 143, abs=2e-6)
    assert 0.2 < cpu[144] <= 0.250002
    assert cpu[145:] == pytest.approx([0.25] * 143, abs=2e-6)
    assert "duplicate_series" in {w.code for w in found.warnings}
    assert series_of(snapshot, Metric.MEMORY)["n", "p", "c"]["2026-01-05"] == [64 * MIB] * 288


def test_renamed_labels_are_followed(client, collect, series_of):
    """The plain labels name the exporter; taken for the container's they would give exporter-0 and 99 MiB."""
    found, snapshot = collect(client, "renamed", end=START + DAY)
    assert set(series_of(snapshot, Metric.CPU)) == {("n", "p-0", "c")}
    assert series_of(snapshot, Metric.MEMORY)["n", "p-0", "c"]["2026-01-05"] == [10 * MIB] * 288
    assert found.details["labels_cadvisor"] == "exported_pod"


def test_a_second_choice_of_metric_is_said(client, collect, series_of):
    """Busy time in percent stands in for engine activity; the oldest exporter's labels are ``pod_name`` and so on."""
    found, snapshot = collect(client, "old", end=START + DAY)
    series = series_of(snapshot, Metric.GPU_ACTIVE)
    assert series["n", "web-5d8f-x", "app"]["2026-01-05"] == pytest.approx([0.4] * 288)
    assert len(series) == 1
    assert "metric_substituted" in {w.code for w in found.warnings}


def test_progress_is_told_step_by_step(client, collect):
    """As many steps as were announced, one for each metric and day."""

    class Told:
        expected = 0

        def expect(self, steps):
            self.expected += steps

        def step(self, text):
            self.texts.append(text)

    told = Told()
    told.texts = []
    collect(client, progress=told)
    assert told.expected == len(told.texts) == 3 * 7
    assert told.texts[0] == "2026-01-05 cpu_cores"


def test_hostile_names_and_values(client, collect, series_of):
    """Quotes, newlines and backslashes in names and in the cluster itself; NaN, infinities and negative numbers.

    The odd container has an hour of each of five kinds of value in turn: only the fifth is a usage.
    """
    _, snapshot = collect(client, 'ho"st\\ile', end=START + DAY, namespaces=[HOSTILE_NAMESPACE, "n"])
    memory = series_of(snapshot, Metric.MEMORY)
    key = (HOSTILE_NAMESPACE, HOSTILE_POD, HOSTILE_CONTAINER)
    assert set(memory) == {key, ("n", "p", "odd")}
    assert memory[key]["2026-01-05"] == [MIB] * 288
    hours = sorted({i // 12 for i in present(memory["n", "p", "odd"]["2026-01-05"])})
    assert hours == [4, 9, 14, 19]


def test_an_empty_cluster_is_not_an_error(client, collect):
    found, snapshot = collect(client, "nowhere")
    missing = {name for w in found.warnings if w.code == "metric_missing" for name in w.objects}
    assert {"container_cpu_usage_seconds_total", "container_memory_working_set_bytes"} <= missing
    assert all(w.costs and w.fix for w in found.warnings)
    assert snapshot.metrics() == ()
    assert not any(day.closed for day in snapshot.header.days)


def test_queries_do_not_grow_with_the_window_twice_over(client, collect):
    """Three days of seven metrics: 21 range queries, and a handful of probes."""
    before = client.queries
    collect(client)
    assert client.queries - before <= 3 * 7 + 8


def test_a_slow_scrape_widens_the_window(client, collect):
    """A step of 120 s is less than four scrapes of 60 s: the rate looks at 240 s, and it is said."""
    found, _ = collect(client, start=START, end=START + DAY, step=120)
    assert found.details["cpu_rate_window_seconds"] == "240"
    [slow] = [w for w in found.warnings if w.code == "scrape_interval"]
    assert "60 s" in slow.text
    assert "240 s" in slow.text


def test_an_end_in_the_future_is_moved_to_the_servers_now(client, collect):
    """Our clock is two hours ahead: without the server's word, two hours would be stored as empty and closed."""
    now = time.time()
    end = math.floor((now + 7200) / 300) * 300
    found, _ = collect(client, start=end - 600, end=end, now=now + 7200)
    assert found.end <= now
    [skew] = [w for w in found.warnings if w.code == "clock_skew"]
    assert "behind" in skew.text


def test_a_clock_that_is_slow_loses_nothing(client, collect):
    """Our clock is two hours slow and asks for "now": the server's now is used. A past end stays as it is."""
    now = time.time()
    end = math.floor((now - 7200) / 300) * 300
    found, _ = collect(client, start=end - 86_400, end=end, now=now - 7200)
    assert found.end > end + 6600
    found, _ = collect(client, now=now - 7200, folder="past")
    assert found.end == END


def test_an_unaligned_window_is_a_mistake_of_the_caller(client, collect):
    with pytest.raises(ValueError, match="grid"):
        collect(client, start=START + 7)


def test_real_limits_of_the_server_are_met_by_halving(real_server, connect, collect, series_of, client):
    """A server that may load 500 samples cannot give a day of three series (864): it is asked for less each time.

    The result is the same, and the size that passed is remembered: not every day starts large again.
    """
    small = connect(real_server("--query.max-samples=500").url)
    _, limited = collect(small, folder="limited", metrics=[Metric.CPU, Metric.MEMORY])
    _, whole = collect(client, folder="whole", metrics=[Metric.CPU, Metric.MEMORY])
    assert small.queries < 70
    for metric in (Metric.CPU, Metric.MEMORY):
        assert_same(series_of(limited, metric), series_of(whole, metric))


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        assert one[key].keys() == other[key].keys()
        for day in one[key]:
            np.testing.assert_array_equal(one[key][day], other[key][day])


def test_a_failure_leaves_nothing_behind(connect, collect, tmp_path):
    """The server is gone: an error of one line, and no folder."""
    with pytest.raises(SourceUnreachable):
        collect(connect("http://127.0.0.1:9"))
    assert not (tmp_path / "snapshot").exists()


def test_a_failure_in_the_middle_leaves_the_old_snapshot(client, collect, tmp_path):
    noon = START + DAY + DAY / 2
    _, before = collect(client, end=noon)
    files = sorted(path.relative_to(tmp_path) for path in (tmp_path / "snapshot").rglob("*"))
    real, asked = client.range, []

    def fail_later(*args):
        asked.append(args)
        if len(asked) > 8:
            raise SourceUnreachable("gone")
        return real(*args)

    client.range = fail_later
    with pytest.raises(SourceUnreachable):
        collect(client)
    assert sorted(path.relative_to(tmp_path) for path in (tmp_path / "snapshot").rglob("*")) == files
    writer = SnapshotWriter(tmp_path / "snapshot", cluster="main", step_seconds=300)
    assert writer.previous == before.header
    assert writer.covered_until("2026-01-06") == noon
    assert day_start("2026-01-06") == START + DAY
