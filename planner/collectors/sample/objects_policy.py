"""Quotas, limit ranges, autoscalers and disruption budgets of the sample as the API server returns them."""

import math
from collections import Counter
from collections.abc import Iterator

from planner.collectors.sample.model import Model, origin
from planner.collectors.sample.objects_controllers import API_VERSIONS
from planner.collectors.sample.objects_template import Json, annotations_of, labels_of, object_uid, selector_labels
from planner.collectors.sample.placement import pod_size
from planner.collectors.sample.platform import LIMIT_RANGES, QUOTAS, STEPS_PER_DAY
from planner.collectors.sample.pod_times import rfc3339
from planner.collectors.sample.spec import Scaling, WorkloadSpec
from planner.collectors.sample.timeline import PodRun
from planner.snapshot.header import Metric
from planner.units import GIB, format_cpu, format_memory


def policy_objects(model: Model) -> Iterator[tuple[str, Json]]:
    """(resource, object) of everything by which the sample limits, scales and protects its pods."""
    alive = model.alive()
    counts = Counter((run.spec.namespace, run.spec.kind, run.spec.name) for run in alive)
    for namespace in model.namespaces:
        yield "resourcequotas", _quota(model, namespace, [run for run in alive if run.spec.namespace == namespace])
        if origin(namespace) in LIMIT_RANGES:
            yield "limitranges", _limit_range(model, namespace)
    for spec in model.workloads:
        running = counts[spec.namespace, spec.kind, spec.name]
        if spec.scaling is not None:
            yield from _autoscaler(model, spec, spec.scaling, running)
        if spec.min_available is not None:
            yield "poddisruptionbudgets", _budget(model, spec, spec.min_available, running)


def _metadata(model: Model, namespace: str, kind: str, name: str) -> Json:
    return {
        "name": name,
        "namespace": namespace,
        "uid": object_uid(model.seed, namespace, kind, name),
        "creationTimestamp": rfc3339(model.time(-120 * STEPS_PER_DAY)),
    }


def quota_used(runs: list[PodRun]) -> dict[str, float]:
    """What pods count against a quota, by resource name (cores, bytes, counts)."""
    sizes = [pod_size(run.part) for run in runs]
    containers = [c for run in runs for c in run.part.containers if c.role != "init"]
    return {
        "requests.cpu": sum(size.cpu for size in sizes),
        "requests.memory": float(sum(size.memory for size in sizes)),
        "requests.nvidia.com/gpu": float(sum(size.gpus for size in sizes)),
        "limits.memory": float(sum(c.memory_limit or 0 for c in containers)),
        "pods": float(len(runs)),
        "persistentvolumeclaims": float(sum(run.spec.volume is not None for run in runs)),
    }


def _quota(model: Model, namespace: str, runs: list[PodRun]) -> Json:
    hard = dict(QUOTAS[origin(namespace)])
    used = quota_used(runs)
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": _metadata(model, namespace, "ResourceQuota", "team-quota"),
        "spec": {"hard": hard},
        "status": {"hard": hard, "used": {name: _quantity(name, used[name]) for name in hard}},
    }


def _quantity(name: str, value: float) -> str:
    if name.endswith("memory"):
        return format_memory(value)
    return format_cpu(value) if name.endswith("cpu") else str(int(value))


def _limit_range(model: Model, namespace: str) -> Json:
    items = [dict(item) for item in LIMIT_RANGES[origin(namespace)]]
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": _metadata(model, namespace, "LimitRange", "defaults"),
        "spec": {"limits": items},
    }


def _target(spec: WorkloadSpec) -> Json:
    return {"apiVersion": API_VERSIONS[spec.kind], "kind": spec.kind, "name": spec.name}


def _autoscaler(model: Model, spec: WorkloadSpec, scaling: Scaling, running: int) -> Iterator[tuple[str, Json]]:
    if scaling.kind == "hpa":
        yield "horizontalpodautoscalers", _hpa(model, spec, scaling, running)
    elif scaling.kind == "keda":
        yield "scaledobjects.keda.sh", _scaled_object(model, spec, scaling)
        yield "horizontalpodautoscalers", _keda_hpa(model, spec, scaling, running)
    else:
        yield "verticalpodautoscalers.autoscaling.k8s.io", _vpa(model, spec)


