"""What is wrong with an autoscaler whatever its demand, in the operator's words, each with the fix.

A finding stands beside the figures it rests on; nothing is guessed where a figure is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.decisions.autoscaling.closed_forms import highest_live_target, stuck_share
from planner.domain.policy_objects import Autoscaler
from planner.domain.workload import Container, ContainerRole

GPU_UTILISATION = ("gpu_util", "gpu_utilization", "dcgm_fi_dev_gpu_util", "duty_cycle", "gpu_duty_cycle")
AT_MAXIMUM_SHARE = 0.001
PREDICTABLE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a kind for machines, a sentence and the fix for people, and the figures."""

    kind: str
    message: str
    fix: str
    figures: Mapping[str, float] = field(default_factory=dict)


def dead_target(target_percent: int, request_m: float, capacity_m: float, tolerance_up: float = 0.1) -> Finding | None:
    """A target that saturated pods never exceed."""
    limit = 100.0 * highest_live_target(capacity_m, request_m, tolerance_up)
    if target_percent < limit:
        return None
    return Finding(
        "dead_target",
        f"a saturated pod shows {100 * capacity_m / request_m:.0f} % of its request, which the target of "
        f"{target_percent} % tolerates: it can never scale up",
        f"set the target below {limit:.0f} %, or raise the limit",
        {"target_percent": target_percent, "highest_live_percent": limit},
    )


def missing_requests(containers: Sequence[Container], resource: str, only: str | None = None) -> Finding | None:
    """Containers whose missing request fails the metric; ``only`` is that of a ContainerResource metric."""
    names = [
        one.name
        for one in containers
        if one.role is not ContainerRole.INIT
        and (only is None or one.name == only)
        and (one.requests.cpu_cores if resource == "cpu" else one.requests.memory_bytes) is None
    ]
    if not names:
        return None
    return Finding(
        "missing_requests",
        f"{', '.join(names)}: no {resource} request, so the utilisation of the whole pod cannot be computed and "
        "nothing scales",
        f"set a {resource} request, or follow one container with a ContainerResource metric",
        {"containers": len(names)},
    )


def overlapping_selectors(autoscalers: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Pods that more than one autoscaler's target selects; by autoscaler the names of those pods."""
    owners: dict[str, list[str]] = {}
    for name, pods in autoscalers.items():
        for pod in pods:
            owners.setdefault(pod, []).append(name)
    shared = sorted({tuple(sorted(names)) for names in owners.values() if len(names) > 1})
    return [
        Finding(
            "overlapping_selectors",
            f"{' and '.join(names)} select the same pods: the controller refuses to scale either",
            "give each workload a label of its own in its selector",
        )
        for names in shared
    ]


def memory_that_pins(idle_bytes: float, target_percent: float, request_bytes: float) -> Finding | None:
    """A memory target that idle pods alone hold above the minimum."""
    share = stuck_share(idle_bytes, target_percent / 100.0, request_bytes)
    if share < 0.5:
        return None
    stuck = np.inf if share >= 1.0 else np.floor(1.0 / (1.0 - share) + 1e-9)
    where = "at the maximum" if share >= 1.0 else f"at up to {stuck:.0f} pods"
    return Finding(
        "memory_pins",
        f"idle pods use {share:.0%} of the memory threshold, so the count stays {where} without any load",
        "take memory out of the autoscaler and size it by its request",
        {"idle_share": share, "stuck_replicas": float(stuck)},
    )


def always_at_maximum(replicas: NDArray[np.float64], maximum: int) -> Finding | None:
    """The recorded count reached the maximum for more than 0.1 % of the time."""
    known = replicas[np.isfinite(replicas)]
    share = float((known >= maximum).mean()) if known.size else 0.0
    if share <= AT_MAXIMUM_SHARE:
        return None
    return Finding(
        "at_maximum",
        f"the count was at its maximum of {maximum} for {share:.1%} of the time; the demand beyond it is unknown",
        "raise maxReplicas first, then look at the target",
        {"share": share, "maximum": maximum},
    )


def useless_signals(autoscaler: Autoscaler) -> list[Finding]:
    """Metrics that do not tell the load."""
    return [
        Finding(
            "gpu_utilisation",
            f"{one.name} says that a GPU is busy, not how busy: one request shows near 100 %",
            "follow the queue or the running requests per pod, as AverageValue",
        )
        for one in autoscaler.metrics
        if one.name.lower().replace("-", "_") in GPU_UTILISATION
    ] + [
        Finding(
            "value_compounds",
            f"{one.name} has a Value target: a backlog that falls only once pods are up multiplies the count again "
            "and again",
            "use AverageValue",
        )
        for one in autoscaler.metrics
        if one.type in ("Object", "External") and one.target_type == "Value"
    ]


def scaled_twice(autoscaler: Autoscaler, verticals: Sequence[Autoscaler]) -> list[Finding]:
    """VerticalPodAutoscalers that change what a utilisation target divides by."""
    followed = {one.name for one in autoscaler.metrics if one.target_type == "Utilization"}
    if not followed:
        return []
    return [
        Finding(
            "vertical_and_horizontal",
            f"the VerticalPodAutoscaler {one.name} changes requests that {autoscaler.name} measures against",
            "switch it to updateMode Off, keep it off those resources, or use AverageValue targets",
        )
        for one in verticals
        if one.kind == "VerticalPodAutoscaler"
        and one.update_mode != "Off"
        and (one.target_kind, one.target_name) == (autoscaler.target_kind, autoscaler.target_name)
    ]


def quota_below_maximum(maximum: int, surge: int, request: float, free_quota: float, resource: str) -> Finding | None:
    """Pods that the autoscaler may ask for and the quota refuses; ``free_quota`` is what others leave."""
    needed = (maximum + surge) * request
    if needed <= free_quota:
        return None
    fits = int(free_quota // request) - surge
    return Finding(
        "quota_below_maximum",
        f"{maximum} pods and a surge of {surge} need {needed:.4g} {resource}, the quota leaves {free_quota:.4g}: it "
        f"would scale and {maximum - fits} pods would not be created",
        f"raise the quota by {needed - free_quota:.4g}, or set maxReplicas to {max(fits, 0)}",
        {"needed": needed, "free_quota": free_quota},
    )


def predictable_peak(demand: NDArray[np.float64], values_per_day: int, growth: float = 1.5) -> Finding | None:
    """Rises beyond ``growth`` within a value that come at the same time of day on most days.

    Args:
        demand: (value,) at least three whole days, from midnight in the policy's time zone.
        values_per_day: values of a day.
        growth: rise from one value to the next that counts.
    """
    days = demand.size // values_per_day
    if days < 3:
        return None
    before, after = demand[:-1], demand[1:]
    rises = np.concatenate([[False], (before > 0) & (after > growth * before)])[: days * values_per_day]
    by_clock = rises.reshape(days, values_per_day).mean(axis=0)
    regular = np.flatnonzero(by_clock >= PREDICTABLE_SHARE)
    total = int(rises.sum())
    covered = int(rises.reshape(days, values_per_day)[:, regular].sum())
    if not regular.size or covered < PREDICTABLE_SHARE * total:
        return None
    minutes = [1440 * int(place) // values_per_day for place in regular[:3]]
    clocks = ", ".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes)
    return Finding(
        "predictable_peak",
        f"{covered} of {total} steep rises come at the same hours of the day ({clocks})",
        "raise the minimum by a schedule before them (KEDA cron), and keep the target for the rest",
        {"covered": covered, "rises": total},
    )
