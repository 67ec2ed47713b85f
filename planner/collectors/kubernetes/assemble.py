"""Workloads completed by what their pods show: injected containers, unknown kinds, claims, priorities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from planner.collectors.kubernetes.containers import as_injected
from planner.collectors.kubernetes.kinds import kind_facts
from planner.collectors.kubernetes.pods import PodReader, SeenShape
from planner.collectors.kubernetes.workloads import WorkloadReader
from planner.collectors.ownership import STATIC_POD, Ownership
from planner.collectors.parts import ObjectRef
from planner.domain.workload import Container, Workload

Key = tuple[str, str, str]
"""Namespace, kind and name."""


def assemble(
    reader: WorkloadReader, pods: PodReader, priorities: Mapping[str, int], *, pods_read: bool
) -> list[Workload]:
    """All workloads, children folded away, sorted by identity.

    Args:
        reader: controllers.
        pods: pods.
        priorities: value of each PriorityClass.
        pods_read: whether there are no more pods than these.
    """
    known = reader.known | {(namespace, "Pod", name) for namespace, name in pods.owners}
    ownership = Ownership(reader.links, known, _pod_owner(pods))
    workloads = dict(reader.workloads)
    for parent, top in _nearest_first(reader, ownership):
        _fold(workloads, parent, top, reader.children[parent])
    seen: dict[Key, list[SeenShape]] = {}
    for shape in pods.shapes():
        top = ownership.top(shape.namespace, shape.owner)
        key = (shape.namespace, top.kind, top.name)
        seen.setdefault(key, []).append(shape)
        if key not in workloads:
            workloads[key] = _from_pod(reader.cluster, shape, top)
    running, claims = _per_top(pods, ownership)
    result = []
    for key, workload in sorted(workloads.items()):
        full = _with_pods(workload, seen.get(key, ()), claims.get(key, set()))
        if full.replicas is None and pods_read:
            full = replace(full, replicas=running.get(key, 0))
        if full.priority is None and full.priority_class is not None:
            full = replace(full, priority=priorities.get(full.priority_class))
        result.append(full)
    return result


def _pod_owner(pods: PodReader) -> Callable[[str, str], ObjectRef | None]:
    def owner(namespace: str, name: str) -> ObjectRef | None:
        found = pods.owners.get((namespace, name))
        return None if found is None or found == ObjectRef("Pod", name, "v1") else found

    return owner


def _nearest_first(reader: WorkloadReader, ownership: Ownership) -> list[tuple[Key, ObjectRef]]:
    """Parents of folded children with their tops; parents that are tops themselves come first."""
    tops = {parent: ownership.top(parent[0], ObjectRef(parent[1], parent[2])) for parent in reader.children}
    return sorted(tops.items(), key=lambda pair: ((pair[1].kind, pair[1].name) != pair[0][1:], pair[0]))


def _fold(workloads: dict[Key, Workload], parent: Key, top: ObjectRef, child: Workload) -> None:
    """Give a child's template to its top controller where that has none of its own."""
    key = (parent[0], top.kind, top.name)
    above = workloads.get(key)
    if above is None:
        facts = kind_facts(top.kind, top.api_version)
        workloads[key] = replace(
            child,
            kind=top.kind,
            name=top.name,
            api_version=top.api_version or (facts.api_version if facts else ""),
            containers=_without_template(child.containers),
            template_path=None,
            templates_reachable=False,
            managers=child.managers if facts else tuple(sorted({*child.managers, top.kind})),
        )
    elif not above.containers:
        workloads[key] = _shaped_like(above, child)


def _shaped_like(workload: Workload, other: Workload) -> Workload:
    """The workload with containers and constraints of another; no patch reaches them."""
    return replace(
        workload,
        containers=_without_template(other.containers),
        template_path=None,
        templates_reachable=False,
        pod_requests=other.pod_requests,
        pod_limits=other.pod_limits,
        overhead=other.overhead,
        node_selector=other.node_selector,
        affinity=other.affinity,
        tolerations=other.tolerations,
        topology_spread=other.topology_spread,
        volume_claims=other.volume_claims,
        priority_class=other.priority_class,
        priority=other.priority,
    )


def _without_template(containers: Sequence[Container]) -> tuple[Container, ...]:
    """Containers that no longer name a template: it belongs to another object."""
    return tuple(replace(container, template=None) for container in containers)


def _from_pod(cluster: str, seen: SeenShape, top: ObjectRef) -> Workload:
    """A workload of which only pods are known: a bare pod, or a kind that is not in the table."""
    own = top.kind in ("Pod", STATIC_POD)
    facts = kind_facts(top.kind, top.api_version)
    empty = Workload(
        cluster=cluster,
        namespace=seen.namespace,
        kind=top.kind,
        name=top.name,
        api_version="v1" if own else top.api_version or (facts.api_version if facts else ""),
        labels=seen.labels if own else {},
        managers=() if own or facts else (top.kind,),
        created=seen.created or None if own else None,
    )
    return _shaped_like(empty, _as_workload(empty, seen))


def _as_workload(workload: Workload, seen: SeenShape) -> Workload:
    shape = seen.shape
    return replace(
        workload,
        containers=shape.containers,
        pod_requests=shape.pod_requests,
        pod_limits=shape.pod_limits,
        overhead=shape.overhead,
        node_selector=shape.node_selector,
        affinity=shape.affinity,
        tolerations=shape.tolerations,
        topology_spread=shape.topology_spread,
        priority_class=shape.priority_class,
        priority=shape.priority,
    )


def _with_pods(workload: Workload, seen: Sequence[SeenShape], claims: set[str]) -> Workload:
    if not seen:
        return workload
    newest = seen[0].shape
    # Pods of one workload may differ (head and workers, steps of a workflow) unless it has one template.
    shapes = [newest] if workload.template_path is not None else [each.shape for each in seen]
    on_pods = [container for shape in shapes for container in shape.containers]
    if workload.containers:
        on_pods = [as_injected(container) for container in on_pods]
    else:
        workload = _shaped_like(workload, _as_workload(workload, seen[0]))
    return replace(
        workload,
        containers=_union(workload.containers, on_pods),
        overhead=newest.overhead if workload.overhead is None else workload.overhead,
        priority=newest.priority if workload.priority is None else workload.priority,
        priority_class=newest.priority_class if workload.priority_class is None else workload.priority_class,
        volume_claims=tuple(sorted({*workload.volume_claims, *claims})),
    )


def _union(first: Sequence[Container], others: Sequence[Container]) -> tuple[Container, ...]:
    containers = {container.name: container for container in first}
    for container in others:
        containers.setdefault(container.name, container)
    return tuple(containers.values())


def _per_top(pods: PodReader, ownership: Ownership) -> tuple[dict[Key, int], dict[Key, set[str]]]:
    """Pods that have not finished, and the claims in use, of each top controller."""
    running: dict[Key, int] = {}
    for (namespace, name), owner in pods.owners.items():
        if (namespace, name) in pods.finished:
            continue
        top = ownership.top(namespace, owner)
        key = (namespace, top.kind, top.name)
        running[key] = running.get(key, 0) + 1
    claims: dict[Key, set[str]] = {}
    for (namespace, kind, name), names in pods.claims.items():
        top = ownership.top(namespace, ObjectRef(kind, name))
        claims.setdefault((namespace, top.kind, top.name), set()).update(names)
    return running, claims
