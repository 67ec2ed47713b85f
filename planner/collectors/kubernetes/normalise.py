"""Raw API objects -> :class:`~planner.collectors.parts.ObservedState`. Pure: no network, no clock."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from planner.collectors.kubernetes.assemble import assemble
from planner.collectors.kubernetes.fields import FieldError, child, integer, text
from planner.collectors.kubernetes.kinds import workload_kinds
from planner.collectors.kubernetes.limits import (
    read_disruption_budget,
    read_limit_range,
    read_namespace,
    read_quota,
    read_volume,
)
from planner.collectors.kubernetes.metadata import read_meta
from planner.collectors.kubernetes.nodes import read_node
from planner.collectors.kubernetes.pods import PodReader
from planner.collectors.kubernetes.scaling import read_hpa, read_scaled_object, read_vpa
from planner.collectors.kubernetes.workloads import WorkloadReader
from planner.collectors.ownership import STATIC_POD
from planner.collectors.parts import ObservedState
from planner.domain.policy_objects import ZoneBoundVolume
from planner.snapshot.header import Source, SourceWarning

SCALED_OBJECTS = "scaledobjects.keda.sh"
VERTICAL_AUTOSCALERS = "verticalpodautoscalers.autoscaling.k8s.io"
MOST_NAMES = 20
"""Names that one warning lists; its text tells how many there are."""

Reader = Callable[[Mapping[str, Any]], None]

_TABLE_OF = {
    "namespaces": "namespaces",
    "nodes": "nodes",
    "resourcequotas": "quotas",
    "limitranges": "limit_ranges",
    "horizontalpodautoscalers": "autoscalers",
    "poddisruptionbudgets": "disruption_budgets",
    "persistentvolumes": "volumes",
}


def normalise(objects: Mapping[str, Sequence[dict[str, Any]]], *, cluster: str, now: float) -> ObservedState:
    """Read raw objects of one cluster.

    Args:
        objects: resource name -> raw objects (dicts as ``kubectl get -o json`` prints them, in
            camelCase). The resource name is kubectl's: the plural alone for Kubernetes' own groups,
            ``plural.group`` for every other group::

                namespaces  nodes  pods  replicationcontrollers  resourcequotas  limitranges
                persistentvolumes  deployments  statefulsets  daemonsets  replicasets
                jobs  cronjobs  horizontalpodautoscalers  poddisruptionbudgets  priorityclasses
                scaledobjects.keda.sh  verticalpodautoscalers.autoscaling.k8s.io
                rollouts.argoproj.io  pytorchjobs.kubeflow.org  rayclusters.ray.io
                jobs.batch.volcano.sh  services.serving.knative.dev  ... (``data/workload_kinds.yaml``)

            A name that is there with an empty list was read and holds nothing; a name that is absent
            was not read. Names that are not listed here or in the table are ignored. Zone-bound
            volumes need only ``persistentvolumes`` (their ``spec.claimRef`` names the claim).
            Objects need ``metadata.name``, ``metadata.namespace`` (where namespaced) and, for owners,
            ``metadata.ownerReferences`` with ``controller: true``. ``apiVersion`` and ``kind`` may be
            absent, as they are in the items of a list.
        cluster: name that becomes part of every key.
        now: Unix seconds of the observation; end of a finished pod that does not tell its own.

    Returns:
        Pods with their direct controllers, workloads with children, and owner links: not yet folded
        (:func:`planner.collectors.merge.merge_states` does that). An object with a field of the wrong
        type becomes a warning ``object_unreadable`` that names it.
    """
    builder = StateBuilder(cluster, now)
    for name, documents in objects.items():
        builder.add(name, documents)
    return builder.state(Source(name="kubernetes"))


class StateBuilder:
    """Takes raw objects page by page, keeps only what the snapshot needs, and gives the state at the end.

    An object that comes twice (a list that was started again) counts once.

    Attributes:
        unread: resources that exist but could not be read; what depends on them counts as not seen.
        warnings: what else the state has to tell.
    """

    def __init__(self, cluster: str, now: float) -> None:
        self.cluster = cluster
        self.unread: set[str] = set()
        self.warnings: list[SourceWarning] = []
        self._read: set[str] = set()
        self._unreadable: dict[str, dict[str, str]] = {}
        self._workloads = WorkloadReader(cluster)
        self._pods = PodReader(cluster, now)
        self._tables: dict[str, dict[str, list[Any]]] = {}
        self._priorities: dict[str, int] = {}
        self._readers: dict[str, Reader] = {
            "pods": self._pods.add,
            "priorityclasses": self._add_priority,
            "namespaces": self._into("namespaces", lambda raw: [read_namespace(raw, cluster=cluster)]),
            "nodes": self._into("nodes", lambda raw: [read_node(raw, cluster=cluster)]),
            "resourcequotas": self._into("quotas", lambda raw: [read_quota(raw, cluster=cluster)]),
            "limitranges": self._into("limit_ranges", lambda raw: read_limit_range(raw, cluster=cluster)),
            "horizontalpodautoscalers": self._into("autoscalers", lambda raw: [read_hpa(raw, cluster=cluster)]),
            SCALED_OBJECTS: self._into("autoscalers", lambda raw: [read_scaled_object(raw, cluster=cluster)]),
            VERTICAL_AUTOSCALERS: self._into("autoscalers", lambda raw: [read_vpa(raw, cluster=cluster)]),
            "poddisruptionbudgets": self._into("budgets", lambda raw: read_disruption_budget(raw, cluster=cluster)),
            "persistentvolumes": self._into("volumes", lambda raw: [raw]),
        }
        for facts in workload_kinds():
            self._readers[facts.resource] = partial(self._workloads.add, facts)

    def _into(self, table: str, read: Callable[[Mapping[str, Any]], Sequence[Any]]) -> Reader:
        def reader(raw: Mapping[str, Any]) -> None:
            values = list(read(raw))
            meta = read_meta(raw)
            kind = getattr(values[0], "kind", "") if values else ""
            self._tables.setdefault(table, {})[f"{meta.namespace}/{kind}/{meta.name}"] = values

        return reader

    def add(self, resource: str, documents: Iterable[Mapping[str, Any]]) -> None:
        """Read raw objects of a resource; an empty page tells that the resource was read."""
        reader = self._readers.get(resource)
        if reader is None:
            return
        self._read.add(resource)
        for document in documents:
            self._guarded(resource, document, reader)

    def _guarded(self, resource: str, document: Any, reader: Reader) -> None:
        if not isinstance(document, dict):
            self._unreadable.setdefault(resource, {})["(no name)"] = "it is not a map"
            return
        try:
            reader(document)
        except FieldError as error:
            self._unreadable.setdefault(resource, {})[_name_of(document)] = str(error)

    def _add_priority(self, raw: Mapping[str, Any]) -> None:
        value = integer(raw, "value")
        if value is not None:
            self._priorities[read_meta(raw).name] = value

    def _rows(self, table: str) -> list[Any]:
        return [value for _, values in sorted(self._tables.get(table, {}).items()) for value in values]

    def _zone_bound(self) -> list[ZoneBoundVolume]:
        zones = {node.labels.get("kubernetes.io/hostname", node.name): node.zone for node in self._rows("nodes")}
        volumes: list[ZoneBoundVolume] = []

        def reader(raw: Mapping[str, Any]) -> None:
            volumes.extend(read_volume(raw, cluster=self.cluster, zone_of_host=zones))

        for raw in self._rows("volumes"):
            self._guarded("persistentvolumes", raw, reader)
        return sorted(volumes, key=lambda volume: (volume.namespace, volume.claim, volume.volume))

    def state(self, source: Source) -> ObservedState:
        """Everything read so far, sorted."""
        volumes = self._zone_bound()
        pods_read = "pods" in self._read
        return ObservedState(
            source=source,
            namespaces=self._rows("namespaces"),
            workloads=assemble(self._workloads, self._pods, self._priorities, pods_read=pods_read),
            nodes=self._rows("nodes"),
            quotas=self._rows("quotas"),
            limit_ranges=self._rows("limit_ranges"),
            autoscalers=self._rows("autoscalers"),
            disruption_budgets=self._rows("budgets"),
            volumes=volumes,
            pods=self._pods.pods_frame() if pods_read else None,
            events=self._pods.events_frame() if pods_read else None,
            owners=dict(sorted(self._workloads.links.items())),
            warnings=[*self.warnings, *self._own_warnings()],
            seen=self._seen(),
        )

    def _seen(self) -> set[str]:
        """Tables read to the end; ``workloads/KIND`` for each kind where not all could be."""
        whole = self._read - self.unread
        seen = {table for resource, table in _TABLE_OF.items() if resource in whole}
        kinds = workload_kinds()
        built_in = {facts.resource for facts in kinds if facts.built_in}
        custom = {facts.resource for facts in kinds if not facts.built_in}
        if "pods" in whole:
            seen |= {"pods", "events", "workloads/Pod", f"workloads/{STATIC_POD}"}
        seen |= {f"workloads/{facts.kind}" for facts in kinds if facts.resource in whole}
        if "pods" in whole and built_in <= whole and not custom & self.unread:
            seen.add("workloads")
        return seen

    def _own_warnings(self) -> list[SourceWarning]:
        warnings = []
        for resource, problems in sorted(self._unreadable.items()):
            names = sorted(problems)
            first = f"{names[0]}: {problems[names[0]]}"
            warnings.append(
                SourceWarning(
                    source="kubernetes",
                    code="object_unreadable",
                    text=f"{len(names)} of {resource} cannot be understood; the first: {first}",
                    costs="these objects are left out",
                    objects=tuple(names[:MOST_NAMES]),
                )
            )
        several = sorted(self._workloads.several_templates)
        if several:
            warnings.append(
                SourceWarning(
                    source="kubernetes",
                    code="several_templates",
                    text=f"{len(several)} workloads have several pod templates with containers of the same name",
                    costs="containers of the same name are taken as one, and no patch is made for them",
                    objects=tuple(several[:MOST_NAMES]),
                )
            )
        return warnings


def _name_of(document: Mapping[str, Any]) -> str:
    """``namespace/name`` of a raw object as far as it has one."""
    try:
        metadata = child(document, "metadata")
        namespace, name = text(metadata, "namespace"), text(metadata, "name")
    except FieldError:
        return "(no name)"
    return "/".join(part[:253] for part in (namespace, name) if part) or "(no name)"
