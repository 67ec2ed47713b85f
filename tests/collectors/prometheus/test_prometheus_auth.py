"""Who asks: every way to authenticate, against a server that checks it."""

import base64
import json
import ssl
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from planner.collectors.prometheus.auth import run_token_command
from planner.collectors.prometheus.transport import ConnectionOptions, redacted_url
from planner.errors import ConfigError, SourceDenied, SourceUnreachable

EMPTY = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}})


@pytest.fixture
def door(httpserver):
    """A server that lets in who says one of ``door.words``; ``door.said`` is what it heard."""

    opened = SimpleNamespace(words=set(), said=[], headers=[], url=httpserver.url_for("").rstrip("/"))

    def handle(request):
        opened.said.append(request.headers.get("Authorization", ""))
        opened.headers.append(dict(request.headers))
        return Response(EMPTY, 200 if opened.said[-1] in opened.words else 401)

    httpserver.expect_request("/api/v1/query").respond_with_handler(handle)
    return opened


def script(tmp_path, text):
    """A token command: a small Python program."""
    path = tmp_path / "token.py"
    path.write_text(text)
    return f"{sys.executable} {path}"


def test_nobody(door, connect, tmp_path, monkeypatch):
    """Without a setting no header goes out, not even from a .netrc of the user."""
    (tmp_path / ".netrc").write_text("machine localhost login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    door.words = {""}
    connect(door.url).instant("up")
    assert door.said == [""]


def test_basic(door, connect):
    expected = "Basic " + base64.b64encode("üser:pass:word".encode()).decode()
    door.words = {expected}
    connect(door.url, username="üser", password="pass:word").instant("up")
    host = door.url.removeprefix("http://")
    connect(f"http://%C3%BCser:pass%3Aword@{host}").instant("up")
    assert door.said == [expected, expected]


def test_bearer_and_headers(door, connect):
    door.words = {"Bearer tok"}
    connect(door.url, bearer_token="tok\n", headers={"X-Scope-OrgID": "a|b"}).instant("up")
    assert door.headers[0]["X-Scope-Orgid"] == "a|b"


def test_a_token_file_is_read_again(door, connect, tmp_path):
    path = tmp_path / "token"
    path.write_text("one\n")
    door.words = {"Bearer one", "Bearer two"}
    client = connect(door.url, bearer_token_file=path)
    client.instant("up")
    path.write_text("two\n")
    client.instant("up")
    assert door.said == ["Bearer one", "Bearer two"]
    path.write_text("")
    with pytest.raises(SourceDenied, match="no usable token"):
        client.instant("up")
    path.unlink()
    with pytest.raises(SourceDenied, match="cannot read the bearer token file"):
        client.instant("up")


def test_a_token_command_is_kept_until_it_is_refused(door, connect, tmp_path):
    """The program counts its runs. Two questions, one run; then the token is taken back: one more run, one more try."""
    command = script(
        tmp_path,
        "import pathlib\n"
        f"p = pathlib.Path({str(tmp_path)!r}) / 'runs'\n"
        "n = len(p.read_text()) if p.exists() else 0\n"
        "p.write_text('x' * (n + 1))\n"
        "print(f'token-{n + 1}')\n",
    )
    door.words = {"Bearer token-1"}
    client = connect(door.url, token_command=command)
    client.instant("up")
    client.instant("up")
    door.words = {"Bearer token-2"}
    client.instant("up")
    assert door.said == ["Bearer token-1", "Bearer token-1", "Bearer token-1", "Bearer token-2"]
    door.words = set()
    with pytest.raises(SourceDenied):
        client.instant("up")
    assert (tmp_path / "runs").read_text() == "xxx"


def test_forms_of_a_printed_token(tmp_path):
    """A bare token, an exec credential, a cloud's JSON, a web token with its own end of life."""
    soon = int(time.time()) + 600

    def jwt(expiry):
        payload = base64.urlsafe_b64encode(json.dumps({"exp": expiry}).encode()).decode().rstrip("=")
        return f"e30.{payload}.c2ln"

    credential = {"status": {"token": "a", "expirationTimestamp": "2099-01-01T00:00:00Z"}}
    for printed, token, lives in (
        ("plain\n", "plain", 300),
        (json.dumps(credential), "a", 2e9),
        (json.dumps({"accessToken": "b", "expires_on": soon}), "b", 570),
        (jwt(soon), jwt(soon), 570),
        (jwt(1000), jwt(1000), 1),
    ):
        found, until = run_token_command(script(tmp_path, f"print({printed!r}, end='')"))
        assert found == token
        left = until - time.time()
        assert left > 1e9 if lives > 1e9 else abs(left - lives) < 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; print('s3cr3t'); sys.exit(3)", "failed with exit code 3"),
        ("print('')", "no usable token"),
        ("print('two words')", "no usable token"),
        ("print('{broken')", "no usable token"),
        ("print('a\\r\\nX-Evil: 1')", "no usable token"),
    ],
)
def test_a_token_command_that_fails(door, connect, tmp_path, text, said):
    with pytest.raises(SourceDenied, match=said) as caught:
        connect(door.url, token_command=script(tmp_path, text)).instant("up")
    assert "s3cr3t" not in str(caught.value)
    assert door.said == []


