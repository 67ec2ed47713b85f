"""From settings to connections: Prometheus by its address, or found among the cluster's Services."""

import shlex
from typing import TYPE_CHECKING

from planner.collectors.kubernetes.options import KubernetesOptions
from planner.collectors.prometheus.transport import ConnectionOptions
from planner.config.settings import KubernetesSettings, PrometheusSettings, Settings
from planner.errors import ConfigError

if TYPE_CHECKING:
    from planner.collectors.kubernetes.client import KubernetesApi
    from planner.collectors.kubernetes.discover import FoundService

MOST_SAMPLES_PER_ANSWER = 1_500_000
"""Keeps one answer, decoded, far under the memory aim, whatever the server would allow."""


def wants_kubernetes(settings: KubernetesSettings) -> bool:
    """Whether the operator named a way to the API, so that its failure is an error and not a warning."""
    return bool(settings.kubeconfig or settings.context or settings.in_cluster or settings.impersonate_user)


def kubernetes_options(settings: Settings) -> KubernetesOptions:
    """Options of the API's client."""
    kubernetes = settings.kubernetes
    return KubernetesOptions(
        cluster=settings.cluster or "",
        kubeconfig=str(kubernetes.kubeconfig or ""),
        context=kubernetes.context or "",
        in_cluster=kubernetes.in_cluster,
        as_user=kubernetes.impersonate_user or "",
        as_groups=kubernetes.impersonate_groups,
        namespaces=settings.namespaces,
        page_size=kubernetes.page_size,
        read_seconds=kubernetes.timeout_seconds,
    )


def prometheus_options(settings: PrometheusSettings, api: "KubernetesApi | None") -> ConnectionOptions:
    """Options of the Prometheus client: the address given, or the best Service found, through the API's proxy.

    Raises:
        ConfigError: no address, and none to be found.
    """
    if settings.url is not None:
        return _direct(settings, settings.url, api)
    if api is None:
        raise ConfigError("no Prometheus is named", fix="give --prometheus URL")
    from planner.collectors.kubernetes.discover import discover_prometheus

    found = discover_prometheus(api)
    if not found:
        raise ConfigError(
            "no Service of the cluster looks like Prometheus",
            where=api.host,
            fix="give --prometheus URL, or forward its port: kubectl port-forward service/NAME 9090:9090",
        )
    return through_proxy(settings, api, found[0])


def through_proxy(settings: PrometheusSettings, api: "KubernetesApi", found: "FoundService") -> ConnectionOptions:
    """Reach a Service through the API server; the credentials go to the API server alone."""
    from pathlib import Path

    from planner.collectors.kubernetes.discover import proxy_url

    url, pieces = proxy_url(api, found)
    if pieces.server_name is not None:
        raise ConfigError(
            "the kubeconfig's tls-server-name cannot be used for queries through the API server",
            fix=f"forward the port: {found.port_forward_command}, then --prometheus {found.local_url}",
        )
    certificate = pieces.client_cert
    headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
    return ConnectionOptions(
        url=url,
        headers=headers | pieces.headers(),
        ca_file=None if pieces.ca_file is None else Path(pieces.ca_file),
        client_certificate=None if certificate is None else Path(certificate[0]),
        client_key=None if certificate is None else Path(certificate[1]),
        verify=pieces.verify,
        proxy=pieces.proxy or "",
        timeout_seconds=settings.read_timeout_seconds,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        threads=settings.concurrency,
        attempts=settings.retries + 1,
        max_points_per_series=settings.max_points_per_series,
        max_range_seconds=settings.max_chunk_hours * 3600.0,
        max_samples_per_answer=min(MOST_SAMPLES_PER_ANSWER, settings.max_samples_per_query),
    )


def _direct(settings: PrometheusSettings, url: str, api: "KubernetesApi | None") -> ConnectionOptions:
    headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
    if settings.send_kubernetes_token:
        if api is None:
            raise ConfigError("there is no Kubernetes token to send", fix="name a --context")
        headers |= {name: value for name, value in api.headers().items() if name.lower() == "authorization"}
    return ConnectionOptions(
        url=url,
        username=settings.username or "",
        password=_password(settings),
        bearer_token=settings.bearer_token.get_secret_value() if settings.bearer_token else "",
        bearer_token_file=settings.bearer_token_file,
        token_command=shlex.join(settings.token_command),
        headers=headers,
        aws_region=settings.sigv4.region if settings.sigv4 else "",
        aws_profile=(settings.sigv4.profile or "") if settings.sigv4 else "",
        aws_service=settings.sigv4.service if settings.sigv4 else "aps",
        ca_file=settings.ca_file,
        client_certificate=settings.client_cert,
        client_key=settings.client_key,
        verify=not settings.insecure_skip_verify,
        timeout_seconds=settings.read_timeout_seconds,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        threads=settings.concurrency,
        attempts=settings.retries + 1,
        max_points_per_series=settings.max_points_per_series,
        max_range_seconds=settings.max_chunk_hours * 3600.0,
        max_samples_per_answer=min(MOST_SAMPLES_PER_ANSWER, settings.max_samples_per_query),
    )


def _password(settings: PrometheusSettings) -> str:
    if settings.password is not None:
        return settings.password.get_secret_value()
    if settings.password_file is None:
        return ""
    try:
        return settings.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the password file cannot be read", where=str(settings.password_file)) from error
