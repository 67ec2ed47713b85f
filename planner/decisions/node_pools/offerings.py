"""Nodes that can be had: today's groups, the same types in other zones, and neighbouring types of the catalogue.

A type that a pool does not have is a neighbour of one that it has if it is of the same family and at most two sizes
away, or of a sister family (general, compute, memory) of the same generation and the same size; GPU pools get GPU
types only. ``node_pools.instance_types`` of the policy adds more, for every pool of the same sort. A live node tells
what it has left for pods; of other types the cloud's formula tells it (`planner.domain.allocatable`).
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from planner.config.policy import Policy
from planner.decisions.node_pools.live_pools import DEFAULT_MAX_PODS, DaemonSets, LiveGroup
from planner.decisions.node_pools.model import Offering, PodShape
from planner.domain.allocatable import aks_allocatable, eks_allocatable, gke_allocatable
from planner.domain.catalogue import Catalogue, InstanceShape
from planner.domain.node import Price, Purchase
from planner.plan.pools import Excuse
from planner.units import MIB

_TYPE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
ZONE_ID_LABEL = "topology.k8s.aws/zone-id"
_SIZES = ("medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "48xlarge")
_AWS_TYPE = re.compile(r"([a-z]+)(\d+)([a-z-]*)\.(\w+)")
_SISTERS = frozenset("mcr")
_STEPS_AWAY = 2
PRICE_FILE = "file:"
SENTINEL_PER_HOUR = 600.0
"""No machine of the catalogue's kinds costs this much; some price lists mark "not sold" so (700 $/h)."""


@dataclass(frozen=True, slots=True)
class Offerings:
    """What can be had, and what was left out and why."""

    items: tuple[Offering, ...]
    excuses: tuple[Excuse, ...]
    unpriced: tuple[str, ...]
    """Nodes of today without a price."""


def find_offerings(
    groups: Sequence[LiveGroup],
    daemons: DaemonSets,
    policy: Policy,
    catalogue: Catalogue,
    *,
    closed_zones: frozenset[str] = frozenset(),
) -> Offerings:
    """All offerings, sorted by name; those of today first in their pool."""
    rules = policy.node_pools
    zones = [zone for zone in sorted({group.zone for group in groups}) if not rules.zones or zone in rules.zones]
    excuses: dict[tuple[str, str], Excuse] = {}
    found: dict[str, Offering] = {}
    for zone in sorted(closed_zones & set(zones)):
        excuses[f"zone {zone}", "closed"] = Excuse(subject=f"zone {zone}", code="zone_closed", text="lost or closed")
    by_pool: dict[tuple[str, Purchase, str], list[LiveGroup]] = {}
    for group in groups:
        by_pool.setdefault((group.pool, group.purchase, group.mode), []).append(group)
    for (pool, purchase, _), members in sorted(by_pool.items(), key=str):
        if purchase is not Purchase.UNKNOWN and str(purchase) not in policy.purchase_options:
            text = f"pool {pool} is {purchase}, which the policy leaves out"
            excuses[pool, "purchase"] = Excuse(subject=pool, code="purchase_option", text=text)
            continue
        for candidate in _candidates(members, zones, rules.zones, policy, catalogue, excuses):
            if candidate.zone in closed_zones:
                continue
            offering = _offering(candidate, daemons, policy)
            known = found.get(offering.name)
            if known is None or offering.nodes_now > known.nodes_now:
                found[offering.name] = offering
    unpriced = tuple(name for group in groups if group.price_per_hour is None for name in group.names)
    items = tuple(found[name] for name in sorted(found))
    return Offerings(items, tuple(excuses[key] for key in sorted(excuses)), unpriced)


