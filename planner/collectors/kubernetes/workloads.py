"""Controllers with pod templates, each as a :class:`~planner.domain.workload.Workload`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from planner.collectors.kubernetes.containers import PodShape, read_pod_spec
from planner.collectors.kubernetes.fields import child, flag, items, number_or_percent, text, text_map
from planner.collectors.kubernetes.kinds import FoundTemplate, KindFacts, find_templates, group_of
from planner.collectors.kubernetes.metadata import Meta, kept_annotations, read_meta
from planner.collectors.ownership import folds
from planner.collectors.parts import ObjectRef, OwnerLinks
from planner.domain.workload import Container, Workload


class WorkloadReader:
    """Takes raw controllers of every kind of the table.

    Attributes:
        workloads: (namespace, kind, name) -> workload that folds into no other by its own owner.
        children: (namespace, kind, name) of a parent -> the newest child that folds into it.
        links: controller of every object that has one.
        known: every object read.
        several_templates: names of workloads of which two templates hold a container of one name.
    """

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.workloads: dict[tuple[str, str, str], Workload] = {}
        self.children: dict[tuple[str, str, str], Workload] = {}
        self.links: OwnerLinks = {}
        self.known: set[tuple[str, str, str]] = set()
        self.several_templates: set[str] = set()

    def add(self, facts: KindFacts, document: Mapping[str, Any]) -> None:
        """Read one raw object of a kind.

        Raises:
            FieldError: a field has another type than in the API; the object is not kept then.
        """
        meta = read_meta(document)
        key = (meta.namespace, facts.kind, meta.name)
        parent = _parent(facts, meta)
        if parent is not None and folds(ObjectRef(facts.kind, meta.name, facts.api_version), parent):
            slot = (meta.namespace, parent.kind, parent.name)
            newest = self.children.get(slot)
            newer = newest is None or (meta.created or 0.0, meta.name) > (newest.created or 0.0, newest.name)
            if newer and not facts.link_only:
                self.children[slot] = self._workload(facts, document, meta, None)
        elif not facts.link_only and not self._taken(key, facts):
            self.workloads[key] = self._workload(facts, document, meta, parent)
        self.known.add(key)
        if parent is not None:
            self.links[key] = parent

    def _taken(self, key: tuple[str, str, str], facts: KindFacts) -> bool:
        """Two groups may share a kind's name (Job): Kubernetes' own one keeps the identity."""
        there = self.workloads.get(key)
        return there is not None and not facts.built_in and group_of(there.api_version) != facts.group

    def _workload(
        self, facts: KindFacts, document: Mapping[str, Any], meta: Meta, parent: ObjectRef | None
    ) -> Workload:
        templates = find_templates(facts, document)
        shapes = [read_pod_spec(child(template.content, "spec")) for template in templates]
        main = _main_template(templates)
        shape = shapes[main] if shapes else PodShape()
        order = [main, *(index for index in range(len(shapes)) if index != main)] if shapes else []
        containers, shared = _joined([(templates[index].path, shapes[index]) for index in order])
        if shared:
            self.several_templates.add(f"{meta.namespace}/{facts.kind}/{meta.name}")
        reachable = facts.patch != "none" and not any(template.pod_spec for template in templates)
        annotations = {
            name: value
            for template in templates
            for name, value in kept_annotations(text_map(child(template.content, "metadata"), "annotations")).items()
        }
        strategy, surge, unavailable = _update_strategy(child(document, "spec"))
        managers = {*meta.managers, *((parent.kind,) if parent is not None else ())}
        return Workload(
            cluster=self.cluster,
            namespace=meta.namespace,
            kind=facts.kind,
            name=meta.name,
            api_version=_api_version(facts, document),
            replicas=_replicas(facts, document, templates),
            containers=containers,
            template_path=templates[0].path if reachable and len(templates) == 1 else None,
            templates_reachable=reachable and len(templates) > 1 and not shared,
            pod_requests=shape.pod_requests,
            pod_limits=shape.pod_limits,
            overhead=shape.overhead,
            node_selector=shape.node_selector,
            affinity=shape.affinity,
            tolerations=shape.tolerations,
            topology_spread=shape.topology_spread,
            volume_claims=shape.volume_claims,
            priority_class=shape.priority_class,
            priority=shape.priority,
            update_strategy=strategy,
            max_surge=surge,
            max_unavailable=unavailable,
            labels=meta.labels,
            selector=_selector(child(document, "spec")),
            annotations={**annotations, **meta.annotations},
            managers=tuple(sorted(managers)),
            created=meta.created,
        )


def _parent(facts: KindFacts, meta: Meta) -> ObjectRef | None:
    if meta.controller is not None:
        return meta.controller
    for label, kind in facts.parent_labels:
        if meta.labels.get(label):
            return ObjectRef(kind, meta.labels[label])
    return None


def _api_version(facts: KindFacts, document: Mapping[str, Any]) -> str:
    told = text(document, "apiVersion")
    return told if told and group_of(told) == facts.group else facts.api_version


def _main_template(templates: Sequence[FoundTemplate]) -> int:
    """Index of the template of most pods, the first of equals: its constraints stand for the workload."""
    counts = [1 if template.pods is None else template.pods for template in templates]
    return counts.index(max(counts)) if counts else 0


def _joined(templates: Sequence[tuple[str, PodShape]]) -> tuple[tuple[Container, ...], bool]:
    """Containers of all templates, the first of each name, and whether any name stands in two.

    With several templates each container names its own, unless names repeat: then pods cannot be told apart.
    """
    containers: dict[str, Container] = {}
    shared = False
    for path, shape in templates:
        for container in shape.containers:
            shared = shared or container.name in containers
            containers.setdefault(container.name, replace(container, template=path))
    if shared or len(templates) < 2:
        containers = {name: replace(container, template=None) for name, container in containers.items()}
    return tuple(containers.values()), shared


def _replicas(facts: KindFacts, document: Mapping[str, Any], templates: Sequence[FoundTemplate]) -> int | None:
    if facts.kind == "Job" and facts.built_in and _job_is_over(document):
        return 0
    counts = [template.pods for template in templates]
    known = [count for count in counts if count is not None]
    if not counts or len(known) < len(counts):
        return None
    if facts.kind == "LeaderWorkerSet":
        return _leader_worker_pods(templates)
    return sum(known)


def _leader_worker_pods(templates: Sequence[FoundTemplate]) -> int:
    """Pods of all groups: the worker template counts groups x size, and the leader is one of the size."""
    return max(template.pods or 0 for template in templates)


def _job_is_over(document: Mapping[str, Any]) -> bool:
    over = any(
        condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True"
        for condition in items(child(document, "status"), "conditions")
    )
    return over or flag(child(document, "spec"), "suspend")


def _update_strategy(spec: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Type, maxSurge and maxUnavailable of a roll-out."""
    raw = child(spec, "updateStrategy") or child(spec, "strategy")
    kind = text(raw, "type")
    details = child(raw, "rollingUpdate") or child(raw, "rollingParams")
    if not kind:
        for name, label in (("canary", "Canary"), ("blueGreen", "BlueGreen")):
            if isinstance(raw.get(name), dict):
                kind, details = label, raw[name]
                break
    return (
        kind or None,
        number_or_percent(details, "maxSurge"),
        number_or_percent(details, "maxUnavailable"),
    )


def _selector(spec: Mapping[str, Any]) -> dict[str, str]:
    selector = child(spec, "selector")
    if "matchLabels" in selector or "matchExpressions" in selector:
        return text_map(selector, "matchLabels")
    return text_map(spec, "selector")
