"""Controllers of the sample: from Deployments to a RayCluster, each as the API server returns it."""

from collections.abc import Iterator
from typing import Any

from planner.collectors.sample.model import Model
from planner.collectors.sample.objects_template import (
    Json,
    annotations_of,
    labels_of,
    object_uid,
    selector_labels,
    template,
)
from planner.collectors.sample.platform import STEPS_PER_DAY
from planner.collectors.sample.pod_times import pod_times, rfc3339
from planner.collectors.sample.spec import WorkloadSpec
from planner.collectors.sample.timeline import JOB_HISTORY, PodRun, surges

API_VERSIONS = {
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "Rollout": "argoproj.io/v1alpha1",
    "PyTorchJob": "kubeflow.org/v1",
    "RayCluster": "ray.io/v1",
    "InferenceService": "serving.kserve.io/v1beta1",
    "VectorIndexer": "search.example.com/v1alpha1",
    "ScaledObject": "keda.sh/v1alpha1",
}
RESOURCES = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "Job": "jobs",
    "CronJob": "cronjobs",
    "Rollout": "rollouts.argoproj.io",
    "PyTorchJob": "pytorchjobs.kubeflow.org",
    "RayCluster": "rayclusters.ray.io",
    "InferenceService": "inferenceservices.serving.kserve.io",
    "VectorIndexer": "vectorindexers.search.example.com",
}
"""Resource name, as kubectl takes it, of every kind of top controller."""


