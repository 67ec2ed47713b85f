"""Flags that several commands share. Secrets come from files and the environment, never from flags."""

import functools
import inspect
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from planner.config.settings import Settings

R = TypeVar("R")

PROMETHEUS = "Prometheus"
KUBERNETES = "Kubernetes"

SnapshotFolder = Annotated[
    Path | None,
    typer.Option("--snapshot", help="Folder made by `planner collect`.", envvar="PLANNER_SNAPSHOT", show_default=False),
]
Sample = Annotated[bool, typer.Option("--sample", help="Use the synthetic sample cluster.")]
PlanFile = Annotated[
    Path | None, typer.Option("--plan", help="Plan made by `planner recommend -o json`.", show_default=False)
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Policy file (YAML).", envvar="PLANNER_POLICY", show_default=False)
]
Namespaces = Annotated[
    list[str] | None, typer.Option("--namespace", "-n", help="Only this namespace (repeatable).", show_default=False)
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces (the default).")]


def connection(
    prometheus: Annotated[
        str | None,
        typer.Option(
            help="Address of a Prometheus-compatible server.",
            envvar="PLANNER_PROMETHEUS_URL",
            rich_help_panel=PROMETHEUS,
            show_default=False,
        ),
    ] = None,
    prometheus_user: Annotated[
        str | None,
        typer.Option(
            help="Basic auth; the password is $PLANNER_PROMETHEUS_PASSWORD or the file below.",
            envvar="PLANNER_PROMETHEUS_USER",
            rich_help_panel=PROMETHEUS,
            show_default=False,
        ),
    ] = None,
    prometheus_password_file: Annotated[
        Path | None, typer.Option(rich_help_panel=PROMETHEUS, show_default=False)
    ] = None,
    prometheus_token_file: Annotated[
        Path | None,
        typer.Option(
            help="Bearer token, read again for every request; or $PLANNER_PROMETHEUS_TOKEN.",
            rich_help_panel=PROMETHEUS,
            show_default=False,
        ),
    ] = None,
    prometheus_token_command: Annotated[
        str | None,
        typer.Option(
            help="Command that prints a bearer token (Google, Azure, any).",
            rich_help_panel=PROMETHEUS,
            show_default=False,
        ),
    ] = None,
    prometheus_header: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE or NAME=@FILE, such as X-Scope-OrgID=team (repeatable).",
            rich_help_panel=PROMETHEUS,
            show_default=False,
        ),
    ] = None,
    prometheus_sigv4_region: Annotated[
        str | None,
        typer.Option(
            help="Sign for Amazon Managed Prometheus (extra: aws).", rich_help_panel=PROMETHEUS, show_default=False
        ),
    ] = None,
    prometheus_sigv4_profile: Annotated[
        str | None, typer.Option(rich_help_panel=PROMETHEUS, show_default=False)
    ] = None,
    prometheus_ca_file: Annotated[Path | None, typer.Option(rich_help_panel=PROMETHEUS, show_default=False)] = None,
    prometheus_client_cert: Annotated[Path | None, typer.Option(rich_help_panel=PROMETHEUS, show_default=False)] = None,
    prometheus_client_key: Annotated[Path | None, typer.Option(rich_help_panel=PROMETHEUS, show_default=False)] = None,
    prometheus_insecure: Annotated[
        bool,
        typer.Option(
            "--prometheus-insecure-skip-verify", help="Do not verify its certificate.", rich_help_panel=PROMETHEUS
        ),
    ] = False,
    send_kubernetes_token: Annotated[
        bool, typer.Option(help="Send the kubeconfig's token to Prometheus.", rich_help_panel=PROMETHEUS)
    ] = False,
    cluster_label: Annotated[
        str | None,
        typer.Option(
            help="LABEL=VALUE that selects this cluster on a shared server.",
            rich_help_panel=PROMETHEUS,
            show_default=False,
        ),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Most requests at a time (4).", rich_help_panel=PROMETHEUS, show_default=False)
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(help="Seconds that one request may take (120).", rich_help_panel=PROMETHEUS, show_default=False),
    ] = None,
    days: Annotated[
        float | None, typer.Option(help="Days of history (14).", rich_help_panel=PROMETHEUS, show_default=False)
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="RFC 3339 time; instead of --days.", rich_help_panel=PROMETHEUS, show_default=False),
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="RFC 3339 time (now).", rich_help_panel=PROMETHEUS, show_default=False)
    ] = None,
    step: Annotated[
        int | None, typer.Option(help="Seconds; divides a day (300).", rich_help_panel=PROMETHEUS, show_default=False)
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(envvar="PLANNER_KUBECONFIG", rich_help_panel=KUBERNETES, show_default=False)
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="Context of the kubeconfig.", rich_help_panel=KUBERNETES, show_default=False)
    ] = None,
    in_cluster: Annotated[
        bool, typer.Option(help="Use the pod's service account.", rich_help_panel=KUBERNETES)
    ] = False,
    no_kubernetes: Annotated[
        bool,
        typer.Option(
            "--no-kubernetes", help="Prometheus alone: the plan says what it could not see.", rich_help_panel=KUBERNETES
        ),
    ] = False,
    as_user: Annotated[
        str | None, typer.Option("--as", help="Impersonate a user.", rich_help_panel=KUBERNETES, show_default=False)
    ] = None,
    as_group: Annotated[
        list[str] | None, typer.Option("--as-group", rich_help_panel=KUBERNETES, show_default=False)
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Name of the cluster in snapshots and plans.", rich_help_panel=KUBERNETES, show_default=False
        ),
    ] = None,
    price_file: Annotated[
        Path | None,
        typer.Option(
            help="CSV of your own prices; overrides all others.", envvar="PLANNER_PRICE_FILE", show_default=False
        ),
    ] = None,
) -> "Settings":
    """Settings from the flags and the environment.

    Raises:
        ConfigError: they contradict each other.
    """
    from planner.config.settings import make_settings

    given: dict[str, Any] = {
        "url": prometheus,
        "username": prometheus_user,
        "password": os.environ.get("PLANNER_PROMETHEUS_PASSWORD")
        if prometheus_user and prometheus_password_file is None
        else None,
        "password_file": prometheus_password_file,
        "bearer_token": None if _other_login(locals()) else os.environ.get("PLANNER_PROMETHEUS_TOKEN"),
        "bearer_token_file": prometheus_token_file,
        "token_command": tuple(shlex.split(prometheus_token_command)) if prometheus_token_command else None,
        "send_kubernetes_token": send_kubernetes_token,
        "headers": dict(_header(text) for text in prometheus_header or ()),
        "sigv4": {"region": prometheus_sigv4_region, "profile": prometheus_sigv4_profile}
        if prometheus_sigv4_region
        else None,
        "client_cert": prometheus_client_cert,
        "client_key": prometheus_client_key,
        "ca_file": prometheus_ca_file,
        "insecure_skip_verify": prometheus_insecure,
        "concurrency": concurrency,
        "read_timeout_seconds": timeout,
        "window_days": days,
        "start": start,
        "end": end,
        "step_seconds": step,
        **_cluster_matcher(cluster_label),
    }
    values = {
        "cluster": cluster,
        "prometheus": _present(given),
        "kubernetes": _present(
            {
                "enabled": not no_kubernetes,
                "kubeconfig": kubeconfig,
                "context": context,
                "in_cluster": in_cluster,
                "impersonate_user": as_user,
                "impersonate_groups": tuple(as_group or ()),
            }
        ),
        "prices": _present({"file": price_file}),
    }
    return make_settings({key: value for key, value in values.items() if value is not None})


