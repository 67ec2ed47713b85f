"""Local search over a packing: swap a bin for a cheaper one, empty a bin, two bins into one, one into two.

Each step lowers the cost and keeps every item in a bin that holds it. It repairs what rounding leaves: bins that
are fuller in the pattern than in the plan. It is for plans of one scenario.
"""

import numpy as np

from solvers.packing import holds
from solvers.packing_state import PackingState
from solvers.pool_problem import Ints, PoolProblem

_PAIRS = 400
"""Emptiest different bins that are tried in pairs."""


def improve(problem: PoolProblem, bin_type: Ints, contents: Ints, *, most_passes: int = 5) -> tuple[Ints, Ints]:
    """A packing of the same items that costs no more; bins rise by type.

    Args:
        problem: the classes and types.
        bin_type: (bin,) int64.
        contents: (bin, class) int64, which the bins hold.
        most_passes: passes over all moves.
    """
    search = _Search(problem)
    bins = [(int(b), row) for b, row in zip(bin_type, contents, strict=True) if row.any()]
    for _ in range(most_passes):
        before = search.cost(bins)
        bins = [(search.cheapest(row, b), row) for b, row in bins]
        bins = search.without_some(bins)
        bins = search.two_into_one(bins)
        bins = search.one_into_two(bins)
        if search.cost(bins) >= before - 1e-9:
            break
    used: dict[int, int] = {}
    order = sorted(range(len(bins)), key=lambda i: bins[i][0])
    types = np.array([bins[i][0] for i in order], dtype=np.int64)
    rows = np.array([bins[i][1] for i in order], dtype=np.int64).reshape(-1, problem.items.size)
    for b in types.tolist():
        used[b] = used.get(b, 0) + 1
    if any(n > problem.bins.limit[b] for b, n in used.items()):
        return bin_type, contents
    return types, rows


Bin = tuple[int, Ints]