def _candidates(
    members: Sequence[LiveGroup],
    zones: Iterable[str],
    allowed_zones: Sequence[str],
    policy: Policy,
    catalogue: Catalogue,
    excuses: dict[tuple[str, str], Excuse],
) -> list[LiveGroup]:
    """Groups of one pool and purchase option that could exist: today's, and those with other zones or types."""
    rules = policy.node_pools
    found = []
    for zone in zones:
        here = {group.instance_type: group for group in members if group.zone == zone}
        types = {group.instance_type: group for group in members}
        for name, group in sorted(types.items()):
            live = here.get(name)
            if live is not None:
                if live.price_per_hour is not None:
                    found.append(live)
                continue
            found += _elsewhere(group, zone, catalogue, policy.currency)
        if rules.only_todays_types:
            continue
        template = next(iter(here.values()), members[0])
        for name in _other_types(members, rules.instance_types, catalogue):
            if any(fnmatchcase(name, pattern) for pattern in rules.excluded_instance_types):
                excuses[name, "excluded"] = Excuse(subject=name, code="excluded", text="the policy leaves it out")
                continue
            made = _of_type(template, catalogue.shapes[name], zone, catalogue, policy.currency, excuses)
            if made is not None:
                found.append(made)
    return [group for group in found if not allowed_zones or group.zone in allowed_zones]


def _elsewhere(group: LiveGroup, zone: str, catalogue: Catalogue, currency: str) -> list[LiveGroup]:
    """The group's type in a zone where the pool has none today, at the list price, else at the price it has today."""
    price = _list_price(group.instance_type, group.region, zone, group.purchase, catalogue, currency)
    if group.price_source.startswith(PRICE_FILE):
        price = None  # the operator's price of the type overrides the list in every zone
    amount = price.amount_per_hour if price else group.price_per_hour
    if amount is None:
        return []
    source = price.source if price else f"{group.price_source} (as in zone {group.zone})"
    labels = _relabelled(group.labels, group.instance_type, zone)
    return [replace(group, zone=zone, labels=labels, price_per_hour=amount, price_source=source, names=())]


def _of_type(
    template: LiveGroup,
    shape: InstanceShape,
    zone: str,
    catalogue: Catalogue,
    currency: str,
    excuses: dict[tuple[str, str], Excuse],
) -> LiveGroup | None:
    """The pool with nodes of another type; ``None`` and an excuse where no believable price is known."""
    name = shape.instance_type
    price = _list_price(name, template.region, zone, template.purchase, catalogue, currency)
    if price is None:
        text = f"no {template.purchase} price of it for zone {zone}"
        excuses[name, "no_price"] = Excuse(subject=name, code="no_price", text=text)
        return None
    list_price = _list_price(name, template.region, zone, Purchase.ON_DEMAND, catalogue, currency)
    dearest = list_price.amount_per_hour if list_price else np.inf
    if not 0.0 < price.amount_per_hour < SENTINEL_PER_HOUR or price.amount_per_hour > dearest * (1 + 1e-9):
        text = f"its price of {price.amount_per_hour:g} an hour is no price"
        excuses[name, "sentinel"] = Excuse(subject=name, code="sentinel_price", text=text)
        return None
    return replace(
        template,
        instance_type=name,
        zone=zone,
        mode="whole" if shape.gpu_count >= 1 else "",
        labels=_relabelled(template.labels, name, zone),
        shape=_allocatable(shape, template.shape.ephemeral_mib),
        max_pods=_max_pods(shape, template.max_pods),
        price_per_hour=price.amount_per_hour,
        price_source=price.source,
        names=(),
    )


def _other_types(members: Sequence[LiveGroup], patterns: Sequence[str], catalogue: Catalogue) -> list[str]:
    """Neighbours of the pool's types, and those that the operator names, of the same cloud, machine and sort."""
    known = [catalogue.shapes[g.instance_type] for g in members if g.instance_type in catalogue.shapes]
    shared = any(group.mode not in ("", "whole") for group in members)
    if not known or shared:
        return []
    today = {shape.instance_type for shape in known}
    found = []
    for name, shape in sorted(catalogue.shapes.items()):
        first = known[0]
        alike = (shape.cloud, shape.arch, shape.gpu_count >= 1) == (first.cloud, first.arch, first.gpu_count >= 1)
        if name in today or not alike or 0 < shape.gpu_count < 1:
            continue
        if any(_are_neighbours(name, other) for other in today) or any(fnmatchcase(name, p) for p in patterns):
            found.append(name)
    return found


