"""Pods: one row each, their restarts and OOM kills, and the newest pod spec per controller and revision."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.collectors.kubernetes.containers import PodShape, claims, read_pod_spec
from planner.collectors.kubernetes.fields import (
    FieldError,
    child,
    instant,
    integer,
    items,
    text,
    text_map,
    whole_quantity,
)
from planner.collectors.kubernetes.metadata import pod_controller
from planner.collectors.ownership import STATIC_POD, static_pod_name
from planner.collectors.parts import ObjectRef
from planner.snapshot.tables import EVENT_COLUMNS, POD_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

_REVISION_LABELS = ("pod-template-hash", "rollouts-pod-template-hash", "controller-revision-hash")
_FINISHED = ("Succeeded", "Failed")
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class SeenShape:
    """Spec of the newest pod of one controller and revision."""

    created: float
    pod: str
    namespace: str
    owner: ObjectRef
    shape: PodShape
    running: bool
    """Not finished."""
    labels: Mapping[str, str]


class PodReader:
    """Takes raw pods page by page and keeps little of them.

    Attributes:
        rows: (namespace, pod) -> values in the order of ``POD_COLUMNS``.
        events: (namespace, pod) -> values in the order of ``EVENT_COLUMNS``.
        owners: (namespace, pod) -> controller.
        finished: (namespace, pod) of those that ended.
        claims: (namespace, owner kind, owner name) -> claims of its pods that have not finished.
    """

    def __init__(self, cluster: str, now: float) -> None:
        self.cluster = cluster
        self.now = now
        self.rows: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.events: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        self.owners: dict[tuple[str, str], ObjectRef] = {}
        self.finished: set[tuple[str, str]] = set()
        self.claims: dict[tuple[str, str, str], set[str]] = {}
        self._shapes: dict[tuple[str, str, str, str], SeenShape] = {}

    def add(self, document: Mapping[str, Any]) -> None:
        """Read one raw pod.

        Raises:
            FieldError: a field has another type than in the API; nothing of the pod is kept then.
        """
        metadata, spec, status = child(document, "metadata"), child(document, "spec"), child(document, "status")
        name, namespace = text(metadata, "name"), text(metadata, "namespace")
        if not name:
            raise FieldError("metadata.name", "a name", metadata.get("name"))
        owner = _direct_owner(metadata, spec)
        labels = text_map(metadata, "labels")
        revision = next((labels[label] for label in _REVISION_LABELS if label in labels), "")
        row = _row(self.cluster, metadata, spec, status, owner, revision, self.now)
        events = _events(self.cluster, namespace, name, spec, status)
        running = text(status, "phase") not in _FINISHED
        names = claims(spec, name) if running else ()
        self._keep_shape(metadata, spec, owner, (revision, labels), running=running)
        self.rows[(namespace, name)] = row
        self.events[(namespace, name)] = events
        self.owners[(namespace, name)] = owner
        if not running:
            self.finished.add((namespace, name))
        if names:
            self.claims.setdefault((namespace, owner.kind, owner.name), set()).update(names)

    def _keep_shape(
        self,
        metadata: Mapping[str, Any],
        spec: Mapping[str, Any],
        owner: ObjectRef,
        marks: tuple[str, Mapping[str, str]],
        *,
        running: bool,
    ) -> None:
        revision, labels = marks
        namespace, name = text(metadata, "namespace"), text(metadata, "name")
        key = (namespace, owner.kind, owner.name, revision)
        created = instant(metadata, "creationTimestamp") or 0.0
        before = self._shapes.get(key)
        if before is None or (running, created, name) > (before.running, before.created, before.pod):
            shape = read_pod_spec(spec, pod=name)
            self._shapes[key] = SeenShape(created, name, namespace, owner, shape, running, labels)

    def shapes(self) -> list[SeenShape]:
        """One per controller and revision: pods that still run first, newest first."""
        order = sorted(self._shapes.values(), key=lambda seen: (seen.namespace, seen.pod))
        return sorted(order, key=lambda seen: (not seen.running, -seen.created))

    def pods_frame(self) -> "pd.DataFrame":
        """All rows, columns of ``POD_COLUMNS``."""
        return frame_of([row for _, row in sorted(self.rows.items())], POD_COLUMNS)

    def events_frame(self) -> "pd.DataFrame":
        """All events, columns of ``EVENT_COLUMNS``."""
        return frame_of([event for _, events in sorted(self.events.items()) for event in events], EVENT_COLUMNS)


def frame_of(rows: Sequence[tuple[Any, ...]], columns: Mapping[str, str]) -> "pd.DataFrame":
    """A frame with the given columns and types."""
    import pandas as pd

    types = {name: "str" if kind == "string" else "float64" for name, kind in columns.items()}
    return pd.DataFrame(list(rows), columns=list(columns)).astype(types)


def _direct_owner(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> ObjectRef:
    owner = pod_controller(metadata)
    name = text(metadata, "name")
    if owner is None:
        return ObjectRef("Pod", name, "v1")
    if owner.kind == "Node":
        return ObjectRef(STATIC_POD, static_pod_name(name, text(spec, "nodeName") or owner.name))
    return owner


def _row(
    cluster: str,
    metadata: Mapping[str, Any],
    spec: Mapping[str, Any],
    status: Mapping[str, Any],
    owner: ObjectRef,
    revision: str,
    now: float,
) -> tuple[Any, ...]:
    phase = text(status, "phase")
    created, started = instant(metadata, "creationTimestamp"), instant(status, "startTime")
    ready = next(
        (
            instant(condition, "lastTransitionTime")
            for condition in items(status, "conditions")
            if condition.get("type") == "Ready" and condition.get("status") == "True"
        ),
        None,
    )
    ended = _ended(status, now) if phase in _FINISHED else None
    times = [NAN if moment is None else moment for moment in (created, started, ready, ended)]
    return (
        cluster,
        text(metadata, "namespace"),
        text(metadata, "name"),
        text(metadata, "uid"),
        owner.kind,
        owner.name,
        text(spec, "nodeName"),
        revision,
        _images(spec, status),
        phase,
        text(status, "qosClass"),
        *times,
    )


def _ended(status: Mapping[str, Any], now: float) -> float:
    """End of a finished pod: its last container's, else its last change of a condition, else now."""
    ends = [
        instant(child(container, "state", "terminated"), "finishedAt")
        for key in ("containerStatuses", "initContainerStatuses")
        for container in items(status, key)
    ]
    known = [end for end in ends if end is not None]
    if not known:
        changes = [instant(condition, "lastTransitionTime") for condition in items(status, "conditions")]
        known = [change for change in changes if change is not None]
    return max(known, default=now)


