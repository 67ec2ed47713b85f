"""Which pods live when: roll-outs, autoscaling, runs of jobs. Times are steps from the start of the window."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.collectors.sample.platform import START, STEP_SECONDS, STEPS_PER_DAY
from planner.collectors.sample.shapes import Floats, generator, hexadecimal, pattern, token
from planner.collectors.sample.spec import Part, WorkloadSpec

APPS = ("Deployment", "Rollout", "InferenceService")
"""Kinds whose pods belong to a ReplicaSet."""
JOB_HISTORY = 3
"""Finished Jobs that a CronJob keeps."""


@dataclass(frozen=True, slots=True)
class PodRun:
    """One pod from its start to its end.

    Attributes:
        spec, part: what it is.
        slot: its ordinal among its siblings.
        owner_kind, owner_name: direct controller; ``Pod`` and its own name for a bare pod.
        revision: template hash, or name of the Job's run.
        first: first step with usage; negative for pods older than the window.
        last: first step without; ``None`` = it still runs at the end of the window.
        visible: step up to which the API shows it (finished Jobs stay for a while); ``None`` = to the end.
        node, zone, gpus: where it runs, and the numbers of its GPUs there; filled by
            :mod:`planner.collectors.sample.placement`.
    """

    spec: WorkloadSpec
    part: Part
    slot: int
    name: str
    uid: str
    owner_kind: str
    owner_name: str
    revision: str
    first: int
    last: int | None
    visible: int | None
    node: str = ""
    zone: str = ""
    gpus: tuple[int, ...] = ()

    @property
    def is_job(self) -> bool:
        """Whether it runs to its end."""
        return self.owner_kind == "Job"

    def stop(self, steps: int) -> int:
        """First step of the window without usage."""
        return steps if self.last is None else min(self.last, steps)

    def placed(self, node: str, zone: str, gpus: tuple[int, ...] = ()) -> "PodRun":
        """The same pod on a node."""
        return replace(self, node=node, zone=zone, gpus=gpus)


def pod_runs(spec: WorkloadSpec, seed: int, steps: int) -> list[PodRun]:
    """All pods of a workload in the window, in the order of their start."""
    if spec.kind == "CronJob":
        runs = list(_cron_runs(spec, seed, steps))
    elif spec.kind == "Job":
        runs = list(_single_job(spec, seed, steps))
    else:
        runs = list(_long_lived(spec, seed, steps))
    return sorted(runs, key=lambda run: (run.first, run.part.name, run.slot))


def workload_seconds(steps: int) -> Floats:
    """Unix seconds at which each step starts."""
    return START + np.arange(steps, dtype=np.float64) * STEP_SECONDS


def total_load(spec: WorkloadSpec, seed: int, steps: int) -> Floats:
    """Work of the whole workload per step, as a share of what its declared replicas would do at their peak."""
    load = spec.parts[0].containers[_main(spec)].load
    seconds = workload_seconds(steps)
    shape = pattern(load.pattern, seconds, generator(seed, spec.namespace, spec.name, "work"))
    work: Floats = shape * (1.0 + load.growth_per_week * (seconds - START) / (7 * 86400.0))
    return work


def _main(spec: WorkloadSpec) -> int:
    containers = spec.parts[0].containers
    return next(i for i, c in enumerate(containers) if c.role == "app" and not c.injected)


def surges(spec: WorkloadSpec) -> bool:
    """Whether a roll-out starts the new pod before the old one ends: no GPU and no quota of ``staging`` is spare."""
    on_gpus = any(c.gpus for part in spec.parts for c in part.containers)
    return spec.kind in APPS and not on_gpus and not spec.namespace.startswith("staging")


def desired_replicas(spec: WorkloadSpec, seed: int, steps: int) -> NDArray[np.int64]:
    """Pods wanted at each step: what an autoscaler that looks every half hour would ask for."""
    scaling = spec.scaling
    if scaling is None or scaling.kind == "vpa":
        return np.full(steps, spec.replicas, dtype=np.int64)
    main = spec.parts[0].containers[_main(spec)]
    work = total_load(spec, seed, steps) * spec.replicas
    if scaling.kind == "hpa":
        room = scaling.target / 100.0 * main.cpu_request - main.load.idle
        wanted = np.ceil(work * (main.load.peak - main.load.idle) / room)
    else:
        wanted = np.ceil(work * 1.6)
    block = 6
    padded = np.concatenate([wanted, np.full(-steps % block, wanted[-1])]).reshape(-1, block).max(axis=1)
    held = np.maximum(padded, np.concatenate([padded[:1], padded[:-1]]))
    per_step = np.repeat(held, block)[:steps]
    result: NDArray[np.int64] = np.clip(per_step, scaling.minimum, scaling.maximum).astype(np.int64)
    return result


def _rollout_steps(spec: WorkloadSpec, seed: int, steps: int) -> list[int]:
    """Steps at which new revisions start; the first one lies before the window."""
    random = generator(seed, spec.namespace, spec.name, "rollouts")
    first = _birth(spec, steps)
    if first is None:
        first = -int((2 + 30 * random.random()) * STEPS_PER_DAY)
    starts = [first]
    for day in range(steps // STEPS_PER_DAY + 1):
        chance, hour = random.random(2)
        at = day * STEPS_PER_DAY + int((13 + 8 * hour) * 12)
        working_day = day % 7 < 5
        if working_day and chance < spec.rollouts_per_week / 5 and first < at < steps - 3:
            starts.append(at)
    return starts


def _birth(spec: WorkloadSpec, steps: int) -> int | None:
    if spec.last_days is None:
        return None
    return max(steps - int(spec.last_days * STEPS_PER_DAY), steps // 2)


def _long_lived(spec: WorkloadSpec, seed: int, steps: int) -> Iterator[PodRun]:
    starts = _rollout_steps(spec, seed, steps)
    desired = desired_replicas(spec, seed, steps)
    for part in spec.parts:
        slots = part.replicas if spec.scaling is None else int(desired.max(initial=0))
        for slot in range(slots):
            wanted = np.ones(steps, dtype=bool) if spec.scaling is None else desired > slot
            for begin, end in _spans(wanted, starts[0], steps):
                yield from _cut(spec, part, slot, begin, end, starts, seed)


def _spans(wanted: NDArray[np.bool_], first: int, steps: int) -> Iterator[tuple[int, int | None]]:
    """Runs of true steps; one that begins at step 0 began with the workload, one that reaches the end goes on."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wanted.astype(np.int8), [0]])))
    for begin, end in edges.reshape(-1, 2).tolist():
        start = first if begin == 0 else max(begin, first)
        if end > start:
            yield start, None if end >= steps else end


