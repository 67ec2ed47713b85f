"""Lines of ``planner doctor``."""

import pytest
from fakes.kube_api import KubeApi, write_kubeconfig
from fakes.kube_objects import controller

from planner.collectors.kubernetes.checks import check_kubernetes
from planner.collectors.kubernetes.client import connect
from planner.collectors.kubernetes.options import KubernetesOptions


@pytest.fixture
def api():
    scaled = controller("keda.sh/v1alpha1", "ScaledObject", "so", {})
    with KubeApi({"scaledobjects.keda.sh": [scaled]}) as server:
        yield server


@pytest.fixture
def check(api, tmp_path):
    def checker(**options):
        kubeconfig = write_kubeconfig(tmp_path / "config", api)
        options = {"wait_seconds": 0.01, "tries": 2, **options}
        with connect(KubernetesOptions(kubeconfig=str(kubeconfig), **options)) as client:
            return {line.name: line for line in check_kubernetes(client)}

    return checker


def test_all_is_well(api, check):
    lines = check()
    assert {line.status for line in lines.values()} == {"ok"}
    assert "v1.36.2" in lines["kubernetes"].text
    assert {"list pods", "list scaledobjects.keda.sh", "get services/proxy"} <= lines.keys()
    assert "list rollouts.argoproj.io" not in lines  # not installed
    posted = {request.path for request in api.requests if request.method == "POST"}
    assert posted == {"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"}


@pytest.mark.parametrize("reviews", [True, False])
def test_a_missing_right_has_the_rule_that_cures_it(api, check, reviews):
    """By a review, and where reviews are forbidden by trying the list."""
    api.reviews = reviews
    api.forbid("pods")
    api.forbid("poddisruptionbudgets")
    lines = check()
    assert (lines["list pods"].status, lines["list poddisruptionbudgets"].status) == ("fail", "warn")
    assert lines["list pods"].fix == 'grant verbs ["list"], apiGroups [""], resources ["pods"]'
    assert lines["list nodes"].status == "ok"
    if not reviews:
        assert [request.query["limit"] for request in api.asked("/api/v1/pods")] == ["1"]


def test_rights_in_named_namespaces(api, check):
    for name in list(api.store.types):
        api.forbid(name, scopes=[""])
    api.forbid("deployments", scopes=["blog"])
    lines = check(namespaces=("shop", "blog"))
    assert lines["list pods"].status == "ok"
    assert lines["list namespaces"].status == "ok"
    assert "forbidden in blog" in lines["list deployments"].text
    assert lines["list nodes"].status == "fail"


def test_the_way_to_prometheus(api, check):
    api.forbid("services/proxy", verb="get")
    line = check()["get services/proxy"]
    assert (line.status, line.fix) == ("warn", 'grant verbs ["get"], apiGroups [""], resources ["services/proxy"]')
    assert "--prometheus" in line.text


def test_no_answer_is_a_line_too(api, check):
    api.token = "other"
    lines = check()
    assert list(lines) == ["kubernetes"]
    assert lines["kubernetes"].status == "fail"
    assert "kubectl" in lines["kubernetes"].fix
