"""One picture of what the API and Prometheus saw."""

import math
import time

import pandas as pd
import pytest
from fakes.kube_objects import controller, deployment, named, node, pod, replica_set, template

from planner.collectors.kubernetes.normalise import normalise
from planner.collectors.merge import merge_states
from planner.collectors.ownership import Ownership, folds
from planner.collectors.parts import ObjectRef, ObservedState
from planner.domain.policy_objects import ResourceQuota
from planner.domain.workload import Container, Workload
from planner.snapshot.header import Source
from planner.snapshot.tables import EVENT_COLUMNS, POD_COLUMNS, normalised_frame

END = 1_791_000_000.0
START = END - 14 * 86400
DAY = 86400.0
NAN = math.nan
EVERYTHING = (
    "pods",
    "deployments",
    "statefulsets",
    "daemonsets",
    "replicasets",
    "replicationcontrollers",
    "jobs",
    "cronjobs",
    "nodes",
)


def api_state(**objects):
    """What the API shows; kinds that are not named were read and are empty."""
    return normalise({**{name: [] for name in EVERYTHING}, **objects}, cluster="east", now=END)


def row(name, kind, owner, *, uid="", namespace="shop", **more):
    values = dict.fromkeys(POD_COLUMNS, "") | {"created": START, "started": NAN, "ready": NAN, "ended": NAN}
    return {**values, "namespace": namespace, "pod": name, "uid": uid, "kind": kind, "workload": owner, **more}


def event(name, kind, moment, *, count=1.0, container="app", limit=NAN):
    return {
        "cluster": "prom",
        "namespace": "shop",
        "pod": name,
        "container": container,
        "kind": kind,
        "time": moment,
        "count": count,
        "memory_limit_bytes": limit,
    }


def prometheus_state(pods=(), events=(), owners=(), workloads=(), seen=("pods", "events", "workloads"), **tables):
    return ObservedState(
        source=Source(name="prometheus"),
        pods=pd.DataFrame(list(pods), columns=list(POD_COLUMNS)),
        events=pd.DataFrame(list(events), columns=list(EVENT_COLUMNS)),
        owners={("shop", kind, name): ObjectRef(*top) for kind, name, top in owners},
        workloads=[
            Workload("prom", "shop", kind, name, "", containers=(Container("app"),)) for kind, name in workloads
        ],
        seen=set(seen),
        **tables,
    )


def merge(kubernetes, prometheus):
    return merge_states(kubernetes, prometheus, cluster="east", window_start=START, window_end=END)


def tops(merged):
    return {row.pod: (row.kind, row.workload) for row in merged.pods.itertuples()}


def names(merged):
    return [(w.kind, w.name) for w in merged.workloads]


def shop():
    """A Deployment with one running pod."""
    web = deployment()
    owned = replica_set(web)
    return {
        "deployments": [web],
        "replicasets": [owned],
        "pods": [pod("web-now", owned, created="2026-10-02T00:00:00Z")],
    }


def test_pods_of_the_past_join_their_deployment_by_links_and_by_generated_names():
    """One old ReplicaSet is known by its owner series, the older one only by its name."""
    past = prometheus_state(
        pods=[
            row("web-now", "ReplicaSet", "web-5d4f9c7b8d", uid="uid-web-now", ready=START + 5),
            row("web-old", "ReplicaSet", "web-6c8b4f7d9f", uid="u2", ended=START + DAY),
            row("web-older", "ReplicaSet", "web-7d9f8c6b5d", uid="u3", ended=START + 60),
        ],
        owners=[("ReplicaSet", "web-6c8b4f7d9f", ("Deployment", "web"))],
        workloads=[("Deployment", "web")],
    )
    merged = merge(api_state(**shop()), past)
    assert set(tops(merged).values()) == {("Deployment", "web")}
    assert len(merged.pods) == 3
    assert names(merged) == [("Deployment", "web")]
    assert merged.workloads[0].template_path == "spec.template"  # the API's, not Prometheus'
    assert set(merged.pods["cluster"]) == {w.cluster for w in merged.workloads} == {"east"}
    assert [source.name for source in merged.sources] == ["kubernetes", "prometheus"]
    normalised_frame(merged.pods, "pods")


def test_values_of_the_api_win_and_prometheus_fills_the_gaps():
    past = prometheus_state(
        [
            row(
                "web-now",
                "Strange",
                "x",
                uid="uid-web-now",
                node="elsewhere",
                phase="Pending",
                ready=START + 5,
                ended=START + 9,
            )
        ]
    )
    merged = merge(api_state(**shop()), past)
    [found] = merged.pods.to_dict("records")
    assert (found["node"], found["phase"], found["workload"]) == ("node-1", "Running", "web")
    assert (found["created"], found["ready"]) == (1790899200.0, START + 5)
    assert math.isnan(found["ended"])  # the API still shows it


