"""The metrics of one HorizontalPodAutoscaler: each gives a count, the highest wins.

A metric that fails is passed over while the others ask for as many replicas as today or more; a
scale-down needs all of them. Source: Kubernetes v1.37, ``horizontal.go`` (computeReplicasForMetrics).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from planner.evidence.autoscaling.calculator import (
    Proposal,
    Tolerance,
    per_pod_target,
    plain_average,
    resource_utilization,
    value_target,
)
from planner.evidence.autoscaling.pods import MetricError, Pod, Readiness

VALID_METRIC = "ValidMetricFound"


@dataclass(frozen=True, slots=True)
class ScaleView:
    """What every metric is computed against: the scale, the tolerance, and the young-pod constants."""

    spec_replicas: int
    status_replicas: int
    tolerance: Tolerance
    readiness: Readiness


class Metric(Protocol):
    """One entry of ``spec.metrics`` together with what was observed of it."""

    @property
    def failure_reason(self) -> str:
        """Reason of ScalingActive=False if it fails."""
        ...

    @property
    def counts_outside_pods(self) -> bool:
        """True for Object and External metrics, which exist without pods."""
        ...

    def propose(self, view: ScaleView) -> Proposal:
        """The count it asks for. Raises `MetricError` if it cannot tell."""
        ...


@dataclass(frozen=True, slots=True)
class ResourceMetric:
    """A Resource or ContainerResource metric; exactly one of the two targets is set.

    ``pods`` carry usage and request in the metric's scope.
    """

    pods: Sequence[Pod]
    target_percent: int | None = None
    target_average_m: int | None = None
    resource: str = "cpu"
    is_container: bool = False
    extra_usages_m: Mapping[str, int] = field(default_factory=dict)
    has_failed: bool = False

    @property
    def failure_reason(self) -> str:
        """Reason of ScalingActive=False."""
        return "FailedGetContainerResourceMetric" if self.is_container else "FailedGetResourceMetric"

    @property
    def counts_outside_pods(self) -> bool:
        """True if it exists without pods."""
        return False

    def propose(self, view: ScaleView) -> Proposal:
        """The count it asks for."""
        _check(self.has_failed)
        if self.target_average_m is not None:
            return plain_average(
                view.spec_replicas, self.target_average_m, view.tolerance, self.pods,
                resource=self.resource, readiness=view.readiness, extra_usages_m=self.extra_usages_m,
            )  # fmt: skip
        if self.target_percent is None:
            raise MetricError("neither an average utilization nor an average value is set")
        return resource_utilization(
            view.spec_replicas, self.target_percent, view.tolerance, self.pods,
            resource=self.resource, readiness=view.readiness, extra_usages_m=self.extra_usages_m,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PodsMetric:
    """A metric of the pods themselves, averaged."""

    pods: Sequence[Pod]
    target_average_m: int
    extra_usages_m: Mapping[str, int] = field(default_factory=dict)
    has_failed: bool = False

    @property
    def failure_reason(self) -> str:
        """Reason of ScalingActive=False."""
        return "FailedGetPodsMetric"

    @property
    def counts_outside_pods(self) -> bool:
        """True if it exists without pods."""
        return False

    def propose(self, view: ScaleView) -> Proposal:
        """The count it asks for."""
        _check(self.has_failed)
        return plain_average(
            view.spec_replicas, self.target_average_m, view.tolerance, self.pods,
            readiness=view.readiness, extra_usages_m=self.extra_usages_m,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutsideMetric:
    """An Object or External metric; exactly one of the two targets is set."""

    values_m: Sequence[int]
    ready_pods: int = 0
    target_value_m: int | None = None
    target_average_m: int | None = None
    is_external: bool = True
    has_failed: bool = False

    @property
    def failure_reason(self) -> str:
        """Reason of ScalingActive=False."""
        return "FailedGetExternalMetric" if self.is_external else "FailedGetObjectMetric"

    @property
    def counts_outside_pods(self) -> bool:
        """True if it exists without pods."""
        return True

    def propose(self, view: ScaleView) -> Proposal:
        """The count it asks for."""
        _check(self.has_failed)
        if self.target_value_m is not None:
            return value_target(view.spec_replicas, self.ready_pods, self.target_value_m, view.tolerance, self.values_m)
        if self.target_average_m is None:
            raise MetricError("neither a value nor an average value is set")
        return per_pod_target(view.status_replicas, self.target_average_m, view.tolerance, self.values_m)


@dataclass(frozen=True, slots=True)
class UnknownMetric:
    """An entry whose type the controller does not know."""

    @property
    def failure_reason(self) -> str:
        """Reason of ScalingActive=False."""
        return "InvalidMetricSourceType"

    @property
    def counts_outside_pods(self) -> bool:
        """True if it exists without pods."""
        return False

    def propose(self, view: ScaleView) -> Proposal:
        """The count it asks for."""
        raise MetricError(f"unknown metric source type for {view.spec_replicas} replicas")


@dataclass(frozen=True, slots=True)
class MetricsOutcome:
    """Result of all metrics.

    Attributes:
        replicas: the highest proposal, None = no change is allowed.
        scaling_active: ``Status/Reason`` of the condition ScalingActive.
        has_error: at least one metric failed, so the sync reports an error.
    """

    replicas: int | None
    scaling_active: str
    has_error: bool


def combine(metrics: Sequence[Metric], view: ScaleView) -> MetricsOutcome:
    """The highest proposal, or none if all failed or one failed and the rest would scale down."""
    highest = 0
    failures: list[str] = []
    for metric in metrics:
        try:
            highest = max(highest, metric.propose(view).replicas)
        except MetricError:
            failures.append(metric.failure_reason)
    if failures and (len(failures) == len(metrics) or highest < view.spec_replicas):
        return MetricsOutcome(None, f"False/{failures[0]}", has_error=True)
    return MetricsOutcome(highest, f"True/{VALID_METRIC}", has_error=bool(failures))


def _check(has_failed: bool) -> None:
    if has_failed:
        raise MetricError("unable to get the metric")
