"""Candidates -> arrays -> ``solvers.risk`` -> chosen requests.

Minimise over the requests r, with prices a month,

    sum_i  price_i r_i  +  risk price_i  incidents_i(r_i)
    s.t.   lower_i <= r_i <= upper_i
           sum_i in namespace  pods_i r_i <= quota - what is not decided here      quota_covers_requests[...]
           the same with the most pods that may run at once                        quota_covers_rollouts[...]

where incidents of CPU are core-hours of shortage and of memory days above the size in 30 days.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.candidates import Candidate
from planner.decisions.facts import Facts
from planner.decisions.money import REFERENCE_PRICES
from planner.decisions.quota_rows import QuotaRow, quota_rows
from planner.domain.pod_request import requested
from planner.errors import SolverError
from planner.units import GIB, HOURS_PER_MONTH
from planner.usage.risk_curves import DAYS, cpu_curve, memory_curve
from solvers.risk import RiskChoice, solve_risk
from solvers.risk_problem import BudgetRow, RiskProblem

UNIT = {"cpu": 1.0, "memory": float(GIB)}
"""Unit of requests inside the program, so that its coefficients stay near 1."""
DAYS_PER_MONTH = HOURS_PER_MONTH / 24


@dataclass(slots=True)
class Sizing:
    """The program's answer, in cores and bytes.

    Attributes:
        request: (candidate,) chosen request before rounding.
        unit_price: (candidate,) currency a month per core or byte, all pods.
        risk_price: (candidate,) currency per core-hour of shortage or per OOM kill.
        binding: (candidate,) code of ``solvers.risk.Binding``.
        quota_rows: rows of the program with their dual in ``quota_dual`` (currency per core or byte a month).
        quota_violation: (row,) by how much even the answer passes the quota, cores or bytes.
        quota_missing: (row,) what the quota lacks for the floors, before they were lowered to today's requests.
        choice: the raw answer.
    """

    request: NDArray[np.float64]
    unit_price: NDArray[np.float64]
    risk_price: NDArray[np.float64]
    binding: NDArray[np.int8]
    quota_rows: list[QuotaRow]
    quota_dual: NDArray[np.float64]
    quota_violation: NDArray[np.float64]
    quota_missing: NDArray[np.float64]
    choice: RiskChoice | None


def size(facts: Facts, items: list[Candidate], backend: str) -> Sizing:
    """Choose all requests together.

    Where a quota cannot hold the floors of its pods, those requests may stay as low as they are today: a request
    below the peak is a risk, a pod that the quota refuses is an outage.
    """
    rows = quota_rows(facts, items)
    if not items:
        nothing = np.empty(0)
        return Sizing(nothing, nothing, nothing, np.empty(0, np.int8), [], nothing, nothing, nothing, None)
    sizing = _solve(facts, items, rows, backend)
    tight = [row for row, missing in zip(rows, sizing.quota_violation, strict=True) if missing > 1e-6 * row.hard]
    if not tight:
        return sizing
    for row in tight:
        for position in row.items:
            _keep_today(items[position])
    relaxed = _solve(facts, items, rows, backend)
    relaxed.quota_missing = sizing.quota_violation
    return relaxed


def _keep_today(item: Candidate) -> None:
    """Lower the floor of a request to today's value, if that is lower."""
    today = requested(item.container, item.resource)
    if 0 < today < item.bounds.lower:
        item.bounds.notes.append(f"the quota has no room for its floor: {item.bounds.lower_text}")
        item.bounds.lower, item.bounds.lower_code = today, "quota_too_small"
        item.bounds.lower_text = "the quota has no room for more than today's request"


def _solve(facts: Facts, items: list[Candidate], rows: list[QuotaRow], backend: str) -> Sizing:
    unit = np.array([UNIT[item.resource] for item in items])
    points, risk = _curves(facts, items)
    unit_price, risk_price = _prices(facts, items)
    budgets = tuple(
        BudgetRow(row.name, row.items, row.pods, max(row.room, 0.0) / UNIT[row.resource], "request") for row in rows
    )
    try:
        problem = RiskProblem(
            request=points / unit[:, None],
            expected_incidents=risk,
            unit_cost=unit_price * unit,
            price_of_risk=risk_price,
            lower=np.array([item.bounds.lower for item in items]) / unit,
            upper=np.array([item.bounds.upper for item in items]) / unit,
            budgets=budgets,
        )
        choice = solve_risk(problem, backend=backend)
    except (ValueError, RuntimeError) as error:
        raise SolverError(f"the sizing program was not solved: {error}") from error
    scale = np.array([UNIT[row.resource] for row in rows])
    return Sizing(
        request=choice.request * unit,
        unit_price=unit_price,
        risk_price=risk_price,
        binding=choice.binding,
        quota_rows=rows,
        quota_dual=choice.budget_dual / scale,
        quota_violation=choice.budget_slack_violation * scale,
        quota_missing=choice.budget_slack_violation * scale,
        choice=choice,
    )


def _curves(facts: Facts, items: list[Candidate]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(item, point) requests in cores or bytes and incidents a month, NaN padded at the end."""
    cpu = np.array([i for i, item in enumerate(items) if item.resource == "cpu"], dtype=np.intp)
    memory = np.array([i for i, item in enumerate(items) if item.resource == "memory"], dtype=np.intp)
    parts = []
    if len(cpu):
        pods = np.array([max(facts.billed_pods(items[i].workload_row, items[i].container.name), 1e-3) for i in cpu])
        parts.append((cpu, *cpu_curve(facts.history.cpu, np.array([items[i].history_row for i in cpu]), pods)))
    if len(memory):
        points, incidents = memory_curve(facts.history.memory, np.array([items[i].history_row for i in memory]))
        parts.append((memory, points, incidents * DAYS_PER_MONTH / DAYS))
    width = max(points.shape[1] for _, points, _ in parts)
    all_points = np.full((len(items), width), np.nan)
    all_risk = np.full((len(items), width), np.nan)
    for index, points, incidents in parts:
        all_points[index, : points.shape[1]] = points
        all_risk[index, : points.shape[1]] = incidents
    return all_points, all_risk


def _prices(facts: Facts, items: list[Candidate]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(item,) price of a core or byte for all pods a month, and price of an incident."""
    unit_price, risk_price = np.empty(len(items)), np.empty(len(items))
    for position, item in enumerate(items):
        prices = facts.prices[item.workload_row] or REFERENCE_PRICES
        pods = max(facts.billed_pods(item.workload_row, item.container.name), 1e-3)
        if item.resource == "cpu":
            unit_price[position] = prices.core_per_hour * HOURS_PER_MONTH * pods
            # A missing core-hour costs the ratio, and it also saved the core-hour that a larger request pays:
            # so min price r + risk E(u - r)+ has its optimum where P(u > r) = 1 / (ratio + 1), the newsvendor's.
            risk_price[position] = prices.core_per_hour * (item.policy.risk.cpu_shortage_price_ratio + 1)
        else:
            unit_price[position] = prices.gib_per_hour / GIB * HOURS_PER_MONTH * pods
            risk_price[position] = item.policy.risk.oom_kill_price
    return unit_price, risk_price
