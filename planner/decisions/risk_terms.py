"""What risk costs each candidate and how much of it its ceilings allow, as arrays for the sizing program."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.candidates import Candidate
from planner.decisions.facts import Facts
from planner.decisions.money import REFERENCE_PRICES
from planner.domain.pod_request import requested
from planner.units import GIB, HOURS_PER_MONTH
from planner.usage.fleet_risk import RiskCurves, cpu_curves, memory_curves

Floats = NDArray[np.float64]
DAYS = 30.0
LEAST_PODS = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class RiskTerms:
    """Terms of each candidate.

    Attributes:
        unit_price: (candidate,) currency a month per core or byte, all pods.
        risk_price: (candidate,) currency per core-hour of shortage, or per day with an OOM kill.
        level: (candidate,) CPU: the quantile that the price ratio makes cheapest; memory: NaN.
        pods: (candidate,) pods running on average.
    """

    unit_price: Floats
    risk_price: Floats
    level: Floats
    pods: Floats


def risk_terms(facts: Facts, items: list[Candidate]) -> RiskTerms:
    """Prices of what is requested and of what goes wrong."""
    terms = RiskTerms(*(np.full(len(items), np.nan) for _ in range(4)))
    for position, item in enumerate(items):
        prices = facts.prices[item.workload_row] or REFERENCE_PRICES
        pods = max(facts.billed_pods(item.workload_row, item.container.name), LEAST_PODS)
        workload = facts.workloads[item.workload_row]
        factor = facts.policy.priority_factor(workload.priority_class, workload.priority)
        terms.pods[position] = pods
        if item.resource == "cpu":
            ratio = item.policy.risk.cpu_shortage_price_ratio * factor
            terms.unit_price[position] = prices.core_per_hour * HOURS_PER_MONTH * pods
            # A missing core-hour costs the ratio, and it also saved the core-hour that a larger request pays:
            # so min price r + risk E(u - r)+ has its optimum where P(u > r) = 1 / (ratio + 1), the newsvendor's.
            terms.risk_price[position] = prices.core_per_hour * (ratio + 1)
            terms.level[position] = ratio / (ratio + 1)
        else:
            terms.unit_price[position] = prices.gib_per_hour / GIB * HOURS_PER_MONTH * pods
            terms.risk_price[position] = item.policy.risk.oom_kill_price * factor
    return terms


def risk_curves(facts: Facts, items: list[Candidate], terms: RiskTerms) -> RiskCurves:
    """Curves of all candidates: requests in cores or bytes, incidents a month."""
    cpu = np.array([i for i, item in enumerate(items) if item.resource == "cpu"], dtype=np.intp)
    memory = np.array([i for i, item in enumerate(items) if item.resource == "memory"], dtype=np.intp)
    rows = np.array([item.history_row for item in items], dtype=np.intp)
    parts: list[tuple[NDArray[np.intp], RiskCurves]] = []
    if len(cpu):
        most_share = np.array([items[i].policy.risk.max_shortage_share for i in cpu])
        ranks = facts.risk.cpu_ranks.take(rows[cpu])
        parts.append((cpu, cpu_curves(facts.risk.cpu, ranks, terms.level[cpu], terms.pods[cpu], most_share)))
    if len(memory):
        most_chance = np.array([items[i].policy.risk.max_incident_days_per_30d for i in memory]) / DAYS
        parts.append((memory, memory_curves(facts.risk.memory, rows[memory], most_chance)))
    width = max((part.points.shape[1] for _, part in parts), default=1)
    curves = RiskCurves(
        points=np.full((len(items), width), np.nan),
        incidents=np.full((len(items), width), np.nan),
        least=np.zeros(len(items)),
        inflation=np.ones(len(items)),
    )
    for index, part in parts:
        curves.points[index, : part.points.shape[1]] = part.points
        curves.incidents[index, : part.points.shape[1]] = part.incidents
        curves.least[index], curves.inflation[index] = part.least, part.inflation
    return curves


def keep_ceilings(items: list[Candidate], curves: RiskCurves) -> None:
    """Raise each floor to the request that the container's own ceiling of incidents asks for, in place."""
    for item, least in zip(items, curves.least.tolist(), strict=True):
        bounds, risk = item.bounds, item.policy.risk
        if item.resource == "cpu":
            text = f"at most {risk.max_shortage_share:.1%} of the time may want more than its request"
            bounds.at_least(least, "shortage_ceiling", text)
        else:
            text = f"at most {risk.max_incident_days_per_30d:g} days in 30 may be expected above it"
            bounds.at_least(least, "incident_ceiling", text)
        bounds.settle()


def today(item: Candidate) -> float:
    """Today's request, cores or bytes."""
    return requested(item.container, item.resource)
