"""Requests and limits: from the sized candidates to recommendations with their whole story."""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from planner.decisions.candidates import Candidate, Candidates, LeftAlone
from planner.decisions.eligibility import Refusal, declared_of, is_guaranteed
from planner.decisions.facts import Facts
from planner.decisions.limits import Evidence as LimitEvidence
from planner.decisions.limits import propose_values, round_request
from planner.decisions.sizing import Sizing
from planner.decisions.wording import request_detail
from planner.domain.pod_request import PlannedWorkload, amount
from planner.domain.workload import Container, ContainerRole, Resources, Workload
from planner.plan.schema import Detail
from planner.units import MIB, format_cpu, format_memory
from solvers.risk import Binding


@dataclass(slots=True)
class ContainerPlan:
    """A container with new values.

    Attributes:
        workload_row: in ``Facts.workloads``.
        before, after: the container today and planned.
        items: positions of its candidates that really change, by resource.
        details: why each value is what it is.
    """

    workload_row: int
    before: Container
    after: Container
    items: dict[str, int]
    details: list[Detail]


@dataclass(slots=True)
class RequestsPlan:
    """All containers that change, all that do not, and every workload as it will run."""

    changes: list[ContainerPlan]
    left_alone: list[LeftAlone]
    planned: list[PlannedWorkload]


def plan_requests(facts: Facts, candidates: Candidates, sizing: Sizing) -> RequestsPlan:
    """Round the chosen requests, add limits, drop changes that are too small, and keep quotas after rounding."""
    chosen = _rounded(candidates.items, sizing)
    left_alone = list(candidates.left_alone)
    by_workload: dict[int, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for position, item in enumerate(candidates.items):
        by_workload[item.workload_row][item.container.name][item.resource] = position
    changes: list[ContainerPlan] = []
    for row, containers in sorted(by_workload.items()):
        made = []
        for name, positions in containers.items():
            change, too_small = _plan_container(facts, candidates.items, sizing, chosen, row, positions)
            if too_small:
                left_alone.append(_already_right(row, name, too_small))
            if change is not None:
                made.append(change)
        _keep_class(facts.workloads[row], made)
        changes += made
    return RequestsPlan(changes, left_alone, _planned(facts, changes))


def _rounded(items: list[Candidate], sizing: Sizing) -> list[float]:
    """Rounded requests; where a namespace would pass its quota by rounding, to the finest step."""
    ceilings = [item.bounds.upper for item in items]
    chosen = [
        round_request(float(value), item.resource, ceiling)
        for value, item, ceiling in zip(sizing.request, items, ceilings, strict=True)
    ]
    for row in sizing.quota_rows:
        asked = sum(chosen[i] * pods for i, pods in zip(row.items, row.pods, strict=True))
        if asked > row.room:
            for i in row.items:
                chosen[i] = round_request(float(sizing.request[i]), items[i].resource, ceilings[i], finest=True)
    return chosen


def _plan_container(
    facts: Facts,
    items: list[Candidate],
    sizing: Sizing,
    chosen: list[float],
    row: int,
    positions: dict[str, int],
) -> tuple[ContainerPlan | None, dict[str, float]]:
    """The change of one container, and the resources whose change is too small to be worth a roll-out."""
    first = items[next(iter(positions.values()))]
    container = first.container
    worthwhile: dict[str, int] = {}
    too_small: dict[str, int] = {}
    for resource, position in positions.items():
        target = worthwhile if _is_worthwhile(items[position], chosen[position], sizing, position) else too_small
        target[resource] = position
    if not worthwhile:
        return None, {resource: chosen[position] for resource, position in too_small.items()}
    workload = facts.workloads[row]
    values = propose_values(
        container,
        {resource: chosen[position] for resource, position in worthwhile.items()},
        first.policy,
        facts.limit_ranges.get(workload.namespace, []),
        _limit_evidence(facts, items, workload, positions, first),
    )
    details = [
        request_detail(facts, items[position], sizing, position, chosen[position]) for position in worthwhile.values()
    ]
    after = replace(container, requests=values.requests, limits=values.limits)
    change = ContainerPlan(row, container, after, dict(worthwhile), details + values.details)
    return change, {resource: chosen[position] for resource, position in too_small.items()}


def _is_worthwhile(item: Candidate, value: float, sizing: Sizing, position: int) -> bool:
    """Whether a change is large enough, or there is a need for it whatever its size."""
    now = amount(item.container.requests, item.resource)
    if now is None:
        now = amount(item.container.limits, item.resource)
    if now is None:
        return True
    if value > now and item.bounds.lower_code == "oom_floor":
        return True
    if now > item.bounds.upper or (value < now and sizing.binding[position] == Binding.BUDGET):
        return value != now
    change = item.policy.change
    least = change.min_cpu if item.resource == "cpu" else change.min_memory
    return bool(abs(value - now) >= max(least, change.min_relative * now) - 1e-9)


def _limit_evidence(
    facts: Facts, items: list[Candidate], workload: Workload, positions: dict[str, int], first: Candidate
) -> LimitEvidence:
    highest, floor = {}, {}
    for resource, position in positions.items():
        history = facts.history.cpu if resource == "cpu" else facts.history.memory
        highest[resource] = float(np.nan_to_num(history.highest[items[position].history_row]))
        if resource == "memory":
            floor[resource] = items[position].bounds.lower
    counted = {
        resource
        for quota in facts.quotas.get(workload.namespace, [])
        for resource in ("cpu", "memory")
        if f"limits.{resource}" in quota.hard
    }
    guaranteed = first.policy.limits.keep_qos_class and is_guaranteed(declared_of(workload, first.container))
    return LimitEvidence(highest, floor, frozenset(counted), guaranteed)


def _keep_class(workload: Workload, changes: list[ContainerPlan]) -> None:
    """A Burstable pod must not turn Guaranteed because its new requests happen to equal its limits."""
    by_template: dict[str | None, list[ContainerPlan]] = defaultdict(list)
    for change in changes:
        by_template[change.before.template].append(change)
    for own in by_template.values():
        declared = declared_of(workload, own[0].before)
        after = {change.before.name: change.after for change in own}
        planned = [after.get(container.name, container) for container in declared]
        if is_guaranteed(planned) and not is_guaranteed(declared):
            _loosen(own[0])


def _loosen(change: ContainerPlan) -> None:
    memory = change.after.limits.memory_bytes or 0
    change.after = replace(change.after, limits=replace(change.after.limits, memory_bytes=memory + MIB))
    text = "one MiB over the request: the pod stays Burstable"
    change.details = [d for d in change.details if d.field != "limits.memory"]
    change.details.append(Detail(field="limits.memory", code="qos_burstable", text=text))


def _already_right(row: int, container: str, resources: dict[str, float]) -> LeftAlone:
    text = "the change would be smaller than the policy's change.min_relative or the least amount"
    return LeftAlone(row, container, tuple(sorted(resources)), Refusal("already_right", text))


def _planned(facts: Facts, changes: list[ContainerPlan]) -> list[PlannedWorkload]:
    after = {(change.workload_row, change.before.name): change.after for change in changes}
    return [
        PlannedWorkload(
            workload=workload,
            containers=tuple(after.get((row, container.name), container) for container in workload.containers),
            replicas=facts.replicas(row),
            mean_pods=facts.template_pods(row),
        )
        for row, workload in enumerate(facts.workloads)
    ]


STRATEGIC_KINDS = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "CronJob", "ReplicaSet", "ReplicationController"}
)


