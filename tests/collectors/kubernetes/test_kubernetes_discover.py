"""Prometheus found among the Services, and reached through the API server."""

import ssl
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from fakes.kube_api import KubeApi, write_kubeconfig
from fakes.kube_objects import named

from planner.collectors.kubernetes.client import connect
from planner.collectors.kubernetes.discover import discover_prometheus, proxy_url
from planner.collectors.kubernetes.options import KubernetesOptions
from planner.errors import SourceDenied


def service(name, labels, ports=((9090, "http-web"),), *, namespace="monitoring", **spec):
    listed = [{"port": number, "name": port} for number, port in ports]
    raw = named(name, namespace, spec={"ports": listed, "clusterIP": "10.0.0.9", **spec})
    raw["metadata"]["labels"] = labels
    return raw


STACK = service(
    "kps-prometheus", {"app": "kube-prometheus-stack-prometheus"}, ((9090, "http-web"), (8080, "reloader-web"))
)
SERVER = service(
    "prometheus-server",
    {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server"},
    ((80, "http"),),
)
THANOS = service("thanos-query", {"app.kubernetes.io/name": "thanos-query"}, ((10901, "grpc"), (9090, "http")))
VMSINGLE = service("vmsingle-vm", {"app.kubernetes.io/name": "vmsingle"}, ((8429, "http"),))
VMSELECT = service("vmselect-vm", {"app.kubernetes.io/name": "vmselect"}, ((8481, "http"),))
MIMIR = service(
    "mimir-query-frontend",
    {"app.kubernetes.io/name": "mimir", "app.kubernetes.io/component": "query-frontend"},
    ((8080, "http-metrics"), (9095, "grpc")),
)
OTHERS = (
    service("alertmanager", {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "alertmanager"}),
    service("kubecost-prometheus", {"app": "prometheus", "component": "server", "release": "kubecost"}),
    service("shop", {"app": "shop"}),
    service("outside", {"app": "prometheus"}, externalName="x.example", type="ExternalName"),
    service("mimir-store", {"app.kubernetes.io/name": "mimir", "app.kubernetes.io/component": "store-gateway"}),
    service("odd", {"app": "prometheus"}, ports=(("9090", "web"),)),
)


@pytest.fixture
def found_in(tmp_path):
    def finder(*services, forbid=None, **options):
        with KubeApi({"services": list(services)}) as api:
            if forbid is not None:
                api.forbid("services", scopes=forbid)
            kubeconfig = write_kubeconfig(tmp_path / "config", api, context="east")
            with connect(KubernetesOptions(kubeconfig=str(kubeconfig), **options)) as client:
                found = discover_prometheus(client)
                assert all("labelSelector" in request.query for request in api.requests)
                return found

    return finder


@pytest.mark.parametrize(
    ("raw", "flavour", "port", "path"),
    [
        (STACK, "prometheus", 9090, ""),
        (SERVER, "prometheus", 80, ""),
        (THANOS, "thanos", 9090, ""),
        (VMSINGLE, "victoriametrics", 8429, ""),
        (VMSELECT, "victoriametrics", 8481, "/select/0/prometheus"),
        (MIMIR, "mimir", 8080, "/prometheus"),
    ],
)
def test_each_product_is_known(found_in, raw, flavour, port, path):
    [found] = found_in(raw, *OTHERS)
    assert (found.flavour, found.name, found.port, found.path) == (flavour, raw["metadata"]["name"], port, path)
    assert found.port_forward_command == (
        f"kubectl --context east -n monitoring port-forward service/{found.name} 9090:{port}"
    )
    assert found.local_url == f"http://127.0.0.1:9090{path}"


def test_long_term_stores_come_before_prometheus_and_headless_services_last(found_in):
    operated = service("prometheus-operated", {"operated-prometheus": "true"}, ((9090, "http-web"),), clusterIP="None")
    found = found_in(operated, STACK, SERVER, THANOS, *OTHERS)
    assert [each.name for each in found] == [
        "thanos-query",
        "kps-prometheus",
        "prometheus-server",
        "prometheus-operated",
    ]


def test_nothing_there_and_nothing_allowed(found_in):
    assert found_in(*OTHERS) == []
    with pytest.raises(SourceDenied, match="Services may not be listed") as caught:
        found_in(STACK, forbid=[""])
    assert 'resources ["services"]' in caught.value.fix
    assert "--prometheus" in caught.value.fix
    assert len(found_in(STACK, forbid=[""], namespaces=("monitoring",))) == 1


ASKED = []


class Prometheus(BaseHTTPRequestHandler):
    def do_GET(self):
        ASKED.append((self.path, dict(self.headers)))
        body = b'{"status":"success"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_a_query_through_the_api_server(tmp_path):
    """The token goes to the API server, which keeps it to itself."""
    backend = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    Thread(target=backend.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    with KubeApi({"services": [MIMIR]}) as api:
        api.token = "t"
        api.proxy_to("monitoring", "mimir-query-frontend:8080", f"http://127.0.0.1:{backend.server_port}")
        kubeconfig = write_kubeconfig(tmp_path / "config", api, token="t")
        with connect(KubernetesOptions(kubeconfig=str(kubeconfig))) as client:
            [found] = discover_prometheus(client)
            url, pieces = proxy_url(client, found)
            assert url == (
                f"{api.url}/api/v1/namespaces/monitoring/services/mimir-query-frontend:8080/proxy/prometheus"
            )
            assert (pieces.ca_file, pieces.client_cert, pieces.verify) == (None, None, True)
            assert "Bearer t" not in repr(pieces)
            request = urllib.request.Request(f"{url}/api/v1/query?query=up", headers=pieces.headers())
            with urllib.request.urlopen(request, context=ssl.create_default_context()) as response:
                assert response.read() == b'{"status":"success"}'
    backend.shutdown()
    backend.server_close()
    [(path, headers)] = ASKED
    assert path == "/prometheus/api/v1/query?query=up"
    assert "Authorization" not in headers


def test_certificates_of_the_kubeconfig_are_handed_over(tmp_path):
    for name in ("ca", "crt", "key"):
        (tmp_path / name).write_text("x")
    user = {"client-certificate": str(tmp_path / "crt"), "client-key": str(tmp_path / "key")}
    cluster = {"certificate-authority": str(tmp_path / "ca"), "tls-server-name": "kube"}
    path = write_kubeconfig(tmp_path / "config", "https://a.example:6443", user=user, cluster=cluster)
    from planner.collectors.kubernetes.connection import connection
    from planner.collectors.kubernetes.discover import FoundService

    class Api:
        configuration = connection(KubernetesOptions(kubeconfig=str(path))).configuration
        host = "https://a.example:6443"
        headers = dict

    url, pieces = proxy_url(Api, FoundService("prometheus", "m", "p", 443, "https", "", ""))
    assert url == "https://a.example:6443/api/v1/namespaces/m/services/https:p:443/proxy"
    assert (pieces.ca_file, pieces.server_name) == (str(tmp_path / "ca"), "kube")
    assert pieces.client_cert == (str(tmp_path / "crt"), str(tmp_path / "key"))
