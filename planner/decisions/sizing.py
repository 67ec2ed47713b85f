"""Candidates -> arrays -> ``solvers.risk`` -> chosen requests.

Minimise over the requests r, with prices a month,

    sum_i  price_i r_i  +  risk price_i  incidents_i(r_i) / inflation_i
    s.t.   lower_i <= r_i <= upper_i                                     floors, ceilings, ceilings of incidents
           sum_i in namespace  pods_i r_i <= quota - what is not decided here      quota_covers_requests[...]
           the same with the most pods that may run at once                        quota_covers_rollouts[...]
           sum_i in scope  incidents_i(r_i) <= budget                              oom_kills_within_budget[...]

where incidents of CPU are core-hours of shortage and of memory days above the size, a month. The inflation of CPU
forecasts counts against budgets, not in the price: a price ratio r means the quantile r / (1 + r) of what was seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.candidates import Candidate
from planner.decisions.facts import Facts
from planner.decisions.quota_rows import QuotaRow, quota_rows
from planner.decisions.risk_budgets import RiskBudgetRow, risk_budget_rows
from planner.decisions.risk_terms import RiskTerms, keep_ceilings, risk_curves, risk_terms, today
from planner.errors import SolverError
from planner.units import GIB
from planner.usage.fleet_risk import RiskCurves
from solvers.risk import RiskChoice
from solvers.risk_elastic import solve_elastic
from solvers.risk_problem import BudgetRow, RiskProblem

UNIT = {"cpu": 1.0, "memory": float(GIB)}
"""Unit of requests inside the program, so that its coefficients stay near 1."""


@dataclass(slots=True)
class Sizing:
    """The program's answer, in cores and bytes.

    Attributes:
        request: (candidate,) chosen request before rounding.
        expected_incidents: (candidate,) core-hours of shortage or days above the request, a month.
        unit_price: (candidate,) currency a month per core or byte, all pods.
        level: (candidate,) CPU: the quantile at which it is decided; memory: NaN.
        binding: (candidate,) code of ``solvers.risk.Binding``.
        quota_rows: rows of the program with their dual in ``quota_dual`` (currency per core or byte a month).
        quota_violation: (row,) by how much even the answer passes the quota, cores or bytes.
        quota_missing: (row,) what the quota lacks for the floors, before they were lowered to today's requests.
        budget_rows: budgets of incidents.
        budget_use: (budget,) expected incidents a month.
        budget_dual: (budget,) currency a month that one more incident a month would save, 0 or more.
        budget_violation: (budget,) incidents a month by which even the answer passes the budget.
        choice: the raw answer.
    """

    request: NDArray[np.float64]
    expected_incidents: NDArray[np.float64]
    unit_price: NDArray[np.float64]
    level: NDArray[np.float64]
    binding: NDArray[np.int8]
    quota_rows: list[QuotaRow]
    quota_dual: NDArray[np.float64]
    quota_violation: NDArray[np.float64]
    quota_missing: NDArray[np.float64]
    budget_rows: list[RiskBudgetRow]
    budget_use: NDArray[np.float64]
    budget_dual: NDArray[np.float64]
    budget_violation: NDArray[np.float64]
    choice: RiskChoice | None

    @classmethod
    def of_nothing(cls) -> "Sizing":
        """The answer where there is no candidate."""
        none = np.empty(0)
        codes = np.empty(0, np.int8)
        return cls(none, none, none, none, codes, [], none, none, none, [], none, none, none, None)


def size(facts: Facts, items: list[Candidate], backend: str) -> Sizing:
    """Choose all requests together.

    Where a quota cannot hold the floors of its pods, those requests may stay as low as they are today: a request
    below the peak is a risk, a pod that the quota refuses is an outage.
    """
    if not items:
        return Sizing.of_nothing()
    terms = risk_terms(facts, items)
    curves = risk_curves(facts, items, terms)
    keep_ceilings(items, curves)
    quotas, budgets = quota_rows(facts, items), risk_budget_rows(facts, items)
    sizing = _solve(items, terms, curves, quotas, budgets, backend)
    tight = [row for row, missing in zip(quotas, sizing.quota_violation, strict=True) if missing > 1e-6 * row.hard]
    if not tight:
        return sizing
    held_down: set[int] = set()
    for row in tight:
        held_down |= {position for position in row.items.tolist() if _keep_today(items[position])}
    # What a quota holds down no budget can buy off; it must not spend the budget of all others.
    budgets = risk_budget_rows(facts, items, without=frozenset(held_down))
    relaxed = _solve(items, terms, curves, quotas, budgets, backend)
    relaxed.quota_missing = sizing.quota_violation
    return relaxed


def _keep_today(item: Candidate) -> bool:
    """Lower the floor of a request to today's value, if that is lower; whether it was."""
    if not 0 < today(item) < item.bounds.lower:
        return False
    item.bounds.notes.append(f"the quota has no room for its floor: {item.bounds.lower_text}")
    item.bounds.lower, item.bounds.lower_code = today(item), "quota_too_small"
    item.bounds.lower_text = "the quota has no room for more than today's request"
    return True


def _solve(
    items: list[Candidate],
    terms: RiskTerms,
    curves: RiskCurves,
    quotas: list[QuotaRow],
    budgets: list[RiskBudgetRow],
    backend: str,
) -> Sizing:
    unit = np.array([UNIT[item.resource] for item in items])
    rows = [BudgetRow(q.name, q.items, q.pods, max(q.room, 0.0) / UNIT[q.resource], "request") for q in quotas]
    rows += [BudgetRow(b.name, b.items, np.ones(len(b.items)), b.limit_per_month, "incidents") for b in budgets]
    most_price = [np.inf] * len(quotas) + [b.most_price for b in budgets]
    try:
        problem = RiskProblem(
            request=curves.points / unit[:, None],
            expected_incidents=curves.incidents,
            unit_cost=terms.unit_price * unit,
            price_of_risk=terms.risk_price / curves.inflation,
            lower=np.array([item.bounds.lower for item in items]) / unit,
            upper=np.array([item.bounds.upper for item in items]) / unit,
            budgets=tuple(rows),
        )
        answer = solve_elastic(problem, most_price, backend=backend)
    except (ValueError, RuntimeError) as error:
        raise SolverError(f"the sizing program was not solved: {error}") from error
    scale = np.array([UNIT[row.resource] for row in quotas])
    of_quotas, of_budgets = slice(0, len(quotas)), slice(len(quotas), None)
    return Sizing(
        request=answer.choice.request * unit,
        expected_incidents=answer.choice.expected_incidents,
        unit_price=terms.unit_price,
        level=terms.level,
        binding=answer.choice.binding,
        quota_rows=quotas,
        quota_dual=answer.price[of_quotas] / scale,
        quota_violation=answer.violation[of_quotas] * scale,
        quota_missing=answer.violation[of_quotas] * scale,
        budget_rows=budgets,
        budget_use=answer.use[of_budgets],
        budget_dual=answer.price[of_budgets],
        budget_violation=answer.excess[of_budgets],
        choice=answer.choice,
    )
