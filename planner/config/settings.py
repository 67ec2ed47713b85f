"""Settings: how to reach the sources. Plain values; only the command line reads flags and the environment.

Secrets are :class:`pydantic.SecretStr`: ``repr``, logs and JSON show asterisks. An address with ``user:password@``
is taken apart when it is read, and its secret is never shown again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from planner.config.address import check_address, redact_address, split_credentials
from planner.config.problems import problems_of
from planner.errors import ConfigError

AuthMethod = Literal["none", "basic", "bearer", "bearer-file", "token-command", "kubernetes-token", "sigv4"]

_Address = Annotated[str, AfterValidator(check_address)]


class Part(BaseModel):
    """Base of every part: immutable, strict, and silent about the values it was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class SigV4Settings(Part):
    """Signing of requests for Amazon Managed Prometheus."""

    region: str = Field(min_length=1)
    profile: str | None = None
    """Name of an AWS profile; ``None`` = the usual chain of credentials."""
    service: str = "aps"


class PrometheusSettings(Part):
    """A Prometheus-compatible server, how to ask it, and how much to ask at a time."""

    url: _Address | None = None
    """Address without credentials; the API's paths (``/api/v1/...``) are added to its path. ``None`` = look for a known
    Service in the cluster."""
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    bearer_token: SecretStr | None = None
    bearer_token_file: Path | None = None
    """Read again for every request, since tokens are rotated."""
    token_command: tuple[str, ...] = ()
    """Program and arguments whose output is a bearer token; started without a shell."""
    send_kubernetes_token: bool = False
    """Send the kubeconfig's token. Only for a server that is as trusted as the cluster's API server."""
    sigv4: SigV4Settings | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Further headers, such as ``X-Scope-OrgID``."""
    client_cert: Path | None = None
    client_key: Path | None = None
    ca_file: Path | None = None
    insecure_skip_verify: bool = False
    cluster_label: str | None = Field(default=None, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")
    """Label that tells clusters apart on a shared server."""
    cluster_value: str | None = None
    connect_timeout_seconds: float = Field(default=10, gt=0, le=600)
    read_timeout_seconds: float = Field(default=120, gt=0, le=3600)
    retries: int = Field(default=3, ge=0, le=20)
    concurrency: int = Field(default=4, ge=1, le=64)
    """Most requests at the same time."""
    step_seconds: int = Field(default=300, ge=15, le=3600)
    """Step of the stored usage; divides a day."""
    window_days: float = Field(default=14, gt=0, le=3650)
    """Span before ``end``, unless ``start`` is given."""
    start: datetime | None = None
    end: datetime | None = None
    """``None`` = now, cut to the step."""
    max_points_per_series: int = Field(default=11_000, ge=10)
    """Prometheus refuses longer answers per series."""
    max_samples_per_query: int = Field(default=20_000_000, ge=1000)
    """Questions are cut so that they load fewer samples; the servers' usual limit is 50 million."""
    max_chunk_hours: int = Field(default=24, ge=1, le=768)
    """Longest range of one question."""

    @model_validator(mode="before")
    @classmethod
    def _credentials_leave_the_address(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or not isinstance(given.get("url"), str):
            return given
        values = dict(given)
        values["url"], user, password = split_credentials(values["url"])
        if user is not None:
            if values.get("username") is not None or values.get("password") is not None:
                raise ValueError("the address holds credentials, and a user or password is given too; keep one")
            values["username"], values["password"] = user, password
        return values

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        ways = self._ways_to_log_in()
        if len(ways) > 1:
            raise ValueError(f"several ways to log in: {', '.join(ways)}; keep one")
        if self.password is not None and self.password_file is not None:
            raise ValueError("both a password and a password file are given; keep one")
        if (self.password is not None or self.password_file is not None) and self.username is None:
            raise ValueError("a password without a user")
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("a client key without its certificate")
        if self.insecure_skip_verify and self.ca_file is not None:
            raise ValueError("a CA file has no use when certificates are not verified; keep one")
        if any(name.lower() == "authorization" for name in self.headers) and ways:
            raise ValueError(f"an Authorization header beside another way to log in: {ways[0]}; keep one")
        return self

    @model_validator(mode="after")
    def _times_make_sense(self) -> Self:
        if 86_400 % self.step_seconds:
            raise ValueError("step_seconds must divide a day of 86400 seconds")
        for moment in (self.start, self.end):
            if moment is not None and moment.utcoffset() is None:
                raise ValueError("start and end need a time zone, such as 2026-11-24T00:00:00Z")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("start is not before end")
        if (self.cluster_label is None) != (self.cluster_value is None):
            raise ValueError("cluster_label and cluster_value belong together")
        return self

    def _ways_to_log_in(self) -> list[AuthMethod]:
        ways: dict[AuthMethod, bool] = {
            "basic": self.username is not None,
            "bearer": self.bearer_token is not None,
            "bearer-file": self.bearer_token_file is not None,
            "token-command": bool(self.token_command),
            "kubernetes-token": self.send_kubernetes_token,
            "sigv4": self.sigv4 is not None,
        }
        return [way for way, given in ways.items() if given]

    @property
    def auth_method(self) -> AuthMethod:
        """The one way to log in; client certificates and headers may come on top of it."""
        ways = self._ways_to_log_in()
        return ways[0] if ways else "none"

    @property
    def redacted_url(self) -> str:
        """The address for logs, errors and files."""
        return redact_address(self.url) if self.url is not None else ""

    def window(self, now: datetime) -> tuple[float, float]:
        """Unix seconds ``start <= t < end`` of what to ask for, cut to the step (never past ``now``)."""
        end = min(self.end or now, now).astimezone(UTC).timestamp()
        end -= end % self.step_seconds
        start = self.start.timestamp() if self.start else end - self.window_days * 86_400
        return start - start % self.step_seconds, end


class KubernetesSettings(Part):
    """The API server."""

    enabled: bool = True
    """False = read the objects from kube-state-metrics only."""
    kubeconfig: Path | None = None
    """``None`` = the usual places."""
    context: str | None = None
    in_cluster: bool = False
    """Use the pod's own service account."""
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()
    timeout_seconds: float = Field(default=60, gt=0, le=3600)
    page_size: int = Field(default=500, ge=1, le=10_000)
    """Objects per page of a list."""

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.in_cluster and (self.kubeconfig is not None or self.context is not None):
            raise ValueError("in-cluster access uses no kubeconfig and no context; keep one")
        if self.impersonate_groups and self.impersonate_user is None:
            raise ValueError("impersonated groups need an impersonated user")
        return self


class PriceSettings(Part):
    """Where prices come from, beside the shipped catalogue."""

    file: Path | None = None
    """The operator's own price file; overrides everything."""
    use_opencost: bool = True
    """Read ``node_total_hourly_cost`` where it exists."""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    """Currency of the snapshot's prices. Prices in another one are not converted: they count as unknown."""
    opencost_currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    """OpenCost's metric does not tell its currency."""
    max_per_hour: float = Field(default=1000, gt=0)
    """A price of the file above this is refused as a slip of the unit."""


class Settings(Part):
    """Everything that says where to look; nothing that says what is wanted (that is the policy)."""

    cluster: str | None = None
    """Name of the cluster in snapshots and plans; ``None`` = the kubeconfig's context."""
    prometheus: PrometheusSettings = PrometheusSettings()
    kubernetes: KubernetesSettings = KubernetesSettings()
    prices: PriceSettings = PriceSettings()
    namespaces: tuple[str, ...] = ()
    """Only these namespaces; empty = all."""
    selector: str | None = None
    """Label selector of workloads, as with kubectl."""


def make_settings(values: Mapping[str, Any]) -> Settings:
    """Settings of plain values, nested as the model is.

    Raises:
        ConfigError: the values cannot be used. The message holds no value, since some are secrets.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        told = [str(problem) for problem in problems_of(error, Settings)]
        raise ConfigError("; ".join(told), where="settings") from None
