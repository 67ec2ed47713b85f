"""Bins that are being filled: what is free in each, GPU by GPU."""

import numpy as np

from solvers.gpu_partitions import place_shares
from solvers.pool_problem import WHOLE_MILLI, Bools, Floats, Ints, ItemClasses, PoolProblem


def gpu_layout(items: ItemClasses, contents: Ints, gpus: int) -> list[tuple[int, tuple[int, ...]]] | None:
    """(class, its GPUs) for each item with GPUs in one bin, whole GPUs first; ``None`` if they do not fit.

    Args:
        items: the classes.
        contents: (class,) int64 items in the bin.
        gpus: GPUs of the bin.
    """
    places: list[tuple[int, tuple[int, ...]]] = []
    next_gpu = 0
    shares: list[int] = []
    for k in np.flatnonzero(contents).tolist():
        for _ in range(int(contents[k])):
            wanted = int(items.gpus[k])
            if wanted:
                places.append((k, tuple(range(next_gpu, next_gpu + wanted))))
                next_gpu += wanted
        shares += [k] * (int(contents[k]) if items.share_milli[k] else 0)
    if next_gpu > gpus:
        return None
    layout = place_shares([int(items.share_milli[k]) for k in shares], gpus - next_gpu, WHOLE_MILLI)
    if layout is None:
        return None
    return places + [(k, (next_gpu + gpu,)) for k, gpu in zip(shares, layout, strict=True)]


