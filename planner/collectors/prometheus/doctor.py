"""``planner doctor``: what this Prometheus can and cannot tell, each with its cure."""

import math
from collections.abc import Mapping
from functools import partial

import msgspec

from planner.collectors.parts import Check
from planner.collectors.prometheus import queries
from planner.collectors.prometheus.chunks import in_order
from planner.collectors.prometheus.client import PrometheusClient
from planner.collectors.prometheus.gaps import iso
from planner.collectors.prometheus.nodes import LABELS_FLAG, stored_labels
from planner.collectors.prometheus.probe import (
    FAMILY_METRICS,
    Presence,
    agree_on_end,
    label_names,
    probe_presence,
    scrape_seconds,
)
from planner.collectors.prometheus.queries import RECIPES, Scope
from planner.collectors.prometheus.recipes import COSTS, SCRAPES_PER_RATE, probe_where
from planner.collectors.prometheus.state import NEEDED
from planner.errors import SourceDenied, SourceError
from planner.snapshot.header import Metric

REQUIRED = (Metric.CPU, Metric.MEMORY)


class _BuildInfo(msgspec.Struct):
    version: str = ""
    application: str = ""
    features: dict[str, object] | None = None


class _BuildAnswer(msgspec.Struct):
    data: _BuildInfo | None = None


def check_prometheus(
    client: PrometheusClient,
    *,
    start: float,
    end: float,
    step_seconds: int,
    now: float,
    cluster_matcher: Mapping[str, str] | None = None,
) -> list[Check]:
    """Look at a server as a collection would, and tell what would be missing. Never raises for the server's sake.

    Args:
        client: the server.
        start: of the window that would be collected.
        end: of that window.
        step_seconds: grid.
        now: our clock.
        cluster_matcher: label -> value on every selector.
    """
    checks: list[Check] = []
    try:
        clock = agree_on_end(client, end=end, step_seconds=step_seconds, now=now)
    except SourceError as error:
        name = "prometheus auth" if isinstance(error, SourceDenied) else "prometheus"
        return [Check(name, "fail", f"{error.what} ({error.where})", error.fix)]
    checks.append(Check("prometheus", "ok", f"answers at {client.options.base_url}"))
    checks.extend(_connection(client))
    checks.extend(Check("clock", "warn", warning.text, warning.fix) for warning in clock.warnings)
    scope = Scope(dict(cluster_matcher or {}))
    try:
        checks.append(_flavour(client))
        known = client.metric_names(
            start=start, end=clock.end, match=scope.where(namespaced=False) if scope.cluster else ""
        )
        checks.extend(_usage(client, scope, known, start=start, end=clock.end, step_seconds=step_seconds))
        checks.extend(_state(client, scope, known, start=start, end=clock.end))
    except SourceError as error:
        checks.append(Check("prometheus queries", "fail", f"{error.what} ({error.where})", error.fix))
    checks.extend(Check("answers", "warn", warning.text, warning.fix) for warning in client.warnings)
    return checks


def _connection(client: PrometheusClient) -> list[Check]:
    options = client.options
    checks = []
    secret = options.basic or options.bearer_token or options.bearer_token_file or options.token_command
    if secret and options.url.startswith("http://") and not options.is_loopback:
        checks.append(Check("tls", "warn", "credentials go over http without encryption", "use https"))
    if options.url.startswith("https://") and not options.verify:
        checks.append(Check("tls", "warn", "the server's certificate is not checked", "give the CA file instead"))
    return checks


def flavour(body: bytes) -> tuple[str, str]:
    """(product, version) from a buildinfo answer; ``("", "")`` where there is none."""
    try:
        info = msgspec.json.decode(body, type=_BuildAnswer).data
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ""
    if info is None:
        return "", ""
    application = info.application.lower()
    if "mimir" in application or "enterprise-metrics" in application:
        return "Mimir", info.version
    if "victoria" in info.version.lower() or "victoria" in application:
        return "VictoriaMetrics", info.version
    if info.features and "ruler_config_api" in info.features:
        return "Mimir or Cortex", info.version
    return "Prometheus", info.version


def server_version(client: PrometheusClient) -> str:
    """``Prometheus 2.42.0``, for the snapshot; empty where the server does not tell."""
    try:
        product, version = flavour(client.get("/api/v1/status/buildinfo"))
    except SourceError:
        return ""
    return f"{product} {version}".strip()


