"""What the Vertical Pod Autoscaler keeps of a container, and the recommendation that it makes of it, sample by sample.

This is the reference that `planner.decisions.baselines.vpa` is checked against.

Source: kubernetes/autoscaler at ``55c37cd5``, ``vertical-pod-autoscaler/pkg/recommender``: ``model/container.go``,
``model/aggregate_container_state.go``, ``logic/recommender.go``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from planner.decisions.baselines.vpa_amounts import (
    amount,
    confidence,
    cpu_amount,
    scaled,
    share_of_minimum,
    with_confidence,
    with_floor,
    with_margin,
)
from planner.decisions.baselines.vpa_buckets import CPU_BUCKETS, MEMORY_BUCKETS, SAMPLE_WEIGHT
from planner.decisions.baselines.vpa_histogram import DecayingHistogram, Histogram
from planner.units import MIB
from planner.usage.window import SECONDS_PER_DAY

MEMORY_WEIGHT = 1.0
OOM_MIN_BUMP_BYTES = 100 * MIB
OOM_BUMP_RATIO = 1.2
INTERVALS_KEPT = 8


class Aggregate(Protocol):
    """Where a container's samples go; containers of the same name share one."""

    def add_cpu(self, cores: float, time_seconds: float) -> None:
        """Count a CPU sample."""

    def add_memory_peak(self, size_bytes: int, time_seconds: float) -> None:
        """Count the peak of an interval, dated at its end."""

    def subtract_memory_peak(self, size_bytes: int, time_seconds: float) -> None:
        """Take back a peak that a higher one replaces."""


@dataclass(slots=True, eq=False)
class AggregateState:
    """Two decaying histograms of all containers of one name, and how long and how often they were seen."""

    cpu: DecayingHistogram = field(default_factory=lambda: DecayingHistogram(Histogram(CPU_BUCKETS), SECONDS_PER_DAY))
    memory: DecayingHistogram = field(
        default_factory=lambda: DecayingHistogram(Histogram(MEMORY_BUCKETS), SECONDS_PER_DAY)
    )
    first_sample_seconds: float | None = None
    last_sample_seconds: float | None = None
    samples: int = 0

    def add_cpu(self, cores: float, time_seconds: float) -> None:
        """Count a CPU sample, weight 0.1; only these count as history."""
        self.cpu.add(cores, SAMPLE_WEIGHT, time_seconds)
        first, last = self.first_sample_seconds, self.last_sample_seconds
        self.first_sample_seconds = time_seconds if first is None else min(first, time_seconds)
        self.last_sample_seconds = time_seconds if last is None else max(last, time_seconds)
        self.samples += 1

    def add_memory_peak(self, size_bytes: int, time_seconds: float) -> None:
        """Count the peak of an interval, weight 1."""
        self.memory.add(size_bytes, MEMORY_WEIGHT, time_seconds)

    def subtract_memory_peak(self, size_bytes: int, time_seconds: float) -> None:
        """Take back a peak."""
        self.memory.subtract(size_bytes, MEMORY_WEIGHT, time_seconds)

    def merge(self, other: "AggregateState") -> None:
        """Add what another one has seen."""
        self.cpu.merge(other.cpu)
        self.memory.merge(other.memory)
        firsts = [t for t in (self.first_sample_seconds, other.first_sample_seconds) if t is not None]
        lasts = [t for t in (self.last_sample_seconds, other.last_sample_seconds) if t is not None]
        self.first_sample_seconds = min(firsts, default=None)
        self.last_sample_seconds = max(lasts, default=None)
        self.samples += other.samples

    def history(self, interval_seconds: float = SECONDS_PER_DAY) -> float:
        """Confidence, in intervals."""
        if self.first_sample_seconds is None or self.last_sample_seconds is None:
            return 0.0
        return confidence(self.last_sample_seconds - self.first_sample_seconds, self.samples, interval_seconds)


def expired(idle_seconds: float, interval_seconds: float = SECONDS_PER_DAY, intervals: int = INTERVALS_KEPT) -> bool:
    """Whether a state is dropped: idle for all its intervals since the last sample, or since it was made if empty."""
    return idle_seconds >= interval_seconds * intervals


