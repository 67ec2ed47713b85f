"""Containers and scheduling constraints of a pod spec or template. No value of a variable is kept."""

import marshal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from planner.collectors.kubernetes.fields import (
    FieldError,
    child,
    fragment,
    integer,
    items,
    quantity,
    text,
    text_map,
    whole_quantity,
)
from planner.collectors.kubernetes.heap import fixed_heap
from planner.collectors.kubernetes.secrets import looks_like_secret
from planner.domain.workload import Container, ContainerRole, Resources

_OWN_COLUMNS = ("cpu", "memory")
_READ_FIELDS = ("name", "image", "command", "args", "env", "resources", "resizePolicy")
"""All of a container that is read. Its mounts differ from pod to pod by the name of the token volume."""
_WITHOUT_REFERENCES = 2
"""Version of the marshal format in which equal values always have equal bytes."""
_ADDED_BY_ADMISSION = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


@dataclass(frozen=True, slots=True)
class PodShape:
    """What a pod spec says about size and place."""

    containers: tuple[Container, ...] = ()
    pod_requests: Resources | None = None
    pod_limits: Resources | None = None
    overhead: Resources | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    affinity: dict[str, Any] | None = None
    tolerations: tuple[dict[str, Any], ...] = ()
    topology_spread: tuple[dict[str, Any], ...] = ()
    volume_claims: tuple[str, ...] = ()
    priority_class: str | None = None
    priority: int | None = None


def read_pod_spec(spec: Mapping[str, Any], *, pod: str = "") -> PodShape:
    """Read a raw pod spec.

    Args:
        spec: ``spec`` of a pod or of a pod template.
        pod: name of the running pod that it belongs to; empty for a template. What admission adds
            to every pod is left out then.

    Raises:
        FieldError: a field has another type than in the API.
    """
    initial = [_container(raw, _init_role(raw)) for raw in items(spec, "initContainers")]
    running = [_container(raw, ContainerRole.APP) for raw in items(spec, "containers")]
    resources = child(spec, "resources")
    affinity = child(spec, "affinity")
    tolerations = [fragment(item, "tolerations") for item in items(spec, "tolerations")]
    if pod:
        tolerations = [item for item in tolerations if not _default_toleration(item)]
        affinity = _without_own_node(affinity)
    return PodShape(
        containers=(*initial, *running),
        pod_requests=read_resources(resources, "requests") if resources.get("requests") else None,
        pod_limits=read_resources(resources, "limits") if resources.get("limits") else None,
        overhead=read_resources(spec, "overhead") if spec.get("overhead") else None,
        node_selector=text_map(spec, "nodeSelector"),
        affinity=fragment(affinity, "affinity") if affinity else None,
        tolerations=tuple(tolerations),
        topology_spread=tuple(
            fragment(item, "topologySpreadConstraints") for item in items(spec, "topologySpreadConstraints")
        ),
        volume_claims=claims(spec, pod),
        priority_class=text(spec, "priorityClassName") or None,
        priority=integer(spec, "priority"),
    )


def claims(spec: Mapping[str, Any], pod: str) -> tuple[str, ...]:
    """Names of the claims that a pod uses; generic ephemeral volumes only for a running pod."""
    names = set()
    for volume in items(spec, "volumes"):
        claim = text(child(volume, "persistentVolumeClaim"), "claimName")
        if claim:
            names.add(claim)
        elif pod and volume.get("ephemeral"):
            names.add(f"{pod}-{text(volume, 'name')}")
    return tuple(sorted(names))


def read_resources(document: Mapping[str, Any], key: str) -> Resources:
    """``requests``, ``limits``, ``allocatable`` ... as :class:`Resources`."""
    raw = child(document, key)
    extended = {
        name: quantity(value, f"{key}.{name}")
        for name, value in sorted(raw.items())
        if name not in _OWN_COLUMNS and value is not None
    }
    cpu, memory = raw.get("cpu"), raw.get("memory")
    return Resources(
        cpu_cores=None if cpu is None else quantity(cpu, f"{key}.cpu"),
        memory_bytes=None if memory is None else whole_quantity(memory, f"{key}.memory"),
        extended=extended,
    )


def _init_role(raw: Mapping[str, Any]) -> ContainerRole:
    return ContainerRole.SIDECAR if raw.get("restartPolicy") == "Always" else ContainerRole.INIT


def _container(raw: Mapping[str, Any], role: ContainerRole) -> Container:
    """Read a container, or take it from those just read: the pods of a workload hold the same ones."""
    try:
        blob = marshal.dumps([raw.get(name) for name in _READ_FIELDS], _WITHOUT_REFERENCES)
    except ValueError:
        raise FieldError("containers", "plain JSON", raw) from None
    return _cached_container(blob, role)


@lru_cache(maxsize=512)
def _cached_container(blob: bytes, role: ContainerRole) -> Container:
    raw = dict(zip(_READ_FIELDS, marshal.loads(blob), strict=True))
    name = text(raw, "name")
    if not name:
        raise FieldError("containers.name", "a name", raw.get("name"))
    resources = child(raw, "resources")
    limits = read_resources(resources, "limits")
    heap_bytes, heap_source = fixed_heap(raw, limits.memory_bytes)
    return Container(
        name=name,
        role=role,
        image=text(raw, "image") or None,
        requests=read_resources(resources, "requests"),
        limits=limits,
        heap_bytes=heap_bytes,
        heap_source=heap_source,
        resize_restart=tuple(
            sorted(
                text(policy, "resourceName")
                for policy in items(raw, "resizePolicy")
                if policy.get("restartPolicy") == "RestartContainer" and policy.get("resourceName") in _OWN_COLUMNS
            )
        ),
        secret_like_variables=_secret_like(raw),
    )


def _secret_like(raw: Mapping[str, Any]) -> tuple[str, ...]:
    names = set()
    for entry in items(raw, "env"):
        value = entry.get("value")
        if value is None:
            continue
        if not isinstance(value, str):
            raise FieldError("env.value", "a text", value)
        name = text(entry, "name")
        if looks_like_secret(name, value):
            names.add(name)
    return tuple(sorted(names))


def _default_toleration(item: Mapping[str, Any]) -> bool:
    return item.get("key") in _ADDED_BY_ADMISSION and item.get("tolerationSeconds") == 300


def _without_own_node(affinity: dict[str, Any]) -> dict[str, Any]:
    """The affinity without the term by which a DaemonSet's controller pins a pod to its node."""
    terms = items(
        child(affinity, "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"), "nodeSelectorTerms"
    )
    if not any(term.get("matchFields") for term in terms):
        return affinity
    rest = {name: value for name, value in affinity.items() if name != "nodeAffinity"}
    others = {
        name: value
        for name, value in child(affinity, "nodeAffinity").items()
        if name != "requiredDuringSchedulingIgnoredDuringExecution"
    }
    kept = [term for term in ({k: v for k, v in term.items() if k != "matchFields"} for term in terms) if term]
    if kept:
        others["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": kept}
    return {**rest, "nodeAffinity": others} if others else rest


def as_injected(container: Container) -> Container:
    """The container, marked as one that no template holds."""
    return replace(container, injected=True)
