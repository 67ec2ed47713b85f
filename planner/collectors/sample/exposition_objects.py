"""Controllers, nodes and policies of the sample as kube-state-metrics exposes them, read off the raw objects."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from planner.collectors.sample.exposition_pods import State, families
from planner.collectors.sample.exposition_text import Span
from planner.collectors.sample.model import Model
from planner.collectors.sample.platform import START
from planner.collectors.sample.pod_times import pod_times
from planner.collectors.sample.timeline import PodRun
from planner.units import parse_quantity

Json = Mapping[str, Any]
Rows = Iterator[tuple[str, Mapping[str, str], float]]
_NODE_UNITS = {"cpu": "core", "memory": "byte", "ephemeral-storage": "byte"}


def object_families(model: Model, objects: Mapping[str, list[dict[str, Any]]], span: Span) -> Iterator[str]:
    """Every family about objects that are not pods. They hold the whole window; only replicas and owners change."""
    states: dict[str, list[State]] = defaultdict(list)
    for resource, read in _READERS.items():
        for document in objects.get(resource, ()):
            since = max(_created(document), START)
            for name, labels, value in read(document):
                states[name].append(State(labels, value, since, model.end))
    for name, state in (*_replicas(model), *_owners(model)):
        states[name].append(state)
    yield from families(states, span)


def _created(document: Json) -> float:
    text = document["metadata"].get("creationTimestamp")
    return START if text is None else datetime.fromisoformat(text).timestamp()


def _place(document: Json, kind: str) -> dict[str, str]:
    return {"namespace": document["metadata"]["namespace"], kind: document["metadata"]["name"]}


def _label_name(name: str) -> str:
    return "label_" + "".join(char if char.isalnum() else "_" for char in name)


def _resource_name(name: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in name)


def _namespace(document: Json) -> Rows:
    who = {"namespace": document["metadata"]["name"]}
    labels = {_label_name(key): value for key, value in document["metadata"]["labels"].items()}
    yield "kube_namespace_labels", {**who, **labels}, 1.0
    yield "kube_namespace_created", who, _created(document)
    yield "kube_namespace_status_phase", {**who, "phase": "Active"}, 1.0


def _node(document: Json) -> Rows:
    metadata, status = document["metadata"], document["status"]
    who = {"node": metadata["name"]}
    version = status["nodeInfo"]["kubeletVersion"]
    yield "kube_node_info", {**who, "kubelet_version": version, "provider_id": document["spec"]["providerID"]}, 1.0
    yield "kube_node_created", who, _created(document)
    yield "kube_node_labels", {**who, **{_label_name(k): v for k, v in metadata["labels"].items()}}, 1.0
    yield "kube_node_status_condition", {**who, "condition": "Ready", "status": "true"}, 1.0
    for side in ("allocatable", "capacity"):
        for name, quantity in status[side].items():
            labels = {**who, "resource": _resource_name(name), "unit": _NODE_UNITS.get(name, "integer")}
            yield f"kube_node_status_{side}", labels, float(parse_quantity(quantity))
    for taint in document["spec"].get("taints", ()):
        yield "kube_node_spec_taint", {**who, **taint}, 1.0


def _quota(document: Json) -> Rows:
    who = _place(document, "resourcequota")
    for side in ("hard", "used"):
        for name, quantity in document["status"][side].items():
            yield "kube_resourcequota", {**who, "resource": name, "type": side}, float(parse_quantity(quantity))
    yield "kube_resourcequota_created", who, _created(document)


def _limit_range(document: Json) -> Rows:
    who = _place(document, "limitrange")
    for item in document["spec"]["limits"]:
        for constraint in ("min", "max", "default", "defaultRequest", "maxLimitRequestRatio"):
            for name, quantity in item.get(constraint, {}).items():
                labels = {**who, "resource": name, "type": item["type"], "constraint": constraint}
                yield "kube_limitrange", labels, float(parse_quantity(quantity))


def _hpa(document: Json) -> Rows:
    who = _place(document, "horizontalpodautoscaler")
    spec = document["spec"]
    target = spec["scaleTargetRef"]
    reference = {f"scaletargetref_{key}": target[name] for key, name in _REFERENCE.items()}
    yield "kube_horizontalpodautoscaler_info", {**who, **reference}, 1.0
    yield "kube_horizontalpodautoscaler_spec_min_replicas", who, float(spec["minReplicas"])
    yield "kube_horizontalpodautoscaler_spec_max_replicas", who, float(spec["maxReplicas"])
    for metric in spec["metrics"]:
        inner = metric[metric["type"][0].lower() + metric["type"][1:]]
        name = inner["name"] if "name" in inner else inner["metric"]["name"]
        wanted = inner["target"]
        labels = {**who, "metric_name": name}
        if "container" in inner:
            labels["container"] = inner["container"]
        kind = {"Utilization": "utilization", "AverageValue": "average", "Value": "value"}[wanted["type"]]
        amount = wanted.get("averageUtilization", wanted.get("averageValue", wanted.get("value")))
        labels["metric_target_type"] = kind
        yield "kube_horizontalpodautoscaler_spec_target_metric", labels, float(parse_quantity(str(amount)))


_REFERENCE = {"api_version": "apiVersion", "kind": "kind", "name": "name"}


def _budget(document: Json) -> Rows:
    who = _place(document, "poddisruptionbudget")
    status = document["status"]
    yield "kube_poddisruptionbudget_created", who, _created(document)
    for name, key in (
        ("current_healthy", "currentHealthy"),
        ("desired_healthy", "desiredHealthy"),
        ("pod_disruptions_allowed", "disruptionsAllowed"),
        ("expected_pods", "expectedPods"),
    ):
        yield f"kube_poddisruptionbudget_status_{name}", who, float(status[key])


def _volume(document: Json) -> Rows:
    claim = document["spec"]["claimRef"]
    who = {"persistentvolume": document["metadata"]["name"]}
    yield "kube_persistentvolume_claim_ref", {**who, "claim_namespace": claim["namespace"], "name": claim["name"]}, 1.0
    yield "kube_persistentvolume_info", {**who, "storageclass": document["spec"]["storageClassName"]}, 1.0
    labels = {_label_name(key): value for key, value in document["metadata"]["labels"].items()}
    yield "kube_persistentvolume_labels", {**who, **labels}, 1.0
    yield "kube_persistentvolume_capacity_bytes", who, float(parse_quantity(document["spec"]["capacity"]["storage"]))


def _claim(document: Json) -> Rows:
    who = _place(document, "persistentvolumeclaim")
    spec = document["spec"]
    labels = {**who, "storageclass": spec["storageClassName"], "volumename": spec["volumeName"]}
    yield "kube_persistentvolumeclaim_info", labels, 1.0


def _deployment(document: Json) -> Rows:
    who = _place(document, "deployment")
    yield "kube_deployment_created", who, _created(document)
    rolling = document["spec"]["strategy"]["rollingUpdate"]
    for name, key in (("max_surge", "maxSurge"), ("max_unavailable", "maxUnavailable")):
        amount = rolling[key]
        pods = document["spec"]["replicas"] * int(amount[:-1]) / 100 if isinstance(amount, str) else amount
        value = -(-pods // 1) if name == "max_surge" else pods // 1
        yield f"kube_deployment_spec_strategy_rollingupdate_{name}", who, float(value)


def _stateful_set(document: Json) -> Rows:
    who = _place(document, "statefulset")
    yield "kube_statefulset_created", who, _created(document)
    yield "kube_statefulset_replicas", who, float(document["spec"]["replicas"])
    yield "kube_statefulset_status_replicas", who, float(document["spec"]["replicas"])


def _daemon_set(document: Json) -> Rows:
    who = _place(document, "daemonset")
    yield "kube_daemonset_created", who, _created(document)
    desired = float(document["status"]["desiredNumberScheduled"])
    yield "kube_daemonset_status_desired_number_scheduled", who, desired


def _cron_job(document: Json) -> Rows:
    who = _place(document, "cronjob")
    spec = document["spec"]
    yield "kube_cronjob_created", who, _created(document)
    yield "kube_cronjob_info", {**who, "schedule": spec["schedule"], "concurrency_policy": "Forbid"}, 1.0


_READERS: Mapping[str, Callable[[Json], Rows]] = {
    "namespaces": _namespace,
    "nodes": _node,
    "resourcequotas": _quota,
    "limitranges": _limit_range,
    "horizontalpodautoscalers": _hpa,
    "poddisruptionbudgets": _budget,
    "persistentvolumes": _volume,
    "persistentvolumeclaims": _claim,
    "deployments": _deployment,
    "statefulsets": _stateful_set,
    "daemonsets": _daemon_set,
    "cronjobs": _cron_job,
}


def _replicas(model: Model) -> Iterator[tuple[str, State]]:
    """Replicas of Deployments and autoscalers, which follow the pods."""
    pods: dict[tuple[str, str], list[PodRun]] = defaultdict(list)
    for run in model.runs:
        pods[run.spec.namespace, run.spec.name].append(run)
    for spec in model.workloads:
        if spec.kind not in ("Deployment", "InferenceService"):
            continue
        name = spec.name if spec.kind == "Deployment" else f"{spec.name}-predictor"
        who = {"namespace": spec.namespace, "deployment": name}
        for since, until, count in _counts(model, pods.get((spec.namespace, spec.name), [])):
            yield "kube_deployment_spec_replicas", State(who, count, since, until)
            yield "kube_deployment_status_replicas", State(who, count, since, until)
            if spec.scaling is not None and spec.scaling.kind != "vpa":
                scaler = spec.name if spec.scaling.kind == "hpa" else f"keda-hpa-{spec.name}"
                bound = {"namespace": spec.namespace, "horizontalpodautoscaler": scaler}
                for side in ("current", "desired"):
                    yield f"kube_horizontalpodautoscaler_status_{side}_replicas", State(bound, count, since, until)


def _counts(model: Model, runs: list[PodRun]) -> Iterator[tuple[float, float, float]]:
    """(since, until, pods) of each number of pods over the window."""
    edges = sorted({0, model.steps, *(max(r.first, 0) for r in runs), *(r.stop(model.steps) for r in runs)})
    for begin, end in pairwise(edges):
        count = sum(run.first <= begin < run.stop(model.steps) for run in runs)
        yield model.time(begin), model.time(end), float(count)


def _owners(model: Model) -> Iterator[tuple[str, State]]:
    """ReplicaSets and Jobs with their controllers, deleted ones included."""
    children: dict[tuple[str, str, str], list[PodRun]] = defaultdict(list)
    for run in model.runs:
        if run.owner_kind in ("ReplicaSet", "Job"):
            children[run.spec.namespace, run.owner_kind, run.owner_name].append(run)
    for (namespace, kind, name), members in children.items():
        spec = members[0].spec
        since = min(pod_times(run, model).created for run in members) - 1
        until = max(model.end if run.visible is None else model.time(run.visible) for run in members)
        if kind == "ReplicaSet":
            top = (spec.kind, spec.name)
            if spec.kind == "InferenceService":
                top = ("Deployment", f"{spec.name}-predictor")
            yield "kube_replicaset_owner", _owner(namespace, "replicaset", name, top, since, model.end)
            continue
        top = (spec.kind, spec.name) if spec.kind == "CronJob" else ("", "")
        yield "kube_job_owner", _owner(namespace, "job_name", name, top, since, until)
        who = {"namespace": namespace, "job_name": name}
        yield "kube_job_created", State(who, since, since, until)
        yield "kube_job_spec_parallelism", State(who, float(spec.parts[0].replicas), since, until)


def _owner(namespace: str, label: str, name: str, top: tuple[str, str], since: float, until: float) -> State:
    owned = "true" if top[0] else ""
    labels = {
        "namespace": namespace,
        label: name,
        "owner_kind": top[0],
        "owner_name": top[1],
        "owner_is_controller": owned,
    }
    return State(labels, 1.0, since, until)
