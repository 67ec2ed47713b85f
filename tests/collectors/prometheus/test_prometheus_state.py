"""Objects from the kube-state-metrics series of a real Prometheus; see :mod:`fakes.prometheus_scene`."""

import json
import math

import pandas as pd
import pytest
from fakes.prometheus_scene import CRASH, DAY, END, JOB, KILL_INSIDE, MIB, OOM, ROLLOUT, START

from planner.collectors.parts import ObjectRef
from planner.collectors.prometheus.state import collect_state
from planner.collectors.prometheus.workloads import resource_name
from planner.domain.node import Purchase
from planner.domain.policy_objects import (
    DisruptionBudget,
    LimitRangeItem,
    Namespace,
    ResourceQuota,
    ScalingMetric,
    ZoneBoundVolume,
)
from planner.domain.workload import ContainerRole, Resources
from planner.snapshot.tables import EVENT_COLUMNS, POD_COLUMNS, normalised_frame

pytestmark = pytest.mark.integration


@pytest.fixture
def state_of(client):
    def read(cluster="main", **options):
        return collect_state(
            client,
            **{
                "start": START,
                "end": END,
                "step_seconds": 300,
                "cluster": cluster,
                "cluster_matcher": {"cluster": cluster},
                **options,
            },
        )

    return read


@pytest.fixture
def state(state_of):
    return state_of()


def pods_of(state):
    return {row["pod"]: row for row in state.pods.to_dict("records")}


def test_frames_have_the_columns_of_the_snapshot(state, state_of):
    for found in (state, state_of("nowhere")):
        assert list(normalised_frame(found.pods, "pods").columns) == list(POD_COLUMNS)
        assert list(normalised_frame(found.events, "events").columns) == list(EVENT_COLUMNS)
    assert set(state.pods["cluster"]) == {"main"}


def test_pods_of_the_past_and_of_now(state):
    """web's first pod was last scraped within four minutes of the roll-out; db-0 was there all along."""
    pods = pods_of(state)
    assert len(pods) == 10
    old, new, db = pods["web-6d4cf56db6-aaaaa"], pods["web-7b9f8c6d5f-bbbbb"], pods["db-0"]
    assert (old["kind"], old["workload"], old["revision"]) == ("ReplicaSet", "web-6d4cf56db6", "6d4cf56db6")
    assert ROLLOUT - 600 <= old["ended"] <= ROLLOUT
    assert (old["created"], old["started"], old["ready"]) == (START - DAY, START - DAY + 2, START - DAY + 12)
    assert (new["created"], new["uid"], new["node"]) == (ROLLOUT, "u-web-2", "node-1")
    assert math.isnan(new["ended"])
    assert math.isnan(db["ended"])
    assert (new["phase"], old["phase"]) == ("Running", "")
    assert new["qos"] == "Burstable"
    assert json.loads(new["images"]) == {"app": "sha256:u-web-2"}


def test_direct_controllers(state):
    """A bare pod is its own; static pods of all nodes are one workload."""
    owners = {name: (pod["kind"], pod["workload"]) for name, pod in pods_of(state).items()}
    assert owners["db-0"] == ("StatefulSet", "db")
    assert owners["nightly-29454480-ccccc"] == ("Job", "nightly-29454480")
    assert owners["train-worker-0"] == ("PyTorchJob", "train")
    assert owners["debug"] == ("Pod", "debug")
    assert owners["kube-proxy-node-1"] == owners["kube-proxy-node-2"] == ("StaticPod", "kube-proxy")
    assert state.owners == {
        ("shop", "ReplicaSet", "web-6d4cf56db6"): ObjectRef("Deployment", "web", "apps/v1"),
        ("shop", "ReplicaSet", "web-7b9f8c6d5f"): ObjectRef("Deployment", "web", "apps/v1"),
        ("shop", "Job", "nightly-29454480"): ObjectRef("CronJob", "nightly", "batch/v1"),
    }


def test_a_finished_pod_ends_when_it_completed(state):
    job = pods_of(state)["nightly-29454480-ccccc"]
    assert job["phase"] == "Failed"
    assert job["ended"] == JOB[1] - 1000