def patch_route(workload: Workload, container: Container) -> dict[str, Any]:
    """How a change reaches the object: kustomize merges lists by name only for built-in kinds."""
    declared = declared_of(workload, container)
    lists = {
        "containers": [c.name for c in declared if c.role is ContainerRole.APP],
        "initContainers": [c.name for c in declared if c.role is not ContainerRole.APP],
    }
    path = workload.template_path
    if container.template is not None and workload.templates_reachable:
        path = container.template
    where = "containers" if container.role is ContainerRole.APP else "initContainers"
    why_none = ""
    if workload.kind == "Pod":
        why_none = "a bare pod has no template: set the values where it is created"
    elif path is None:
        why_none = f"it is not known where kind {workload.kind} keeps its pod template"
    elif not workload.api_version:
        why_none = "its API version is not known without the Kubernetes API"
    method = "none" if why_none else "strategic-merge" if workload.kind in STRATEGIC_KINDS else "json-patch"
    route: dict[str, Any] = {
        "method": method,
        "template_path": path,
        "container_list": where,
        "container_index": lists[where].index(container.name),
        "container_names": lists[where],
        "why_none": why_none,
    }
    maps = [name for name, side in (("requests", container.requests), ("limits", container.limits)) if _any(side)]
    if maps:  # else `resources` may be missing or hold claims only: then a patch has to look first
        route["resource_maps"] = ["resources", *maps]
    return route


def _any(side: Resources) -> bool:
    return side.cpu_cores is not None or side.memory_bytes is not None or bool(side.extended)


def resources_json(resources: Resources) -> dict[str, str]:
    """CPU and memory as Kubernetes quantities; absent = not set."""
    values = {}
    if resources.cpu_cores is not None:
        values["cpu"] = format_cpu(resources.cpu_cores)
    if resources.memory_bytes is not None:
        values["memory"] = format_memory(resources.memory_bytes)
    return values
