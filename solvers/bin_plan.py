"""Bins that were planned, and where the items are in every scenario; checked by `solvers.packing.find_faults`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from solvers.packing import find_faults
from solvers.pool_problem import Floats, Ints, PoolProblem


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


def nothing_to_pack(problem: PoolProblem) -> BinPlan:
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


def plan_cost(
    problem: PoolProblem, bin_type: Ints, scenarios: Sequence[ScenarioPacking], *, losses_are_alike: bool
) -> float:
    """Cost per hour of the bins, of where the items stand, and of what is left out.

    Args:
        problem: what was planned.
        bin_type: (bin,) int64.
        scenarios: all bins first.
        losses_are_alike: one scenario of the bound stands for the loss of any group: the worst of them counts.
    """
    cost = float(problem.bins.cost_per_hour[bin_type].sum())
    if problem.item_cost is not None:
        cost += float((scenarios[0].contents * problem.item_cost[:, bin_type].T).sum())
    if problem.drop_cost is not None:
        left = [float(scenario.left_out @ problem.drop_cost) for scenario in scenarios]
        cost += left[0] + (max(left[1:], default=0.0) if losses_are_alike else sum(left[1:]))
    return cost


def plan_faults(problem: PoolProblem, bin_type: Ints, scenarios: Sequence[ScenarioPacking]) -> list[str]:
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
