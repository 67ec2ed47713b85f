"""Every PromQL text that the planner sends.

In the templates ``$where`` is the selector of a :class:`Scope` (cluster, namespaces, containers),
``$window``, ``$step`` and ``$back`` are durations in seconds. Values of labels enter only through
:func:`quoted`. No metric name is ever a pattern, and each query names one metric (two in a ratio), so
that Google's and Azure's services answer too.

Range queries are evaluated at the *end* of each step: the value at ``t + step`` describes
``[t, t + step)``. They are not aggregated on the server, nor rounded: that takes a third or less of
the server's time for 10 % more bytes, and duplicates can be told from parts
(:mod:`~planner.collectors.prometheus.combine`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import Template

from planner.snapshot.header import Metric

_REGEX_SPECIAL = frozenset("\\.+*?()|[]{}^$")


def quoted(value: str) -> str:
    """A PromQL string literal of any text."""
    out = []
    for char in value:
        if char in '\\"':
            out.append(f"\\{char}")
        elif char == "\n":
            out.append("\\n")
        elif ord(char) < 0x20 or ord(char) == 0x7F:
            out.append(f"\\x{ord(char):02x}")
        else:
            out.append(char)
    return f'"{"".join(out)}"'


def any_of(values: Iterable[str]) -> str:
    """A PromQL literal of a pattern that matches exactly these texts, in sorted order."""
    escaped = ("".join(f"\\{c}" if c in _REGEX_SPECIAL else c for c in value) for value in sorted(set(values)))
    return quoted("|".join(escaped))


@dataclass(frozen=True, slots=True)
class LabelNames:
    """What a family of metrics calls its object.

    A scrape with ``honor_labels: false`` stores the object's labels as ``exported_*`` beside those of
    the exporter's own pod.
    """

    namespace: str = "namespace"
    pod: str = "pod"
    container: str = "container"
    node: str = "node"

    @property
    def rewritten(self) -> bool:
        """Whether any name differs from the plain one."""
        return self != PLAIN

    def of(self, label: str) -> str:
        """Stored name of a label."""
        names = {"namespace": self.namespace, "pod": self.pod, "container": self.container, "node": self.node}
        return names.get(label, label)


PLAIN = LabelNames()


class Family(StrEnum):
    """Exporters; each may be scraped in its own way."""

    CADVISOR = "cadvisor"
    KUBE_STATE_METRICS = "kube-state-metrics"
    DCGM = "dcgm"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which series count.

    Attributes:
        cluster: label -> value on every selector of every query (one server, several clusters).
        namespaces: only these; ``None`` = all.
        names: stored names of the labels.
    """

    cluster: Mapping[str, str] = field(default_factory=dict)
    namespaces: tuple[str, ...] | None = None
    names: LabelNames = PLAIN

    def cluster_matchers(self) -> list[str]:
        """Matchers of the cluster alone."""
        return [f"{label}={quoted(value)}" for label, value in sorted(self.cluster.items())]

    def where(self, *extra: str, namespaced: bool = True) -> str:
        """A selector ``{...}``, empty when nothing is asked for."""
        matchers = self.cluster_matchers()
        if namespaced and self.namespaces is not None:
            matchers.append(f"{self.names.namespace}=~{any_of(self.namespaces)}")
        matchers.extend(extra)
        return f"{{{','.join(matchers)}}}" if matchers else ""

    def containers(self, *extra: str) -> str:
        """A selector of real containers: no pod sums (empty name), no pause containers."""
        name = self.names.container
        return self.where(f'{name}!=""', f'{name}!="POD"', *extra)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one usage metric is asked for.

    Attributes:
        metric: what it becomes.
        family: whose labels it has.
        needs: metric names that must exist; the first is probed.
        template: the range query.
        inner: labels that tell parts of one container apart (its cgroups over time, its GPUs);
            series that agree in them too are duplicates.
        total: parts are summed; else the largest counts.
        scale: factor from the answer to the metric's unit.
        upper: values are cut here.
        rate: the window must hold several samples.
    """

    metric: Metric
    family: Family
    needs: tuple[str, ...]
    template: str
    inner: tuple[str, ...] = ()
    total: bool = False
    scale: float = 1.0
    upper: float = float("inf")
    rate: bool = True

    def query(self, scope: Scope, window_seconds: int) -> str:
        """The text for a scope and a window."""
        # without pod mapping the exporter's own pod is the only one in the labels
        not_itself = f'{scope.names.container}!~"(nvidia-)?dcgm-exporter"'
        where = scope.containers(not_itself) if self.family is Family.DCGM else scope.containers()
        return Template(self.template).substitute(where=where, window=f"{window_seconds}s")


_GPU = ("UUID", "gpu", "GPU_I_ID", "Hostname")

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        Metric.CPU,
        Family.CADVISOR,
        ("container_cpu_usage_seconds_total",),
        "rate(container_cpu_usage_seconds_total$where[$window])",
        inner=("id", "name", "cpu"),
        total=True,
    ),
    Recipe(
        Metric.MEMORY,
        Family.CADVISOR,
        ("container_memory_working_set_bytes",),
        "max_over_time(container_memory_working_set_bytes$where[$window])",
        rate=False,
    ),
    Recipe(
        Metric.CPU_THROTTLED,
        Family.CADVISOR,
        ("container_cpu_cfs_throttled_periods_total", "container_cpu_cfs_periods_total"),
        "rate(container_cpu_cfs_throttled_periods_total$where[$window])"
        " / rate(container_cpu_cfs_periods_total$where[$window])",
        upper=1.0,
    ),
    Recipe(
        Metric.CPU_PRESSURE,
        Family.CADVISOR,
        ("container_pressure_cpu_waiting_seconds_total",),
        "rate(container_pressure_cpu_waiting_seconds_total$where[$window])",
        upper=1.0,
    ),
    Recipe(
        Metric.MEMORY_PRESSURE,
        Family.CADVISOR,
        ("container_pressure_memory_stalled_seconds_total",),
        "rate(container_pressure_memory_stalled_seconds_total$where[$window])",
        upper=1.0,
    ),
    Recipe(
        Metric.GPU_ACTIVE,
        Family.DCGM,
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE",),
        "avg_over_time(DCGM_FI_PROF_GR_ENGINE_ACTIVE$where[$window])",
        inner=_GPU,
        total=True,
        rate=False,
    ),
    Recipe(
        Metric.GPU_ACTIVE,
        Family.DCGM,
        ("DCGM_FI_DEV_GPU_UTIL",),
        "avg_over_time(DCGM_FI_DEV_GPU_UTIL$where[$window])",
        inner=_GPU,
        total=True,
        scale=0.01,
        rate=False,
    ),
    Recipe(
        Metric.GPU_MEMORY,
        Family.DCGM,
        ("DCGM_FI_DEV_FB_USED",),
        "max_over_time(DCGM_FI_DEV_FB_USED$where[$window])",
        inner=_GPU,
        total=True,
        scale=float(2**20),
        rate=False,
    ),
)
"""In order of preference where a metric has several."""


def server_time() -> str:
    """The server's clock."""
    return "time()"


