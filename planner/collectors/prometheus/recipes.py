"""Which usage metrics this server has, how each is asked for, and what a missing one costs the plan."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from planner.collectors.prometheus.client import PrometheusClient
from planner.collectors.prometheus.probe import (
    DEFAULT_SCRAPE_SECONDS,
    Presence,
    label_names,
    probe_presence,
    scrape_seconds,
)
from planner.collectors.prometheus.queries import RECIPES, Family, Recipe, Scope
from planner.snapshot.header import Metric, SourceWarning

SCRAPES_PER_RATE = 4
"""A rate needs two samples; four intervals survive a lost scrape and left-open windows."""

COSTS: Mapping[Metric, tuple[str, str]] = {
    Metric.CPU: (
        "no CPU request can be sized",
        "scrape the kubelet's /metrics/cadvisor and keep container_cpu_usage_seconds_total",
    ),
    Metric.MEMORY: (
        "no memory request can be sized",
        "scrape the kubelet's /metrics/cadvisor and keep container_memory_working_set_bytes",
    ),
    Metric.CPU_THROTTLED: (
        "throttling by CPU limits is not seen",
        "keep container_cpu_cfs_periods_total and container_cpu_cfs_throttled_periods_total; "
        "they exist only where a CPU limit is set",
    ),
    Metric.CPU_PRESSURE: (
        "waiting for CPU is not seen where no limit is set",
        "needs Kubernetes 1.34 with cgroup v2 (KubeletPSI), and container_pressure_* kept by the scrape",
    ),
    Metric.MEMORY_PRESSURE: (
        "stalls before an OOM kill are not seen",
        "needs Kubernetes 1.34 with cgroup v2 (KubeletPSI), and container_pressure_* kept by the scrape",
    ),
    Metric.GPU_ACTIVE: (
        "GPU requests are not sized",
        "where GPUs run: install dcgm-exporter with pod mapping and scrape it",
    ),
    Metric.GPU_MEMORY: (
        "GPU memory is not sized",
        "where GPUs run: install dcgm-exporter with pod mapping and scrape it",
    ),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A recipe with everything its queries need.

    Attributes:
        recipe: what to ask.
        scope: with the label names of its family.
        window_seconds: of rate and of ``*_over_time``.
        series: most series at once.
    """

    recipe: Recipe
    scope: Scope
    window_seconds: int
    series: float


@dataclass(frozen=True, slots=True)
class Menu:
    """What can be asked of this server.

    Attributes:
        chosen: one recipe per metric that exists.
        scrape_seconds: found for cAdvisor; ``None`` = not found, a minute is assumed.
        warnings: missing metrics, second choices, slow scrapes.
    """

    chosen: tuple[Chosen, ...]
    scrape_seconds: float | None
    warnings: tuple[SourceWarning, ...]


