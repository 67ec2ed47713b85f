"""What a pod asks of the scheduler: the one figure behind packing, quotas and the bill."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.domain.workload import Container, ContainerRole, Resources, Workload


@dataclass(frozen=True, slots=True)
class PodRequest:
    """Effective request of one pod; missing requests count as 0."""

    cpu_cores: float
    memory_bytes: float
    extended: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PlannedWorkload:
    """One workload as the plan will run it. Patches, packing and quota needs come from this one value.

    Attributes:
        workload: as observed.
        containers: the workload's containers with the planned requests and limits.
        replicas: pods wanted now, over all templates.
        mean_pods: pod template -> pods running on average over the typical week; the key is ``None``
            where the workload has one template only.
        week_pods: pod template -> (168,) float64, pods running on average in each hour of the typical week, from
            Monday 00:00 UTC; without a template's entry they are the observed ones.
        max_pods: most pods at once, an autoscaler's maximum included; ``None`` = as today.
    """

    workload: Workload
    containers: tuple[Container, ...]
    replicas: float
    mean_pods: Mapping[str | None, float]
    week_pods: Mapping[str | None, NDArray[np.float64]] = field(default_factory=dict)
    max_pods: float | None = None

    def requested_now(self) -> PodRequest:
        """Sum of the effective requests of its mean pods today."""
        return self._requested(self.workload.containers)

    def requested_planned(self) -> PodRequest:
        """Sum of the effective requests of its mean pods under the plan."""
        return self._requested(self.containers)

    def _requested(self, containers: tuple[Container, ...]) -> PodRequest:
        cpu_cores = memory_bytes = 0.0
        extended: dict[str, float] = {}
        for template, pods in self.mean_pods.items():
            own = [container for container in containers if container.template in (template, None)]
            pod = effective_request(self.workload, own)
            cpu_cores += pod.cpu_cores * pods
            memory_bytes += pod.memory_bytes * pods
            for name, count in pod.extended.items():
                extended[name] = extended.get(name, 0.0) + count * pods
        return PodRequest(cpu_cores, memory_bytes, extended)


def effective_request(workload: Workload, containers: Iterable[Container]) -> PodRequest:
    """The scheduler's figure for a pod with these containers.

    ``max(apps + sidecars, max over init i of (init i + sidecars started before it)) + overhead``
    (KEP-753), replaced by the pod-level request where one is set (KEP-2837).

    A request that is missing while a limit is set equals the limit, as the API server defaults it.
    """
    names = {"cpu", "memory"}
    for container in containers:
        names |= set(container.requests.extended) | set(container.limits.extended)
    totals = {name: _effective(name, containers) for name in names}
    if workload.overhead is not None:
        totals["cpu"] += workload.overhead.cpu_cores or 0.0
        totals["memory"] += workload.overhead.memory_bytes or 0.0
    if workload.pod_requests is not None:
        for name in names:
            pod_level = amount(workload.pod_requests, name)
            if pod_level is not None:
                totals[name] = pod_level
    extended = {name: value for name, value in sorted(totals.items()) if name not in ("cpu", "memory")}
    return PodRequest(totals["cpu"], totals["memory"], extended)


def amount(resources: Resources, name: str) -> float | None:
    """Cores, bytes or units of a resource; ``None`` = not set."""
    if name == "cpu":
        return resources.cpu_cores
    if name == "memory":
        return None if resources.memory_bytes is None else float(resources.memory_bytes)
    return resources.extended.get(name)


def requested(container: Container, name: str) -> float:
    """Request of a container, the limit where only that is set, else 0."""
    request = amount(container.requests, name)
    if request is None:
        request = amount(container.limits, name)
    return request or 0.0


def _effective(name: str, containers: Iterable[Container]) -> float:
    running = sidecars = highest_init = 0.0
    for container in containers:
        value = requested(container, name)
        if container.role is ContainerRole.INIT:
            highest_init = max(highest_init, value + sidecars)
        else:
            running += value
            if container.role is ContainerRole.SIDECAR:
                sidecars += value
    return max(running, highest_init)
