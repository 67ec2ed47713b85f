"""HorizontalPodAutoscalers, KEDA's ScaledObjects and VerticalPodAutoscalers."""

from collections.abc import Mapping
from typing import Any

from planner.collectors.kubernetes.fields import FieldError, child, fragment, integer, items, quantity, text
from planner.collectors.kubernetes.metadata import read_meta
from planner.domain.policy_objects import Autoscaler, ScalingMetric

KEDA_MIN_REPLICAS = 0
KEDA_MAX_REPLICAS = 100
"""What KEDA takes where a ScaledObject does not say (keda.sh/docs, scaledobject-spec)."""
_KEDA_TARGETS = ("value", "threshold", "targetValue", "desiredReplicas")


def read_hpa(document: Mapping[str, Any], *, cluster: str) -> Autoscaler:
    """Read a raw HorizontalPodAutoscaler (autoscaling/v2).

    Raises:
        FieldError: a field has another type than in the API.
    """
    meta = read_meta(document)
    spec, status = child(document, "spec"), child(document, "status")
    target = child(spec, "scaleTargetRef")
    behavior = child(spec, "behavior")
    return Autoscaler(
        cluster=cluster,
        namespace=meta.namespace,
        kind="HorizontalPodAutoscaler",
        name=meta.name,
        api_version=text(document, "apiVersion") or "autoscaling/v2",
        target_kind=text(target, "kind"),
        target_name=text(target, "name"),
        min_replicas=1 if spec.get("minReplicas") is None else integer(spec, "minReplicas"),
        max_replicas=integer(spec, "maxReplicas"),
        metrics=tuple(_hpa_metric(metric) for metric in items(spec, "metrics")),
        behavior=fragment(behavior, "behavior") if behavior else None,
        current_replicas=integer(status, "currentReplicas"),
        desired_replicas=integer(status, "desiredReplicas"),
        labels=meta.labels,
    )


def _hpa_metric(metric: Mapping[str, Any]) -> ScalingMetric:
    kind = text(metric, "type")
    source = child(metric, kind[:1].lower() + kind[1:])
    target = child(source, "target")
    target_type = text(target, "type")
    if target_type == "Utilization":
        percent = integer(target, "averageUtilization")
        value = None if percent is None else float(percent)
    else:
        raw = target.get("averageValue" if target_type == "AverageValue" else "value")
        value = None if raw is None else quantity(raw, "target")
    return ScalingMetric(
        type=kind,
        name=text(source, "name") or text(child(source, "metric"), "name"),
        target_type=target_type,
        target=value,
        container=text(source, "container") or None,
    )


def read_scaled_object(document: Mapping[str, Any], *, cluster: str) -> Autoscaler:
    """Read a raw ScaledObject. Of a trigger's metadata only its target number is kept: the rest may be secret."""
    meta = read_meta(document)
    spec = child(document, "spec")
    target = child(spec, "scaleTargetRef")
    low, high = integer(spec, "minReplicaCount"), integer(spec, "maxReplicaCount")
    behavior = child(spec, "advanced", "horizontalPodAutoscalerConfig", "behavior")
    return Autoscaler(
        cluster=cluster,
        namespace=meta.namespace,
        kind="ScaledObject",
        name=meta.name,
        api_version=text(document, "apiVersion") or "keda.sh/v1alpha1",
        target_kind=text(target, "kind") or "Deployment",
        target_name=text(target, "name"),
        min_replicas=KEDA_MIN_REPLICAS if low is None else low,
        max_replicas=KEDA_MAX_REPLICAS if high is None else high,
        metrics=tuple(_trigger(trigger) for trigger in items(spec, "triggers")),
        behavior=fragment(behavior, "behavior") if behavior else None,
        labels=meta.labels,
    )


def _trigger(trigger: Mapping[str, Any]) -> ScalingMetric:
    kind = text(trigger, "type")
    metadata = child(trigger, "metadata")
    resource = kind in ("cpu", "memory")
    target_type = text(trigger, "metricType") or text(metadata, "type")
    target = None
    for name in _KEDA_TARGETS:
        if metadata.get(name) is not None:
            try:
                target = quantity(metadata[name], name)
            except FieldError:  # a reference or a formula: no number to compare with
                target = None
            break
    return ScalingMetric(
        type=kind,
        name=kind if resource else text(trigger, "name") or kind,
        target_type=target_type or ("Utilization" if resource else "AverageValue"),
        target=target,
        container=text(metadata, "containerName") or None,
    )


def read_vpa(document: Mapping[str, Any], *, cluster: str) -> Autoscaler:
    """Read a raw VerticalPodAutoscaler; without a mode it updates (``Auto``)."""
    meta = read_meta(document)
    spec = child(document, "spec")
    target = child(spec, "targetRef")
    return Autoscaler(
        cluster=cluster,
        namespace=meta.namespace,
        kind="VerticalPodAutoscaler",
        name=meta.name,
        api_version=text(document, "apiVersion") or "autoscaling.k8s.io/v1",
        target_kind=text(target, "kind"),
        target_name=text(target, "name"),
        update_mode=text(child(spec, "updatePolicy"), "updateMode") or "Auto",
        labels=meta.labels,
    )
