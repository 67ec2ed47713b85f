"""Pods as the HorizontalPodAutoscaler controller sees them: classes and requests.

Ages are seconds before the sync that looks at them; amounts are whole milli-units (``_m``), as the
controller keeps them. Source: Kubernetes v1.37, ``replica_calculator.go`` (groupPods,
calculateRequests).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LONG_AGO_SECONDS = 1_000_000.0
"""Age of what happened before anybody looked."""


class MetricError(Exception):
    """A metric that gives no replica count; the sync goes on without it."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod that the selector of the scale matches.

    Attributes:
        name: unique among the pods of a sync.
        phase: Pending, Running, Succeeded or Failed.
        is_deleted: a deletion timestamp is set.
        is_ready: state of the Ready condition, None without that condition.
        start_age_seconds: since the kubelet accepted the pod, None before.
        ready_transition_age_seconds: since the Ready condition last changed.
        request_m: request in the metric's scope (pod or container), None = missing.
        usage_m: usage in the same scope, None = no metric for this pod.
        metric_age_seconds: since the end of the metric's window.
        metric_window_seconds: length of that window.
    """

    name: str
    phase: str = "Running"
    is_deleted: bool = False
    is_ready: bool | None = True
    start_age_seconds: float | None = LONG_AGO_SECONDS
    ready_transition_age_seconds: float = LONG_AGO_SECONDS
    request_m: int | None = None
    usage_m: int | None = None
    metric_age_seconds: float = LONG_AGO_SECONDS
    metric_window_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """The controller's two constants about young pods; the defaults are production's."""

    cpu_initialization_seconds: float = 300.0
    initial_readiness_delay_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class PodGroups:
    """Pods by class; ``ready_count`` pods are in none of the lists."""

    ready_count: int
    unready: tuple[str, ...]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]


def group_pods(pods: Iterable[Pod], resource: str, readiness: Readiness) -> PodGroups:
    """Class of every pod for one metric; the young-pod rules hold for ``resource == "cpu"`` only."""
    ready_count = 0
    unready: list[str] = []
    missing: list[str] = []
    ignored: list[str] = []
    for pod in pods:
        if pod.is_deleted or pod.phase in ("Failed", "Succeeded"):
            ignored.append(pod.name)
        elif pod.phase == "Pending":
            unready.append(pod.name)
        elif pod.usage_m is None:
            missing.append(pod.name)
        elif resource == "cpu" and _cpu_does_not_count(pod, readiness):
            unready.append(pod.name)
        else:
            ready_count += 1
    return PodGroups(ready_count, tuple(unready), tuple(missing), tuple(ignored))


def _cpu_does_not_count(pod: Pod, readiness: Readiness) -> bool:
    """True if the CPU of this running pod says nothing yet about its share of the load."""
    if pod.is_ready is None or pod.start_age_seconds is None:
        return True
    if pod.start_age_seconds < readiness.cpu_initialization_seconds:
        # The sample must cover one full window since the pod became ready.
        window_since_ready = pod.ready_transition_age_seconds - pod.metric_window_seconds
        return pod.is_ready is False or pod.metric_age_seconds > window_since_ready
    never_ready = pod.ready_transition_age_seconds > pod.start_age_seconds - readiness.initial_readiness_delay_seconds
    return pod.is_ready is False and never_ready


def requests_of(pods: Iterable[Pod], resource: str) -> dict[str, int]:
    """Request of each pod in milli-units; one pod without a request fails the whole metric.

    Raises:
        MetricError: a listed pod has no request, whatever its class.
    """
    requests: dict[str, int] = {}
    for pod in pods:
        if pod.request_m is None:
            raise MetricError(f"missing request for {resource} in Pod {pod.name}")
        requests[pod.name] = pod.request_m
    return requests


@dataclass(frozen=True, slots=True)
class ContainerRequest:
    """One container of a pod and what it requests, None = no request."""

    name: str
    request_m: int | None
    restarts_always: bool = True


def pod_request(
    pod: str,
    resource: str,
    containers: Sequence[ContainerRequest],
    init_containers: Sequence[ContainerRequest] = (),
    *,
    container: str = "",
    pod_level_m: int | None = None,
) -> int:
    """Denominator of one pod in milli-units.

    Args:
        pod: name of the pod, for the message.
        resource: ``cpu`` or ``memory``, for the message.
        containers: application containers.
        init_containers: those with ``restarts_always`` are native sidecars and count.
        container: name of the one container that a ContainerResource metric looks at, "" = the whole pod.
        pod_level_m: request of the pod itself, if the cluster has PodLevelResources on and it is set.

    Raises:
        MetricError: a request is missing, or there is no such container.
    """
    if pod_level_m is not None and not container:
        return pod_level_m
    total_m = 0
    for one in [*containers, *(one for one in init_containers if one.restarts_always)]:
        if container and one.name != container:
            continue
        if one.request_m is None:
            raise MetricError(f"missing request for {resource} in container {one.name} of Pod {pod}")
        total_m += one.request_m
        if container:
            return total_m
    if container:
        raise MetricError(f"container {container} not found in Pod {pod}")
    return total_m


def usages_of(pods: Iterable[Pod], extra: Mapping[str, int]) -> dict[str, int]:
    """Usage by pod name as the metrics server reports it; ``extra`` are metrics of pods that are gone."""
    usages = {pod.name: pod.usage_m for pod in pods if pod.usage_m is not None}
    usages.update(extra)
    return usages
