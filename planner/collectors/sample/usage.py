"""What each container of each pod really uses, step by step, and when it is killed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.collectors.sample.platform import START, STEP_SECONDS
from planner.collectors.sample.shapes import Floats, generator, normal, pattern, quantised, wander
from planner.collectors.sample.spec import ContainerSpec
from planner.collectors.sample.timeline import PodRun
from planner.snapshot.header import Metric
from planner.units import GIB, MIB

PERIODS_PER_STEP_SHARE = 150
"""Throttled shares are multiples of 1/150, so that counts of CFS periods are whole at every scrape."""
KILL_AT = 170
"""Step at which the first pod of a container with memory spikes meets one that it cannot survive."""


@dataclass(slots=True)
class ContainerUsage:
    """One container of one pod.

    Attributes:
        run, container: whose it is; the container as admitted, with the defaults of the namespace.
        first: step of the window of the first value.
        values: by metric, (step,) float64.
        hidden: (step,) bool, True = used, but not seen by the metrics.
        starts: steps at which the container (re)started; the first may lie before the window.
        kills: those of ``starts`` that follow an OOM kill.
    """

    run: PodRun
    container: ContainerSpec
    first: int
    values: dict[Metric, Floats]
    hidden: NDArray[np.bool_]
    starts: list[int]
    kills: list[int] = field(default_factory=list)

    @property
    def stop(self) -> int:
        """Step after the last value."""
        return self.first + len(self.hidden)

    def seen(self, metric: Metric) -> Floats:
        """Values as a source sees them: NaN where hidden."""
        return np.where(self.hidden, np.nan, self.values[metric])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container needs to know beside itself.

    Attributes:
        steps: length of the window.
        share: (step,) declared replicas of the part over those that run.
        hidden: (step,) bool, steps in which the metrics of the pod are lost.
        pressure: whether the node's kubelet tells PSI.
    """

    seed: int
    steps: int
    share: Floats
    hidden: NDArray[np.bool_]
    pressure: bool


def container_usage(run: PodRun, container: ContainerSpec, around: Surroundings) -> ContainerUsage | None:
    """Usage of one container over its part of the window; ``None`` = it runs in none of it."""
    warm_up = max((c.init_steps for c in run.part.containers), default=0)
    begin, stop = run.first, run.stop(around.steps)
    if container.role == "init":
        stop = min(stop, begin + container.init_steps)
    elif container.role == "app":
        begin += warm_up
    first = max(begin, 0)
    if stop <= first:
        return None
    span = np.arange(first, stop)
    names = (run.spec.namespace, run.spec.name, run.name, run.uid, container.name)
    random = generator(around.seed, *names)
    shape = _shape(run, container, around.seed, span)
    cores = _cores(container, shape, around.share[first:stop], random)
    if first == begin and len(cores) > 1:
        cores[0] *= 1.5
    if container.cpu_limit is not None:
        cores = np.minimum(cores, container.cpu_limit)
    cores = quantised(np.maximum(cores, 0.0003), 6)
    usage = ContainerUsage(run, container, first, {Metric.CPU: cores}, around.hidden[first:stop], [begin])
    _crashes(usage, random)
    memory = _memory(usage, shape, begin, random)
    usage.values[Metric.MEMORY] = np.round(quantised(memory, 7) / 4096) * 4096
    if container.cpu_limit is not None:
        usage.values[Metric.CPU_THROTTLED] = _throttled(cores / container.cpu_limit, random)
    if around.pressure:
        usage.values.update(_pressure(usage, random))
    if container.gpu_use is not None:
        usage.values.update(_gpu(container, run, around.seed, span, random))
    return usage


def _shape(run: PodRun, container: ContainerSpec, seed: int, span: NDArray[np.int64]) -> Floats:
    """The pattern with growth: one for all pods of a workload, but bursts of each pod's own."""
    seconds = START + span.astype(np.float64) * STEP_SECONDS
    own = (run.part.name, run.slot) if container.load.pattern == "bursty" else ()
    random = generator(seed, run.spec.namespace, run.spec.name, "work", *own)
    growth = 1.0 + container.load.growth_per_week * (seconds - START) / (7 * 86400.0)
    return pattern(container.load.pattern, seconds, random) * growth


