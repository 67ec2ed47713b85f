"""From workloads to the (container, resource) pairs that may be sized, and the refusals of the others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.decisions.bounds import (
    HEAP_SHARE_OF_LIMIT,
    THROTTLED_SHARE,
    Bounds,
    Needs,
    OomEvidence,
    cpu_bounds,
    memory_bounds,
    oom_evidence,
)
from planner.decisions.eligibility import (
    RESOURCES,
    Refusal,
    Seen,
    container_refusal,
    declared_of,
    evidence_refusal,
    hpa_refusals,
    is_guaranteed,
    workload_refusal,
)
from planner.decisions.facts import Facts
from planner.decisions.scope import Scope
from planner.domain.pod_request import amount
from planner.domain.workload import Container, ContainerRole, Workload
from planner.units import human_memory
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
        needs: what its use asks for.
    """

    workload_row: int
    history_row: int
    container: Container
    resource: str
    policy: "WorkloadPolicy"
    bounds: Bounds
    seen: Seen
    needs: Needs


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
        if refusal is not None:
            found.left_alone.append(LeftAlone(row, None, RESOURCES, refusal))
            continue
        for container in workload.containers:
            _sort_container(facts, found, row, container)
    return found


def _sort_container(facts: Facts, found: Candidates, row: int, container: Container) -> None:
    workload = facts.workloads[row]
    policy = facts.effective[row].value
    refusal = container_refusal(workload, container, keep_qos_class=policy.limits.keep_qos_class)
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
        item = _candidate(facts, row, history_row, container, resource, seen)
        stuck = _cannot_grow(item, facts.policy.horizon_days)
        if stuck is not None:
            refused.setdefault(stuck, []).append(resource)
            continue
        found.items.append(item)
    for problem, resources in refused.items():
        found.left_alone.append(LeftAlone(row, container.name, tuple(resources), problem))


def _seen(facts: Facts, history: ResourceHistory, row: int, history_row: int, container: Container) -> Seen:
    """Samples, days and coverage. Coverage is over the time that the workload's pods ran, so jobs count too."""
    step = facts.snapshot.header.step_seconds
    samples = int(history.samples[history_row])
    span_days = 0.0
    if samples:
        span_days = (history.last_step[history_row] - history.first_step[history_row] + 1) * step / SECONDS_PER_DAY
        span_days = min(span_days, float(np.isfinite(history.day_peak[history_row]).sum()))
    expected = facts.counts.container_seconds.get((row, container.name), 0.0) / step
    if container.role is ContainerRole.INIT or expected <= 0:
        return Seen(samples, float(span_days), 1.0 if samples else 0.0)
    return Seen(samples, float(span_days), min(1.0, samples / expected))


def _candidate(facts: Facts, row: int, history_row: int, container: Container, resource: str, seen: Seen) -> Candidate:
    workload: Workload = facts.workloads[row]
    policy = facts.effective[row].value
    limit_ranges = facts.limit_ranges.get(workload.namespace, [])
    needs = _needs(facts, row, history_row, container, resource)
    bounds_of = cpu_bounds if resource == "cpu" else memory_bounds
    bounds = bounds_of(container, policy, limit_ranges, facts.ceilings, needs)
    if container.role is ContainerRole.INIT:
        _keep_init_peak(bounds, needs)
    return Candidate(row, history_row, container, resource, policy, bounds, seen, needs)


def _needs(facts: Facts, row: int, history_row: int, container: Container, resource: str) -> Needs:
    workload = facts.workloads[row]
    policy = facts.effective[row].value
    history = facts.history.cpu if resource == "cpu" else facts.history.memory
    highest = float(history.highest[history_row])
    guaranteed = policy.limits.keep_qos_class and is_guaranteed(declared_of(workload, container))
    limit = facts.limit_today(workload, container, resource)
    if resource == "cpu":
        throttled = float(np.nan_to_num(facts.history.throttled[history_row]))
        floor = 0.0 if limit is None else limit if throttled > THROTTLED_SHARE else min(highest, limit)
        median = float(history.told()[history_row, 0])
        pressure = float(np.nan_to_num(facts.history.cpu_pressure[history_row]))
        return Needs(highest, floor, median=median, throttled=throttled, pressure=pressure, guaranteed=guaranteed)
    oom = OomEvidence()
    events = facts.events.get((row, container.name))
    if events is not None:
        today = limit if limit is not None else amount(container.requests, "memory")
        since = facts.image_since.get((row, container.name), -np.inf)
        oom = oom_evidence(events, today, policy.requests, facts.snapshot.header.end, since)
    heap = (container.heap_bytes or 0) / HEAP_SHARE_OF_LIMIT
    floor = max(highest * (1 + policy.requests.memory_margin), oom.floor, heap)
    return Needs(
        highest,
        floor,
        oom_floor=oom.floor,
        oom_kills=oom.kills,
        oom_rising=oom.rising,
        growth_per_day=float(facts.risk.memory.growth_per_day[history_row]),
    )


def _cannot_grow(item: Candidate, horizon_days: int) -> Refusal | None:
    """More memory every night is no cure where the node, a LimitRange or the policy ends it: say what is wrong."""
    needs, bounds = item.needs, item.bounds
    if item.resource != "memory" or not bounds.upper_code:
        return None
    growing = needs.growth_per_day > 0
    ahead = needs.highest + needs.growth_per_day * horizon_days
    if growing and ahead > bounds.upper:
        text = (
            f"its daily peak grows by {human_memory(needs.growth_per_day)} a day and passes what it can have within"
            f" {horizon_days} days: {bounds.upper_text}"
        )
        return Refusal("leak", text, "find the leak, or raise that ceiling if the growth is meant")
    if needs.oom_floor <= bounds.upper:
        return None
    asked = f"{needs.oom_kills} OOM kills ask for {human_memory(needs.oom_floor)}, but {bounds.upper_text}"
    if growing or needs.oom_rising:
        growth = f", and its peaks grow by {human_memory(needs.growth_per_day)} a day" if growing else ""
        return Refusal("leak", f"{asked}{growth}: more memory only puts the next kill off", "find the leak")
    if bounds.upper_code == "node_size":
        return Refusal("too_small_node", asked, "add a node type with more memory, or make it use less")
    return Refusal("too_small_ceiling", asked, "raise that ceiling, or make it use less")


def _keep_init_peak(bounds: Bounds, needs: Needs) -> None:
    """An init container runs alone and short: it gets the most that was seen, not a quantile of it."""
    bounds.at_least(needs.highest, "init_peak", "an init container keeps its highest use seen")
    bounds.settle()
