import numpy as np
import pandas as pd
import pytest
from fakes.snapshots import START, container, pod_row, workload
from hypothesis import given
from hypothesis import strategies as st

from planner.usage.week import HOURS_PER_WEEK, week_hour, week_pods

HOUR, DAY = 3600.0, 86_400.0
END = START + 14 * DAY


def week(rows, workloads, start=START, end=END):
    return week_pods(pd.DataFrame(rows), tuple(workloads), start, end)


def test_hours_start_on_monday():
    monday = pd.Timestamp("2026-11-23T00:00:00Z").timestamp()
    assert [week_hour(monday), week_hour(monday - 1), week_hour(monday + 25 * HOUR)] == [0, 167, 25]


def test_only_the_last_week_counts():
    """One pod always; a second one in the first week only; a third for half an hour of one hour."""
    web = workload("web")
    at = START + 10 * DAY + 5 * HOUR
    rows = [
        pod_row(web, "a"),
        pod_row(web, "b", ended=START + 7 * DAY),
        pod_row(web, "c", started=at, ended=at + HOUR / 2),
    ]
    found = week(rows, [web])[0, None]
    busy = week_hour(at)
    assert found.mean[busy] == pytest.approx(1.5)
    assert found.most[busy] == 2
    others = np.delete(np.arange(HOURS_PER_WEEK), busy)
    np.testing.assert_allclose(found.mean[others], 1.0)
    assert set(found.most[others]) == {1.0}


def test_a_handover_is_one_pod():
    web = workload("web")
    rows = [pod_row(web, "a", ended=START + 9 * DAY), pod_row(web, "b", started=START + 9 * DAY)]
    found = week(rows, [web])[0, None]
    assert set(found.most) == {1.0}
    np.testing.assert_allclose(found.mean, 1.0)


def test_hours_that_nobody_saw_take_the_mean():
    web = workload("web")
    found = week([pod_row(web, "a"), pod_row(web, "b")], [web], end=START + 6 * HOUR)[0, None]
    np.testing.assert_allclose(found.mean, 2.0)


def test_templates_apart():
    ray = workload("ray", container("head", template="h"), container("worker", template="w"))
    rows = [
        {**pod_row(ray, "h-0"), "images": '{"head": "x"}'},
        *({**pod_row(ray, f"w-{i}"), "images": '{"worker": "x"}'} for i in range(3)),
    ]
    found = week(rows, [ray])
    assert {key[1]: round(one.mean.mean(), 6) for key, one in found.items()} == {"h": 1.0, "w": 3.0}


@given(st.lists(st.tuples(st.floats(0, 13.9), st.floats(0.01, 5)), min_size=1, max_size=8))
def test_pod_hours_are_kept(runs):
    """Sum over hours of the mean is the time that pods ran in the last week."""
    web = workload("web")
    rows = [
        pod_row(web, f"p{i}", started=START + a * DAY, ended=START + (a + b) * DAY) for i, (a, b) in enumerate(runs)
    ]
    begin, finish = START + 7 * DAY, END
    hours = sum(max(0.0, min(START + (a + b) * DAY, finish) - max(START + a * DAY, begin)) for a, b in runs) / HOUR
    found = week(rows, [web])
    assert sum(one.mean.sum() for one in found.values()) == pytest.approx(hours, abs=1e-3)
    assert all(np.all(one.most >= one.mean - 1e-6) for one in found.values())
