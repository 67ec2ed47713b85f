"""Local search over the bins of a plan with several scenarios: buy some, give some up, and pay less.

The state holds a packing of every scenario. A move opens bins of some types, closes others, and is kept if in every
scenario the items of the closed bins find room in those that are open there::

    drop     no bin opened, one closed
    swap     one opened, one closed
    join     one opened, two closed
    split    two opened, one closed

Moves that the sums of resources already rule out are not tried. All counts are fixed beforehand, so that the same plan
comes out everywhere.
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solvers.bin_plan import ScenarioPacking
from solvers.packing_state import PackingState
from solvers.pool_problem import WHOLE_MILLI, Floats, Ints, PoolProblem

_SLOTS = 8
"""Free places for bins to open, beside half as many as there are bins."""
_MOST_IN_PAIRS = 60
"""Bins, the cheapest first, of which pairs are closed together."""
_MOST_NUMBERS = 10_000_000
"""Numbers that describe pairs of types to open, at most: memory."""
_MOST_PER_CLOSED = 100
"""Moves that are kept for the same closed bins, the most promising."""
_LEAST_SAVING = 1e-6


@dataclass(frozen=True, slots=True)
class Move:
    """Types to open, and places of bins to close."""

    opened: tuple[int, ...]
    closed: tuple[int, ...]
    promise: float
    """What it saves, times the smallest part of a resource that would be free: full bins are hard to fill."""


def descend(
    problem: PoolProblem,
    bin_type: Ints,
    scenarios: Sequence[ScenarioPacking],
    *,
    most_trials: int = 2000,
    most_seconds: float = math.inf,
) -> tuple[Ints, list[ScenarioPacking]]:
    """A plan of the same items that costs no more; bins rise by type.

    Args:
        problem: the classes, types and rules.
        bin_type: (bin,) int64.
        scenarios: all bins first, then the losses; what is left out stays out.
        most_trials: moves tried.
        most_seconds: of processor time, a safety net: an answer that it cut short may differ on another machine.
    """
    search = _Descent(problem, bin_type, scenarios)
    search.run(most_trials, time.process_time() + most_seconds)
    return search.result()


class _Descent:
    """The plan that is being improved. A bin of type -1 is closed; the last places are free for bins to open."""

    def __init__(self, problem: PoolProblem, bin_type: Ints, scenarios: Sequence[ScenarioPacking]) -> None:
        self.problem = problem
        self.scenarios = scenarios
        bins, items = problem.bins, problem.items
        self.room = np.column_stack([bins.capacity, bins.gpus * WHOLE_MILLI]).astype(np.int64)
        self.need = np.column_stack([items.demand, items.gpu_milli])
        slots = _SLOTS + len(bin_type) // 2
        self.types = np.concatenate([bin_type, np.full(slots, -1)]).astype(np.int64)
        # The free places start as the type with most GPUs, so that the state has columns for any.
        start = np.concatenate([bin_type, np.full(slots, int(bins.gpus.argmax()))]).astype(np.int64)
        self.states = [_state(problem, start, scenario) for scenario in scenarios]
        groups = np.array([scenario.lost_group for scenario in scenarios])
        self.stays = (bins.group[None, :] != groups[:, None]).astype(np.int64)
        """(scenario, type) 1 where bins of the type are left."""
        # Sorts of items: those that the same types hold.
        rows = {problem.fits[k].tobytes(): k for k in range(items.size) if items.at_once[k]}
        self.sorts = [
            np.flatnonzero([problem.fits[k].tobytes() == key for k in range(items.size)]) for key in sorted(rows)
        ]
        self.sort_fits = np.array([problem.fits[rows[key]] for key in sorted(rows)], dtype=np.int64)
        self.sort_fits = self.sort_fits.reshape(len(self.sorts), bins.size)
        gain = self.stays.T[:, :, None, None] * self.sort_fits.T[:, None, :, None] * self.room[:, None, None, :]
        self.gain = gain.reshape(bins.size, -1)
        """(type, scenario x sort x resource) room that one more bin brings."""
        placed = np.array([state.contents.sum(axis=0) @ self.need for state in self.states])
        # Tight scenarios first: most moves fail there.
        spare = (self._totals() - placed) / np.maximum(self._totals(), 1)
        self.order = np.argsort(spare.min(axis=1), kind="stable").tolist()

    def run(self, most_trials: int, until: float) -> None:
        """Move until nothing helps, or the trials or the time are used up."""
        trials = 0
        failed: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
        has_moved = True
        while has_moved:
            has_moved = False
            for move in self._moves():
                key = (move.opened, move.closed)
                if key in failed:
                    continue
                if trials >= most_trials or time.process_time() > until:
                    return
                trials += 1
                if self._try(move):
                    has_moved = True
                    break
                # Mostly it fails later too, so it is not tried again.
                failed.add(key)

    def cost(self) -> float:
        """Of the bins, and of where the items stand while all bins are there."""
        used = self.types >= 0
        total = float(self.problem.bins.cost_per_hour[self.types[used]].sum())
        if self.problem.item_cost is not None:
            total += float((self.states[0].contents[used] * self.problem.item_cost[:, self.types[used]].T).sum())
        return total

    def _moves(self) -> list[Move]:
        """Moves that save and that sums do not rule out, the most promising first.

        Sums are by sort of items: those that the same types hold. What the closed bins hold of a sort must find room in
        what is free in the bins that hold the sort, without the closed ones and with the opened ones.
        """
        cost = self.problem.bins.cost_per_hour
        one, two, buyable = self._representatives(1), self._representatives(2), self._buyable()
        needed, free = self._by_sort(two)
        spare, scale = self._spare()
        place = {bin_number: i for i, bin_number in enumerate(two.tolist())}
        cheapest = np.argsort(cost[self.types[two]], kind="stable")[:_MOST_IN_PAIRS]
        few = two[np.sort(cheapest)]
        none = np.zeros((1, 0), dtype=np.int64)
        # Pairs of all types would be too many in a large problem: then those of the cheapest types.
        most = max(1, int(np.sqrt(2.0 * _MOST_NUMBERS / max(self.gain.shape[1], 1))))
        paired = np.sort(buyable[np.argsort(cost[buyable], kind="stable")[:most]])
        pairs = np.column_stack([paired[i] for i in np.triu_indices(len(paired))])
        singles, doubles = one[:, None], np.column_stack([few[i] for i in np.triu_indices(len(few), k=1)])
        found: list[Move] = []
        for buy, closed in (
            (none, singles),
            (buyable[:, None], singles),
            (buyable[:, None], doubles),
            (pairs, singles),
        ):
            price, gain = cost[buy].sum(axis=1), self.gain[buy].sum(axis=1)
            for row in closed:
                saving = cost[self.types[row]].sum() - price
                cheap = np.flatnonzero(saving > _LEAST_SAVING)
                at = [place[i] for i in row.tolist()]
                need = needed[at].sum(axis=0)
                asked = np.flatnonzero(need)
                after = spare[asked] - free[at].sum(axis=0)[asked] - need[asked] + gain[np.ix_(cheap, asked)]
                slack = (after / scale[asked]).min(axis=1, initial=1.0)
                promise = np.where(slack >= 0.0, saving[cheap] * slack, -1.0)
                best = np.argsort(-promise, kind="stable")[:_MOST_PER_CLOSED]
                found += [
                    Move(tuple(buy[cheap[j]].tolist()), tuple(row.tolist()), float(promise[j]))
                    for j in best.tolist()
                    if promise[j] >= 0.0
                ]
        found.sort(key=lambda move: (-move.promise, move.opened, move.closed))
        return found

    def _by_sort(self, places: Ints) -> tuple[Ints, Ints]:
        """(place, scenario x sort x resource) what bins hold of each sort, and what is free there for it."""
        shape = (len(places), len(self.states), len(self.sorts), self.room.shape[1])
        needed, free = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for s, state in enumerate(self.states):
            inside = state.contents[places]
            for g, members in enumerate(self.sorts):
                needed[:, s, g] = inside[:, members] @ self.need[members]
            left = self.stays[s, self.types[places]][:, None] * self._free(state)[places]
            free[:, s] = left[:, None, :] * self.sort_fits[:, self.types[places]].T[:, :, None]
        return needed.reshape(len(places), -1), free.reshape(len(places), -1)

    def _spare(self) -> tuple[Ints, Floats]:
        """(scenario x sort x resource) what is free in all bins that hold a sort, and what they have in all."""
        used = np.flatnonzero(self.types >= 0)
        fits = self.sort_fits[:, self.types[used]]
        spare = np.zeros((len(self.states), len(self.sorts), self.room.shape[1]), dtype=np.int64)
        total = np.zeros(spare.shape)
        for s, state in enumerate(self.states):
            here = self.stays[s, self.types[used]][:, None]
            spare[s] = fits @ (here * self._free(state)[used])
            total[s] = fits @ (here * self.room[self.types[used]])
        return spare.ravel(), np.maximum(total.ravel(), 1.0)

    def _free(self, state: PackingState) -> Ints:
        """(bin, resource and GPU milli) what is free."""
        return np.column_stack([state.free, np.maximum(state.gpu_free, 0).sum(axis=1)])

    def _representatives(self, alike: int) -> Ints:
        """Places of bins, at most so many of those that are alike: of one type, with the same in every scenario."""
        seen: Counter[tuple[int, bytes]] = Counter()
        places = []
        for i in np.flatnonzero(self.types >= 0).tolist():
            key = (int(self.types[i]), b"".join(state.contents[i].tobytes() for state in self.states))
            seen[key] += 1
            if seen[key] <= alike:
                places.append(i)
        return np.array(places, dtype=np.int64)

    def _counts(self, types: Ints) -> Ints:
        return np.bincount(types[types >= 0], minlength=self.problem.bins.size)

    def _buyable(self) -> Ints:
        """Types of which one more may be had."""
        return np.flatnonzero(self._counts(self.types) < self.problem.bins.limit)

    def _totals(self) -> Ints:
        """(scenario, resource and GPU milli) what the open bins have."""
        totals: Ints = (self.stays * self._counts(self.types)) @ self.room
        return totals

    def _try(self, move: Move) -> bool:
        """Make a move if every scenario and every rule allows it."""
        types = self.types.copy()
        types[list(move.closed)] = -1
        slots = np.flatnonzero(self.types < 0)[: len(move.opened)].tolist()
        if len(slots) < len(move.opened):
            return False
        types[slots] = move.opened
        counts = self._counts(types)
        if np.any(counts > self.problem.bins.limit) or not all(row.is_kept(counts) for row in self.problem.rows):
            return False
        saved = [state.copy() for state in self.states]
        old, before = self.types, self.cost()
        worked = all(self._moved(s, move, slots) for s in self.order)
        self.types = types
        if worked and self.cost() < before - _LEAST_SAVING:
            return True
        self.types, self.states = old, saved
        return False

    def _moved(self, s: int, move: Move, slots: list[int]) -> bool:
        """Open, close and move in one scenario."""
        state = self.states[s]
        for slot, b in zip(slots, move.opened, strict=True):
            state.reopen(slot, b)
            if not self.stays[s, b]:
                state.close(slot)
        for place in move.closed:
            state.close(place)
        for place in move.closed:
            for k in self._largest_first(state.contents[place]):
                while state.contents[place, k]:
                    state.remove(k, place)
                    target = state.best_bin(k)
                    if target >= 0:
                        state.add(k, target)
                    elif not state.make_room(k):
                        return False
        return True

    def _largest_first(self, contents: Ints) -> list[int]:
        """Classes inside, the largest part of any bin first."""
        inside = np.flatnonzero(contents)
        size = (self.need[inside] / np.maximum(self.room.max(axis=0), 1)).max(axis=1)
        order: list[int] = inside[np.argsort(-size, kind="stable")].tolist()
        return order

    def result(self) -> tuple[Ints, list[ScenarioPacking]]:
        """(bin,) types, and the scenarios."""
        used = np.flatnonzero(self.types >= 0)
        used = used[np.argsort(self.types[used], kind="stable")]
        types = self.types[used]
        made = []
        for state, old in zip(self.states, self.scenarios, strict=True):
            here = np.flatnonzero(self.problem.bins.group[types] != old.lost_group)
            made.append(ScenarioPacking(old.lost_group, here, state.contents[used[here]], old.left_out))
        return types, made


def _state(problem: PoolProblem, bin_type: Ints, scenario: ScenarioPacking) -> PackingState:
    """A scenario's packing, with the bins that are not there closed."""
    state = PackingState(problem, bin_type)
    for i, row in zip(scenario.bins.tolist(), scenario.contents, strict=True):
        if row.any():
            state.fill(i, row)
    here = set(scenario.bins.tolist())
    for i in range(len(bin_type)):
        if i not in here:
            state.close(i)
    return state
