"""How a workload of the sample platform is written down: what it asks for, and how it really lives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from planner.units import parse_cpu, parse_memory

Pattern = Literal["office", "consumer", "flat", "nightly", "hourly", "bursty", "training", "dead"]
Side = Literal["requests", "limits"]
Resource = Literal["cpu", "memory"]
RESOURCES: tuple[Resource, ...] = ("cpu", "memory")
MemoryKind = Literal["flat", "load", "cache", "leak", "heap", "spikes"]


@dataclass(frozen=True, slots=True)
class Load:
    """CPU of one container of one pod: ``idle + (peak - idle) * pattern(time)``, times noise.

    Attributes:
        idle: cores with nothing to do.
        peak: cores at the top of an ordinary week.
        pattern: shape over the week (:mod:`planner.collectors.sample.shapes`).
        noise: relative standard deviation from step to step.
        growth_per_week: relative growth of the work, such as 0.05.
        spikes: share of the steps in which the use is two to five times higher.
    """

    idle: float
    peak: float
    pattern: Pattern = "office"
    noise: float = 0.12
    growth_per_week: float = 0.0
    spikes: float = 0.002


@dataclass(frozen=True, slots=True)
class Footprint:
    """Working set of one container of one pod, in GiB.

    ``flat`` stays near ``low``; ``load`` follows the CPU pattern from ``low`` to ``high``; ``cache``
    fills from ``low`` to ``high`` with time constant ``hours``; ``heap`` is a saw-tooth of a garbage
    collector with period ``hours``; ``leak`` grows from ``low`` by ``high - low`` each ``hours`` until
    the limit kills it; ``spikes`` stays near ``low`` and now and then, every ``hours`` on average,
    wants up to ``high``.
    """

    kind: MemoryKind
    low: float
    high: float = 0.0
    hours: float = 24.0
    noise: float = 0.012


@dataclass(frozen=True, slots=True)
class GpuUse:
    """GPU of one container of one pod: activity of each of its GPUs from ``idle`` to ``peak``, framebuffer in GiB."""

    idle: float
    peak: float
    framebuffer_gib: float
    pattern: Pattern = "office"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container: its lines in the template and its life.

    Attributes:
        requests: ``"500m 1Gi"``, CPU and memory; ``-`` = not set.
        limits: the same for limits.
        role: ``app``, ``init`` or ``sidecar`` (an init container that is restarted always).
        init_steps: steps that an init container runs before the others start; 0 = too short to be seen.
        injected: on the pods only, put there by a webhook.
    """

    name: str
    image: str
    load: Load
    footprint: Footprint
    requests: str = "- -"
    limits: str = "- -"
    role: Literal["app", "init", "sidecar"] = "app"
    gpus: int = 0
    gpu_use: GpuUse | None = None
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    init_steps: int = 0
    injected: bool = False
    resize_restart: tuple[str, ...] = ()

    def quantity(self, side: Side, resource: Resource) -> str | None:
        """The quantity as written in the manifest; ``None`` = not set."""
        parts = (self.requests if side == "requests" else self.limits).split()
        text = parts[0 if resource == "cpu" else 1]
        return None if text == "-" else text

    @property
    def cpu_limit(self) -> float | None:
        """Cores; ``None`` = no limit."""
        text = self.quantity("limits", "cpu")
        return None if text is None else parse_cpu(text)

    @property
    def memory_limit(self) -> int | None:
        """Bytes; ``None`` = no limit."""
        text = self.quantity("limits", "memory")
        return None if text is None else parse_memory(text)

    @property
    def cpu_request(self) -> float:
        """Cores that the scheduler counts: the limit where only that is set."""
        text = self.quantity("requests", "cpu")
        return parse_cpu(text) if text else self.cpu_limit or 0.0

    @property
    def memory_request(self) -> int:
        """Bytes that the scheduler counts: the limit where only that is set."""
        text = self.quantity("requests", "memory")
        return parse_memory(text) if text else self.memory_limit or 0


@dataclass(frozen=True, slots=True)
class Part:
    """Pods of one workload with one template, such as ``head`` and ``workers`` of a RayCluster; mostly the only one."""

    name: str
    replicas: int
    containers: tuple[ContainerSpec, ...]


@dataclass(frozen=True, slots=True)
class Scaling:
    """What changes the number of pods (``hpa``, ``keda``) or would size them (``vpa``, in mode Off)."""

    kind: Literal["hpa", "keda", "vpa"]
    minimum: int = 1
    maximum: int = 1
    target: int = 70
    """Percent of the CPU request for ``hpa``; lag per replica for ``keda``."""
    container: str | None = None
    """Only this container counts (a ``ContainerResource`` metric)."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Runs of a CronJob, or the one run of a Job.

    Attributes:
        cron: the expression in the manifest.
        hours: hours of the day (UTC) at which runs start; for a Job: hours before the end of the window.
        steps: length of a run in steps.
        weekday: only on this day (Monday = 0); ``None`` = daily.
    """

    cron: str
    hours: tuple[float, ...]
    steps: int
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """Claims of a StatefulSet; zonal ones bind each pod to one zone."""

    size: str
    storage_class: str = "gp3"
    zonal: bool = True


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """A workload of the platform.

    Attributes:
        kind: kind of the top controller.
        pool: node pool on which its pods run.
        rollouts_per_week: how often its pods are replaced by new ones.
        crashes_per_week: restarts of a pod's main container for other reasons than memory.
        manager: who owns the object: ``helm``, ``argocd``, ``flux`` or nobody.
        silent: ``always`` = no usage is ever seen; ``gap`` = none for 20 hours of the second day.
        last_days: it exists only since so many days; ``None`` = longer than the window.
        gone: its object is deleted; only its pods are still in the history.
        startup_seconds: from the creation of a pod to Ready.
    """

    namespace: str
    kind: str
    name: str
    parts: tuple[Part, ...]
    pool: str = "general"
    scaling: Scaling | None = None
    schedule: Schedule | None = None
    volume: Volume | None = None
    rollouts_per_week: float = 0.0
    crashes_per_week: float = 0.0
    manager: Literal["helm", "argocd", "flux", ""] = "argocd"
    annotations: Mapping[str, str] = field(default_factory=dict)
    pod_annotations: Mapping[str, str] = field(default_factory=dict)
    min_available: str | None = None
    priority_class: str | None = None
    silent: Literal["", "always", "gap"] = ""
    last_days: float | None = None
    gone: bool = False
    startup_seconds: int = 12

    @property
    def replicas(self) -> int:
        """Pods over all parts."""
        return sum(part.replicas for part in self.parts)


def one(*containers: ContainerSpec, replicas: int = 1) -> tuple[Part, ...]:
    """The parts of a workload with one template."""
    return (Part("", replicas, containers),)
