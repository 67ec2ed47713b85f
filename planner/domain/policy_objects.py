"""Objects by which a cluster limits, scales and protects its workloads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from planner.domain.workload import type_json


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace; its labels choose the policy's environment."""

    cluster: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceQuota:
    """A ResourceQuota: hard limits and present use by resource name (cores, bytes, counts)."""

    cluster: str
    namespace: str
    name: str
    hard: Mapping[str, float] = field(default_factory=dict)
    used: Mapping[str, float] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    """Non-empty = counts only some pods (``Terminating``, a PriorityClass ...)."""


@dataclass(frozen=True, slots=True)
class LimitRangeItem:
    """One item of a LimitRange for one type; mappings by resource name (cores, bytes)."""

    cluster: str
    namespace: str
    name: str
    type: str
    """``Container``, ``Pod`` or ``PersistentVolumeClaim``."""
    min: Mapping[str, float] = field(default_factory=dict)
    max: Mapping[str, float] = field(default_factory=dict)
    default: Mapping[str, float] = field(default_factory=dict)
    """Default limit of a container that has none."""
    default_request: Mapping[str, float] = field(default_factory=dict)
    max_limit_request_ratio: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScalingMetric:
    """One metric that an autoscaler follows."""

    type: str
    """``Resource``, ``ContainerResource``, ``Pods``, ``Object``, ``External``, or KEDA's trigger type."""
    name: str
    """``cpu``, ``memory`` or the metric's own name."""
    target_type: str
    """``Utilization``, ``AverageValue`` or ``Value``."""
    target: float | None = None
    """Percent for ``Utilization``; cores, bytes or plain numbers else."""
    container: str | None = None


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler, a KEDA ScaledObject or a VerticalPodAutoscaler."""

    cluster: str
    namespace: str
    kind: str
    name: str
    api_version: str
    target_kind: str
    target_name: str
    min_replicas: int | None = None
    max_replicas: int | None = None
    metrics: tuple[ScalingMetric, ...] = ()
    behavior: type_json | None = None
    current_replicas: int | None = None
    desired_replicas: int | None = None
    workload_kind: str | None = None
    workload_name: str | None = None
    """Top controller above the target (an InferenceService owns the Deployment that its HPA scales); ``None`` = it."""
    update_mode: str | None = None
    """VerticalPodAutoscaler only: ``Off`` means that it changes nothing."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DisruptionBudget:
    """A PodDisruptionBudget."""

    cluster: str
    namespace: str
    name: str
    selector: Mapping[str, str] = field(default_factory=dict)
    min_available: str | None = None
    max_unavailable: str | None = None
    disruptions_allowed: int | None = None
    current_healthy: int | None = None
    desired_healthy: int | None = None
    expected_pods: int | None = None


@dataclass(frozen=True, slots=True)
class ZoneBoundVolume:
    """A claim whose volume lives in one zone: its pods cannot leave it."""

    cluster: str
    namespace: str
    claim: str
    volume: str
    zone: str
    storage_class: str = ""
    size_bytes: int | None = None