def _images(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """JSON: app container -> its image by digest, before it is pulled as declared."""
    images = {text(container, "name"): text(container, "image") for container in items(spec, "containers")}
    for container in items(status, "containerStatuses"):
        image_id = text(container, "imageID")
        if "@sha256:" in image_id:
            images[text(container, "name")] = image_id.rpartition("://")[2]
    return json.dumps(images, sort_keys=True, ensure_ascii=False)


def _events(
    cluster: str, namespace: str, pod: str, spec: Mapping[str, Any], status: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """OOM kills and restarts that the container states still tell.

    Only the last ends of a container have a time. Restarts before the last one are one event at the
    start of the instance that ended last: the latest moment at which they can have happened.
    """
    declared = {
        text(container, "name"): container for key in ("initContainers", "containers") for container in items(spec, key)
    }
    events: list[tuple[Any, ...]] = []
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in items(status, key):
            name = text(container, "name")
            limit = _memory_limit(container, declared.get(name, {}))
            last, current = child(container, "lastState", "terminated"), child(container, "state", "terminated")
            restarts = integer(container, "restartCount") or 0
            ends = [(current, False)] if current else []
            ends += [(last, True)] if last else []
            for end, restarted in ends:
                moment, killed = instant(end, "finishedAt"), text(end, "reason") == "OOMKilled"
                if moment is not None and (killed or (restarted and restarts)):
                    what = "oom_kill" if killed else "restart"
                    events.append((cluster, namespace, pod, name, what, moment, 1.0, limit))
            began = instant(last, "startedAt")
            if restarts > 1 and began is not None:
                events.append((cluster, namespace, pod, name, "restart", began, float(restarts - 1), limit))
    return events


def _memory_limit(status: Mapping[str, Any], declared: Mapping[str, Any]) -> float:
    for source in (status, declared):
        value = child(source, "resources", "limits").get("memory")
        if value is not None:
            return float(whole_quantity(value, "limits.memory"))
    return NAN
