"""The most valuable pattern of a bin whose items take whole GPUs or none: greedy, a bound, branch and bound.

With v_k > 0 the price of one item of class k, d_kr what it takes of resource r (whole GPUs among them), C_r what the
bin has and u_k the most copies that there can be::

    V = max  sum_k v_k a_k    s.t.  sum_k d_kr a_k <= C_r,   0 <= a_k <= u_k whole

- **Greedy**: for many weights w of the resources at once, classes in the order of v_k / sum_r w_r d_kr / C_r, each with
  as many copies as there is room for.
- **Bound**: for any w with sum_r w_r = 1 and any t >= 0, ``V <= t + sum_k u_k max(0, v_k - t sum_r w_r d_kr / C_r)``;
  its best t is a breakpoint, so each w gives one number by a sort, and the least of them counts.
- **Branch and bound** closes what is left in milliseconds: bins that hold many small items in several resources have
  too many partial patterns for a list of labels, but the relaxation of this program is nearly whole.

Items that share a GPU need their GPU told, which no sum does: those stay with `solvers.pattern_knapsack`.
"""

import numpy as np

from solvers.pool_problem import Floats, Ints

RELATIVE_GAP = 1e-7
"""The search ends when the pattern is this close to the proved upper bound, which counts as it is."""
_MOST_NODES = 2000
_RANDOM_WEIGHTS = 20


class WholeKnapsack:
    """One question: the classes of value, and the bin."""

    def __init__(self, demand: Ints, capacity: Ints, values: Floats, most: Ints) -> None:
        """Ask.

        Args:
            demand: (class, resource) int64; every class fits alone.
            capacity: (resource,) int64.
            values: (class,) float64, above 0.
            most: (class,) int64 most copies.
        """
        needed = (demand.sum(axis=0) > 0) & (capacity > 0)
        self.demand, self.capacity = demand[:, needed], capacity[needed]
        self.values, self.most = values, most
        self.parts = self.demand / self.capacity
        weights = _weights(int(needed.sum()))
        # (weight, class): the part of the bin that one item takes, in each view of what is scarce.
        self.taken = weights @ self.parts.T

    def greedy(self) -> Ints:
        """(pattern, class) int64, one for each view of what is scarce, equal ones once; the best first."""
        with np.errstate(divide="ignore"):
            order = np.argsort(-self.values / self.taken, axis=1, kind="stable")
        free = np.repeat(self.capacity[None, :], len(order), axis=0)
        counts = np.zeros(order.shape, dtype=np.int64)
        rows = np.arange(len(order))
        for position in range(order.shape[1]):
            k = order[:, position]
            demand = self.demand[k]
            room = np.where(demand > 0, free // np.maximum(demand, 1), self.most[k][:, None]).min(
                axis=1, initial=np.iinfo(np.int64).max
            )
            copies = np.minimum(room, self.most[k])
            counts[rows, k] = copies
            free -= copies[:, None] * demand
        different = np.unique(counts, axis=0)
        best_first: Ints = different[np.argsort(-(different @ self.values), kind="stable")]
        return best_first

    def relaxed(self) -> float:
        """A proved upper bound of all patterns, by sums alone."""
        everything = float(self.values @ self.most)
        if not self.taken.size:
            return everything
        with np.errstate(divide="ignore"):
            ratio = self.values / self.taken
        order = np.argsort(-ratio, axis=1, kind="stable")
        used = np.cumsum(np.take_along_axis(self.taken * self.most, order, axis=1), axis=1)
        worth = np.cumsum((self.values * self.most)[order], axis=1)
        # The class that the bin is full with; the part of it that has no room any more is taken off again.
        last = np.minimum((used < 1.0).sum(axis=1), order.shape[1] - 1)
        rows = np.arange(len(order))
        over = np.maximum(used[rows, last] - 1.0, 0.0)
        price = np.take_along_axis(ratio, order, axis=1)[rows, last]
        value = worth[rows, last] - over * np.where(np.isfinite(price), price, 0.0)
        return min(everything, float(value.min())) * (1.0 + 1e-9)

    def best(self) -> tuple[Ints, float]:
        """(class,) int64 the best pattern found, all 0 where there is none, and a proved upper bound of all.

        A solver's own bound: infinite where it proved nothing.
        """
        from scipy.optimize import Bounds, LinearConstraint, milp

        if not self.capacity.size:
            return self.most.copy(), float(self.values @ self.most)
        # Parts of the bin: no unit counts more than another, and the solver's tolerance is far below one unit.
        scale = float(self.values.max())
        result = milp(
            -self.values / scale,
            constraints=LinearConstraint(self.parts.T, ub=np.ones(len(self.capacity))),
            integrality=np.ones(len(self.values), dtype=np.int64),
            bounds=Bounds(0, self.most),
            options={"mip_rel_gap": RELATIVE_GAP, "node_limit": _MOST_NODES},
        )
        bound = result.mip_dual_bound
        upper = -float(bound) * scale if bound is not None and np.isfinite(bound) else np.inf
        counts = np.zeros(len(self.values), dtype=np.int64)
        if result.x is not None:
            rounded = np.rint(result.x).astype(np.int64)
            if np.all(rounded @ self.demand <= self.capacity):
                counts = rounded
        return counts, max(upper, float(self.values @ counts))


def _weights(resources: int) -> Floats:
    """(weight, resource) views of what is scarce: each resource alone, all alike, and fixed mixtures."""
    mixed = np.random.default_rng(0).dirichlet(np.full(max(resources, 1), 0.7), _RANDOM_WEIGHTS)
    alike = np.full((1, max(resources, 1)), 1.0 / max(resources, 1))
    return np.concatenate([np.eye(max(resources, 1)), alike, mixed])[:, :resources] if resources else np.zeros((1, 0))
