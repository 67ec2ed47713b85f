"""A Kubernetes API server over HTTP for tests: lists, discovery, access reviews and the service proxy.

::

    with KubeApi({"pods": [...], "rollouts.argoproj.io": [...]}) as api:
        api.forbid("nodes")
        kubeconfig = write_kubeconfig(tmp_path / "config", api)

Resource names are kubectl's: the plural for Kubernetes' own groups, ``plural.group`` else.
"""

import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fakes.kube_http import Request, handler, write_kubeconfig
from fakes.kube_store import BadSelector, KubeStore, ResourceType

__all__ = ["KubeApi", "Request", "write_kubeconfig"]

METADATA_ONLY = "as=PartialObjectMetadataList"
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERSION = "v1.36.2"


@dataclass
class Fault:
    """An answer instead of the right one, for some times; status 0 is none at all."""

    resource: str
    status: int
    times: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    only_continued: bool = False


class Refused(Exception):
    """A Status object as the answer."""

    def __init__(self, code: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.headers = dict(headers or {})
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }


class KubeApi:
    """The server; a context manager.

    Attributes:
        store: its objects; may be changed between requests.
        requests: everything that was asked.
    """

    def __init__(
        self,
        objects: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        *,
        certificate: tuple[Path, Path] | None = None,
        client_ca: Path | None = None,
    ) -> None:
        self.store = KubeStore(objects)
        self.requests: list[Request] = []
        self.user = "tester"
        self.token = ""
        self.reviews = True
        self._forbidden: list[tuple[str, str, frozenset[str] | None]] = []
        self._faults: list[Fault] = []
        self._delays: dict[str, float] = {}
        self._drips: dict[str, float] = {}
        self._proxies: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._server.daemon_threads = True
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, certificate))
            if client_ca is not None:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(str(client_ca))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "KubeApi":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forbid(self, resource: str, *, verb: str = "list", scopes: Sequence[str] | None = None) -> None:
        """Answer 403 for a resource: everywhere, or in some namespaces (the empty text is the whole cluster)."""
        self._forbidden.append((resource, verb, None if scopes is None else frozenset(scopes)))

    def fail(
        self,
        resource: str,
        status: int,
        *,
        times: int = 1_000_000,
        retry_after: str = "",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer a status (a body of its own with 200) for a resource or a path, so many times."""
        extra = {**(headers or {}), **({"Retry-After": retry_after} if retry_after else {})}
        self._faults.append(Fault(resource, status, times, extra, body))

    def hang_up(self, resource: str, *, times: int = 1_000_000) -> None:
        """Close the connection instead of answering."""
        self._faults.append(Fault(resource, 0, times, body=b"-"))

    def expire_continue(self, resource: str, *, times: int = 1) -> None:
        """Answer 410 to the next requests with a continue token."""
        self._faults.append(Fault(resource, 410, times, only_continued=True))

    def delay(self, resource: str, seconds: float) -> None:
        """Wait before each answer."""
        self._delays[resource] = seconds

    def drip(self, resource: str, seconds: float) -> None:
        """Send each answer in ten pieces, with a pause before each."""
        self._drips[resource] = seconds

    def proxy_to(self, namespace: str, service: str, url: str) -> None:
        """Forward the proxy subresource of ``service`` (``name:port``) to a local URL."""
        self._proxies[(namespace, service)] = url

    def asked(self, path: str) -> list[Request]:
        """Requests of one path, in order."""
        return [request for request in self.requests if request.path == path]

    def is_forbidden(self, resource: str, verb: str, scope: str) -> bool:
        """Whether a rule of :meth:`forbid` holds."""
        return any(
            resource == name and verb == action and (scopes is None or scope in scopes)
            for name, action, scopes in self._forbidden
        )

    # What follows is used by the handler.

    def answer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        with self._lock:
            self.requests.append(request)
        try:
            self._refuse_strangers(request)
            return self._routed(request)
        except Refused as refusal:
            return refusal.code, refusal.headers, _json(refusal.status)

    def _refuse_strangers(self, request: Request) -> None:
        if self.token and request.headers.get("authorization") != [f"Bearer {self.token}"]:
            raise Refused(401, "Unauthorized", "Unauthorized")

    def _routed(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        parts = [part for part in request.path.split("/") if part]
        if "proxy" in parts and "services" in parts:
            return self._proxied(request, parts)
        target = self._target(parts)
        name = target[0].name if target else request.path
        time.sleep(self._delays.get(name, 0.0))
        fault = self._fault(name, continued="continue" in request.query)
        if fault is not None:
            if fault.body:
                return fault.status, fault.headers, fault.body
            reason = "Expired" if fault.status == 410 else "InternalError"
            raise Refused(fault.status, reason, f"made to fail with {fault.status}", fault.headers)
        if request.body and "json" not in request.headers.get("content-type", [""])[0]:
            raise Refused(415, "UnsupportedMediaType", "this server speaks JSON only")
        if request.method == "POST" and request.path == ACCESS_REVIEWS:
            return 201, {}, _json(self._review(json.loads(request.body)))
        if request.method != "GET":
            raise Refused(405, "MethodNotAllowed", f"{request.method} is not supported")
        if target is None:
            return 200, {}, _json(self._discovered(request.path.rstrip("/")))
        kind, namespace, object_name = target
        if object_name:
            return 200, {}, _json(self._one(kind, namespace, object_name))
        return 200, {}, _json(self._list(kind, namespace, request))

    def _fault(self, name: str, *, continued: bool) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.resource == name and fault.times > 0 and (continued or not fault.only_continued):
                    fault.times -= 1
                    return fault
        return None

    def _target(self, parts: list[str]) -> tuple[ResourceType, str, str] | None:
        """Type, namespace and name behind a path; ``None`` for discovery."""
        if parts[:1] == ["api"] and len(parts) >= 3:
            group, version, rest = "", parts[1], parts[2:]
        elif parts[:1] == ["apis"] and len(parts) >= 4:
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            return None
        namespace = ""
        if rest[0] == "namespaces" and len(rest) >= 3:
            namespace, rest = rest[1], rest[2:]
        kind = self.store.find(group, version, rest[0])
        if kind is None or len(rest) > 2:
            if (group, rest[0]) == ("authorization.k8s.io", "selfsubjectaccessreviews"):
                return None
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        return kind, namespace, rest[1] if len(rest) == 2 else ""

    def _refuse_forbidden(self, kind: ResourceType, verb: str, scope: str) -> None:
        if self.is_forbidden(kind.name, verb, scope):
            where = f'in the namespace "{scope}"' if scope else "at the cluster scope"
            raise Refused(
                403,
                "Forbidden",
                f'{kind.plural} is forbidden: User "{self.user}" cannot {verb} resource "{kind.plural}"'
                f' in API group "{kind.group}" {where}',
            )

    def _one(self, kind: ResourceType, namespace: str, name: str) -> dict[str, Any]:
        self._refuse_forbidden(kind, "get", namespace or name)
        document = self.store.get(kind.name, namespace, name)
        if document is None:
            raise Refused(404, "NotFound", f'{kind.plural} "{name}" not found')
        return {"apiVersion": kind.api_version, "kind": kind.kind, **document}

    def _list(self, kind: ResourceType, namespace: str, request: Request) -> dict[str, Any]:
        self._refuse_forbidden(kind, "list", namespace)
        query = request.query
        try:
            found = self.store.select(
                kind.name, namespace, query.get("labelSelector", ""), query.get("fieldSelector", "")
            )
        except BadSelector as error:
            raise Refused(400, "BadRequest", f"unable to parse requirement: {error}") from error
        limit = int(query.get("limit", "0"))
        if token := query.get("continue"):
            after = tuple(json.loads(base64.urlsafe_b64decode(token))["after"])
            found = [(key, document) for key, document in found if key > after]
        page = found[:limit] if limit else found
        metadata: dict[str, Any] = {"resourceVersion": str(self.store.revision)}
        if len(page) < len(found):
            metadata["continue"] = base64.urlsafe_b64encode(_json({"after": page[-1][0]})).decode()
            metadata["remainingItemCount"] = len(found) - len(page)
        if METADATA_ONLY in request.headers.get("accept", [""])[0]:
            head = {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata"}
            items = [{**head, "metadata": document.get("metadata")} for _, document in page]
            return {
                "apiVersion": "meta.k8s.io/v1",
                "kind": "PartialObjectMetadataList",
                "metadata": metadata,
                "items": items,
            }
        # Items of Kubernetes' own lists carry neither apiVersion nor kind; custom resources do.
        bare = ("apiVersion", "kind") if kind.built_in else ()
        items = [{name: value for name, value in document.items() if name not in bare} for _, document in page]
        return {"apiVersion": kind.api_version, "kind": f"{kind.kind}List", "metadata": metadata, "items": items}

    def _discovered(self, path: str) -> dict[str, Any]:
        types = list(self.store.types.values())
        if path == "/version":
            return {"major": "1", "minor": "36", "gitVersion": VERSION, "platform": "linux/amd64"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            groups: dict[str, list[str]] = {}
            for kind in types:
                if kind.group and kind.version not in groups.setdefault(kind.group, []):
                    groups[kind.group].append(kind.version)
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(n, v) for n, v in groups.items()]}
        listed = [t for t in types if path == (f"/apis/{t.api_version}" if t.group else f"/api/{t.version}")]
        if not listed:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        resources = [
            {"name": t.plural, "kind": t.kind, "namespaced": t.namespaced, "verbs": ["get", "list"]} for t in listed
        ]
        return {"kind": "APIResourceList", "groupVersion": listed[0].api_version, "resources": resources}

    def _review(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if not self.reviews:
            raise Refused(403, "Forbidden", "reviews are forbidden")
        asked = body["spec"]["resourceAttributes"]
        group, plural = asked.get("group", ""), asked["resource"]
        name = next((t.name for t in self.store.types.values() if (t.group, t.plural) == (group, plural)), plural)
        name += f"/{asked['subresource']}" if asked.get("subresource") else ""
        allowed = not self.is_forbidden(name, asked["verb"], asked.get("namespace", ""))
        return {**body, "status": {"allowed": allowed}}

    def _proxied(self, request: Request, parts: list[str]) -> tuple[int, dict[str, str], bytes]:
        namespace, service = parts[3], parts[5]
        if self.is_forbidden("services/proxy", "get" if request.method == "GET" else "create", namespace):
            raise Refused(403, "Forbidden", "services/proxy is forbidden")
        base = self._proxies.get((namespace, service.removeprefix("https:")))
        if base is None:
            raise Refused(503, "ServiceUnavailable", f"no endpoints available for service {service!r}")
        rest = request.path.split("/proxy", 1)[1]
        query = "&".join(f"{n}={urllib.request.quote(v)}" for n, v in request.query.items())
        # The real server keeps the caller's credentials to itself.
        kept = {n: v[0] for n, v in request.headers.items() if n in ("accept", "content-type")}
        forwarded = urllib.request.Request(
            base + rest + (f"?{query}" if query else ""), data=request.body or None, headers=kept, method=request.method
        )
        try:
            with urllib.request.urlopen(forwarded, timeout=10) as response:
                return response.status, {"Content-Type": response.headers.get("Content-Type", "")}, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {"Content-Type": error.headers.get("Content-Type", "")}, error.read()

    def drip_seconds(self, request: Request) -> float:
        """Pause between pieces of the answer."""
        try:
            target = self._target([part for part in request.path.split("/") if part])
        except Refused:
            return 0.0
        return self._drips.get(target[0].name if target else request.path, 0.0)


def _group(name: str, versions: Sequence[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
