"""Today's autoscaler as a setting that the replay understands."""

from collections.abc import Mapping
from typing import Any

from planner.domain.policy_objects import Autoscaler
from planner.evidence.autoscaling.behaviour import DEFAULT_UP, Behaviour, Policy, ScalingRules, default_down
from planner.evidence.autoscaling.setting import Setting
from planner.units import parse_quantity

DEFAULT_TARGET_PERCENT = 80
"""What an autoscaler without metrics follows: CPU at 80 % of the request."""

KEDA_MAXIMUM = 100


def behaviour_of(described: Mapping[str, Any] | None, down_window_seconds: float = 300.0) -> Behaviour | None:
    """``spec.behavior`` with the API's defaults; an absent field stays None.

    A field that is set replaces its default as a whole: policies are not merged.
    """
    if described is None:
        return None
    return Behaviour(
        _rules(described.get("scaleUp"), DEFAULT_UP),
        _rules(described.get("scaleDown"), default_down(down_window_seconds)),
    )


def setting_of(autoscaler: Autoscaler, request_m: int, capacity_m: int) -> Setting | str:
    """The setting of a HorizontalPodAutoscaler on CPU utilisation, or why the replay cannot follow it.

    Args:
        autoscaler: as collected.
        request_m: CPU request of a pod, millicores.
        capacity_m: what a pod can use.
    """
    cpu = [one for one in autoscaler.metrics if one.name == "cpu" and one.target_type == "Utilization"]
    if autoscaler.kind != "HorizontalPodAutoscaler":
        return f"a {autoscaler.kind} is replayed on its own triggers"
    if autoscaler.metrics and not cpu:
        names = ", ".join(sorted({f"{one.name} ({one.target_type})" for one in autoscaler.metrics}))
        return f"it follows {names}, whose history is not known"
    if len(autoscaler.metrics) > 1:
        return "it follows several metrics, and the history of CPU alone does not tell which one decides"
    minimum = 1 if autoscaler.min_replicas is None else autoscaler.min_replicas
    if autoscaler.max_replicas is None:
        return "its maximum is not known"
    if minimum < 1 or minimum > autoscaler.max_replicas:
        return f"minimum {minimum} and maximum {autoscaler.max_replicas} cannot be held"
    if request_m < 1:
        return "its pods request no CPU, so there is no utilisation"
    target = DEFAULT_TARGET_PERCENT if not cpu or cpu[0].target is None else round(cpu[0].target)
    if target < 1:
        return f"its target of {target} % cannot be held"
    return Setting(target, minimum, autoscaler.max_replicas, request_m, capacity_m, behaviour_of(autoscaler.behavior))


def _rules(described: Mapping[str, Any] | None, default: ScalingRules) -> ScalingRules:
    if described is None:
        return default
    policies = described.get("policies")
    window = described.get("stabilizationWindowSeconds")
    tolerance = described.get("tolerance")
    return ScalingRules(
        default.policies if policies is None else tuple(_policy(one) for one in policies),
        default.window_seconds if window is None else float(window),
        described.get("selectPolicy") or default.select,
        None if tolerance is None else float(parse_quantity(str(tolerance))),
    )


def _policy(described: Mapping[str, Any]) -> Policy:
    return Policy(described["type"] == "Percent", int(described["value"]), float(described["periodSeconds"]))