def with_connection(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the flags of :func:`connection`; it gets the ``Settings`` that they make as ``settings``."""
    flags = inspect.signature(connection).parameters
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "settings"]

    @functools.wraps(command)
    def wrapper(**values: Any) -> R:
        settings = connection(**{name: values.pop(name) for name in flags})
        return command(settings=settings, **values)

    parameters = [*own, *flags.values()]
    wrapper.__signature__ = inspect.Signature([p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def snapshot_folder(snapshot: Path | None, sample: bool, *, optional: bool = False) -> Path | None:
    """The one folder that the flags name.

    Raises:
        UsageError: both are given, or neither is and one is needed.
    """
    from planner import service
    from planner.errors import UsageError

    if sample and snapshot is not None:
        raise UsageError("both --sample and --snapshot are given", fix="keep one")
    if sample:
        return service.sample_folder()
    if snapshot is None and not optional:
        raise UsageError("no snapshot is named", fix="give --snapshot DIR (`planner collect` makes one) or --sample")
    return snapshot


def _present(values: dict[str, Any]) -> dict[str, Any] | None:
    present = {key: value for key, value in values.items() if value is not None}
    return present or None


def _header(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` or ``NAME=@FILE``; the value may hold any ``=`` and ``:``."""
    from planner.errors import UsageError

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError("cannot read a --prometheus-header", fix="write NAME=VALUE or NAME=@FILE")
    if value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UsageError(
                f"cannot read the file of header {name.strip()}: {error.strerror}", where=value[1:]
            ) from error
    return name.strip(), value


def _cluster_matcher(text: str | None) -> dict[str, str]:
    from planner.errors import UsageError

    if text is None:
        return {}
    label, equals, value = text.partition("=")
    if not equals or not label or not value:
        raise UsageError("cannot read --cluster-label", fix="write LABEL=VALUE, such as cluster=prod-eu")
    return {"cluster_label": label, "cluster_value": value}


def _other_login(values: dict[str, Any]) -> bool:
    names = (
        "prometheus_user",
        "prometheus_token_file",
        "prometheus_token_command",
        "prometheus_sigv4_region",
        "send_kubernetes_token",
    )
    return any(values[name] for name in names)
