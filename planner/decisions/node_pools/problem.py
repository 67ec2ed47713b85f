"""Pods and offerings of one period as items and bins.

Resources: thousandths of a core, MiB of memory, pods, MiB of ephemeral storage if any pod asks for it, and one for each
extended resource that is not a GPU of its own (MIG profiles, shared replicas, network cards ...). ``nvidia.com/gpu`` is
counted as whole GPUs; where a node shares its GPUs it shows as many as there are replicas.

- **Churn.** A node of today that stays is two prices of a change cheaper than a new one (nothing is removed, nothing is
  added), so a swap must save more than it costs. The lower bound stays true: no plan costs less than its model.
- **Commitments.** Nodes that are paid for anyway cost nothing more; what they cost is added to the bill outside.
- **Spread over zones** that must hold: the pods are split evenly, one class a zone; when a zone is lost they may be
  anywhere (a class of its own that exists in losses only).
- **Gangs** go to one zone, the one with most nodes of today that take them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from planner.config.pool_policy import NodePoolsPolicy
from planner.decisions.node_pools.model import WHOLE_GPU, Ints, Offering, PodClass, PoolInput
from planner.domain.node import Purchase
from planner.units import HOURS_PER_MONTH
from solvers.pool_problem import BinTypes, ItemClasses, PoolProblem, SideRow

DROP_FACTOR = 20.0
"""Leaving a pod out costs so many times the cheapest node that takes it: only what cannot be placed is left out."""

BREATHE = 0.1
"""What other nodes than those of the busiest hours must save in quieter ones: pools should breathe, not be replaced."""


@dataclass(frozen=True, slots=True)
class Part:
    """A class of pods, or the part of it that stands in one zone, or its pods while a zone is lost."""

    class_row: int
    zone: str = ""
    is_for_losses: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """A problem, and what its classes and bin types mean.

    Attributes:
        problem: for the solver.
        parts: (class,) what each class stands for.
        offering: (type,) int64 row of the offering.
        price: (type,) float64 what a node costs an hour, churn left out; 0 = paid for anyway.
    """

    problem: PoolProblem
    parts: tuple[Part, ...]
    offering: Ints
    price: NDArray[np.float64]

    def of_class(self, totals: Ints, classes: int) -> Ints:
        """(class of the input,) sums of (class of the problem,) numbers; there are ``classes`` of the former."""
        summed = np.zeros(classes, dtype=np.int64)
        np.add.at(summed, np.array([part.class_row for part in self.parts], dtype=np.int64), totals)
        return summed


def assemble(
    given: PoolInput,
    period: int,
    rules: NodePoolsPolicy,
    *,
    busiest: Ints | None = None,
    protect: bool = True,
) -> Assembled:
    """The problem of one period.

    Args:
        given: pods and offerings.
        period: its number.
        rules: of the policy.
        busiest: (offering,) nodes of the busiest period, for the others: more than these cost ``BREATHE`` more in the
            model, so that hours differ in how many nodes run rather than in which. ``None`` = churn against today.
        protect: whether losses of zones must be survived.
    """
    chosen, allowed_zone = _parts(given, period)
    counts = np.array([_count(given, part, period) for part in chosen], dtype=np.int64)
    kept = np.array([_protected(given, part, period) if protect else 0 for part in chosen], dtype=np.int64)
    allowed = np.array([given.allowed[part.class_row] & allowed_zone[k] for k, part in enumerate(chosen)])
    allowed = allowed.reshape(len(chosen), len(given.offerings))
    used = (counts + kept > 0) & allowed.any(axis=1)
    chosen = [part for part, is_used in zip(chosen, used.tolist(), strict=True) if is_used]
    counts, kept, allowed = counts[used], kept[used], allowed[used]
    classes = [given.classes[part.class_row] for part in chosen]
    demand, more = _demand(classes)
    offers, types, price, cost, limit = _bins(given.offerings, rules, busiest)
    room = np.array([_room(given.offerings[o], more) for o in offers], dtype=np.int64).reshape(len(offers), -1)
    zones, per_node = list(given.zones), [item.placement.most_per_node for item in classes]
    items = ItemClasses(
        names=tuple(
            f"{item.name}{'@' + part.zone if part.zone else ''}{'!' if part.is_for_losses else ''}"
            for item, part in zip(classes, chosen, strict=True)
        ),
        demand=demand,
        count=counts,
        gpus=np.array([_gpus(item.shape.extended) for item in classes], dtype=np.int64),
        share_milli=np.zeros(len(classes), dtype=np.int64),
        protected=kept,
        most_per_bin=np.array(per_node, dtype=np.int64) if any(per_node) else None,
    )
    bins = BinTypes(
        names=tuple(types),
        capacity=room,
        gpus=np.array([_gpus(given.offerings[o].extended) for o in offers], dtype=np.int64),
        cost_per_hour=cost,
        group=np.array([zones.index(given.offerings[o].zone) for o in offers], dtype=np.int64),
        limit=limit,
    )
    fits = allowed[:, offers]
    place_cost = given.place_cost[[part.class_row for part in chosen]][:, offers] if chosen else None
    cheapest = np.where(fits, cost[None, :], np.inf).min(axis=1, initial=np.inf)
    highest = float(price.max(initial=0.0)) or 1.0
    problem = PoolProblem(
        items=items,
        bins=bins,
        group_names=tuple(zones),
        allowed=fits,
        drop_cost=DROP_FACTOR * np.maximum(np.where(np.isfinite(cheapest), cheapest, 1.0), 0.05 * highest),
        rows=tuple(side_rows(given.offerings, offers, price, rules)),
        item_cost=place_cost if place_cost is not None and place_cost.any() else None,
    )
    return Assembled(problem, tuple(chosen), np.array(offers, dtype=np.int64), price)


def _parts(given: PoolInput, period: int) -> tuple[list[Part], list[NDArray[np.bool_]]]:
    """Parts of all classes, and for each the (offering,) mask of its zone."""
    zone_of = np.array([offering.zone for offering in given.offerings])
    everywhere = np.ones(len(given.offerings), dtype=np.bool_)
    parts: list[Part] = []
    masks: list[NDArray[np.bool_]] = []
    for row, item in enumerate(given.classes):
        zones = sorted(set(zone_of[given.allowed[row]].tolist())) if given.offerings else []
        if item.placement.zone_skew and len(zones) > 1:
            parts += [Part(row, zone) for zone in zones]
            masks += [zone_of == zone for zone in zones]
            parts.append(Part(row, is_for_losses=True))
            masks.append(everywhere)
        elif item.placement.is_gang and len(zones) > 1 and int(item.pods[period]) > 1:
            home = _gang_zone(given, row, zones)
            parts.append(Part(row, home))
            masks.append(zone_of == home)
        else:
            parts.append(Part(row))
            masks.append(everywhere)
    return parts, masks


def _gang_zone(given: PoolInput, row: int, zones: Sequence[str]) -> str:
    """The zone with most nodes of today that take the class; the first of equals."""
    nodes = dict.fromkeys(zones, 0)
    for o, offering in enumerate(given.offerings):
        if given.allowed[row, o]:
            nodes[offering.zone] += offering.nodes_now
    return max(zones, key=lambda zone: (nodes[zone], -zones.index(zone)))


def _count(given: PoolInput, part: Part, period: int) -> int:
    if part.is_for_losses:
        return 0
    pods = int(given.classes[part.class_row].pods[period])
    placement = given.classes[part.class_row].placement
    if not part.zone or not placement.zone_skew:
        return pods
    zones = [z for z in given.zones if _is_allowed_in(given, part.class_row, z)]
    place = zones.index(part.zone)
    return pods // len(zones) + int(place < pods % len(zones))


def _is_allowed_in(given: PoolInput, row: int, zone: str) -> bool:
    return any(given.allowed[row, o] and offering.zone == zone for o, offering in enumerate(given.offerings))


def _protected(given: PoolInput, part: Part, period: int) -> int:
    item = given.classes[part.class_row]
    if part.zone and item.placement.zone_skew:
        return 0  # the part for losses stands for them
    return int(item.protected[period])


def _demand(classes: Sequence[PodClass]) -> tuple[Ints, list[str]]:
    """(class, resource) demand, and the names of the resources after CPU, memory and pods."""
    has_ephemeral = any(item.shape.ephemeral_mib for item in classes)
    extended = sorted({name for item in classes for name, _ in item.shape.extended if name not in WHOLE_GPU})
    names = ["cpu", "memory", "pods", *(["ephemeral-storage"] if has_ephemeral else []), *extended]
    demand = np.zeros((len(classes), len(names)), dtype=np.int64)
    for k, item in enumerate(classes):
        demand[k, :3] = item.shape.cpu_milli, item.shape.memory_mib, 1
        if has_ephemeral:
            demand[k, 3] = item.shape.ephemeral_mib
        asked = dict(item.shape.extended)
        for name in extended:
            demand[k, names.index(name)] = asked.get(name, 0)
    return demand, names[3:]


def _room(offering: Offering, more: Sequence[str]) -> list[int]:
    has = {**dict(offering.extended), "ephemeral-storage": offering.ephemeral_mib}
    return [offering.cpu_milli, offering.memory_mib, offering.max_pods, *(has.get(name, 0) for name in more)]


def _gpus(extended: Sequence[tuple[str, int]]) -> int:
    return sum(units for name, units in extended if name in WHOLE_GPU)


def _bins(
    offerings: Sequence[Offering], rules: NodePoolsPolicy, busiest: Ints | None
) -> tuple[list[int], list[str], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Offering, name, price, cost with churn, and limit of every bin type."""
    stay = 2.0 * rules.churn_price / HOURS_PER_MONTH
    found: list[tuple[int, str, float, float, float]] = []
    for o, offering in enumerate(offerings):
        price, most = offering.price_per_hour, offering.most
        known = offering.nodes_now if busiest is None else int(busiest[o])
        kept_cost = max(0.0, price - stay) if busiest is None else price
        more_cost = price if busiest is None else price * (1.0 + BREATHE)
        kept = float(min(known, most))
        if kept and kept_cost < more_cost:
            found.append((o, f"{offering.name} kept", price, kept_cost, kept))
            most -= kept
        if most > 0:
            found.append((o, offering.name, price, more_cost, most))
        if any(_is_committed(offering, entry.instance_type) for entry in rules.commitments):
            found.append((o, f"{offering.name} committed", 0.0, 0.0, offering.most))
    offers, names, price_of, cost, limit = (list(part) for part in zip(*found, strict=True)) if found else ([],) * 5
    return offers, names, np.array(price_of, dtype=float), np.array(cost, dtype=float), np.array(limit, dtype=float)


