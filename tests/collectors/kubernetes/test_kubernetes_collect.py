"""The whole collection over HTTP: rights, missing kinds, namespaces."""

import pytest
from fakes.kube_api import KubeApi, write_kubeconfig
from fakes.kube_objects import controller, deployment, named, node, pod, replica_set, template

from planner.collectors.kubernetes import collect as module
from planner.collectors.kubernetes.collect import collect_state
from planner.collectors.kubernetes.options import KubernetesOptions
from planner.collectors.parts import SilentProgress
from planner.errors import SourceDenied

NOW = 1_791_000_000.0


def objects():
    found = {
        "nodes": [node()],
        "pods": [],
        "deployments": [],
        "replicasets": [],
        "namespaces": [],
        "resourcequotas": [],
    }
    for space in ("shop", "blog"):
        web = deployment("web", namespace=space)
        owned = replica_set(web)
        found["namespaces"].append(named(space, ""))
        found["deployments"].append(web)
        found["replicasets"].append(owned)
        found["pods"] += [pod(f"web-{i}", owned, namespace=space) for i in range(3)]
        found["resourcequotas"].append(named("quota", space, spec={"hard": {"pods": "10"}}))
    rollout = controller("argoproj.io/v1alpha1", "Rollout", "api", {"replicas": 4, "template": template()})
    return {**found, "rollouts.argoproj.io": [rollout]}


@pytest.fixture
def api():
    with KubeApi(objects()) as server:
        yield server


@pytest.fixture
def collect(api, tmp_path):
    def collector(progress=None, **more):
        kubeconfig = write_kubeconfig(tmp_path / "config", api)
        settings = KubernetesOptions(kubeconfig=str(kubeconfig), wait_seconds=0.01, tries=2, **more)
        return collect_state(settings, progress or SilentProgress(), now=NOW)

    return collector


class Recorder:
    def __init__(self):
        self.expected, self.steps = 0, []

    def expect(self, steps):
        self.expected += steps

    def step(self, text):
        self.steps.append(text)


def test_everything_is_read_and_nothing_written(api, collect):
    progress = Recorder()
    state = collect(progress, page_size=2)
    assert [(w.namespace, w.kind, w.name) for w in state.workloads] == [
        ("blog", "Deployment", "web"),
        ("shop", "Deployment", "web"),
        ("shop", "Rollout", "api"),
    ]
    assert len(state.pods) == 6
    assert state.warnings == []
    assert {"workloads", "pods", "events", "nodes", "quotas", "volumes", "autoscalers"} <= state.seen
    assert (state.source.url, state.source.version) == (api.url, "v1.36.2")
    assert state.source.queries == len(api.requests)
    assert {request.method for request in api.requests} == {"GET"}
    assert not [request for request in api.requests if "secrets" in request.path or "configmaps" in request.path]
    assert len(progress.steps) == progress.expected
    assert "pods" in progress.steps
    assert all(w.cluster == "test" for w in state.workloads)
    assert collect(cluster="east").workloads[0].cluster == "east"


def test_kinds_without_templates_are_asked_for_their_metadata_only(api, collect):
    huge = controller("argoproj.io/v1alpha1", "Workflow", "etl", {"secret": "x"}, status={"nodes": {"a": "b"}})
    api.store.register_from("workflows.argoproj.io", huge)
    api.store.put("workflows.argoproj.io", huge)
    state = collect()
    assert ("Workflow", "etl") in {(w.kind, w.name) for w in state.workloads}
    [request] = api.asked("/apis/argoproj.io/v1alpha1/workflows")
    assert "PartialObjectMetadataList" in request.headers["accept"][0]


def test_a_forbidden_list_is_a_warning_with_the_rule(api, collect):
    api.forbid("rollouts.argoproj.io")
    api.forbid("nodes")
    state = collect()
    fixes = {w.text: w.fix for w in state.warnings}
    assert {w.code for w in state.warnings} == {"forbidden"}
    assert all(w.costs for w in state.warnings)
    assert fixes["nodes may not be read"] == 'grant verbs ["list"], apiGroups [""], resources ["nodes"]'
    assert fixes["rollouts.argoproj.io may not be read"].startswith(
        'grant verbs ["list"], apiGroups ["argoproj.io"], resources ["rollouts"]'
    )
    assert "nodes" not in state.seen
    assert "workloads" not in state.seen
    assert "workloads/Deployment" in state.seen
    assert "workloads/Rollout" not in state.seen
    assert len(state.pods) == 6