def test_workloads(state):
    """Deployments have the containers of their newest pod; a Job stands beside its CronJob."""
    found = {(w.namespace, w.kind, w.name): w for w in state.workloads}
    assert set(found) == {
        ("kube-system", "DaemonSet", "agent"),
        ("kube-system", "StaticPod", "kube-proxy"),
        ("ml", "PyTorchJob", "train"),
        ("shop", "CronJob", "nightly"),
        ("shop", "Job", "nightly-29454480"),
        ("shop", "Deployment", "asleep"),
        ("shop", "Deployment", "web"),
        ("shop", "Pod", "debug"),
        ("shop", "StatefulSet", "db"),
    }
    web = found["shop", "Deployment", "web"]
    assert (web.replicas, web.max_surge, web.max_unavailable) == (3, "1", "0")
    assert (web.api_version, web.template_path) == ("apps/v1", "spec.template")
    proxy, app = web.containers
    assert (proxy.name, proxy.role, proxy.requests.cpu_cores) == ("proxy", ContainerRole.SIDECAR, 0.125)
    assert app.requests == Resources(0.5, int(256 * MIB))
    assert app.limits == Resources(None, int(512 * MIB))
    assert found["shop", "Deployment", "asleep"].replicas == 0
    train = found["ml", "PyTorchJob", "train"]
    assert (train.api_version, train.template_path, train.replicas) == ("", None, 1)
    assert train.containers[0].requests.extended == {"nvidia.com/gpu": 2.0}
    # raised in place: the newest limit counts
    assert found["shop", "StatefulSet", "db"].containers[0].limits.memory_bytes == 2048 * MIB
    # its pods are gone: their containers are still known
    nightly = found["shop", "CronJob", "nightly"]
    assert nightly.replicas is None
    assert nightly.containers[0].requests.cpu_cores == 2.0


def test_events_count_each_kill_once(state):
    """Four things happened, seen by six signs:

    - OOM at 10:00 of day 1: restart counter + reason + cAdvisor's counter -> one kill; limit 1 GiB then.
    - error at 06:00 of day 2: restart counter + reason -> one restart.
    - a process killed at 15:00 of day 2 inside the living container: cAdvisor only; limit 2 GiB by then.
    - the Job's container, killed for good -> one kill when its pod completed.

    Counters are read at the ends of steps, so a time lies within a step and a scrape after the fact.
    """
    events = state.events.to_dict("records")
    told = [(e["pod"], e["kind"], e["count"], e["memory_limit_bytes"] / MIB) for e in events]
    assert told[:3] == [
        ("db-0", "oom_kill", 1, 1024),
        ("db-0", "restart", 1, pytest.approx(math.nan, nan_ok=True)),
        ("db-0", "oom_kill", 1, 2048),
    ]
    assert told[3:] == [("nightly-29454480-ccccc", "oom_kill", 1, 512)]
    for event, time in zip(events, (OOM, CRASH, KILL_INSIDE), strict=False):
        assert time <= event["time"] <= time + 300 + 240
    assert events[3]["time"] == JOB[1] - 1000


def test_nodes(state):
    """OpenCost's replicas say 0.15 and 0.25: the mean counts, never the sum."""
    one, two = state.nodes
    assert (one.name, one.zone, one.region, one.instance_type, one.pool) == (
        "node-1",
        "eu-1a",
        "eu-1",
        "m5.xlarge",
        "general",
    )
    assert (one.purchase, one.ready, one.max_pods) == (Purchase.SPOT, True, 58)
    assert one.allocatable.cpu_cores == 3.92
    assert one.labels["eks.amazonaws.com/capacityType"] == "SPOT"
    assert one.created == START - 30 * DAY
    assert (two.instance_type, two.pool, two.zone, two.ready) == ("g5.2xlarge", "(none)", "", False)
    assert two.purchase is Purchase.SPOT
    assert two.allocatable.extended["nvidia.com/gpu"] == 4.0
    assert two.taints == ({"key": "nvidia.com/gpu", "effect": "NoSchedule"},)
    assert state.node_prices == pytest.approx({"node-1": 0.2, "node-2": 2.5})
    [warning] = state.warnings
    assert warning.code == "node_labels_missing"
    assert "zone, pool of 1 nodes" in warning.text
    assert "metric-labels-allowlist" in warning.fix


def test_policies(state):
    assert state.namespaces == [Namespace("main", "ml"), Namespace("main", "shop", {"environment": "production"})]
    assert state.quotas == [ResourceQuota("main", "shop", "q", {"requests.cpu": 8.0}, {"requests.cpu": 1.5})]
    assert state.limit_ranges == [
        LimitRangeItem("main", "shop", "lr", "Container", max={"memory": 4096 * MIB}, default_request={"cpu": 0.1})
    ]
    [hpa] = state.autoscalers
    assert (hpa.target_kind, hpa.target_name, hpa.min_replicas, hpa.max_replicas) == ("Deployment", "web", 2, 10)
    assert (hpa.current_replicas, hpa.desired_replicas) == (3, 4)
    assert hpa.metrics == (
        ScalingMetric("Resource", "cpu", "Utilization", 70.0),
        ScalingMetric("", "queue_length", "AverageValue", 30.0),
    )
    assert state.disruption_budgets == [
        DisruptionBudget(
            "main", "shop", "db", disruptions_allowed=0, current_healthy=1, desired_healthy=1, expected_pods=1
        )
    ]
    assert state.volumes == [ZoneBoundVolume("main", "shop", "data-db-0", "pv-1", "eu-1a", "fast", 2**30)]


