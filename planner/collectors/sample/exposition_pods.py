"""Pods of the sample as kube-state-metrics exposes them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from planner.collectors.sample.exposition_text import Span, between, constant, labelled, number, type_line
from planner.collectors.sample.model import Model
from planner.collectors.sample.objects_pods import container_id
from planner.collectors.sample.pod_times import PodTimes, image_digest, pod_times, qos_class
from planner.collectors.sample.spec import RESOURCES, ContainerSpec, Side
from planner.collectors.sample.timeline import PodRun
from planner.units import parse_cpu, parse_memory

JOB = {"job": "kube-state-metrics"}
UNITS = {"cpu": "core", "memory": "byte", "nvidia_com_gpu": "integer"}


@dataclass(frozen=True, slots=True)
class State:
    """A series that holds one value for a time (Unix seconds, half-open)."""

    labels: Mapping[str, str]
    value: float
    since: float
    until: float


def pod_families(model: Model, span: Span) -> Iterator[str]:
    """Every family about pods and their containers."""
    states: dict[str, list[State]] = defaultdict(list)
    for run in model.runs:
        for name, state in _pod_states(model, run):
            states[name].append(state)
    yield from families(states, span)


def families(states: Mapping[str, list[State]], span: Span) -> Iterator[str]:
    """Text of families, by name."""
    for name in sorted(states):
        yield type_line(name)
        for state in states[name]:
            times = between(span, state.since, state.until)
            if times:
                yield constant(labelled(name, {**state.labels, **JOB}), number(state.value), times)


def _pod_states(model: Model, run: PodRun) -> Iterator[tuple[str, State]]:
    times = pod_times(run, model)
    gone = model.end if run.visible is None else model.time(run.visible)
    ended = model.end if times.ended is None else times.ended
    who = {"namespace": run.spec.namespace, "pod": run.name, "uid": run.uid}

    def whole(value: float, **labels: str) -> State:
        return State({**who, **labels}, value, times.created, gone)

    is_owned = run.owner_kind != "Pod"
    owner = (run.owner_kind, run.owner_name) if is_owned else ("", "")
    yield (
        "kube_pod_info",
        whole(
            1.0,
            node=run.node,
            host_ip=run.node.partition(".")[0].removeprefix("ip-").replace("-", "."),
            created_by_kind=owner[0],
            created_by_name=owner[1],
            priority_class=run.spec.priority_class or "",
            host_network="false",
        ),
    )
    owned = "true" if is_owned else ""
    yield "kube_pod_owner", whole(1.0, owner_kind=owner[0], owner_name=owner[1], owner_is_controller=owned)
    yield "kube_pod_created", whole(times.created)
    yield "kube_pod_start_time", State(who, times.started, times.started, gone)
    yield "kube_pod_status_ready_time", State(who, times.ready, times.ready, ended)
    yield "kube_pod_status_qos_class", whole(1.0, qos_class=qos_class(run.part))
    yield "kube_pod_status_phase", State({**who, "phase": "Running"}, 1.0, times.started, ended)
    if run.is_job and times.ended is not None:
        yield "kube_pod_status_phase", State({**who, "phase": "Succeeded"}, 1.0, ended, gone)
        yield "kube_pod_status_phase", State({**who, "phase": "Running"}, 0.0, ended, gone)
        yield "kube_pod_completion_time", State(who, ended, ended, gone)
    if run.spec.volume is not None:
        claim = {"volume": "data", "persistentvolumeclaim": f"data-{run.name}"}
        yield "kube_pod_spec_volumes_persistentvolumeclaims_info", whole(1.0, **claim)
    for container in run.part.containers:
        yield from _container_states(model, run, container, times, gone)


def _container_states(
    model: Model, run: PodRun, container: ContainerSpec, times: PodTimes, gone: float
) -> Iterator[tuple[str, State]]:
    prefix = "kube_pod_container" if container.role == "app" else "kube_pod_init_container"
    who = {"namespace": run.spec.namespace, "pod": run.name, "uid": run.uid, "container": container.name}
    restarts = model.restarts(run, container.name)
    moments = [times.created, *(model.time(step) + 2 for step in restarts), gone]
    info = {
        "image": container.image,
        "image_spec": container.image,
        "image_id": f"{container.image.rpartition(':')[0]}@{image_digest(run, container, model.seed)}",
    }
    if container.role != "app":
        info["restart_policy"] = "Always" if container.role == "sidecar" else ""
    kills = set(model.usage[run.uid, container.name].kills) if restarts else set()
    for count in range(len(restarts) + 1):
        since, until = moments[count], moments[count + 1]
        runtime_id = f"containerd://{container_id(model, run, container, count)}"
        yield f"{prefix}_info", State({**who, **info, "container_id": runtime_id}, 1.0, since, until)
        yield f"{prefix}_status_restarts_total", State(who, float(count), since, until)
        if count:
            step = restarts[count - 1]
            reason = "OOMKilled" if step in kills else "Error"
            yield f"{prefix}_status_last_terminated_reason", State({**who, "reason": reason}, 1.0, since, until)
            yield f"{prefix}_status_last_terminated_timestamp", State(who, model.time(step), since, until)
    yield from _resource_states(run, container, prefix, times.created, gone)


def _resource_states(
    run: PodRun, container: ContainerSpec, prefix: str, since: float, until: float
) -> Iterator[tuple[str, State]]:
    sides: tuple[Side, ...] = ("requests", "limits")
    for side in sides:
        amounts: dict[str, float] = {}
        for resource in RESOURCES:
            text = container.quantity(side, resource)
            if side == "requests" and text is None:
                text = container.quantity("limits", resource)  # what the API server fills in
            if text is not None:
                amounts[resource] = parse_cpu(text) if resource == "cpu" else float(parse_memory(text))
        if container.gpus:
            amounts["nvidia_com_gpu"] = float(container.gpus)
        for name, amount in amounts.items():
            labels = {
                "namespace": run.spec.namespace,
                "pod": run.name,
                "uid": run.uid,
                "container": container.name,
                "node": run.node,
                "resource": name,
                "unit": UNITS[name],
            }
            yield f"{prefix}_resource_{side}", State(labels, amount, since, until)