def test_what_is_not_installed_is_no_warning_but_a_missing_own_kind_is(api, collect):
    """KEDA and the VPA are not there; policy/v1 should be."""
    del api.store.types["poddisruptionbudgets"]
    state = collect()
    [warning] = state.warnings
    assert (warning.code, warning.costs != "") == ("kind_missing", True)
    assert "poddisruptionbudgets" in warning.text
    assert "disruption_budgets" not in state.seen
    assert not any("keda" in request.path for request in api.requests)


def test_another_served_version_is_taken(api, collect):
    newer = controller("ray.io/v9", "RayCluster", "r", {"headGroupSpec": {"template": template()}})
    api.store.register_from("rayclusters.ray.io", newer)
    api.store.put("rayclusters.ray.io", newer)
    [found] = [w for w in collect().workloads if w.kind == "RayCluster"]
    assert (found.api_version, found.template_path) == ("ray.io/v9", "spec.headGroupSpec.template")


def test_a_list_that_keeps_failing_is_a_warning(api, collect):
    api.fail("rollouts.argoproj.io", 500)
    state = collect()
    [warning] = state.warnings
    assert (warning.code, "rollouts.argoproj.io" in warning.text) == ("list_failed", True)
    assert "workloads" not in state.seen


def test_a_list_that_starts_again_counts_nothing_twice(api, collect):
    api.expire_continue("pods", times=1)
    state = collect(page_size=4)
    assert len(state.pods) == 6
    assert all(len(w.containers) == 1 for w in state.workloads)


def test_no_rights_at_all_is_an_error_with_the_role(api, collect):
    for name in api.store.types:
        api.forbid(name)
    with pytest.raises(SourceDenied, match="may not list anything") as caught:
        collect()
    assert "docs/rbac-read.yaml" in caught.value.fix


def test_credentials_that_end_in_the_middle_end_the_run(api, collect):
    api.fail("pods", 401)
    with pytest.raises(SourceDenied, match="does not accept the credentials"):
        collect()


@pytest.mark.parametrize("also", [(), ("n1", "n2")])
def test_namespaced_rights_are_enough_for_named_namespaces(api, collect, also, monkeypatch):
    """With many names the whole cluster is tried first, and the namespaces one by one when that is forbidden."""
    monkeypatch.setattr(module, "MOST_SINGLE_NAMESPACES", 2)
    for name, kind in list(api.store.types.items()):
        api.forbid(name, scopes=[""] if kind.namespaced or name == "namespaces" else None)
    state = collect(namespaces=("shop", *also))
    assert {w.namespace for w in state.workloads} == {"shop"}
    assert len(state.pods) == 3
    assert [n.name for n in state.namespaces] == ["shop"]
    assert {"workloads", "pods", "quotas", "namespaces"} <= state.seen
    assert {"nodes", "volumes"} & state.seen == set()
    assert {w.code for w in state.warnings} == {"forbidden"} | ({"namespace_missing"} if also else set())
    assert state.source.details["namespaces"].split()[-1] == "shop"


def test_with_wide_rights_many_named_namespaces_cost_one_list(api, collect):
    state = collect(namespaces=("shop", *(f"n{i}" for i in range(25))))
    assert {w.namespace for w in state.workloads} == {"shop"}
    assert set(state.pods["namespace"]) == {"shop"}
    assert len(api.asked("/api/v1/pods")) == 1


def test_a_namespace_where_a_list_is_forbidden_is_named(api, collect):
    api.forbid("pods", scopes=["blog"])
    state = collect(namespaces=("shop", "blog"))
    [warning] = state.warnings
    assert (warning.code, warning.objects) == ("forbidden", ("blog",))
    assert "pods" not in state.seen
    assert len(state.pods) == 3


def test_labels_of_a_namespace_that_may_not_be_read(api, collect):
    api.forbid("namespaces", verb="get")
    state = collect(namespaces=("shop",))
    [warning] = state.warnings
    assert 'verbs ["get"], apiGroups [""], resources ["namespaces"]' in warning.fix
    assert [(n.name, n.labels) for n in state.namespaces] == [("shop", {})]


def test_without_discovery_every_kind_is_tried(api, collect):
    api.fail("/apis", 403)
    state = collect()
    assert ("Rollout", "api") in {(w.kind, w.name) for w in state.workloads}
    assert state.warnings == []


def test_a_group_whose_service_is_down_is_not_taken_for_absent(api, collect):
    api.fail("/apis/argoproj.io/v1alpha1", 503)
    api.fail("rollouts.argoproj.io", 503)
    [warning] = collect().warnings
    assert (warning.code, "rollouts" in warning.text) == ("list_failed", True)


def test_two_runs_give_the_same_state(collect):
    one, two = collect(threads=4), collect(threads=1, page_size=1)
    assert one.workloads == two.workloads
    assert one.pods.equals(two.pods)
    assert one.owners == two.owners
