"""Pods of equal shape and placement, with how many run in each period of the week."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from planner.config.pool_policy import DataZone
from planner.decisions.facts import Facts
from planner.decisions.money import REFERENCE_PRICES
from planner.decisions.node_pools.model import Member, Period, Placement, PodClass, PodShape
from planner.decisions.node_pools.periods import week_periods
from planner.decisions.node_pools.placement import JOB_KINDS, placement_of
from planner.decisions.node_pools.protection import protected_pods, protected_share
from planner.domain.pod_request import PlannedWorkload, PodRequest, effective_request
from planner.domain.policy_objects import ZoneBoundVolume
from planner.domain.prices import is_gpu
from planner.domain.workload import Workload
from planner.units import GIB, MIB
from planner.usage.week import HOURS_PER_WEEK, WeekPods, week_pods

EPHEMERAL = "ephemeral-storage"
_TOUCH = 0.05
"""Part of a pod by which an hour's mean may pass a whole number: pods that start and end a little apart."""

DAEMON_KINDS = frozenset({"DaemonSet"})


@dataclass(frozen=True, slots=True, eq=False)
class HourlyPods:
    """Pods of one template by hour of the week."""

    row: int
    template: str | None
    shape: PodShape
    pods: NDArray[np.int64]
    """(168,) that must run at once."""


def shape_of(request: PodRequest) -> PodShape:
    """Whole units, rounded up; a pod without a CPU request counts as 1m, so that every pod takes something."""
    extended = {name: math.ceil(units - 1e-9) for name, units in request.extended.items() if units > 0}
    ephemeral = extended.pop(EPHEMERAL, 0)
    return PodShape(
        cpu_milli=max(1, math.ceil(request.cpu_cores * 1000 - 1e-6)),
        memory_mib=math.ceil(request.memory_bytes / MIB - 1e-6),
        ephemeral_mib=math.ceil(ephemeral / MIB),
        extended=tuple(sorted(extended.items())),
    )


def hourly_demand(facts: Facts, planned: Sequence[PlannedWorkload], growth: float = 1.0) -> list[HourlyPods]:
    """Pods by hour of every template that runs at all, DaemonSets left out.

    An hour of a job needs room for all that ran at once in it; an hour of anything else for its mean, rounded up: what
    a roll-out adds for minutes finds its place in what the mean leaves free, or waits. With ``growth`` all are so many
    times as many, rounded up.
    """
    header = facts.snapshot.header
    seen = week_pods(facts.snapshot.pods, facts.workloads, header.start, header.end)
    found = []
    for row, item in enumerate(planned):
        if item.workload.kind in DAEMON_KINDS:
            continue
        for template in sorted(item.mean_pods, key=str):
            own = [c for c in item.containers if c.template in (template, None)]
            pods = _pods_by_hour(item, template, seen.get((row, template)))
            pods = np.ceil(pods * growth - 1e-9).astype(np.int64)
            if pods.any():
                shape = shape_of(effective_request(item.workload, own))
                found.append(HourlyPods(row, template, shape, pods))
    return found


def _pods_by_hour(item: PlannedWorkload, template: str | None, seen: WeekPods | None) -> NDArray[np.int64]:
    if template in item.week_pods:
        mean = item.week_pods[template]
    elif seen is None:
        mean = np.full(HOURS_PER_WEEK, item.mean_pods[template])
    elif item.workload.kind in JOB_KINDS:
        mean = seen.most
    else:
        mean = seen.mean
    whole: NDArray[np.int64] = np.ceil(mean - _TOUCH).astype(np.int64)
    return np.maximum(whole, 0)


def periods_of(demand: Sequence[HourlyPods], most: int) -> tuple[Period, ...]:
    """The week's periods by what the pods of each hour are worth at reference prices."""
    value = np.zeros(HOURS_PER_WEEK)
    for item in demand:
        value += item.pods * _worth(item.shape)
    return week_periods(value, most)


def _worth(shape: PodShape) -> float:
    prices = REFERENCE_PRICES
    gpus = sum(units for name, units in shape.extended if is_gpu(name))
    return (
        shape.cpu_milli / 1000 * prices.core_per_hour
        + shape.memory_mib * MIB / GIB * prices.gib_per_hour
        + gpus * prices.gpu_per_hour
    )


