"""Do these items fit these bins? Packings found by greedy rules with repair, checked exactly; small cases decided.

A packing gives each bin the number of items of each class (`solvers.pool_problem` tells when a bin holds them).
`find_faults` checks one without trusting whoever made it. `pack` looks for one::

    greedy     classes in an order (largest first, by several measures of size); each item into the bin where it
               leaves least over
    repair     an item without place moves one other item out of its way, if that one has a place elsewhere
    branching  for few items: all choices, depth first, bins in the same state tried once; this can also prove
               that there is no packing
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from solvers.packing_state import PackingState, gpu_layout
from solvers.pool_problem import WHOLE_MILLI, Floats, Ints, PoolProblem


class PackingAnswer(StrEnum):
    """What is known."""

    PACKED = "packed"
    IMPOSSIBLE = "impossible"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Where the items are.

    Attributes:
        bin_type: (bin,) int64 type of each bin.
        contents: (bin, class) int64 items in it.
        left: (class,) int64 items without a place.
        answer: whether all have a place, and if not, whether that is proved.
    """

    bin_type: Ints
    contents: Ints
    left: Ints
    answer: PackingAnswer


def holds(problem: PoolProblem, contents: Ints, bin_type: int) -> bool:
    """Whether one bin of the type holds (class,) contents; exact."""
    inside = contents > 0
    if not problem.fits[inside, bin_type].all():
        return False
    limit = problem.items.most_per_bin
    if limit is not None and np.any((contents > limit) & (limit > 0)):
        return False
    if np.any(contents @ problem.items.demand > problem.bins.capacity[bin_type]):
        return False
    return gpu_layout(problem.items, contents, int(problem.bins.gpus[bin_type])) is not None


def find_faults(problem: PoolProblem, bin_type: Ints, contents: Ints, demand: Ints) -> list[str]:
    """What is wrong with a packing: bins that hold too much, classes of which not exactly ``demand`` are inside."""
    faults = []
    known: dict[tuple[int, bytes], bool] = {}
    for number, (b, row) in enumerate(zip(bin_type.tolist(), contents, strict=True)):
        key = (b, row.tobytes())
        if key not in known:
            known[key] = bool(row.min(initial=0) >= 0) and holds(problem, row, b)
        if not known[key]:
            faults.append(f"bin {number} of type {problem.bins.names[b]} does not hold its items")
    missing = demand - contents.sum(axis=0)
    return faults + [
        f"{problem.items.names[k]}: {int(demand[k] - missing[k])} of {int(demand[k])} items are in bins"
        for k in np.flatnonzero(missing).tolist()
    ]


def pack(problem: PoolProblem, bin_type: Ints, demand: Ints, *, most_nodes: int = 20_000) -> Packing:
    """Put items into given bins.

    Args:
        problem: classes and types of bins.
        bin_type: (bin,) int64, the bins there are.
        demand: (class,) int64, the items to be placed; more than the classes' counts is allowed.
        most_nodes: nodes of the branching; 0 = no branching.
    """
    best: PackingState | None = None
    for order in _orders(problem, bin_type, demand):
        state = PackingState(problem, bin_type)
        left = demand.copy()
        for k in order.tolist():
            left[k] -= state.add_many(k, int(left[k]))
        _repair(state, left, order)
        weight = _sizes(problem, bin_type)
        if best is None or float(left @ weight) < float(best.left @ weight):
            best = state
            best.left = left
        if not left.any():
            break
    if best is None:
        return Packing(bin_type, np.zeros((len(bin_type), problem.items.size), dtype=np.int64), demand.copy(),
                       PackingAnswer.IMPOSSIBLE if demand.any() else PackingAnswer.PACKED)  # fmt: skip
    if not best.left.any():
        return Packing(bin_type, best.contents, best.left, PackingAnswer.PACKED)
    answer = PackingAnswer.NOT_FOUND
    if _cannot_fit(problem, bin_type, demand):
        answer = PackingAnswer.IMPOSSIBLE
    elif most_nodes:
        answer, contents = _branch(problem, bin_type, demand, most_nodes)
        if contents is not None:
            return Packing(bin_type, contents, np.zeros_like(demand), answer)
    return Packing(bin_type, best.contents, best.left, answer)


