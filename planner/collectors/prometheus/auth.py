"""Proofs of identity: each is a callable that adds its header to a prepared request.

Nothing here reads a kubeconfig: a token of the Kubernetes API never goes to Prometheus unless the
operator hands it over as one of the settings.
"""

import base64
import json
import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from planner.collectors.prometheus.failures import clean
from planner.collectors.prometheus.transport import ConnectionOptions
from planner.errors import ConfigError, SourceDenied

TOKEN_SECONDS = 300.0
"""How long a token of unknown life is kept."""
EXPIRY_MARGIN_SECONDS = 30.0
COMMAND_SECONDS = 60.0


class Proof(Protocol):
    """Adds what proves who asks."""

    def __call__(self, request: Any) -> Any:
        """Sign a ``requests.PreparedRequest`` and return it."""

    def renew(self) -> bool:
        """Forget a cached secret after a 401; whether another attempt may end differently."""


class NoProof:
    """Asks as nobody. Set explicitly, or ``requests`` would read a ``.netrc`` on its own."""

    def __call__(self, request: Any) -> Any:
        """Leave the request as it is."""
        return request

    def renew(self) -> bool:
        """Nothing to renew."""
        return False


class BasicProof:
    """User and password."""

    def __init__(self, username: str, password: str) -> None:
        pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        self._value = f"Basic {pair}"

    def __call__(self, request: Any) -> Any:
        """Add the header."""
        request.headers["Authorization"] = self._value
        return request

    def renew(self) -> bool:
        """A password does not change."""
        return False


class BearerProof:
    """A token from wherever it comes, cached as long as it lives."""

    def __init__(self, read: Callable[[], tuple[str, float]], *, renewable: bool) -> None:
        """Take a reader that returns (token, Unix seconds until which it may be kept)."""
        self._read = read
        self._renewable = renewable
        self._token = ""
        self._until = 0.0
        self._lock = threading.Lock()

    def __call__(self, request: Any) -> Any:
        """Add the header, reading the token again where it has run out."""
        with self._lock:
            if not self._token or time.time() >= self._until:
                self._token, self._until = self._read()
            token = self._token
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    def renew(self) -> bool:
        """Read the token again at the next request."""
        with self._lock:
            self._token = ""
        return self._renewable


def _header_safe(token: str, where: str) -> str:
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SourceDenied("no usable token of Prometheus", where=where, fix="it must be one line of printable text")
    return token


def read_token_file(path: Path) -> tuple[str, float]:
    """A token from a file; never kept, since mounted tokens are rotated.

    Raises:
        SourceDenied: the file cannot be read or holds no token.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceDenied("cannot read the bearer token file of Prometheus", where=str(path)) from error
    return _header_safe(text, str(path)), 0.0


def run_token_command(command: str) -> tuple[str, float]:
    """A token from a program: a bare token, or JSON of an exec credential or a cloud's command line.

    Raises:
        SourceDenied: the program fails, takes too long, or prints no token. Its output is never told.
        ConfigError: no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError("the token command of Prometheus cannot be read", fix="check its quotes") from error
    if not words:
        raise ConfigError("the token command of Prometheus is empty")
    where = f"token command {Path(words[0]).name}"
    try:
        done = subprocess.run(
            words, capture_output=True, timeout=COMMAND_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise ConfigError("the token command of Prometheus does not exist", where=where) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = "takes too long" if isinstance(error, subprocess.TimeoutExpired) else "cannot be run"
        raise SourceDenied(f"the token command of Prometheus {reason}", where=where) from error
    if done.returncode:
        raise SourceDenied(
            f"the token command of Prometheus failed with exit code {done.returncode}",
            where=where,
            fix="run it by hand to see why",
        )
    token, until = _read_token(done.stdout.decode("utf-8", errors="replace").strip())
    return _header_safe(token, where), until


def _read_token(text: str) -> tuple[str, float]:
    """(token, keep until) of a printed token."""
    expiry: float | None = None
    token = text
    if text.startswith("{"):
        try:
            document = json.loads(text)
        except ValueError:
            return "", 0.0
        inner = document.get("status") if isinstance(document.get("status"), dict) else document
        token = next((inner[k] for k in ("token", "access_token", "accessToken", "id_token") if inner.get(k)), "")
        token = token if isinstance(token, str) else ""
        expiry = _time_of(inner.get("expirationTimestamp") or inner.get("expires_on") or inner.get("expiry"))
    if expiry is None:
        expiry = _jwt_expiry(token)
    now = time.time()
    if expiry is None:
        return token, now + TOKEN_SECONDS
    return token, max(expiry - EXPIRY_MARGIN_SECONDS, now + 1.0)


def _time_of(value: Any) -> float | None:
    """Unix seconds of a number or an RFC 3339 text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        return datetime.fromisoformat(str(value)).timestamp() if value else None
    except ValueError:
        return None


def _jwt_expiry(token: str) -> float | None:
    """``exp`` of a JSON web token; it is only read to know when to ask again."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    return _time_of(payload.get("exp")) if isinstance(payload, dict) else None


class SigV4Proof:
    """AWS signatures (Amazon Managed Prometheus: service ``aps``); credentials from botocore's usual chain."""

    def __init__(self, *, region: str, service: str, profile: str) -> None:
        """Find credentials.

        Raises:
            ConfigError: botocore is not installed.
            SourceDenied: no credentials, or no such profile.
        """
        try:
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
            from botocore.exceptions import BotoCoreError
            from botocore.session import Session
        except ImportError as error:
            raise ConfigError(
                "AWS signatures for Prometheus need botocore", fix="pip install 'capacity-planner[aws]'"
            ) from error
        try:
            self._credentials = Session(profile=profile or None).get_credentials()
        except BotoCoreError as error:
            raise SourceDenied(f"no AWS credentials: {clean(str(error), 120)}", fix="check the AWS profile") from error
        if self._credentials is None:
            raise SourceDenied("no AWS credentials found", fix="set a profile, a role or the usual variables of AWS")
        self._auth, self._request = SigV4Auth, AWSRequest
        self._region, self._service = region, service

    def __call__(self, request: Any) -> Any:
        """Sign method, URL, body and the headers that a proxy leaves alone."""
        signed = self._request(
            method=request.method,
            url=request.url,
            data=request.body or b"",
            headers={"Content-Type": request.headers.get("Content-Type", "")},
        )
        self._auth(self._credentials.get_frozen_credentials(), self._service, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request

    def renew(self) -> bool:
        """Botocore refreshes what it can on its own."""
        return False


def proof_of(options: ConnectionOptions) -> Proof:
    """The one way to authenticate that the options name."""
    if options.basic is not None:
        return BasicProof(*options.basic)
    if options.bearer_token:
        token = _header_safe(options.bearer_token, "bearer token")
        return BearerProof(lambda: (token, float("inf")), renewable=False)
    if options.bearer_token_file is not None:
        path = options.bearer_token_file
        return BearerProof(lambda: read_token_file(path), renewable=True)
    if options.token_command:
        command = options.token_command
        return BearerProof(lambda: run_token_command(command), renewable=True)
    if options.aws_region:
        return SigV4Proof(region=options.aws_region, service=options.aws_service, profile=options.aws_profile)
    return NoProof()
