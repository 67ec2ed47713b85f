"""Kubeconfigs that cannot be used, each with the line that helps."""

import json
import logging
import os

import pytest
from fakes.kube_api import KubeApi, write_kubeconfig

from planner.collectors.kubernetes import connection as module
from planner.collectors.kubernetes.client import connect
from planner.collectors.kubernetes.connection import connection
from planner.collectors.kubernetes.options import KubernetesOptions
from planner.errors import ConfigError, PlannerError, SourceDenied, SourceError, UsageError


def options(path, **more):
    return KubernetesOptions(kubeconfig=str(path), **more)


def test_the_current_context_and_another_one(tmp_path):
    first = write_kubeconfig(tmp_path / "a", "https://a.example:6443", context="east", token="t1")
    second = write_kubeconfig(tmp_path / "b", "https://b.example:6443", context="west", token="t2")
    both = os.pathsep.join((str(first), str(second)))
    assert connection(options(first)).configuration.host == "https://a.example:6443"
    found = connection(options(both, context="west"))
    assert (found.context, found.configuration.host) == ("west", "https://b.example:6443")
    assert "t2" not in repr(found)


def test_an_unknown_context_lists_the_known_ones(tmp_path):
    path = write_kubeconfig(tmp_path / "a", "https://a.example", context="east")
    with pytest.raises(UsageError, match="no context 'wset'") as caught:
        connection(options(path, context="wset"))
    assert caught.value.fix == "choose --context from: east"
    assert caught.value.where == str(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="there is no kubeconfig") as caught:
        connection(options(tmp_path / "nothing"))
    assert "--kubeconfig" in caught.value.fix


def test_no_kubeconfig_and_no_service_account(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEFAULT_KUBECONFIG", tmp_path / "none")
    monkeypatch.setattr(module, "SERVICE_ACCOUNT", tmp_path / "none")
    with pytest.raises(ConfigError, match="no way to the Kubernetes API"):
        connection(KubernetesOptions())
    with pytest.raises(ConfigError, match="no service account is mounted"):
        connection(KubernetesOptions(in_cluster=True))


def test_inside_a_pod(tmp_path, monkeypatch):
    """The client knows the paths of the service account by heart: they are moved for the test."""
    from kubernetes.config import incluster_config

    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "ca.crt").write_text("certificate")
    monkeypatch.setattr(module, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setattr(module, "DEFAULT_KUBECONFIG", tmp_path / "none")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = connection(KubernetesOptions())
    assert (found.context, found.configuration.host) == ("in-cluster", "https://10.0.0.1:443")
    with pytest.raises(UsageError, match="inside a pod"):
        connection(KubernetesOptions(context="east"))


GOOD = {
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    "clusters": [{"name": "k", "cluster": {"server": "https://a.example"}}],
    "users": [{"name": "u", "user": {"token": "planted-token"}}],
}


@pytest.mark.parametrize(
    "document",
    [
        "",
        "- a list",
        "a: [unclosed planted-token",
        "\x00",
        json.dumps({**GOOD, "contexts": 5}),
        json.dumps({**GOOD, "contexts": [{"name": 3}]}),
        json.dumps({**GOOD, "contexts": [{"name": "c", "context": "x"}]}),
        json.dumps({**GOOD, "clusters": []}),
        json.dumps({**GOOD, "clusters": [{"name": "k", "cluster": {"server": 5}}]}),
        json.dumps({**GOOD, "current-context": None}),
        json.dumps({**GOOD, "users": [{"name": "u", "user": {"client-certificate": "/no/such/file"}}]}),
        json.dumps({**GOOD, "users": [{"name": "u", "user": {"tokenFile": "/no/such/file"}}]}),
        json.dumps({**GOOD, "users": [{"name": "u", "user": {"auth-provider": {"name": "oidc", "config": {}}}}]}),
    ],
)
def test_broken_kubeconfigs_have_no_traceback_and_leak_nothing(tmp_path, document):
    path = tmp_path / "config"
    path.write_text(document)
    with pytest.raises(PlannerError) as caught:
        connection(options(path))
    assert str(tmp_path) in caught.value.where
    assert "planted-token" not in str(caught.value)


@pytest.mark.parametrize("user", [{"client-certificate-data": "planted-token%%"}, {"token": ["planted-token"]}])
def test_credentials_that_no_server_takes_fail_with_the_first_request(tmp_path, user):
    """The client looks into a certificate only when it connects, and takes a strange token as text."""
    with KubeApi() as api:
        api.token = "right"
        address = api.url.replace("http:", "https:") if "token" not in user else api.url
        path = write_kubeconfig(tmp_path / "config", address, user=user)
        with connect(options(path)) as client, pytest.raises(SourceError) as caught:
            client.get("/version")
    assert "planted-token" not in str(caught.value)


def test_a_credential_plug_in_that_fails_is_named(tmp_path, caplog):
    script = tmp_path / "plugin"
    script.write_text("#!/bin/sh\necho 'session expired, run: cloud login' >&2\nexit 3\n")
    script.chmod(0o700)
    execute = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(script)}
    path = write_kubeconfig(tmp_path / "config", "https://a.example", user={"exec": execute})
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(SourceDenied, match="session expired") as caught:
        connection(options(path))
    assert "kubectl --context test get namespaces" in caught.value.fix
    assert caplog.records == []
    assert logging.getLogger().handlers == handlers


def test_a_refreshed_token_is_used_but_not_written_into_the_kubeconfig(tmp_path):
    fresh = {"credential": {"access_token": "fresh", "token_expiry": "2090-01-01T00:00:00Z"}}
    script = tmp_path / "refresh"
    script.write_text(f"#!/bin/sh\necho '{json.dumps(fresh)}'\n")
    script.chmod(0o700)
    provider = {"name": "gcp", "config": {"cmd-path": str(script)}}
    path = write_kubeconfig(tmp_path / "config", "https://a.example", user={"auth-provider": provider})
    before = path.read_text()
    assert connection(options(path)).configuration.api_key == {"BearerToken": "Bearer fresh"}
    assert path.read_text() == before


def test_a_credential_plug_in_that_works(tmp_path):
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "fresh"}}
    script = tmp_path / "plugin"
    script.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    script.chmod(0o700)
    with KubeApi() as api:
        api.token = "fresh"
        execute = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(script)}
        path = write_kubeconfig(tmp_path / "config", api, user={"exec": execute})
        before = path.read_text()
        with connect(options(path)) as client:
            assert client.get("/version")
        assert path.read_text() == before
