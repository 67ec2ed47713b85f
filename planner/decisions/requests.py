"""Requests and limits: from the sized candidates to recommendations with their whole story."""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from planner.decisions.backtest_gate import Held, why_not
from planner.decisions.candidates import Candidate, Candidates, LeftAlone
from planner.decisions.changes import ContainerPlan
from planner.decisions.eligibility import Refusal, declared_of, is_guaranteed
from planner.decisions.facts import Facts
from planner.decisions.final_checks import take_back
from planner.decisions.limits import LimitFacts, propose_values, round_value
from planner.decisions.sizing import Sizing
from planner.decisions.wording import request_detail
from planner.domain.pod_request import PlannedWorkload, requested
from planner.domain.workload import Container, ContainerRole, Resources, Workload
from planner.units import format_cpu, format_memory

BURST_INSIDE_STEP = 2.5
"""Highest moment over mean of a 5-minute step, in the busiest hundredth of the steps: the median over 89 virtual
machines of Azure's 2017 trace, which tells both (Cortez et al., SOSP 2017; CC-BY 4.0). A limit throttles the moment."""


@dataclass(slots=True)
class RequestsPlan:
    """All containers that change, all that do not, and every workload as it will run."""

    changes: list[ContainerPlan]
    left_alone: list[LeftAlone]
    planned: list[PlannedWorkload]


def plan_requests(facts: Facts, candidates: Candidates, sizing: Sizing, held: dict[int, Held]) -> RequestsPlan:
    """Round the chosen requests, add limits, and drop what is too small, failed its backtest, or a cluster refuses."""
    chosen = _rounded(candidates.items, sizing)
    left_alone = list(candidates.left_alone)
    by_workload: dict[int, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for position, item in enumerate(candidates.items):
        by_workload[item.workload_row][item.container.name][item.resource] = position
    tight = _positions_under_tight_quotas(sizing)
    changes: list[ContainerPlan] = []
    for row, containers in sorted(by_workload.items()):
        for name, positions in containers.items():
            worthwhile = {
                resource: position
                for resource, position in positions.items()
                if _is_worthwhile(candidates.items[position], chosen[position], under_tight_quota=position in tight)
            }
            too_small = sorted(positions.keys() - worthwhile.keys())
            if too_small:
                left_alone.append(_already_right(row, name, too_small))
            for resource, refused in _failed_backtests(candidates.items, chosen, worthwhile, held).items():
                left_alone.append(LeftAlone(row, name, (resource,), refused))
                del worthwhile[resource]
            if worthwhile:
                changes.append(_plan_container(facts, candidates.items, sizing, chosen, row, worthwhile))
    taken: dict[tuple[int, str, Refusal], list[str]] = defaultdict(list)
    for change, resource, refusal in take_back(facts, changes):
        taken[change.workload_row, change.before.name, refusal].append(resource)
    for (row, name, refusal), resources in taken.items():
        left_alone.append(LeftAlone(row, name, tuple(sorted(resources)), refusal))
    changes = [change for change in changes if change.items]
    return RequestsPlan(changes, left_alone, _planned(facts, changes))


def _rounded(items: list[Candidate], sizing: Sizing) -> list[float]:
    """Rounded requests; where a namespace would pass its quota by rounding, to the finest step."""

    def rounded(position: int, *, finest: bool) -> float:
        item = items[position]
        value, bounds = float(sizing.request[position]), item.bounds
        return round_value(value, item.resource, floor=bounds.lower, ceiling=bounds.upper, finest=finest)

    chosen = [rounded(position, finest=False) for position in range(len(items))]
    for row in sizing.quota_rows:
        asked = sum(chosen[i] * pods for i, pods in zip(row.items, row.pods, strict=True))
        if asked > row.room:
            for i in row.items:
                chosen[i] = rounded(int(i), finest=True)
    return chosen


def _positions_under_tight_quotas(sizing: Sizing) -> set[int]:
    """Candidates whose quota has no room left: what one of them frees, another has been given."""
    tight: set[int] = set()
    for row, dual, missing in zip(sizing.quota_rows, sizing.quota_dual, sizing.quota_missing, strict=True):
        if abs(dual) > 0 or missing > 0:
            tight |= set(row.items.tolist())
    return tight


def _plan_container(
    facts: Facts,
    items: list[Candidate],
    sizing: Sizing,
    chosen: list[float],
    row: int,
    positions: dict[str, int],
) -> ContainerPlan:
    """The change of one container."""
    first = items[next(iter(positions.values()))]
    workload = facts.workloads[row]
    values = propose_values(
        first.container,
        {resource: chosen[position] for resource, position in positions.items()},
        first.policy,
        facts.limit_ranges.get(workload.namespace, []),
        _limit_facts(facts, items, workload, positions, first),
    )
    details = [
        request_detail(facts, items[position], sizing, position, chosen[position]) for position in positions.values()
    ]
    after = replace(first.container, requests=values.requests, limits=values.limits)
    return ContainerPlan(row, first.container, after, dict(positions), details + values.details)


def _is_worthwhile(item: Candidate, value: float, *, under_tight_quota: bool) -> bool:
    """Whether a change is large enough, or there is a need for it whatever its size."""
    now = requested(item.container, item.resource)
    if now <= 0:
        return True
    if value > now and item.bounds.lower_code == "oom_floor":
        return True
    if under_tight_quota or now > item.bounds.upper:
        return value != now
    change = item.policy.change
    least = change.min_cpu if item.resource == "cpu" else change.min_memory
    return bool(abs(value - now) >= max(least, change.min_relative * now) - 1e-9)


def _failed_backtests(
    items: list[Candidate], chosen: list[float], positions: dict[str, int], held: dict[int, Held]
) -> dict[str, Refusal]:
    """Reductions that the days held back speak against."""
    refused = {}
    for resource, position in positions.items():
        item = items[position]
        problem = why_not(item, held.get(position)) if chosen[position] < requested(item.container, resource) else None
        if problem is not None:
            refused[resource] = problem
    return refused


def _limit_facts(
    facts: Facts, items: list[Candidate], workload: Workload, positions: dict[str, int], first: Candidate
) -> LimitFacts:
    limits = {name: facts.limit_today(workload, first.container, name) for name in positions}
    counted = {
        name
        for name in positions
        if facts.default_limit(workload.namespace, name) is not None
        or any(f"limits.{name}" in quota.hard for quota in facts.quotas.get(workload.namespace, []))
    }
    guaranteed = first.policy.limits.keep_qos_class and is_guaranteed(declared_of(workload, first.container))
    return LimitFacts(
        today={name: limit for name, limit in limits.items() if limit is not None},
        floor={name: _limit_floor(items[position], limits[name]) for name, position in positions.items()},
        must_exist=frozenset(counted),
        guaranteed=guaranteed,
    )


def _limit_floor(item: Candidate, limit_today: float | None) -> float:
    """Least limit: what its use asks for, and where a CPU limit follows its request, room for bursts inside a step."""
    needs = item.needs
    if item.resource != "cpu" or limit_today is None or item.policy.limits.cpu != "keep-ratio":
        return needs.limit_floor
    return max(needs.limit_floor, min(limit_today, needs.highest * BURST_INSIDE_STEP))


def _already_right(row: int, container: str, resources: list[str]) -> LeftAlone:
    text = "the change would be smaller than the policy's change.min_relative or the least amount"
    return LeftAlone(row, container, tuple(resources), Refusal("already_right", text))


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
