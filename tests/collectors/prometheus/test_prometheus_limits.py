"""Collections through a server that refuses, cuts short or leaves out, in front of a real Prometheus."""

import json

import pytest
from fakes.prometheus_scene import DAY, START
from werkzeug import Response

from planner.errors import SourceLimit
from planner.snapshot.header import Metric

pytestmark = pytest.mark.integration
RANGE = "/api/v1/query_range"
TOO_MANY = {
    "status": "error",
    "errorType": "execution",
    "error": "query processing would load too many samples into memory in query execution",
}


def answer(document, status=200):
    return Response(json.dumps(document), status, content_type="application/json")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (422, TOO_MANY),
        (
            400,
            {
                "status": "error",
                "errorType": "bad_data",
                "error": "exceeded maximum resolution of 11,000 points per timeseries",
            },
        ),
        (413, {}),
        (
            429,
            {
                "status": "error",
                "error": "the query exceeded the maximum number of chunks (err-mimir-max-chunks-per-query)",
            },
        ),
        (422, {"status": "error", "error": "the query time range exceeds the limit (query length: 24h, limit: 6h)"}),
        (503, {"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"}),
        (422, {"status": "error", "error": "cannot select more than -search.maxSamplesPerQuery=1000000000 samples"}),
    ],
)
def test_too_much_is_halved_until_it_passes(proxy, connect, collect, client, status, said):
    """Anything above six hours is refused; the collection gives what it would have given."""
    refused = []

    def fault(path, form):
        if path == RANGE and float(form["end"]) - float(form["start"]) > 6 * 3600:
            refused.append(form)
            return answer(said, status)
        return None

    found, snapshot = collect(connect(proxy(fault)), folder="cut", metrics=[Metric.CPU], end=START + DAY)
    _, whole = collect(client, folder="whole", metrics=[Metric.CPU], end=START + DAY)
    assert refused
    assert found.days == ("2026-01-05",)
    assert snapshot.header.days == whole.header.days


def test_namespaces_are_cut_when_time_is_not_enough(proxy, connect, collect, client):
    """Even an hour is refused unless it names a single namespace."""

    def fault(path, form):
        hour = float(form.get("end", 0)) - float(form.get("start", 0)) <= 3600
        single = "namespace=~" in form.get("query", "") and "|" not in form["query"]
        return answer(TOO_MANY, 422) if path == RANGE and not (hour and single) else None

    end = START + DAY / 4
    _, snapshot = collect(connect(proxy(fault)), folder="cut", metrics=[Metric.CPU], end=end)
    _, whole = collect(client, folder="whole", metrics=[Metric.CPU], end=end)
    assert snapshot.header.days == whole.header.days


def test_a_server_that_refuses_everything(proxy, connect, collect, tmp_path):
    """Halved to the end, the refusal is told in the server's words, and nothing is left of the folder."""
    refusing = connect(proxy(lambda path, _form: answer(TOO_MANY, 422) if path == RANGE else None))
    with pytest.raises(SourceLimit, match="too many samples"):
        collect(refusing, metrics=[Metric.CPU])
    assert refusing.queries < 60
    assert not (tmp_path / "snapshot").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body.replace(b'{"status":"success"', b'{"status":"success","isPartial":true', 1), "partial"),
        (
            lambda body: body.replace(
                b'{"status":"success"', b'{"status":"success","warnings":["No StoreAPIs matched for this query"]', 1
            ),
            "No StoreAPIs",
        ),
    ],
)
def test_a_partial_answer_is_recorded_and_asked_again(proxy, connect, collect, client, change, said):
    """The second day's answer is partial: the day keeps what came, stays open, and is whole the next time."""
    day = str(int(START + DAY + 300))
    asked = {}

    def fault(path, form):
        asked["start"] = form.get("start", "")

    partial = proxy(fault, lambda path, body: change(body) if path == RANGE and asked["start"] == day else body)
    one = connect(partial, threads=1)
    found, snapshot = collect(one, metrics=[Metric.CPU])
    assert [d.date for d in snapshot.header.days if not d.closed] == ["2026-01-06"]
    assert any(w.code == "partial_answer" and said in w.text for w in snapshot.header.warnings)
    assert [w.objects for w in found.warnings if w.code == "partial_days"] == [("2026-01-06",)]
    again, snapshot = collect(client, metrics=[Metric.CPU])
    assert again.days == ("2026-01-06",)
    assert all(d.closed for d in snapshot.header.days)


def test_a_server_without_a_list_of_names(proxy, connect, collect, client):
    """Some services do not tell names: the metrics are probed one by one, with the same result."""
    silent = proxy(lambda path, _form: Response("", 404) if path.endswith("/values") else None)
    found, snapshot = collect(connect(silent), folder="silent")
    other, whole = collect(client, folder="whole")
    assert snapshot.header.days == whole.header.days
    assert {w.code for w in found.warnings} == {w.code for w in other.warnings}


@pytest.mark.parametrize("warnings", ["", '"warnings":["store gone"],'])
def test_a_partial_list_of_names_hides_nothing(proxy, connect, collect, warnings):
    """A list without cAdvisor's names is believed when it is whole, and not when stores are missing."""
    body = '{"status":"success",%s"data":["up"]}' % warnings  # noqa: UP031
    short = proxy(lambda path, _form: Response(body) if path.endswith("/values") else None)
    _, snapshot = collect(connect(short), end=START + DAY)
    assert (Metric.CPU in snapshot.metrics()) == bool(warnings)


def test_a_server_without_a_clock(proxy, connect, collect):
    """Services that take no query without a metric name: our own clock is believed."""
    refusal = answer({"status": "error", "errorType": "bad_data", "error": "exactly one __name__ matcher"}, 400)
    strict = proxy(lambda _path, form: refusal if form.get("query") == "time()" else None)
    found, _ = collect(connect(strict), end=START + DAY, metrics=[Metric.CPU])
    assert found.end == START + DAY


def test_indented_json_is_read_too(proxy, connect, collect, client):
    def pretty(path, body):
        return json.dumps(json.loads(body), indent=1).encode() if path == RANGE else body

    _, snapshot = collect(connect(proxy(change=pretty)), folder="pretty", metrics=[Metric.CPU])
    _, whole = collect(client, folder="whole", metrics=[Metric.CPU])
    assert snapshot.header.days == whole.header.days