def choose_recipes(
    client: PrometheusClient,
    scope: Scope,
    metrics: Collection[Metric],
    *,
    start: float,
    end: float,
    step_seconds: int,
) -> Menu:
    """Probe a window for the metrics and choose how to ask for each."""
    known = client.metric_names(start=start, end=end, match=scope.where(namespaced=False) if scope.cluster else "")
    found: dict[Metric, tuple[Recipe, Scope, Presence]] = {}
    scopes: dict[Family, Scope] = {}
    presences: dict[Family, Presence] = {}  # where names are known, one look at each exporter is enough
    warnings: list[SourceWarning] = []
    for recipe in RECIPES:
        if recipe.metric not in metrics or recipe.metric in found:
            continue
        if known is not None and not known.issuperset(recipe.needs):
            continue
        presence = presences.get(recipe.family) if known is not None else None
        if presence is None:
            presence = probe_presence(client, recipe.needs[0], probe_where(recipe, scope), start=start, end=end)
        if not presence.exists:
            continue
        if recipe.metric is not Metric.CPU_THROTTLED:  # only containers with a limit have it
            presences.setdefault(recipe.family, presence)
        if recipe.family not in scopes:
            back = int(end - presence.newest) if presence.newest is not None else 0
            names = label_names(client, recipe.needs[:1], scope, end=end, back=back)
            scopes[recipe.family] = replace(scope, names=names)
        found[recipe.metric] = (recipe, scopes[recipe.family], presence)
        if recipe.needs[0] == "DCGM_FI_DEV_GPU_UTIL":
            warnings.append(_second_choice())
    warnings.extend(_missing(metric) for metric in Metric if metric in metrics and metric not in found)
    interval = _interval(client, found, end=end)
    assumed = interval or DEFAULT_SCRAPE_SECONDS
    rate_window = max(step_seconds, math.ceil(SCRAPES_PER_RATE * assumed))
    if rate_window > step_seconds and found:
        warnings.append(_slow_scrape(assumed, rate_window, step_seconds, guessed=interval is None))
    gauge_window = max(step_seconds, math.ceil(assumed))
    chosen = tuple(
        Chosen(recipe, named, rate_window if recipe.rate else gauge_window, presence.most)
        for recipe, named, presence in found.values()
    )
    return Menu(chosen, interval, tuple(warnings))


def probe_where(recipe: Recipe, scope: Scope) -> str:
    """Selector of a probe: cAdvisor's sums of pods and slices (no container name) are left out."""
    named = ('container!=""',) if recipe.family is Family.CADVISOR else ()
    return scope.where(*named, namespaced=False)


def _interval(
    client: PrometheusClient, found: Mapping[Metric, tuple[Recipe, Scope, Presence]], *, end: float
) -> float | None:
    for metric in (Metric.CPU, Metric.MEMORY):
        if metric in found:
            _, scope, presence = found[metric]
            return scrape_seconds(client, presence, scope.containers(), end=end)
    return None


def still_true(earlier: Iterable[SourceWarning]) -> list[SourceWarning]:
    """Warnings of an earlier collection that this module gave and that nothing has shown to be over."""
    names = {name for recipe in RECIPES for name in recipe.needs}
    codes = {"metric_substituted", "scrape_interval", "duplicate_series", "gpu_shared"}
    return [
        warning
        for warning in earlier
        if warning.source == "prometheus"
        and (warning.code in codes or (warning.code == "metric_missing" and names.issuperset(warning.objects)))
    ]


def _missing(metric: Metric) -> SourceWarning:
    costs, fix = COSTS[metric]
    names = sorted({name for recipe in RECIPES if recipe.metric is metric for name in recipe.needs})
    return SourceWarning(
        source="prometheus",
        code="metric_missing",
        text=f"no series of {' or '.join(names)}",
        costs=costs,
        fix=fix,
        objects=tuple(names),
    )


def _second_choice() -> SourceWarning:
    return SourceWarning(
        source="prometheus",
        code="metric_substituted",
        text="DCGM_FI_DEV_GPU_UTIL stands in for DCGM_FI_PROF_GR_ENGINE_ACTIVE",
        costs="it is the time a GPU was busy at all, not how much of it; MIG slices have none",
        fix="export DCGM_FI_PROF_GR_ENGINE_ACTIVE in the counters of dcgm-exporter",
        objects=("DCGM_FI_DEV_GPU_UTIL",),
    )


def _slow_scrape(interval: float, window: int, step_seconds: int, *, guessed: bool) -> SourceWarning:
    how = "no scrape interval could be found, 60 s is assumed" if guessed else f"scraped every {interval:g} s"
    return SourceWarning(
        source="prometheus",
        code="scrape_interval",
        text=f"{how}: each CPU value is a mean over {window} s, not over the step of {step_seconds} s",
        costs="short peaks are flattened",
        fix=f"scrape at least every {max(1, step_seconds // SCRAPES_PER_RATE)} s, or choose --step {window}",
    )
