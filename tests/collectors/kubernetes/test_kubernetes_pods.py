"""Rows of pods, their restarts and OOM kills."""

import json
import math

from fakes.kube_objects import container, deployment, pod, replica_set

from planner.collectors.kubernetes.normalise import normalise
from planner.snapshot.tables import EVENT_COLUMNS, POD_COLUMNS

NOW = 1_791_000_000.0
OCT_2 = 1790899200.0
HOUR = 3600.0


def read(*pods):
    return normalise({"pods": list(pods)}, cluster="east", now=NOW)


def ended(reason, finished, started="2026-10-02T00:00:00Z"):
    return {"terminated": {"reason": reason, "startedAt": started, "finishedAt": finished, "exitCode": 137}}


def test_a_running_pod():
    owned = replica_set(deployment())
    image = "docker-pullable://registry/app@sha256:abc"
    raw = pod(
        "web-1",
        owned,
        labels={"pod-template-hash": "5d4f9c7b8d"},
        statuses=[{"name": "app", "imageID": image, "restartCount": 0}],
        status={"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-10-02T00:00:09Z"}]},
    )
    state = read(raw)
    assert list(state.pods.columns) == list(POD_COLUMNS)
    row = state.pods.iloc[0]
    assert json.loads(row["images"]) == {"app": "registry/app@sha256:abc"}
    assert row[["cluster", "namespace", "pod", "uid", "kind", "workload", "node"]].tolist() == [
        "east", "shop", "web-1", "uid-web-1", "ReplicaSet", "web-5d4f9c7b8d", "node-1"
    ]  # fmt: skip
    assert row[["revision", "phase", "qos"]].tolist() == ["5d4f9c7b8d", "Running", "Burstable"]
    assert row[["created", "started", "ready"]].tolist() == [OCT_2, OCT_2, OCT_2 + 9]
    assert math.isnan(row["ended"])
    assert len(state.events) == 0
    assert list(state.events.columns) == list(EVENT_COLUMNS)


def test_the_end_of_finished_pods():
    """By the last container; else by the last change of a condition; else now."""
    one = pod(
        "a",
        phase="Succeeded",
        statuses=[
            {"name": "app", "state": ended("Completed", "2026-10-02T01:00:00Z")},
            {"name": "side", "state": ended("Completed", "2026-10-02T02:00:00Z")},
        ],
    )
    evicted = pod(
        "b", phase="Failed", status={"conditions": [{"type": "Ready", "lastTransitionTime": "2026-10-02T03:00:00Z"}]}
    )
    lost = pod("c", phase="Failed")
    state = read(one, evicted, lost)
    assert state.pods["ended"].tolist() == [OCT_2 + 2 * HOUR, OCT_2 + 3 * HOUR, NOW]


def test_an_oom_kill_is_one_kill_and_the_earlier_restarts_have_a_latest_time():
    """3 restarts: the last end was a kill at 01:00, its instance had started at 00:40: the others lie before that."""
    status = {
        "name": "app",
        "restartCount": 3,
        "lastState": ended("OOMKilled", "2026-10-02T01:00:00Z", "2026-10-02T00:40:00Z"),
        "state": {"running": {}},
    }
    state = read(pod("web-1", None, container(memory="256Mi"), statuses=[status]))
    rows = state.events[["container", "kind", "time", "count", "memory_limit_bytes"]].to_numpy().tolist()
    assert rows == [
        ["app", "oom_kill", OCT_2 + HOUR, 1.0, 256 * 2**20],
        ["app", "restart", OCT_2 + 2400, 2.0, 256 * 2**20],
    ]


def test_a_restart_for_another_reason():
    status = {"name": "app", "restartCount": 1, "lastState": ended("Error", "2026-10-02T01:00:00Z")}
    state = read(pod("web-1", statuses=[status]))
    assert state.events[["kind", "time", "count"]].to_numpy().tolist() == [["restart", OCT_2 + HOUR, 1.0]]


def test_a_killed_pod_that_never_restarts_and_its_resized_limit():
    status = {
        "name": "app",
        "restartCount": 0,
        "resources": {"limits": {"memory": "512Mi"}},
        "state": ended("OOMKilled", "2026-10-02T01:00:00Z"),
    }
    state = read(pod("job-1", None, container(memory="256Mi"), phase="Failed", statuses=[status]))
    assert state.events[["kind", "count", "memory_limit_bytes"]].to_numpy().tolist() == [["oom_kill", 1.0, 512 * 2**20]]


def test_a_pod_that_comes_twice_counts_once():
    state = read(pod("a"), pod("a"), pod("b"))
    assert state.pods["pod"].tolist() == ["a", "b"]
    assert [w.name for w in state.workloads] == ["a", "b"]
