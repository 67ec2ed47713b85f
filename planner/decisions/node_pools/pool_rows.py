"""The pools of a plan: nodes, what they cost, how full they are, what one more unit costs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from planner.decisions.node_pools.model import Offering, PoolInput
from planner.decisions.node_pools.solve import PeriodPlan, WeekPlan
from planner.plan.pools import Pool, PoolFill, ShadowPrices
from planner.units import GIB, HOURS_PER_MONTH, MIB
from planner.usage.week import HOURS_PER_WEEK
from solvers.shadow_prices import resource_prices

Floats = NDArray[np.float64]


def pool_rows(given: PoolInput, week: WeekPlan) -> tuple[Pool, ...]:
    """Every offering that runs today or in any period, in the order of the offerings."""
    counts = np.array([one.nodes for one in week.periods])
    hours = np.array([period.hours_per_week for period in given.periods])
    to_month = HOURS_PER_MONTH / HOURS_PER_WEEK
    node_hours = hours @ counts * to_month
    cost = cost_by_offering(given, week)
    busiest = week.periods[0]
    fills, pods = _fills(busiest, len(given.offerings))
    prices = _shadow_prices(busiest, len(given.offerings))
    rows = []
    for o, offering in enumerate(given.offerings):
        if not offering.nodes_now and not counts[:, o].any():
            continue
        rows.append(
            Pool(
                pool=offering.pool,
                instance_type=offering.instance_type,
                purchase=str(offering.purchase),
                zone=offering.zone,
                mode=offering.mode,
                nodes_now=offering.nodes_now,
                nodes=int(busiest.nodes[o]),
                min_nodes=int(counts[:, o].min()),
                max_nodes=int(counts[:, o].max()),
                node_hours_per_month=round(float(node_hours[o]), 1),
                price_per_hour=offering.price_per_hour,
                price_source=offering.price_source,
                cost_per_month=round(float(cost[o]), 2),
                pods=int(pods[o]),
                fill=fills[o],
                shadow_prices=prices[o],
            )
        )
    return tuple(rows)


def cost_by_offering(given: PoolInput, week: WeekPlan) -> Floats:
    """(offering,) currency a month; nodes that a commitment pays for anyway cost nothing here."""
    total = np.zeros(len(given.offerings))
    for period, one in zip(given.periods, week.periods, strict=True):
        per_hour = np.zeros(len(given.offerings))
        np.add.at(per_hour, one.assembled.offering[one.bins.bin_type], one.assembled.price[one.bins.bin_type])
        total += period.hours_per_week / HOURS_PER_WEEK * per_hour
    month: Floats = total * HOURS_PER_MONTH
    return month


def pool_name(offering: Offering) -> str:
    """``general/m7i.4xlarge/on-demand/us-east-1a``: what people and certificates call one row of the pools."""
    return f"{offering.pool}/{offering.instance_type}/{offering.purchase}/{offering.zone}"


def _fills(one: PeriodPlan, offerings: int) -> tuple[list[PoolFill | None], NDArray[np.int64]]:
    """For each offering the requested share of what its nodes have for pods; and (offering,) pods on them."""
    problem, normal = one.assembled.problem, one.bins.scenarios[0]
    of_bin = one.assembled.offering[one.bins.bin_type[normal.bins]]
    used = np.column_stack([normal.contents @ problem.items.demand[:, :3], normal.contents @ problem.items.gpus])
    room = np.column_stack([problem.bins.capacity[:, :3], problem.bins.gpus])[one.bins.bin_type[normal.bins]]
    taken, has = np.zeros((offerings, 4)), np.zeros((offerings, 4))
    np.add.at(taken, of_bin, used)
    np.add.at(has, of_bin, room)
    pods = np.zeros(offerings, dtype=np.int64)
    np.add.at(pods, of_bin, normal.contents.sum(axis=1))
    share = np.round(taken / np.maximum(has, 1.0), 4)
    fills: list[PoolFill | None] = []
    for o in range(offerings):
        cpu, memory, slots, gpu = (float(value) for value in share[o])
        is_there = has[o, 2] > 0
        fills.append(PoolFill(cpu=cpu, memory=memory, gpu=gpu if has[o, 3] else None, pods=slots) if is_there else None)
    return fills, pods


def _shadow_prices(one: PeriodPlan, offerings: int) -> list[ShadowPrices | None]:
    """The dearest of an offering's bin types: nodes that are there already count as cheaper, what is bought decides."""
    prices = resource_prices(one.assembled.problem, one.bins)
    found = np.zeros((offerings, prices.shape[1]))
    known = np.zeros(offerings, dtype=np.bool_)
    np.maximum.at(found, one.assembled.offering, prices)
    known[one.assembled.offering] = True
    return [
        ShadowPrices(
            core_per_hour=round(float(row[0]) * 1000.0, 6),
            gib_per_hour=round(float(row[1]) * GIB / MIB, 6),
            gpu_per_hour=round(float(row[-1]), 6),
        )
        if is_known
        else None
        for row, is_known in zip(found, known.tolist(), strict=True)
    ]


def rows_of_pool(rows: Sequence[Pool], pool: str) -> list[Pool]:
    """The rows of one pool."""
    return [row for row in rows if row.pool == pool]
