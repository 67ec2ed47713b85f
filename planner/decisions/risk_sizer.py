"""The planner's own rule as a sizer for backtests: calibration, curves, ceilings and budgets of one resource.

What other objects of the cluster forbid (quotas, LimitRanges, node sizes) is left out: a backtest judges the forecast.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.decisions.risk_budgets import FLEET
from planner.units import GIB
from planner.usage.cpu_lessons import learn_cpu
from planner.usage.day_ranks import ranks_of_window
from planner.usage.fleet_risk import RiskCurves, cpu_curves, memory_curves
from planner.usage.memory_risk import calibrate_memory
from planner.usage.window import UsageWindow
from solvers.risk_elastic import solve_elastic
from solvers.risk_problem import BudgetRow, RiskProblem

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SharedBudget:
    """Incidents a month that some series may be expected to have together.

    Attributes:
        series: positions.
        limit_per_month: days with a kill, or core-hours of shortage.
        most_price: currency per incident that it may cost.
        scope: for messages.
    """

    series: NDArray[np.intp]
    limit_per_month: float
    most_price: float
    scope: str = FLEET


@dataclass(frozen=True, slots=True, eq=False)
class RiskSizer:
    """Terms of a set of series; arrays are (series,).

    Attributes:
        unit_price: currency a month per core or byte, all pods.
        risk_price: currency per core-hour of shortage, or per day with a kill.
        level: CPU: the quantile that the price ratio makes cheapest.
        pods: pods running on average.
        ceiling: CPU: largest share of time above; memory: largest chance of a day above.
        least, most: bounds in cores or bytes.
        margin: memory: least share over the highest peak.
        horizon_days: that a request is meant to hold.
        budgets: shared ones.
        setting: position of the dial, for reports.
    """

    unit_price: Floats
    risk_price: Floats
    level: Floats
    pods: Floats
    ceiling: Floats
    least: Floats
    most: Floats
    margin: Floats
    horizon_days: int
    budgets: tuple[SharedBudget, ...] = ()
    setting: str = "policy"
    method: str = field(default="planner", init=False)

    def size(self, window: UsageWindow) -> Floats:
        """(series,) requests in cores or bytes; NaN = no sample."""
        ranks = ranks_of_window(window)
        if window.resource == "cpu":
            lessons = learn_cpu(ranks, self.horizon_days)
            curves = cpu_curves(lessons, ranks, self.level, self.pods, self.ceiling)
            floor = np.zeros(len(self.pods))
            unit = 1.0
        else:
            risk = calibrate_memory(ranks.peak, self.horizon_days)
            known = np.flatnonzero(np.isfinite(risk.forecast))
            curves = _spread(memory_curves(risk, known, self.ceiling[known]), known, len(self.pods))
            floor = np.nan_to_num(np.fmax.reduce(ranks.peak, axis=1).astype(np.float64)) * (1.0 + self.margin)
            unit = float(GIB)
        seen = np.flatnonzero(np.isfinite(ranks.peak).any(axis=1))
        result = np.full(len(self.pods), np.nan)
        if len(seen):
            result[seen] = self._choose(curves, np.maximum(floor, self.least), seen, unit)
        return result

    def _choose(self, curves: RiskCurves, floor: Floats, seen: NDArray[np.intp], unit: float) -> Floats:
        position = np.full(len(self.pods), -1)
        position[seen] = np.arange(len(seen))
        rows = []
        for number, budget in enumerate(self.budgets):
            members = position[budget.series]
            members = members[members >= 0]
            limit = budget.limit_per_month * len(members) / max(len(budget.series), 1)
            rows.append(
                BudgetRow(f"budget[{budget.scope}-{number}]", members, np.ones(len(members)), limit, "incidents")
            )
        most = self.most[seen]
        lower = np.minimum(np.maximum(floor[seen], curves.least[seen]), most)
        problem = RiskProblem(
            request=curves.points[seen] / unit,
            expected_incidents=curves.incidents[seen],
            unit_cost=self.unit_price[seen] * unit,
            price_of_risk=self.risk_price[seen] / curves.inflation[seen],
            lower=lower / unit,
            upper=most / unit,
            budgets=tuple(rows),
        )
        return solve_elastic(problem, [b.most_price for b in self.budgets]).choice.request * unit


def _spread(part: RiskCurves, rows: NDArray[np.intp], count: int) -> RiskCurves:
    """Curves of some rows put back among all; the others are NaN."""
    width = part.points.shape[1]
    whole = RiskCurves(
        np.full((count, width), np.nan), np.full((count, width), np.nan), np.full(count, np.nan), np.ones(count)
    )
    whole.points[rows], whole.incidents[rows] = part.points, part.incidents
    whole.least[rows], whole.inflation[rows] = part.least, part.inflation
    return whole
