"""From a snapshot and the planned workloads to what the pools are planned from."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.decisions.facts import Facts
from planner.decisions.node_pools.live_pools import DaemonSets, live_groups
from planner.decisions.node_pools.matching import accepts, dislike
from planner.decisions.node_pools.model import WHOLE_GPU, Bools, Offering, PodClass, PoolInput
from planner.decisions.node_pools.offerings import Offerings, find_offerings
from planner.decisions.node_pools.pod_classes import hourly_demand, periods_of, pod_classes
from planner.domain.catalogue import load_catalogue
from planner.domain.pod_request import PlannedWorkload
from planner.domain.workload import Workload
from planner.plan.pools import Relaxation
from planner.plan.schema import PlanWarning

PREFERENCE_PER_HOUR = 0.001
"""Price of missing all preferences for an hour: enough to decide between equal places, too little to buy a node."""


def pool_input(
    facts: Facts,
    planned: Sequence[PlannedWorkload],
    *,
    closed_zones: frozenset[str] = frozenset(),
    growth: float = 1.0,
) -> PoolInput:
    """Everything a pool plan is made from; poor data give empty parts and warnings, never an error.

    Args:
        facts: of the snapshot.
        planned: over ``facts.workloads``.
        closed_zones: zones in which nothing can be had.
        growth: so many times the pods.
    """
    groups = live_groups(facts.snapshot.nodes, facts.policy.currency)
    demand = hourly_demand(facts, planned, growth)
    daemons = DaemonSets(facts, planned)
    offered = find_offerings(groups, daemons, facts.policy, load_catalogue(), closed_zones=closed_zones)
    periods = periods_of(demand, facts.policy.node_pools.periods)
    classes, notes = pod_classes(facts, demand, periods)
    classes, at_home = _without_home_bodies(facts, classes, frozenset(offered.unpriced))
    allowed, reasons = _allowed(classes, offered.items)
    return PoolInput(
        periods=periods,
        classes=classes,
        offerings=offered.items,
        zones=tuple(sorted({offering.zone for offering in offered.items})),
        allowed=allowed,
        place_cost=_place_cost(facts, classes, offered.items),
        unpriced=frozenset(offered.unpriced),
        excuses=offered.excuses,
        relaxations=tuple(
            _without_place(facts.workloads, classes[k], offered.items, reasons[k])
            for k in np.flatnonzero(~allowed.any(axis=1)).tolist()
        ),
        warnings=_warnings(offered, at_home),
        notes=tuple(notes),
    )


def _without_home_bodies(
    facts: Facts, classes: tuple[PodClass, ...], unpriced: frozenset[str]
) -> tuple[tuple[PodClass, ...], list[str]]:
    """Classes without the workloads whose pods all run on nodes without a price today: those stay where they are.

    What a node without a price would save cannot be told, so its pods are not moved onto nodes that cost money.
    """
    if not unpriced:
        return classes, []
    pods = facts.snapshot.pods
    alive = pods[pods["ended"].isna() & (pods["node"] != "")]
    at_home = alive["node"].isin(unpriced)
    keys = list(zip(alive["namespace"], alive["kind"], alive["workload"], strict=True))
    elsewhere = {key for key, home in zip(keys, at_home, strict=True) if not home}
    stay = {key for key, home in zip(keys, at_home, strict=True) if home} - elsewhere
    kept, names = [], set()
    for item in classes:
        members = []
        for member in item.members:
            workload = facts.workloads[member.workload_row]
            if (workload.namespace, workload.kind, workload.name) in stay:
                names.add(str(workload.key))
            else:
                members.append(member)
        if members:
            kept.append(replace(item, members=tuple(members)))
    return tuple(kept), sorted(names)


def _allowed(classes: Sequence[PodClass], offerings: Sequence[Offering]) -> tuple[Bools, list[list[str]]]:
    """(class, offering) bool, and for each class the reasons why it may not stand where it may not."""
    allowed = np.zeros((len(classes), len(offerings)), dtype=np.bool_)
    reasons: list[list[str]] = []
    for k, item in enumerate(classes):
        why = []
        for o, offering in enumerate(offerings):
            reason = _refusal(item, offering)
            allowed[k, o] = not reason
            if reason:
                why.append(reason)
        reasons.append(why)
    return allowed, reasons


def _refusal(item: PodClass, offering: Offering) -> str:
    """Empty where a pod of the class may stand alone on an empty node of the offering, else why not."""
    zones = item.placement.zones
    if zones is not None and offering.zone not in zones:
        return f"zone {'/'.join(zones)}"
    reason = accepts(item.placement, offering.labels, offering.taints)
    if reason:
        return reason
    shape, has = item.shape, dict(offering.extended)
    if shape.cpu_milli > offering.cpu_milli:
        return f"{shape.cpu_milli}m CPU"
    if shape.memory_mib > offering.memory_mib:
        return f"{shape.memory_mib}Mi memory"
    if shape.ephemeral_mib > offering.ephemeral_mib:
        return f"{shape.ephemeral_mib}Mi ephemeral storage"
    for name, units in shape.extended:
        is_shared = name in WHOLE_GPU and offering.mode not in ("", "whole") and not offering.mode.startswith("mig")
        if units > has.get(name, 0) or (is_shared and units > 1):
            return f"{units} {name}"
    return "" if offering.max_pods >= 1 else "room for a pod"


def _place_cost(facts: Facts, classes: Sequence[PodClass], offerings: Sequence[Offering]) -> NDArray[np.float64]:
    """(class, offering) currency per hour of a pod that stands there: preferences missed, data that cross zones."""
    cost = np.zeros((len(classes), len(offerings)))
    has_soft_taints = any(t.get("effect") == "PreferNoSchedule" for o in offerings for t in o.taints)
    rules = facts.policy.node_pools
    for k, item in enumerate(classes):
        if item.placement.preferred_affinity or has_soft_taints:
            cost[k] = [PREFERENCE_PER_HOUR * dislike(item.placement, o.labels, o.taints) for o in offerings]
        home = item.placement.data_zone
        if home:
            per_hour = item.placement.data_gib_per_hour * rules.price_per_gib_across_zones
            cost[k] += [0.0 if o.zone == home else per_hour for o in offerings]
    return cost


def _without_place(
    workloads: Sequence[Workload], item: PodClass, offerings: Sequence[Offering], reasons: Sequence[str]
) -> Relaxation:
    """The rule that keeps a class from every offering: the one that the fewest steps would lift comes last."""
    names = tuple(sorted({str(workloads[member.workload_row].key) for member in item.members}))
    rule = f"places[{names[0]}]"
    pods = int(item.pods.max())
    if not offerings:
        return Relaxation(rule=rule, text="there is no node to be had", workloads=names, pods=pods)
    zones = item.placement.zones
    if zones is not None and not any(offering.zone in zones for offering in offerings):
        return Relaxation(
            rule=rule,
            text=f"its pods are bound to zone {'/'.join(zones)} (volumes, data or labels), where nothing can be had",
            fix="offer nodes there, or move what binds them: a copy of the volume in another zone",
            workloads=names,
            pods=pods,
        )
    counts = sorted({reason: reasons.count(reason) for reason in reasons}.items(), key=lambda pair: (-pair[1], pair[0]))
    told = "; ".join(f"{reason} ({count} of {len(offerings)})" for reason, count in counts[:3])
    return Relaxation(
        rule=rule,
        text=f"no node that can be had takes such a pod: {told}",
        fix="offer a larger or matching type (`node_pools.instance_types`), or change the pod's rules",
        workloads=names,
        pods=pods,
    )


def _warnings(offered: Offerings, at_home: Sequence[str]) -> tuple[PlanWarning, ...]:
    found = []
    if not offered.items:
        found.append(
            PlanWarning(
                code="no_offerings",
                text="node pools are not planned: no node has both a known price and room",
                costs="The bill is told in the value of requests.",
                fix="give prices in a price file (--price-file FILE)",
            )
        )
    elif offered.unpriced:
        staying = f"; {len(at_home)} workload(s) that run only there stay there" if at_home else ""
        found.append(
            PlanWarning(
                code="nodes_left_out",
                text=f"{len(offered.unpriced)} node(s) without a price are not part of the pools{staying}",
                costs="They are in no bill, neither today's nor the planned one.",
                fix="give their price in a price file (--price-file FILE)",
                objects=tuple(offered.unpriced[:20]),
            )
        )
    return tuple(found)
