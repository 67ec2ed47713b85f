"""Bins for some thousand items in seconds: sums of resources first, real packings of every scenario, local search.

1. The relaxed aggregate model (`solvers.pattern_aggregate`) tells how many bins of which type, in fractions. These are
   rounded down and to the nearest.
2. In every scenario the items are packed into these bins; what has no place brings the bin that holds most of it for
   its price, one after the other.
3. `solvers.bin_descent` buys and sells bins while that pays. The cheapest of all starts is the answer.
4. The aggregate model in whole numbers proves a lower bound, where one is wanted.

Column generation (`solvers.node_patterns`) proves more and takes longer. On clusters of some dozen to some hundred
nodes with zones to be lost, the whole numbers are what is hard, not the patterns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solvers.bin_descent import descend
from solvers.bin_plan import BinPlan, ScenarioPacking, nothing_to_pack, plan_cost, plan_faults
from solvers.packing import pack
from solvers.pattern_aggregate import BoundLimits, aggregate_bound, relaxed_sums
from solvers.pattern_integer import dealt_out
from solvers.pattern_master import Relaxation
from solvers.pool_problem import WHOLE_MILLI, Floats, Ints, PoolProblem
from solvers.solution import SolveError, relative_gap_between

_ROUNDING = 1e-6
_MOST_DESCENTS = 2
"""Starts that are improved, the cheapest."""


@dataclass(frozen=True, slots=True)
class QuickLimits:
    """When to stop.

    Attributes:
        most_trials: moves of each local search.
        whole_bound: prove the bound in whole numbers; else that of the relaxation stands.
        relative_gap: at which the search for the bound ends.
        node_limit: nodes of that search.
        time_limit_seconds: of that search, and of all local searches together: a safety net.
    """

    most_trials: int = 2000
    whole_bound: bool = True
    relative_gap: float = 0.02
    node_limit: int = 1
    time_limit_seconds: float = 60.0

    def for_bound(self) -> BoundLimits:
        """What `solvers.pattern_aggregate.aggregate_bound` takes."""
        return {
            "relative_gap": self.relative_gap,
            "node_limit": self.node_limit,
            "time_limit_seconds": self.time_limit_seconds,
        }


def plan_bins_quickly(
    problem: PoolProblem, limits: QuickLimits | None = None, *, starts: Sequence[Ints] = ()
) -> BinPlan:
    """Bins that are cheap, and how far from the optimum they can be at most.

    Args:
        problem: what is planned.
        limits: of the work.
        starts: numbers of bins (type,) that may do already, such as those that there are: the answer costs no more.

    Raises:
        SolveError: rules or limits leave no bins for all items, and none may be left out.
    """
    limits = limits or QuickLimits()
    if not np.any(problem.items.at_once * ~problem.without_place) and not problem.rows:
        return nothing_to_pack(problem)
    relaxation = Relaxation.of(problem)
    is_alike = relaxation.copies > 1
    sums = relaxed_sums(problem, relaxation)
    rounded = [np.floor(sums.bins + _ROUNDING), np.rint(sums.bins)]
    tried = [dealt_out(problem, relaxation, bins.astype(np.int64)) for bins in rounded]
    found = []
    for bins in _different([*tried, *starts]):
        bin_type, scenarios = packed_start(problem, relaxation, bins)
        counts = np.bincount(bin_type, minlength=problem.bins.size)
        may_leave_out = problem.drop_cost is not None or not any(scenario.left_out.any() for scenario in scenarios)
        if may_leave_out and all(row.is_kept(counts) for row in problem.rows):
            found.append((bin_type, scenarios))
    if not found:
        rules = ", ".join(row.name for row in problem.rows) or "limits of bin types"
        raise SolveError(f"no bins were found that hold all items under: {rules}")
    found.sort(key=lambda one: plan_cost(problem, *one, losses_are_alike=is_alike))
    better = [
        descend(problem, *one, most_trials=limits.most_trials, most_seconds=limits.time_limit_seconds / 2)
        for one in found[:_MOST_DESCENTS]
    ]
    bin_type, scenarios = min(better, key=lambda one: plan_cost(problem, *one, losses_are_alike=is_alike))
    cost = plan_cost(problem, bin_type, scenarios, losses_are_alike=is_alike)
    bound = sums.lower_bound
    if limits.whole_bound:
        bound = max(bound, aggregate_bound(problem, relaxation, **limits.for_bound()))
    return BinPlan(
        bin_type=bin_type,
        scenarios=tuple(scenarios),
        cost_per_hour=cost,
        lower_bound=bound,
        bound_source="aggregate",
        class_prices=sums.prices,
        scenario_weight=relaxation.weight.max(axis=1, initial=0.0),
        gap=relative_gap_between(cost, bound) * cost / max(bound, 1e-300),
        stopped_by="",
        without_place=problem.items.count * problem.without_place,
        faults=tuple(plan_faults(problem, bin_type, scenarios)),
    )


def _different(starts: Sequence[Ints]) -> list[Ints]:
    return list({bins.tobytes(): bins for bins in starts}.values())


def packed_start(problem: PoolProblem, relaxation: Relaxation, bins: Ints) -> tuple[Ints, list[ScenarioPacking]]:
    """Bins in which every scenario is packed, from (type,) bins that may be too few.

    What has no place in any bin that may still be had is left out.
    """
    bin_type = np.repeat(np.arange(problem.bins.size), bins)
    lost = [-1, *(range(len(problem.group_names)) if len(relaxation.demand) > 1 else ())]
    scenarios = []
    for group in lost:
        here = np.flatnonzero(problem.bins.group[bin_type] != group)
        wanted = (problem.items.count if group < 0 else problem.items.protected) * ~problem.without_place
        found = pack(problem, bin_type[here], wanted, most_nodes=0)
        scenarios.append(ScenarioPacking(group, here, found.contents, found.left))
    worth = _worth(problem)
    while any(scenario.left_out.any() for scenario in scenarios):
        b = _best_addition(problem, bin_type, scenarios, worth)
        if b < 0:
            break
        bin_type = np.append(bin_type, b)
        scenarios = [_with_one_more(problem, bin_type, scenario) for scenario in scenarios]
    return bin_type, scenarios


def _worth(problem: PoolProblem) -> Floats:
    """(class,) the least part of a bin's cost that an item takes by its scarcest resource."""
    room = np.column_stack([problem.bins.capacity, problem.bins.gpus * 1000]).astype(float)
    need = np.column_stack([problem.items.demand, problem.items.gpu_milli]).astype(float)
    part = (need[:, None, :] / np.maximum(room, 1.0)[None]).max(axis=2)
    cost = np.where(problem.fits, np.maximum(part, 1e-6) * problem.bins.cost_per_hour[None, :], np.inf)
    worth: Floats = np.where(problem.without_place, 0.0, cost.min(axis=1, initial=np.inf))
    return np.maximum(worth, 1e-9)