def _cut(
    spec: WorkloadSpec, part: Part, slot: int, begin: int, end: int | None, starts: list[int], seed: int
) -> Iterator[PodRun]:
    """The pods of one slot: a new one from each roll-out, some steps later for each further slot."""
    surge = 1 if surges(spec) else 0
    delay = slot // 2 if surge else slot
    cuts = [start + (delay if index else 0) for index, start in enumerate(starts)]
    for index, cut in enumerate(cuts):
        first, last = max(begin, cut), end
        if index + 1 < len(cuts):
            replaced = cuts[index + 1] + surge
            last = replaced if end is None else min(replaced, end)
        if last is None or first < last:
            revision = token(seed, 10, spec.namespace, spec.kind, spec.name, "revision", index)
            yield _pod(spec, part, slot, revision, first, last, seed)


def _pod(spec: WorkloadSpec, part: Part, slot: int, revision: str, first: int, last: int | None, seed: int) -> PodRun:
    key = (spec.namespace, spec.kind, spec.name, part.name, slot, revision, first)
    suffix = token(seed, 5, *key)
    kind, owner = spec.kind, spec.name
    if spec.kind in APPS:
        base = f"{spec.name}-predictor" if spec.kind == "InferenceService" else spec.name
        kind, owner = "ReplicaSet", f"{base}-{revision}"
        name = f"{owner}-{suffix}"
    elif spec.kind == "StatefulSet":
        name = f"{spec.name}-{slot}"
    elif spec.kind == "PyTorchJob":
        name = f"{spec.name}-{part.name.lower()}-{slot}"
    elif spec.kind == "RayCluster":
        name = f"{spec.name}-head-{suffix}" if part.name == "head" else f"{spec.name}-workers-worker-{suffix}"
    elif spec.kind == "Pod":
        name = owner = spec.name
    else:
        name = f"{spec.name}-{suffix}"
    return PodRun(spec, part, slot, name, _uid(seed, *key), kind, owner, revision, first, last, last)


def _uid(seed: int, *key: object) -> str:
    digits = hexadecimal(seed, 32, "uid", *key)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _cron_runs(spec: WorkloadSpec, seed: int, steps: int) -> Iterator[PodRun]:
    assert spec.schedule is not None
    random = generator(seed, spec.namespace, spec.name, "runs")
    starts = [
        day * STEPS_PER_DAY + round(hour * 12)
        for day in range(-1, steps // STEPS_PER_DAY + 1)
        for hour in spec.schedule.hours
        if spec.schedule.weekday is None or day % 7 == spec.schedule.weekday
    ]
    starts = [start for start in starts if start < steps]
    lengths = [max(1, round(spec.schedule.steps * (0.85 + 0.3 * u))) for u in random.random(len(starts))]
    for index, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        minutes = int(START + start * STEP_SECONDS) // 60
        end = start + length
        later = index + JOB_HISTORY
        visible = starts[later] + lengths[later] if later < len(starts) else None
        if visible is not None and visible <= 0:
            continue
        yield from _job_pods(spec, f"{spec.name}-{minutes}", start, end, visible, seed, steps)


def _single_job(spec: WorkloadSpec, seed: int, steps: int) -> Iterator[PodRun]:
    assert spec.schedule is not None
    start = max(steps - int(spec.schedule.hours[0] * 12), 6)
    end = start + spec.schedule.steps
    yield from _job_pods(spec, spec.name, start, end, end + 12 if spec.gone else None, seed, steps)


def _job_pods(
    spec: WorkloadSpec, job: str, start: int, end: int, visible: int | None, seed: int, steps: int
) -> Iterator[PodRun]:
    part = spec.parts[0]
    for slot in range(part.replicas):
        key = (spec.namespace, "Job", job, slot)
        name = f"{job}-{token(seed, 5, *key)}"
        last = end if end < steps else None
        yield PodRun(spec, part, slot, name, _uid(seed, *key), "Job", job, job, start, last, visible)
