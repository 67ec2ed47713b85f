"""Small problems of items and bins, and answers by trying everything."""

from itertools import combinations_with_replacement

import numpy as np
from hypothesis import strategies as st

from solvers.pool_problem import BinTypes, ItemClasses, PoolProblem


def problem(classes, bins, groups=("a",), allowed=None, drop_cost=None):
    """A problem of classes (demand, count, whole GPUs, share, protected) and bins (capacity, GPUs, cost, group)."""
    demand, count, gpus, share, protected = zip(*classes, strict=True)
    capacity, bin_gpus, cost, group = zip(*bins, strict=True)
    items = ItemClasses(
        tuple(f"k{k}" for k in range(len(classes))),
        np.array(demand, dtype=np.int64),
        np.array(count, dtype=np.int64),
        np.array(gpus, dtype=np.int64),
        np.array(share, dtype=np.int64),
        np.array(protected, dtype=np.int64),
    )
    types = BinTypes(
        tuple(f"b{b}" for b in range(len(bins))),
        np.array(capacity, dtype=np.int64),
        np.array(bin_gpus, dtype=np.int64),
        np.array(cost, dtype=float),
        np.array(group, dtype=np.int64),
        np.full(len(bins), np.inf),
    )
    return PoolProblem(items, types, tuple(groups), allowed=allowed, drop_cost=drop_cost)


def can_pack(case, bin_type, demand):
    """Whether the items fit, by trying every bin and every GPU for each of them."""
    items, bins = case.items, case.bins
    wanted = [k for k in range(items.size) for _ in range(int(demand[k]))]
    room = [[*map(int, bins.capacity[b])] for b in bin_type]
    gpus = [[1000] * int(bins.gpus[b]) for b in bin_type]

    def place(number):
        if number == len(wanted):
            return True
        k = wanted[number]
        allowed = case.allowed
        for i, b in enumerate(bin_type):
            if allowed is not None and not allowed[k, b]:
                continue
            if any(have < need for have, need in zip(room[i], items.demand[k], strict=True)):
                continue
            whole, share = int(items.gpus[k]), int(items.share_milli[k])
            free = [g for g, left in enumerate(gpus[i]) if left == 1000]
            ways = [()]
            if whole:
                ways = [tuple(free[:whole])] if len(free) >= whole else []
            elif share:
                ways = [(g,) for g, left in enumerate(gpus[i]) if left >= share]
            for way in ways:
                for g in way:
                    gpus[i][g] -= 1000 if whole else share
                room[i] = [have - int(need) for have, need in zip(room[i], items.demand[k], strict=True)]
                if place(number + 1):
                    return True
                room[i] = [have + int(need) for have, need in zip(room[i], items.demand[k], strict=True)]
                for g in way:
                    gpus[i][g] += 1000 if whole else share
        return False

    return place(0)


def holds_every_scenario(case, bin_type):
    """All items in all bins, and the protected ones without the bins of any one group."""
    if not can_pack(case, bin_type, case.items.count):
        return False
    if not case.items.protected.any():
        return True
    return all(
        can_pack(case, [b for b in bin_type if case.bins.group[b] != group], case.items.protected)
        for group in range(len(case.group_names))
    )


def cheapest_by_trying(case, most_bins, below):
    """Least cost over all multisets of at most so many bins that cost less than ``below``, or that."""
    best = below
    for size in range(most_bins + 1):
        for chosen in combinations_with_replacement(range(case.bins.size), size):
            cost = float(case.bins.cost_per_hour[list(chosen)].sum())
            if cost < best - 1e-12 and holds_every_scenario(case, chosen):
                best = cost
    return best


def best_pattern_by_trying(case, shape, prices, most_copies):
    """Highest value of a pattern of a shape, ``most_copies`` in all.

    No more than there are: of items without GPUs, and of all where none of value shares a GPU.
    """
    b = int(np.flatnonzero(case.shape_of_bin == shape)[0])
    best = 0.0
    is_limited = case.items.gpu_milli == 0
    if not case.items.share_milli[case.fits[:, b] & (prices > 0.0)].any():
        is_limited = np.ones(case.items.size, dtype=bool)

    def extend(first, counts):
        nonlocal best
        best = max(best, float(counts @ prices))
        for k in range(first, case.items.size):
            more = counts.copy()
            more[k] += 1
            is_too_many = is_limited[k] and more[k] > case.items.at_once[k]
            if not is_too_many and more.sum() <= most_copies and can_pack(case, [b], more):
                extend(k, more)

    extend(0, np.zeros(case.items.size, dtype=np.int64))
    return best


@st.composite
def small_cases(draw, groups=1, most_items=5):
    """Two resources, one to three classes of each kind, one to three types; every class fits the largest type."""
    classes = []
    left = most_items
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["none", "share", "whole"]))
        count = draw(st.integers(1, max(1, min(3, left))))
        left -= count
        demand = (draw(st.integers(1, 6)), draw(st.integers(0, 6)))
        whole = draw(st.integers(1, 2)) if kind == "whole" else 0
        share = draw(st.sampled_from([200, 330, 500, 700])) if kind == "share" else 0
        protected = draw(st.integers(0, count)) if groups > 1 else 0
        classes.append((demand, count, whole, share, protected))
        if left <= 0:
            break
    machines = [((6, 6), 2, 5.0)]
    machines += draw(
        st.lists(
            st.tuples(
                st.tuples(st.integers(2, 9), st.integers(2, 9)), st.integers(0, 3), st.sampled_from([1.0, 2.5, 4.0])
            ),
            max_size=2,
        )
    )
    alike = draw(st.booleans())
    bins = []
    for group in range(groups):
        for capacity, gpus, cost in machines:
            bins.append((capacity, gpus, cost if alike else cost + group, group))
    return problem(classes, bins, groups=tuple("abc"[:groups]))