def _best_addition(problem: PoolProblem, bin_type: Ints, scenarios: list[ScenarioPacking], worth: Floats) -> int:
    """The type of which one more bin takes most worth for its price, -1 = none takes anything."""
    bins = problem.bins
    counts = np.bincount(bin_type, minlength=bins.size)
    taken = np.zeros(bins.size)
    for scenario in scenarios:
        if scenario.left_out.any():
            stays = bins.group != scenario.lost_group
            taken += np.where(stays, _one_bin_of_each(problem, scenario.left_out, worth) @ worth, 0.0)
    ratio = taken / np.maximum(bins.cost_per_hour, 1e-9)
    for b in np.argsort(-ratio, kind="stable").tolist():
        if ratio[b] <= 0.0:
            return -1
        more = counts.copy()
        more[b] += 1
        keeps = all(row.is_kept(more) or not row.is_kept(counts) for row in problem.rows)
        if counts[b] < bins.limit[b] and keeps:
            return int(b)
    return -1


def _one_bin_of_each(problem: PoolProblem, left: Ints, worth: Floats) -> Ints:
    """(type, class) what one bin of each type takes of the items left, the dearest first; shares of GPUs as sums."""
    items, bins = problem.items, problem.bins
    free = np.column_stack([bins.capacity, bins.gpus * WHOLE_MILLI])
    need = np.column_stack([items.demand, items.gpu_milli])
    inside = np.zeros((bins.size, items.size), dtype=np.int64)
    most = np.minimum(left, items.most_in_a_bin)
    for k in sorted(np.flatnonzero(left).tolist(), key=lambda k: -worth[k]):
        asked = need[k] > 0
        copies = np.minimum((free[:, asked] // need[k, asked]).min(axis=1), most[k]) * problem.fits[k]
        inside[:, k] = copies
        free -= copies[:, None] * need[k]
    return inside


def _with_one_more(problem: PoolProblem, bin_type: Ints, scenario: ScenarioPacking) -> ScenarioPacking:
    """The scenario with the last bin, if it is there, filled with what had no place."""
    b = int(bin_type[-1])
    if problem.bins.group[b] == scenario.lost_group:
        return scenario
    inside = pack(problem, np.array([b]), scenario.left_out, most_nodes=0).contents
    return ScenarioPacking(
        scenario.lost_group,
        np.append(scenario.bins, len(bin_type) - 1),
        np.concatenate([scenario.contents, inside]),
        scenario.left_out - inside[0],
    )
