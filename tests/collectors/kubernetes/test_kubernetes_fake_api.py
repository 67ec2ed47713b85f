"""The pretended API server answers the real client and kubectl as a real one does."""

import json
import shutil
import subprocess

import pytest
from fakes.kube_api import KubeApi, write_kubeconfig
from fakes.kube_objects import controller, deployment, pod
from fakes.kube_store import BadSelector, matches_fields, matches_labels


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app!=web", False),
        ("missing!=x", True),
        ("app in (web, api),tier", True),
        ("app notin (web)", False),
        ("missing notin (x)", True),
        ("!missing", True),
        ("!app", False),
        ("app in (api)", False),
    ],
)
def test_label_selectors(selector, matches):
    assert matches_labels({"app": "web", "tier": "front"}, selector) is matches


def test_field_selectors():
    raw = pod("a", node="n1")
    assert matches_fields(raw, "metadata.name=a,spec.nodeName=n1,status.phase!=Failed")
    assert not matches_fields(raw, "metadata.namespace=other")
    for wrong in ("spec.hostname=a", "nonsense"):
        with pytest.raises(BadSelector):
            matches_fields(raw, wrong)


@pytest.fixture
def api():
    rollout = controller("argoproj.io/v1alpha1", "Rollout", "api", {})
    pods = [pod(f"p{i}", labels={"app": "web" if i % 2 else "api"}, node=f"n{i % 3}") for i in range(6)]
    objects = {"pods": pods, "deployments": [deployment()], "rollouts.argoproj.io": [rollout]}
    with KubeApi(objects) as server:
        yield server


def test_the_typed_client_reads_it(api, tmp_path):
    from kubernetes import client, config

    path = write_kubeconfig(tmp_path / "config", api)
    with config.new_client_from_config(str(path), persist_config=False) as connected:
        core = client.CoreV1Api(connected)
        listed = core.list_namespaced_pod("shop", label_selector="app=web", field_selector="spec.nodeName=n0", limit=5)
        assert [item.metadata.name for item in listed.items] == ["p3"]
        assert client.VersionApi(connected).get_code(_preload_content=False).status == 200
        [found] = client.AppsV1Api(connected).list_deployment_for_all_namespaces().items
        assert found.spec.replicas == 2


@pytest.mark.integration
def test_kubectl_reads_it(api, tmp_path):
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on PATH")
    path = write_kubeconfig(tmp_path / "config", api)

    def kubectl(*words):
        command = ["kubectl", "--kubeconfig", str(path), "--cache-dir", str(tmp_path / "cache"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    listed = kubectl("get", "pods", "-A", "--chunk-size=4", "-l", "app=web", "-o", "name")
    assert listed.stdout.split() == ["pod/p1", "pod/p3", "pod/p5"]
    found = json.loads(kubectl("get", "rollouts.argoproj.io", "api", "-n", "shop", "-o", "json").stdout)
    assert (found["kind"], found["metadata"]["name"]) == ("Rollout", "api")
    api.forbid("nodes")
    refused = kubectl("get", "nodes")
    assert 'cannot list resource "nodes" in API group "" at the cluster scope' in refused.stderr
