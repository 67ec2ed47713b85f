"""The autoscalers that can be replayed, with what the replay needs; and why others cannot."""

import math
from dataclasses import dataclass

import numpy as np

from planner.decisions.autoscaling.current import setting_of
from planner.decisions.facts import Facts, surge
from planner.decisions.node_pools.protection import fewest_by_budget
from planner.decisions.quota_rows import quota_counts, quota_hard
from planner.domain.pod_request import effective_request
from planner.domain.policy_objects import Autoscaler
from planner.domain.workload import Container, ContainerRole, Workload
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.setting import Setting
from planner.usage.scaled import ScaledUse, pod_start_seconds, scaled_use

DAYS = 14
ASSUMED_START_SECONDS = 60.0
LEAST_STARTS = 3
LEAST_DAYS = 3.0
KEDA_PREFIX = "keda-hpa-"


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """One autoscaler that follows the CPU utilisation of its pods.

    Attributes:
        row: of the workload.
        autoscaler: as collected.
        container: the one that it follows, ``None`` = the whole pod.
        today: its setting.
        capacity_source: where the capacity of a pod comes from.
        chain: delays; ``start_source`` tells whose.
        use: what was seen.
        floor: fewest replicas: the policy's, and what disruption budgets need so that one pod may go.
        room: what each ResourceQuota leaves for its pods; see `QuotaRoom`.
    """

    row: int
    autoscaler: Autoscaler
    container: str | None
    today: Setting
    capacity_source: str
    chain: LatencyChain
    start_source: str
    use: ScaledUse
    floor: int
    room: tuple["QuotaRoom", ...] = ()

    @property
    def ceiling(self) -> int | None:
        """Most replicas that the quotas allow beside a roll-out's surge, ``None`` = no quota counts them."""
        fits = [int(one.free // one.request) - one.surge for one in self.room if one.request > 0]
        return max(1, min(fits)) if fits else None


@dataclass(frozen=True, slots=True)
class QuotaRoom:
    """One line of a ResourceQuota: what the namespace's other pods leave of it, and what one pod takes.

    Attributes:
        quota: its name.
        resource: ``cpu`` or ``memory``.
        free: cores or bytes.
        request: of a pod.
        surge: pods that a roll-out adds at the maximum.
    """

    quota: str
    resource: str
    free: float
    request: float
    surge: int


@dataclass(frozen=True, slots=True)
class NotReplayed:
    """An autoscaler that is left alone, and why."""

    row: int
    autoscaler: Autoscaler
    why: str


def scaled_workloads(facts: Facts, inside: list[int]) -> tuple[list[Scaled], list[NotReplayed]]:
    """Autoscalers of the workloads in scope, in their order; a VerticalPodAutoscaler is none."""
    found: list[tuple[int, Autoscaler, str | None]] = []
    refused: list[NotReplayed] = []
    for row in inside:
        workload = facts.workloads[row]
        own = [one for one in facts.scalers_of(workload) if one.kind != "VerticalPodAutoscaler"]
        horizontal = [one for one in own if one.kind == "HorizontalPodAutoscaler"]
        if len(horizontal) > 1:
            refused += [NotReplayed(row, one, "several autoscalers scale the same workload") for one in horizontal]
            continue
        found += [(row, one, _container_of(one)) for one in horizontal]
    uses = scaled_use(facts.snapshot, facts.workloads, {row: name for row, _, name in found}, DAYS)
    starts = pod_start_seconds(facts.snapshot.pods, facts.workloads)
    ready = []
    for row, autoscaler, container in found:
        made = _scaled(facts, row, autoscaler, container, uses.get(row), starts.get(row))
        if isinstance(made, str):
            refused.append(NotReplayed(row, autoscaler, made))
        else:
            ready.append(made)
    return ready, refused


def _container_of(autoscaler: Autoscaler) -> str | None:
    return next((m.container for m in autoscaler.metrics if m.name == "cpu" and m.container is not None), None)


def _scaled(
    facts: Facts,
    row: int,
    autoscaler: Autoscaler,
    container: str | None,
    use: ScaledUse | None,
    start: tuple[float, int] | None,
) -> Scaled | str:
    if autoscaler.name.startswith(KEDA_PREFIX):
        return "KEDA owns it: its ScaledObject is what can be changed, and the history of its trigger is not known"
    workload = facts.workloads[row]
    containers = _followed(workload, container)
    requests = [
        one.requests.cpu_cores if one.requests.cpu_cores is not None else one.limits.cpu_cores for one in containers
    ]
    if not containers or any(value is None for value in requests):
        return "a container without a CPU request fails its metric: nothing scales"
    request_m = round(1000 * sum(value or 0.0 for value in requests))
    if use is None or np.isfinite(use.used_m).sum() * facts.snapshot.header.step_seconds < LEAST_DAYS * 86_400:
        return f"fewer than {LEAST_DAYS:g} days of its pods' CPU usage were seen"
    capacity_m, source = _capacity(containers, request_m, use)
    today = setting_of(autoscaler, request_m, capacity_m)
    if isinstance(today, str):
        return today
    seconds, source_of_start = ASSUMED_START_SECONDS, "assumed"
    if start is not None and start[1] >= LEAST_STARTS:
        seconds, source_of_start = start[0], "observed"
    budgets = [one for one in facts.snapshot.disruption_budgets if one.namespace == workload.namespace]
    floor = max(facts.policy.autoscaling.min_replicas, fewest_by_budget(workload, budgets))
    chain = LatencyChain(pod_start_seconds=seconds)
    room = tuple(_room(facts, workload, today.maximum, use))
    return Scaled(
        row, autoscaler, container, today, source, chain, source_of_start, use, min(floor, today.maximum), room
    )


def _room(facts: Facts, workload: Workload, maximum: int, use: ScaledUse) -> list[QuotaRoom]:
    """What the quotas leave, by what they count as used now."""
    request = effective_request(workload, workload.containers)
    running = use.pods[np.isfinite(use.pods)]
    own = float(running[-1]) if running.size else 0.0
    found = []
    for quota in facts.quotas.get(workload.namespace, []):
        if not quota_counts(quota, workload):
            continue
        for resource, amount in (("cpu", request.cpu_cores), ("memory", request.memory_bytes)):
            hard = quota_hard(quota, "requests", resource)
            used = quota.used.get(f"requests.{resource}", quota.used.get(resource))
            if hard is not None and used is not None and amount > 0:
                free = max(0.0, hard - used + own * amount)
                found.append(QuotaRoom(quota.name, resource, free, amount, math.ceil(surge(workload, maximum))))
    return found


def _followed(workload: Workload, container: str | None) -> list[Container]:
    """Containers that the metric sums."""
    return [
        one
        for one in workload.containers
        if one.role is not ContainerRole.INIT and (container is None or one.name == container)
    ]


def _capacity(containers: list[Container], request_m: int, use: ScaledUse) -> tuple[int, str]:
    """Millicores that a pod can serve: its limit, else the most that one was seen to use, at least its request.

    Where containers are summed, the largest limit and the others' requests: a proxy's unused limit serves nobody.
    """
    limits = [one.limits.cpu_cores for one in containers]
    if all(limit is not None for limit in limits):
        largest = max(range(len(containers)), key=lambda i: limits[i] or 0.0)
        others = [one.requests.cpu_cores or 0.0 for i, one in enumerate(containers) if i != largest]
        return max(1, round(1000 * ((limits[largest] or 0.0) + sum(others)))), "limit"
    seen = math.floor(use.highest_m)
    return (seen, "highest use seen") if seen > request_m else (request_m, "request")