def owner_reference(seed: int, namespace: str, kind: str, name: str) -> Json:
    """The reference by which a child names its controller."""
    return {
        "apiVersion": API_VERSIONS[kind],
        "kind": kind,
        "name": name,
        "uid": object_uid(seed, namespace, kind, name),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_objects(model: Model) -> Iterator[tuple[str, Json]]:
    """(resource, object) of every controller that exists at the end of the window, children too."""
    by_owner: dict[tuple[str, str, str], list[PodRun]] = {}
    for run in model.runs:
        by_owner.setdefault((run.spec.namespace, run.spec.kind, run.spec.name), []).append(run)
    for spec in model.workloads:
        runs = by_owner.get((spec.namespace, spec.kind, spec.name), [])
        if spec.gone or spec.kind == "Pod":
            continue
        yield RESOURCES[spec.kind], _document(model, spec, runs)
        if spec.kind == "InferenceService":
            yield "deployments", _predictor(model, spec, runs)
        if spec.kind in ("Deployment", "Rollout", "InferenceService"):
            for replica_set in _replica_sets(model, spec, runs):
                yield "replicasets", replica_set
        if spec.kind == "CronJob":
            for job in _jobs(model, spec, runs):
                yield "jobs", job


def _metadata(model: Model, spec: WorkloadSpec, kind: str, name: str, created: float) -> Json:
    return {
        "name": name,
        "namespace": spec.namespace,
        "uid": object_uid(model.seed, spec.namespace, kind, name),
        "labels": labels_of(spec),
        "annotations": annotations_of(spec, kind),
        "creationTimestamp": rfc3339(created),
        "generation": 1,
        "resourceVersion": "1",
    }


def _created(model: Model, spec: WorkloadSpec, runs: list[PodRun]) -> float:
    """Long before the first pod, but for young workloads."""
    first = min((run.first for run in runs), default=0)
    young = spec.last_days is not None or spec.kind in ("Job", "PyTorchJob", "RayCluster")
    return model.time(first) - 2 if young else model.time(min(first, 0) - 90 * STEPS_PER_DAY)


def _document(model: Model, spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    return {
        "apiVersion": API_VERSIONS[spec.kind],
        "kind": spec.kind,
        "metadata": _metadata(model, spec, spec.kind, spec.name, _created(model, spec, runs)),
        "spec": _SPECS[spec.kind](spec, runs),
        "status": _status(spec, runs, model),
    }


def _running(runs: list[PodRun]) -> int:
    return sum(run.last is None for run in runs)


def _strategy(spec: WorkloadSpec) -> Json:
    surge, unavailable = ("25%", "25%") if surges(spec) else (0, 1)
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def _deployment(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    return {
        "replicas": _running(runs),
        "selector": {"matchLabels": selector_labels(spec)},
        "strategy": _strategy(spec),
        "revisionHistoryLimit": 3,
        "template": template(spec, spec.parts[0]),
    }


def _rollout(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    steps = [{"setWeight": 25}, {"pause": {"duration": "10m"}}, {"setWeight": 100}]
    return {
        "replicas": _running(runs),
        "selector": {"matchLabels": selector_labels(spec)},
        "strategy": {"canary": {"maxSurge": "25%", "maxUnavailable": 0, "steps": steps}},
        "template": template(spec, spec.parts[0]),
    }


def _stateful_set(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    pod = template(spec, spec.parts[0])
    document: Json = {
        "replicas": _running(runs),
        "serviceName": spec.name,
        "selector": {"matchLabels": selector_labels(spec)},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "podManagementPolicy": "OrderedReady",
        "template": pod,
    }
    if spec.volume is not None:
        for container in pod["spec"]["containers"][:1]:
            container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        document["volumeClaimTemplates"] = [
            {
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": spec.volume.storage_class,
                    "resources": {"requests": {"storage": spec.volume.size}},
                },
            }
        ]
    return document


def _daemon_set(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    return {
        "selector": {"matchLabels": selector_labels(spec)},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        "template": template(spec, spec.parts[0]),
    }


def _job(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    count = spec.parts[0].replicas
    return {
        "parallelism": count,
        "completions": count,
        "backoffLimit": 4,
        "completionMode": "NonIndexed",
        "template": template(spec, spec.parts[0]),
    }


def _cron_job(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    assert spec.schedule is not None
    return {
        "schedule": spec.schedule.cron,
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "successfulJobsHistoryLimit": JOB_HISTORY,
        "failedJobsHistoryLimit": 1,
        "suspend": False,
        "jobTemplate": {"spec": _job(spec, runs)},
    }


def _pytorch_job(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    return {
        "pytorchReplicaSpecs": {
            part.name: {"replicas": part.replicas, "restartPolicy": "OnFailure", "template": template(spec, part)}
            for part in spec.parts
        },
        "runPolicy": {"cleanPodPolicy": "None"},
    }


def _ray_cluster(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    head, workers = spec.parts
    return {
        "rayVersion": "2.51.0",
        "headGroupSpec": {"rayStartParams": {}, "template": template(spec, head)},
        "workerGroupSpecs": [
            {
                "groupName": workers.name,
                "replicas": workers.replicas,
                "minReplicas": workers.replicas,
                "maxReplicas": workers.replicas,
                "numOfHosts": 1,
                "rayStartParams": {},
                "template": template(spec, workers),
            }
        ],
    }


def _inference_service(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    return {"predictor": {"minReplicas": spec.replicas, **template(spec, spec.parts[0])["spec"]}}


def _vector_indexer(spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    return {"index": "products", "shards": spec.replicas}


_SPECS = {
    "Deployment": _deployment,
    "Rollout": _rollout,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CronJob": _cron_job,
    "PyTorchJob": _pytorch_job,
    "RayCluster": _ray_cluster,
    "InferenceService": _inference_service,
    "VectorIndexer": _vector_indexer,
}


def _status(spec: WorkloadSpec, runs: list[PodRun], model: Model) -> Json:
    count = _running(runs)
    if spec.kind == "DaemonSet":
        return {
            "currentNumberScheduled": count,
            "desiredNumberScheduled": count,
            "numberAvailable": count,
            "numberReady": count,
            "numberMisscheduled": 0,
        }
    if spec.kind == "Job":
        first = min(runs, key=lambda run: run.first)
        return {"active": count, "startTime": rfc3339(pod_times(first, model).created), "terminating": 0}
    if spec.kind == "CronJob":
        started = max((run.first for run in runs), default=0)
        return {"lastScheduleTime": rfc3339(model.time(started))}
    if spec.kind in ("PyTorchJob", "RayCluster", "InferenceService", "VectorIndexer"):
        return {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"observedGeneration": 1, "replicas": count, "readyReplicas": count, "updatedReplicas": count}


def _predictor(model: Model, spec: WorkloadSpec, runs: list[PodRun]) -> Json:
    """The Deployment that KServe makes for an InferenceService."""
    name = f"{spec.name}-predictor"
    metadata = _metadata(model, spec, "Deployment", name, _created(model, spec, runs))
    metadata["ownerReferences"] = [owner_reference(model.seed, spec.namespace, spec.kind, spec.name)]
    metadata["annotations"] = {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": _deployment(spec, runs),
        "status": {"replicas": _running(runs), "readyReplicas": _running(runs)},
    }


def _replica_sets(model: Model, spec: WorkloadSpec, runs: list[PodRun]) -> Iterator[Json]:
    """The newest revisions: one with pods, the others kept for going back."""
    names: dict[str, list[PodRun]] = {}
    for run in runs:
        names.setdefault(run.owner_name, []).append(run)
    for name, members in list(names.items())[-4:]:
        kind = "Deployment" if spec.kind == "InferenceService" else spec.kind
        parent = f"{spec.name}-predictor" if spec.kind == "InferenceService" else spec.name
        created = pod_times(members[0], model).created - 1
        metadata = _metadata(model, spec, "ReplicaSet", name, created)
        metadata["annotations"] = {"deployment.kubernetes.io/revision": str(list(names).index(name) + 1)}
        metadata["ownerReferences"] = [owner_reference(model.seed, spec.namespace, kind, parent)]
        hash_label = "rollouts-pod-template-hash" if spec.kind == "Rollout" else "pod-template-hash"
        pod = template(spec, spec.parts[0])
        labels = {**selector_labels(spec), hash_label: members[0].revision}
        pod["metadata"]["labels"].update(labels)
        count = _running(members)
        yield {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": metadata,
            "spec": {"replicas": count, "selector": {"matchLabels": labels}, "template": pod},
            "status": {"replicas": count, "readyReplicas": count},
        }


def _jobs(model: Model, spec: WorkloadSpec, runs: list[PodRun]) -> Iterator[Json]:
    """Runs of a CronJob that the API still shows."""
    names: dict[str, list[PodRun]] = {}
    for run in runs:
        if run.visible is None:
            names.setdefault(run.owner_name, []).append(run)
    for name, members in names.items():
        yield job_object(model, spec, name, members)


def job_object(model: Model, spec: WorkloadSpec, name: str, members: list[PodRun]) -> Json:
    """One run of a CronJob."""
    metadata = _metadata(model, spec, "Job", name, model.time(members[0].first))
    metadata["ownerReferences"] = [owner_reference(model.seed, spec.namespace, spec.kind, spec.name)]
    metadata["annotations"] = {}
    status: dict[str, Any] = {"startTime": rfc3339(model.time(members[0].first))}
    if _running(members):
        status["active"] = _running(members)
    else:
        ended = rfc3339(max(pod_times(run, model).ended or 0.0 for run in members))
        status |= {"succeeded": len(members), "completionTime": ended}
        status["conditions"] = [{"type": "Complete", "status": "True", "lastTransitionTime": ended}]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": _job(spec, members),
        "status": status,
    }
