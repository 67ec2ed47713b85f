"""What one more unit of a resource costs on a type of bin, from the prices of the classes that prove the bound.

The prices v_k of the classes (summed over the scenarios that a class is in) say what one more item costs. On bin type b
they are explained by prices u_r >= 0 of its resources, and of its GPUs, by weighted least squares over the classes that
fit there and are asked for::

    min_u sum_k n_k (v_k - sum_r d_kr u_r)^2,   then u is scaled down until  sum_r C_br u_r <= c_b

Resources are measured in parts of a bin (d_kr / C_br) for the fit, so that no unit counts more than another. A resource
of which bins have plenty explains nothing and gets the price 0. Prices of resources are an account of the optimum, not
a tariff: packing is not linear, and the class prices stay the exact figures.
"""

import numpy as np
from scipy.optimize import nnls

from solvers.bin_plan import BinPlan
from solvers.pattern_whole import WholeKnapsack
from solvers.pool_problem import WHOLE_MILLI, Floats, PoolProblem

_MOST_EXACT = 60
"""Bins of different shapes and scenarios that are priced exactly; of more the sums alone tell."""


def resource_prices(problem: PoolProblem, plan: BinPlan) -> Floats:
    """(type, resource + 1) float64 prices per unit and hour; the last column is one whole GPU.

    Args:
        problem: what was planned.
        plan: its answer; without class prices all is 0.
    """
    items, bins = problem.items, problem.bins
    per_item = plan.class_prices.sum(axis=0)
    demand = np.column_stack([items.demand, items.gpu_milli / WHOLE_MILLI]).astype(float)
    room = np.column_stack([bins.capacity, bins.gpus]).astype(float)
    prices = np.zeros_like(room)
    for b in range(bins.size):
        chosen = problem.fits[:, b] & (items.at_once > 0)
        has = room[b] > 0.0
        if not chosen.any() or not per_item[chosen].any() or not has.any():
            continue
        weight = np.sqrt(items.at_once[chosen].astype(float))
        parts = demand[chosen][:, has] / room[b, has]
        explained, _ = nnls(parts * weight[:, None], per_item[chosen] * weight)
        total = float(explained.sum())
        if total > 0.0:
            prices[b, has] = explained * min(1.0, float(bins.cost_per_hour[b]) / total) / room[b, has]
    return prices


def bin_worth(problem: PoolProblem, plan: BinPlan) -> Floats:
    """(type,) float64 worth an hour of what a bin could hold at the plan's prices, from above, and at most its cost.

    A type whose worth is below its cost is in no optimum of the relaxation; the difference is what it is too dear by.
    """
    items, bins = problem.items, problem.bins
    groups = [-1, *range(len(problem.group_names))] if len(plan.class_prices) > 2 else [-1, -2]
    worth = np.zeros(bins.size)
    is_small = len(problem.shapes) * len(plan.class_prices) <= _MOST_EXACT
    known: dict[tuple[int, int], float] = {}
    for s, prices in enumerate(plan.class_prices):
        for b in range(bins.size):
            if groups[s] == bins.group[b]:
                continue
            t = int(problem.shape_of_bin[b])
            if (s, t) not in known:
                usable = np.flatnonzero(problem.shapes[t].fits & (prices > 0.0))
                demand = np.column_stack([items.demand, items.gpu_milli])[usable]
                capacity = np.append(bins.capacity[b], bins.gpus[b] * WHOLE_MILLI)
                asked = WholeKnapsack(demand, capacity, prices[usable], items.most_in_a_bin[usable])
                worth_most = asked.relaxed() if usable.size else 0.0
                if usable.size and is_small:
                    worth_most = min(worth_most, asked.best()[1])
                known[s, t] = worth_most
            worth[b] += known[s, t]
    return np.minimum(worth, bins.cost_per_hour)
