"""Namespaces, quotas, limit ranges, autoscalers, disruption budgets and zone-bound volumes from kube-state-metrics."""

from collections.abc import Callable, Mapping
from typing import Any

from planner.collectors.kubernetes.nodes import ZONE_LABELS
from planner.collectors.prometheus.nodes import stored_labels
from planner.collectors.prometheus.state_reader import Ask, Rows, StateReader
from planner.domain.policy_objects import (
    Autoscaler,
    DisruptionBudget,
    LimitRangeItem,
    Namespace,
    ResourceQuota,
    ScalingMetric,
    ZoneBoundVolume,
)

NAMESPACE_LABELS = ("environment", "env", "stage", "tier", "team", "owner", "app.kubernetes.io/part-of")
"""Labels that policies commonly choose by; the exporter's names cannot be turned back in general."""
NAMESPACES = Ask("kube_namespace_labels", ("namespace",))
NAMESPACE_PHASE = Ask("kube_namespace_status_phase", ("namespace",), only=('phase="Active"',), condition="== 1")
QUOTA = Ask("kube_resourcequota", ("namespace", "resourcequota", "resource", "type"))
LIMITS = Ask("kube_limitrange", ("namespace", "limitrange", "type", "resource", "constraint"))

HPA = ("namespace", "horizontalpodautoscaler")
HPA_INFO = Ask(
    "kube_horizontalpodautoscaler_info",
    (*HPA, "scaletargetref_kind", "scaletargetref_name", "scaletargetref_api_version"),
)
HPA_TARGET = Ask(
    "kube_horizontalpodautoscaler_spec_target_metric", (*HPA, "metric_name", "metric_target_type", "container")
)
HPA_NUMBERS: Mapping[str, Ask] = {
    "min_replicas": Ask("kube_horizontalpodautoscaler_spec_min_replicas", HPA),
    "max_replicas": Ask("kube_horizontalpodautoscaler_spec_max_replicas", HPA),
    "current_replicas": Ask("kube_horizontalpodautoscaler_status_current_replicas", HPA),
    "desired_replicas": Ask("kube_horizontalpodautoscaler_status_desired_replicas", HPA),
}
TARGET_TYPES: Mapping[str, str] = {"utilization": "Utilization", "average": "AverageValue", "value": "Value"}

PDB = ("namespace", "poddisruptionbudget")
PDB_NUMBERS: Mapping[str, Ask] = {
    "disruptions_allowed": Ask("kube_poddisruptionbudget_status_pod_disruptions_allowed", PDB),
    "current_healthy": Ask("kube_poddisruptionbudget_status_current_healthy", PDB),
    "desired_healthy": Ask("kube_poddisruptionbudget_status_desired_healthy", PDB),
    "expected_pods": Ask("kube_poddisruptionbudget_status_expected_pods", PDB),
}

ZONE = tuple(name for label in ZONE_LABELS for name in stored_labels(label))
VOLUME_ZONE = Ask("kube_persistentvolume_labels", ("persistentvolume", *ZONE), namespaced=False)
VOLUME_CLAIM = Ask("kube_persistentvolume_claim_ref", ("persistentvolume", "claim_namespace", "name"), namespaced=False)
VOLUME_INFO = Ask("kube_persistentvolume_info", ("persistentvolume", "storageclass"), namespaced=False)
VOLUME_SIZE = Ask("kube_persistentvolume_capacity_bytes", ("persistentvolume",), namespaced=False)


def read_namespaces(reader: StateReader, cluster: str) -> list[Namespace]:
    """Namespaces with those of their labels that are exported and known by name."""
    stored = {name: label for label in NAMESPACE_LABELS for name in reversed(stored_labels(label))}
    ask = Ask(NAMESPACES.name, (*NAMESPACES.by, *sorted(stored)))
    labels: dict[str, dict[str, str]] = {}
    for name, *values in sorted(reader.one(ask)):
        found = labels.setdefault(name, {})
        found.update({stored[key]: value for key, value in zip(sorted(stored), values, strict=True) if value})
    if not labels:
        labels = {name: {} for (name,) in reader.one(NAMESPACE_PHASE)}
    return [Namespace(cluster, name, dict(sorted(labels[name].items()))) for name in sorted(labels) if name]


def read_quotas(reader: StateReader, cluster: str) -> list[ResourceQuota]:
    """ResourceQuotas; their scopes are not exported."""
    sides: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for (namespace, name, resource, side), value in sorted(reader.one(QUOTA).items()):
        held = sides.setdefault((namespace, name), {"hard": {}, "used": {}})
        if side in held:
            held[side][resource] = value
    return [
        ResourceQuota(cluster, namespace, name, hard=held["hard"], used=held["used"])
        for (namespace, name), held in sorted(sides.items())
    ]


