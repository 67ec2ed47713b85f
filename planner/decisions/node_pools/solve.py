"""The pools of every period, and a bound on what any pools for these pods cost over the week.

The busiest period is planned first, under all rules. The others may use the nodes that it has, and only where these do
not do (a night of large jobs) all that can be had.

**Bound of a period.** Prices of the pod classes that prove the busiest period's bound prove one for any demand, since
no bin's contents are worth more than it costs, whatever is asked for: with d the demand of the busiest period, d' that
of another, v the prices and B the bound, ``B' = B - sum v (d - d')`` (what the proof subtracts for limits and rules
does not depend on demand). The week's bound is the sum over periods of hours x bound; nodes that a rule keeps all month
only add to the cost.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.config.pool_policy import NodePoolsPolicy
from planner.decisions.node_pools.model import Ints, PoolInput
from planner.decisions.node_pools.problem import Assembled, assemble
from planner.usage.week import HOURS_PER_WEEK
from solvers.node_patterns import BinPlan, PlanLimits, plan_bins
from solvers.pattern_pricing import Effort

LIMITS = PlanLimits(
    most_rounds=60,
    relative_gap=2e-3,
    most_patterns=800,
    node_limit=2000,
    whole_gap=2e-3,
    proof=Effort(most_patterns=40, beam=60, most_labels=600, most_pairs=1_000_000),
)
"""Counts of work for one period; the policy's time limit comes on top."""


@dataclass(frozen=True, slots=True, eq=False)
class PeriodPlan:
    """One period's answer."""

    assembled: Assembled
    bins: BinPlan
    nodes: Ints
    """(offering,) int64."""
    cost_per_hour: float
    lower_bound_per_hour: float


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


def plan_week(given: PoolInput, rules: NodePoolsPolicy, *, protect: bool = True) -> WeekPlan:
    """Plan all periods."""
    rules, broken = _possible(given, rules)
    first = _plan_period(given, 0, rules, None, protect)
    periods = [first]
    used = tuple(np.flatnonzero(first.nodes).tolist())
    for number in range(1, len(given.periods)):
        one = _plan_period(given, number, rules, used, protect)
        if _leaves_out(one) and not _leaves_out(first):
            one = _plan_period(given, number, rules, None, protect)
        bound = _moved_bound(first, one)
        periods.append(replace(one, lower_bound_per_hour=min(bound, one.cost_per_hour)))
    hours = np.array([period.hours_per_week for period in given.periods])
    committed = sum(entry.nodes * entry.price_per_hour for entry in rules.commitments)
    return WeekPlan(
        tuple(periods),
        float(hours @ [one.cost_per_hour for one in periods]) / HOURS_PER_WEEK + committed,
        float(hours @ [one.lower_bound_per_hour for one in periods]) / HOURS_PER_WEEK + committed,
        broken,
    )


def _plan_period(
    given: PoolInput, number: int, rules: NodePoolsPolicy, only: tuple[int, ...] | None, protect: bool
) -> PeriodPlan:
    assembled = assemble(given, number, rules, only=only, protect=protect)
    limits = replace(LIMITS, time_limit_seconds=float(rules.time_limit_seconds) / (1 if only is None else 4))
    bins = plan_bins(assembled.problem, limits)
    if bins.faults:
        raise AssertionError(f"a packing that breaks its own rules: {bins.faults[:3]}")
    nodes = np.zeros(len(given.offerings), dtype=np.int64)
    np.add.at(nodes, assembled.offering[bins.bin_type], 1)
    cost = float(assembled.price[bins.bin_type].sum())
    # The bound is on the model's cost, in which what is left out has a price that nobody pays.
    bound = 0.0 if _has_left_out(bins) else min(bins.lower_bound, cost)
    return PeriodPlan(assembled, bins, nodes, cost, bound)


def _has_left_out(bins: BinPlan) -> bool:
    return any(scenario.left_out.any() for scenario in bins.scenarios)


def _leaves_out(plan: PeriodPlan) -> bool:
    return _has_left_out(plan.bins)


def _moved_bound(first: PeriodPlan, other: PeriodPlan) -> float:
    """The busiest period's bound, moved to another demand; see this module's text."""
    if first.lower_bound_per_hour <= 0.0:
        return 0.0
    prices = first.bins.class_prices
    rows = {name: k for k, name in enumerate(other.assembled.problem.items.names)}
    mine, theirs = first.assembled.problem.items, other.assembled.problem.items
    bound = first.lower_bound_per_hour
    for k, name in enumerate(mine.names):
        there = rows.pop(name, -1)
        count = int(theirs.count[there]) if there >= 0 else 0
        kept = int(theirs.protected[there]) if there >= 0 else 0
        bound -= float(prices[0, k]) * (int(mine.count[k]) - count)
        bound -= float(prices[1:, k].sum()) * (int(mine.protected[k]) - kept)
    return max(0.0, bound)


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
