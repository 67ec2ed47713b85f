"""From one metric to a replica count, in the controller's own float64 operations.

``ratio = usage / target``; the count changes only where the ratio leaves the tolerance. Utilisation
is cut to a whole percent before the division, and float64 artefacts are kept: ``ceil(22/10*25)`` is
56. Source: Kubernetes v1.37, ``replica_calculator.go``, ``metrics/utilization.go``.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from planner.evidence.autoscaling.pods import MetricError, Pod, PodGroups, Readiness, group_pods, requests_of, usages_of

MAX_INT32 = 2**31 - 1
MAX_INT64 = 2**63 - 1

NOTHING_RETURNED = "no metrics returned from {} metrics API"
NO_SAMPLES = "did not receive metrics for targeted pods (pods might be unready)"
NO_MATCH = "no metrics returned matched known pods"
NO_PODS = "no pods returned by selector while calculating replica count"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Largest deviation of the ratio from 1 that changes nothing, per direction.

    ``before_v1_33`` compares ``|1 - ratio|`` instead, in which 1.1 lies outside a tolerance of 0.1.
    """

    down: float = 0.1
    up: float = 0.1
    before_v1_33: bool = False

    def holds(self, ratio: float) -> bool:
        """True if ``ratio`` changes nothing; both ends belong to the band."""
        if self.before_v1_33:
            return abs(1.0 - ratio) <= (self.up if ratio > 1.0 else self.down)
        return (1.0 - self.down) <= ratio <= (1.0 + self.up)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Replicas that one metric asks for, and the usage it saw.

    Attributes:
        replicas: wanted by this metric alone, before stabilisation and limits.
        usage_m: average per pod, or the whole value for a ``Value`` target.
        utilization_percent: whole percent of the requests, None for other targets.
    """

    replicas: int
    usage_m: int
    utilization_percent: int | None = None


def resource_utilization(
    current: int,
    target_percent: int,
    tolerance: Tolerance,
    pods: Sequence[Pod],
    *,
    resource: str = "cpu",
    readiness: Readiness,
    extra_usages_m: Mapping[str, int] | None = None,
) -> Proposal:
    """Replicas for a target in percent of the requests.

    Raises:
        MetricError: no pods, no samples, a missing request, or no sample of a known pod.
    """
    usages, groups = _counted(pods, resource, readiness, extra_usages_m)
    requests = requests_of(pods, resource)

    def ratio_of(usages_m: Mapping[str, int]) -> tuple[float, int, int]:
        known = [name for name in usages_m if name in requests]
        usage_sum = sum(usages_m[name] for name in known)
        request_sum = sum(requests[name] for name in known)
        if request_sum == 0:
            raise MetricError(NO_MATCH)
        percent = (usage_sum * 100) // request_sum
        return float(percent) / float(target_percent), percent, usage_sum // len(known)

    ratio, percent, average_m = ratio_of(usages)
    at_least_percent = max(100, target_percent)
    full = {name: requests[name] * at_least_percent // 100 for name in groups.missing}
    replicas = _replicas(current, tolerance, usages, groups, ratio, full, lambda filled: ratio_of(filled)[0])
    return Proposal(replicas, average_m, percent)


def plain_average(
    current: int,
    target_m: int,
    tolerance: Tolerance,
    pods: Sequence[Pod],
    *,
    resource: str = "",
    readiness: Readiness,
    extra_usages_m: Mapping[str, int] | None = None,
) -> Proposal:
    """Replicas for an average per pod: Pods metrics, and resources with ``averageValue``.

    Raises:
        MetricError: no samples or no pods.
    """
    usages, groups = _counted(pods, resource, readiness, extra_usages_m)

    def average_of(usages_m: Mapping[str, int]) -> int:
        return sum(usages_m.values()) // len(usages_m)

    average_m = average_of(usages)
    ratio = float(average_m) / float(target_m)
    full = dict.fromkeys(groups.missing, target_m)

    def again(filled: Mapping[str, int]) -> float:
        return float(average_of(filled)) / float(target_m)

    return Proposal(_replicas(current, tolerance, usages, groups, ratio, full, again), average_m)


def value_target(
    current: int, ready_pods: int, target_m: int, tolerance: Tolerance, values_m: Sequence[int]
) -> Proposal:
    """Replicas for an Object or External metric with a ``Value`` target, which compounds.

    ``ready_pods`` are Running and Ready, terminating ones included. Raises `MetricError` without samples.
    """
    usage_m = _summed(values_m)
    ratio = float(usage_m) / float(target_m)
    if current == 0:
        return Proposal(_ceil(ratio), usage_m)
    if tolerance.holds(ratio):
        return Proposal(current, usage_m)
    return Proposal(_ceil(ratio * float(ready_pods)), usage_m)


def per_pod_target(status_replicas: int, target_m: int, tolerance: Tolerance, values_m: Sequence[int]) -> Proposal:
    """Replicas for an Object or External metric with an ``AverageValue`` target, which does not compound."""
    usage_m = _summed(values_m)
    divisor = float(target_m) * float(status_replicas)
    ratio = float(usage_m) / divisor if divisor else math.inf
    replicas = status_replicas if tolerance.holds(ratio) else _ceil(float(usage_m) / float(target_m))
    return Proposal(replicas, per_pod_usage(usage_m, status_replicas))


def per_pod_usage(usage_m: int, status_replicas: int) -> int:
    """Average that the status shows: rounded up, 0 without replicas, held at the largest int64."""
    if float(usage_m) >= float(MAX_INT64):
        return MAX_INT64
    if status_replicas == 0:
        return 0
    return math.ceil(float(usage_m) / float(status_replicas))


def _summed(values_m: Sequence[int]) -> int:
    """Sum of the samples, held at the largest int64."""
    if not values_m:
        raise MetricError(NOTHING_RETURNED.format("external"))
    return min(sum(values_m), MAX_INT64)


def _counted(
    pods: Sequence[Pod], resource: str, readiness: Readiness, extra_usages_m: Mapping[str, int] | None
) -> tuple[dict[str, int], PodGroups]:
    """Usages that count, and the classes."""
    usages = usages_of(pods, extra_usages_m or {})
    if not usages:
        what = f"metrics for resource {resource}" if resource else "metric"
        raise MetricError(f"unable to get {what}: {NOTHING_RETURNED.format('resource' if resource else 'custom')}")
    if not pods:
        raise MetricError(NO_PODS)
    groups = group_pods(pods, resource, readiness)
    for name in (*groups.ignored, *groups.unready):
        usages.pop(name, None)
    if not usages:
        raise MetricError(NO_SAMPLES)
    return usages, groups


def _replicas(
    current: int,
    tolerance: Tolerance,
    usages: dict[str, int],
    groups: PodGroups,
    ratio: float,
    full: Mapping[str, int],
    ratio_again: Callable[[Mapping[str, int]], float],
) -> int:
    """The core: missing and unready pods damp a change, and never turn it around.

    ``full`` is what a missing pod is taken to use on the way down; on the way up it uses nothing.
    """
    up_with_unready = bool(groups.unready) and ratio > 1.0
    if not up_with_unready and not groups.missing:
        return current if tolerance.holds(ratio) else _ceil(ratio * float(groups.ready_count))
    filled = dict(usages)
    if ratio < 1.0:
        filled.update(full)
    elif ratio > 1.0:
        filled.update(dict.fromkeys(groups.missing, 0))
    if up_with_unready:
        filled.update(dict.fromkeys(groups.unready, 0))
    again = ratio_again(filled)
    if tolerance.holds(again) or (ratio < 1.0 and again > 1.0) or (ratio > 1.0 and again < 1.0):
        return current
    replicas = _ceil(again * float(len(filled)))
    if (again < 1.0 and replicas > current) or (again > 1.0 and replicas < current):
        return current
    return replicas


def _ceil(count: float) -> int:
    """Whole replicas, held at the largest int32."""
    return MAX_INT32 if count > MAX_INT32 else math.ceil(count)