def test_a_token_command_that_is_not_there(door, connect):
    with pytest.raises(ConfigError, match="does not exist"):
        connect(door.url, token_command="/no/such/program --secret abc").instant("up")


def test_signatures_need_their_package(connect):
    try:
        import botocore  # noqa: F401
    except ImportError:
        with pytest.raises(ConfigError, match="need botocore") as caught:
            connect("https://aps.example", aws_region="eu-central-1")
        assert "[aws]" in caught.value.fix


def test_signatures(httpserver, connect, monkeypatch):
    """The signature covers the body; the answer of a real service cannot be had here, so its parts are checked."""
    pytest.importorskip("botocore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    heard = []
    httpserver.expect_request("/api/v1/query").respond_with_handler(
        lambda request: heard.append(dict(request.headers)) or Response(EMPTY)
    )
    connect(httpserver.url_for("").rstrip("/"), aws_region="eu-central-1").instant("up")
    assert "Credential=AKIDEXAMPLE/" in heard[0]["Authorization"]
    assert "/eu-central-1/aps/aws4_request" in heard[0]["Authorization"]
    assert "X-Amz-Date" in heard[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "ftp://x"}, "cannot be used"),
        ({"url": "prometheus:9090"}, "cannot be used"),
        ({"url": "http://"}, "cannot be used"),
        ({"url": "http://x:port"}, "cannot be used"),
        ({"url": "http://x/?token=s3cr3t"}, "has a query"),
        ({"url": "http://x", "bearer_token": "a", "username": "b"}, "2 ways"),
        ({"url": "http://u:p@x", "bearer_token": "a"}, "2 ways"),
        ({"url": "http://x", "threads": 0}, "positive"),
    ],
)
def test_options_that_cannot_work(connect, options, said):
    with pytest.raises(ConfigError, match=said) as caught:
        connect(**options)
    assert "s3cr3t" not in str(caught.value)


def test_files_that_are_not_there(connect, tmp_path):
    for name in ("ca_file", "client_certificate", "bearer_token_file"):
        with pytest.raises(ConfigError, match="is not there"):
            connect("https://x", **{name: tmp_path / "none"})
    (tmp_path / "key").write_text("")
    with pytest.raises(ConfigError, match="without its certificate"):
        connect("https://x", client_key=tmp_path / "key")


def test_urls():
    assert ConnectionOptions("https://u:p@host:1/prefix/api/v1/").base_url == "https://host:1/prefix"
    assert ConnectionOptions("http://[::1]:9090").is_loopback
    assert not ConnectionOptions("http://prometheus.monitoring:9090").is_loopback
    assert redacted_url("http://u:p@h/x?t=1#f") == "http://h/x"
    assert "secret" not in repr(ConnectionOptions("http://u:secret@h", bearer_token="secret", token_command="secret"))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A CA, and certificates of a server and of a client that it signed."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*words):
        done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=False)
        if done.returncode:
            pytest.skip("needs the openssl program (Debian: apt-get install openssl)")

    new = ("-newkey", "rsa:2048", "-nodes")
    try:
        openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca")
    except FileNotFoundError:
        pytest.skip("needs the openssl program (Debian: apt-get install openssl)")
    for name in ("server", "client"):
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext")
        openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.pem")
    return folder


def test_certificates(certificates, connect):
    """Checked by default; accepted with the CA; a server that wants the client's certificate gets it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer("127.0.0.1", ssl_context=context) as server:
        server.expect_request("/api/v1/query").respond_with_data(EMPTY)
        url = f"https://127.0.0.1:{server.port}"
        own = {"client_certificate": certificates / "client.pem", "client_key": certificates / "client.key"}
        with pytest.raises(SourceUnreachable, match="certificate not accepted"):
            connect(url, **own).instant("up")
        assert connect(url, ca_file=certificates / "ca.pem", **own).instant("up").labels == []
        with pytest.raises(SourceUnreachable, match=r"TLS failed: .+ .https"):
            connect(url, ca_file=certificates / "ca.pem", attempts=1).instant("up")
