r"""Lexicographic max-min fair shares of many resources, by progressive filling.

Tenant ``n`` gets the part ``x_n`` of its need ``D_n`` in all resources at once (half of the cores is of no use without
half of the memory), and at least what is guaranteed::

    a_nk  = max(g_nk, x_n D_nk)                     what it gets of resource k
    d_n   = max_k D_nk / C_k                        dominant share of the whole need
    s_n   = x_n d_n / w_n                           weighted dominant share, its level

    lexicographically maximise the sorted vector (s_n), tenants of the highest priority first, subject to
        sum_n a_nk <= C_k                           capacity
        sum_{n in cohort} a_nk <= sum of nominal    cohort; a member borrows at most its borrowing limit
        a_nk <= cap_nk,  sum_k p_k a_nk <= B_n,  x_n <= 1

That is dominant resource fairness (Ghodsi et al., NSDI 2011) with weights, guarantees and bounds. What a member does
not lend is a guarantee, what it may not borrow is a cap, so the rows of cohorts and of the capacity are all there is to
share.

**Progressive filling.** Own limits become one bound ``u_n`` of ``x_n``. All tenants of a priority rise together::

    x_n(t) = min(u_n, t w_n / d_n),      f_row(t) = sum_n max(g_nk, x_n(t) D_nk)

``f_row`` is piecewise linear and grows, so the level at which it meets the row's capacity is found by sorting its
breakpoints. The row met first is full: each member is bounded there, ``u_n <= max(x_n(t), g_nk / D_nk)``, and the
others go on. Bounds only sink, so levels of rows only rise, and a heap of old levels is enough (lazy evaluation).
Nobody can then gain but at the cost of a member of its full row whose level is no higher, which makes the shares the
only optimum.

**Prices.** In a full row the level rises by ``1 / sum over its growing members of (w_m D_mk / d_m)`` with each unit of
capacity: the dual of the row. A unit given to one is taken from the others in proportion to their terms of that sum.
"""

import heapq
from dataclasses import dataclass

import numpy as np

from solvers.fairness_problem import (
    NO_COHORT,
    FairProblem,
    Floats,
    GuaranteeRelaxation,
    Indices,
    ShareRow,
    dominant_share,
    fair_problem,
    relax_guarantees,
    share_rows,
)

__all__ = ["FairProblem", "FairShares", "GuaranteeRelaxation", "fair_problem", "fair_shares", "losses_of_one_more"]

NEED_MET = -1
CAP = -2
BUDGET = -3
BORROWING = -4
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class FairShares:
    """The answer.

    Attributes:
        share: (tenant,) ``x_n``, part of the need that is met, 0 to 1.
        amount: (tenant, resource) ``a_nk``, guarantees included.
        level: (tenant,) weighted dominant share ``s_n``.
        binding: (tenant,) what ends its share: a position in ``rows``, or ``NEED_MET``, ``CAP``, ``BUDGET``,
            ``BORROWING``.
        rows: what tenants share.
        level_per_unit: (row,) dual: rise of the level of the row's bounded tenants with one more unit; 0 = has room.
        growth: (tenant,) ``w_n / d_n``: part of the need for one level.
        relaxations: guarantees that no limit could hold; the answer holds under the reduced ones.
    """

    share: Floats
    amount: Floats
    level: Floats
    binding: Indices
    rows: tuple[ShareRow, ...]
    level_per_unit: Floats
    growth: Floats
    relaxations: tuple[GuaranteeRelaxation, ...]


def fair_shares(problem: FairProblem) -> FairShares:
    """Share the capacity; see the docstring of this module."""
    rows = share_rows(problem)
    reserved, relaxations = relax_guarantees(problem, rows)
    growth = problem.weights / dominant_share(problem)
    bound, binding = _own_bounds(problem, reserved)
    free = _free_share(problem.need, reserved)
    share = np.zeros(len(problem.need))
    for priority in sorted(set(problem.priority.tolist()), reverse=True):
        _fill(problem, rows, reserved, growth, share, bound, binding, problem.priority == priority)
    share = np.maximum(share, np.minimum(free, 1.0))
    amount = np.maximum(reserved, share[:, None] * problem.need)
    binding[share >= 1.0 - ROUNDING] = NEED_MET
    duals = np.zeros(len(rows))
    for position, row in enumerate(rows):
        slope = _slopes(problem, reserved, growth, share, row)[binding[row.members] == position].sum()
        duals[position] = 1.0 / slope if slope > 0 else 0.0
    return FairShares(share, amount, share / growth, binding, tuple(rows), duals, growth, tuple(relaxations))


def losses_of_one_more(problem: FairProblem, answer: FairShares, tenant: int, row: int) -> Floats:
    """(tenant,) units of the row's resource that the others lose where ``tenant`` gets one more of it; 0 = not full."""
    members = answer.rows[row].members
    resource = answer.rows[row].resource
    terms = np.zeros(len(problem.need))
    bounded = members[(answer.binding[members] == row) & (members != tenant)]
    terms[bounded] = answer.growth[bounded] * problem.need[bounded, resource]
    total = terms.sum()
    return terms / total if total > 0 and answer.level_per_unit[row] > 0 else np.zeros(len(terms))


def _free_share(need: Floats, reserved: Floats) -> Floats:
    """(tenant,) part of the need that guarantees alone meet."""
    ratio = np.full(need.shape, np.inf)
    np.divide(reserved, need, out=ratio, where=need > 0)
    free: Floats = ratio.min(axis=1, initial=1.0)
    return free


