"""Pods of the window, deleted ones included, from kube-state-metrics."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.collectors.ownership import STATIC_POD, static_pod_name
from planner.collectors.parts import ObjectRef
from planner.collectors.prometheus.state_reader import NOW_SECONDS, Ask, Rows, StateReader, When

if TYPE_CHECKING:
    import pandas as pd

POD = ("namespace", "pod", "uid")
NOBODY = frozenset({"", "<none>"})
MIRROR_OWNER = "Node"
"""Static pods are owned by their node."""

INFO = Ask("kube_pod_info", (*POD, "node", "created_by_kind", "created_by_name"), When.LAST)
OWNER = Ask("kube_pod_owner", (*POD, "owner_kind", "owner_name"), When.LAST, only=('owner_is_controller!="false"',))
SEEN = Ask("kube_pod_info", POD, When.SEEN)
CREATED = Ask("kube_pod_created", POD, When.LAST)
STARTED = Ask("kube_pod_start_time", POD, When.LAST)
READY = Ask("kube_pod_status_ready_time", POD, When.FIRST)
COMPLETED = Ask("kube_pod_completion_time", POD, When.LAST)
FINISHED = Ask(
    "kube_pod_status_phase", (*POD, "phase"), When.HIGHEST, only=('phase=~"Failed|Succeeded"',), condition="== 1"
)
PHASE = Ask("kube_pod_status_phase", (*POD, "phase"), condition="== 1")
QOS = Ask("kube_pod_status_qos_class", (*POD, "qos_class"), condition="== 1")
IMAGES = Ask("kube_pod_container_info", (*POD, "container", "image", "image_spec", "image_id"), When.LAST)


@dataclass(slots=True)
class Pod:
    """A pod as it was last seen; times are Unix seconds, NaN = not known."""

    namespace: str
    name: str
    uid: str
    node: str = ""
    owner: ObjectRef = field(default_factory=lambda: ObjectRef("Pod", ""))
    phase: str = ""
    qos: str = ""
    images: dict[str, str] = field(default_factory=dict)
    created: float = math.nan
    started: float = math.nan
    ready: float = math.nan
    ended: float = math.nan
    seen: float = math.nan

    @property
    def running(self) -> bool:
        """Whether it still takes room at the end of the window."""
        return math.isnan(self.ended) and self.phase not in ("Succeeded", "Failed")

    @property
    def born(self) -> float:
        """For "newest": its creation, or when it was last seen."""
        return self.created if not math.isnan(self.created) else (self.seen if not math.isnan(self.seen) else 0.0)


class Pods:
    """Pods by (namespace, name, uid); names are used again by StatefulSets, uids are not."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str, str], Pod] = {}
        self._by_name: dict[tuple[str, str], list[Pod]] = {}

    def add(self, namespace: str, name: str, uid: str) -> Pod:
        """The pod, made when it is new."""
        pod = self._by_key.get((namespace, name, uid))
        if pod is None:
            pod = self._by_key[namespace, name, uid] = Pod(namespace, name, uid)
            self._by_name.setdefault((namespace, name), []).append(pod)
        return pod

    def find(self, namespace: str, name: str, uid: str) -> Pod | None:
        """A known pod; without a uid (old exporters) the newest of the name."""
        pod = self._by_key.get((namespace, name, uid))
        if pod is None and not uid:
            pod = max(self._by_name.get((namespace, name), ()), key=lambda one: one.born, default=None)
        return pod

    def sorted(self) -> list[Pod]:
        """All pods in a fixed order."""
        return [self._by_key[key] for key in sorted(self._by_key)]


def read_pods(reader: StateReader) -> Pods:
    """Every pod of the window with its node, controller, images and life."""
    pods = Pods()
    info, seen = reader.read([INFO, SEEN])
    for namespace, name, uid, node, kind, owner in info:
        pod = pods.add(namespace, name, uid)
        pod.node = node or pod.node
        pod.owner = _controller(kind, owner, name, node)
    if not info and reader.has(OWNER.name):
        owners, seen = reader.read([OWNER, replace(SEEN, name=OWNER.name)])
        for namespace, name, uid, kind, owner in owners:
            pods.add(namespace, name, uid).owner = _controller(kind, owner, name, owner)
    if seen and max(seen.values()) < reader.end - max(NOW_SECONDS, 2 * reader.step_seconds):
        reader.now = max(seen.values())
    created, started, ready, completed, finished, present, qos, images = reader.read(
        [CREATED, STARTED, READY, COMPLETED, FINISHED, PHASE, QOS, IMAGES]
    )
    _fill_times(pods, {"seen": seen, "created": created, "started": started, "ready": ready})
    _fill_ends(reader, pods, completed)
    for rows in (present, finished):
        for namespace, name, uid, phase in rows:
            if (found := pods.find(namespace, name, uid)) is not None:
                found.phase = phase
    _fill_qos(pods, qos)
    _fill_images(pods, images)
    return pods


