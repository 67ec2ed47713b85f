"""Pods of the sample as the API server returns them at the end of the window."""

from collections.abc import Iterator

from planner.collectors.sample.model import Model
from planner.collectors.sample.objects_controllers import owner_reference
from planner.collectors.sample.objects_template import Json, pod_spec, priority_of, selector_labels
from planner.collectors.sample.pod_times import PodTimes, image_digest, pod_times, qos_class, revision_label, rfc3339
from planner.collectors.sample.shapes import hexadecimal
from planner.collectors.sample.spec import ContainerSpec
from planner.collectors.sample.timeline import PodRun

_DEFAULT_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
]


def pod_objects(model: Model) -> Iterator[Json]:
    """Every pod that the API shows at the end of the window."""
    for run in model.shown():
        yield _pod(model, run)


def pod_labels(run: PodRun) -> dict[str, str]:
    """Labels of a pod."""
    labels = selector_labels(run.spec)
    if run.owner_kind == "ReplicaSet":
        name = "rollouts-pod-template-hash" if run.spec.kind == "Rollout" else "pod-template-hash"
        labels[name] = run.revision
    elif run.owner_kind in ("StatefulSet", "DaemonSet"):
        labels["controller-revision-hash"] = revision_label(run)
    elif run.owner_kind == "Job":
        labels["batch.kubernetes.io/job-name"] = run.owner_name
    elif run.owner_kind == "RayCluster":
        labels |= {"ray.io/cluster": run.spec.name, "ray.io/node-type": "head" if run.part.name == "head" else "worker"}
    elif run.owner_kind == "PyTorchJob":
        labels |= {
            "training.kubeflow.org/job-name": run.spec.name,
            "training.kubeflow.org/replica-type": run.part.name.lower(),
        }
    return labels


def _pod(model: Model, run: PodRun) -> Json:
    times = pod_times(run, model)
    metadata: Json = {
        "name": run.name,
        "namespace": run.spec.namespace,
        "uid": run.uid,
        "labels": pod_labels(run),
        "annotations": dict(run.spec.pod_annotations),
        "creationTimestamp": rfc3339(times.created),
    }
    if run.owner_kind != "Pod":
        metadata["ownerReferences"] = [owner_reference(model.seed, run.spec.namespace, run.owner_kind, run.owner_name)]
    spec = pod_spec(run.spec, run.part, injected=True)
    spec["nodeName"] = run.node
    spec["priority"] = priority_of(run.spec)
    spec["tolerations"] = [*spec.get("tolerations", []), *_DEFAULT_TOLERATIONS]
    if run.spec.kind == "DaemonSet":
        spec["affinity"] = _pinned(run.node)
    if run.spec.volume is not None:
        claim = f"data-{run.name}"
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": _status(model, run, times),
    }


def _pinned(node: str) -> Json:
    """How the DaemonSet controller sends a pod to its node."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def _status(model: Model, run: PodRun, times: PodTimes) -> Json:
    finished = times.ended is not None
    ready_since = times.ended if times.ended is not None else times.ready
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": rfc3339(times.created)},
        {
            "type": "Ready",
            "status": "False" if finished else "True",
            "lastTransitionTime": rfc3339(_last_ready(model, run, ready_since)),
        },
    ]
    status: Json = {
        "phase": "Succeeded" if finished else "Running",
        "qosClass": qos_class(run.part),
        "startTime": rfc3339(times.started),
        "conditions": conditions,
        "containerStatuses": [],
    }
    for container in run.part.containers:
        key = "containerStatuses" if container.role == "app" else "initContainerStatuses"
        status.setdefault(key, []).append(_container_status(model, run, container, times))
    return status


def _last_ready(model: Model, run: PodRun, ready: float) -> float:
    """A restart makes the pod unready for a moment."""
    restarts = [step for c in run.part.containers if c.role == "app" for step in model.restarts(run, c.name)]
    return max([ready, *(model.time(step) + 6 for step in restarts)])


def _container_status(model: Model, run: PodRun, container: ContainerSpec, times: PodTimes) -> Json:
    restarts = model.restarts(run, container.name)
    status: Json = {
        "name": container.name,
        "image": container.image,
        "imageID": f"{container.image.rpartition(':')[0]}@{image_digest(run, container, model.seed)}",
        "containerID": f"containerd://{container_id(model, run, container, len(restarts))}",
        "ready": times.ended is None and container.role != "init",
        "restartCount": len(restarts),
        "lastState": {},
    }
    began = model.time(restarts[-1]) + 2 if restarts else times.started
    if times.ended is not None or container.role == "init":
        ended = times.ended if times.ended is not None else times.ready - 1
        state: Json = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": rfc3339(ended)}}
    else:
        state = {"running": {"startedAt": rfc3339(began)}}
    status["state"] = state
    if restarts:
        usage = model.usage[run.uid, container.name]
        killed = restarts[-1] in usage.kills
        before = restarts[-2] if len(restarts) > 1 else usage.starts[0]
        status["lastState"] = {
            "terminated": {
                "exitCode": 137 if killed else 1,
                "reason": "OOMKilled" if killed else "Error",
                "startedAt": rfc3339(model.time(before) + 2),
                "finishedAt": rfc3339(model.time(restarts[-1])),
            }
        }
    return status


def container_id(model: Model, run: PodRun, container: ContainerSpec, incarnation: int) -> str:
    """Id of a container at the runtime; each restart makes a new one."""
    return hexadecimal(model.seed, 64, run.uid, container.name, incarnation)
