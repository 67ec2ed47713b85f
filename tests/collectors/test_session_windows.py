"""Collections into one folder whose windows do not follow on from each other, and whose scopes differ."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from fakes.prometheus_scene import END, ROLLOUT, START, scene
from fakes.real_prometheus import RealPrometheus, load_openmetrics, require_prometheus

from planner.collectors.prometheus.usage import _missing_days
from planner.collectors.session import collect
from planner.config.settings import make_settings
from planner.errors import SnapshotError
from planner.snapshot.header import asked_ranges
from planner.snapshot.read import read_snapshot
from planner.snapshot.usage import SECONDS_PER_DAY, day_of
from planner.snapshot.write import SnapshotWriter

HOUR = 3600.0
STEP = 300
DAY_0, DAY_1, DAY_2 = (START + n * SECONDS_PER_DAY for n in range(3))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    require_prometheus()
    data = tmp_path_factory.mktemp("session") / "data"
    load_openmetrics(scene(), data)
    with RealPrometheus(data) as running:
        yield running


@pytest.fixture
def run(server, tmp_path):
    """Collects a window of the scene's main cluster into a folder."""

    def collected(start: float, end: float, *, folder: str = "s", namespaces: tuple[str, ...] = ()):
        reach = {
            "url": server.url,
            "step_seconds": STEP,
            "cluster_label": "cluster",
            "cluster_value": "main",
            "start": datetime.fromtimestamp(start, tz=UTC),
            "end": datetime.fromtimestamp(end, tz=UTC),
        }
        values = {"prometheus": reach, "kubernetes": {"enabled": False}, "namespaces": namespaces}
        collect(make_settings(values), tmp_path / folder)
        return read_snapshot(tmp_path / folder)

    return collected


def samples(snapshot) -> dict[tuple[str, ...], list[float]]:
    return {
        (metric.value, day, block.namespace[row], block.pod[row], block.container[row]): block.values[row].tolist()
        for metric in snapshot.metrics()
        for day, block in snapshot.usage(metric)
        for row in range(len(block))
        if np.isfinite(block.values[row]).any()
    }


def same_observation(one, other) -> None:
    """Same samples, pods and events."""
    ours, theirs = samples(one), samples(other)
    assert ours.keys() == theirs.keys()
    for key, values in ours.items():
        assert values == pytest.approx(theirs[key], rel=1e-6, nan_ok=True), key
    assert set(one.pods["pod"]) == set(other.pods["pod"])
    key = ["namespace", "pod", "container", "kind", "time"]
    pd.testing.assert_frame_equal(one.events[key], other.events[key])


@pytest.mark.parametrize(
    ("window", "asked"),
    [
        ((10, 24), [(10, 12), (18, 24)]),
        ((0, 24), [(0, 12), (18, 24)]),
        ((20, 24), [(18, 24)]),  # from what is stored on, not from 20 h on
        ((3, 5), [(3, 12)]),  # up to what is stored
        ((13, 17), []),
        ((12, 18), []),
        ((22, 26), [(18, 24), (24, 26)]),
    ],
)
def test_what_is_stored_of_a_day_stays_one_piece(tmp_path, window, asked):
    """Stored: 12-18 h of the day. Hours of the day, from the window to the questions."""
    writer = SnapshotWriter(tmp_path / "s", cluster="toy", step_seconds=STEP)
    writer.set_covered(day_of(START), START + 18 * HOUR, START + 12 * HOUR)
    parts = _missing_days(writer, *(START + hour * HOUR for hour in window))
    assert [((a - START) / HOUR, (b - START) / HOUR) for _, a, b in parts] == asked
    for day, begin, until in parts:
        writer.set_covered(day, until, begin)  # no hole
    assert _missing_days(writer, *(START + hour * HOUR for hour in window)) == []


def test_hours_between_two_windows_of_a_day_are_asked_for(run):
    """First 0-6 h, then 10-24 h of the same day: 6-10 h must not be lost in a closed day."""
    run(DAY_0, DAY_0 + 6 * HOUR)
    snapshot = run(DAY_0 + 10 * HOUR, DAY_1)
    assert [(day.closed, day.covered_from, day.covered_until) for day in snapshot.header.days] == [(True, DAY_0, DAY_1)]
    assert asked_ranges(snapshot.header) == [(DAY_0, DAY_1)]
    same_observation(snapshot, run(DAY_0, DAY_1, folder="at-once"))


def test_a_window_that_starts_earlier_gets_the_beginning_that_was_left_out(run):
    """The first window begins at 18 h of day 1, after the roll-out; the second at 6 h of day 0.

    The first revision's pod and the OOM kill lie before the first window.
    """
    first = run(DAY_1 + 18 * HOUR, END)
    assert first.header.days[0].closed is False
    assert not any("aaaaa" in pod for pod in first.pods["pod"])
    assert ROLLOUT < DAY_1 + 18 * HOUR
    snapshot = run(DAY_0 + 6 * HOUR, END)
    assert [day.closed for day in snapshot.header.days] == [False, True, True]
    assert asked_ranges(snapshot.header) == [(DAY_0 + 6 * HOUR, END)]
    same_observation(snapshot, run(DAY_0 + 6 * HOUR, END, folder="at-once"))


def test_a_window_of_the_past_leaves_what_is_known_of_later(run):
    """First day 2, then day 0: day 1 was never asked for. Pods and events of day 2 are as they were."""
    later = run(DAY_2, END)
    snapshot = run(DAY_0, DAY_1)
    assert asked_ranges(snapshot.header) == [(DAY_0, DAY_1), (DAY_2, END)]
    assert set(later.pods["pod"]) <= set(snapshot.pods["pod"])
    assert len(later.events)
    key = ["namespace", "pod", "container", "kind", "time"]
    kept = snapshot.events[snapshot.events["time"] >= DAY_2].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept[key], later.events[key])
    ends = snapshot.pods.set_index(["namespace", "pod", "uid"])["ended"]
    for row in later.pods.itertuples():
        assert ends[row.namespace, row.pod, row.uid] == pytest.approx(row.ended, nan_ok=True), row.pod


def test_the_same_window_asks_for_nothing(run):
    before = run(DAY_0 + 6 * HOUR, DAY_1 + 6 * HOUR)
    after = run(DAY_0 + 6 * HOUR, DAY_1 + 6 * HOUR)
    assert after.header.days == before.header.days
    queries = [next(s.queries for s in h.header.sources if s.name == "prometheus") for h in (before, after)]
    assert queries[1] < queries[0]


def test_another_scope_into_the_same_folder_is_refused(run):
    """Else ``-n shop`` and then ``-A`` would look like one observation of everything."""
    snapshot = run(DAY_0, DAY_0 + 6 * HOUR, namespaces=("shop",))
    assert snapshot.header.namespaces == ("shop",)
    with pytest.raises(SnapshotError, match="only the namespaces shop, not all namespaces"):
        run(DAY_0, DAY_0 + 6 * HOUR)
    assert run(DAY_0, DAY_0 + 12 * HOUR, namespaces=("shop",)).header.end == DAY_0 + 12 * HOUR
