"""One sync of the HorizontalPodAutoscaler controller.

The replicas of the scale's *spec* move; outside of minimum and maximum they are put back at once,
without metrics, windows or policies. Source: Kubernetes v1.37, ``horizontal.go``
(reconcileAutoscaler); KEP-2021 (scale to zero), KEP-4951 (tolerance).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from planner.evidence.autoscaling.behaviour import (
    LEGACY_FACTOR,
    WITHIN_RANGE,
    Behaviour,
    Entry,
    Event,
    limit_legacy,
    limit_rate,
    stabilise,
    stabilise_legacy,
    store_event,
)
from planner.evidence.autoscaling.calculator import Tolerance
from planner.evidence.autoscaling.metrics import Metric, ScaleView, combine
from planner.evidence.autoscaling.pods import Readiness

PRODUCTION_READINESS = Readiness()


@dataclass(frozen=True, slots=True)
class ControllerFlags:
    """Settings of the controller manager; the defaults are production's."""

    tolerance: float = 0.1
    down_window_seconds: float = 300.0
    readiness: Readiness = PRODUCTION_READINESS
    legacy_factor: float = LEGACY_FACTOR
    has_scale_to_zero: bool = True
    before_v1_33: bool = False


@dataclass(frozen=True, slots=True)
class HpaSpec:
    """``spec`` of the HorizontalPodAutoscaler apart from its metrics; ``behaviour`` None = absent."""

    minimum: int
    maximum: int
    behaviour: Behaviour | None = None


@dataclass(slots=True)
class Memory:
    """What the controller process remembers of one autoscaler; lost when it restarts.

    Attributes:
        recommendations: raw counts of earlier syncs, None = never seen before.
        ups: scale-up events.
        downs: scale-down events.
    """

    recommendations: list[Entry] | None = None
    ups: list[Event] = field(default_factory=list)
    downs: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sync:
    """Outcome of one sync.

    Attributes:
        replicas: written to the scale, or what already stood there.
        is_updated: the scale was written.
        has_error: the sync returns an error; it may still have scaled.
        conditions: name to ``Status/Reason``, those that this sync set.
    """

    replicas: int
    is_updated: bool
    has_error: bool
    conditions: dict[str, str]


def sync(
    spec: HpaSpec,
    flags: ControllerFlags,
    memory: Memory,
    metrics: Sequence[Metric],
    *,
    spec_replicas: int,
    status_replicas: int,
    now_seconds: float,
    was_scaled_to_zero: bool = False,
    selector_reason: str = "",
) -> Sync:
    """Run one sync; ``memory`` is changed in place.

    Args:
        spec: minimum, maximum, behaviour.
        flags: the controller's settings.
        memory: recommendations and events of earlier syncs.
        metrics: what was observed.
        spec_replicas: ``spec.replicas`` of the scale.
        status_replicas: ``status.replicas`` of the scale.
        now_seconds: time of this sync, on the clock of ``memory``.
        was_scaled_to_zero: the condition ScaledToZero is True.
        selector_reason: ``InvalidSelector`` or ``AmbiguousSelector``, "" if the selector is sound.
    """
    current = spec_replicas
    conditions = {"AbleToScale": "True/SucceededGetScale"}
    if memory.recommendations is None:
        memory.recommendations = [Entry(current, now_seconds)]
    has_error = False
    counts_outside = any(metric.counts_outside_pods for metric in metrics)
    if current == 0:
        may_wake = flags.has_scale_to_zero and was_scaled_to_zero and (spec.minimum != 0 or counts_outside)
        if not may_wake:
            conditions["ScalingActive"] = "False/ScalingDisabled"
            return Sync(0, False, False, conditions)
    if current > spec.maximum:
        desired = spec.maximum
    elif 0 < current < spec.minimum:
        desired = spec.minimum
    else:
        if selector_reason:
            conditions["ScalingActive"] = f"False/{selector_reason}"
            return Sync(current, False, True, conditions)
        view = ScaleView(current, status_replicas, _tolerance(spec, flags), flags.readiness)
        outcome = combine(metrics, view)
        conditions["ScalingActive"] = outcome.scaling_active
        if outcome.replicas is None:
            return Sync(current, False, True, conditions)
        has_error = outcome.has_error
        desired = _normalise(spec, flags, memory, current, outcome.replicas, now_seconds, conditions)
        if current == 0:
            desired = max(desired, spec.minimum)
    if desired == current:
        return Sync(current, False, has_error, conditions)
    conditions["AbleToScale"] = "True/SucceededRescale"
    if spec.behaviour is not None:
        _remember(memory, spec.behaviour, desired - current, now_seconds)
    if flags.has_scale_to_zero:
        to_zero = current > 0 and desired == 0 and spec.minimum == 0 and counts_outside
        conditions["ScaledToZero"] = "True/ScaledToZero" if to_zero else "False/NotScaledToZero"
    return Sync(desired, True, has_error, conditions)


def _tolerance(spec: HpaSpec, flags: ControllerFlags) -> Tolerance:
    """The autoscaler's own tolerance per direction, else the cluster's."""
    down = up = flags.tolerance
    if spec.behaviour is not None:
        down = flags.tolerance if spec.behaviour.down.tolerance is None else spec.behaviour.down.tolerance
        up = flags.tolerance if spec.behaviour.up.tolerance is None else spec.behaviour.up.tolerance
    return Tolerance(down, up, flags.before_v1_33)


def _normalise(
    spec: HpaSpec,
    flags: ControllerFlags,
    memory: Memory,
    current: int,
    raw: int,
    now_seconds: float,
    conditions: dict[str, str],
) -> int:
    """Stabilise and limit; says what it did in ``conditions``."""
    log = memory.recommendations if memory.recommendations is not None else []
    behaviour = spec.behaviour
    if behaviour is None:
        stable = stabilise_legacy(log, raw, flags.down_window_seconds, now_seconds)
        desired, reason = limit_legacy(current, stable, spec.minimum, spec.maximum, flags.legacy_factor)
        stabilised = "ScaleDownStabilized"
    else:
        windows = behaviour.up.window_seconds, behaviour.down.window_seconds
        stable = stabilise(log, current, raw, *windows, now_seconds)
        desired, reason = limit_rate(
            current, stable, spec.minimum, spec.maximum, behaviour, memory.ups, memory.downs, now_seconds
        )
        stabilised = "ScaleUpStabilized" if raw >= current else "ScaleDownStabilized"
    conditions["AbleToScale"] = "True/ReadyForNewScale" if stable == raw else f"True/{stabilised}"
    limited = "False" if desired == stable else "True"
    conditions["ScalingLimited"] = f"{limited}/{reason if limited == 'True' else WITHIN_RANGE}"
    return desired


def _remember(memory: Memory, behaviour: Behaviour, change: int, now_seconds: float) -> None:
    """Log the change that was written."""
    if change > 0:
        store_event(memory.ups, change, behaviour.up, now_seconds)
    else:
        store_event(memory.downs, change, behaviour.down, now_seconds)
