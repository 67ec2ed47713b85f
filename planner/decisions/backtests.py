"""The backtest of a snapshot: the planner's rule, today's values and the baselines over the same folds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.decisions.baselines.registry import DEFAULTS, METHODS, frontier
from planner.decisions.candidates import Candidate
from planner.decisions.facts import Facts
from planner.decisions.risk_budgets import risk_budget_rows
from planner.decisions.risk_sizer import RiskSizer, SharedBudget
from planner.decisions.risk_terms import DAYS, RiskTerms, risk_terms, today
from planner.evidence.backtest import Constant, MethodResult, backtest
from planner.evidence.folds import Fold, walk_forward_folds
from planner.evidence.score import SECONDS_PER_HOUR
from planner.evidence.sizer import Sizer
from planner.usage.day_ranks import DayRanks
from planner.usage.fleet_risk import DAYS_PER_MONTH
from planner.usage.window import ResourceName

Floats = NDArray[np.float64]
PLANNER, TODAY = "planner", "today"
OOM_PRICES = (0.05, 0.2, 1.0, 4.0, 16.0, 64.0)
"""Factors of the price of risk that draw the planner's own frontier."""


@dataclass(frozen=True, slots=True, eq=False)
class ResourceBacktest:
    """The backtest of one resource of the candidates.

    Attributes:
        resource: ``cpu`` or ``memory``.
        positions: (series,) rows of the candidates.
        unit_price: (series,) currency a month per core or byte of all pods.
        risk_price: (series,) currency per day with a kill, or per core-hour of shortage.
        results: the planner, today, then the baselines; defaults before the settings of frontiers.
        defaults: (method, setting) of those that are as they come.
    """

    resource: ResourceName
    positions: NDArray[np.intp]
    unit_price: Floats
    risk_price: Floats
    results: tuple[MethodResult, ...]
    defaults: frozenset[tuple[str, str]]

    def value_per_month(self, result: MethodResult) -> float:
        """Value of what a rule reserves, on average over the folds."""
        requests = np.array([np.nan_to_num(score.request) for score in result.folds])
        return float(self.unit_price @ requests.mean(axis=0))

    def harm_per_month(self, result: MethodResult) -> float:
        """Incidents that a rule suffered, at the prices of risk, in a month of such days."""
        whole = result.whole
        bad = whole.incident_days if self.resource == "memory" else whole.shortage_core_seconds / SECONDS_PER_HOUR
        a_month = np.divide(bad, whole.days, out=np.zeros(len(bad)), where=whole.days > 0) * DAYS_PER_MONTH
        return float(self.risk_price @ a_month)

    def of(self, method: str) -> MethodResult:
        """The first result of a method: as it comes."""
        return next(result for result in self.results if result.method == method)


def history_folds(facts: Facts) -> tuple[Fold, ...]:
    """Folds over the days of the history."""
    return walk_forward_folds(len(facts.history.days), facts.policy.horizon_days)


def run_backtests(
    facts: Facts, items: list[Candidate], *, methods: Sequence[str] = (), frontiers: bool = False
) -> list[ResourceBacktest]:
    """Backtest the candidates.

    Args:
        facts: of the snapshot.
        items: the candidates.
        methods: baselines to run beside the planner and today.
        frontiers: whether to turn dials as well.

    Returns:
        One result per resource that has a candidate; none where the history is too short for a fold.
    """
    folds = history_folds(facts)
    if not folds or not items:
        return []
    terms = risk_terms(facts, items)
    found = []
    names: tuple[ResourceName, ...] = ("cpu", "memory")
    for resource in names:
        positions = np.array([i for i, item in enumerate(items) if item.resource == resource], dtype=np.intp)
        if not len(positions):
            continue
        history = facts.history.cpu if resource == "cpu" else facts.history.memory
        ranks = history.ranks.take(np.array([items[i].history_row for i in positions]))
        own = planner_sizer(facts, items, terms, positions)
        now = Constant(np.array([today(items[i]) or np.nan for i in positions]))
        defaults: list[Sizer] = [own, now, *(DEFAULTS[name] for name in METHODS if name in methods)]
        dials = _dials(own, resource, methods) if frontiers else []
        known = {(sizer.method, sizer.setting) for sizer in defaults}
        sizers = [*defaults, *(s for s in dials if (s.method, s.setting) not in known)]
        results = _run(facts, resource, ranks, sizers, folds, _allowed_today(facts, items, positions, resource))
        found.append(
            ResourceBacktest(
                resource=resource,
                positions=positions,
                unit_price=terms.unit_price[positions],
                risk_price=terms.risk_price[positions],
                results=tuple(results),
                defaults=frozenset(known),
            )
        )
    return found


