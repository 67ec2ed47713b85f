"""Read-only access to a Kubernetes API: raw paged lists with retries, and answers by their names."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from planner.collectors.kubernetes.connection import Connection, connection
from planner.collectors.kubernetes.options import KubernetesOptions
from planner.errors import SourceAnswerInvalid, SourceDenied, SourceError, SourceUnreachable

JSON = "application/json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
LARGEST_ANSWER_BYTES = 512 * 2**20
LONGEST_RETRY_AFTER_SECONDS = 60.0
_CHUNK_BYTES = 2**18
_RETRIED = frozenset({429, 500, 502, 503, 504})


class Forbidden(SourceDenied):
    """The credentials are good, but not for this (403)."""


class NotFound(SourceError):
    """The server has no such kind or object (404)."""


class Expired(SourceError):
    """The continue token is too old (410)."""


class ListFailed(SourceError):
    """The server kept failing on this request (429, 5xx, no answer)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class KubernetesApi:
    """A connection to one API server. Safe to use from several threads.

    Attributes:
        options: how it was asked for.
        context: name of the kubeconfig's context.
        host: URL of the server without user information.
        requests: requests sent so far.
    """

    def __init__(self, options: KubernetesOptions, found: Connection) -> None:
        import urllib3
        from kubernetes import client

        self.options = options
        self.context = found.context
        self.configuration = found.configuration
        # Retries and redirects are decided here: a redirect must not carry the credentials elsewhere.
        self.configuration.retries = urllib3.Retry(total=0, redirect=0, raise_on_redirect=False)
        self.configuration.connection_pool_maxsize = options.threads + 1
        self.host = without_user(self.configuration.host)
        self.requests = 0
        self._lock = threading.Lock()
        self._answered = False
        self._client = client.ApiClient(self.configuration)

    def __enter__(self) -> "KubernetesApi":
        """The connection itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all sockets."""
        self._client.close()

    @property
    def cluster(self) -> str:
        """Name of the cluster in every key."""
        return self.options.cluster or self.context

    def get(self, path: str, query: Mapping[str, str | int] | None = None, *, accept: str = JSON) -> dict[str, Any]:
        """GET a JSON object, with retries.

        Raises:
            SourceDenied: 401. Forbidden: 403. NotFound: 404. Expired: 410.
            SourceUnreachable: no connection at all. ListFailed: it failed again and again.
            SourceAnswerInvalid: not JSON, or no object.
        """
        return self._decoded(path, self._with_retries("GET", path, query or {}, None, accept))

    def review(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST a SelfSubjectAccessReview: asks what is permitted, stores nothing."""
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return self._decoded(path, self._with_retries("POST", path, {}, dict(body), JSON))

    def list_pages(
        self, path: str, *, accept: str = JSON, query: Mapping[str, str] | None = None
    ) -> Iterator[list[Any]]:
        """Items of a list, page by page; at least one page.

        A continue token that expired (410) starts the list again once: objects may then come twice.

        Raises:
            As :meth:`get`; :class:`ListFailed` when the token expires again.
        """
        restarted = False
        token = ""
        while True:
            asked: dict[str, str | int] = {**(query or {}), "limit": self.options.page_size}
            if token:
                asked["continue"] = token
            try:
                document = self.get(path, asked, accept=accept)
            except Expired as error:
                if restarted or not token:
                    raise ListFailed(f"the list {path} expired twice while it was read", where=self.host) from error
                restarted, token = True, ""
                continue
            items = document.get("items")
            if items is not None and not isinstance(items, list):
                raise SourceAnswerInvalid(f"the list {path} has no items", where=self.host)
            yield items or []
            metadata = document.get("metadata")
            following = metadata.get("continue") if isinstance(metadata, dict) else None
            if not isinstance(following, str) or not following:
                return
            if following == token:
                raise SourceAnswerInvalid(f"the list {path} repeats its continue token", where=self.host)
            token = following

    def headers(self) -> dict[str, str]:
        """Headers that carry the credentials, fresh; never print or store them.

        Several groups to impersonate need a header line each, which a plain map cannot hold: they are
        left out here.
        """
        headers: dict[str, str] = {}
        with self._lock:
            self._client.update_params_for_auth(headers, [], ["BearerToken"], "", "GET", None)
        if self.options.as_user:
            headers["Impersonate-User"] = self.options.as_user
        if len(self.options.as_groups) == 1:
            headers["Impersonate-Group"] = self.options.as_groups[0]
        return headers

    def _with_retries(
        self, method: str, path: str, query: Mapping[str, str | int], body: dict[str, Any] | None, accept: str
    ) -> Answer:
        wait = self.options.wait_seconds
        for attempt in range(1, self.options.tries + 1):
            last = attempt == self.options.tries
            try:
                answer = self._send(method, path, query, body, accept)
            except SourceUnreachable as error:
                if not self._answered:
                    raise
                if last:
                    raise ListFailed(f"no answer to {path}: {error.what}", where=self.host) from error
                time.sleep(wait)
            else:
                self._answered = True
                if answer.status not in _RETRIED or last:
                    return self._judged(path, answer)
                time.sleep(_retry_after(answer.headers, wait))
            wait *= 2
        message = f"{self.options.tries} tries are none"
        raise ValueError(message)

    def _send(
        self, method: str, path: str, query: Mapping[str, str | int], body: dict[str, Any] | None, accept: str
    ) -> Answer:
        import urllib3
        from kubernetes.client import ApiException

        url = self.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        headers: Any = urllib3.HTTPHeaderDict(self.headers())
        headers.update({"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": self._client.user_agent})
        if len(self.options.as_groups) > 1:
            for group in self.options.as_groups:
                headers.add("Impersonate-Group", group)
        if body is not None:
            headers["Content-Type"] = JSON
        with self._lock:
            self.requests += 1
        deadline = time.monotonic() + self.options.read_seconds
        timeout = (self.options.connect_seconds, self.options.read_seconds)
        try:
            raw = self._client.call_api(method, url, headers, body=body, _request_timeout=timeout).response
            try:
                content = self._read(raw, path, deadline)
            finally:
                raw.release_conn()
        except ApiException as error:  # a failed handshake comes as one with status 0
            raise self._tls_error(str(error.reason)) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        return Answer(raw.status, content, dict(raw.headers))

    def _read(self, raw: Any, path: str, deadline: float) -> bytes:
        """The whole body, within the time and size limits."""
        parts = []
        size = 0
        while True:
            part = raw.read1(_CHUNK_BYTES, decode_content=True)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER_BYTES:
                raw.close()
                raise SourceAnswerInvalid(f"the answer to {path} is larger than any list page", where=self.host)
            if time.monotonic() > deadline:
                raw.close()
                raise SourceUnreachable(
                    f"no whole answer within {self.options.read_seconds:g} s", where=self.host, fix="raise --timeout"
                )
        return b"".join(parts)

    def _judged(self, path: str, answer: Answer) -> Answer:
        status = answer.status
        if status == 200 or (status == 201 and path.endswith("reviews")):
            return answer
        if status == 401:
            raise SourceDenied(
                f"the API server does not accept the credentials of context {self.context!r} (401)",
                where=self.host,
                fix=f"log in again, and try `kubectl --context {self.context} get namespaces`",
            )
        if status == 403:
            raise Forbidden(f"{path} is forbidden", where=self.host)
        if status == 404:
            raise NotFound(f"the API server has no {path}", where=self.host)
        if status == 410:
            raise Expired(f"the list {path} expired", where=self.host)
        if status in _RETRIED:
            raise ListFailed(f"the API server answered {status} to {path}, {self.options.tries} times", where=self.host)
        raise SourceAnswerInvalid(
            f"the API server answered {status} to {path}",
            where=self.host,
            fix="check that the server of the context is a Kubernetes API" if 300 <= status < 400 else "",
        )

    def _decoded(self, path: str, answer: Answer) -> dict[str, Any]:
        import msgspec

        try:
            document = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise SourceAnswerInvalid(f"the answer to {path} is not JSON", where=self.host) from error
        if not isinstance(document, dict):
            raise SourceAnswerInvalid(f"the answer to {path} is not an object", where=self.host)
        return document

    def _unreachable(self, error: Exception) -> SourceUnreachable:
        import urllib3

        reason = getattr(error, "reason", None) or error
        if isinstance(reason, urllib3.exceptions.SSLError):
            return self._tls_error(str(reason))
        what = {
            urllib3.exceptions.NameResolutionError: "its name is not known",
            urllib3.exceptions.ConnectTimeoutError: f"no connection within {self.options.connect_seconds:g} s",
            urllib3.exceptions.ReadTimeoutError: f"no answer within {self.options.read_seconds:g} s",
            urllib3.exceptions.NewConnectionError: "the connection was refused",
            urllib3.exceptions.ProtocolError: "the connection broke",
            urllib3.exceptions.ProxyError: "its proxy did not answer",
        }.get(type(reason), type(reason).__name__)
        return SourceUnreachable(
            f"the Kubernetes API cannot be reached: {what}",
            where=self.host,
            fix=f"check the network, and `kubectl --context {self.context} version`",
        )

    def _tls_error(self, said: str) -> SourceUnreachable:
        expired = "expired" in said
        return SourceUnreachable(
            f"no secure connection to the Kubernetes API: {' '.join(said.split())[:200]}",
            where=self.host,
            fix="renew the certificates" if expired else "check certificate-authority and server of the context",
        )


def connect(options: KubernetesOptions) -> KubernetesApi:
    """Read the credentials; the first request follows later.

    Raises:
        ConfigError, UsageError, SourceDenied: see :func:`planner.collectors.kubernetes.connection.connection`.
    """
    return KubernetesApi(options, connection(options))


def without_user(url: str) -> str:
    """The URL without ``user:password@``, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _retry_after(headers: Mapping[str, str], wait: float) -> float:
    told = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(float(told), LONGEST_RETRY_AFTER_SECONDS) if told.isascii() and told.isdigit() else wait