def _flavour(client: PrometheusClient) -> Check:
    told = server_version(client)
    try:
        if b"store" in client.get("/api/v1/stores")[:2000].lower():
            return Check("version", "ok", f"Thanos Query ({told or 'version not told'})")
    except SourceError:
        pass
    if not told:
        return Check("version", "ok", "the server does not tell its version (usual for managed services)")
    return Check("version", "ok", told)


def _usage(
    client: PrometheusClient, scope: Scope, known: frozenset[str] | None, *, start: float, end: float, step_seconds: int
) -> list[Check]:
    """A line for each usage metric, the scrape interval, the reach of the history and the labels."""
    calls = [
        partial(probe_presence, client, recipe.needs[0], probe_where(recipe, scope), start=start, end=end, known=known)
        for recipe in RECIPES
    ]
    found = dict(zip(RECIPES, in_order(calls, client.threads), strict=True))
    checks = []
    for metric in Metric:
        best = next((p for recipe, p in found.items() if recipe.metric is metric and p.exists), None)
        costs, fix = COSTS[metric]
        if best is None:
            status = "fail" if metric in REQUIRED else "warn"
            checks.append(Check(metric.value, status, f"no series: {costs}", fix))
        else:
            checks.append(Check(metric.value, "ok", f"{best.name}: up to {best.most:.0f} series"))
    memory = next(p for recipe, p in found.items() if recipe.metric is Metric.MEMORY)
    if memory.exists:
        checks.append(_interval(client, scope, memory, end=end, step_seconds=step_seconds))
        checks.append(_reach(memory, start=start))
    return checks


def _interval(client: PrometheusClient, scope: Scope, presence: Presence, *, end: float, step_seconds: int) -> Check:
    interval = scrape_seconds(client, presence, scope.where(namespaced=False), end=end)
    if interval is None:
        return Check("scrape interval", "warn", "not found: too few samples in an hour", "check the scrape of cAdvisor")
    if SCRAPES_PER_RATE * interval > step_seconds:
        window = math.ceil(SCRAPES_PER_RATE * interval)
        return Check(
            "scrape interval",
            "warn",
            f"{interval:g} s: CPU values are means over {window} s",
            f"scrape at least every {step_seconds // SCRAPES_PER_RATE} s, or choose --step {window}",
        )
    return Check("scrape interval", "ok", f"{interval:g} s")


def _reach(presence: Presence, *, start: float) -> Check:
    oldest = presence.oldest
    if oldest is None or oldest - start > 86_400:
        text = f"nothing before {iso(oldest)}" if oldest is not None else "only a few samples in the window"
        return Check(
            "history",
            "warn",
            f"{text}; the window begins {iso(start)}",
            "raise the retention or choose a shorter window",
        )
    return Check("history", "ok", f"reaches {iso(oldest)}")


def _state(
    client: PrometheusClient, scope: Scope, known: frozenset[str] | None, *, start: float, end: float
) -> list[Check]:
    """Lines for kube-state-metrics: what is missing, the labels of nodes, rewritten labels."""
    where = scope.where(namespaced=False)

    def there(name: str) -> bool:
        if known is not None:
            return name in known
        return len(client.instant(queries.count_ever(name, where, 900), end).values) > 0

    checks = []
    for name, (costs, fix) in NEEDED.items():
        status, text = ("ok", "there") if there(name) else ("warn", f"no series: {costs}")
        checks.append(Check(name, status, text, "" if status == "ok" else fix))
    zone = stored_labels("topology.kubernetes.io/zone")[0]
    zones = scope.where(f'{zone}!=""', namespaced=False)
    if not len(client.instant(queries.count_ever("kube_node_labels", zones, 900), end).values):
        checks.append(
            Check(
                "node labels",
                "warn",
                "zones, types and pools of nodes are not exported; only the Kubernetes API can tell them",
                f"kube-state-metrics: {LABELS_FLAG}",
            )
        )
    for family, metrics in FAMILY_METRICS.items():
        names = label_names(client, [name for name in metrics if there(name)], scope, end=end)
        if names.rewritten:
            checks.append(
                Check(
                    "labels",
                    "ok",
                    f"{family.value}: labels are rewritten ({names.pod}); the planner reads them so",
                    "honorLabels: true in its ServiceMonitor keeps them as they are",
                )
            )
    return checks
