"""A case of an ``hpa*.json`` table as values of the autoscaler replay; the schema stands in the tables."""

from planner.evidence.autoscaling.behaviour import (
    DEFAULT_UP,
    Behaviour,
    Entry,
    Event,
    Policy,
    ScalingRules,
    default_down,
)
from planner.evidence.autoscaling.calculator import Tolerance
from planner.evidence.autoscaling.controller import ControllerFlags, HpaSpec, Memory
from planner.evidence.autoscaling.metrics import OutsideMetric, PodsMetric, ResourceMetric, UnknownMetric
from planner.evidence.autoscaling.pods import LONG_AGO_SECONDS, ContainerRequest, Pod, Readiness

NOW_SECONDS = 2_000_000.0
CALCULATOR = Readiness(120.0, 10.0)


def tolerance(given):
    return Tolerance(given["down"], given["up"])


def pod(given):
    return Pod(
        given["name"],
        phase=given.get("phase", "Running"),
        is_deleted=given.get("deleted", False),
        is_ready=given.get("ready", True),
        start_age_seconds=given.get("start_age_s", LONG_AGO_SECONDS),
        ready_transition_age_seconds=given.get("ready_transition_age_s", LONG_AGO_SECONDS),
        request_m=given.get("request_m"),
        usage_m=given.get("usage_m"),
        metric_age_seconds=given.get("metric_age_s", LONG_AGO_SECONDS),
        metric_window_seconds=given.get("metric_window_s", 60),
    )


def pods(given):
    return [pod(one) for one in given.get("pods", [])]


def extra(given):
    return {one["name"]: one["usage_m"] for one in given.get("extra_metrics", [])}


def containers(given):
    return [
        ContainerRequest(one["name"], one["request_m"], one.get("restart_policy", "Always") == "Always")
        for one in given or []
    ]


def rules(given, default, *, ignores_tolerance=False):
    if given is None:
        return default
    policies = given.get("policies")
    window = given.get("stabilization_s")
    return ScalingRules(
        default.policies
        if policies is None
        else tuple(Policy(one["type"] == "Percent", one["value"], one["period_s"]) for one in policies),
        default.window_seconds if window is None else window,
        given.get("select_policy") or default.select,
        None if ignores_tolerance else given.get("tolerance"),
    )


def behaviour(up, down, *, window_seconds=300.0, ignores_tolerance=False):
    return Behaviour(
        rules(up, DEFAULT_UP, ignores_tolerance=ignores_tolerance),
        rules(down, default_down(window_seconds), ignores_tolerance=ignores_tolerance),
    )


def events(given, value="change"):
    return [Event(one[value], NOW_SECONDS - one["age_s"]) for one in given or []]


def recommendations(given):
    return [Entry(one["value"], NOW_SECONDS - one["age_s"]) for one in given]


def metric(given):
    kind, failed = given["type"], given.get("metric_error", False)
    if kind in ("Resource", "ContainerResource"):
        return ResourceMetric(
            pods(given), given.get("target_utilization"), given.get("target_average_m"), given.get("resource", "cpu"),
            kind == "ContainerResource", extra(given), failed,
        )  # fmt: skip
    if kind == "Pods":
        return PodsMetric(pods(given), given["target_average_m"], extra(given), failed)
    if kind in ("Object", "External"):
        return OutsideMetric(
            given["values_m"], given.get("ready_pods", 0), given.get("target_value_m"), given.get("target_average_m"),
            kind == "External", failed,
        )  # fmt: skip
    if kind == "Invalid":
        return UnknownMetric()
    raise ValueError(f"unknown metric type {kind}")


def spec_of(given):
    described = given.get("behavior")
    if described is not None:
        described = behaviour(
            described.get("scale_up"),
            described.get("scale_down"),
            window_seconds=given["downscale_stabilization_s"],
            ignores_tolerance=not given.get("gate_HPAConfigurableTolerance", True),
        )
    return HpaSpec(given["min"], given["max"], described)


def flags_of(given):
    return ControllerFlags(
        tolerance=given["default_tolerance"],
        down_window_seconds=given["downscale_stabilization_s"],
        readiness=Readiness(given["cpu_initialization_period_s"], given["initial_readiness_delay_s"]),
        legacy_factor=given["scale_up_limit_factor"],
        has_scale_to_zero=given.get("gate_HPAScaleToZero", True),
    )


def memory_of(given):
    seen = given.get("recommendations")
    return Memory(
        None if seen is None else recommendations(seen),
        events(given.get("scale_up_events")),
        events(given.get("scale_down_events")),
    )
