"""The rules that `right_sizing.py` compares, each over its dial; all without floors."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.config.policy import Policy
from planner.config.workload_policy import WorkloadPolicy
from planner.decisions.baselines.autopilot import AutopilotWindowSizer
from planner.decisions.baselines.fixed import FixedSizer
from planner.decisions.baselines.krr import KrrSimpleSizer
from planner.decisions.baselines.registry import DEFAULTS, METHODS, frontier
from planner.decisions.baselines.vpa import VpaSizer
from planner.decisions.money import REFERENCE_PRICES
from planner.decisions.risk_sizer import RiskSizer, SharedBudget
from planner.evidence.sizer import Sizer
from planner.units import GIB, HOURS_PER_MONTH
from planner.usage.fleet_risk import DAYS_PER_MONTH
from planner.usage.window import ResourceName

Floats = NDArray[np.float64]
POLICY = "policy"
"""Setting of the planner under its default policy."""
RATIOS = (
    0.5,
    1.0,
    2.0,
    4.0,
    9.0,
    14.0,
    19.0,
    29.0,
    49.0,
    74.0,
    99.0,
    149.0,
    249.0,
    499.0,
    999.0,
    1999.0,
    3999.0,
    1e4,
    1e5,
)
OOM_PRICES = (0.05, 0.2, 0.5, 1.5, 5.0, 10.0, 20.0, 35.0, 60.0, 100.0, 180.0, 350.0, 700.0, 1500.0, 5000.0, 20000.0)
CEILING_DAYS = (1.0, 2.0, 3.0, 4.5, 7.0, 30.0)
QUANTILES = (*np.linspace(0.5, 0.9, 9), *np.linspace(0.91, 0.99, 17), 0.9925, 0.995, 0.9975, 0.999, 0.9995, 1.0)
NO_FLOOR = -1.0
"""Margin over the highest peak that takes that floor away."""
FAR_MARGINS = (1.5, 2.0, 3.0, 5.0)
"""Margins beyond any that people use: how far a rule must be turned to be as safe."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A sizer, and whether it stands at its published setting."""

    sizer: Sizer
    is_default: bool


def rules(resource: ResourceName, series: int, horizon_days: int) -> Iterator[Rule]:
    """Every rule at every setting."""
    for sizer in planner_settings(resource, series, horizon_days):
        yield Rule(sizer, sizer.setting == POLICY)
    for method in METHODS:
        default = DEFAULTS[method].setting
        settings = [*frontier(method, resource), *_further(method, resource)]
        known = {sizer.setting for sizer in settings}
        for sizer in [*settings, *([] if default in known else [DEFAULTS[method]])]:
            yield Rule(sizer, sizer.setting == default)


def _further(method: str, resource: ResourceName) -> list[Sizer]:
    if method == "fixed":
        return [FixedSizer(q=float(q), margin=0.0) for q in QUANTILES]
    if resource != "memory":
        return []
    if method == "krr-simple":
        return [KrrSimpleSizer(margin=m) for m in FAR_MARGINS]
    if method == "vpa":
        return [VpaSizer(percentile=1.0, margin=m) for m in FAR_MARGINS]
    return [AutopilotWindowSizer(margin=m) for m in FAR_MARGINS]


def planner_settings(resource: ResourceName, series: int, horizon_days: int) -> Iterator[RiskSizer]:
    """The planner's rule: its default policy, then prices of risk x ceilings without a budget."""
    risk = WorkloadPolicy().risk
    if resource == "cpu":
        yield cpu_sizer(series, horizon_days, risk.cpu_shortage_price_ratio, risk.max_shortage_share, POLICY)
        for ratio in RATIOS:
            for share in (risk.max_shortage_share, 1.0):
                text = f"ratio={ratio:g},max_shortage_share={share:g}"
                yield cpu_sizer(series, horizon_days, ratio, share, text)
        return
    stated = Policy().risk_budgets.fleet.oom_kills_per_1000_container_days
    assert stated is not None
    limit = stated / 1000.0 * DAYS_PER_MONTH * series
    budget = SharedBudget(np.arange(series), limit, Policy().risk_budgets.most_price_per_oom_kill)
    yield memory_sizer(series, horizon_days, risk.oom_kill_price, risk.max_incident_days_per_30d, POLICY, (budget,))
    for days in CEILING_DAYS:
        for price in OOM_PRICES:
            text = f"oom_kill_price={price:g},max_incident_days_per_30d={days:g}"
            yield memory_sizer(series, horizon_days, price, days, text)


