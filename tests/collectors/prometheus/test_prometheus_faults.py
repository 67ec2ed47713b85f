"""Every way in which a server can fail, on real sockets."""

import json
import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from werkzeug import Response

from planner.collectors.prometheus.client import PrometheusClient
from planner.errors import SourceAnswerInvalid, SourceDenied, SourceError, SourceLimit, SourceUnreachable

SECRET = "s3cr3t-hunter2"
RANGE = "/api/v1/query_range"
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}
TOO_MANY = {
    "status": "error",
    "errorType": "execution",
    "error": "query processing would load too many samples into memory in query execution",
}


def answer(document, status=200, **headers):
    return Response(json.dumps(document), status, headers=headers, content_type="application/json")


def always(httpserver, response):
    httpserver.expect_request("/api/v1/query").respond_with_handler(lambda _request: response)
    return httpserver.url_for("").rstrip("/")


@contextmanager
def raw_server(reply: bytes, *, hold: float = 0.0):
    """A socket that reads a request, sends bytes, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    stop = threading.Event()
    taken = []

    def serve():
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(2)
                taken.append(connection.recv(65536))
                connection.sendall(reply)
                if hold:
                    stop.wait(hold)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", taken
    finally:
        stop.set()
        thread.join()
        listener.close()


def test_connection_refused(connect):
    """Nobody listens: told at once, without waiting for a second try."""
    client = connect("http://127.0.0.1:9")
    with pytest.raises(SourceUnreachable, match=r"cannot reach Prometheus: Connection refused \(http://127.0.0.1:9\)"):
        client.instant("up")
    assert client.waits == []
    assert client.queries == 1


def test_no_such_host(connect):
    with pytest.raises(SourceUnreachable, match="cannot reach Prometheus"):
        connect("http://no-such-host.invalid:9090").instant("up")


@pytest.mark.parametrize("status", [401, 403])
def test_denied(httpserver, connect, status):
    url = always(httpserver, answer({"status": "error", "errorType": "x", "error": "who are you"}, status))
    client = connect(url)
    with pytest.raises(SourceDenied, match="who are you") as caught:
        client.instant("up")
    assert caught.value.fix
    assert client.queries == 1


def test_a_busy_server_is_asked_again(httpserver, connect):
    """503 twice, then an answer: three requests, waits of 1 and 2 back-offs."""
    replies = [answer({}, 503), answer({}, 503), answer(EMPTY)]
    httpserver.expect_request("/api/v1/query").respond_with_handler(lambda _r: replies.pop(0))
    client = connect(httpserver.url_for("").rstrip("/"), backoff_seconds=1.0)
    assert client.instant("up").labels == []
    assert client.waits == [1.0, 2.0]


@pytest.mark.parametrize(("header", "waited"), [("7", 7.0), ("100000", 30.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 1.0)])
def test_retry_after_is_respected_within_reason(httpserver, connect, header, waited):
    """7 s are waited for; a day is not; a date falls back to the own back-off."""
    replies = [answer({}, 429, **{"Retry-After": header}), answer(EMPTY)]
    httpserver.expect_request("/api/v1/query").respond_with_handler(lambda _r: replies.pop(0))
    client = connect(httpserver.url_for("").rstrip("/"))
    client.instant("up")
    assert client.waits == [waited]


def test_a_server_that_stays_busy(httpserver, connect):
    client = connect(always(httpserver, Response("upstream overloaded", 502)), attempts=3)
    with pytest.raises(SourceUnreachable, match=r"too busy .502: upstream overloaded., 3 attempts"):
        client.instant("up")
    assert client.queries == 3


def test_a_gateway_that_times_out_asks_for_less(httpserver, connect):
    """A 504 is tried twice, then counts as too large a question."""
    client = connect(always(httpserver, Response("", 504)))
    with pytest.raises(SourceLimit):
        client.instant("up")
    assert client.queries == 2


def test_no_answer_in_time(connect):
    with raw_server(b"", hold=5) as (url, _):
        begin = time.monotonic()
        with pytest.raises(SourceUnreachable, match=r"within 0.3 s"):
            connect(url, timeout_seconds=0.3).instant("up")
        assert time.monotonic() - begin < 2


def test_an_answer_that_drips(connect):
    """Bytes keep coming, never enough: each is in time, the whole is not."""
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            try:
                for _ in range(50):
                    connection.sendall(b" ")
                    time.sleep(0.1)
            except OSError:
                pass

    thread = threading.Thread(target=drip)
    thread.start()
    begin = time.monotonic()
    client = connect(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=0.5)
    with pytest.raises(SourceUnreachable, match="no complete answer"):
        client.instant("up")
    assert time.monotonic() - begin < 2
    client.close()
    thread.join()
    listener.close()


def test_a_connection_cut_in_mid_body(connect):
    with raw_server(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"status":"succ') as (url, taken):
        with pytest.raises(SourceAnswerInvalid, match="in the middle of an answer, 3 attempts"):
            connect(url, attempts=3).instant("up")
        assert len(taken) == 3


def test_a_connection_closed_without_an_answer(connect):
    with raw_server(b"") as (url, _), pytest.raises(SourceAnswerInvalid, match="in the middle"):
        connect(url, attempts=2).instant("up")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("this is not JSON", "not an answer of the Prometheus API"),
        ("<!DOCTYPE html><html><title>Sign in</title></html>", "web page"),
        ('{"status":"success"}', "not an answer"),
        ('{"status":"success","data":{"resultType":"matrix","result":[]}}', "not an answer"),
        (
            '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}',
            "not a number",
        ),
        ('{"status":"success","data":{"resultType":"vector","result":[{"metric":7}]}}', "not an answer"),
        ('["a list"]', "not an answer"),
        ("", "not an answer"),
        ("\xff\xfe", "not an answer"),
    ],
)
def test_answers_of_another_kind(httpserver, connect, body, said):
    client = connect(always(httpserver, Response(body.encode("latin-1"), 200)))
    with pytest.raises(SourceAnswerInvalid, match=said) as caught:
        client.instant("up")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "values",
    ['[[1,"2"],[3]]', '[[1,"2","3"]]', '[["a","b"]]', "[1,2]", '{"a":1}', '[[1,"1,5"]]', "[[1,null]]", '[[1,"2"],[]]'],
)
def test_samples_of_another_shape(httpserver, connect, values):
    body = f'{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":{values}}}]}}}}'
    httpserver.expect_request(RANGE).respond_with_data(body)
    with pytest.raises(SourceAnswerInvalid):
        connect(httpserver.url_for("").rstrip("/")).range("up", 0, 300, 300)


def test_a_refused_query(httpserver, connect):
    url = always(
        httpserver, answer({"status": "error", "errorType": "bad_data", "error": "parse\x1b[31m error\n"}, 400)
    )
    with pytest.raises(SourceError, match=r"refuses a query \(400: parse \[31m error\)"):
        connect(url).instant("up{")


def test_no_api_there(httpserver, connect):
    with pytest.raises(SourceError, match="no Prometheus API here") as caught:
        connect(always(httpserver, Response("404 page not found", 404))).instant("up")
    assert "/api/v1" in caught.value.fix


def test_redirects_are_not_followed(httpserver, connect):
    """A login page: neither the query nor a tenant header goes to another server."""
    location = f"https://sso.example/login?token={SECRET}"
    url = always(httpserver, Response("", 302, headers={"Location": location}))
    with pytest.raises(SourceAnswerInvalid, match=r"302 to https://sso.example/login") as caught:
        connect(url, headers={"X-Scope-OrgID": SECRET}).instant("up")
    assert SECRET not in str(caught.value)


def test_an_error_told_with_status_200(httpserver, connect):
    with pytest.raises(SourceLimit):
        connect(always(httpserver, answer(TOO_MANY))).instant("up")


def test_an_answer_larger_than_allowed_is_a_limit(httpserver, connect):
    client = connect(always(httpserver, Response(" " * 3_000_000)), max_answer_bytes=1_000_000)
    with pytest.raises(SourceLimit, match="larger than"):
        client.instant("up")


def test_every_error_keeps_secrets(httpserver, connect):
    """User, password, token and headers, in the URL or beside it, never come back out."""
    host = httpserver.url_for("").removeprefix("http://").rstrip("/")
    replies = [
        Response("", 401),
        Response("<html>login</html>"),
        Response("", 302, headers={"Location": f"http://user:{SECRET}@x/?q={SECRET}"}),
        answer(TOO_MANY, 422),
        Response("", 404),
        Response("garbage", 500),
    ]
    count = len(replies)
    httpserver.expect_request("/api/v1/query").respond_with_handler(lambda _r: replies.pop(0))
    for _ in range(count):
        client = connect(f"http://user:{SECRET}@{host}", headers={"X-Token": SECRET}, params={"key": SECRET})
        with pytest.raises(SourceError) as caught:
            client.instant("up")
        assert SECRET not in f"{caught.value} {caught.value!r} {client.options!r}"
        assert SECRET not in client.source().model_dump_json()
    with pytest.raises(SourceUnreachable) as gone:
        connect(f"http://user:{SECRET}@127.0.0.1:9").instant("up")
    assert SECRET not in str(gone.value)


def test_many_threads_share_one_client(httpserver, connect):
    """Eight threads, 200 questions: each gets its own answer."""

    def echo(request):
        value = request.form["query"]
        document = {
            "status": "success",
            "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, value]}]},
        }
        return answer(document)

    httpserver.expect_request("/api/v1/query").respond_with_handler(echo)
    client: PrometheusClient = connect(httpserver.url_for("").rstrip("/"), threads=8)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: client.instant(str(i)).values[0], range(200)))
    np.testing.assert_array_equal(answers, np.arange(200.0))
    assert client.queries == 200


def test_the_query_goes_in_the_body(httpserver, connect):
    """Long queries do not fit in a URL; the server is told to give up in time, too."""
    seen = {}

    def note(request):
        seen.update(form=request.form.to_dict(), query=request.query_string, method=request.method)
        return answer(EMPTY)

    httpserver.expect_request("/api/v1/query").respond_with_handler(note)
    text = "x" * 100_000
    connect(httpserver.url_for("").rstrip("/"), timeout_seconds=50, params={"dedup": "true"}).instant(text, 1234.5)
    assert seen["form"] == {"query": text, "time": "1234.5", "timeout": "45s", "dedup": "true"}
    assert seen["query"] == b""
    assert seen["method"] == "POST"
