"""Ask a Prometheus server: instant queries, range queries, names of metrics."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from planner.collectors.prometheus.decode import (
    InstantAnswer,
    Notes,
    RangeAnswer,
    decode_instant,
    decode_names,
    decode_range,
)
from planner.collectors.prometheus.transport import ConnectionOptions
from planner.errors import SourceError
from planner.snapshot.header import Source, SourceWarning

LARGEST_NOTES = 20
"""Different warnings that are kept; a broken store may word each of them anew."""


class PrometheusClient:
    """A server and what it has said so far. May be used by several threads.

    Attributes:
        options: how it is reached.
        threads: how many requests may be under way at once.
    """

    def __init__(self, options: ConnectionOptions, *, sleep: Callable[[float], None] | None = None) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            ConfigError: the options cannot work.
        """
        from prometheus_api_client.prometheus_connect import PrometheusConnect
        from urllib3.util.retry import Retry

        from planner.collectors.prometheus.session import FormSession

        self.options = options
        self.threads = options.threads
        self._where = options.base_url
        self._session = FormSession(options) if sleep is None else FormSession(options, sleep=sleep)
        self._api: Any = PrometheusConnect(
            url=options.base_url, method="POST", session=self._session, retry=Retry(0, read=False)
        )
        self._lock = threading.Lock()
        self._notes: dict[str, bool] = {}
        self._names: dict[tuple[str, ...], frozenset[str] | None] = {}
        # the server gives up before this side does, so that it stops working on a lost question
        self._params = {"timeout": f"{max(1, int(options.timeout_seconds * 0.9))}s", **options.params}

    def instant(self, query: str, time: float | None = None) -> InstantAnswer:
        """Values at one time (Unix seconds); ``None`` = the server's own now.

        Raises:
            SourceError: and its subclasses, see :meth:`FormSession.request`.
        """
        params = dict(self._params) if time is None else {**self._params, "time": _seconds(time)}
        answer = decode_instant(self._api.custom_query(query, params=params), self._where)
        self._remember(answer.notes)
        return answer

    def range(self, query: str, start: float, end: float, step: int) -> RangeAnswer:
        """Values at ``start, start + step ... end`` (Unix seconds, both ends included).

        Raises:
            ValueError: more points than servers return; cut the range.
            SourceError: and its subclasses, see :meth:`FormSession.request`.
        """
        if round((end - start) / step) >= self.options.max_points_per_series:
            message = f"more than {self.options.max_points_per_series} points in one range query"
            raise ValueError(message)
        begin, until = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
        body = self._api.custom_query_range(query, begin, until, str(step), params=dict(self._params))
        answer = decode_range(body, self._where)
        self._remember(answer.notes)
        return answer

    def metric_names(self, *, start: float, end: float, match: str = "") -> frozenset[str] | None:
        """Names of all metrics of a time; ``None`` where the server does not tell."""
        params = {"start": _seconds(start), "end": _seconds(end)}
        if match:
            params["match[]"] = match
        key = tuple(params.values())
        if key not in self._names:
            try:
                body = self._api.get_label_values("__name__", params=params)["result"]
                self._names[key] = decode_names(body, self._where)
            except SourceError:
                self._names[key] = None
        return self._names[key]

    def get(self, path: str, params: dict[str, str] | None = None) -> bytes:
        """Raw body of another endpoint (``/api/v1/status/buildinfo``)."""
        answer = self._session.request("GET", f"{self._where}{path}", params=params or {})
        return answer.json()["data"]["result"]

    def _remember(self, notes: Notes) -> None:
        if notes.warnings or notes.partial:
            texts = notes.warnings or ("an answer was marked as partial",)
            with self._lock:
                for text in texts:
                    if len(self._notes) < LARGEST_NOTES:
                        self._notes[text] = notes.partial and not text.startswith("PromQL")

    @property
    def queries(self) -> int:
        """HTTP requests so far, repeated ones included."""
        return self._session.sent

    @property
    def warnings(self) -> list[SourceWarning]:
        """What the server said beside its answers, each text once."""
        with self._lock:
            notes = sorted(self._notes.items())
        return [
            SourceWarning(
                source="prometheus",
                code="partial_answer" if partial else "query_warning",
                text=text,
                costs="series may be missing or cut short" if partial else "",
                fix="check the stores behind the server (Thanos, Mimir, VictoriaMetrics)" if partial else "",
            )
            for text, partial in notes
        ]

    def source(self, *, version: str = "", details: dict[str, str] | None = None) -> Source:
        """This server as the snapshot names it."""
        return Source(name="prometheus", url=self._where, version=version, queries=self.queries, details=details or {})

    def close(self) -> None:
        """Release the connections."""
        self._api.close()

    def __enter__(self) -> "PrometheusClient":
        """A client is a context manager."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Release the connections."""
        self.close()


def _seconds(time: float) -> str:
    """A time as the API reads it."""
    return f"{time:.3f}".rstrip("0").rstrip(".")