def cpu_sizer(series: int, horizon_days: int, ratio: float, most_share: float, setting: str) -> RiskSizer:
    """CPU at a price ratio and a ceiling."""
    core = REFERENCE_PRICES.core_per_hour
    return _sizer(
        series,
        horizon_days,
        unit_price=core * HOURS_PER_MONTH,
        risk_price=core * (ratio + 1.0),
        level=ratio / (1.0 + ratio),
        ceiling=most_share,
        setting=setting,
    )


def memory_sizer(
    series: int,
    horizon_days: int,
    price: float,
    most_days: float,
    setting: str,
    budgets: tuple[SharedBudget, ...] = (),
) -> RiskSizer:
    """Memory at a price of a kill and a ceiling of incident days."""
    return _sizer(
        series,
        horizon_days,
        unit_price=REFERENCE_PRICES.gib_per_hour * HOURS_PER_MONTH / GIB,
        risk_price=price,
        level=np.nan,
        ceiling=most_days / 30.0,
        setting=setting,
        budgets=budgets,
    )


def _sizer(
    series: int,
    horizon_days: int,
    *,
    unit_price: float,
    risk_price: float,
    level: float,
    ceiling: float,
    setting: str,
    budgets: tuple[SharedBudget, ...] = (),
) -> RiskSizer:
    def same(value: float) -> Floats:
        return np.full(series, value)

    return RiskSizer(
        unit_price=same(unit_price),
        risk_price=same(risk_price),
        level=same(level),
        pods=same(1.0),
        ceiling=same(ceiling),
        least=same(0.0),
        most=same(np.inf),
        margin=same(NO_FLOOR),
        horizon_days=horizon_days,
        budgets=budgets,
        setting=setting,
    )


def oracle_requests(resource: ResourceName, test: NDArray[np.float32], per_day: int) -> list[tuple[str, Floats]]:
    """What the least would be if the future were known: (setting, requests).

    CPU: the same quantile of the days to come for all, which solves ``min sum r`` under a sum of shortage (equal prices
    make equal shares of time short). Memory: daily peaks to come, of which those are given up that save most bytes.
    """
    from solvers.risk_curves import best_vertex, convex_hulls

    if resource == "cpu":
        return [(f"q={q:g}", np.nanquantile(test, q, axis=1).astype(np.float64)) for q in QUANTILES]
    peaks = np.fmax.reduce(test.reshape(len(test), -1, per_day), axis=2)
    points = np.sort(np.nan_to_num(peaks), axis=1).astype(np.float64) / GIB
    points = np.concatenate([np.zeros((len(points), 1)), points], axis=1)
    above = np.stack([(peaks / GIB > points[:, [k]]).sum(axis=1) for k in range(points.shape[1])], axis=1)
    points = np.maximum.accumulate(points + np.arange(points.shape[1]) * 1e-9, axis=1)
    nothing = np.full(len(points), np.inf)
    hulls = convex_hulls(points, above.astype(np.float64), -nothing, nothing)
    answers = []
    for price in np.geomspace(1e-4, 1e5, 60):
        vertex = best_vertex(hulls, np.ones(len(points)), np.full(len(points), price))
        answers.append((f"price={price:.3g}", hulls.at(vertex)[0] * GIB))
    return answers