def count_at(name: str, where: str, backs: Iterable[int]) -> str:
    """Number of series so many seconds back, one row each with the label ``back``.

    A range query would decode every sample in between; offsets touch only the points.
    """
    rows = []
    for back in backs:
        offset = f" offset {back}s" if back else ""
        rows.append(f'label_replace(count({name}{where}{offset}), "back", "{back}", "", "")')
    return " or ".join(rows)


def count_ever(name: str, where: str, window_seconds: int) -> str:
    """Number of series with any sample in a window."""
    return f"count(last_over_time({name}{where}[{window_seconds}s]))"


def samples_per_hour(name: str, where: str, back: int) -> str:
    """Samples of a typical series in an hour: the scrape interval."""
    offset = f" offset {back}s" if back else ""
    return f"quantile(0.75, count_over_time({name}{where}[1h]{offset}))"


def one_series(name: str, scope: Scope, *, back: int, window_seconds: int) -> str:
    """One series with all its labels: a rewritten one where the window has any, else one that is there.

    Where nothing is rewritten, the search of the window finds no series and costs nothing.
    """
    offset = f" offset {back}s" if back else ""
    rewritten = scope.where('exported_pod!=""', namespaced=False)
    plain = scope.where(namespaced=False)
    return f"topk(1, last_over_time({name}{rewritten}[{window_seconds}s]{offset})) or topk(1, {name}{plain}{offset})"


def namespaces_of(name: str, scope: Scope, window_seconds: int) -> str:
    """Namespaces with any series of a metric."""
    return f"count by ({scope.names.namespace}) (last_over_time({name}{scope.containers()}[{window_seconds}s]))"


def by_labels(how: str, labels: Iterable[str], inner: str) -> str:
    """``max by (a, b) (inner)``."""
    return f"{how} by ({', '.join(labels)}) ({inner})"


def now_of(name: str, where: str) -> str:
    """A state as it is."""
    return f"{name}{where}"


def over_time(function: str, name: str, where: str, window_seconds: int) -> str:
    """A state over a window, as one value (``last_over_time``, ``min_over_time``, ``max_over_time``)."""
    return f"{function}({name}{where}[{window_seconds}s])"


def last_seen(name: str, where: str, window_seconds: int, step_seconds: int) -> str:
    """When an info metric (value 1) was last there; ``timestamp()`` here costs fifty times as much."""
    return f"max_over_time(({name}{where} * time())[{window_seconds}s:{step_seconds}s])"


def increase_events(name: str, where: str, labels: Iterable[str], step_seconds: int) -> str:
    """Points at which a counter is higher than a step before, with the difference; nothing elsewhere."""
    keys = tuple(labels)
    after = by_labels("max", keys, f"{name}{where}")
    before = by_labels("max", keys, f"{name}{where} offset {step_seconds}s")
    return f"({after} - {before}) > 0"


def only_where(events: str, labels: Iterable[str], name: str, where: str, condition: str = "== 1") -> str:
    """Events at whose time a state holds for the same labels."""
    keys = tuple(labels)
    return f"({events}) and on ({', '.join(keys)}) ({by_labels('max', keys, name + where)} {condition})"


def value_at(name: str, where: str, labels: Iterable[str], events: str) -> str:
    """Value of a metric at the times of events of the same labels."""
    keys = tuple(labels)
    return f"{by_labels('max', keys, name + where)} and on ({', '.join(keys)}) ({events})"
