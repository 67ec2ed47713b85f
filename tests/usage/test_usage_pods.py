import json

import pandas as pd
import pytest
from fakes.snapshots import START, container, pod_row, workload

from planner.domain.workload import ContainerRole
from planner.usage.pods import count_pods, image_since

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


def images(row, **containers):
    return row | {"images": json.dumps(containers)}


def since(rows, *workloads):
    return image_since(pd.DataFrame(rows), workloads)


def test_an_image_runs_since_the_first_pod_that_had_it():
    """`app` went from 1 to 2 on day 3; the pod of day 5 has 2 as well. `mesh` never changed and is not named."""
    web = workload("web")
    rows = [
        images(pod_row(web, "a"), app="app:1", mesh="mesh:1"),
        images(pod_row(web, "c", started=START + 5 * DAY), app="app:2", mesh="mesh:1"),
        images(pod_row(web, "b", started=START + 3 * DAY), app="app:2", mesh="mesh:1"),
    ]
    assert since(rows, web) == {(0, "app"): START + 3 * DAY}


def test_the_same_names_in_other_workloads_are_others():
    web, api = workload("web"), workload("api")
    rows = [
        images(pod_row(web, "web-0"), app="x:1"),
        images(pod_row(api, "api-0"), app="y:1"),
        images(pod_row(api, "api-1", started=START + DAY), app="y:2"),
        images(pod_row(workload("gone"), "gone-0", started=START + DAY), app="z:2"),
    ]
    assert since(rows, web, api) == {(1, "app"): START + DAY}


def test_a_roll_back_counts_from_the_first_run_of_that_image():
    """1, then 2, then 1 again: the kills of both images still count, which is the careful answer."""
    web = workload("web")
    rows = [
        images(pod_row(web, name, started=START + day * DAY), app=image)
        for day, (name, image) in enumerate([("a", "x:1"), ("b", "x:2"), ("c", "x:1")])
    ]
    assert since(rows, web) == {(0, "app"): START}


def test_pods_without_images_or_without_a_time_tell_nothing():
    """Where the creation is not known the start stands in."""
    web = workload("web")
    nan = float("nan")
    rows = [
        pod_row(web, "old"),
        images(pod_row(web, "odd"), app="x:1") | {"created": nan, "started": nan},
        images(pod_row(web, "a"), app="x:1") | {"images": "not json"},
    ]
    assert since(rows, web) == {}
    rows += [
        images(pod_row(web, "b"), app="x:1"),
        images(pod_row(web, "c"), app="x:2") | {"created": nan, "started": START + 2 * DAY},
    ]
    assert since(rows, web) == {(0, "app"): START + 2 * DAY}