def _cores(container: ContainerSpec, shape: Floats, share: Floats, random: np.random.Generator) -> Floats:
    load = container.load
    skew = 0.92 + 0.16 * random.random()
    cores = load.idle + (load.peak - load.idle) * shape * share * skew
    size = len(shape)
    cores = cores * np.exp(load.noise * (0.7 * normal(random, size) + 0.7 * wander(random, size)))
    spiky = random.random(size) < load.spikes
    return np.where(spiky, cores * (2.0 + 3.0 * random.random(size)), cores)


def _memory(usage: ContainerUsage, shape: Floats, begin: int, random: np.random.Generator) -> Floats:
    """Working set in bytes, never above the limit; fills ``starts`` and ``kills``."""
    container = usage.container
    kind = container.footprint.kind
    limit = container.memory_limit
    size = len(shape)
    if kind == "leak":
        gibs = _leak(usage, begin, random)
    elif kind == "spikes":
        gibs = _spikes(usage, begin, random)
    else:
        gibs = _ordinary(container, shape, np.arange(usage.first, usage.stop) - begin, random)
    age = _age(usage, begin)
    gibs = gibs * (1.0 - 0.35 * np.exp(-age / 5.0)) if kind not in ("cache", "leak") else gibs
    gibs = gibs * (1.0 + container.footprint.noise * normal(random, size))
    values = np.maximum(gibs * GIB, 1.0 * MIB)
    if limit is not None:
        values = np.minimum(values, 0.985 * limit)
        for kill in usage.kills:
            if usage.first <= kill - 1 < usage.stop:
                values[kill - 1 - usage.first] = 0.995 * limit
    return values


def _age(usage: ContainerUsage, begin: int) -> Floats:
    """Steps since the last (re)start."""
    steps = np.arange(usage.first, usage.stop)
    starts = np.array(usage.starts or [begin])
    age: Floats = (steps - starts[np.searchsorted(starts, steps, side="right") - 1]).astype(np.float64)
    return age


def _crashes(usage: ContainerUsage, random: np.random.Generator) -> None:
    """Restarts of app containers for other reasons than memory."""
    rate = usage.run.spec.crashes_per_week / (7 * 288)
    if rate and usage.container.role == "app":
        steps = np.flatnonzero(random.random(usage.stop - usage.first) < rate) + usage.first
        usage.starts += [int(step) for step in steps if step > usage.starts[0]]


def _ordinary(container: ContainerSpec, shape: Floats, age: NDArray[np.int64], random: np.random.Generator) -> Floats:
    ram = container.footprint
    if ram.kind == "load":
        smooth = np.convolve(np.concatenate([np.full(5, shape[0]), shape]), np.full(6, 1 / 6), mode="valid")
        level: Floats = np.clip(smooth, 0.0, 1.2)
        return ram.low + (ram.high - ram.low) * level
    if ram.kind == "cache":
        filled: Floats = 1.0 - np.exp(-age / (ram.hours * 12.0))
        return ram.low + (ram.high - ram.low) * filled
    if ram.kind == "heap":
        period = ram.hours * 12.0 * (0.85 + 0.3 * random.random())
        tooth = ((age + period * random.random()) % period) / period
        height: Floats = np.minimum(tooth * 1.05, 1.0)
        return ram.low + (ram.high - ram.low) * height
    return np.full(len(shape), ram.low)


def _leak(usage: ContainerUsage, begin: int, random: np.random.Generator) -> Floats:
    """From ``low`` to the limit each ``hours``, then the kill and a new start."""
    ram = usage.container.footprint
    period = ram.hours * 12.0 * (1.0 + 0.17 * usage.run.slot)
    start = float(begin)
    while start + period < usage.stop:
        start += period * (0.97 + 0.06 * random.random())
        if int(start) < usage.stop:
            usage.starts.append(int(start))
    usage.kills = usage.starts[1:]
    return ram.low + (ram.high - ram.low) * _age(usage, begin) / period


