"""First-fit decreasing, as autoscalers provision today: what the node-pool benchmark compares with.

Pods are sorted by CPU, then memory, largest first. A node that is being filled keeps the set of instance types that
still hold what is on it; a pod goes to the first such node that keeps at least one type, else to a new one. When all
pods are placed, each node becomes the cheapest type of its set. A pod with a share of a GPU goes to the first
GPU of the node that has room, else to one more.
"""

import numpy as np

from solvers.pool_problem import WHOLE_MILLI, PoolProblem


def first_fit_decreasing(problem: PoolProblem) -> float:
    """Cost per hour of the nodes, in the first zone."""
    items, bins = problem.items, problem.bins
    types = np.flatnonzero(bins.group == 0)
    capacity, gpus, cost = bins.capacity[types], bins.gpus[types], bins.cost_per_hour[types]
    most_nodes = int(items.count.sum())
    most_gpus = int(gpus.max(initial=0))
    used = np.zeros((most_nodes, capacity.shape[1]), dtype=np.int64)
    possible = np.zeros((most_nodes, len(types)), dtype=bool)
    gpu_count = np.zeros(most_nodes, dtype=np.int64)
    gpu_free = np.zeros((most_nodes, most_gpus), dtype=np.int64)
    nodes = 0
    for k in np.lexsort((-items.demand[:, 1], -items.demand[:, 0])).tolist():
        fits = problem.fits[k, types]
        demand, whole, share = items.demand[k], int(items.gpus[k]), int(items.share_milli[k])
        for _ in range(int(items.count[k]) if fits.any() else 0):
            total = used[:nodes] + demand
            need = gpu_count[:nodes] + whole
            if share:
                need = need + (gpu_free[:nodes].max(axis=1, initial=0) < share)
            good = possible[:nodes] & fits & (need[:, None] <= gpus[None, :])
            for r in range(capacity.shape[1]):
                good &= total[:, r, None] <= capacity[None, :, r]
            able = good.any(axis=1)
            if able.any():
                node = int(able.argmax())
                possible[node] = good[node]
            else:
                node, nodes = nodes, nodes + 1
                possible[node] = fits
            used[node] += demand
            if whole:
                gpu_count[node] += whole
            elif share:
                roomy = np.flatnonzero(gpu_free[node] >= share)
                if not roomy.size:
                    roomy = gpu_count[node : node + 1].copy()
                    gpu_free[node, roomy] = WHOLE_MILLI
                    gpu_count[node] += 1
                gpu_free[node, roomy[0]] -= share
    return float(np.where(possible[:nodes], cost[None, :], np.inf).min(axis=1).sum())
