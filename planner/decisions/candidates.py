"""From workloads to the (container, resource) pairs that may be sized, and the refusals of the others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.decisions.bounds import Bounds, cpu_bounds, memory_bounds, oom_floors
from planner.decisions.eligibility import (
    RESOURCES,
    Refusal,
    Seen,
    container_refusal,
    declared_of,
    evidence_refusal,
    hpa_refusals,
    is_best_effort,
    is_guaranteed,
    workload_refusal,
)
from planner.decisions.facts import Facts
from planner.decisions.scope import Scope
from planner.domain.workload import Container, ContainerRole, Workload
from planner.units import human_cpu
from planner.usage.history import ResourceHistory

if TYPE_CHECKING:
    from planner.config.workload_policy import WorkloadPolicy

SECONDS_PER_DAY = 86_400.0


@dataclass(slots=True)
class Candidate:
    """One resource of one container that may get another request.

    Attributes:
        workload_row: in ``Facts.workloads``.
        history_row: in ``Facts.history``.
        container: as declared.
        resource: ``cpu`` or ``memory``.
        policy: of its workload.
        bounds: of the request, cores or bytes.
        seen: evidence.
        oom_kills: memory only: kills seen in the window.
    """

    workload_row: int
    history_row: int
    container: Container
    resource: str
    policy: "WorkloadPolicy"
    bounds: Bounds
    seen: Seen
    oom_kills: int = 0


@dataclass(slots=True)
class LeftAlone:
    """A container, or a whole workload, with fields that stay as they are."""

    workload_row: int
    container: str | None
    resources: tuple[str, ...]
    refusal: Refusal


@dataclass(slots=True)
class Candidates:
    """What to size and what to leave alone."""

    items: list[Candidate]
    left_alone: list[LeftAlone]


def find_candidates(facts: Facts, scope: Scope) -> Candidates:
    """Sort every container and resource of the workloads in scope into sized and left alone."""
    found = Candidates([], [])
    for row, workload in enumerate(facts.workloads):
        if not scope.keeps(workload):
            continue
        policy = facts.effective[row].value
        scalers = facts.scalers_of(workload)
        refusal = workload_refusal(workload, policy, scalers, excluded=facts.effective[row].excluded)
        declared = [container for container in workload.containers if not container.injected]
        if refusal is None and policy.limits.keep_qos_class and is_best_effort(declared):
            refusal = Refusal(
                "best_effort_kept",
                "no container has requests or limits: any value would change its QoS class",
                "set limits.keep_qos_class: false",
            )
        if refusal is not None:
            found.left_alone.append(LeftAlone(row, None, RESOURCES, refusal))
            continue
        for container in workload.containers:
            _sort_container(facts, found, row, container)
    return found


def _sort_container(facts: Facts, found: Candidates, row: int, container: Container) -> None:
    workload = facts.workloads[row]
    policy = facts.effective[row].value
    refusal = container_refusal(container)
    if refusal is not None:
        found.left_alone.append(LeftAlone(row, container.name, RESOURCES, refusal))
        return
    by_hpa = hpa_refusals(container, facts.scalers_of(workload))
    refused: dict[Refusal, list[str]] = {}
    history_row = facts.history.row[row, container.name]
    for resource in RESOURCES:
        if resource not in policy.requests.resources:
            refused.setdefault(Refusal("resource_excluded", f"the policy leaves {resource} alone"), []).append(resource)
            continue
        history = facts.history.cpu if resource == "cpu" else facts.history.memory
        seen = _seen(facts, history, row, history_row, container)
        problem = by_hpa.get(resource) or evidence_refusal(container, seen, policy)
        if problem is not None:
            refused.setdefault(problem, []).append(resource)
            continue
        found.items.append(_candidate(facts, row, history_row, container, resource, seen))
    for problem, resources in refused.items():
        found.left_alone.append(LeftAlone(row, container.name, tuple(resources), problem))


def _seen(facts: Facts, history: ResourceHistory, row: int, history_row: int, container: Container) -> Seen:
    """Samples, days and coverage. Coverage is over the time that the workload's pods ran, so jobs count too."""
    step = facts.snapshot.header.step_seconds
    samples = int(history.samples[history_row])
    span_days = 0.0
    if samples:
        span_days = (history.last_step[history_row] - history.first_step[history_row] + 1) * step / SECONDS_PER_DAY
    expected = facts.counts.container_seconds.get((row, container.name), 0.0) / step
    if container.role is ContainerRole.INIT or expected <= 0:
        return Seen(samples, float(span_days), 1.0 if samples else 0.0)
    return Seen(samples, float(span_days), min(1.0, samples / expected))


def _candidate(facts: Facts, row: int, history_row: int, container: Container, resource: str, seen: Seen) -> Candidate:
    workload: Workload = facts.workloads[row]
    policy = facts.effective[row].value
    limit_ranges = facts.limit_ranges.get(workload.namespace, [])
    kills = 0
    if resource == "cpu":
        throttled = float(np.nan_to_num(facts.history.throttled[history_row]))
        bounds = cpu_bounds(container, policy, limit_ranges, facts.ceilings, throttled)
        if policy.limits.keep_qos_class and is_guaranteed(declared_of(workload, container)):
            highest = float(facts.history.cpu.highest[history_row])
            text = f"Guaranteed: its limit equals its request, and {human_cpu(highest)} were used"
            bounds.at_least(highest, "guaranteed_burst", text)
            bounds.settle()
    else:
        floor = 0.0
        events = facts.events.get((row, container.name))
        if events is not None:
            limit = container.limits.memory_bytes
            floor, kills = oom_floors(events, None if limit is None else float(limit), policy.requests.oom_factor)
        highest = float(facts.history.memory.highest[history_row])
        bounds = memory_bounds(container, policy, limit_ranges, facts.ceilings, highest, floor)
    if container.role is ContainerRole.INIT:
        _keep_init_peak(bounds, facts, history_row, resource)
    return Candidate(row, history_row, container, resource, policy, bounds, seen, kills)


def _keep_init_peak(bounds: Bounds, facts: Facts, history_row: int, resource: str) -> None:
    """An init container runs alone and short: it gets the most that was seen, not a quantile of it."""
    history = facts.history.cpu if resource == "cpu" else facts.history.memory
    bounds.at_least(float(history.highest[history_row]), "init_peak", "an init container keeps its highest use seen")
    bounds.settle()
