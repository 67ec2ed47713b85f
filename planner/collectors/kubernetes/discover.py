"""Finds Prometheus and its like among the Services of a cluster, and the way to it through the API server.

Selectors: the labels that the charts of kube-prometheus-stack, prometheus, Thanos, VictoriaMetrics
and Mimir set (their repositories, November 2026).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from planner.collectors.kubernetes.client import Forbidden, KubernetesApi
from planner.collectors.kubernetes.fields import FieldError, child, integer, items, text, text_map
from planner.collectors.kubernetes.resources import rbac_rule
from planner.errors import SourceDenied

LOCAL_PORT = 9090


@dataclass(frozen=True, slots=True)
class _Flavour:
    """One product: which labels its Service carries, under which path it answers."""

    name: str
    labels: tuple[tuple[str, str], ...]
    path: str = ""
    ports: tuple[str, ...] = ()


# The long-term store of a cluster knows more than the Prometheus that fills it: it comes first.
_FLAVOURS = (
    _Flavour("thanos", (("app.kubernetes.io/name", "thanos-query-frontend"),), ports=("http",)),
    _Flavour("thanos", (("app.kubernetes.io/component", "query-frontend"), ("app.kubernetes.io/name", "thanos"))),
    _Flavour("thanos", (("app.kubernetes.io/name", "thanos-query"),), ports=("http",)),
    _Flavour("thanos", (("app.kubernetes.io/component", "query"), ("app.kubernetes.io/name", "thanos"))),
    _Flavour("thanos", (("app", "thanos-query"),)),
    _Flavour("victoriametrics", (("app.kubernetes.io/name", "vmselect"),), path="/select/0/prometheus"),
    _Flavour("victoriametrics", (("app", "vmselect"),), path="/select/0/prometheus"),
    _Flavour("victoriametrics", (("app.kubernetes.io/name", "vmsingle"),)),
    _Flavour("victoriametrics", (("app.kubernetes.io/name", "victoria-metrics-single"),)),
    _Flavour("victoriametrics", (("app", "vmsingle"),)),
    _Flavour(
        "mimir",
        (("app.kubernetes.io/component", "query-frontend"), ("app.kubernetes.io/name", "mimir")),
        path="/prometheus",
    ),
    _Flavour("prometheus", (("app", "kube-prometheus-stack-prometheus"),)),
    _Flavour("prometheus", (("app.kubernetes.io/name", "prometheus"), ("app.kubernetes.io/component", "server"))),
    _Flavour("prometheus", (("app", "prometheus"), ("component", "server"))),
    _Flavour("prometheus", (("app.kubernetes.io/name", "prometheus"),)),
    _Flavour("prometheus", (("app", "prometheus-server"),)),
    _Flavour("prometheus", (("app", "prometheus-operator-prometheus"),)),
    _Flavour("prometheus", (("app", "rancher-monitoring-prometheus"),)),
    _Flavour("prometheus", (("app", "prometheus-prometheus"),)),
    _Flavour("prometheus", (("operated-prometheus", "true"),)),
    _Flavour("prometheus", (("app", "prometheus"),)),
)
_WEB_PORTS = ("http-web", "web", "http", "http-query", "http-metrics", "server", "https", "https-web", "https-main")
_OTHER_COMPONENTS = frozenset(
    {"alertmanager", "node-exporter", "pushgateway", "operator", "kube-state-metrics", "adapter"}
)


@dataclass(frozen=True, slots=True)
class FoundService:
    """A Service that should answer Prometheus queries.

    Attributes:
        flavour: ``prometheus``, ``thanos``, ``victoriametrics`` or ``mimir``.
        scheme: of the Service's port.
        path: prefix before ``/api/v1``.
        port_forward_command: the line that reaches it without the API server's proxy.
    """

    flavour: str
    namespace: str
    name: str
    port: int
    scheme: str
    path: str
    port_forward_command: str

    @property
    def local_url(self) -> str:
        """URL of it while the port is forwarded."""
        return f"{self.scheme}://127.0.0.1:{LOCAL_PORT}{self.path}"


@dataclass(frozen=True)
class ProxyConnection:
    """How to reach a Service through the API server. The credentials are for the API server alone.

    Attributes:
        headers: gives the headers to send, with a fresh token.
        ca_file: certificate authority, ``None`` = the system's.
        client_cert: files of certificate and key, ``None`` = no client certificate.
        verify: whether to check the server's certificate.
        server_name: name to expect in the certificate, ``None`` = the host's.
        proxy: URL of an HTTP proxy towards the API server.
    """

    headers: Callable[[], dict[str, str]]
    ca_file: str | None
    client_cert: tuple[str, str] | None
    verify: bool
    server_name: str | None
    proxy: str | None


def discover_prometheus(api: KubernetesApi) -> list[FoundService]:
    """Services that look like Prometheus, best first; empty when there are none.

    Raises:
        SourceDenied: Services may not be listed.
    """
    ranked: dict[tuple[str, str], tuple[int, bool, FoundService]] = {}
    for selector in _selectors():
        for document in _services(api, selector):
            try:
                found = _judged(api, document)
            except FieldError:  # a Service of another shape is none of ours
                continue
            if found is not None:
                ranked.setdefault((found[2].namespace, found[2].name), found)
    order = sorted(ranked.values(), key=lambda each: (each[0], each[1], each[2].namespace, each[2].name))
    return [found for _, _, found in order]


def _selectors() -> list[str]:
    """One set-based selector per label."""
    values: dict[str, set[str]] = {}
    for flavour in _FLAVOURS:
        # The label that names the product narrows most; "component" alone would find half the cluster.
        named = [pair for pair in flavour.labels if pair[0] in ("app", "app.kubernetes.io/name")]
        label, value = (named or list(flavour.labels))[0]
        values.setdefault(label, set()).add(value)
    return [f"{label} in ({','.join(sorted(known))})" for label, known in sorted(values.items())]


def _services(api: KubernetesApi, selector: str) -> list[Mapping[str, Any]]:
    scopes = [""]
    found: list[Mapping[str, Any]] = []
    try:
        for page in api.list_pages("/api/v1/services", query={"labelSelector": selector}):
            found += [item for item in page if isinstance(item, dict)]
    except Forbidden as error:
        scopes = list(api.options.namespaces)
        if not scopes:
            raise _may_not_search(api) from error
    else:
        return found
    for namespace in scopes:
        try:
            for page in api.list_pages(f"/api/v1/namespaces/{namespace}/services", query={"labelSelector": selector}):
                found += [item for item in page if isinstance(item, dict)]
        except Forbidden as error:
            raise _may_not_search(api) from error
    return found


def _may_not_search(api: KubernetesApi) -> SourceDenied:
    return SourceDenied(
        "Prometheus cannot be looked for: Services may not be listed",
        where=api.host,
        fix=f"name it with --prometheus, or grant {rbac_rule('list', '', 'services')}",
    )


def _judged(api: KubernetesApi, document: Mapping[str, Any]) -> tuple[int, bool, FoundService] | None:
    """Rank, whether it is headless, and the found service; ``None`` for another component."""
    metadata = child(document, "metadata")
    labels = text_map(metadata, "labels")
    namespace, name = text(metadata, "namespace"), text(metadata, "name")
    component = labels.get("app.kubernetes.io/component") or labels.get("component", "")
    rank = next(
        (
            rank
            for rank, flavour in enumerate(_FLAVOURS)
            if all(labels.get(label) == value for label, value in flavour.labels)
        ),
        None,
    )
    # The Prometheus inside Kubecost scrapes only what Kubecost needs.
    ours = component not in _OTHER_COMPONENTS and labels.get("release") != "kubecost"
    if rank is None or not ours or not name or not namespace:
        return None
    flavour = _FLAVOURS[rank]
    spec = child(document, "spec")
    port = _web_port(items(spec, "ports"))
    if port is None or text(spec, "type") == "ExternalName":
        return None
    number, scheme = port
    context = "" if api.context == "in-cluster" else f" --context {api.context}"
    command = f"kubectl{context} -n {namespace} port-forward service/{name} {LOCAL_PORT}:{number}"
    found = FoundService(flavour.name, namespace, name, number, scheme, flavour.path, command)
    return rank, text(spec, "clusterIP") == "None", found


def _web_port(ports: list[dict[str, Any]]) -> tuple[int, str] | None:
    """Port that speaks HTTP: by its name, else the first that is not gRPC."""
    known: list[tuple[int, int, str]] = []
    for port in ports:
        name, number = text(port, "name"), integer(port, "port")
        if number is None or "grpc" in name or name in ("reloader-web", "reloader-http", "memberlist", "gossip-ring"):
            continue
        rank = _WEB_PORTS.index(name) if name in _WEB_PORTS else len(_WEB_PORTS)
        known.append((rank, number, "https" if name.startswith("https") or number == 443 else "http"))
    best = min(known, key=lambda each: each[0], default=None)
    return None if best is None else (best[1], best[2])


def proxy_url(api: KubernetesApi, found: FoundService) -> tuple[str, ProxyConnection]:
    """URL of a Service through the API server, and what a client needs to use it.

    Needs ``get`` (and ``create`` for queries by POST) on ``services/proxy``.
    """
    configuration = api.configuration
    scheme = "https:" if found.scheme == "https" else ""
    service = f"{scheme}{quote(found.name, safe='')}:{found.port}"
    path = f"/api/v1/namespaces/{quote(found.namespace, safe='')}/services/{service}/proxy{found.path}"
    certificate = configuration.cert_file
    pieces = ProxyConnection(
        headers=api.headers,
        ca_file=configuration.ssl_ca_cert,
        client_cert=(certificate, configuration.key_file or certificate) if certificate else None,
        verify=bool(configuration.verify_ssl),
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
    )
    return f"{api.host}{path}", pieces
