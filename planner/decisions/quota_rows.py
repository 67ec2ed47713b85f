"""ResourceQuotas on requests, as rows of the sizing program.

Each quota gives two rows: what runs in steady state must fit, and so must the most that may run at once (an
autoscaler's maximum, a roll-out's surge). Where today's requests pass the quota already, they must only not grow
any further.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.candidates import Candidate
from planner.decisions.eligibility import is_best_effort
from planner.decisions.facts import Facts
from planner.decisions.limits import FINEST
from planner.domain.pod_request import effective_request, requested
from planner.domain.policy_objects import ResourceQuota
from planner.domain.workload import Container, ContainerRole, Workload

RESOURCES = ("cpu", "memory")
JOB_KINDS = ("Job", "CronJob")
PodCount = Callable[[Facts, int, Container], float]
POD_COUNTS: Mapping[str, PodCount] = {
    "quota_covers_requests": lambda facts, row, container: facts.steady_pods(row, container),
    "quota_covers_rollouts": lambda facts, row, container: facts.most_pods(row, container),
}
"""Rule -> how many pods of a container it counts."""


@dataclass(slots=True)
class QuotaRow:
    """One ResourceQuota line as a row of the program.

    Attributes:
        rule: key of ``POD_COUNTS``.
        name: ``rule[namespace/quota/resource]``.
        items: rows of the candidates.
        pods: (item,) pods at once.
        room: cores or bytes left for these items.
        hard: the quota itself.
        undecided: what its other pods and containers request, cores or bytes.
        resource: ``cpu`` or ``memory``.
    """

    rule: str
    name: str
    items: NDArray[np.intp]
    pods: NDArray[np.float64]
    room: float
    hard: float
    undecided: float
    resource: str


def quota_rows(facts: Facts, items: list[Candidate]) -> list[QuotaRow]:
    """Rows for the ResourceQuotas on requests."""
    by_namespace: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, item in enumerate(items):
        if item.container.role is not ContainerRole.INIT:
            by_namespace[facts.workloads[item.workload_row].namespace, item.resource].append(position)
    rows = []
    for namespace, quotas in sorted(facts.quotas.items()):
        for quota in sorted(quotas, key=lambda q: q.name):
            for resource in RESOURCES:
                counted = [
                    p
                    for p in by_namespace.get((namespace, resource), [])
                    if quota_counts(quota, facts.workloads[items[p].workload_row])
                ]
                hard = quota_hard(quota, "requests", resource)
                if hard is not None and counted:
                    rows += [_row(facts, rule, quota, resource, hard, items, counted) for rule in POD_COUNTS]
    return rows


def _row(
    facts: Facts,
    rule: str,
    quota: ResourceQuota,
    resource: str,
    hard: float,
    items: list[Candidate],
    counted: list[int],
) -> QuotaRow:
    pods = np.array([POD_COUNTS[rule](facts, items[p].workload_row, items[p].container) for p in counted])
    today = sum(requested(items[p].container, resource) * n for p, n in zip(counted, pods, strict=True))
    undecided = _undecided(
        facts, rule, quota, resource, {(items[p].workload_row, items[p].container.name) for p in counted}
    )
    room = max(hard - undecided, float(today)) - float(pods.sum()) * FINEST[resource]  # rounding up must still fit
    name = f"{rule}[{quota.namespace}/{quota.name}/{resource}]"
    return QuotaRow(rule, name, np.array(counted, dtype=np.intp), pods, room, hard, undecided, resource)


def _undecided(facts: Facts, rule: str, quota: ResourceQuota, resource: str, decided: set[tuple[int, str]]) -> float:
    """What a quota's pods request beyond the decided containers: other containers, init steps, overhead."""
    total = 0.0
    for row in facts.rows_of_namespace.get(quota.namespace, []):
        workload = facts.workloads[row]
        if not quota_counts(quota, workload):
            continue
        for pod in pods_of(workload):
            request = effective_request(workload, pod)
            whole = request.cpu_cores if resource == "cpu" else request.memory_bytes
            inside = sum(requested(c, resource) for c in pod if (row, c.name) in decided)
            total += (whole - inside) * POD_COUNTS[rule](facts, row, pod[0])
    return total


def pods_of(workload: Workload) -> list[list[Container]]:
    """Containers of a pod of each template, declared ones first; injected ones are in every pod."""
    injected = [container for container in workload.containers if container.injected]
    templates: dict[str | None, list[Container]] = {}
    for container in workload.containers:
        if not container.injected:
            templates.setdefault(container.template, []).append(container)
    return [[*own, *injected] for own in templates.values()]


def quota_hard(quota: ResourceQuota, side: str, resource: str) -> float | None:
    """Hard limit of a quota: ``requests.cpu`` may be written ``cpu``."""
    hard = quota.hard.get(f"{side}.{resource}")
    return quota.hard.get(resource) if hard is None and side == "requests" else hard


def quota_counts(quota: ResourceQuota, workload: Workload) -> bool:
    """Whether a quota counts the pods of a workload; a scope that cannot be judged here counts them."""
    for scope in quota.scopes:
        if scope == "BestEffort" and not is_best_effort(workload.containers):
            return False
        if scope == "Terminating" and workload.kind not in JOB_KINDS:
            return False
        if scope == "NotTerminating" and workload.kind in JOB_KINDS:
            return False
    return True
