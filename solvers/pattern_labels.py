"""Sets of partial patterns ("labels") that no other one dominates, as arrays.

A label is what has been put into a bin so far: the resources it takes (label, resource), its value, and its
loss against a bound. Label i dominates label j if it takes no more of any resource and is worth no less:
whatever can be added to j can be added to i. Dropping dominated labels never drops the best value.
"""

from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK = 512
_GRID_FROM = 1000
_CELLS = {2: 200, 3: 32}
"""Cells per resource of the grid, by the number of resources."""


def undominated(demand: Ints, value: Floats) -> Ints:
    """Indices of the labels that no other label dominates, best value first; of equal labels one is kept.

    Args:
        demand: (label, resource) int64, resources taken.
        value: (label,) float64.
    """
    if value.size == 0:
        return np.empty(0, dtype=np.int64)
    if value.size > _GRID_FROM and demand.shape[1] in _CELLS:
        near = np.flatnonzero(~_below_on_grid(demand, value))
        kept: Ints = near[_sorted_and_kept(demand[near], value[near])]
        return kept
    return _sorted_and_kept(demand, value)


def _below_on_grid(demand: Ints, value: Floats) -> NDArray[np.bool_]:
    """Labels that another label in a cell of a grid, lower in every resource, dominates: most of them, and quickly."""
    cells = _CELLS[demand.shape[1]]
    most = demand.max(axis=0) + 1
    cell = demand * cells // most
    best = np.full((cells + 1,) * demand.shape[1], -np.inf)
    np.maximum.at(best, tuple((cell + 1).T), value)
    for axis in range(best.ndim):
        best = np.maximum.accumulate(best, axis=axis)
    # Index c of the shifted grid is the best of all cells up to c - 1 in every resource.
    below: NDArray[np.bool_] = best[tuple(cell.T)] >= value
    return below


def _sorted_and_kept(demand: Ints, value: Floats) -> Ints:
    """Indices of the undominated labels, best value first."""
    order = np.lexsort((*demand.T[::-1], -value))
    sorted_demand = demand[order]
    if demand.shape[1] == 0:
        keep = np.arange(len(order)) == 0
    elif demand.shape[1] == 1:
        lowest = np.minimum.accumulate(sorted_demand[:, 0])
        keep = np.concatenate([[True], sorted_demand[1:, 0] < lowest[:-1]])
    else:
        keep = _staircase(sorted_demand) if demand.shape[1] == 2 else _blocks(sorted_demand)
    kept: Ints = order[keep].astype(np.int64)
    return kept


def _staircase(demand: Ints) -> NDArray[np.bool_]:
    """Labels of falling value, two resources: keep those that lie below the staircase of the ones before."""
    keep = np.zeros(len(demand), dtype=bool)
    firsts: list[int] = []
    seconds: list[int] = []  # falls as firsts rises
    for i, (first, second) in enumerate(demand.tolist()):
        place = bisect_right(firsts, first)
        if place and seconds[place - 1] <= second:
            continue
        keep[i] = True
        start = bisect_left(firsts, first)
        end = start
        while end < len(seconds) and seconds[end] >= second:
            end += 1
        firsts[start:end] = [first]
        seconds[start:end] = [second]
    return keep


def _blocks(demand: Ints) -> NDArray[np.bool_]:
    """Labels of falling value, any number of resources, block against the kept ones and within the block."""
    keep = np.zeros(len(demand), dtype=bool)
    kept = np.empty((0, demand.shape[1]), dtype=np.int64)
    for start in range(0, len(demand), _BLOCK):
        block = demand[start : start + _BLOCK]
        alive = ~_covered(block, kept)
        block = block[alive]
        earlier = np.tri(len(block), k=-1, dtype=bool)
        inside = np.all(block[None, :, :] <= block[:, None, :], axis=2) & earlier
        stays = ~inside.any(axis=1)
        keep[start + np.flatnonzero(alive)[stays]] = True
        kept = np.concatenate([kept, block[stays]])
    return keep


def _covered(block: Ints, kept: Ints) -> NDArray[np.bool_]:
    """(label,) bool: some kept label takes no more of every resource."""
    covered = np.zeros(len(block), dtype=bool)
    for start in range(0, len(kept), 4 * _BLOCK):
        part = kept[start : start + 4 * _BLOCK]
        below = np.ones((len(block), len(part)), dtype=bool)
        for r in range(block.shape[1]):
            below &= part[None, :, r] <= block[:, None, r]
        covered |= below.any(axis=1)
    return covered
