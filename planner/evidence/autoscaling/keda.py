"""A KEDA ScaledObject replayed: KEDA moves between 0 and 1, the autoscaler that it owns between 1 and N.

The object to patch is the ScaledObject: KEDA writes its autoscaler again whenever that differs.
Source: kedacore/keda as of August 2026, ``pkg/scaling/executor/scale_scaledobjects.go``, ``pkg/fallback``,
``controllers/keda/hpa.go``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from planner.evidence.autoscaling.behaviour import Behaviour
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.controller import ControllerFlags, HpaSpec, Memory, sync
from planner.evidence.autoscaling.metrics import OutsideMetric
from planner.evidence.autoscaling.replay_one import LONG_READY, Track, resize

FLAGS = ControllerFlags()


class FallbackBehaviour(StrEnum):
    """How many replicas a failed trigger stands for."""

    STATIC = "static"
    CURRENT = "currentReplicas"
    CURRENT_IF_HIGHER = "currentReplicasIfHigher"
    CURRENT_IF_LOWER = "currentReplicasIfLower"


@dataclass(frozen=True, slots=True)
class Fallback:
    """After more than ``failure_threshold`` failures in a row the trigger counts as target x replicas."""

    failure_threshold: int
    replicas: int
    behaviour: FallbackBehaviour = FallbackBehaviour.STATIC

    def replicas_at(self, current: int) -> int:
        """Replicas that the trigger stands for."""
        if self.behaviour is FallbackBehaviour.CURRENT:
            return current
        if self.behaviour is FallbackBehaviour.CURRENT_IF_HIGHER:
            return max(current, self.replicas)
        if self.behaviour is FallbackBehaviour.CURRENT_IF_LOWER:
            return min(current, self.replicas)
        return self.replicas


@dataclass(frozen=True, slots=True)
class ScaledObject:
    """A ScaledObject with triggers of type AverageValue; the defaults are KEDA's.

    Attributes:
        targets_m: target of each trigger per pod, in milli-units.
        activations_m: each trigger is active above this.
        minimum: ``minReplicaCount``.
        maximum: ``maxReplicaCount``.
        idle: ``idleReplicaCount``, None = not set.
        polling_seconds: ``pollingInterval``, the pace of the moves between 0 and 1.
        cooldown_seconds: ``cooldownPeriod``; it delays only the move to zero (or idle), never N to 1.
        initial_cooldown_seconds: ``initialCooldownPeriod``.
        fallback: None = none.
        behaviour: ``advanced.horizontalPodAutoscalerConfig.behavior``, None = absent.
    """

    targets_m: tuple[int, ...]
    activations_m: tuple[int, ...]
    minimum: int = 0
    maximum: int = 100
    idle: int | None = None
    polling_seconds: float = 30.0
    cooldown_seconds: float = 300.0
    initial_cooldown_seconds: float = 0.0
    fallback: Fallback | None = None
    behaviour: Behaviour | None = None

    @property
    def hpa_spec(self) -> HpaSpec:
        """Bounds of the autoscaler that KEDA writes."""
        return HpaSpec(max(1, self.minimum), self.maximum, self.behaviour)

    @property
    def resting(self) -> int:
        """Replicas without any active trigger."""
        return self.minimum if self.idle is None else self.idle


@dataclass(slots=True)
class KedaMemory:
    """What KEDA remembers: last time active (None = never) and failures in a row of each trigger."""

    last_active_seconds: float | None = None
    failures: list[int] = field(default_factory=list)


def poll(spec: ScaledObject, memory: KedaMemory, replicas: int, values_m: Sequence[float], now_seconds: float) -> int:
    """Replicas after KEDA looked once; ``memory`` is changed in place.

    Args:
        spec: the ScaledObject.
        memory: of earlier polls.
        replicas: ``spec.replicas`` of the target.
        values_m: what each trigger reports, NaN = it failed.
        now_seconds: since the ScaledObject was created.
    """
    is_active = any(value > limit for value, limit in zip(values_m, spec.activations_m, strict=True))
    has_failed = any(math.isnan(value) for value in values_m)
    if is_active:
        memory.last_active_seconds = now_seconds
        return replicas if replicas > spec.resting or replicas >= max(1, spec.minimum) else max(1, spec.minimum)
    if has_failed:
        if spec.fallback is not None and replicas == 0:
            return max(spec.fallback.replicas, spec.minimum)
        return replicas
    if replicas > spec.resting and (spec.minimum == 0 or spec.idle is not None):
        since = memory.last_active_seconds
        is_over = now_seconds > (spec.initial_cooldown_seconds if since is None else since + spec.cooldown_seconds)
        return spec.resting if is_over else replicas
    return max(replicas, spec.resting)


def trigger_metrics(
    spec: ScaledObject, memory: KedaMemory, replicas: int, values_m: Sequence[float]
) -> list[OutsideMetric]:
    """What the autoscaler gets to read, fallback included; counts failures in place."""
    memory.failures = memory.failures or [0] * len(values_m)
    metrics = []
    for place, (value, target_m) in enumerate(zip(values_m, spec.targets_m, strict=True)):
        if not math.isnan(value):
            memory.failures[place] = 0
            metrics.append(OutsideMetric([math.floor(value)], target_average_m=target_m))
            continue
        memory.failures[place] += 1
        if spec.fallback is None or memory.failures[place] <= spec.fallback.failure_threshold:
            metrics.append(OutsideMetric([], target_average_m=target_m, has_failed=True))
        else:
            stands_for = spec.fallback.replicas_at(replicas) * target_m
            metrics.append(OutsideMetric([stands_for], target_average_m=target_m))
    return metrics


def replay_scaled_object(
    values_m: ArrayLike, spec: ScaledObject, chain: LatencyChain, replicas: int | None = None
) -> Track:
    """Replay a ScaledObject.

    Args:
        values_m: (step,) or (step, trigger) external metric per sync in milli-units; NaN = it failed.
        spec: the ScaledObject.
        chain: delays; an outside metric is read at the sync, so only pods and nodes count.
        replicas: at the start, all ready; None = the minimum.
    """
    values = np.asarray(values_m, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    count = spec.resting if replicas is None else replicas
    ready_steps = [LONG_READY] * count
    memory, keda = Memory(), KedaMemory()
    every = max(1, round(spec.polling_seconds / chain.sync_seconds))
    desired = np.empty(values.shape[0], dtype=np.int64)
    ready = np.empty(values.shape[0], dtype=np.int64)
    for step in range(values.shape[0]):
        now_seconds = step * chain.sync_seconds
        seen = [float(value) for value in values[step]]
        if step % every == 0:
            count = poll(spec, keda, count, seen, now_seconds)
            ready_steps = resize(ready_steps, count, step, chain)
        if count > spec.resting or spec.idle is None:
            outcome = sync(
                spec.hpa_spec, FLAGS, memory, trigger_metrics(spec, keda, count, seen),
                spec_replicas=count, status_replicas=count, now_seconds=now_seconds,
            )  # fmt: skip
            count = outcome.replicas
        ready_steps = resize(ready_steps, count, step, chain)
        desired[step] = count
        ready[step] = sum(at <= step for at in ready_steps)
    return Track(desired, ready)
