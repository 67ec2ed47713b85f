"""The sample platform over its window: nodes, pods and usage, all from one seed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.collectors.sample.catalogue import WORKLOADS
from planner.collectors.sample.placement import SampleNode, on_every_node, placed, sample_nodes
from planner.collectors.sample.platform import (
    DEFAULT_DAYS,
    DEFAULT_SEED,
    LIMIT_RANGES,
    NAMESPACES,
    START,
    STEP_SECONDS,
    STEPS_PER_DAY,
)
from planner.collectors.sample.shapes import Floats
from planner.collectors.sample.spec import RESOURCES, ContainerSpec, Part, WorkloadSpec
from planner.collectors.sample.timeline import PodRun, pod_runs
from planner.collectors.sample.usage import ContainerUsage, Surroundings, container_usage

GAP = (STEPS_PER_DAY + 48, 2 * STEPS_PER_DAY)
"""Steps of the second day, 04:00 to 24:00 UTC, in which the metrics of one workload are lost."""
NODE_GAP = (72, 96)
"""Steps of the first day, 06:00 to 08:00 UTC, in which one node is not scraped."""
PRESSURE_POOLS = ("general",)
"""Pools whose kubelets are new enough to tell PSI."""


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that happened.

    Attributes:
        steps: length of the window in steps.
        namespaces: namespace -> environment.
        nodes: as they are at the end of the window.
        workloads: as written; ``runs`` and ``usage`` hold them as admitted, with the defaults of a LimitRange.
        runs: all pods, by start.
        usage: every container that ran in the window, by (uid of its pod, container).
    """

    seed: int
    steps: int
    namespaces: Mapping[str, str]
    nodes: tuple[SampleNode, ...]
    workloads: tuple[WorkloadSpec, ...]
    runs: tuple[PodRun, ...]
    usage: Mapping[tuple[str, str], ContainerUsage]

    @property
    def start(self) -> float:
        """Unix seconds of the start of the window."""
        return START

    @property
    def end(self) -> float:
        """Unix seconds of its end: the present of the sample."""
        return self.time(self.steps)

    def time(self, step: float) -> float:
        """Unix seconds of a step's start."""
        return START + step * STEP_SECONDS

    def restarts(self, run: PodRun, container: str) -> list[int]:
        """Steps of the restarts of a container, kills included."""
        usage = self.usage.get((run.uid, container))
        return [] if usage is None else usage.starts[1:]

    def alive(self) -> list[PodRun]:
        """Pods that run at the end of the window."""
        return [run for run in self.runs if run.last is None]

    def shown(self) -> list[PodRun]:
        """Pods that the API shows at the end of the window: finished ones of recent Jobs too."""
        return [run for run in self.runs if run.visible is None]


def build_model(*, seed: int = DEFAULT_SEED, days: int = DEFAULT_DAYS, copies: int = 1) -> Model:
    """Let the platform live.

    Args:
        seed: of everything random.
        days: length of the window, from 2026-09-28 on.
        copies: every workload so many times, in namespaces of their own, on so many times the nodes.
    """
    steps = days * STEPS_PER_DAY
    namespaces = {copied(name, copy): label for copy in range(copies) for name, label in NAMESPACES.items()}
    workloads: list[WorkloadSpec] = []
    nodes: list[SampleNode] = []
    runs: list[PodRun] = []
    usage: dict[tuple[str, str], ContainerUsage] = {}
    for copy in range(copies):
        own_workloads = [replace(spec, namespace=copied(spec.namespace, copy)) for spec in WORKLOADS]
        own_nodes = sample_nodes(seed, copy)
        unplaced = [run for spec in own_workloads for run in _runs_of(spec, seed, steps, own_nodes)]
        own_runs = placed(unplaced, own_nodes, steps)
        workloads += own_workloads
        nodes += own_nodes
        runs += own_runs
        usage |= _all_usage(own_runs, seed, steps, own_nodes)
    runs.sort(key=lambda run: (run.first, run.spec.namespace, run.name, run.uid))
    return Model(seed, steps, namespaces, tuple(nodes), tuple(workloads), tuple(runs), usage)


def copied(namespace: str, copy: int) -> str:
    """Name of a namespace in a copy of the platform; the first copy has the plain names."""
    return namespace if copy == 0 else f"{namespace}-{copy + 1}"


def origin(namespace: str) -> str:
    """The namespace of the first copy."""
    return next(name for name in NAMESPACES if namespace == name or namespace.startswith(f"{name}-"))


def admitted(container: ContainerSpec, namespace: str) -> ContainerSpec:
    """The container with the defaults of its namespace's LimitRange, as its pods have it."""
    requested = [container.quantity("requests", resource) for resource in RESOURCES]
    limited = [container.quantity("limits", resource) for resource in RESOURCES]
    for item in LIMIT_RANGES.get(origin(namespace), ()):
        for position, resource in enumerate(RESOURCES):
            if requested[position] is None:
                requested[position] = limited[position] or item.get("defaultRequest", {}).get(resource)
            limited[position] = limited[position] or item.get("default", {}).get(resource)
    requests, limits = (" ".join(text or "-" for text in texts) for texts in (requested, limited))
    return replace(container, requests=requests, limits=limits)


def _runs_of(spec: WorkloadSpec, seed: int, steps: int, nodes: list[SampleNode]) -> list[PodRun]:
    parts = tuple(
        Part(part.name, part.replicas, tuple(admitted(c, spec.namespace) for c in part.containers))
        for part in spec.parts
    )
    if spec.kind != "DaemonSet":
        return pod_runs(replace(spec, parts=parts), seed, steps)
    homes = on_every_node(spec, nodes)
    everywhere = replace(spec, parts=(replace(parts[0], replicas=len(homes)),))
    return [run.placed(homes[run.slot].name, homes[run.slot].zone) for run in pod_runs(everywhere, seed, steps)]


def _all_usage(
    runs: list[PodRun], seed: int, steps: int, nodes: list[SampleNode]
) -> dict[tuple[str, str], ContainerUsage]:
    shares = _shares(runs, steps)
    pools = {node.name: node.pool.name for node in nodes}
    unscraped = [node.name for node in nodes if node.pool.name == "general"][1]
    result = {}
    for run in runs:
        hidden = _hidden(run, steps, unscraped)
        share = shares[run.spec.namespace, run.spec.name, run.part.name]
        around = Surroundings(seed, steps, share, hidden, pools[run.node] in PRESSURE_POOLS)
        for container in run.part.containers:
            usage = container_usage(run, container, around)
            if usage is not None:
                result[run.uid, container.name] = usage
    return result


def _shares(runs: list[PodRun], steps: int) -> dict[tuple[str, str, str], Floats]:
    """Per part: declared replicas over running pods, since the work is divided by those that are there."""
    counts: dict[tuple[str, str, str], Floats] = {}
    declared: dict[tuple[str, str, str], int] = {}
    for run in runs:
        key = (run.spec.namespace, run.spec.name, run.part.name)
        declared[key] = run.part.replicas
        count = counts.setdefault(key, np.zeros(steps))
        count[max(run.first, 0) : run.stop(steps)] += 1
    return {key: declared[key] / np.maximum(count, 1.0) for key, count in counts.items()}


def _hidden(run: PodRun, steps: int, unscraped: str) -> NDArray[np.bool_]:
    hidden = np.full(steps, run.spec.silent == "always")
    if run.spec.silent == "gap":
        hidden[slice(*GAP)] = True
    if run.node == unscraped:
        hidden[slice(*NODE_GAP)] = True
    return hidden
