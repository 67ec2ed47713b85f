"""Objects of a pretended cluster, with the selectors of the API. Knows nothing of HTTP."""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ResourceType:
    """A kind as the API serves it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def name(self) -> str:
        """As kubectl takes it; the plural alone for Kubernetes' own groups."""
        return self.plural if self.built_in else f"{self.plural}.{self.group}"

    @property
    def built_in(self) -> bool:
        return "." not in self.group or self.group in OWN_GROUPS

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


OWN_GROUPS = frozenset({"scheduling.k8s.io", "storage.k8s.io", "authorization.k8s.io"})
BUILT_IN = (
    ResourceType("", "v1", "namespaces", "Namespace", namespaced=False),
    ResourceType("", "v1", "nodes", "Node", namespaced=False),
    ResourceType("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False),
    ResourceType("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ResourceType("", "v1", "pods", "Pod"),
    ResourceType("", "v1", "services", "Service"),
    ResourceType("", "v1", "replicationcontrollers", "ReplicationController"),
    ResourceType("", "v1", "resourcequotas", "ResourceQuota"),
    ResourceType("", "v1", "limitranges", "LimitRange"),
    ResourceType("apps", "v1", "deployments", "Deployment"),
    ResourceType("apps", "v1", "statefulsets", "StatefulSet"),
    ResourceType("apps", "v1", "daemonsets", "DaemonSet"),
    ResourceType("apps", "v1", "replicasets", "ReplicaSet"),
    ResourceType("batch", "v1", "jobs", "Job"),
    ResourceType("batch", "v1", "cronjobs", "CronJob"),
    ResourceType("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    ResourceType("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    ResourceType("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False),
)


class BadSelector(ValueError):
    """A selector that the API would answer with 400."""


class KubeStore:
    """Objects by resource name, then by (namespace, name)."""

    def __init__(self, objects: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> None:
        self.types: dict[str, ResourceType] = {kind.name: kind for kind in BUILT_IN}
        self.objects: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        self.revision = 1000
        for name, documents in (objects or {}).items():
            if name not in self.types and documents:
                self.register_from(name, documents[0])
            for document in documents:
                self.put(name, document)

    def register(self, group: str, version: str, plural: str, kind: str, *, namespaced: bool = True) -> ResourceType:
        """Serve one more kind, as a CustomResourceDefinition does."""
        found = ResourceType(group, version, plural, kind, namespaced)
        self.types[found.name] = found
        return found

    def register_from(self, name: str, example: Mapping[str, Any]) -> ResourceType:
        """Serve the kind of an object under a resource name."""
        group, _, version = example["apiVersion"].rpartition("/")
        plural = name.removesuffix(f".{group}")
        return self.register(group, version, plural, example["kind"], namespaced="namespace" in example["metadata"])

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The type behind a path."""
        return next(
            (t for t in self.types.values() if (t.group, t.version, t.plural) == (group, version, plural)), None
        )

    def put(self, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Store a copy under its metadata, with uid and resourceVersion where they are missing."""
        self.revision += 1
        stored = copy.deepcopy(dict(document))
        metadata = stored.get("metadata") if isinstance(stored.get("metadata"), dict) else {}
        key = (str(metadata.get("namespace", "")), str(metadata.get("name", "")))
        if metadata:
            metadata.setdefault("uid", f"uid-{name}-{'-'.join(part for part in key if part)}")
            metadata["resourceVersion"] = str(self.revision)
        self.objects.setdefault(name, {})[key] = stored
        return stored

    def get(self, name: str, namespace: str, object_name: str) -> dict[str, Any] | None:
        """One object."""
        return self.objects.get(name, {}).get((namespace, object_name))

    def select(
        self, name: str, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[tuple[tuple[str, str], dict[str, Any]]]:
        """Objects of a resource in the order of the API, by namespace and name."""
        return [
            (key, document)
            for key, document in sorted(self.objects.get(name, {}).items())
            if (not namespace or key[0] == namespace)
            and matches_labels((document.get("metadata") or {}).get("labels") or {}, labels)
            and matches_fields(document, fields)
        ]


def matches_labels(labels: Mapping[str, str], selector: str) -> bool:
    """Whether labels satisfy ``a=b,c!=d,e in (f,g),h notin (i),j,!k``."""
    return all(_requirement(labels, part.strip()) for part in _parts(selector))


def _parts(selector: str) -> Iterable[str]:
    return [part for part in re.split(r",(?![^(]*\))", selector) if part.strip()]


def _requirement(labels: Mapping[str, str], part: str) -> bool:
    if match := re.fullmatch(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)", part):
        values = {value.strip() for value in match[3].split(",")}
        inside = labels.get(match[1]) in values
        return inside if match[2] == "in" else not inside
    if match := re.fullmatch(r"([^=!\s]+)\s*(==|=|!=)\s*([^=\s]*)", part):
        return (labels.get(match[1]) == match[3]) is (match[2] != "!=")
    if match := re.fullmatch(r"(!?)([^=!\s()]+)", part):
        return (match[2] in labels) is not bool(match[1])
    raise BadSelector(part)


def matches_fields(document: Mapping[str, Any], selector: str) -> bool:
    """Whether an object satisfies ``metadata.name=a,status.phase!=b``."""
    for part in _parts(selector):
        match = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", part)
        if match is None or match[1] not in FIELDS:
            raise BadSelector(part)
        value: Any = document
        for step in match[1].split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if ((value or "") == match[3]) is not (match[2] != "!="):
            return False
    return True


FIELDS = frozenset({"metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"})
