import pandas as pd
import pytest
from fakes.snapshots import START, container, pod_row, workload

from planner.domain.workload import ContainerRole
from planner.usage.pods import count_pods

DAY = 86_400.0
END = START + 14 * DAY


def counts(rows, workloads, **more):
    return count_pods(pd.DataFrame(rows), tuple(workloads), START, END, **more)


def test_means_are_over_the_last_week_and_seconds_over_the_window():
    web = workload("web")
    rows = [pod_row(web, "old", ended=START + 7 * DAY), pod_row(web, "new", started=START + 10.5 * DAY)]
    found = counts(rows, [web])
    assert found.mean[0] == pytest.approx(0.5)
    assert found.container_seconds[0, "app"] == pytest.approx(10.5 * DAY)
    assert (found.now[0], found.seen[0]) == (1, 2)


def test_time_that_was_never_asked_for_is_not_expected():
    """Asked for the first and the last two days: a pod that ran through should have 4 days of samples."""
    web = workload("web")
    ranges = [(START, START + 2 * DAY), (END - 2 * DAY, END)]
    found = counts([pod_row(web, "web-0")], [web], ranges=ranges)
    assert found.container_seconds[0, "app"] == pytest.approx(4 * DAY)
    assert found.mean[0] == pytest.approx(1.0)


def test_the_most_pods_at_once_do_not_count_a_handover_twice():
    web = workload("web")
    rows = [
        pod_row(web, "a", ended=START + DAY),
        pod_row(web, "b", started=START + DAY, ended=START + 3 * DAY),
        pod_row(web, "c", started=START + 2 * DAY, ended=START + 4 * DAY),
    ]
    assert counts(rows, [web]).container_peak[0, "app"] == 2


def test_pods_of_other_templates_and_pending_pods_do_not_count():
    ray = workload(
        "ray",
        container("head", template="h"),
        container("mesh", role=ContainerRole.SIDECAR, template="h"),
        container("worker", template="w"),
        kind="RayCluster",
    )
    rows = [
        pod_row(ray, "head-0") | {"images": '{"head": "x"}'},
        pod_row(ray, "worker-0") | {"images": '{"worker": "x"}'},
        pod_row(ray, "worker-1") | {"images": '{"worker": "x"}', "phase": "Pending"},
        pod_row(ray, "worker-2") | {"images": "not json"},
    ]
    found = counts(rows, [ray])
    assert found.container_mean == {
        (0, "head"): pytest.approx(2.0),
        (0, "mesh"): pytest.approx(2.0),
        (0, "worker"): pytest.approx(2.0),
    }
