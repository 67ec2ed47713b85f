"""Budgets of incidents that workloads share, as rows of the sizing program.

Over the memory candidates of the fleet, or of a namespace, with the expected days above the request a month d_i(r)
and a budget of N days in 1,000 container-days::

    sum_i d_i(r_i) <= N / 1000 * (730 / 24) * number of candidates        oom_kills_within_budget[...]

and over its CPU candidates, with the expected core-hours of shortage a month s_i(r)::

    sum_i s_i(r_i) <= core-seconds a day / 3600 * 730 / 24                cpu_shortage_within_budget[...]

A budget may be passed at the policy's highest price per incident (:mod:`solvers.risk_elastic`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from planner.config.policy import RiskBudget
from planner.decisions.candidates import Candidate
from planner.decisions.facts import Facts
from planner.usage.fleet_risk import DAYS_PER_MONTH

FLEET = "fleet"
_SECONDS_PER_HOUR = 3600.0


@dataclass(slots=True)
class RiskBudgetRow:
    """One budget as a row of the program.

    Attributes:
        name: ``rule[fleet]`` or ``rule[namespace/NAME]``.
        scope: ``fleet`` or the namespace.
        resource: ``cpu`` or ``memory``.
        items: rows of the candidates.
        limit_per_month: incidents a month.
        stated: the figure of the policy.
        unit: of ``stated``.
        most_price: currency per incident that the budget may cost.
    """

    name: str
    scope: str
    resource: str
    items: NDArray[np.intp]
    limit_per_month: float
    stated: float
    unit: str
    most_price: float

    def in_stated_unit(self, per_month: float) -> float:
        """Incidents a month in the unit of the policy."""
        if self.resource == "cpu":
            return per_month * _SECONDS_PER_HOUR / DAYS_PER_MONTH
        return per_month / DAYS_PER_MONTH / max(len(self.items), 1) * 1000.0


def risk_budget_rows(
    facts: Facts, items: list[Candidate], without: frozenset[int] = frozenset()
) -> list[RiskBudgetRow]:
    """Rows of the fleet's budget and of each namespace that has one.

    Args:
        facts: of the snapshot.
        items: the candidates.
        without: positions that no budget counts.
    """
    budgets = facts.policy.risk_budgets
    prices = (budgets.most_price_per_oom_kill, budgets.most_price_per_core_hour_short)
    rows = _rows(budgets.fleet, FLEET, FLEET, items, [i for i in range(len(items)) if i not in without], prices)
    by_namespace: dict[str, list[int]] = {}
    for position, item in enumerate(items):
        if position in without:
            continue
        by_namespace.setdefault(facts.workloads[item.workload_row].namespace, []).append(position)
    for namespace, positions in sorted(by_namespace.items()):
        pattern = _pattern_of(namespace, budgets.namespaces)
        if pattern is not None:
            budget = budgets.namespaces[pattern]
            rows += _rows(budget, f"namespace/{namespace}", namespace, items, positions, prices)
    return rows


def _pattern_of(namespace: str, budgets: dict[str, RiskBudget]) -> str | None:
    """The most specific pattern that matches: an exact name, else the one with most literal characters."""
    matching = [p for p in budgets if p == namespace or fnmatchcase(namespace, p)]
    return max(matching, key=lambda p: (p == namespace, sum(c not in "*?[]!" for c in p), p), default=None)


def _rows(
    budget: RiskBudget,
    label: str,
    scope: str,
    items: list[Candidate],
    positions: Sequence[int],
    prices: tuple[float, float],
) -> list[RiskBudgetRow]:
    rows = []
    stated = budget.oom_kills_per_1000_container_days
    own = np.array([p for p in positions if items[p].resource == "memory"], dtype=np.intp)
    if stated is not None and len(own):
        limit = stated / 1000.0 * DAYS_PER_MONTH * len(own)
        unit = "OOM kills per 1,000 container-days"
        rows.append(
            RiskBudgetRow(f"oom_kills_within_budget[{label}]", scope, "memory", own, limit, stated, unit, prices[0])
        )
    stated = budget.cpu_shortage_core_seconds_per_day
    own = np.array([p for p in positions if items[p].resource == "cpu"], dtype=np.intp)
    if stated is not None and len(own):
        limit = stated / _SECONDS_PER_HOUR * DAYS_PER_MONTH
        unit = "core-seconds of CPU shortage a day"
        rows.append(
            RiskBudgetRow(f"cpu_shortage_within_budget[{label}]", scope, "cpu", own, limit, stated, unit, prices[1])
        )
    return rows