def test_what_was_seen(state, state_of):
    tables = {"pods", "workloads", "nodes", "events", "namespaces", "quotas", "limit_ranges"}
    assert state.seen == tables | {"autoscalers", "disruption_budgets", "volumes"}
    nothing = state_of("nowhere")
    assert nothing.seen == set()
    [warning] = nothing.warnings
    assert warning.code == "metric_missing"
    assert "kube_pod_info" in warning.objects


def test_short_windows_of_the_server_give_the_same(state, state_of):
    """Asked in pieces of a day, the state is the same as in one piece of three."""
    pieces = state_of(longest_window_seconds=DAY)
    assert pieces.workloads == state.workloads
    assert pieces.owners == state.owners
    pd.testing.assert_frame_equal(pieces.pods, state.pods)
    pd.testing.assert_frame_equal(pieces.events, state.events)


def test_renamed_labels_and_a_silent_exporter(state_of):
    """The exporter was heard last at the end of day 0: objects are as they were then, not gone."""
    state = state_of("renamed")
    [pod] = state.pods.to_dict("records")
    assert (pod["namespace"], pod["pod"], pod["node"], pod["workload"]) == ("n", "p-0", "node-9", "p")
    assert math.isnan(pod["ended"])
    [workload] = state.workloads
    assert (workload.namespace, workload.name, workload.replicas) == ("n", "p", 2)
    assert workload.containers[0].requests.cpu_cores == 0.75
    assert "state_stale" in {w.code for w in state.warnings}


def test_names_of_old_exporters(state_of):
    """No uid, no kube_pod_info, amounts in metrics of their own."""
    state = state_of("old", end=START + DAY)
    [pod] = state.pods.to_dict("records")
    assert (pod["pod"], pod["uid"], pod["kind"], pod["revision"]) == ("web-5d8f-x", "", "ReplicaSet", "5d8f")
    assert json.loads(pod["images"]) == {"app": "app:1"}
    assert math.isnan(pod["ended"])
    [web] = state.workloads
    assert (web.kind, web.name, web.replicas) == ("Deployment", "web", 1)
    assert web.containers[0].requests == Resources(0.5, int(256 * MIB))
    assert web.containers[0].limits == Resources(None, int(512 * MIB))
    [node] = state.nodes
    assert (node.name, node.allocatable.cpu_cores, node.max_pods) == ("node-1", 8.0, 110)
    assert {"kube_pod_info", "kube_deployment_spec_replicas"} <= {n for w in state.warnings for n in w.objects}


def test_namespaces_narrow_the_state_but_not_the_nodes(state_of):
    state = state_of(namespaces=["ml"])
    assert [w.name for w in state.workloads] == ["train"]
    assert len(state.nodes) == 2
    assert state.events.empty


def test_queries_do_not_grow_with_objects(client, state_of):
    """One question per metric and piece of the window, whatever the number of pods.

    Three days fit in one piece; two pieces, as for 14 days, add one question for each metric of the past.
    """
    before = client.queries
    state_of()
    once = client.queries - before
    state_of(longest_window_seconds=2 * DAY)
    twice = client.queries - before - once
    assert once <= 70
    assert twice <= 95


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("cpu", "cpu"),
        ("ephemeral_storage", "ephemeral-storage"),
        ("nvidia_com_gpu", "nvidia.com/gpu"),
        ("nvidia_com_mig_1g_5gb", "nvidia.com/mig-1g.5gb"),
        ("hugepages_2Mi", "hugepages-2Mi"),
        ("somebody_example_com_thing", "somebody_example_com_thing"),
    ],
)
def test_resource_names(stored, name):
    assert resource_name(stored) == name


def test_a_fortnight_of_everything_takes_fewer_than_200_queries(client, state_of, collect):
    """Fourteen days that begin and end at noon touch fifteen; all seven usage metrics and every state metric exist."""
    window = {"start": END - 14.5 * DAY, "end": END - 0.5 * DAY}
    collect(client, **window)
    state_of(**window)
    assert client.queries < 200