def test_pods_of_one_name_are_one_pod_only_with_one_uid():
    """A StatefulSet uses names again. Without a uid the lives must overlap."""
    stateful = controller("apps/v1", "StatefulSet", "db", {"template": template()})
    now = pod("db-0", stateful, created="2026-10-02T00:00:00Z")
    made = 1790899200.0
    past = [
        row("db-0", "StatefulSet", "db", uid="other", ended=made - 60),
        row("db-0", "StatefulSet", "db", created=made - DAY, ended=made - 3600),
        row("db-0", "StatefulSet", "db", created=made),
    ]
    for rows, expected in ((past[:1], 2), (past[1:2], 2), (past[2:], 1), (past, 3)):
        merged = merge(api_state(statefulsets=[stateful], pods=[now]), prometheus_state(rows))
        assert len(merged.pods) == expected
        assert merged.pods["ended"].isna().sum() == 1
        assert set(tops(merged).values()) == {("StatefulSet", "db")}


def test_a_pod_that_vanished_between_the_sources_has_ended():
    past = prometheus_state([row("web-gone", "ReplicaSet", "web-5d4f9c7b8d", uid="u9")])
    merged = merge(api_state(**shop()), past)
    assert merged.pods.set_index("pod").loc["web-gone", "ended"] == END


def test_where_the_api_did_not_look_nothing_has_ended_and_nothing_is_gone():
    """Read in namespace shop alone: blog is known from Prometheus only."""
    state = api_state(**shop())
    state.source = Source(name="kubernetes", details={"namespaces": "shop"})
    past = prometheus_state([row("b", "StatefulSet", "blog", namespace="blog"), row("s", "StatefulSet", "shopdb")])
    merged = merge(state, past)
    assert names(merged) == [("StatefulSet", "blog"), ("Deployment", "web")]
    assert math.isnan(merged.pods.set_index("pod").loc["b", "ended"])
    [warning] = [w for w in merged.warnings if w.code == "gone_workloads"]
    assert warning.objects == ("shop/StatefulSet/shopdb",)


def test_gone_workloads_are_counted_and_left_out_with_their_pods_and_events():
    past = prometheus_state(
        [row(f"old-{i}", "StatefulSet", "old", uid=f"u{i}", ended=START + DAY) for i in range(3)]
        + [row("x", "ReplicaSet", "gone-6c8b4f7d9f", ended=START + DAY)],
        events=[event("old-0", "oom_kill", START + 60), event("web-now", "oom_kill", START + 60)],
        owners=[("ReplicaSet", "gone-6c8b4f7d9f", ("Deployment", "gone"))],
        workloads=[("StatefulSet", "old"), ("Deployment", "gone"), ("Deployment", "never-seen")],
    )
    merged = merge(api_state(**shop()), past)
    assert names(merged) == [("Deployment", "web")]
    assert set(merged.pods["pod"]) == {"web-now"}
    assert set(merged.events["pod"]) == {"web-now"}
    [warning] = [w for w in merged.warnings if w.code == "gone_workloads"]
    assert warning.text.startswith("2 workloads")
    assert "4 pods" in warning.text
    assert warning.objects == ("shop/Deployment/gone", "shop/StatefulSet/old")


def test_finished_jobs_of_their_own_stay_and_those_of_a_cron_job_fold():
    """29,300,000 minutes after 1970 is a schedule of 2025; 20,260,101 is a date in a name."""
    cron = controller("batch/v1", "CronJob", "etl", {"jobTemplate": {"spec": {"template": template()}}})
    past = prometheus_state(
        [
            row("a", "Job", "migrate-20260101", ended=START + 9),
            row("b", "Job", "etl-29300000", ended=START + 9),
            row("c", "Job", "etl-20260101", ended=START + 9),
        ],
        workloads=[("Job", "migrate-20260101"), ("Job", "etl-29300000")],
    )
    merged = merge(api_state(cronjobs=[cron]), past)
    assert names(merged) == [("CronJob", "etl"), ("Job", "etl-20260101"), ("Job", "migrate-20260101")]
    assert tops(merged) == {"a": ("Job", "migrate-20260101"), "b": ("CronJob", "etl"), "c": ("Job", "etl-20260101")}
    assert merged.workloads[2].containers == (Container("app"),)
    assert not [w for w in merged.warnings if w.code == "gone_workloads"]


