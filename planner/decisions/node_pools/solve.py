"""The pools of every period, and a bound on what any pools for these pods cost over the week.

The busiest period is planned first, with the price of churn against today's nodes. In the others nodes beyond those of
the busiest must save more than they cost (`problem.BREATHE`): an autoscaler adds and removes nodes of a pool by the
hour, it does not replace them. The week's bound is the sum over periods of hours x bound, each over all that can be
had at plain prices; nodes that a rule keeps all month only add to the cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.config.pool_policy import NodePoolsPolicy
from planner.decisions.node_pools.model import Ints, PoolInput
from planner.decisions.node_pools.problem import BREATHE, Assembled, assemble
from planner.usage.week import HOURS_PER_WEEK
from solvers.bin_plan import BinPlan
from solvers.bin_quick import QuickLimits, plan_bins_quickly
from solvers.node_patterns import PlanLimits, plan_bins
from solvers.pattern_aggregate import aggregate_bound
from solvers.pattern_master import Relaxation
from solvers.pool_problem import PoolProblem

LIMITS = QuickLimits(most_trials=1500)
"""Counts of work; the policy's time limit comes on top."""
SMALL = 600
"""Classes x shapes x scenarios up to which patterns prove more in no time."""
SMALL_LIMITS = PlanLimits(most_rounds=60, relative_gap=2e-3, most_patterns=800, node_limit=2000, whole_gap=2e-3)


@dataclass(frozen=True, slots=True, eq=False)
class PeriodPlan:
    """One period's answer."""

    assembled: Assembled
    bins: BinPlan
    nodes: Ints
    """(offering,) int64."""
    cost_per_hour: float
    lower_bound_per_hour: float

    def kept(self) -> dict[str, int]:
        """Bin type -> number of bins, to start another plan from."""
        names = self.assembled.problem.bins.names
        counts = np.bincount(self.bins.bin_type, minlength=len(names)).tolist()
        return {name: count for name, count in zip(names, counts, strict=True) if count}


@dataclass(frozen=True, slots=True, eq=False)
class WeekPlan:
    """All periods' answers, in the order of the input's periods.

    Attributes:
        periods: one each.
        cost_per_hour: mean over the week, commitments included.
        lower_bound_per_hour: of that mean.
        broken_rules: rules that were given up so that a plan exists, by name.
    """

    periods: tuple[PeriodPlan, ...]
    cost_per_hour: float
    lower_bound_per_hour: float
    broken_rules: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        """(cost - bound) / bound."""
        bound = self.lower_bound_per_hour
        return max(0.0, (self.cost_per_hour - bound) / bound) if bound > 0.0 else 0.0

    @property
    def faults(self) -> tuple[str, ...]:
        """What the exact check of any packing found wrong: a plan with faults must not be shown."""
        return tuple(fault for one in self.periods for fault in one.bins.faults)

    @property
    def stopped_by(self) -> str:
        """The limit that ended the busiest period's search, empty if none did."""
        return self.periods[0].bins.stopped_by

    def most_nodes(self) -> Ints:
        """(offering,) most nodes of any period."""
        most: Ints = np.max([one.nodes for one in self.periods], axis=0)
        return most

    def node_hours(self, given: PoolInput) -> NDArray[np.float64]:
        """(offering,) mean nodes over the week."""
        hours = np.array([period.hours_per_week for period in given.periods])
        mean: NDArray[np.float64] = hours @ np.array([one.nodes for one in self.periods]) / HOURS_PER_WEEK
        return mean


def plan_week(
    given: PoolInput,
    rules: NodePoolsPolicy,
    *,
    protect: bool = True,
    with_bound: bool = True,
    starts: Sequence[Mapping[str, int]] = (),
) -> WeekPlan:
    """Plan all periods.

    Args:
        given: pods and offerings.
        rules: of the policy.
        protect: whether losses of zones must be survived.
        with_bound: without, bounds are weak or 0, and no time goes into them.
        starts: for each period, bins that may do already (bin type -> number), such as those of a plan of larger pods.
    """
    rules, broken = _possible(given, rules)
    today = {f"{offering.name} kept": offering.nodes_now for offering in given.offerings if offering.nodes_now}
    begun = [today, *starts[:1]]
    limits = replace(LIMITS, whole_bound=with_bound)
    first = _plan(assemble(given, 0, rules, protect=protect), given, rules, limits, begun)
    periods = [first]
    limits = replace(LIMITS, whole_bound=False)
    for number in range(1, len(given.periods)):
        assembled = assemble(given, number, rules, busiest=first.nodes, protect=protect)
        kept = {f"{o.name} kept": int(n) for o, n in zip(given.offerings, first.nodes, strict=True) if n}
        one = _plan(assembled, given, rules, limits, [kept, *starts[number : number + 1]])
        bound = _bound(given, number, rules, protect) if with_bound and one.lower_bound_per_hour > 0.0 else 0.0
        periods.append(replace(one, lower_bound_per_hour=min(bound, one.cost_per_hour)))
    hours = np.array([period.hours_per_week for period in given.periods])
    committed = sum(entry.nodes * entry.price_per_hour for entry in rules.commitments)
    return WeekPlan(
        tuple(periods),
        float(hours @ [one.cost_per_hour for one in periods]) / HOURS_PER_WEEK + committed,
        float(hours @ [one.lower_bound_per_hour for one in periods]) / HOURS_PER_WEEK + committed,
        broken,
    )