def _own_bounds(problem: FairProblem, reserved: Floats) -> tuple[Floats, Indices]:
    """(tenant,) largest ``x_n`` by the tenant's own limits, and which it is."""
    need = problem.need
    bound, binding = np.ones(len(need)), np.full(len(need), NEED_MET, dtype=np.int64)
    member = (problem.cohort != NO_COHORT)[:, None]
    borrowed = np.where(member, problem.nominal + problem.borrowing_limit, np.inf)
    by_budget = _within_budget(problem, reserved)
    for code, limit in ((CAP, problem.cap), (BORROWING, borrowed)):
        ratio = np.full(need.shape, np.inf)
        np.divide(limit, need, out=ratio, where=need > 0)
        lowest = ratio.min(axis=1, initial=np.inf)
        binding[lowest < bound] = code
        bound = np.minimum(bound, lowest)
    binding[by_budget < bound] = BUDGET
    return np.minimum(bound, by_budget), binding


def _within_budget(problem: FairProblem, reserved: Floats) -> Floats:
    """(tenant,) largest ``x`` with ``sum_k p_k max(g_k, x D_k) <= B``, at most 1.

    The cost is piecewise linear; it turns where a guarantee is used up.
    """
    need, price = problem.need, problem.price
    turn = np.ones(need.shape)
    np.divide(reserved, need, out=turn, where=need > 0)
    turn = np.minimum(turn, 1.0)
    order = np.argsort(turn, axis=1, kind="stable")
    slope = np.cumsum(np.take_along_axis(need * price, order, axis=1), axis=1)
    at = np.take_along_axis(turn, order, axis=1)
    start = (reserved * price).sum(axis=1)
    gaps = np.diff(at, axis=1, append=1.0)
    cost_before = start[:, None] + np.concatenate(
        [np.zeros((len(need), 1)), np.cumsum(slope * gaps, axis=1)[:, :-1]], axis=1
    )
    room = problem.budget[:, None] - cost_before
    step = np.where(np.isfinite(room), room, np.inf)
    reach = np.full(need.shape, np.inf)
    np.divide(step, slope, out=reach, where=slope > 0)
    reached = np.where(reach < gaps - ROUNDING, at + np.maximum(reach, 0.0), 1.0)
    first: Floats = reached.min(axis=1, initial=1.0)
    return first


def _fill(
    problem: FairProblem,
    rows: list[ShareRow],
    reserved: Floats,
    growth: Floats,
    share: Floats,
    bound: Floats,
    binding: Indices,
    active: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
) -> None:
    """Let the active tenants rise together until each is bounded; writes ``share``, ``bound`` and ``binding``."""
    heap = [(_level(problem, row, reserved, growth, share, bound, active), at) for at, row in enumerate(rows)]
    heapq.heapify(heap)
    while heap:
        _, position = heapq.heappop(heap)
        row = rows[position]
        level = _level(problem, row, reserved, growth, share, bound, active)
        if level == np.inf:
            continue
        if heap and level > heap[0][0]:
            heapq.heappush(heap, (level, position))
            continue
        own = row.members[active[row.members]]
        need = problem.need[own, row.resource]
        asks = need > 0
        own, need = own[asks], need[asks]
        ends = np.maximum(np.minimum(level * growth[own], bound[own]), reserved[own, row.resource] / need)
        held = ends < bound[own] * (1 - ROUNDING)
        binding[own[held]] = position
        bound[own[held]] = ends[held]
    share[active] = bound[active]


def _level(
    problem: FairProblem,
    row: ShareRow,
    reserved: Floats,
    growth: Floats,
    share: Floats,
    bound: Floats,
    active: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
) -> float:
    """Level at which a row is full, ``inf`` = never under the present bounds."""
    members = row.members
    need, kept = problem.need[members, row.resource], reserved[members, row.resource]
    rising = active[members] & (need > 0)
    still = float(np.maximum(kept, share[members] * need)[~rising].sum())
    need, kept, members = need[rising], kept[rising], members[rising]
    slope = growth[members] * need
    first, last = kept / slope, bound[members] / growth[members]
    grows = first < last * (1 - ROUNDING)
    room = row.capacity - still - float(kept.sum())
    total = float((bound[members][grows] * need[grows] - kept[grows]).sum())
    scale = max(row.capacity, ROUNDING)
    if total <= room + scale * 1e-11:
        return np.inf
    room = max(room, 0.0)
    times = np.concatenate([first[grows], last[grows]])
    change = np.concatenate([slope[grows], -slope[grows]])
    order = np.argsort(times, kind="stable")
    times, rate = times[order], np.cumsum(change[order])
    used = np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(times))])
    at = max(int(np.searchsorted(used, room, side="right")) - 1, 0)
    return float(times[at] + (room - used[at]) / rate[at]) if rate[at] > 0 else float(times[at])


def _slopes(problem: FairProblem, reserved: Floats, growth: Floats, share: Floats, row: ShareRow) -> Floats:
    """(member,) units of the row's resource that a member takes for one more level."""
    need = problem.need[row.members, row.resource]
    grows = share[row.members] * need >= reserved[row.members, row.resource] * (1 - 1e-9)
    return np.where(grows, growth[row.members] * need, 0.0)
