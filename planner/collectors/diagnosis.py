"""``planner doctor``: every source as a list of checks, each with the line that cures it."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from planner.collectors.parts import Check
from planner.collectors.reach import prometheus_options
from planner.collectors.session import cluster_matcher, kubernetes_api
from planner.config.settings import Settings
from planner.errors import PlannerError

if TYPE_CHECKING:
    from planner.collectors.kubernetes.client import KubernetesApi


def diagnose(settings: Settings) -> list[Check]:
    """Check the API, Prometheus and the prices. What goes wrong is a line, never an error."""
    try:
        with kubernetes_api(settings) as (api, told):
            checks = [Check("kubernetes", "warn", f"{w.text}: {w.costs}", w.fix) for w in told]
            if not settings.kubernetes.enabled:
                checks.append(Check("kubernetes", "warn", "not asked (--no-kubernetes)", ""))
            if api is not None:
                from planner.collectors.kubernetes.checks import check_kubernetes

                checks += check_kubernetes(api)
            checks += _prometheus(settings, api)
    except PlannerError as error:
        checks = [_failed("kubernetes", error), *_prometheus(settings, None)]
    return [*checks, *_prices(settings)]


def _prometheus(settings: Settings, api: "KubernetesApi | None") -> list[Check]:
    from planner.collectors.prometheus.client import PrometheusClient
    from planner.collectors.prometheus.doctor import check_prometheus

    now = time.time()
    start, end = settings.prometheus.window(datetime.fromtimestamp(now, tz=UTC))
    try:
        client = PrometheusClient(prometheus_options(settings.prometheus, api))
    except PlannerError as error:
        return [_failed("prometheus", error)]
    with client:
        return check_prometheus(
            client,
            start=start,
            end=end,
            step_seconds=settings.prometheus.step_seconds,
            now=now,
            cluster_matcher=cluster_matcher(settings),
        )


def _prices(settings: Settings) -> list[Check]:
    from planner.collectors.prices.price_file import read_price_file
    from planner.domain.catalogue import load_catalogue

    try:
        checks = []
        if settings.prices.file is not None:
            rows = read_price_file(settings.prices.file, max_per_hour=settings.prices.max_per_hour)
            checks.append(Check("price file", "ok", f"{len(rows)} rows in {settings.prices.file}"))
        catalogue = load_catalogue()
    except PlannerError as error:
        return [_failed("prices", error)]
    return [*checks, Check("price catalogue", "ok", catalogue.summary())]


def _failed(name: str, error: PlannerError) -> Check:
    where = f" ({error.where})" if error.where else ""
    return Check(name, "fail", f"{error.what}{where}", error.fix)