def _run(
    facts: Facts,
    resource: ResourceName,
    ranks: DayRanks,
    sizers: Sequence[Sizer],
    folds: Sequence[Fold],
    allowed_today: Floats | None,
) -> list[MethodResult]:
    allowed = None if allowed_today is None else {(TODAY, "as it is"): allowed_today}
    return backtest(resource, ranks, sizers, folds, facts.snapshot.header.step_seconds, allowed)


def _allowed_today(
    facts: Facts, items: list[Candidate], positions: NDArray[np.intp], resource: ResourceName
) -> Floats | None:
    """Memory fails above today's limit, without one above the request."""
    if resource != "memory":
        return None
    limits = []
    for position in positions:
        item = items[position]
        limit = facts.limit_today(facts.workloads[item.workload_row], item.container, resource)
        limits.append(limit if limit is not None else today(item) or np.nan)
    return np.array(limits, dtype=np.float64)


def _dials(own: RiskSizer, resource: ResourceName, methods: Sequence[str]) -> list[Sizer]:
    turned: list[Sizer] = []
    for factor in OOM_PRICES:
        price = own.risk_price * factor
        if resource == "cpu":
            ratio = own.level / (1.0 - own.level) * factor
            level = ratio / (1.0 + ratio)
            price = own.risk_price * (ratio + 1.0) * (1.0 - own.level)
            text = f"price of risk x {factor:g}"
            turned.append(replace(own, risk_price=price, level=level, budgets=(), setting=text))
        else:
            turned.append(replace(own, risk_price=price, budgets=(), setting=f"price of risk x {factor:g}"))
    for name in METHODS:
        if name in methods:
            turned += frontier(name, resource)
    return turned


def planner_sizer(facts: Facts, items: list[Candidate], terms: RiskTerms, positions: NDArray[np.intp]) -> RiskSizer:
    """The planner's rule with the policy's terms for some candidates of one resource."""
    own = [items[i] for i in positions]
    is_cpu = bool(own) and own[0].resource == "cpu"
    risks = [item.policy.risk for item in own]
    rules = [item.policy.requests for item in own]
    ceiling = [r.max_shortage_share if is_cpu else r.max_incident_days_per_30d / DAYS for r in risks]
    most = [r.cpu_max if is_cpu else r.memory_max for r in rules]
    return RiskSizer(
        unit_price=terms.unit_price[positions],
        risk_price=terms.risk_price[positions],
        level=terms.level[positions],
        pods=terms.pods[positions],
        ceiling=np.array(ceiling),
        least=np.array([r.cpu_min if is_cpu else r.memory_min for r in rules], dtype=np.float64),
        most=np.array([np.inf if value is None else value for value in most], dtype=np.float64),
        margin=np.zeros(len(own)) if is_cpu else np.array([r.memory_margin for r in rules]),
        horizon_days=facts.policy.horizon_days,
        budgets=tuple(_budgets(facts, items, positions)),
    )


def _budgets(facts: Facts, items: list[Candidate], positions: NDArray[np.intp]) -> list[SharedBudget]:
    place = {int(position): series for series, position in enumerate(positions.tolist())}
    shared = []
    for row in risk_budget_rows(facts, items):
        series = np.array([place[int(i)] for i in row.items if int(i) in place], dtype=np.intp)
        if len(series):
            shared.append(SharedBudget(series, row.limit_per_month, row.most_price, row.scope))
    return shared
