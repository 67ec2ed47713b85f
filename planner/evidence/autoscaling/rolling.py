"""The highest of the last m values of many lanes, a few array operations per step whatever m.

Method of van Herk (1992) and Gil and Werman (1993): steps are cut into blocks of m; a window spans
the tail of one block, whose suffix maxima are known, and the head of the next, whose maximum grows.
"""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int32]

NOTHING = np.int32(-(2**31) + 1)
"""Below every value; its negative is above every value."""


class RollingMax:
    """Rolling maxima; ``lengths`` are the windows of the lanes, (lane,), each 1 or more.

    Neighbours of one length are worked on together, so lanes that are sorted by it cost least.
    """

    def __init__(self, lengths: NDArray[Any]) -> None:
        edges = np.flatnonzero(np.diff(lengths)) + 1
        bounds = [0, *edges.tolist(), lengths.size] if lengths.size else []
        self._groups = [
            _Group(slice(start, stop), int(lengths[start]), stop - start) for start, stop in itertools.pairwise(bounds)
        ]
        self.highest: Counts = np.full(lengths.size, NOTHING)

    def push(self, values: Counts) -> Counts:
        """Add one step; returns the maxima, (lane,), in an array that the next push overwrites."""
        for group in self._groups:
            group.push(values[group.lanes], self.highest[group.lanes])
        return self.highest


class _Group:
    """Lanes that share one window length."""

    def __init__(self, lanes: slice, length: int, count: int) -> None:
        self.lanes = lanes
        self._length = length
        self._place = 0
        self._block: Counts = np.full((length, count), NOTHING)
        self._tail: Counts = np.full((length + 1, count), NOTHING)
        self._head: Counts = np.full(count, NOTHING)

    def push(self, values: Counts, highest: Counts) -> None:
        if self._length == 1:
            highest[:] = values
            return
        self._block[self._place] = values
        if self._place:
            np.maximum(self._head, values, out=self._head)
        else:
            self._head[:] = values
        np.maximum(self._head, self._tail[self._place + 1], out=highest)
        self._place += 1
        if self._place == self._length:
            self._tail[:-1] = np.maximum.accumulate(self._block[::-1], axis=0)[::-1]
            self._place = 0