def pack_more(problem: PoolProblem, bin_type: Ints, contents: Ints, demand: Ints) -> Ints:
    """(class,) items of ``demand`` that find no place beside (bin, class) contents, greedily, the largest first."""
    state = PackingState(problem, bin_type)
    for i, row in enumerate(contents):
        if row.any():
            state.fill(i, row)
    left = demand.copy()
    for k in np.argsort(-_sizes(problem, bin_type), kind="stable").tolist():
        if left[k]:
            left[k] -= state.add_many(k, int(left[k]))
    return left


def _sizes(problem: PoolProblem, bin_type: Ints) -> Floats:
    """(class,) the largest part of the bins' resources that one item takes."""
    total = problem.bins.capacity[bin_type].sum(axis=0).astype(float)
    part = problem.items.demand / np.maximum(total, 1.0)
    gpus = float(problem.bins.gpus[bin_type].sum()) * WHOLE_MILLI
    size: Floats = np.maximum(part.max(axis=1), problem.items.gpu_milli / max(gpus, 1.0))
    return size


def _orders(problem: PoolProblem, bin_type: Ints, demand: Ints) -> list[Ints]:
    """Orders of the wanted classes, largest first by different measures."""
    if not len(bin_type):
        return []
    total = np.maximum(problem.bins.capacity[bin_type].sum(axis=0).astype(float), 1.0)
    part = problem.items.demand / total
    gpu = problem.items.gpu_milli / max(float(problem.bins.gpus[bin_type].sum()) * WHOLE_MILLI, 1.0)
    bins_open = np.maximum(problem.fits[:, np.unique(bin_type)].sum(axis=1), 1)
    measures = [
        (part.sum(axis=1) + gpu, problem.items.gpu_milli),
        (np.maximum(part.max(axis=1), gpu),),
        (part.sum(axis=1) + gpu,),
        (part.sum(axis=1) + gpu, problem.items.gpu_milli, -bins_open),
    ]
    orders = []
    for keys in measures:
        order = np.lexsort(tuple(-np.asarray(key, dtype=float) for key in keys))
        orders.append(order[demand[order] > 0])
    return orders


def _repair(state: PackingState, left: Ints, order: Ints) -> None:
    """Place left items by moving one other item away; changes ``left``."""
    for k in order.tolist():
        while left[k] and state.make_room(k):
            left[k] -= 1


def _cannot_fit(problem: PoolProblem, bin_type: Ints, demand: Ints) -> bool:
    """Simple proofs: a class without a bin, or more demand than the bins have in all."""
    fits = problem.fits[:, np.unique(bin_type)].any(axis=1)
    if np.any((demand > 0) & ~fits):
        return True
    if np.any(demand @ problem.items.demand > problem.bins.capacity[bin_type].sum(axis=0)):
        return True
    return bool(demand @ problem.items.gpu_milli > problem.bins.gpus[bin_type].sum() * WHOLE_MILLI)


def _branch(problem: PoolProblem, bin_type: Ints, demand: Ints, most_nodes: int) -> tuple[PackingAnswer, Ints | None]:
    """All choices, depth first, item by item, largest first."""
    order = np.argsort(-_sizes(problem, bin_type), kind="stable")
    wanted = [k for k in order.tolist() for _ in range(int(demand[k]))]
    if len(wanted) > 60:
        return PackingAnswer.NOT_FOUND, None
    contents = np.zeros((len(bin_type), problem.items.size), dtype=np.int64)
    nodes = 0
    failed: set[tuple[int, tuple[tuple[int, bytes], ...]]] = set()

    def place(number: int) -> bool:
        nonlocal nodes
        if number == len(wanted):
            return True
        state = [(int(b), row.tobytes()) for b, row in zip(bin_type, contents, strict=True)]
        key = (number, tuple(sorted(state)))
        if key in failed:
            return False
        nodes += 1
        if nodes > most_nodes:
            return False
        for bin_number in sorted({same: i for i, same in reversed(list(enumerate(state)))}.values()):
            contents[bin_number, wanted[number]] += 1
            if holds(problem, contents[bin_number], int(bin_type[bin_number])) and place(number + 1):
                return True
            contents[bin_number, wanted[number]] -= 1
        failed.add(key)
        return False

    if place(0):
        return PackingAnswer.PACKED, contents
    return (PackingAnswer.NOT_FOUND if nodes > most_nodes else PackingAnswer.IMPOSSIBLE), None
