"""The slow replay: one setting on one demand, every sync through the scalar controller.

The vectorised replay must equal it; it is also what explains a single sync. Model of the pods: load
spreads evenly over ready pods, a pod serves at most its capacity and what is above is lost (no
queue), the controller sees served usage only. A pod counts in the metric once it was ready for one
full window; until then it is *unready*. (For pods that start slower than the CPU initialisation
period the controller counts the first incomplete window, in which they served next to nothing: on
the way up that is the same.) On the way down the pods that would be ready last go first, as the
ReplicaSet ranks them.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.controller import ControllerFlags, HpaSpec, Memory, sync
from planner.evidence.autoscaling.metrics import Metric, OutsideMetric, ResourceMetric
from planner.evidence.autoscaling.pods import Pod
from planner.evidence.autoscaling.setting import Setting

LONG_READY = -(10**9)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Replicas over time, one value per sync.

    Attributes:
        desired: (step,) int64, ``spec.replicas`` after the sync.
        ready: (step,) int64, pods that serve the step after the sync.
    """

    desired: NDArray[np.int64]
    ready: NDArray[np.int64]


def first_replicas(demand_m: float, setting: Setting) -> int:
    """Replicas of a workload that has stood at its first demand for long."""
    if math.isnan(demand_m):
        return setting.minimum
    wanted = math.ceil(demand_m * 100.0 / (setting.target_percent * setting.request_m))
    return min(max(wanted, setting.minimum), setting.maximum)


def replay_one(demand_m: ArrayLike, setting: Setting, chain: LatencyChain, replicas: int | None = None) -> Track:
    """Replay one setting.

    Args:
        demand_m: (step,) offered demand in millicores, the mean of each sync period; NaN = no metric.
        setting: the autoscaler.
        chain: delays.
        replicas: at the start, all of them ready and counted; None = what the first demand asks for.
    """
    demand = np.asarray(demand_m, dtype=np.float64)
    count = first_replicas(float(demand[0]), setting) if replicas is None else replicas
    ready_steps = [LONG_READY] * count
    window, delay = chain.window_steps, chain.delay_steps
    served = [_served_m(float(demand[0]), count, setting)] * (window + delay)
    offered = [float(demand[0])] * (window + delay)
    flags = ControllerFlags(tolerance=setting.tolerance, down_window_seconds=setting.legacy_window_seconds)
    spec = HpaSpec(setting.minimum, setting.maximum, setting.behaviour)
    memory = Memory()
    desired = np.empty(demand.size, dtype=np.int64)
    ready = np.empty(demand.size, dtype=np.int64)
    for step in range(demand.size):
        seen = served[step : step + window]
        metric: Metric = ResourceMetric(_pods(ready_steps, step, seen, chain, setting), setting.target_percent)
        if setting.is_outside:
            metric = _outside(offered[step : step + window], setting)
        elif any(math.isnan(value) for value in seen):
            metric = ResourceMetric([], setting.target_percent, has_failed=True)
        outcome = sync(
            spec, flags, memory, [metric],
            spec_replicas=count, status_replicas=count, now_seconds=step * chain.sync_seconds,
        )  # fmt: skip
        ready_steps = resize(ready_steps, outcome.replicas, step, chain)
        count = outcome.replicas
        desired[step] = count
        ready[step] = sum(at <= step for at in ready_steps)
        served.append(_served_m(float(demand[step]), int(ready[step]), setting))
        offered.append(float(demand[step]))
    return Track(desired, ready)


def _served_m(demand_m: float, ready: int, setting: Setting) -> float:
    """Usage of one ready pod in millicores."""
    per_pod = demand_m / float(ready)
    return per_pod if math.isnan(per_pod) else min(per_pod, float(setting.capacity_m))


def _outside(seen: list[float], setting: Setting) -> OutsideMetric:
    """The demand itself as an External metric, the mean of the window in whole millicores."""
    total = sum(seen, 0.0)
    if math.isnan(total):
        return OutsideMetric([], target_average_m=setting.threshold_m, has_failed=True)
    return OutsideMetric([int(total // float(len(seen)))], target_average_m=setting.threshold_m)


def _pods(ready_steps: list[int], step: int, seen: list[float], chain: LatencyChain, setting: Setting) -> list[Pod]:
    """Pods as the controller lists them: counted ones share the load, the others are not ready."""
    total = sum(seen, 0.0)
    usage_m = 0 if math.isnan(total) else int(total // float(len(seen)))
    counted = step - chain.window_steps - chain.delay_steps
    return [
        Pod(f"pod-{place}", request_m=setting.request_m, usage_m=usage_m)
        if at <= counted
        else Pod(f"pod-{place}", request_m=setting.request_m, usage_m=0, is_ready=False, start_age_seconds=0.0)
        for place, at in enumerate(ready_steps)
    ]


def resize(ready_steps: list[int], wanted: int, step: int, chain: LatencyChain) -> list[int]:
    """Step at which each pod is ready, earliest first, after the scale was written."""
    if wanted <= len(ready_steps):
        return ready_steps[:wanted]
    added = wanted - len(ready_steps)
    at_once = min(added, chain.room_pods)
    new = [step + chain.start_steps] * at_once + [step + chain.start_steps + chain.node_steps] * (added - at_once)
    return sorted([*ready_steps, *new])