class _Search:
    """The moves; remembers which type is cheapest for which contents."""

    def __init__(self, problem: PoolProblem) -> None:
        self.problem = problem
        self.by_cost = np.argsort(problem.bins.cost_per_hour, kind="stable").tolist()
        self._cheapest: dict[bytes, int] = {}

    def cost(self, bins: list[Bin]) -> float:
        return float(sum(self.problem.bins.cost_per_hour[b] for b, _ in bins))

    def cheapest(self, row: Ints, otherwise: int) -> int:
        """Cheapest type without limit that holds the contents, or the one given if none is cheaper."""
        key = row.tobytes()
        if key not in self._cheapest:
            found = (b for b in self.by_cost if np.isinf(self.problem.bins.limit[b]) and holds(self.problem, row, b))
            self._cheapest[key] = next(found, -1)
        best = self._cheapest[key]
        costs = self.problem.bins.cost_per_hour
        return best if best >= 0 and costs[best] < costs[otherwise] else otherwise

    def without_some(self, bins: list[Bin]) -> list[Bin]:
        """Empty bins, the least filled for their price first, into the free room of the others."""
        types = np.array([b for b, _ in bins], dtype=np.int64)
        state = PackingState(self.problem, types)
        for i, (_, row) in enumerate(bins):
            state.fill(i, row)
        fill = (1.0 - state.free / np.maximum(state.capacity, 1)).max(axis=1)
        kept = types.copy()
        for i in np.argsort(fill, kind="stable")[: max(20, len(bins) // 10)].tolist():
            if self._moved_away(state, i, np.zeros_like(state.contents[i])):
                kept[i] = -1
            else:
                kept[i] = self._made_smaller(state, i)
        return [(b, state.contents[i]) for i, b in enumerate(kept.tolist()) if b >= 0]

    def _made_smaller(self, state: PackingState, i: int) -> int:
        """Move items away until a cheaper type holds the rest; the type of the bin then."""
        costs, now = self.problem.bins.cost_per_hour, int(state.bin_type[i])
        row = state.contents[i].copy()
        tried: set[bytes] = set()
        for b in self.by_cost:
            if costs[b] >= costs[now]:
                break
            if not np.isinf(self.problem.bins.limit[b]):
                continue
            rest = self._most(row, b)
            if not rest.any() or rest.tobytes() in tried:
                continue
            tried.add(rest.tobytes())
            if self._moved_away(state, i, rest):
                # What it has room for now is more than the cheaper type has: nothing may join.
                state.fits[:, i] = False
                return int(b)
        return now

    def _moved_away(self, state: PackingState, i: int, rest: Ints) -> bool:
        """Move all items of a bin but (class,) ``rest`` to others, or none."""
        moved: list[tuple[int, int]] = []
        state.fits[:, i] = False
        for k in _gpu_first(self.problem, state.contents[i].copy()):
            while state.contents[i, k] > rest[k]:
                place = state.best_bin(k)
                if place < 0:
                    for other, to in reversed(moved):
                        state.remove(other, to)
                        state.add(other, i)
                    state.fits[:, i] = self.problem.fits[:, state.bin_type[i]]
                    return False
                state.remove(k, i)
                state.add(k, place)
                moved.append((k, place))
        state.fits[:, i] = self.problem.fits[:, state.bin_type[i]] if rest.any() else False
        return True

    def two_into_one(self, bins: list[Bin]) -> list[Bin]:
        """Join two bins where one bin holds both and costs less."""
        costs = self.problem.bins.cost_per_hour
        result: list[Bin | None] = list(bins)
        totals = [row @ self.problem.items.demand.sum(axis=1) for _, row in bins]
        light = sorted(range(len(bins)), key=lambda i: totals[i])[:_PAIRS]
        tried: set[tuple[bytes, bytes]] = set()
        for position, i in enumerate(light):
            for j in light[position + 1 :]:
                one, two = result[i], result[j]
                if one is None or two is None:
                    continue
                key = (one[1].tobytes(), two[1].tobytes())
                if key in tried:
                    continue
                tried.add(key)
                together = one[1] + two[1]
                price = float(costs[one[0]] + costs[two[0]])
                best = self._cheaper_than(together, price)
                if best >= 0:
                    result[i], result[j] = (best, together), None
        return [entry for entry in result if entry is not None]

    def one_into_two(self, bins: list[Bin]) -> list[Bin]:
        """Split a bin where two cheaper ones hold what is in it: the first takes all it can, the second the rest."""
        costs = self.problem.bins.cost_per_hour
        known: dict[tuple[int, bytes], list[Bin]] = {}
        result: list[Bin] = []
        for b, row in bins:
            key = (b, row.tobytes())
            if key not in known:
                known[key] = [(b, row)]
                best = float(costs[b])
                for first in self.by_cost:
                    if costs[first] >= best:
                        break
                    part = self._most(row, first)
                    if not part.any() or np.array_equal(part, row):
                        continue
                    second = self._cheaper_than(row - part, best - float(costs[first]))
                    if second >= 0:
                        known[key] = [(first, part), (second, row - part)]
                        best = float(costs[first] + costs[second])
            result += known[key]
        return result

    def _most(self, row: Ints, b: int) -> Ints:
        """Part of the contents that a bin of a type holds, taken greedily, GPUs first."""
        part = np.zeros_like(row)
        for k in _gpu_first(self.problem, row):
            while part[k] < row[k]:
                part[k] += 1
                if not holds(self.problem, part, b):
                    part[k] -= 1
                    break
        return part

    def _cheaper_than(self, row: Ints, price: float) -> int:
        """Cheapest type that holds the contents for less than a price, or -1."""
        need = row @ self.problem.items.demand
        for b in self.by_cost:
            if self.problem.bins.cost_per_hour[b] >= price - 1e-9:
                return -1
            has_room = np.isinf(self.problem.bins.limit[b]) and np.all(need <= self.problem.bins.capacity[b])
            if has_room and holds(self.problem, row, b):
                return int(b)
        return -1


def _gpu_first(problem: PoolProblem, row: Ints) -> list[int]:
    """Classes inside, the largest GPU requests first, so that shares find their GPUs again."""
    inside = np.flatnonzero(row)
    order = np.lexsort((-problem.items.demand[inside].sum(axis=1), -problem.items.gpu_milli[inside]))
    return [int(k) for k in inside[order]]