def _plan(
    assembled: Assembled,
    given: PoolInput,
    rules: NodePoolsPolicy,
    limits: QuickLimits,
    starts: Sequence[Mapping[str, int]],
) -> PeriodPlan:
    """One problem's bins."""
    problem, limits = assembled.problem, _limited(limits, given, rules)
    if _is_small(problem):
        bins = plan_bins(problem, replace(SMALL_LIMITS, time_limit_seconds=limits.time_limit_seconds))
    else:
        bins = plan_bins_quickly(problem, limits, starts=[_counts(assembled, start) for start in starts])
    nodes = np.zeros(len(given.offerings), dtype=np.int64)
    np.add.at(nodes, assembled.offering[bins.bin_type], 1)
    cost = float(assembled.price[bins.bin_type].sum())
    # The bound is on the model's cost, in which what is left out has a price that nobody pays.
    return PeriodPlan(assembled, bins, nodes, cost, 0.0 if _has_left_out(bins) else min(bins.lower_bound, cost))


def _bound(given: PoolInput, number: int, rules: NodePoolsPolicy, protect: bool) -> float:
    """A bound for a period at plain prices."""
    problem = assemble(
        given, number, rules, busiest=np.zeros(len(given.offerings), dtype=np.int64), protect=protect
    ).problem
    plain = replace(problem, bins=replace(problem.bins, cost_per_hour=problem.bins.cost_per_hour / (1.0 + BREATHE)))
    if _is_small(problem):
        return plan_bins(plain, SMALL_LIMITS).lower_bound
    return aggregate_bound(plain, Relaxation.of(plain), **_limited(LIMITS, given, rules).for_bound())


def _is_small(problem: PoolProblem) -> bool:
    scenarios = 1 + len(problem.group_names) * bool(problem.items.protected.any())
    return problem.items.size * len(problem.shapes) * scenarios <= SMALL


def _limited(limits: QuickLimits, given: PoolInput, rules: NodePoolsPolicy) -> QuickLimits:
    """With the policy's time, the parts of all periods together."""
    return replace(limits, time_limit_seconds=float(rules.time_limit_seconds) / (1 + len(given.periods)))


def _counts(assembled: Assembled, start: Mapping[str, int]) -> Ints:
    """(bin type,) numbers of a start, within the types' limits; names that are not there are nothing."""
    bins = assembled.problem.bins
    wanted = np.array([start.get(name, 0) for name in bins.names], dtype=np.float64)
    counts: Ints = np.minimum(wanted, bins.limit).astype(np.int64)
    return counts


def _has_left_out(bins: BinPlan) -> bool:
    return any(scenario.left_out.any() for scenario in bins.scenarios)


def _possible(given: PoolInput, rules: NodePoolsPolicy) -> tuple[NodePoolsPolicy, tuple[str, ...]]:
    """The rules without smallest numbers that largest ones forbid, and the names of those given up."""
    broken = []
    least = dict(rules.pool_min_nodes)
    for pool, count in sorted(rules.pool_min_nodes.items()):
        zones = {offering.zone for offering in given.offerings if offering.pool == pool}
        caps = [rules.zone_caps.get(zone, np.inf) for zone in zones]
        most = min(float(rules.pool_max_nodes.get(pool, np.inf)), float(sum(caps)))
        if count > most:
            broken.append(f"pool_min[{pool}]")
            del least[pool]
    total = sum(least.values())
    caps_all = [rules.zone_caps.get(zone, np.inf) for zone in given.zones]
    if total > sum(caps_all):
        broken += [f"pool_min[{pool}]" for pool in sorted(least)]
        least = {}
    return rules.model_copy(update={"pool_min_nodes": least}), tuple(broken)
