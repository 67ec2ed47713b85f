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
    items = problem.items
    types = np.flatnonzero(problem.bins.group == 0)
    nodes = _Nodes(problem, types)
    for k in np.lexsort((-items.demand[:, 1], -items.demand[:, 0])).tolist():
        left = int(items.count[k]) if problem.fits[k, types].any() else 0
        # Equal pods: a node that cannot take one now will not take a later one either.
        for node in np.flatnonzero(nodes.possible_with(k, slice(0, nodes.count)).any(axis=1)).tolist():
            while left and nodes.add(k, node):
                left -= 1
        while left:
            nodes.count += 1
            while left and nodes.add(k, nodes.count - 1):
                left -= 1
    possible = nodes.possible[: nodes.count]
    return float(np.where(possible, problem.bins.cost_per_hour[types], np.inf).min(axis=1).sum())


class _Nodes:
    """Nodes that are being filled, with the instance types that each may still become."""

    def __init__(self, problem: PoolProblem, types: np.ndarray) -> None:
        self.items, self.fits = problem.items, problem.fits[:, types]
        self.capacity, self.gpus = problem.bins.capacity[types], problem.bins.gpus[types]
        most = int(self.items.count.sum())
        self.count = 0
        self.used = np.zeros((most, self.capacity.shape[1]), dtype=np.int64)
        self.possible = np.ones((most, len(types)), dtype=bool)
        self.gpu_count = np.zeros(most, dtype=np.int64)
        self.gpu_free = np.zeros((most, int(self.gpus.max(initial=0)) + 1), dtype=np.int64)

    def possible_with(self, k: int, rows: slice) -> np.ndarray:
        """(node, type) bool: types that hold what is on the node and one more pod of class k."""
        need = self.gpu_count[rows] + self.items.gpus[k]
        if self.items.share_milli[k]:
            need = need + (self.gpu_free[rows].max(axis=1) < self.items.share_milli[k])
        good = self.possible[rows] & self.fits[k] & (need[:, None] <= self.gpus[None, :])
        total = self.used[rows] + self.items.demand[k]
        for r in range(self.capacity.shape[1]):
            good &= total[:, r, None] <= self.capacity[None, :, r]
        return good

    def add(self, k: int, node: int) -> bool:
        """Put a pod of class k onto a node if a type remains."""
        good = self.possible_with(k, slice(node, node + 1))[0]
        if not good.any():
            return False
        self.possible[node] = good
        self.used[node] += self.items.demand[k]
        share = int(self.items.share_milli[k])
        if share:
            roomy = np.flatnonzero(self.gpu_free[node] >= share)
            if not roomy.size:
                roomy = self.gpu_count[node : node + 1].copy()
                self.gpu_free[node, roomy] = WHOLE_MILLI
                self.gpu_count[node] += 1
            self.gpu_free[node, roomy[0]] -= share
        else:
            self.gpu_count[node] += self.items.gpus[k]
        return True
