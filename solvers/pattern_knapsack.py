"""The search behind `solvers.pattern_pricing`: a knapsack of several resources with GPUs inside.

A bin of G GPUs holds *pieces*: for one GPU a whole-GPU item, a set of shares that add up to at most 1000 milli, or
nothing; for g GPUs an item of g whole GPUs; and a set of items without GPU. The search

1. relaxes: with multipliers y >= 0 of the resources and w of a GPU from a linear program,
   ``V <= U = y C + w G``, and each piece p has a *loss* ``y d_p + w g_p - v_p >= 0``;
2. keeps only pieces and sums of pieces whose losses stay within ``U - target``: a pattern worth more than
   ``target`` has no others in it;
3. joins pieces GPU by GPU and drops dominated labels (`solvers.pattern_labels`);
4. joins the two last sets pair by pair and takes the best pairs that fit.

It therefore ends with the best patterns above ``target``, or with the proof that there is none. A limit on the
labels or on the pairs cuts it short; then the relaxation of step 1 is all that is proved.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.backends import solve
from solvers.linear_model import LinearModel
from solvers.pattern_labels import undominated
from solvers.pool_problem import WHOLE_MILLI, Floats, Ints

_CHUNK = 400_000
"""Pairs of labels that are looked at in one go."""
_TINY = 1e-9
"""Relative slack for the rounding of sums of prices."""


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """Partial patterns: demand (label, resource), value (label,), counts (label, usable class)."""

    demand: Ints
    value: Floats
    counts: NDArray[np.int16]

    @property
    def size(self) -> int:
        return len(self.value)

    def at(self, index: Ints) -> "_Labels":
        return _Labels(self.demand[index], self.value[index], self.counts[index])


@dataclass(frozen=True, slots=True, eq=False)
class PricedItems:
    """A bin and the classes that fit it and have a price: what a search is about.

    Attributes:
        capacity: (resource,) int64.
        gpus: GPUs of the bin.
        demand: (class, resource) int64.
        whole: (class,) int64 whole GPUs.
        milli: (class,) int64 share of one GPU.
        values: (class,) float64 prices.
        most: (class,) int64 most copies; kept for items without GPUs, of which a pattern has one set only.
    """

    capacity: Ints
    gpus: int
    demand: Ints
    whole: Ints
    milli: Ints
    values: Floats
    most: Ints


class PatternSearch:
    """One question to a `Pricer`."""

    def __init__(self, items: PricedItems, target: float, label_limit: int, pair_limit: float = np.inf) -> None:
        self.capacity, self.gpus, self.demand = items.capacity, items.gpus, items.demand
        self.whole, self.milli, self.values, self.most = items.whole, items.milli, items.values, items.most
        self.target = self.asked = target
        self.relaxed_upper = np.inf
        self.label_limit, self.pairs_left = label_limit, pair_limit
        self.was_cut = False
        self._relax(self.demand, self.whole + self.milli / WHOLE_MILLI, self.values)

    def proved_upper(self, values: Floats) -> float:
        """What no pattern is worth more than, after `run` found patterns of these values."""
        reached = max(self.asked, float(values.max(initial=0.0)))
        return max(self.relaxed_upper, self.asked) if self.was_cut else reached

    def run(self, most_patterns: int) -> tuple[NDArray[np.int16], Floats]:
        """Counts (pattern, usable class) and values of the best patterns above the target."""
        best = _Best(most_patterns, self.target, len(self.values))
        if self.slack < 0.0:
            return best.result()
        pieces = self._pieces()
        bare = pieces.pop(0)
        if not self.gpus:
            self._finish(_empty(self), bare, best)
            return best.result()
        self._relax(
            np.concatenate([bare.demand, *(labels.demand for labels in pieces.values())]),
            np.concatenate([np.zeros(bare.size), *(np.full(labels.size, g) for g, labels in pieces.items())]),
            np.concatenate([bare.value, *(labels.value for labels in pieces.values())]),
        )
        bare = self._kept(bare, 0)
        pieces = {g: self._kept(labels, g) for g, labels in pieces.items()}
        if all(g & (g - 1) == 0 for g in pieces):
            self._by_halves(pieces, bare, best)
        else:
            self._one_by_one(pieces, bare, best)
        return best.result()

    def _by_halves(self, pieces: dict[int, _Labels], bare: _Labels, best: "_Best") -> None:
        """Blocks of 1, 2, 4, .. GPUs, each the sum of two halves or one piece; the bin is a few such blocks.

        Pieces whose sizes are powers of two can always be laid out so, the largest first.
        """
        block, size = pieces[1], 1
        blocks = []
        while True:
            if self.gpus & size:
                blocks.append((size, block))
            if 2 * size >= self.gpus:
                break
            size *= 2
            block = self._kept(_stack([self._joined(block, block, size), pieces.get(size, _none(self))]), size)
        if not blocks:
            # The whole bin is one block: its halves are joined last, and not all of them.
            last = self._kept(self._joined(block, bare, size), size)
            self._finish(block, last, best)
            if self.gpus in pieces:
                self._finish(pieces[self.gpus], bare, best)
            return
        rest, used = bare, 0
        for size, block in blocks[:-1]:
            used += size
            rest = self._kept(self._joined(rest, block, used), used)
        self._finish(rest, blocks[-1][1], best)

    def _one_by_one(self, pieces: dict[int, _Labels], bare: _Labels, best: "_Best") -> None:
        """Sets that take g GPUs for g = 1, 2, ..: one piece more than a smaller set."""
        joined = [_empty(self)]
        for g in range(1, self.gpus):
            parts = [self._joined(joined[g - h], labels, g) for h, labels in pieces.items() if h <= g]
            joined.append(self._kept(_stack(parts), g))
        for h, labels in pieces.items():
            last = self._kept(self._joined(labels, bare, h), h)
            self._finish(joined[self.gpus - h], last, best)

    def _relax(self, demand: Ints, gpus: Floats, value: Floats) -> None:
        """Multipliers of the linear program max v a, d a <= C, g a <= G, a >= 0 over items or pieces.

        The solver leaves rounding errors; a common factor lifts the multipliers until no loss is negative,
        which any bound needs and which is all that it needs.
        """
        model = LinearModel("relaxed_pattern")
        take = model.add_variables("take", len(value), objective=-value)
        rows, columns = np.indices((len(self.capacity), len(value)))
        model.add_constraints("capacity", rows, take[columns], demand.T, upper=self.capacity.astype(float))
        model.add_constraints("gpus", np.zeros_like(take), take, gpus, count=1, upper=float(self.gpus))
        duals = np.maximum(-solve(model).row_duals, 0.0)
        worth = demand @ duals[:-1] + gpus * duals[-1]
        needed = np.divide(value, worth, out=np.ones_like(value), where=worth > 0.0)
        lift = max(1.0, float(needed.max(initial=1.0))) * (1.0 + _TINY)
        self.per_resource, self.per_gpu = duals[:-1] * lift, float(duals[-1]) * lift
        upper = float(self.capacity @ self.per_resource) + self.gpus * self.per_gpu
        if not self.was_cut:
            # After a cut some pieces are missing, and the relaxation over the others bounds nothing.
            self.relaxed_upper = upper * (1.0 + _TINY)
        self.slack = upper * (1.0 + _TINY) - self.target

    def _loss(self, labels: _Labels, gpus: float | Floats) -> Floats:
        """(label,) y d + w g - v, at least 0 but for rounding."""
        loss: Floats = labels.demand @ self.per_resource + gpus * self.per_gpu - labels.value
        return loss

    def _pieces(self) -> dict[int, _Labels]:
        """Pieces by the GPUs that they take; 0 = the sets of items without GPU."""
        pieces = {0: self._sets_of(np.flatnonzero((self.whole == 0) & (self.milli == 0)), 0)}
        if self.gpus:
            shares = self._sets_of(np.flatnonzero(self.milli > 0), WHOLE_MILLI)
            pieces[1] = self._kept(_stack([shares, self._single(1)]), 1)
        for g in sorted({int(g) for g in self.whole if g > 1}):
            pieces[g] = self._kept(self._single(g), g)
        return pieces

    def _single(self, gpus: int) -> _Labels:
        """One label for one item of each class of that many whole GPUs."""
        index = np.flatnonzero(self.whole == gpus)
        counts = np.zeros((index.size, len(self.values)), dtype=np.int16)
        counts[np.arange(index.size), index] = 1
        return _Labels(self.demand[index], self.values[index], counts)

    def _sets_of(self, classes: Ints, milli_limit: int) -> _Labels:
        """Sets of items of the classes that fit together on one GPU (1000 milli), or without one (0)."""
        labels, used = _empty(self), np.zeros(1, dtype=np.int64)
        for k in classes[np.lexsort((-self.values[classes], -self.milli[classes]))].tolist():
            layers, useds = [labels], [used]
            copies = np.inf if milli_limit else float(self.most[k])
            while layers[-1].size and len(layers) <= copies:
                last, milli = layers[-1], useds[-1] + self.milli[k]
                more = _Labels(last.demand + self.demand[k], last.value + self.values[k], last.counts)
                good = np.all(more.demand <= self.capacity, axis=1) & (milli <= milli_limit)
                good &= self._loss(more, milli / WHOLE_MILLI) <= self.slack
                more = more.at(np.flatnonzero(good))
                more.counts[:, k] += 1
                layers.append(more)
                useds.append(milli[good])
            labels, used = _stack(layers), np.concatenate(useds)
            taken = np.column_stack([labels.demand, used]) if milli_limit else labels.demand
            keep = self._cut(undominated(taken, labels.value), labels, used / WHOLE_MILLI)
            labels, used = labels.at(keep), used[keep]
        return self._kept(labels, 1 if milli_limit else 0)

    def _kept(self, labels: _Labels, gpus: int) -> _Labels:
        """Labels on so many GPUs whose loss is within the slack, without dominated ones."""
        labels = labels.at(np.flatnonzero(self._loss(labels, gpus) <= self.slack))
        return labels.at(self._cut(undominated(labels.demand, labels.value), labels, float(gpus)))

    def _cut(self, index: Ints, labels: _Labels, gpus: float | Floats) -> Ints:
        if index.size <= self.label_limit:
            return index
        self.was_cut = True
        loss = self._loss(labels, gpus)[index]
        return index[np.argsort(loss, kind="stable")[: self.label_limit]]

    def _pairs(self, first: _Labels, second: _Labels, gpus: int) -> Iterator[tuple[Ints, Ints, Ints, Floats]]:
        """Pairs that fit and lose no more than the slack, in chunks: indices, demands, values."""
        constant = gpus * self.per_gpu
        one, two = self._loss(first, 0.0), self._loss(second, 0.0)
        order = np.argsort(two, kind="stable")
        partners = np.searchsorted(two[order], self.slack - constant - one, side="right")
        rows = np.argsort(-partners, kind="stable")
        start = 0
        while start < rows.size and partners[rows[start]] > 0:
            width = int(partners[rows[start]])
            block = rows[start : start + max(1, _CHUNK // width)]
            start += block.size
            self.pairs_left -= block.size * width
            if self.pairs_left < 0:
                self.was_cut = True
                return
            i = np.repeat(block, width)
            j = np.tile(order[:width], block.size)
            # The target rises while good pairs are found, and with it the slack falls.
            good = one[i] + two[j] <= self.slack - constant
            i, j = i[good], j[good]
            demand = first.demand[i] + second.demand[j]
            good = np.all(demand <= self.capacity, axis=1)
            i, j, demand = i[good], j[good], demand[good]
            yield i, j, demand, first.value[i] + second.value[j]

    def _joined(self, first: _Labels, second: _Labels, gpus: int) -> _Labels:
        """Sums of one label of each that fit, without dominated ones."""
        parts = []
        for i, j, demand, value in self._pairs(first, second, gpus):
            # A pair that fits takes some ten times as long as one that is passed over.
            self.pairs_left -= 10 * value.size
            keep = undominated(demand, value)
            parts.append((i[keep], j[keep], demand[keep], value[keep]))
        if not parts:
            return _none(self)
        i, j, demand, value = (np.concatenate(column) for column in zip(*parts, strict=True))
        keep = undominated(demand, value)
        return _Labels(demand[keep], value[keep], first.counts[i[keep]] + second.counts[j[keep]])

    def _finish(self, first: _Labels, second: _Labels, best: "_Best") -> None:
        """Take the best pairs that fit."""
        for i, j, _, value in self._pairs(first, second, self.gpus):
            best.add(value, first.counts, i, second.counts, j)
            if best.floor > self.target:
                self.slack -= best.floor - self.target
                self.target = best.floor


class _Best:
    """The most valuable different patterns so far."""

    def __init__(self, most: int, floor: float, classes: int) -> None:
        self.most = most
        self.floor = floor
        self.values = np.empty(0)
        self.counts = np.zeros((0, classes), dtype=np.int16)

    def add(self, value: Floats, one: NDArray[np.int16], i: Ints, two: NDArray[np.int16], j: Ints) -> None:
        above = np.flatnonzero(value > self.floor)
        above = above[np.argsort(-value[above], kind="stable")[: 8 * self.most]]
        if not above.size:
            return
        counts = np.concatenate([self.counts, one[i[above]] + two[j[above]]])
        values = np.concatenate([self.values, value[above]])
        _, first = np.unique(counts, axis=0, return_index=True)
        chosen = first[np.argsort(-values[first], kind="stable")[: self.most]]
        self.values, self.counts = values[chosen], counts[chosen]
        if self.values.size == self.most:
            self.floor = max(self.floor, float(self.values[-1]))

    def result(self) -> tuple[NDArray[np.int16], Floats]:
        return self.counts, self.values


def _empty(search: PatternSearch) -> _Labels:
    """One label with nothing in it."""
    counts = np.zeros((1, len(search.values)), dtype=np.int16)
    return _Labels(np.zeros((1, len(search.capacity)), dtype=np.int64), np.zeros(1), counts)


def _none(search: PatternSearch) -> _Labels:
    """No label."""
    return _empty(search).at(np.empty(0, dtype=np.int64))


def _stack(parts: list[_Labels]) -> _Labels:
    return _Labels(
        np.concatenate([part.demand for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )
