"""How to reach a Prometheus server: plain values, checked, and safe to print."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from planner.errors import ConfigError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """One server and one way to prove who asks. Secrets stay out of ``repr``.

    At most one of basic (``username``), ``bearer_token``, ``bearer_token_file``, ``token_command`` and
    SigV4 (``aws_region``) may be set; headers and a client certificate go beside any of them.

    Attributes:
        url: base URL with an optional path prefix; ``user:password@`` in it means basic authentication.
        bearer_token_file: read again for every request, since mounted tokens are rotated.
        token_command: program that prints a token; split as a shell would, run without one.
        headers: sent with every request (tenants: ``X-Scope-OrgID``).
        aws_region: set = requests are signed (SigV4); needs the extra ``aws``.
        verify: check the server's certificate.
        params: sent with every query (``dedup``, ``partial_response``, ``extra_filters[]`` ...).
        timeout_seconds: limit on every request, from the first byte sent to the last received.
        threads: requests at the same time.
        attempts: how often a busy server is asked before giving up.
        max_retry_wait_seconds: the longest wait before asking again, whatever ``Retry-After`` says.
        max_answer_bytes: a larger answer is cut into smaller questions.
        max_points_per_series: most steps of one range query; Prometheus refuses more than 11,000.
        max_range_seconds: longest range query; usage is asked for by the day anyway.
        max_samples_per_answer: most samples that a question may be expected to bring. The default is
            about 40 MB of text, and as much again while it is decoded.
    """

    url: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    bearer_token_file: Path | None = None
    token_command: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    aws_region: str = ""
    aws_profile: str = ""
    aws_service: str = "aps"
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    verify: bool = True
    proxy: str = field(default="", repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = 120.0
    connect_timeout_seconds: float = 10.0
    threads: int = 4
    attempts: int = 5
    backoff_seconds: float = 1.0
    max_retry_wait_seconds: float = 30.0
    max_answer_bytes: int = 256 * 1024 * 1024
    max_points_per_series: int = 11_000
    max_range_seconds: float = 86_400.0
    max_samples_per_answer: int = 1_500_000

    @property
    def base_url(self) -> str:
        """URL without credentials, query and trailing ``/`` or ``/api/v1``.

        Raises:
            ConfigError: not an http(s) URL, or one with a query.
        """
        parts = split_url(self.url)
        path = parts.path.rstrip("/").removesuffix("/api/v1").rstrip("/")
        return urlunsplit((parts.scheme, host_and_port(parts), path, "", ""))

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine: compressing answers would cost and save nothing."""
        return split_url(self.url).hostname in LOOPBACK

    @property
    def basic(self) -> tuple[str, str] | None:
        """(user, password) from the options or from the URL."""
        if self.username:
            return self.username, self.password
        parts = split_url(self.url)
        return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None

    def check(self) -> None:
        """Refuse what cannot work before anything is sent.

        Raises:
            ConfigError: a bad URL, two ways to authenticate, a file that is not there.
        """
        where = self.base_url
        chosen = {
            "basic": self.basic is not None,
            "bearer token": bool(self.bearer_token),
            "bearer token file": self.bearer_token_file is not None,
            "token command": bool(self.token_command),
            "SigV4": bool(self.aws_region),
        }
        named = [name for name, is_set in chosen.items() if is_set]
        if len(named) > 1:
            raise ConfigError(
                f"Prometheus has {len(named)} ways to authenticate: {', '.join(named)}", where=where, fix="keep one"
            )
        files = {
            "CA file": self.ca_file,
            "client certificate": self.client_certificate,
            "client key": self.client_key,
            "bearer token file": self.bearer_token_file,
        }
        for name, path in files.items():
            if path is not None and not path.is_file():
                raise ConfigError(f"the {name} of Prometheus is not there", where=str(path))
        if self.client_key is not None and self.client_certificate is None:
            raise ConfigError("a client key of Prometheus without its certificate", where=where)
        limits = (self.timeout_seconds, self.threads, self.attempts, self.max_points_per_series)
        if min(*limits, self.max_range_seconds, self.max_samples_per_answer) <= 0:
            raise ConfigError("the limits of Prometheus must be positive", where=where)


def split_url(url: str) -> SplitResult:
    """Parts of a server URL.

    Raises:
        ConfigError: not an http(s) URL, or one with a query or fragment (which could hold a secret).
    """
    try:
        parts = urlsplit(url.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(
            "the URL of Prometheus cannot be used", fix="write http://HOST:PORT or https://HOST/PREFIX"
        ) from None
    if parts.query or parts.fragment:
        raise ConfigError(
            "the URL of Prometheus has a query",
            where=urlunsplit((parts.scheme, host_and_port(parts), parts.path, "", "")),
            fix="give parameters and tokens by their own settings",
        )
    return parts


def host_and_port(parts: SplitResult) -> str:
    """``host:port`` without credentials."""
    return parts.netloc.rpartition("@")[2]


def redacted_url(url: str) -> str:
    """A URL without credentials, query and fragment, for people to read; never raises."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, host_and_port(parts), parts.path, "", ""))
    except ValueError:
        return "(unreadable URL)"
