"""The client over real HTTP: pages, retries, limits, and each failure by its name."""

import socket
import subprocess
import time
from contextlib import closing

import pytest
from fakes.kube_api import KubeApi, write_kubeconfig
from fakes.kube_objects import pod

from planner.collectors.kubernetes.client import Expired, Forbidden, ListFailed, NotFound, connect, without_user
from planner.collectors.kubernetes.options import KubernetesOptions
from planner.errors import SourceAnswerInvalid, SourceDenied, SourceUnreachable

PODS = "/api/v1/pods"


@pytest.fixture
def api():
    with KubeApi({"pods": [pod(f"p{i:02}") for i in range(7)]}) as server:
        yield server


@pytest.fixture
def open_client(tmp_path):
    opened = []

    def opener(server, *, user=None, cluster=None, token="", **options):
        kubeconfig = write_kubeconfig(tmp_path / "config", server, user=user, cluster=cluster, token=token)
        options = {"wait_seconds": 0.01, **options}
        client = connect(KubernetesOptions(kubeconfig=str(kubeconfig), **options))
        opened.append(client)
        return client

    yield opener
    for client in opened:
        client.__exit__(None, None, None)


def names(client, path=PODS):
    return [[item["metadata"]["name"] for item in page] for page in client.list_pages(path)]


def test_pages_follow_the_continue_token(api, open_client):
    client = open_client(api, page_size=3)
    assert names(client) == [["p00", "p01", "p02"], ["p03", "p04", "p05"], ["p06"]]
    asked = api.asked(PODS)
    assert [request.query["limit"] for request in asked] == ["3", "3", "3"]
    assert ["continue" in request.query for request in asked] == [False, True, True]
    assert client.requests == 3


def test_an_empty_list_is_one_empty_page(api, open_client):
    assert names(open_client(api), "/apis/apps/v1/deployments") == [[]]


def test_an_expired_token_starts_the_list_again_once(api, open_client):
    api.expire_continue("pods", times=1)
    client = open_client(api, page_size=4)
    assert names(client) == [["p00", "p01", "p02", "p03"], ["p00", "p01", "p02", "p03"], ["p04", "p05", "p06"]]
    api.expire_continue("pods", times=2)
    with pytest.raises(ListFailed, match="expired twice"):
        names(client)


def test_too_many_requests_waits_as_long_as_told(api, open_client):
    api.fail("pods", 429, times=1, retry_after="1")
    began = time.monotonic()
    assert len(names(open_client(api))) == 1
    assert 1.0 <= time.monotonic() - began < 3.0


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_failures_are_tried_again_and_lasting_ones_named(api, open_client, status):
    client = open_client(api, tries=3)
    api.fail("pods", status, times=2)
    assert len(names(client)) == 1
    api.fail("pods", status)
    with pytest.raises(ListFailed, match=f"answered {status} .* 3 times"):
        names(client)
    assert len(api.asked(PODS)) == 6


def test_a_failure_that_repeating_cannot_cure_is_not_repeated(api, open_client):
    client = open_client(api)
    api.forbid("pods")
    for path, error in ((PODS, Forbidden), ("/apis/nowhere/v1/things", NotFound)):
        with pytest.raises(error):
            client.get(path)
    api.fail("nodes", 410)
    with pytest.raises(Expired):
        client.get("/api/v1/nodes")
    assert client.requests == 3


def test_refused_credentials_are_named_without_the_token(api, open_client):
    api.token = "right"
    client = open_client(api, token="wrong-secret")
    with pytest.raises(SourceDenied, match="does not accept the credentials of context 'test'") as caught:
        client.get("/version")
    assert "kubectl --context test" in caught.value.fix
    assert "wrong-secret" not in str(caught.value)
    assert "wrong-secret" not in repr(client)
    assert open_client(api, token="right").get("/version")["gitVersion"]


def test_impersonation(api, open_client):
    open_client(api, as_user="jane", as_groups=("dev", "ops")).get("/version")
    headers = api.requests[-1].headers
    assert headers["impersonate-user"] == ["jane"]
    assert headers["impersonate-group"] == ["dev", "ops"]
    client = open_client(api, as_user="jane", as_groups=("dev",), token="t")
    assert client.headers() == {"authorization": "Bearer t", "Impersonate-User": "jane", "Impersonate-Group": "dev"}
    client.get("/version")
    assert api.requests[-1].headers["impersonate-group"] == ["dev"]