def _are_neighbours(one: str, other: str) -> bool:
    """Whether two AWS types are of one family and near in size, or sisters of one size; others never are.

    >>> _are_neighbours("m7i.4xlarge", "m7i.xlarge"), _are_neighbours("m7i.4xlarge", "r7i.4xlarge")
    (True, True)
    >>> _are_neighbours("m7i.4xlarge", "r7i.xlarge"), _are_neighbours("m7i.large", "m7i.12xlarge")
    (False, False)
    """
    a, b = _AWS_TYPE.fullmatch(one), _AWS_TYPE.fullmatch(other)
    if a is None or b is None or a[4] not in _SIZES or b[4] not in _SIZES:
        return False
    if (a[1], a[2], a[3]) == (b[1], b[2], b[3]):
        return abs(_SIZES.index(a[4]) - _SIZES.index(b[4])) <= _STEPS_AWAY
    return {a[1], b[1]} <= _SISTERS and (a[2], a[3], a[4]) == (b[2], b[3], b[4])


def _allocatable(shape: InstanceShape, ephemeral_mib: int) -> PodShape:
    vcpus, pods = int(shape.vcpus), _max_pods(shape, DEFAULT_MAX_PODS)
    if shape.cloud == "gcp":
        left = gke_allocatable(vcpus, shape.memory_gib)
    elif shape.cloud == "azure":
        left = aks_allocatable(vcpus, shape.memory_gib, pods)
    else:
        left = eks_allocatable(vcpus, shape.memory_gib, pods, arm64=shape.arch == "arm64")
    gpus = (("nvidia.com/gpu", int(shape.gpu_count)),) if shape.gpu_count >= 1 else ()
    return PodShape(round(left.cpu_cores * 1000), left.memory_bytes // MIB, ephemeral_mib, gpus)


def _max_pods(shape: InstanceShape, otherwise: int) -> int:
    return shape.max_pods or otherwise


def _list_price(
    name: str, region: str, zone: str, purchase: Purchase, catalogue: Catalogue, currency: str
) -> Price | None:
    price = catalogue.price(name, region, zone, purchase)
    return price if price is not None and price.currency == currency else None


def _relabelled(labels: Mapping[str, str], instance_type: str, zone: str) -> dict[str, str]:
    """Labels of nodes of another type or zone; an AWS zone ID is dropped, since it names the old zone."""
    made = dict(labels)
    for key in _TYPE_LABELS:
        if key in made:
            made[key] = instance_type
    if any(made.get(key) != zone for key in _ZONE_LABELS if key in made):
        made.pop(ZONE_ID_LABEL, None)
    for key in _ZONE_LABELS:
        if key in made:
            made[key] = zone
    return made


def _offering(group: LiveGroup, daemons: DaemonSets, policy: Policy) -> Offering:
    taken = daemons.on(group.labels, group.taints)
    free = 1.0 - policy.node_pools.headroom
    name = f"{group.pool}/{group.instance_type}/{group.purchase}/{group.zone}" + (
        f"/{group.mode}" if group.mode else ""
    )
    return Offering(
        name=name,
        pool=group.pool,
        instance_type=group.instance_type,
        purchase=group.purchase,
        zone=group.zone,
        mode=group.mode,
        labels=group.labels,
        taints=group.taints,
        cpu_milli=max(0, math.floor(group.shape.cpu_milli * free) - taken.cpu_milli),
        memory_mib=max(0, math.floor(group.shape.memory_mib * free) - taken.memory_mib),
        ephemeral_mib=max(0, group.shape.ephemeral_mib - taken.ephemeral_mib),
        max_pods=max(0, group.max_pods - taken.pods),
        extended=group.shape.extended,
        price_per_hour=group.price_per_hour or 0.0,
        price_source=group.price_source,
        nodes_now=len(group.names),
    )