def pod_classes(
    facts: Facts, demand: Sequence[HourlyPods], periods: Sequence[Period]
) -> tuple[tuple[PodClass, ...], list[str]]:
    """Classes by shape and placement, the largest first, and notes on rules that are not planned with."""
    volumes = _volume_zones(facts.snapshot.volumes)
    budgets = defaultdict(list)
    for budget in facts.snapshot.disruption_budgets:
        budgets[budget.namespace].append(budget)
    groups: dict[tuple[PodShape, Placement], list[Member]] = defaultdict(list)
    left_out: dict[str, list[str]] = defaultdict(list)
    for item in demand:
        workload = facts.workloads[item.row]
        read = placement_of(workload)
        for rule in read.left_out:
            left_out[rule].append(str(workload.key))
        pods = np.array([item.pods[list(period.hours)].max() for period in periods], dtype=np.int64)
        share = protected_share(workload, budgets[workload.namespace], facts.policy.protected_share, float(pods.max()))
        placement = _with_data_zone(read.placement, workload, facts.policy.node_pools.data_zones)
        for part, zone_pods in _by_volume_zone(placement, pods, volumes, workload):
            kept = [0 if part.is_zone_bound else protected_pods(share, int(n)) for n in zone_pods]
            member = Member(item.row, item.template, zone_pods, np.array(kept, dtype=np.int64))
            groups[item.shape, part].append(member)
    ordered = sorted(groups.items(), key=lambda group: (-_worth(group[0][0]), repr(group[0])))
    classes = tuple(
        PodClass(f"c{number:03d}", shape, placement, tuple(members))
        for number, ((shape, placement), members) in enumerate(ordered)
    )
    notes = [
        f"not planned with: {rule} ({', '.join(sorted(set(names))[:5])})" for rule, names in sorted(left_out.items())
    ]
    return classes, notes


def _volume_zones(volumes: Sequence[ZoneBoundVolume]) -> dict[tuple[str, str], str]:
    return {(volume.namespace, volume.claim): volume.zone for volume in volumes}


def _by_volume_zone(
    placement: Placement, pods: NDArray[np.int64], volumes: Mapping[tuple[str, str], str], workload: Workload
) -> list[tuple[Placement, NDArray[np.int64]]]:
    """The pods in parts by the zone of their volumes; those without a bound volume in one part.

    Each pod of a StatefulSet has claims of its own; the claims of anything else are shared by all its pods. A pod that
    stands idle (fewer run than there are claims) is one of the last ordinals, so zones are filled in the claims' order.
    """
    zones = [volumes[workload.namespace, c] for c in workload.volume_claims if (workload.namespace, c) in volumes]
    if not zones:
        return [(placement, pods)]
    if workload.kind != "StatefulSet":
        bound = replace(placement, zones=(zones[0],), is_zone_bound=True)
        return [(bound, pods)]
    sets = max(1, round(len(zones) / max(int(pods.max()), 1)))
    ordinals = zones[::sets] if sets > 1 else zones
    parts = []
    for zone in sorted(set(ordinals)):
        count = np.array([ordinals[: int(n)].count(zone) for n in pods], dtype=np.int64)
        if count.any():
            parts.append((replace(placement, zones=(zone,), zone_skew=0, is_zone_bound=True), count))
    free = pods - np.sum([count for _, count in parts], axis=0)
    if free.any():
        parts.append((placement, np.maximum(free, 0)))
    return parts


def _with_data_zone(placement: Placement, workload: Workload, data_zones: Mapping[str, DataZone]) -> Placement:
    """Pinned to the zone of the namespace's data, or with the price of being elsewhere."""
    names = sorted((n for n in data_zones if fnmatchcase(workload.namespace, n)), key=lambda n: (-len(n), n))
    if not names:
        return placement
    home = data_zones[names[0]]
    if home.gib_per_pod_hour is None:
        return replace(placement, zones=(home.zone,))
    return replace(placement, data_zone=home.zone, data_gib_per_hour=home.gib_per_pod_hour)
