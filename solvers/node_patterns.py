"""The cheapest bins for items: column generation, whole numbers, packings of every scenario, a proved bound.

`plan_bins` returns a plan that has passed `solvers.packing.find_faults` in every scenario: all items in all bins, and
the protected items in the bins that are left when any one group is lost. In a lost group's scenario any item may move.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from solvers.bin_descent import descend
from solvers.bin_plan import BinPlan, ScenarioPacking, nothing_to_pack, plan_cost, plan_faults
from solvers.packing import PackingAnswer, pack
from solvers.pattern_columns import ColumnGeneration, Round
from solvers.pattern_integer import WholeMaster, solve_whole
from solvers.pattern_pricing import Effort
from solvers.pattern_search import improve
from solvers.pool_problem import Ints, PoolProblem
from solvers.solution import SolveError, relative_gap_between

_MOST_DESCENT_BINS = 300


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """When to stop: counts of work first, the clock as a safety net.

    Attributes:
        most_rounds: rounds of column generation.
        relative_gap: column generation ends when master and bound are this close.
        most_patterns: patterns offered to the whole-number master.
        node_limit: nodes of the whole-number search, ``None`` for none.
        time_limit_seconds: of processor time; column generation may use 3/4 of it.
        whole_gap: gap at which the whole-number search ends.
        proof: how hard to look for patterns.
    """

    most_rounds: int = 400
    relative_gap: float = 5e-4
    most_patterns: int = 1500
    node_limit: int | None = None
    time_limit_seconds: float = 240.0
    whole_gap: float = 2e-4
    proof: Effort = field(default_factory=Effort)


def plan_bins(
    problem: PoolProblem, limits: PlanLimits | None = None, *, progress: Callable[[Round], None] = lambda _: None
) -> BinPlan:
    """The cheapest bins found for the items of a problem, and how far from the optimum they can be at most.

    Raises:
        SolveError: rules or limits leave no bins for all items, and none may be left out.
    """
    limits = limits or PlanLimits()
    began = time.process_time()

    def spent() -> float:
        return time.process_time() - began

    if not np.any(problem.items.at_once * ~problem.without_place) and not problem.rows:
        return nothing_to_pack(problem)
    columns = ColumnGeneration(problem)
    columns.run(
        most_rounds=limits.most_rounds,
        relative_gap=limits.relative_gap,
        out_of_time=lambda: spent() > 0.75 * limits.time_limit_seconds,
        progress=progress,
        proof=limits.proof,
    )
    whole = solve_whole(
        columns,
        most_patterns=limits.most_patterns,
        time_limit_seconds=max(5.0, 0.9 * limits.time_limit_seconds - spent()),
        relative_gap=limits.whole_gap,
        node_limit=limits.node_limit,
    )
    bin_type, scenarios = _scenarios(columns, whole)
    if problem.drop_cost is None and scenarios[0].left_out.any():
        rules = ", ".join(row.name for row in problem.rows) or "limits of bin types"
        raise SolveError(f"no bins were found that hold all items under: {rules}")
    if len(scenarios) == 1 and not scenarios[0].left_out.any() and problem.item_cost is None:
        better, contents = improve(problem, bin_type, scenarios[0].contents)
        if all(row.is_kept(np.bincount(better, minlength=problem.bins.size)) for row in problem.rows):
            bin_type = better
            scenarios = [ScenarioPacking(-1, np.arange(len(bin_type)), contents, scenarios[0].left_out)]
    stopped_by = whole.stopped_by
    if not columns.is_converged:
        stopped_by = stopped_by or ("time" if columns.rounds < limits.most_rounds else "rounds")
    if len(scenarios) > 1 and whole.stopped_by and len(bin_type) <= _MOST_DESCENT_BINS:
        bin_type, scenarios = descend(problem, bin_type, scenarios)
    cost = plan_cost(problem, bin_type, scenarios, losses_are_alike=columns.relaxation.copies > 1)
    return BinPlan(
        bin_type=bin_type,
        scenarios=tuple(scenarios),
        cost_per_hour=cost,
        lower_bound=columns.lower_bound,
        bound_source=columns.bound_source,
        class_prices=columns.prices,
        scenario_weight=columns.relaxation.weight.max(axis=1, initial=0.0),
        gap=relative_gap_between(cost, columns.lower_bound) * cost / max(columns.lower_bound, 1e-300),
        stopped_by=stopped_by,
        without_place=problem.items.count * problem.without_place,
        rounds=columns.rounds,
        faults=tuple(plan_faults(problem, bin_type, scenarios)),
    )


def _scenarios(columns: ColumnGeneration, whole: WholeMaster) -> tuple[Ints, list[ScenarioPacking]]:
    """Bins, and the packing of each scenario from the patterns used in it."""
    problem = columns.problem
    demand = columns.relaxation.demand
    bin_type = np.repeat(np.arange(problem.bins.size), whole.bins)
    # Where all is protected, the patterns of a loss serve the normal state too, and what survives need not move.
    serves_both = columns.relaxation.copies > 1 and len(demand) > 1 and np.array_equal(demand[0], demand[1])
    first = int(serves_both and bool(np.all(whole.used[1] @ whole.patterns >= demand[1])))
    everywhere = np.arange(len(bin_type))
    usual = _assigned(problem, bin_type, everywhere, whole, first, np.full(len(bin_type), -1))
    scenarios = [_filled(problem, bin_type, everywhere, whole, usual, -1, demand[0])]
    for group in range(len(problem.group_names) if len(demand) > 1 else 0):
        row = 1 if columns.relaxation.copies > 1 else 1 + group
        here = np.flatnonzero(problem.bins.group[bin_type] != group)
        pattern = _assigned(problem, bin_type, here, whole, row, usual)
        scenarios.append(_filled(problem, bin_type, here, whole, pattern, group, demand[row]))
    return bin_type, scenarios


def _assigned(problem: PoolProblem, bin_type: Ints, here: Ints, whole: WholeMaster, row: int, usual: Ints) -> Ints:
    """(bin here,) number of the pattern of each bin, -1 = none: the usual one where the scenario uses it too.

    The others go to the bins of each shape in turns over the groups, so that every group has its part.
    """
    left = whole.used[row].copy()
    pattern = np.full(len(here), -1, dtype=np.int64)
    for place, number in enumerate(usual[here].tolist()):
        if number >= 0 and left[number] > 0:
            pattern[place] = number
            left[number] -= 1
    starts = np.concatenate([[0], np.cumsum(np.bincount(bin_type, minlength=problem.bins.size))])
    turn = here - starts[bin_type[here]]
    shape_here = problem.shape_of_bin[bin_type[here]]
    for t in range(len(problem.shapes)):
        places = np.flatnonzero((shape_here == t) & (pattern < 0))
        places = places[np.lexsort((places, turn[places]))]
        numbers = np.flatnonzero(whole.shape == t)
        wanted = np.repeat(numbers, left[numbers])[: len(places)]
        pattern[places[: len(wanted)]] = wanted
    return pattern


def _filled(
    problem: PoolProblem, bin_type: Ints, here: Ints, whole: WholeMaster, pattern: Ints, lost: int, demand: Ints
) -> ScenarioPacking:
    """Fill the bins that are left with their patterns, then take out what is too much."""
    contents = np.zeros((len(here), problem.items.size), dtype=np.int64)
    contents[pattern >= 0] = whole.patterns[pattern[pattern >= 0]]
    too_many = np.maximum(contents.sum(axis=0) - demand, 0)
    # The emptiest bins first, so that bins become empty.
    for place in np.argsort(contents @ np.maximum(problem.items.demand.sum(axis=1), 1), kind="stable").tolist():
        taken = np.minimum(contents[place], too_many)
        contents[place] -= taken
        too_many -= taken
    left = demand - contents.sum(axis=0)
    if left.any():
        again = pack(problem, bin_type[here], demand, most_nodes=0)
        worth = np.ones(problem.items.size) if problem.drop_cost is None else problem.drop_cost
        if again.answer is PackingAnswer.PACKED or float(again.left @ worth) < float(left @ worth):
            contents, left = again.contents, again.left
    return ScenarioPacking(lost, here, contents, left)
