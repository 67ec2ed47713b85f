"""What a request may be, whatever the risk curve says: floors and ceilings with their names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from planner.domain.node import Node
from planner.domain.pod_request import requested
from planner.domain.policy_objects import LimitRangeItem
from planner.domain.workload import Container
from planner.units import human_cpu, human_memory

if TYPE_CHECKING:
    import pandas as pd

    from planner.config.workload_policy import RequestsPolicy, WorkloadPolicy

HEAP_SHARE_OF_LIMIT = 0.8
"""A fixed heap may fill at most this share of a memory limit: the rest is stacks, code and buffers."""
SECONDS_PER_DAY = 86_400.0
THROTTLED_SHARE = 0.05
"""Above this mean share of throttled periods the seen CPU usage is cut off at the limit, not the demand."""
WAITING_SHARE = 0.10
"""Above this mean share of time with a task waiting for CPU a lower request would only make it wait longer."""


@dataclass(slots=True)
class Bounds:
    """Interval of a request; the tightest rule on each side keeps its name.

    Attributes:
        lower, upper: cores or bytes.
        lower_code, upper_code: the rule that set it, empty = none did.
        lower_text, upper_text: the same for people.
        notes: what else is worth knowing.
    """

    lower: float = 0.0
    upper: float = np.inf
    lower_code: str = ""
    upper_code: str = ""
    lower_text: str = ""
    upper_text: str = ""
    notes: list[str] = field(default_factory=list)

    def at_least(self, value: float, code: str, text: str) -> None:
        """Raise the floor."""
        if np.isfinite(value) and value > self.lower:
            self.lower, self.lower_code, self.lower_text = value, code, text

    def at_most(self, value: float, code: str, text: str) -> None:
        """Lower the ceiling."""
        if np.isfinite(value) and value < self.upper:
            self.upper, self.upper_code, self.upper_text = value, code, text

    def settle(self) -> None:
        """Where floor and ceiling cross the ceiling holds: a pod above it would be refused or never fit."""
        if self.lower > self.upper:
            self.notes.append(f"{self.lower_text}, but {self.upper_text}")
            self.lower, self.lower_code, self.lower_text = self.upper, self.upper_code, self.upper_text


@dataclass(frozen=True, slots=True)
class Needs:
    """What the use of one resource of one container asks for, before policy and ceilings.

    Attributes:
        highest: highest sample, cores or bytes.
        limit_floor: least that a limit may be; 0 = there is no limit to keep up.
        median: CPU: median sample. Under a tight quota nobody is starved below it.
        throttled: CPU: mean share of throttled periods.
        pressure: CPU: mean share of time that some task waited for CPU (PSI).
        guaranteed: CPU: the pod is Guaranteed and must stay so.
        oom_floor: memory: what OOM kills ask for; 0 = none.
        oom_kills: memory: number of them.
        oom_rising: memory: they came at ever higher limits.
        growth_per_day: memory: steady growth of the daily peaks in bytes a day; 0 = none.
    """

    highest: float
    limit_floor: float = 0.0
    median: float = 0.0
    throttled: float = 0.0
    pressure: float = 0.0
    guaranteed: bool = False
    oom_floor: float = 0.0
    oom_kills: int = 0
    oom_rising: bool = False
    growth_per_day: float = 0.0


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What no request of the cluster can pass.

    Attributes:
        cpu_cores, memory_bytes: allocatable of the largest node; infinite when no node is known.
    """

    cpu_cores: float
    memory_bytes: float


def node_ceilings(nodes: Iterable[Node]) -> Ceilings:
    """Largest allocatable over the nodes."""
    cores = [node.allocatable.cpu_cores for node in nodes if node.allocatable.cpu_cores]
    memory = [node.allocatable.memory_bytes for node in nodes if node.allocatable.memory_bytes]
    return Ceilings(max(cores, default=np.inf), float(max(memory, default=np.inf)))


@dataclass(frozen=True, slots=True)
class OomEvidence:
    """What OOM kills of one container tell.

    Attributes:
        floor: bytes that the memory request should have; 0 = no kill, or none that still counts.
        kills: number of kills in the window, those that no longer count included.
        rising: kills that still count came at two limits or more, none below the one before: more memory did not
            end them.
    """

    floor: float = 0.0
    kills: int = 0
    rising: bool = False


def oom_evidence(
    events: "pd.DataFrame", today: float | None, policy: "RequestsPolicy", now: float, image_since: float
) -> OomEvidence:
    """What observed OOM kills ask for: the limit at the kill x factor, the highest over kills.

    A kill counts in full for ``oom_hold_days``, fades over ``oom_fade_days``, and not at all before a new image.

    Args:
        events: rows of one container (columns of ``EVENT_COLUMNS``).
        today: today's limit, else request, in bytes: stands in where the event does not tell the limit.
        policy: factor and times.
        now: Unix seconds, end of the window.
        image_since: Unix seconds since when the container runs its image; -inf = always.
    """
    kills = events[events["kind"] == "oom_kill"].sort_values("time", kind="stable")
    if kills.empty:
        return OomEvidence()
    limits = kills["memory_limit_bytes"].fillna(today if today is not None else np.nan).to_numpy(dtype=np.float64)
    times = kills["time"].to_numpy(dtype=np.float64)
    age_days = np.maximum(now - times, 0.0) / SECONDS_PER_DAY
    faded = (age_days - policy.oom_hold_days) / max(policy.oom_fade_days, 1e-9)
    weight = np.where(times >= image_since, np.clip(1.0 - np.maximum(faded, 0.0), 0.0, 1.0), 0.0)
    floors = limits * policy.oom_factor * weight
    floor = float(np.nanmax(floors)) if np.isfinite(floors).any() else 0.0
    steps = np.diff(limits[np.isfinite(limits) & (weight > 0)])
    rising = bool((steps > 0).any() and (steps >= 0).all())
    return OomEvidence(floor, int(kills["count"].sum()), rising)


