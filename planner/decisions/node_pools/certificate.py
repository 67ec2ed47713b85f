"""The certificate of every zone: what is lost with it, and where each protected pod finds another place.

The packings come from the solver and have been checked pod by pod. Pods that nothing protects are packed into what the
protected ones leave free, as the scheduler would, and those without a place are named too.
"""

from collections.abc import Sequence

import numpy as np

from planner.decisions.node_pools.model import Ints, PodClass, PoolInput
from planner.decisions.node_pools.pool_rows import pool_name
from planner.decisions.node_pools.solve import PeriodPlan, WeekPlan
from planner.domain.workload import Workload
from planner.plan.pools import PodMove, ZoneLoss
from solvers.bin_plan import ScenarioPacking
from solvers.packing import pack_more

_MOST_TOLD = 200
"""Moves of one zone in the plan file; the sums count all."""


def certificates(given: PoolInput, week: WeekPlan, workloads: Sequence[Workload]) -> tuple[ZoneLoss, ...]:
    """One for every zone; ``unplaced_protected_pods`` is that of the worst period, all else of the busiest."""
    return tuple(_of_zone(given, week, workloads, number) for number in range(len(given.zones)))


def _of_zone(given: PoolInput, week: WeekPlan, workloads: Sequence[Workload], number: int) -> ZoneLoss:
    one = week.periods[0]
    problem = one.assembled.problem
    normal, lost = one.bins.scenarios[0], _lost(one, number)
    is_gone = problem.bins.group[one.bins.bin_type] == number
    unplaced = max(_unplaced(period, number) for period in week.periods)
    in_zone = one.assembled.of_class(normal.contents[is_gone[normal.bins]].sum(axis=0), len(given.classes))
    arrivals = _arrivals(given, one, lost)
    left = _unprotected_without_place(given, one, lost)
    moves = _shared_out(given.classes, workloads, arrivals)
    return ZoneLoss(
        zone=given.zones[number],
        nodes_lost=int(is_gone.sum()),
        pods_lost=int(in_zone.sum()),
        protected_pods=int(problem.items.protected.sum()),
        unplaced_protected_pods=unplaced,
        survives=unplaced == 0,
        moves=tuple(moves[:_MOST_TOLD]),
        left_out=tuple(_shared_out(given.classes, workloads, {"": left})[:_MOST_TOLD]),
    )


def _lost(one: PeriodPlan, number: int) -> ScenarioPacking:
    """The packing without a zone; without protection an empty one, in which nothing has to be anywhere."""
    for scenario in one.bins.scenarios[1:]:
        if scenario.lost_group == number:
            return scenario
    here = np.flatnonzero(one.assembled.problem.bins.group[one.bins.bin_type] != number)
    size = one.assembled.problem.items.size
    nothing = np.zeros(size, dtype=np.int64)
    return ScenarioPacking(number, here, np.zeros((len(here), size), dtype=np.int64), nothing)


def _unplaced(one: PeriodPlan, number: int) -> int:
    return int(_lost(one, number).left_out.sum())


def _by_offering(given: PoolInput, one: PeriodPlan, packing: ScenarioPacking) -> Ints:
    """(offering, class) pods."""
    of_bin = one.assembled.offering[one.bins.bin_type[packing.bins]]
    totals = np.zeros((len(given.offerings), one.assembled.problem.items.size), dtype=np.int64)
    np.add.at(totals, of_bin, packing.contents)
    return np.array([one.assembled.of_class(row, len(given.classes)) for row in totals])


def _arrivals(given: PoolInput, one: PeriodPlan, lost: ScenarioPacking) -> dict[str, Ints]:
    """Pool row -> (class,) protected pods that it takes in beyond those that it had of the class."""
    more = _by_offering(given, one, lost) - _by_offering(given, one, one.bins.scenarios[0])
    return {
        pool_name(offering): np.maximum(row, 0)
        for offering, row in zip(given.offerings, more, strict=True)
        if row.any()
    }


def _unprotected_without_place(given: PoolInput, one: PeriodPlan, lost: ScenarioPacking) -> Ints:
    """(class,) pods that are not protected and find no room beside those that are."""
    items, parts = one.assembled.problem.items, one.assembled.parts
    rest = np.maximum(items.count - items.protected, 0)
    # In a loss one part stands for those that a spread over zones keeps apart.
    together = {part.class_row: k for k, part in enumerate(parts) if part.is_for_losses}
    for k, part in enumerate(parts):
        if part.class_row in together and not part.is_for_losses:
            rest[together[part.class_row]] += rest[k]
            rest[k] = 0
    for k in together.values():
        rest[k] = max(0, int(rest[k]) - int(items.protected[k]))
    left = pack_more(one.assembled.problem, one.bins.bin_type[lost.bins], lost.contents, rest)
    return one.assembled.of_class(left, len(given.classes))


def _shared_out(classes: Sequence[PodClass], workloads: Sequence[Workload], pods_to: dict[str, Ints]) -> list[PodMove]:
    """Pods of classes as pods of workloads: each workload of a class gives at most as many as it has."""
    left = {(k, m): int(member.pods[0]) for k, item in enumerate(classes) for m, member in enumerate(item.members)}
    moves: dict[tuple[str, str], int] = {}
    for place, pods in sorted(pods_to.items()):
        for k in np.flatnonzero(pods).tolist():
            wanted = int(pods[k])
            for m, member in enumerate(classes[k].members):
                given = min(wanted, left[k, m])
                if given:
                    left[k, m] -= given
                    wanted -= given
                    name = str(workloads[member.workload_row].key)
                    moves[name, place] = moves.get((name, place), 0) + given
    return [PodMove(workload=name, pods=pods, to_pool=place) for (name, place), pods in sorted(moves.items())]