def read_limit_ranges(reader: StateReader, cluster: str) -> list[LimitRangeItem]:
    """Items of LimitRanges."""
    constraints = {
        "min": "min",
        "max": "max",
        "default": "default",
        "defaultRequest": "default_request",
        "maxLimitRequestRatio": "max_limit_request_ratio",
    }
    items: dict[tuple[str, str, str], dict[str, dict[str, float]]] = {}
    for (namespace, name, kind, resource, constraint), value in sorted(reader.one(LIMITS).items()):
        if constraint in constraints:
            held = items.setdefault((namespace, name, kind), {})
            held.setdefault(constraints[constraint], {})[resource] = value
    return [
        LimitRangeItem(cluster, namespace, name, kind, **held)
        for (namespace, name, kind), held in sorted(items.items())
    ]


def read_autoscalers(reader: StateReader, cluster: str) -> list[Autoscaler]:
    """HorizontalPodAutoscalers; their behaviour is not exported."""
    answers = reader.read([HPA_INFO, HPA_TARGET, *HPA_NUMBERS.values()])
    info, targets = next(answers), next(answers)
    numbers = dict(zip(HPA_NUMBERS, answers, strict=True))
    metrics: dict[tuple[str, str], list[ScalingMetric]] = {}
    for (namespace, name, metric, kind, container), value in sorted(targets.items()):
        metrics.setdefault((namespace, name), []).append(_scaling_metric(metric, kind, container, value))
    return [
        Autoscaler(
            cluster=cluster,
            namespace=namespace,
            kind="HorizontalPodAutoscaler",
            name=name,
            api_version="autoscaling/v2",
            target_kind=target_kind,
            target_name=target_name,
            metrics=tuple(metrics.get((namespace, name), ())),
            **_integers(numbers, (namespace, name)),
        )
        for namespace, name, target_kind, target_name, _ in sorted(info)
        if target_kind
    ]


def _scaling_metric(metric: str, kind: str, container: str, value: float) -> ScalingMetric:
    """Only ``cpu`` and ``memory`` tell their type; the others are pod, object or external metrics."""
    resource = metric in ("cpu", "memory")
    type_ = ("ContainerResource" if container else "Resource") if resource else ""
    return ScalingMetric(type_, metric, TARGET_TYPES.get(kind, kind), value, container or None)


def _integers(numbers: Mapping[str, Rows], key: tuple[str, ...]) -> dict[str, Any]:
    return {field: round(rows[key]) for field, rows in numbers.items() if key in rows}


def read_disruption_budgets(reader: StateReader, cluster: str) -> list[DisruptionBudget]:
    """PodDisruptionBudgets by their status; their selectors and settings are not exported."""
    numbers = dict(zip(PDB_NUMBERS, reader.read(list(PDB_NUMBERS.values())), strict=True))
    keys = sorted(set().union(*numbers.values()))
    return [DisruptionBudget(cluster, key[0], key[1], **_integers(numbers, key)) for key in keys]


def read_volumes(reader: StateReader, cluster: str) -> list[ZoneBoundVolume]:
    """Claimed volumes whose zone is exported; three more queries only where any is."""
    zones = {
        volume: next(zone for zone in values if zone)
        for volume, *values in sorted(reader.one(VOLUME_ZONE))
        if any(values)
    }
    if not zones:
        return []
    claims, info, sizes = reader.read([VOLUME_CLAIM, VOLUME_INFO, VOLUME_SIZE])
    classes = {row[0]: row[1] for row in sorted(info)}
    return [
        ZoneBoundVolume(
            cluster=cluster,
            namespace=namespace,
            claim=claim,
            volume=volume,
            zone=zones[volume],
            storage_class=classes.get(volume, ""),
            size_bytes=round(sizes[volume,]) if (volume,) in sizes else None,
        )
        for volume, namespace, claim in sorted(claims)
        if volume in zones and "__" not in zones[volume]  # a volume of several zones is bound to none
    ]


READERS: Mapping[str, Callable[[StateReader, str], list[Any]]] = {
    "namespaces": read_namespaces,
    "quotas": read_quotas,
    "limit_ranges": read_limit_ranges,
    "autoscalers": read_autoscalers,
    "disruption_budgets": read_disruption_budgets,
    "volumes": read_volumes,
}
"""Table of the state -> its reader."""