def test_a_job_without_owner_is_not_folded_by_its_name():
    cron = controller("batch/v1", "CronJob", "etl", {"jobTemplate": {"spec": {"template": template()}}})
    job = controller("batch/v1", "Job", "etl-29300000", {"template": template()})
    past = prometheus_state([row("a", "Job", "etl-29300000", ended=START + 9)])
    merged = merge(api_state(cronjobs=[cron], jobs=[job]), past)
    assert names(merged) == [("CronJob", "etl"), ("Job", "etl-29300000")]
    assert tops(merged) == {"a": ("Job", "etl-29300000")}


def test_a_kind_that_the_api_may_not_read_is_not_gone():
    state = api_state(**shop())
    state.seen -= {"workloads", "workloads/CronJob"}
    past = prometheus_state(
        [row("a", "CronJob", "etl", ended=START + 9), row("b", "StatefulSet", "s", ended=START + 9)]
    )
    assert names(merge(state, past)) == [("CronJob", "etl"), ("Deployment", "web")]


def test_static_pods_of_the_past_join_their_workload():
    """kube-state-metrics is read as if they were bare pods; the node's name tells them apart."""
    machine = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}}
    state = api_state(pods=[pod("kube-proxy-node-1", machine)])
    past = prometheus_state(
        [row("kube-proxy-node-9", "Pod", "kube-proxy-node-9", node="node-9", ended=START + 9)],
        workloads=[("Pod", "kube-proxy-node-9"), ("Pod", "kube-proxy-node-1")],
    )
    merged = merge(state, past)
    assert names(merged) == [("StaticPod", "kube-proxy")]
    assert set(tops(merged).values()) == {("StaticPod", "kube-proxy")}
    assert merged.warnings == []


def test_executors_fold_through_their_driver():
    app = controller("sparkoperator.k8s.io/v1beta2", "SparkApplication", "pi", {})
    driver = pod("pi-driver", app)
    state = api_state(**{"sparkapplications.sparkoperator.k8s.io": [app]}, pods=[driver, pod("pi-exec-1", driver)])
    past = prometheus_state([row("pi-exec-0", "Pod", "pi-driver", ended=START + 9)])
    merged = merge(state, past)
    assert set(tops(merged).values()) == {("SparkApplication", "pi")}
    assert names(merged) == [("SparkApplication", "pi")]


def test_one_source_alone():
    merged = merge(api_state(**shop()), None)
    assert (names(merged), tops(merged)) == ([("Deployment", "web")], {"web-now": ("Deployment", "web")})
    past = prometheus_state(
        [row("web-1", "ReplicaSet", "web-5d4f9c7b8d")],
        owners=[("ReplicaSet", "web-5d4f9c7b8d", ("Deployment", "web"))],
        workloads=[("Deployment", "web"), ("ReplicaSet", "web-5d4f9c7b8d")],
    )
    merged = merge(None, past)
    assert (names(merged), tops(merged)) == ([("Deployment", "web")], {"web-1": ("Deployment", "web")})
    assert merged.workloads[0].cluster == "east"
    [warning] = merged.warnings
    assert warning.code == "no_kubernetes_api"
    assert "annotations" in warning.costs
    empty = merge(None, None)
    assert (empty.workloads, len(empty.pods), len(empty.events), empty.seen) == ([], 0, 0, set())
    assert list(empty.pods.columns) == list(POD_COLUMNS)


def test_pods_with_nothing_but_a_name_are_workloads_too():
    merged = merge(None, prometheus_state([row("a", "Thing", "blue")], seen=("pods",)))
    assert names(merged) == [("Thing", "blue")]


def test_pods_that_ended_before_the_window_are_left_out():
    past = prometheus_state([row("a", "StatefulSet", "s", ended=START - 1), row("b", "StatefulSet", "s", ended=START)])
    assert set(merge(None, past).pods["pod"]) == {"b"}


def test_tables_come_from_the_api_where_it_saw_them():
    quota = ResourceQuota("prom", "shop", "q", hard={"pods": 5.0})
    past = prometheus_state(seen=("quotas", "nodes"), quotas=[quota], node_prices={"node-1": 0.5})
    merged = merge(api_state(nodes=[node()]), past)
    assert [n.name for n in merged.nodes] == ["node-1"]
    assert merged.quotas == [ResourceQuota("east", "shop", "q", hard={"pods": 5.0})]
    assert merged.node_prices == {"node-1": 0.5}
    now = named("q", spec={"hard": {"pods": "7"}})
    assert merge(api_state(resourcequotas=[now]), past).quotas[0].hard == {"pods": 7.0}
    assert merge(api_state(resourcequotas=[]), past).quotas == []  # seen, and there is none


KILL = END - 3600


def api_with_events(*events):
    state = api_state(**shop())
    state.events = pd.DataFrame(list(events), columns=list(EVENT_COLUMNS))
    return state


def events_of(merged):
    return merged.events.sort_values(["time", "kind"])[["kind", "time", "count"]].to_numpy().tolist()