def _hpa(model: Model, spec: WorkloadSpec, scaling: Scaling, running: int) -> Json:
    value = {"type": "Utilization", "averageUtilization": scaling.target}
    metric: Json = {"type": "Resource", "resource": {"name": "cpu", "target": value}}
    if scaling.container is not None:
        inner = {"name": "cpu", "container": scaling.container, "target": value}
        metric = {"type": "ContainerResource", "containerResource": inner}
    metadata = _metadata(model, spec.namespace, "HorizontalPodAutoscaler", spec.name)
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {**metadata, "labels": labels_of(spec), "annotations": annotations_of(spec, "Deployment")},
        "spec": {
            "scaleTargetRef": _target(spec),
            "minReplicas": scaling.minimum,
            "maxReplicas": scaling.maximum,
            "metrics": [metric],
            "behavior": _behavior(),
        },
        "status": {"currentReplicas": running, "desiredReplicas": running},
    }


def _behavior() -> Json:
    return {
        "scaleDown": {
            "stabilizationWindowSeconds": 1800,
            "selectPolicy": "Max",
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        }
    }


def _scaled_object(model: Model, spec: WorkloadSpec, scaling: Scaling) -> Json:
    trigger = {
        "type": "kafka",
        "metadata": {
            "bootstrapServers": "kafka.data.svc:9092",
            "consumerGroup": spec.name,
            "topic": "events",
            "lagThreshold": str(scaling.target),
        },
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {**_metadata(model, spec.namespace, "ScaledObject", spec.name), "labels": labels_of(spec)},
        "spec": {
            "scaleTargetRef": {"name": spec.name},
            "minReplicaCount": scaling.minimum,
            "maxReplicaCount": scaling.maximum,
            "pollingInterval": 30,
            "cooldownPeriod": 300,
            "triggers": [trigger],
        },
        "status": {"hpaName": f"keda-hpa-{spec.name}"},
    }


def _keda_hpa(model: Model, spec: WorkloadSpec, scaling: Scaling, running: int) -> Json:
    """The autoscaler that KEDA makes for its ScaledObject."""
    metadata = _metadata(model, spec.namespace, "HorizontalPodAutoscaler", f"keda-hpa-{spec.name}")
    owner = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "name": spec.name,
        "uid": object_uid(model.seed, spec.namespace, "ScaledObject", spec.name),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {"app.kubernetes.io/managed-by": "keda-operator", "scaledobject.keda.sh/name": spec.name}
    metric = {"name": "s0-kafka-events", "selector": {"matchLabels": {"scaledobject.keda.sh/name": spec.name}}}
    target = {"type": "AverageValue", "averageValue": str(scaling.target)}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {**metadata, "labels": labels, "ownerReferences": [owner]},
        "spec": {
            "scaleTargetRef": _target(spec),
            "minReplicas": scaling.minimum,
            "maxReplicas": scaling.maximum,
            "metrics": [{"type": "External", "external": {"metric": metric, "target": target}}],
        },
        "status": {"currentReplicas": running, "desiredReplicas": running},
    }


def _vpa(model: Model, spec: WorkloadSpec) -> Json:
    recommendations = []
    for container in spec.parts[0].containers:
        members = [
            u for u in model.usage.values() if u.run.spec.name == spec.name and u.container.name == container.name
        ]
        cores = max(float(usage.values[Metric.CPU].mean()) for usage in members) * 1.15
        memory = math.ceil(max(float(usage.values[Metric.MEMORY].max()) for usage in members) * 1.15)
        target = {"cpu": format_cpu(max(cores, 0.015)), "memory": format_memory(max(memory, GIB // 4))}
        recommendations.append({"containerName": container.name, "target": target})
    return {
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": _metadata(model, spec.namespace, "VerticalPodAutoscaler", spec.name),
        "spec": {"targetRef": _target(spec), "updatePolicy": {"updateMode": "Off"}},
        "status": {"recommendation": {"containerRecommendations": recommendations}},
    }


def _budget(model: Model, spec: WorkloadSpec, min_available: str, running: int) -> Json:
    percent = min_available.endswith("%")
    wanted = math.ceil(running * int(min_available[:-1]) / 100) if percent else int(min_available)
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {**_metadata(model, spec.namespace, "PodDisruptionBudget", spec.name), "labels": labels_of(spec)},
        "spec": {
            "minAvailable": min_available if percent else int(min_available),
            "selector": {"matchLabels": selector_labels(spec)},
        },
        "status": {
            "currentHealthy": running,
            "desiredHealthy": wanted,
            "disruptionsAllowed": max(running - wanted, 0),
            "expectedPods": running,
        },
    }