@dataclass(slots=True, eq=False)
class ContainerState:
    """One running container: which samples are taken, and its memory peak of the interval under way.

    Memory is kept as **one peak for each interval**, dated at the interval's end. Intervals are counted from the
    container's first sample. A higher value replaces the peak: the old one is subtracted, the new one added. A peak of
    0 is taken for "no peak", so it stays until the interval ends.
    """

    aggregate: Aggregate
    interval_seconds: float = SECONDS_PER_DAY
    interval_end_seconds: float | None = None
    usage_peak_bytes: int = 0
    oom_peak_bytes: int = 0
    last_cpu_seconds: float | None = None
    last_memory_seconds: float | None = None

    def add_cpu(self, cores: float, time_seconds: float) -> bool:
        """Take a CPU sample; False = turned away, since it is negative or not later than the last one."""
        if not cores >= 0 or (self.last_cpu_seconds is not None and time_seconds <= self.last_cpu_seconds):
            return False
        self.aggregate.add_cpu(cores, time_seconds)
        self.last_cpu_seconds = time_seconds
        return True

    def add_memory(self, size_bytes: int, time_seconds: float) -> bool:
        """Take a memory sample; False = turned away, since it is negative or older than the last one."""
        if self.last_memory_seconds is not None and time_seconds < self.last_memory_seconds:
            return False
        return self._add_memory(size_bytes, time_seconds, oom=False)

    def record_oom(self, request_bytes: int, time_seconds: float) -> bool:
        """Take an out-of-memory kill as a sample of what would have been needed.

        ``used = max(request, usage peak of the interval)``, sample ``= max(used + 100 MiB, used * 1.2)``. The peak of
        an earlier kill is left out of ``used``, so that kills do not drive each other up.

        Returns:
            False = turned away, being more than an interval older than the last sample.
        """
        last = self.last_memory_seconds
        if last is not None and time_seconds < last - self.interval_seconds:
            return False
        used = max(request_bytes, self.usage_peak_bytes)
        needed = max(used + OOM_MIN_BUMP_BYTES, scaled(used, OOM_BUMP_RATIO))
        return self._add_memory(needed, time_seconds, oom=True)

    def _add_memory(self, size_bytes: int, time_seconds: float, *, oom: bool) -> bool:
        if size_bytes < 0:
            return False
        self.last_memory_seconds = time_seconds
        end = time_seconds if self.interval_end_seconds is None else self.interval_end_seconds
        if time_seconds < end:
            peak = max(self.usage_peak_bytes, self.oom_peak_bytes)
            if peak == 0 or size_bytes <= peak:
                return True
            self.aggregate.subtract_memory_peak(peak, end)
        else:
            end += ((time_seconds - end) // self.interval_seconds + 1) * self.interval_seconds
            self.usage_peak_bytes = self.oom_peak_bytes = 0
        self.interval_end_seconds = end
        self.aggregate.add_memory_peak(size_bytes, end)
        if oom:
            self.oom_peak_bytes = size_bytes
        else:
            self.usage_peak_bytes = size_bytes
        return True


@dataclass(frozen=True, slots=True)
class VpaConfig:
    """Flags of the recommender at their defaults."""

    target: float = 0.9
    lower: float = 0.5
    upper: float = 0.95
    margin: float = 0.15
    pod_minimum_millicores: int = 25
    pod_minimum_bytes: int = 250 * MIB
    interval_seconds: float = SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class Amounts:
    """Millicores and bytes."""

    cpu_millicores: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the recommender says of one container."""

    target: Amounts
    lower: Amounts
    upper: Amounts


DEFAULT_CONFIG = VpaConfig()
UPPER_CONFIDENCE = (1.0, 1.0)
"""Multiplier and exponent of the upper bound."""
LOWER_CONFIDENCE = (0.001, -2.0)


def recommend_pod(
    states: Mapping[str, AggregateState], config: VpaConfig = DEFAULT_CONFIG
) -> dict[str, Recommendation]:
    """Target and bounds of every container of a pod: percentile, margin, confidence of the bounds, share of the floor.

    Args:
        states: by container name.
        config: percentiles, margin and floors.
    """
    if not states:
        return {}
    floor = Amounts(
        share_of_minimum(config.pod_minimum_millicores, len(states)),
        share_of_minimum(config.pod_minimum_bytes, len(states)),
    )

    def amounts(state: AggregateState, p: float, widening: tuple[float, float] | None) -> Amounts:
        cpu = with_margin(cpu_amount(state.cpu.percentile(p)), config.margin)
        memory = with_margin(amount(state.memory.percentile(p)), config.margin)
        if widening is not None:
            history = state.history(config.interval_seconds)
            cpu, memory = with_confidence(cpu, *widening, history), with_confidence(memory, *widening, history)
        return Amounts(with_floor(cpu, floor.cpu_millicores), with_floor(memory, floor.memory_bytes))

    return {
        name: Recommendation(
            target=amounts(state, config.target, None),
            lower=amounts(state, config.lower, LOWER_CONFIDENCE),
            upper=amounts(state, config.upper, UPPER_CONFIDENCE),
        )
        for name, state in states.items()
    }