class PackingState:
    """Bins with their contents and what is free.

    Attributes:
        contents: (bin, class) int64.
        free: (bin, resource) int64.
        gpu_free: (bin, gpu) int64 milli, -1 where the bin has no such GPU.
        left: (class,) int64, for callers: items without a place.
    """

    def __init__(self, problem: PoolProblem, bin_type: Ints) -> None:
        bins, self.problem, self.items = problem.bins, problem, problem.items
        self.bin_type = bin_type.copy()
        self.fits = problem.fits[:, bin_type]
        self.contents = np.zeros((len(bin_type), self.items.size), dtype=np.int64)
        self.capacity = bins.capacity[bin_type]
        self.free = self.capacity.copy()
        most = int(bins.gpus[bin_type].max(initial=0))
        self.gpu_free = np.where(np.arange(most)[None, :] < bins.gpus[bin_type][:, None], WHOLE_MILLI, -1)
        self.gpu_free = self.gpu_free.astype(np.int64)
        self.left = np.zeros(self.items.size, dtype=np.int64)
        # Which GPUs each share sits on: (bin, class) -> GPU numbers, one entry per item.
        self._sits: dict[tuple[int, int], list[tuple[int, ...]]] = {}

    def copy(self) -> "PackingState":
        """The same, to be changed on its own."""
        other = object.__new__(PackingState)
        other.problem, other.items = self.problem, self.items
        other.bin_type, other.fits = self.bin_type.copy(), self.fits.copy()
        other.contents, other.capacity, other.free = self.contents.copy(), self.capacity.copy(), self.free.copy()
        other.gpu_free, other.left = self.gpu_free.copy(), self.left.copy()
        other._sits = {key: list(places) for key, places in self._sits.items()}
        return other

    def close(self, bin_number: int) -> None:
        """Nothing may be put into the bin any more; what is inside stays."""
        self.fits[:, bin_number] = False

    def reopen(self, bin_number: int, bin_type: int) -> None:
        """Make an empty bin one of another type, which has no more GPUs than any bin at the start."""
        bins = self.problem.bins
        self.bin_type[bin_number] = bin_type
        self.fits[:, bin_number] = self.problem.fits[:, bin_type]
        self.capacity[bin_number] = self.free[bin_number] = bins.capacity[bin_type]
        gpus = np.arange(self.gpu_free.shape[1])
        self.gpu_free[bin_number] = np.where(gpus < bins.gpus[bin_type], WHOLE_MILLI, -1)

    def can_take(self, k: int) -> Bools:
        """(bin,) bool: bins with room for one more item of class k."""
        room: Bools = self.fits[k] & np.all(self.free >= self.items.demand[k], axis=1)
        if self.items.most_per_bin is not None and self.items.most_per_bin[k]:
            room &= self.contents[:, k] < self.items.most_per_bin[k]
        if self.items.gpus[k]:
            room &= (self.gpu_free == WHOLE_MILLI).sum(axis=1) >= self.items.gpus[k]
        elif self.items.share_milli[k]:
            room &= self.gpu_free.max(axis=1, initial=-1) >= self.items.share_milli[k]
        return room

    def add(self, k: int, bin_number: int) -> None:
        """Put one item of class k into a bin that can take it: its share on the fullest GPU that has room."""
        gpus = self.gpu_free[bin_number]
        if self.items.gpus[k]:
            chosen = np.flatnonzero(gpus == WHOLE_MILLI)[: int(self.items.gpus[k])]
            gpus[chosen] = 0
        elif self.items.share_milli[k]:
            share = int(self.items.share_milli[k])
            chosen = np.array([np.where(gpus >= share, gpus, 2 * WHOLE_MILLI).argmin()])
            gpus[chosen] -= share
        else:
            chosen = np.empty(0, dtype=np.int64)
        if chosen.size:
            self._sits.setdefault((bin_number, k), []).append(tuple(chosen.tolist()))
        self.free[bin_number] -= self.items.demand[k]
        self.contents[bin_number, k] += 1

    def fill(self, bin_number: int, contents: Ints) -> None:
        """Put (class,) contents into an empty bin that holds them, shares on the GPUs that `gpu_layout` finds."""
        layout = gpu_layout(self.items, contents, int((self.gpu_free[bin_number] >= 0).sum()))
        if layout is None:
            raise ValueError("the bin does not hold these items")
        for k, gpus in layout:
            self._sits.setdefault((bin_number, k), []).append(gpus)
            self.gpu_free[bin_number, list(gpus)] -= WHOLE_MILLI if self.items.gpus[k] else self.items.share_milli[k]
        self.free[bin_number] -= contents @ self.items.demand
        self.contents[bin_number] += contents

    def remove(self, k: int, bin_number: int) -> None:
        """Take one item of class k out of a bin."""
        if self.items.gpu_milli[k]:
            chosen = list(self._sits[bin_number, k].pop())
            self.gpu_free[bin_number, chosen] += WHOLE_MILLI if self.items.gpus[k] else int(self.items.share_milli[k])
        self.free[bin_number] += self.items.demand[k]
        self.contents[bin_number, k] -= 1

    def add_many(self, k: int, count: int) -> int:
        """Put up to ``count`` items of class k where they leave least over; how many had a place."""
        placed = 0
        while placed < count:
            chosen = self.best_bin(k)
            if chosen < 0:
                break
            while placed < count and self.takes(k, chosen):
                self.add(k, chosen)
                placed += 1
        return placed

    def make_room(self, k: int) -> bool:
        """Place one item of class k by moving one item of another class to another bin; whether it worked."""
        need = self.items.demand[k]
        for bin_number in np.flatnonzero(self.fits[k] & np.all(self.capacity >= need, axis=1)).tolist():
            for other in np.flatnonzero(self.contents[bin_number]).tolist():
                if np.any(self.free[bin_number] + self.items.demand[other] < need):
                    continue
                self.remove(other, bin_number)
                if self.takes(k, bin_number):
                    self.add(k, bin_number)
                    place = self.best_bin(other)
                    if place >= 0:
                        self.add(other, place)
                        return True
                    self.remove(k, bin_number)
                self.add(other, bin_number)
        return False

    def best_bin(self, k: int) -> int:
        """The bin where one more item of class k leaves least over, or -1."""
        room = np.flatnonzero(self.can_take(k))
        return int(room[self._left_over(k, room).argmin()]) if room.size else -1

    def takes(self, k: int, bin_number: int) -> bool:
        """Whether a bin has room for one more item of class k."""
        if not self.fits[k, bin_number] or np.any(self.free[bin_number] < self.items.demand[k]):
            return False
        limit = 0 if self.items.most_per_bin is None else int(self.items.most_per_bin[k])
        if limit and self.contents[bin_number, k] >= limit:
            return False
        gpus = self.gpu_free[bin_number]
        if self.items.gpus[k]:
            return int((gpus == WHOLE_MILLI).sum()) >= int(self.items.gpus[k])
        return not self.items.share_milli[k] or int(gpus.max(initial=-1)) >= int(self.items.share_milli[k])

    def _left_over(self, k: int, room: Ints) -> Floats:
        """(bin of room,) what stays unused, in parts of the bin: on the GPU that a share goes to, then in all."""
        free = self.free[room] - self.items.demand[k]
        over: Floats = (free / np.maximum(self.capacity[room], 1)).sum(axis=1)
        gpus = self.gpu_free[room]
        if self.items.share_milli[k]:
            share = int(self.items.share_milli[k])
            tightest = np.where(gpus >= share, gpus - share, WHOLE_MILLI).min(axis=1)
            over = over + 10.0 * tightest / WHOLE_MILLI
        if gpus.shape[1]:
            # An item without GPU had better not stand in the way of GPUs that are free.
            over = over + np.maximum(gpus, 0).sum(axis=1) / WHOLE_MILLI * (1.0 if self.items.gpu_milli[k] == 0 else 0.1)
        return over