def _spikes(usage: ContainerUsage, begin: int, random: np.random.Generator) -> Floats:
    """Near ``low``; now and then a step that wants more than the limit and is killed."""
    ram = usage.container.footprint
    size = usage.stop - usage.first
    gibs = np.full(size, ram.low)
    hits = np.flatnonzero(random.random(size) < 1.0 / (ram.hours * 12.0))
    heights = 0.3 + 0.7 * random.random(len(hits)) ** 1.5
    wanted = {int(hit) + usage.first: float(height) for hit, height in zip(hits, heights, strict=True)}
    limit = usage.container.memory_limit
    deadly = limit is not None and ram.high * GIB > limit
    if deadly and usage.run.slot == 0 and usage.first <= KILL_AT < usage.stop:
        wanted[KILL_AT] = 1.0
    for step, height in sorted(wanted.items()):
        peak = ram.low + (ram.high - ram.low) * height
        if deadly and limit is not None and peak * GIB > limit and step + 1 < usage.stop and step > begin:
            usage.kills.append(step + 1)
            usage.starts.append(step + 1)
        for offset in range(0 if deadly else 3):
            if step + offset < usage.stop:
                gibs[step + offset - usage.first] = peak
        if deadly:
            gibs[step - usage.first] = peak
    return gibs


def _throttled(level: Floats, random: np.random.Generator) -> Floats:
    """Share of periods throttled: from half of the limit on, and a little by short bursts."""
    steady = np.clip((level - 0.5) / 0.5, 0.0, 1.0) ** 2 * 0.8
    burst = np.where(random.random(len(level)) < 0.03 + 0.3 * level, 0.06 * level, 0.0)
    ratio = np.clip(steady + burst * random.random(len(level)), 0.0, 1.0)
    return np.round(ratio * PERIODS_PER_STEP_SHARE) / PERIODS_PER_STEP_SHARE


def _pressure(usage: ContainerUsage, random: np.random.Generator) -> Mapping[Metric, Floats]:
    """PSI: waiting for CPU grows with use over the request, stalls on memory appear close to the limit."""
    cores, memory = usage.values[Metric.CPU], usage.values[Metric.MEMORY]
    level = cores / max(usage.container.cpu_request, 0.05)
    waiting = 0.12 * np.clip(level - 0.25, 0.0, 3.0) ** 1.5 * (0.7 + 0.6 * random.random(len(cores)))
    waiting = np.where(waiting < 0.002, 0.0, np.minimum(waiting, 0.9))
    limit = usage.container.memory_limit
    stalled = np.zeros(len(cores)) if limit is None else 0.25 * np.clip((memory / limit - 0.93) / 0.07, 0.0, 1.0)
    return {Metric.CPU_PRESSURE: quantised(waiting, 4), Metric.MEMORY_PRESSURE: quantised(stalled, 4)}


def _gpu(
    container: ContainerSpec, run: PodRun, seed: int, span: NDArray[np.int64], random: np.random.Generator
) -> Mapping[Metric, Floats]:
    assert container.gpu_use is not None
    use = container.gpu_use
    seconds = START + span.astype(np.float64) * STEP_SECONDS
    own = (run.part.name, run.slot) if use.pattern == "bursty" else ()
    shape = pattern(use.pattern, seconds, generator(seed, run.spec.namespace, run.spec.name, "work", *own))
    each = use.idle + (use.peak - use.idle) * shape * (1.0 + 0.1 * normal(random, len(span)))
    active = quantised(np.clip(each, 0.0, 1.0), 6) * container.gpus
    mebibytes = np.round(use.framebuffer_gib * 1024 * (1.0 - 0.04 * np.exp(-np.arange(len(span)) / 3.0)))
    return {Metric.GPU_ACTIVE: active, Metric.GPU_MEMORY: mebibytes * MIB * container.gpus}
