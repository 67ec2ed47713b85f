"""The HTTP side below ``PrometheusConnect``.

``PrometheusConnect`` puts the parameters of a POST into the URL, does not retry a POST, has no time
limit of its own and decodes with the standard library. It takes a session, though: this one sends
forms, waits for busy servers, ends every request in time, and hands the raw body on.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
import urllib3

from planner.collectors.prometheus.auth import Proof, proof_of
from planner.collectors.prometheus.failures import Verdict, connection_reason, failure, redirected
from planner.collectors.prometheus.transport import ConnectionOptions, redacted_url
from planner.errors import SourceAnswerInvalid, SourceError, SourceLimit, SourceUnreachable

READ_BYTES = 1 << 20
GATEWAY_ATTEMPTS = 2
"""A 504 tells of a slow question rather than of a busy moment: it is asked twice, then cut."""


class RawBody(dict[str, bytes]):
    """What ``PrometheusConnect`` takes for ``response.json()["data"]``: the body under ``result``."""


class RawResponse:
    """An answer with status 200 in the shape that ``PrometheusConnect`` expects."""

    status_code = 200

    def __init__(self, body: bytes) -> None:
        self._body = body

    def json(self) -> dict[str, RawBody]:
        """The undecoded body, where a decoded result would be."""
        return {"data": RawBody(result=self._body)}


class _TryAgain(Exception):
    """One attempt failed in a way that another may not."""

    def __init__(self, error: SourceError, *, after_seconds: float | None = None, gateway: bool = False) -> None:
        self.error = error
        self.after_seconds = after_seconds
        self.gateway = gateway
        super().__init__(error.what)


class FormSession(requests.Session):
    """Sends POST parameters as a form and returns raw bodies.

    Attributes:
        sent: number of HTTP requests so far, repeated ones included.
        proof: how the session proves who asks.
    """

    def __init__(self, options: ConnectionOptions, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Prepare a session; nothing is sent yet.

        Raises:
            ConfigError: the options cannot work.
        """
        options.check()
        super().__init__()
        self._options = options
        self._where = options.base_url
        self._sleep = sleep
        self._lock = threading.Lock()
        self._answered = False
        self.sent = 0
        self.proof: Proof = proof_of(options)
        self.trust_env = not options.is_loopback
        self.verify = str(options.ca_file) if options.verify and options.ca_file else options.verify
        if options.client_certificate is not None:
            certificate = str(options.client_certificate)
            self.cert = (certificate, str(options.client_key)) if options.client_key else certificate
        if options.proxy:
            self.proxies = {"http": options.proxy, "https": options.proxy}
        self.headers.update({"Accept": "application/json", "User-Agent": "capacity-planner"})
        self.headers["Accept-Encoding"] = "identity" if options.is_loopback else "gzip"
        self.headers.update(options.headers)

    def request(  # type: ignore[override]
        self, method: str, url: str, params: Mapping[str, Any] | None = None, data: Any = None, **_given: Any
    ) -> RawResponse:
        """Send one request and see it through.

        Raises:
            SourceUnreachable: no connection, no answer in time, or busy to the last attempt.
            SourceDenied: 401, 403 or 407.
            SourceLimit: the server or ``max_answer_bytes`` refuses the size.
            SourceAnswerInvalid: cut short to the last attempt, or a redirect.
            SourceError: any other refusal.
        """
        if method.upper() == "POST" and data is None:
            params, data = None, params
        attempt, renewed = 0, False
        while True:
            attempt += 1
            try:
                status, headers, body = self._once(method, url, params, data)
                if status == 200:
                    self._answered = True
                    return RawResponse(body)
                if status == 401 and not renewed and self.proof.renew():
                    renewed = True
                    continue
                self._refuse(status, headers, body)
            except _TryAgain as again:
                limit = min(GATEWAY_ATTEMPTS, self._options.attempts) if again.gateway else self._options.attempts
                if attempt >= limit:
                    raise self._given_up(again, attempt) from again.__cause__
                self._sleep(self._wait_seconds(attempt, again.after_seconds))

    def _refuse(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raise what an answer other than 200 means."""
        if 300 <= status < 400:
            raise redirected(status, redacted_url(headers.get("Location", "")), self._where)
        judged, error = failure(status, body, self._where)
        if judged is not Verdict.BUSY:
            raise error
        raise _TryAgain(error, after_seconds=_retry_after(headers.get("Retry-After")), gateway=status == 504)

    def _given_up(self, again: _TryAgain, attempts: int) -> SourceError:
        error = again.error
        if again.gateway:
            return SourceLimit(error.what, where=error.where, fix="raise the time limit of the gateway, or use --step")
        if attempts > 1:
            return type(error)(f"{error.what}, {attempts} attempts", where=error.where, fix=error.fix)
        return error

    def _wait_seconds(self, attempt: int, asked: float | None) -> float:
        """1, 2, 4 ... times the back-off, or what the server asks for, within the option's limit."""
        backoff = self._options.backoff_seconds * 2.0 ** (attempt - 1)
        return min(max(backoff, asked or 0.0), self._options.max_retry_wait_seconds)

    def _once(self, method: str, url: str, params: Any, data: Any) -> tuple[int, Mapping[str, str], bytes]:
        """One HTTP exchange: status, headers, whole body."""
        with self._lock:
            self.sent += 1
        limit = self._options.timeout_seconds
        deadline = time.monotonic() + limit
        try:
            response = super().request(
                method,
                url,
                params=params,
                data=data,
                auth=self.proof,
                timeout=(min(self._options.connect_timeout_seconds, limit), limit),
                allow_redirects=False,
                stream=True,
            )
            try:
                return response.status_code, response.headers, self._read(response, deadline)
            finally:
                response.close()
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise self._too_late() from error
        except (requests.ConnectionError, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._broken(error) from error

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            part: bytes = response.raw.read1(READ_BYTES, decode_content=True)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > self._options.max_answer_bytes:
                raise SourceLimit(
                    f"an answer is larger than {self._options.max_answer_bytes // 2**20} MiB",
                    where=self._where,
                    fix="choose a larger --step or fewer namespaces",
                )
            if time.monotonic() > deadline:
                raise self._too_late()

    def _too_late(self) -> SourceUnreachable:
        return SourceUnreachable(
            f"Prometheus gives no complete answer within {self._options.timeout_seconds:g} s",
            where=self._where,
            fix="raise the time limit of Prometheus, or choose a larger --step",
        )

    def _broken(self, error: Exception) -> Exception:
        """A connection that fails before any answer is a wrong address; later, a restart or a cut."""
        inner = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else error
        if isinstance(inner, (urllib3.exceptions.ProtocolError, urllib3.exceptions.DecodeError)):
            return _TryAgain(SourceAnswerInvalid("Prometheus ends in the middle of an answer", where=self._where))
        refused = SourceUnreachable(
            f"cannot reach Prometheus: {connection_reason(error)}",
            where=self._where,
            fix="check the URL, the network and the certificate settings of Prometheus",
        )
        return _TryAgain(refused) if self._answered else refused


def _retry_after(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header; dates are rare and fall back to the back-off."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