def test_large_pages_travel_compressed(open_client):
    many = [pod(f"p{i:04}") for i in range(400)]
    with KubeApi({"pods": many}) as api:
        assert sum(map(len, names(open_client(api)))) == 400
        assert api.requests[-1].headers["accept-encoding"] == ["gzip"]


@pytest.mark.parametrize("body", [b"<html>login</html>", b'{"items": [', b"[]", b'{"items": 3}', b"[" * 100_000])
def test_an_answer_that_is_no_list(api, open_client, body):
    api.fail("pods", 200, body=body)
    with pytest.raises(SourceAnswerInvalid):
        names(open_client(api))


def test_credentials_do_not_follow_a_redirect(api, open_client):
    with KubeApi({"pods": [pod("stolen")]}) as other:
        api.fail("pods", 302, headers={"Location": f"{other.url}{PODS}"}, body=b"{}")
        with pytest.raises(SourceAnswerInvalid, match="302"):
            names(open_client(api, token="t"))
        assert other.requests == []


def test_no_server_at_all(open_client):
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = open_client(address)
    began = time.monotonic()
    with pytest.raises(SourceUnreachable, match="connection was refused") as caught:
        client.get("/version")
    assert caught.value.where == address
    assert "kubectl --context test version" in caught.value.fix
    assert time.monotonic() - began < 2.0  # the first request tells at once, without retries
    with pytest.raises(SourceUnreachable, match="name is not known"):
        open_client("http://no-such-host.invalid").get("/version")


def test_a_slow_answer_has_a_time_limit(api, open_client):
    api.delay("/version", 1.0)
    with pytest.raises(SourceUnreachable, match=r"no answer within 0\.2 s"):
        open_client(api, read_seconds=0.2).get("/version")


def test_a_dripping_answer_has_a_time_limit_too(api, open_client):
    """Ten pieces, one every 0.15 s: no single read is slow, the whole is."""
    api.drip("pods", 0.15)
    client = open_client(api, read_seconds=0.4)
    began = time.monotonic()
    with pytest.raises(SourceUnreachable, match="no whole answer"):
        names(client)
    assert time.monotonic() - began < 1.2


def test_a_connection_that_breaks_is_tried_again(api, open_client):
    client = open_client(api, tries=2)
    client.get("/version")
    api.hang_up("pods", times=1)
    assert len(names(client)) == 1
    api.hang_up("pods")
    with pytest.raises(ListFailed, match=r"no answer to .*the connection broke"):
        names(client)


def make_certificates(folder):
    """A CA, a server certificate for 127.0.0.1 and a client certificate."""

    def run(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=folder)

    new = ("req", "-newkey", "rsa:2048", "-nodes")
    uses = ("-addext", "keyUsage=critical,keyCertSign", "-addext", "basicConstraints=critical,CA:TRUE")
    run(*new, "-x509", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "2", *uses)
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san")
    for name in ("server", "client"):
        run(*new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        run("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)
    return folder


@pytest.mark.integration
def test_certificates(tmp_path, open_client):
    import shutil

    if shutil.which("openssl") is None:
        pytest.skip("no openssl on PATH")
    folder = make_certificates(tmp_path)
    certificate = (folder / "server.crt", folder / "server.key")
    with KubeApi(certificate=certificate, client_ca=folder / "ca.crt") as api:
        cluster = {"certificate-authority": str(folder / "ca.crt")}
        user = {"client-certificate": str(folder / "client.crt"), "client-key": str(folder / "client.key")}
        assert open_client(api, cluster=cluster, user=user).get("/version")
        with pytest.raises(SourceUnreachable, match="secure connection") as caught:
            open_client(api, user=user).get("/version")
        assert "certificate-authority" in caught.value.fix
        with pytest.raises(SourceUnreachable):
            open_client(api, cluster=cluster).get("/version")


def test_https_towards_a_server_without_it(api, open_client):
    with pytest.raises(SourceUnreachable, match="secure connection"):
        open_client(api.url.replace("http:", "https:")).get("/version")


def test_no_user_information_in_printed_urls():
    assert without_user("https://jane:pw@host:6443/k8s?x=1") == "https://host:6443/k8s"