def _is_committed(offering: Offering, pattern: str) -> bool:
    return offering.purchase is not Purchase.SPOT and fnmatchcase(offering.instance_type, pattern)


def side_rows(
    offerings: Sequence[Offering],
    offers: Sequence[int],
    price: NDArray[np.float64],
    rules: NodePoolsPolicy,
) -> list[SideRow]:
    """Rules of the policy over numbers of nodes; one that names nothing that can be had is left out."""
    at = [offerings[o] for o in offers]

    def count(chosen: list[bool]) -> NDArray[np.float64]:
        return np.array(chosen, dtype=np.float64)

    rows = []
    for zone, most in sorted(rules.zone_caps.items()):
        rows.append(SideRow(f"zone_cap[{zone}]", count([one.zone == zone for one in at]), upper=float(most)))
    for pool, most in sorted(rules.pool_max_nodes.items()):
        rows.append(SideRow(f"pool_max[{pool}]", count([one.pool == pool for one in at]), upper=float(most)))
    for pool, least in sorted(rules.pool_min_nodes.items()):
        factor = count([one.pool == pool for one in at])
        if factor.any():
            rows.append(SideRow(f"pool_min[{pool}]", factor, lower=float(least)))
    if rules.spot_max_share < 1.0:
        cores = np.array([one.cpu_milli / 1000 for one in at])
        spot = count([one.purchase is Purchase.SPOT for one in at])
        rows.append(SideRow("spot_share", cores * (spot - rules.spot_max_share), upper=0.0))
    for number, entry in enumerate(rules.commitments):
        own = [_is_committed(one, entry.instance_type) and p == 0.0 for one, p in zip(at, price.tolist(), strict=True)]
        rows.append(SideRow(f"commitment[{entry.instance_type}]#{number}", count(own), upper=float(entry.nodes)))
    return [row for row in rows if row.factor.any()]
