"""Pod templates and controllers of the sample as the API server returns them."""

from typing import Any

from planner.collectors.sample.model import origin
from planner.collectors.sample.platform import POOLS, PRIORITY_CLASSES
from planner.collectors.sample.shapes import hexadecimal
from planner.collectors.sample.spec import RESOURCES, ContainerSpec, Part, Side, WorkloadSpec

Json = dict[str, Any]


def object_uid(seed: int, *names: object) -> str:
    """Uid of an object that is not a pod."""
    digits = hexadecimal(seed, 32, "object", *names)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-b{digits[17:20]}-{digits[20:]}"


def labels_of(spec: WorkloadSpec) -> dict[str, str]:
    """Labels of a controller."""
    labels = {
        "app.kubernetes.io/name": spec.name,
        "app.kubernetes.io/part-of": origin(spec.namespace),
        "team": {"inference": "serving", "training": "research", "data": "data-platform"}.get(
            origin(spec.namespace), "platform"
        ),
    }
    if spec.manager == "helm":
        labels["app.kubernetes.io/managed-by"] = "Helm"
    elif spec.manager == "flux":
        labels["kustomize.toolkit.fluxcd.io/name"] = spec.name
        labels["kustomize.toolkit.fluxcd.io/namespace"] = "flux-system"
    return labels


def annotations_of(spec: WorkloadSpec, kind: str) -> dict[str, str]:
    """Annotations of a controller."""
    annotations = dict(spec.annotations)
    if spec.manager == "helm":
        annotations["meta.helm.sh/release-name"] = spec.name
        annotations["meta.helm.sh/release-namespace"] = spec.namespace
    elif spec.manager == "argocd":
        annotations["argocd.argoproj.io/tracking-id"] = (
            f"{spec.namespace}:{'apps' if kind in ('Deployment', 'StatefulSet') else 'batch'}/{kind}:"
            f"{spec.namespace}/{spec.name}"
        )
    return annotations


def selector_labels(spec: WorkloadSpec) -> dict[str, str]:
    """Labels by which a controller finds its pods."""
    return {"app.kubernetes.io/name": spec.name}


def container_object(container: ContainerSpec) -> Json:
    """One container of a template or a pod."""
    resources: Json = {}
    sides: tuple[Side, ...] = ("requests", "limits")
    for side in sides:
        values: dict[str, str] = {}
        for resource in RESOURCES:
            text = container.quantity(side, resource)
            if text is not None:
                values[resource] = text
        if container.gpus:
            values["nvidia.com/gpu"] = str(container.gpus)
        if values:
            resources[side] = values
    document: Json = {"name": container.name, "image": container.image, "resources": resources}
    if container.command:
        document["command"] = list(container.command)
    if container.env:
        document["env"] = [{"name": name, "value": value} for name, value in sorted(container.env.items())]
    if container.role == "sidecar":
        document["restartPolicy"] = "Always"
    if container.resize_restart:
        document["resizePolicy"] = [
            {"resourceName": name, "restartPolicy": "RestartContainer"} for name in container.resize_restart
        ]
    document["terminationMessagePath"] = "/dev/termination-log"
    return document


def pod_spec(spec: WorkloadSpec, part: Part, *, injected: bool) -> Json:
    """``spec`` of a pod template, or of a pod when ``injected`` containers count too."""
    containers = [c for c in part.containers if injected or not c.injected]
    document: Json = {
        "containers": [container_object(c) for c in containers if c.role == "app"],
        "restartPolicy": "OnFailure" if spec.kind in ("Job", "CronJob") else "Always",
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
        "dnsPolicy": "ClusterFirst",
    }
    first = [container_object(c) for c in containers if c.role != "app"]
    if first:
        document["initContainers"] = first
    if spec.priority_class:
        document["priorityClassName"] = spec.priority_class
    document.update(_placement(spec))
    return document


def _placement(spec: WorkloadSpec) -> Json:
    if spec.kind == "DaemonSet":
        rule: Json = {"tolerations": [{"operator": "Exists"}]}
        if spec.pool == "every-gpu":
            rule["nodeSelector"] = {"nvidia.com/gpu.present": "true"}
        return rule
    pool = POOLS[spec.pool]
    rule = {}
    if spec.pool != "general":
        rule["nodeSelector"] = {pool.label: pool.name}
        rule["tolerations"] = [
            {"key": taint["key"], "operator": "Equal", "value": taint["value"], "effect": taint["effect"]}
            for taint in pool.taints
        ]
    if spec.replicas > 1 and spec.schedule is None:
        rule["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selector_labels(spec)},
            }
        ]
    return rule


def template(spec: WorkloadSpec, part: Part) -> Json:
    """A pod template."""
    metadata: Json = {"labels": {**selector_labels(spec), "app.kubernetes.io/part-of": origin(spec.namespace)}}
    if spec.pod_annotations:
        metadata["annotations"] = dict(spec.pod_annotations)
    return {"metadata": metadata, "spec": pod_spec(spec, part, injected=False)}


def priority_of(spec: WorkloadSpec) -> int:
    """Value of the PriorityClass."""
    return PRIORITY_CLASSES.get(spec.priority_class or "", 0)