def _controller(kind: str, name: str, pod: str, node: str) -> ObjectRef:
    if kind == MIRROR_OWNER:
        return ObjectRef(STATIC_POD, static_pod_name(pod, node or name))
    return ObjectRef("Pod", pod) if kind in NOBODY else ObjectRef(kind, name)


def _fill_times(pods: Pods, times: Mapping[str, Rows]) -> None:
    for attribute, rows in times.items():
        for (namespace, name, uid), value in rows.items():
            pod = pods.find(namespace, name, uid)
            if pod is not None and value > 0:
                setattr(pod, attribute, value)


def _fill_ends(reader: StateReader, pods: Pods, completed: Rows) -> None:
    """A pod ended when it completed, or when it was last seen, unless that is now."""
    margin = max(2 * reader.step_seconds, 600)
    for pod in pods.sorted():
        if not math.isnan(pod.seen) and pod.seen < reader.now - margin:
            pod.ended = pod.seen
    for (namespace, name, uid), value in completed.items():
        found = pods.find(namespace, name, uid)
        if found is not None and value > 0:
            found.ended = value


def _fill_qos(pods: Pods, rows: Rows) -> None:
    """Classes of the present pods; gone ones take that of a pod with the same template."""
    by_owner: dict[tuple[str, str, str], str] = {}
    for namespace, name, uid, qos in rows:
        pod = pods.find(namespace, name, uid)
        if pod is not None:
            pod.qos = qos
            by_owner[namespace, pod.owner.kind, pod.owner.name] = qos
    for pod in pods.sorted():
        pod.qos = pod.qos or by_owner.get((pod.namespace, pod.owner.kind, pod.owner.name), "")


def _fill_images(pods: Pods, rows: Rows) -> None:
    """Digest of each container, its tag before the image is pulled."""
    for namespace, name, uid, container, image, spec, image_id in sorted(rows):
        pod = pods.find(namespace, name, uid)
        if pod is None:
            continue
        digest = image_id.rpartition("sha256:")
        if digest[1]:
            pod.images[container] = f"sha256:{digest[2]}"
        elif not pod.images.get(container, "").startswith("sha256:"):
            pod.images[container] = spec or image


def revision_of(pod: Pod, owners: dict[tuple[str, str, str], ObjectRef]) -> str:
    """``pod-template-hash``: what a ReplicaSet's name adds to its owner's; empty for other controllers."""
    if pod.owner.kind != "ReplicaSet":
        return ""
    top = owners.get((pod.namespace, "ReplicaSet", pod.owner.name))
    prefix = f"{top.name}-" if top is not None else ""
    return pod.owner.name.removeprefix(prefix) if prefix and pod.owner.name.startswith(prefix) else ""


def pods_frame(pods: Pods, cluster: str, owners: dict[tuple[str, str, str], ObjectRef]) -> "pd.DataFrame":
    """Columns of ``POD_COLUMNS``."""
    import pandas as pd

    rows = pods.sorted()
    return pd.DataFrame(
        {
            "cluster": pd.Series([cluster] * len(rows), dtype="str"),
            "namespace": pd.Series([pod.namespace for pod in rows], dtype="str"),
            "pod": pd.Series([pod.name for pod in rows], dtype="str"),
            "uid": pd.Series([pod.uid for pod in rows], dtype="str"),
            "kind": pd.Series([pod.owner.kind for pod in rows], dtype="str"),
            "workload": pd.Series([pod.owner.name for pod in rows], dtype="str"),
            "node": pd.Series([pod.node for pod in rows], dtype="str"),
            "revision": pd.Series([revision_of(pod, owners) for pod in rows], dtype="str"),
            "images": pd.Series(
                [json.dumps(pod.images, sort_keys=True, ensure_ascii=False) if pod.images else "" for pod in rows],
                dtype="str",
            ),
            "phase": pd.Series([pod.phase for pod in rows], dtype="str"),
            "qos": pd.Series([pod.qos for pod in rows], dtype="str"),
            "created": pd.Series([pod.created for pod in rows], dtype="float64"),
            "started": pd.Series([pod.started for pod in rows], dtype="float64"),
            "ready": pd.Series([pod.ready for pod in rows], dtype="float64"),
            "ended": pd.Series([pod.ended for pod in rows], dtype="float64"),
        }
    )
