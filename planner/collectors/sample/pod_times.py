"""Moments in the life of a pod, and facts that follow from its spec."""

from dataclasses import dataclass
from datetime import UTC, datetime

from planner.collectors.sample.model import Model
from planner.collectors.sample.platform import STEP_SECONDS
from planner.collectors.sample.shapes import hexadecimal
from planner.collectors.sample.spec import ContainerSpec, Part
from planner.collectors.sample.timeline import PodRun


@dataclass(frozen=True, slots=True)
class PodTimes:
    """Unix seconds; ``ended`` is ``None`` for a pod that still runs."""

    created: float
    started: float
    ready: float
    ended: float | None


def pod_times(run: PodRun, model: Model) -> PodTimes:
    """Moments of a pod: created just after its first step begins, ended at the end of its last."""
    draw = int(hexadecimal(model.seed, 6, "times", run.uid), 16)
    created = model.time(run.first) + 1 + draw % 2
    started = created + 1 + draw % 5
    warm_up = max((c.init_steps for c in run.part.containers), default=0) * STEP_SECONDS
    patience = max(run.spec.startup_seconds - warm_up, 2)
    ready = started + warm_up + max(1.0, round(patience * (0.8 + 0.4 * (draw % 97) / 97)))
    return PodTimes(created, started, ready, None if run.last is None else model.time(run.last))


def rfc3339(seconds: float) -> str:
    """A time as the API writes it."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def qos_class(part: Part) -> str:
    """Quality-of-service class of a pod with these containers (CPU and memory only count)."""
    texts = [
        (container.quantity("requests", resource), container.quantity("limits", resource))
        for container in part.containers
        for resource in ("cpu", "memory")
    ]
    if not any(request or limit for request, limit in texts):
        return "BestEffort"
    if all(limit is not None and request in (None, limit) for request, limit in texts):
        return "Guaranteed"
    return "Burstable"


def image_digest(run: PodRun, container: ContainerSpec, seed: int) -> str:
    """Digest of the image that a pod runs: a new one with each revision of an app, the same for runs of a job."""
    revision = "" if run.is_job else run.revision
    return f"sha256:{hexadecimal(seed, 64, container.image, revision)}"


def revision_label(run: PodRun) -> str:
    """Value of the label that tells a pod's revision; empty where its kind has none."""
    if run.owner_kind == "StatefulSet":
        return f"{run.spec.name}-{run.revision}"
    return run.revision if run.owner_kind in ("ReplicaSet", "DaemonSet") else ""
