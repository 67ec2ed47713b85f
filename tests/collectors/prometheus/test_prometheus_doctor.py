"""What ``planner doctor`` says of a server."""

import json
import time

import pytest
from fakes.prometheus_scene import DAY, END, START
from werkzeug import Response

from planner.collectors.prometheus.doctor import check_prometheus, flavour, server_version

WINDOW = {"start": START, "end": END, "step_seconds": 300}


def checks_of(client, cluster="main", **options):
    found = check_prometheus(
        client, **{**WINDOW, "now": time.time(), "cluster_matcher": {"cluster": cluster}, **options}
    )
    return {check.name: check for check in found}


@pytest.mark.integration
def test_a_good_server(client):
    checks = checks_of(client)
    assert {name for name, check in checks.items() if check.status != "ok"} == set()
    assert checks["version"].text.startswith("Prometheus 2.")
    assert checks["scrape interval"].text == "60 s"
    assert checks["cpu_cores"].text == "container_cpu_usage_seconds_total: up to 3 series"
    assert server_version(client).startswith("Prometheus 2.")


@pytest.mark.integration
def test_what_is_missing_comes_with_its_cure(client):
    """Usage without kube-state-metrics, then nothing at all, then a window longer than the history."""
    checks = checks_of(client, "twice", end=START + DAY)
    assert checks["cpu_cores"].status == "ok"
    assert checks["kube_pod_info"].status == "warn"
    assert checks["node labels"].status == "warn"
    assert checks["gpu_active_ratio"].status == "warn"
    nothing = checks_of(client, "nowhere")
    assert nothing["cpu_cores"].status == nothing["memory_bytes"].status == "fail"
    assert all(check.fix for check in [*checks.values(), *nothing.values()] if check.status != "ok")
    assert checks_of(client, start=START - 5 * DAY)["history"].status == "warn"
    assert checks_of(client, step_seconds=60)["scrape interval"].status == "warn"


@pytest.mark.integration
def test_renamed_labels_and_a_wrong_clock(client):
    checks = checks_of(client, "renamed", end=START + DAY, now=time.time() + 9000)
    assert "exported_pod" in checks["labels"].text
    assert checks["clock"].status == "warn"


def test_an_unreachable_server(connect):
    [check] = checks_of(connect("http://127.0.0.1:9")).values()
    assert (check.name, check.status) == ("prometheus", "fail")
    assert "Connection refused" in check.text


def test_a_server_that_refuses(httpserver, connect):
    httpserver.expect_request("/api/v1/query").respond_with_data("", status=403)
    [check] = checks_of(connect(httpserver.url_for("").rstrip("/"))).values()
    assert (check.name, check.status) == ("prometheus auth", "fail")


def test_a_server_that_fails_half_way(httpserver, connect):
    def handle(request):
        if request.form["query"] == "time()":
            return Response(json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1, "1.8e9"]}}))
        return Response("", 500)

    httpserver.expect_request("/api/v1/query").respond_with_handler(handle)
    checks = checks_of(connect(httpserver.url_for("").rstrip("/")))
    assert checks["prometheus queries"].status == "fail"


@pytest.mark.parametrize(
    ("body", "product"),
    [
        ({"version": "3.1.0"}, "Prometheus"),
        ({"application": "Grafana Mimir", "version": "2.14"}, "Mimir"),
        ({"version": "victoria-metrics-20250101"}, "VictoriaMetrics"),
        (None, ""),
    ],
)
def test_flavours(body, product):
    assert flavour(json.dumps({"status": "success", "data": body}).encode())[0] == product
    assert flavour(b"<html>") == ("", "")
