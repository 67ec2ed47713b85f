"""What a request may be, whatever the risk curve says: floors and ceilings with their names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from planner.domain.node import Node
from planner.domain.policy_objects import LimitRangeItem
from planner.domain.workload import Container
from planner.units import human_cpu, human_memory

if TYPE_CHECKING:
    import pandas as pd

    from planner.config.workload_policy import WorkloadPolicy

THROTTLED_SHARE = 0.05
"""Above this mean share of throttled periods the seen CPU usage is cut off at the limit, not the demand."""


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
            self.lower = self.upper


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


def oom_floors(events: "pd.DataFrame", fallback_limit: float | None, factor: float) -> tuple[float, int]:
    """Memory that an observed OOM kill asks for: the limit at the kill x factor, the highest over kills.

    Args:
        events: rows of one container (columns of ``EVENT_COLUMNS``).
        fallback_limit: limit to assume where the event does not tell it, bytes.
        factor: e.g. 1.2.

    Returns:
        Bytes (0 = no kill, or no limit known) and the number of kills.
    """
    kills = events[events["kind"] == "oom_kill"]
    if kills.empty:
        return 0.0, 0
    limits = kills["memory_limit_bytes"].fillna(fallback_limit if fallback_limit is not None else np.nan)
    highest = float(limits.max()) if limits.notna().any() else 0.0
    return highest * factor, int(kills["count"].sum())


def cpu_bounds(
    container: Container,
    policy: "WorkloadPolicy",
    limit_ranges: Sequence[LimitRangeItem],
    ceilings: Ceilings,
    throttled: float,
) -> Bounds:
    """Interval of the CPU request in cores."""
    bounds = Bounds()
    _policy_bounds(bounds, policy.requests.cpu_min, policy.requests.cpu_max, "cpu")
    _limit_range_bounds(bounds, limit_ranges, "cpu")
    bounds.at_most(ceilings.cpu_cores, "node_size", f"the largest node has {human_cpu(ceilings.cpu_cores)} cores")
    if throttled > THROTTLED_SHARE and container.requests.cpu_cores is not None:
        text = f"throttled in {throttled:.0%} of its CPU periods: the usage seen is not the demand"
        bounds.at_least(container.requests.cpu_cores, "throttled", text)
        bounds.notes.append(text)
    bounds.settle()
    return bounds


def memory_bounds(
    container: Container,
    policy: "WorkloadPolicy",
    limit_ranges: Sequence[LimitRangeItem],
    ceilings: Ceilings,
    highest: float,
    oom_floor: float,
) -> Bounds:
    """Interval of the memory request in bytes.

    Args:
        container: as declared.
        policy: of its workload.
        limit_ranges: of its namespace.
        ceilings: of the cluster's nodes.
        highest: highest sample, bytes.
        oom_floor: see :func:`oom_floors`.
    """
    bounds = Bounds()
    _policy_bounds(bounds, policy.requests.memory_min, policy.requests.memory_max, "memory")
    margin = policy.requests.memory_margin
    bounds.at_least(
        highest * (1 + margin), "peak", f"highest peak seen {human_memory(highest)} and {margin:.0%} over it"
    )
    factor = policy.requests.oom_factor
    if oom_floor > 0:
        bounds.at_least(
            oom_floor,
            "oom_floor",
            f"OOM-killed at {human_memory(oom_floor / factor)}: at least {factor:g} x that",
        )
    if container.heap_bytes is not None:
        bounds.at_least(
            float(container.heap_bytes),
            "heap",
            f"its heap is set to {human_memory(container.heap_bytes)} ({container.heap_source})",
        )
        bounds.notes.append("a fixed heap hides what it needs: usage follows the heap's size")
    _limit_range_bounds(bounds, limit_ranges, "memory")
    bounds.at_most(
        ceilings.memory_bytes, "node_size", f"the largest node has {human_memory(ceilings.memory_bytes)} of memory"
    )
    bounds.settle()
    return bounds


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
            bounds.at_least(
                item.min[resource], "limit_range_min", f"LimitRange {item.name}: at least {show(item.min[resource])}"
            )
        if resource in item.max:
            bounds.at_most(
                item.max[resource], "limit_range_max", f"LimitRange {item.name}: at most {show(item.max[resource])}"
            )
