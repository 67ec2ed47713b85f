"""From a pod's direct controller to its top controller, by the owner links of every source.

The walk goes up while the parent is a kind of ``data/workload_kinds.yaml`` or a pod (a driver that
owns its executors). At a parent of an unknown kind it depends on the child: what has a generated
name (ReplicaSets, Jobs, pods, unknown kinds) folds into it; what lasts (a StatefulSet that some
operator made) stays the workload, and the operator is one of its managers.
"""

import re
from collections.abc import Callable, Collection, Mapping

from planner.collectors.kubernetes.kinds import kind_facts, workload_kinds
from planner.collectors.parts import ObjectRef, OwnerLinks

LONGEST_CHAIN = 16
STATIC_POD = "StaticPod"
"""Kind of pods that a kubelet runs from files: one workload over all nodes."""

_FOLDING_KINDS = frozenset({"Pod", "ReplicaSet", "ReplicationController", "Job"})
_HASH = "[bcdfghjklmnpqrstvwxz2456789]"
_GENERATED_NAMES: Mapping[str, re.Pattern[str]] = {
    "ReplicaSet": re.compile(rf"(.+)-{_HASH}{{5,10}}"),
    "ReplicationController": re.compile(r"(.+)-\d{1,6}"),
    # Minutes since 1970 of the schedule (2019 to 2065, which no date in figures looks like), or a random suffix.
    "Job": re.compile(rf"(.+)-(?:2[6-9]\d{{6}}|3\d{{7}}|4\d{{7}}|{_HASH}{{5}})"),
    "Workflow": re.compile(r"(.+)-\d{10}"),
    "SparkApplication": re.compile(r"(.+)-\d{19}"),
    "RayCluster": re.compile(rf"(.+?)(?:-raycluster)?-{_HASH}{{5}}"),
}


def static_pod_name(pod: str, node: str) -> str:
    """Name of a static pod without the name of its node: ``kube-proxy-node-1`` -> ``kube-proxy``."""
    return pod.removesuffix(f"-{node}") or pod


class Ownership:
    """Finds top controllers.

    Attributes:
        links: (namespace, kind, name) -> controller.
        known: (namespace, kind, name) of the objects that exist; a name is only guessed for objects
            that are not among them.
        pod_owner: controller of a pod by (namespace, pod), ``None`` for a bare or unknown one.
        parents: (namespace, kind, name) that a generated name may point to.
    """

    def __init__(
        self,
        links: OwnerLinks,
        known: Collection[tuple[str, str, str]],
        pod_owner: Callable[[str, str], ObjectRef | None],
        parents: Collection[tuple[str, str, str]] | None = None,
    ) -> None:
        self.links = links
        self.known = known
        self.pod_owner = pod_owner
        self.parents = known if parents is None else parents
        self._tops: dict[tuple[str, str, str], ObjectRef] = {}
        self._generators: dict[str, list[str]] = {}
        for facts in workload_kinds():
            for kind in facts.generates:
                self._generators.setdefault(kind, []).append(facts.kind)

    def top(self, namespace: str, ref: ObjectRef) -> ObjectRef:
        """Top controller above a controller (itself when nothing is above it)."""
        key = (namespace, ref.kind, ref.name)
        found = self._tops.get(key)
        if found is None:
            found = self._tops[key] = self._walk(namespace, ref)
        return found

    def _walk(self, namespace: str, ref: ObjectRef) -> ObjectRef:
        seen = {(ref.kind, ref.name)}
        while len(seen) <= LONGEST_CHAIN:
            parent = self.parent(namespace, ref)
            if parent is None or (parent.kind, parent.name) in seen or not folds(ref, parent):
                break
            seen.add((parent.kind, parent.name))
            ref = parent
        return ref

    def parent(self, namespace: str, ref: ObjectRef) -> ObjectRef | None:
        """Controller of a controller: by its link, else by its generated name."""
        if ref.kind == "Pod":
            return self.pod_owner(namespace, ref.name)
        key = (namespace, ref.kind, ref.name)
        linked = self.links.get(key)
        if linked is not None or key in self.known:
            return linked
        pattern = _GENERATED_NAMES.get(ref.kind)
        match = pattern.fullmatch(ref.name) if pattern else None
        if match is None:
            return None
        for kind in self._generators.get(ref.kind, ()):
            if (namespace, kind, match[1]) in self.parents:
                return ObjectRef(kind, match[1])
        return None


def folds(child: ObjectRef, parent: ObjectRef) -> bool:
    """Whether a child is only a part of its parent (else the parent merely manages it)."""
    if parent.kind == "Pod" or kind_facts(parent.kind, parent.api_version) is not None:
        return True
    if child.kind in _FOLDING_KINDS:
        return True
    facts = kind_facts(child.kind, child.api_version)
    return facts is None or bool(facts.parent_labels) or facts.link_only
