"""The cheapest bins for items: column generation, whole numbers, packings of every scenario, a proved bound.

`plan_bins` returns a plan that has passed `solvers.packing.find_faults` in every scenario: all items in all bins, and
the protected items in the bins that are left when any one group is lost. In a lost group's scenario any item may move.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from solvers.packing import PackingAnswer, find_faults, pack
from solvers.pattern_columns import ColumnGeneration, Round
from solvers.pattern_integer import WholeMaster, solve_whole
from solvers.pattern_pricing import Effort
from solvers.pattern_search import improve
from solvers.pool_problem import Floats, Ints, PoolProblem
from solvers.solution import SolveError, relative_gap_between


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


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioPacking:
    """Where the items are when a group is lost.

    Attributes:
        lost_group: number of the group, -1 = none.
        bins: (bin here,) int64 numbers of the bins that are left.
        contents: (bin here, class) int64.
        left_out: (class,) int64 wanted items without a place.
    """

    lost_group: int
    bins: Ints
    contents: Ints
    left_out: Ints


@dataclass(frozen=True, slots=True, eq=False)
class BinPlan:
    """The answer of `plan_bins`.

    Attributes:
        bin_type: (bin,) int64 type of each bin, rising.
        scenarios: the packing with all bins, then one for each lost group if anything is protected.
        cost_per_hour: of the bins, of where the items stand, and of what is left out.
        lower_bound: no bins that hold all items cost less.
        bound_source: ``"patterns"`` or ``"aggregate"``: the relaxation that proved it.
        class_prices: (scenario of the relaxation, class) prices that prove it.
        scenario_weight: (scenario of the relaxation,) part of a bin that the scenario has left: 1, or (Z - 1)/Z where
            groups are alike and one scenario stands for the loss of any.
        gap: (cost - bound) / bound.
        stopped_by: ``""``, ``"time"``, ``"nodes"`` or ``"rounds"``.
        without_place: (class,) int64 items that fit no bin type; they are in no scenario.
    """

    bin_type: Ints
    scenarios: tuple[ScenarioPacking, ...]
    cost_per_hour: float
    lower_bound: float
    bound_source: str
    class_prices: Floats
    scenario_weight: Floats
    gap: float
    stopped_by: str
    without_place: Ints
    rounds: int = 0
    faults: tuple[str, ...] = field(default=())


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
        return _nothing_to_pack(problem)
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
    cost = float(problem.bins.cost_per_hour[bin_type].sum())
    if problem.item_cost is not None:
        cost += float((scenarios[0].contents * problem.item_cost[:, bin_type].T).sum())
    if problem.drop_cost is not None:
        # Where groups are alike one scenario of the bound stands for the loss of any: the worst of them counts.
        left = [float(scenario.left_out @ problem.drop_cost) for scenario in scenarios]
        cost += left[0] + (max(left[1:], default=0.0) if columns.relaxation.copies > 1 else sum(left[1:]))
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
        faults=tuple(_faults(problem, bin_type, scenarios)),
    )


def _nothing_to_pack(problem: PoolProblem) -> BinPlan:
    """The plan without bins: there are no items, or none fits a bin."""
    nothing = np.zeros(0, dtype=np.int64)
    classes = problem.items.size
    lost = range(len(problem.group_names)) if problem.items.protected.any() else range(0)
    contents, left = np.zeros((0, classes), dtype=np.int64), np.zeros(classes, dtype=np.int64)
    return BinPlan(
        bin_type=nothing,
        scenarios=tuple(ScenarioPacking(group, nothing, contents, left) for group in (-1, *lost)),
        cost_per_hour=0.0,
        lower_bound=0.0,
        bound_source="patterns",
        class_prices=np.zeros((1, classes)),
        scenario_weight=np.ones(1),
        gap=0.0,
        stopped_by="",
        without_place=problem.items.count.copy(),
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


def _faults(problem: PoolProblem, bin_type: Ints, scenarios: list[ScenarioPacking]) -> list[str]:
    """What an independent check of every scenario finds wrong."""
    faults = []
    items = problem.items
    places = ~problem.without_place
    for scenario in scenarios:
        wanted = (items.count if scenario.lost_group < 0 else items.protected) * places - scenario.left_out
        name = "all" if scenario.lost_group < 0 else f"lost {problem.group_names[scenario.lost_group]}"
        found = find_faults(problem, bin_type[scenario.bins], scenario.contents, wanted)
        faults += [f"{name}: {fault}" for fault in found]
    bins = np.bincount(bin_type, minlength=problem.bins.size)
    faults += [f"rule {row.name} is broken" for row in problem.rows if not row.is_kept(bins)]
    names = problem.bins.names
    return faults + [f"more bins of type {names[b]} than its limit" for b in np.flatnonzero(bins > problem.bins.limit)]
