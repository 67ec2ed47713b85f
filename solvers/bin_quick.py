"""Bins for some thousand items in seconds: sums of resources first, real packings of every scenario, local search.

1. The aggregate model in whole numbers (`solvers.pattern_aggregate`) gives a proved lower bound, and numbers of bins.
2. In every scenario the items are packed into these bins; what has no place brings the bin that holds most of it for
   its price.
3. `solvers.bin_descent` buys and sells bins while that pays. The cheapest of all starts is the answer.

Column generation (`solvers.node_patterns`) proves more and takes longer. On clusters of some dozen to some hundred
nodes with zones to be lost, the whole numbers are what is hard, not the patterns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solvers.backends import solve
from solvers.bin_descent import descend
from solvers.bin_plan import BinPlan, ScenarioPacking, nothing_to_pack, plan_cost, plan_faults
from solvers.packing import pack
from solvers.pattern_aggregate import aggregate_model, aggregate_prices
from solvers.pattern_integer import dealt_out
from solvers.pattern_master import Relaxation
from solvers.pool_problem import Floats, Ints, PoolProblem
from solvers.solution import SolveError, relative_gap_between


@dataclass(frozen=True, slots=True)
class QuickLimits:
    """When to stop.

    Attributes:
        relative_gap: of the aggregate model.
        node_limit: nodes of its search.
        time_limit_seconds: of its search, a safety net.
        most_trials: moves of each local search.
    """

    relative_gap: float = 0.01
    node_limit: int = 100
    time_limit_seconds: float = 60.0
    most_trials: int = 2000


def plan_bins_quickly(
    problem: PoolProblem, limits: QuickLimits | None = None, *, starts: Sequence[Ints] = (), lower_bound: float = 0.0
) -> BinPlan:
    """Bins that are cheap, and how far from the optimum they can be at most.

    Args:
        problem: what is planned.
        limits: of the work.
        starts: numbers of bins (type,) that may do already, such as those that there are: the answer costs no more.
        lower_bound: one that is known already.

    Raises:
        SolveError: rules or limits leave no bins for all items, and none may be left out.
    """
    limits = limits or QuickLimits()
    if not np.any(problem.items.at_once * ~problem.without_place) and not problem.rows:
        return nothing_to_pack(problem)
    relaxation = Relaxation.of(problem)
    start = aggregate_bins(problem, relaxation, limits)
    is_alike = relaxation.copies > 1
    found = []
    for bins in (start.bins, *starts):
        bin_type, scenarios = packed_start(problem, relaxation, bins)
        counts = np.bincount(bin_type, minlength=problem.bins.size)
        may_leave_out = problem.drop_cost is not None or not any(scenario.left_out.any() for scenario in scenarios)
        if may_leave_out and all(row.is_kept(counts) for row in problem.rows):
            found.append(descend(problem, bin_type, scenarios, most_trials=limits.most_trials))
    if not found:
        rules = ", ".join(row.name for row in problem.rows) or "limits of bin types"
        raise SolveError(f"no bins were found that hold all items under: {rules}")
    bin_type, scenarios = min(found, key=lambda one: plan_cost(problem, *one, losses_are_alike=is_alike))
    cost = plan_cost(problem, bin_type, scenarios, losses_are_alike=is_alike)
    bound = max(start.lower_bound, lower_bound)
    return BinPlan(
        bin_type=bin_type,
        scenarios=tuple(scenarios),
        cost_per_hour=cost,
        lower_bound=bound,
        bound_source="aggregate",
        class_prices=aggregate_prices(problem, relaxation)[1],
        scenario_weight=relaxation.weight.max(axis=1, initial=0.0),
        gap=relative_gap_between(cost, bound) * cost / max(bound, 1e-300),
        stopped_by=start.stopped_by,
        without_place=problem.items.count * problem.without_place,
        faults=tuple(plan_faults(problem, bin_type, scenarios)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class AggregateBins:
    """Numbers of bins (type,) that have enough of everything in sum, a bound, and what ended the search."""

    bins: Ints
    lower_bound: float
    stopped_by: str


def aggregate_bins(problem: PoolProblem, relaxation: Relaxation, limits: QuickLimits) -> AggregateBins:
    """The aggregate model in whole numbers; without an answer in time no bins, and the bound of its relaxation."""
    solution = solve(
        aggregate_model(problem, relaxation, integer=True),
        relative_gap=limits.relative_gap, node_limit=limits.node_limit, time_limit_seconds=limits.time_limit_seconds,
    )  # fmt: skip
    bound = solution.bound if np.isfinite(solution.bound) else aggregate_prices(problem, relaxation)[0]
    count = np.zeros(len(relaxation.cost), dtype=np.int64)
    if solution.has_point:
        count = np.rint(solution.x[: len(relaxation.cost)]).astype(np.int64)
    # The node limit is the usual end, and no fault: the bound is proved, and the bins are only a start.
    stopped_by = "time" if solution.stopped_by == "time" else ""
    return AggregateBins(dealt_out(problem, relaxation, count), max(bound, 0.0), stopped_by)


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
    best, chosen = 0.0, -1
    known: dict[tuple[int, bytes], Ints] = {}
    for b in np.flatnonzero(counts < bins.limit).tolist():
        more = counts.copy()
        more[b] += 1
        if not all(row.is_kept(more) or not row.is_kept(counts) for row in problem.rows):
            continue
        taken = 0.0
        for scenario in scenarios:
            if scenario.lost_group == bins.group[b] or not scenario.left_out.any():
                continue
            key = (int(problem.shape_of_bin[b]), scenario.left_out.tobytes())
            if key not in known:
                known[key] = pack(problem, np.array([b]), scenario.left_out, most_nodes=0).contents[0]
            taken += float(known[key] @ worth)
        ratio = taken / max(float(bins.cost_per_hour[b]), 1e-9)
        if ratio > best * (1.0 + 1e-12):
            best, chosen = ratio, b
    return chosen


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
