"""What was considered and is not in the pools, and why; which rules could not be kept."""

from collections.abc import Sequence

import numpy as np

from planner.decisions.node_pools.model import PodClass, PoolInput
from planner.decisions.node_pools.solve import PeriodPlan, WeekPlan
from planner.domain.workload import Workload
from planner.plan.frozen import Numbers
from planner.plan.pools import Excuse, Relaxation
from solvers.shadow_prices import bin_worth

_MOST_DEARER = 20


def dearer_types(given: PoolInput, week: WeekPlan) -> tuple[Excuse, ...]:
    """Types that no period buys, with the price at which they would pay, the nearest first.

    By the prices of the pod classes that prove the bound: what a node could hold is worth ``worth_per_hour``, and costs
    more. Types that are worth their price are left out for whole numbers only, and are told as such.
    """
    one = week.periods[0]
    worth, cost = bin_worth(one.assembled.problem, one.bins), one.assembled.problem.bins.cost_per_hour
    used = {_type(given, o) for period in week.periods for o in np.flatnonzero(period.nodes).tolist()}
    best: dict[tuple[str, str, str], tuple[float, float, float]] = {}
    for b, o in enumerate(one.assembled.offering.tolist()):
        key = _type(given, o)
        if key in used or cost[b] <= 0.0:
            continue
        ratio = float(worth[b] / cost[b])
        if key not in best or ratio > best[key][0]:
            best[key] = (ratio, float(worth[b]), float(cost[b]))
    nearest = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple(_excuse(*key, *numbers) for key, numbers in nearest[:_MOST_DEARER])


def _type(given: PoolInput, o: int) -> tuple[str, str, str]:
    offering = given.offerings[o]
    return offering.pool, offering.instance_type, str(offering.purchase)


def _excuse(pool: str, instance_type: str, purchase: str, ratio: float, worth: float, cost: float) -> Excuse:
    numbers: Numbers = {"worth_per_hour": round(worth, 6), "price_per_hour": round(cost, 6)}
    subject = f"{instance_type} {purchase} in pool {pool}"
    if ratio > 1.0 - 1e-6:
        text = "worth its price, and no whole node of it makes the plan cheaper"
        return Excuse(subject=subject, code="not_needed", text=text, numbers=numbers)
    text = f"dearer: what it could hold is worth {worth:.4g} of {cost:.4g} an hour"
    return Excuse(subject=subject, code="dearer", text=text, numbers=numbers)


def broken_rules(given: PoolInput, week: WeekPlan, workloads: Sequence[Workload]) -> tuple[Relaxation, ...]:
    """The rules that were given up, and the pods that found no place, by workload."""
    found = [
        Relaxation(
            rule=rule,
            text="fewest nodes of the pool were given up: the largest numbers allowed are smaller",
            fix="raise `node_pools.zone_caps` or `pool_max_nodes`, or lower `pool_min_nodes`",
        )
        for rule in week.broken_rules
    ]
    without: dict[str, int] = {}
    unprotected: dict[tuple[str, str], int] = {}
    for period in week.periods:
        _count_left(given, period, workloads, without, unprotected)
    for name, pods in sorted(without.items()):
        found.append(
            Relaxation(
                rule=f"places[{name}]",
                text=f"{pods} pod(s) have no place under the rules on numbers of nodes",
                fix="raise `node_pools.zone_caps` or `pool_max_nodes`, or offer more types or zones",
                workloads=(name,),
                pods=pods,
            )
        )
    for (name, zone), pods in sorted(unprotected.items()):
        found.append(
            Relaxation(
                rule=f"protected_share[{name}]",
                text=f"{pods} protected pod(s) have no place when zone {zone} is lost",
                fix="lower the protected share of the workload, or offer more in the other zones",
                workloads=(name,),
                pods=pods,
            )
        )
    return tuple(found)


def _count_left(
    given: PoolInput,
    one: PeriodPlan,
    workloads: Sequence[Workload],
    without: dict[str, int],
    unprotected: dict[tuple[str, str], int],
) -> None:
    """Add what a period leaves out, the most of any period counts."""
    for scenario in one.bins.scenarios:
        left = one.assembled.of_class(scenario.left_out, len(given.classes))
        for k in np.flatnonzero(left).tolist():
            name = _first_name(given.classes[k], workloads)
            if scenario.lost_group < 0:
                without[name] = max(without.get(name, 0), int(left[k]))
            else:
                key = (name, given.zones[scenario.lost_group])
                unprotected[key] = max(unprotected.get(key, 0), int(left[k]))


def _first_name(item: PodClass, workloads: Sequence[Workload]) -> str:
    return min(str(workloads[member.workload_row].key) for member in item.members)