@pytest.mark.parametrize(("apart", "kills"), [(0, 1), (599, 1), (-600, 1), (601, 2)])
def test_one_kill_seen_by_both_counts_once(apart, kills):
    """Within ten minutes it is the same kill; Prometheus' row stays and learns the limit."""
    state = api_with_events(event("web-now", "oom_kill", KILL, limit=100.0))
    past = prometheus_state([row("web-now", "x", "y")], [event("web-now", "oom_kill", KILL + apart)])
    merged = merge(state, past)
    assert len(merged.events) == kills
    if kills == 1:
        assert merged.events["memory_limit_bytes"].tolist() == [100.0]
        assert merged.events["time"].tolist() == [KILL + apart]


def test_another_container_or_pod_is_another_kill():
    state = api_with_events(event("web-now", "oom_kill", KILL))
    past = prometheus_state(
        [row("web-now", "x", "y"), row("web-2", "ReplicaSet", "web-5d4f9c7b8d")],
        [event("web-now", "oom_kill", KILL, container="side"), event("web-2", "oom_kill", KILL)],
    )
    assert len(merge(state, past).events) == 3


def test_a_kill_that_prometheus_took_for_a_restart_is_not_both():
    state = api_with_events(event("web-now", "oom_kill", KILL))
    past = prometheus_state(
        [row("web-now", "x", "y")],
        [event("web-now", "restart", KILL + 30), event("web-now", "restart", KILL - DAY, count=3.0)],
    )
    assert events_of(merge(state, past)) == [["restart", KILL - DAY, 3.0], ["oom_kill", KILL, 1.0]]


def test_restarts_of_the_api_count_only_for_pods_that_prometheus_does_not_know():
    events = [event("web-now", "restart", KILL, count=4.0), event("new", "restart", KILL)]
    past = prometheus_state([row("web-now", "x", "y")], [event("web-now", "restart", KILL - DAY)])
    assert events_of(merge(api_with_events(*events), past)) == [["restart", KILL - DAY, 1.0], ["restart", KILL, 1.0]]
    assert len(merge(api_with_events(*events), None).events) == 2


def test_events_outside_the_window_are_left_out():
    events = [event("web-now", "oom_kill", moment) for moment in (START - 1, START, END - 1, END)]
    assert merge(api_with_events(*events), None).events["time"].tolist() == [START, END - 1]


def test_chains_of_owners_end():
    """A circle, a chain of unknown kinds, and an operator above what lasts."""
    links = {
        ("n", "A", "a"): ObjectRef("B", "b"),
        ("n", "B", "b"): ObjectRef("A", "a"),
        ("n", "ReplicaSet", "r"): ObjectRef("CloneThing", "c"),
        ("n", "StatefulSet", "s"): ObjectRef("Kafka", "k"),
    }
    ownership = Ownership(links, set(), lambda namespace, name: None)
    assert ownership.top("n", ObjectRef("A", "a")) == ObjectRef("B", "b")
    assert ownership.top("n", ObjectRef("ReplicaSet", "r")) == ObjectRef("CloneThing", "c")
    assert ownership.top("n", ObjectRef("StatefulSet", "s")) == ObjectRef("StatefulSet", "s")
    assert ownership.top("m", ObjectRef("ReplicaSet", "r")) == ObjectRef("ReplicaSet", "r")
    assert not folds(ObjectRef("Deployment", "d"), ObjectRef("Thing", "t"))


def test_a_window_of_many_pods_is_merged_in_seconds():
    """60,000 pods of 300 Deployments with 20 ReplicaSets each; 300,000 take five times as long."""
    count = 60_000
    sets = [f"web-{i % 300}-{'bcdfghjklmnpqrstvwxz'[i % 20] * 9}" for i in range(count)]
    past = prometheus_state()
    past.pods = pd.DataFrame(
        {
            **{name: pd.Series([""] * count, dtype="str") for name, kind in POD_COLUMNS.items() if kind == "string"},
            **{name: pd.Series([NAN] * count) for name, kind in POD_COLUMNS.items() if kind != "string"},
        }
    ).assign(
        namespace="shop", pod=[f"p{i}" for i in range(count)], uid=[f"u{i}" for i in range(count)], kind="ReplicaSet"
    )
    past.pods = past.pods.assign(workload=pd.Series(sets, dtype="str"), created=START, ended=START + DAY)
    state = api_state(deployments=[deployment(f"web-{i}") for i in range(300)])
    began = time.process_time()
    merged = merge(state, past)
    assert time.process_time() - began < 5.0
    assert len(merged.pods) == count
    assert len(merged.workloads) == 300
    assert set(merged.pods["kind"]) == {"Deployment"}
