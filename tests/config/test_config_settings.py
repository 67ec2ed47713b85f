import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.config.address import redact_address, split_credentials
from planner.config.settings import PrometheusSettings, Settings, make_settings
from planner.errors import EXIT_USAGE, ConfigError

SECRET = "hunter2-hunter2"
URL = "http://prometheus.example:9090/base/"


def prometheus(**values) -> PrometheusSettings:
    made = make_settings({"prometheus": {"url": URL} | values}).prometheus
    assert made is not None
    return made


def refused(**values) -> str:
    with pytest.raises(ConfigError) as caught:
        make_settings({"prometheus": {"url": URL} | values})
    assert caught.value.exit_code == EXIT_USAGE
    return str(caught.value)


def test_nothing_is_needed():
    assert make_settings({}) == Settings()
    found = prometheus()
    assert (found.url, found.auth_method, found.step_seconds) == ("http://prometheus.example:9090/base", "none", 300)
    assert found.window_days == 14
    assert not found.send_kubernetes_token


@pytest.mark.parametrize(
    ("values", "method"),
    [
        ({"username": "u", "password": SECRET}, "basic"),
        ({"username": "u", "password_file": "/p"}, "basic"),
        ({"url": f"https://u:{SECRET}@h/x"}, "basic"),
        ({"bearer_token": SECRET}, "bearer"),
        ({"bearer_token_file": "/t"}, "bearer-file"),
        ({"token_command": ["gcloud", "auth", "print-access-token"]}, "token-command"),
        ({"send_kubernetes_token": True}, "kubernetes-token"),
        ({"sigv4": {"region": "eu-west-1"}}, "sigv4"),
        ({"headers": {"X-Scope-OrgID": SECRET}}, "none"),
        ({"client_cert": "/c", "client_key": "/k", "ca_file": "/a"}, "none"),
        ({"bearer_token": SECRET, "client_cert": "/c"}, "bearer"),
    ],
)
def test_ways_to_log_in(values, method):
    found = prometheus(**values)
    assert found.auth_method == method
    for shown in (repr(found), str(found), found.model_dump_json(), str(found.model_dump()), found.redacted_url):
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"username": "u", "password": SECRET, "bearer_token": SECRET}, "several ways to log in: basic, bearer"),
        ({"url": f"http://u:{SECRET}@h", "bearer_token": SECRET}, "several ways to log in: basic, bearer"),
        ({"url": f"http://u:{SECRET}@h", "username": "v"}, "the address holds credentials"),
        ({"username": "u", "password": SECRET, "password_file": "/p"}, "both a password and a password file"),
        ({"password": SECRET}, "a password without a user"),
        ({"headers": {"authorization": SECRET}, "bearer_token": SECRET}, "an Authorization header beside"),
        ({"client_key": "/k"}, "a client key without its certificate"),
        ({"insecure_skip_verify": True, "ca_file": "/a"}, "a CA file has no use"),
        ({"bearer_tokn": SECRET}, "prometheus.bearer_tokn: unknown key; did you mean bearer_token?"),
        ({"headers": {"a": [SECRET]}}, "prometheus.headers.a: "),
        ({"headers": SECRET}, "prometheus.headers: must be a mapping"),
        ({"concurrency": SECRET}, "prometheus.concurrency: input should be a valid integer"),
        ({"concurrency": 0}, "concurrency"),
        ({"url": SECRET}, "must begin with http:// or https://"),
        ({"url": f"ftp://u:{SECRET}@h"}, "must begin with http:// or https://"),
        ({"url": f"http://u:{SECRET}@"}, "names no host"),
        ({"url": f"http://u:{SECRET}@h:99999"}, "not an address"),
        ({"url": f"http://u:{SECRET}@[h"}, "not an address"),
        ({"url": f"http://h/?token={SECRET}"}, "a query cannot be part of it"),
        ({"step_seconds": 7}, "step_seconds"),
        ({"step_seconds": 7 * 60}, "must divide a day"),
        ({"cluster_label": "cluster"}, "belong together"),
        ({"cluster_label": "a-b", "cluster_value": "x"}, "cluster_label"),
        ({"start": "2026-01-01T00:00:00"}, "need a time zone"),
        ({"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "start is not before end"),
        ({"read_timeout_seconds": "nan"}, "read_timeout_seconds"),
    ],
)
def test_contradictions_are_refused_and_no_secret_is_shown(values, told):
    message = refused(**values)
    assert told in message
    assert SECRET not in message


def test_no_secret_in_the_chain_of_exceptions():
    with pytest.raises(ConfigError) as caught:
        make_settings({"prometheus": {"url": URL, "bearer_tokn": SECRET, "concurrency": SECRET}})
    seen: BaseException | None = caught.value
    while seen is not None:
        assert SECRET not in f"{seen!s}{seen!r}" or seen.__suppress_context__
        seen = seen.__cause__


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"kubernetes": {"in_cluster": True, "context": "c"}}, "in-cluster access uses no kubeconfig"),
        ({"kubernetes": {"impersonate_groups": ["g"]}}, "need an impersonated user"),
        ({"prices": {"max_per_hour": 0}}, "prices.max_per_hour"),
        ({"kuberntes": {}}, "did you mean kubernetes?"),
    ],
)
def test_other_settings(values, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        make_settings(values)


_TEXT = st.text(min_size=1, max_size=20)


@given(
    user=_TEXT,
    password=_TEXT,
    host=st.sampled_from(["h", "h.example:9090", "[::1]:9090"]),
    path=st.sampled_from(["", "/a/b"]),
)
def test_credentials_in_an_address_come_out_whole_and_leave_no_trace(user, password, host, path):
    address = f"https://{quote(user, safe='')}:{quote(password, safe='')}@{host}{path}"
    assert split_credentials(address) == (f"https://{host}{path}", user, password)
    assert redact_address(address) == f"https://{host}{path}"


def test_redaction_never_fails():
    assert redact_address("http://u:p@h/x?token=1#f") == "http://h/x"
    assert redact_address("http://u:p@[h") == "(not an address)"
    assert redact_address("") == ""


def test_window_is_cut_to_the_step():
    """12:07:30 is cut to 12:05; 14 days before it starts on the step too."""
    now = datetime(2026, 11, 24, 12, 7, 30, tzinfo=UTC)
    end = datetime(2026, 11, 24, 12, 5, tzinfo=UTC).timestamp()
    assert prometheus().window(now) == (end - 14 * 86_400, end)
    found = prometheus(start="2026-11-20T10:02:00+02:00", end="2030-01-01T00:00:00Z")
    assert found.window(now) == (datetime(2026, 11, 20, 8, 0, tzinfo=UTC).timestamp(), end)