def cpu_bounds(
    container: Container,
    policy: "WorkloadPolicy",
    limit_ranges: Sequence[LimitRangeItem],
    ceilings: Ceilings,
    needs: Needs,
) -> Bounds:
    """Interval of the CPU request in cores."""
    bounds = Bounds()
    today = requested(container, "cpu")
    _policy_bounds(bounds, policy.requests.cpu_min, policy.requests.cpu_max, "cpu")
    text = f"at least its median use of {human_cpu(needs.median)}"
    bounds.at_least(needs.median, "median_use", text)
    if needs.throttled > THROTTLED_SHARE and today > 0:
        text = f"throttled in {needs.throttled:.0%} of its CPU periods: the usage seen is not the demand"
        bounds.at_least(today, "throttled", text)
        bounds.notes.append(text)
    if needs.pressure > WAITING_SHARE and today > 0:
        text = f"its tasks waited for CPU in {needs.pressure:.0%} of the time (PSI): the usage seen is not the demand"
        bounds.at_least(today, "cpu_pressure", text)
        bounds.notes.append(text)
    if needs.guaranteed:
        text = f"Guaranteed: its limit equals its request, and {human_cpu(needs.highest)} were used"
        bounds.at_least(needs.highest, "guaranteed_burst", text)
    _ratio_floor(bounds, limit_ranges, "cpu", needs.limit_floor)
    _limit_range_bounds(bounds, limit_ranges, "cpu")
    _node_bound(bounds, max(ceilings.cpu_cores, today), f"the largest node has {human_cpu(ceilings.cpu_cores)} cores")
    bounds.settle()
    return bounds


def memory_bounds(
    container: Container,
    policy: "WorkloadPolicy",
    limit_ranges: Sequence[LimitRangeItem],
    ceilings: Ceilings,
    needs: Needs,
) -> Bounds:
    """Interval of the memory request in bytes."""
    bounds = Bounds()
    today = requested(container, "memory")
    _policy_bounds(bounds, policy.requests.memory_min, policy.requests.memory_max, "memory")
    margin = policy.requests.memory_margin
    bounds.at_least(
        needs.highest * (1 + margin),
        "peak",
        f"highest peak seen {human_memory(needs.highest)} and {margin:.0%} over it",
    )
    if needs.oom_floor > 0:
        text = f"OOM-killed {needs.oom_kills} times: at least {human_memory(needs.oom_floor)}"
        bounds.at_least(needs.oom_floor, "oom_floor", text)
    if container.heap_bytes is not None:
        heap = float(container.heap_bytes)
        text = f"its heap is set to {human_memory(heap)} ({container.heap_source})"
        bounds.at_least(heap, "heap", text)
        bounds.notes.append("a fixed heap hides what it needs: usage follows the heap's size")
    _ratio_floor(bounds, limit_ranges, "memory", needs.limit_floor)
    _limit_range_bounds(bounds, limit_ranges, "memory")
    _node_bound(
        bounds,
        max(ceilings.memory_bytes, today),
        f"the largest node has {human_memory(ceilings.memory_bytes)} of memory",
    )
    bounds.settle()
    return bounds


def _node_bound(bounds: Bounds, ceiling: float, text: str) -> None:
    """No request beyond the largest node; never below today's, for its node may only be away for now."""
    bounds.at_most(ceiling, "node_size", text)


def _ratio_floor(bounds: Bounds, limit_ranges: Sequence[LimitRangeItem], resource: str, limit_floor: float) -> None:
    """A limit that may be at most k times the request asks for a request of its own floor / k."""
    for item in limit_ranges:
        ratio = item.max_limit_request_ratio.get(resource)
        if item.type == "Container" and ratio and limit_floor > 0:
            text = f"LimitRange {item.name}: the limit that its use asks for may be {ratio:g} x the request at most"
            bounds.at_least(limit_floor / ratio, "limit_range_ratio", text)


def _policy_bounds(bounds: Bounds, lowest: float, highest: float | None, resource: str) -> None:
    show = human_cpu if resource == "cpu" else human_memory
    bounds.at_least(lowest, "policy_min", f"the policy's minimum is {show(lowest)}")
    if highest is not None:
        bounds.at_most(highest, "policy_max", f"the policy's maximum is {show(highest)}")


def _limit_range_bounds(bounds: Bounds, limit_ranges: Sequence[LimitRangeItem], resource: str) -> None:
    show = human_cpu if resource == "cpu" else human_memory
    for item in limit_ranges:
        if item.type != "Container":
            continue
        if resource in item.min:
            text = f"LimitRange {item.name}: at least {show(item.min[resource])}"
            bounds.at_least(item.min[resource], "limit_range_min", text)
        if resource in item.max:
            text = f"LimitRange {item.name}: at most {show(item.max[resource])}"
            bounds.at_most(item.max[resource], "limit_range_max", text)
