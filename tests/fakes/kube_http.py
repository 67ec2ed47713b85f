"""The HTTP side of the pretended Kubernetes API, and kubeconfigs that lead to it."""

import gzip
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

GZIP_FROM_BYTES = 128 * 1024


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names in lower case, all values of a repeated header."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, list[str]]
    body: bytes = b""


class Server(Protocol):
    """What answers."""

    @property
    def url(self) -> str: ...

    def answer(self, request: Request) -> tuple[int, dict[str, str], bytes]: ...

    def drip_seconds(self, request: Request) -> float: ...


def handler(api: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers: dict[str, list[str]] = {}
            for name, value in self.headers.items():
                headers.setdefault(name.lower(), []).append(value)
            request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            status, extra, content = api.answer(request)
            if status == 0:
                self.close_connection = True
                return
            if "gzip" in self.headers.get("Accept-Encoding", "") and len(content) >= GZIP_FROM_BYTES:
                content = gzip.compress(content, compresslevel=1)
                extra = {**extra, "Content-Encoding": "gzip"}
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **extra}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self._send(content, api.drip_seconds(request))

        def _send(self, content: bytes, pause: float) -> None:
            size = max(1, len(content) // 10) if pause else max(1, len(content))
            try:
                for start in range(0, len(content), size):
                    time.sleep(pause)
                    self.wfile.write(content[start : start + size])
                    self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    return Handler


def write_kubeconfig(
    path: Path,
    server: Server | str,
    *,
    context: str = "test",
    token: str = "",
    user: Mapping[str, Any] | None = None,
    cluster: Mapping[str, Any] | None = None,
) -> Path:
    """Write a kubeconfig with one context; returns its path. ``user`` and ``cluster`` add raw fields."""
    url = server if isinstance(server, str) else server.url
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": f"{context}-cluster", "user": f"{context}-user"}}],
        "clusters": [{"name": f"{context}-cluster", "cluster": {"server": url, **(cluster or {})}}],
        "users": [{"name": f"{context}-user", "user": {**({"token": token} if token else {}), **(user or {})}}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
