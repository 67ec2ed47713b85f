"""The backtest beside every recommendation, and the reductions that it forbids.

A reduction is not made where the days held back had, under the same rule, more than ``backtest_tolerance`` times the
incidents that the container's ceilings allow (memory: at least two days), and more than under today's values.
"""

from dataclasses import dataclass

from planner.decisions.backtests import PLANNER, TODAY, history_folds, run_backtests
from planner.decisions.candidates import Candidate
from planner.decisions.changes import ContainerPlan
from planner.decisions.eligibility import Refusal
from planner.decisions.facts import Facts
from planner.decisions.risk_terms import DAYS
from planner.plan.schema import BacktestLine

FEWEST_INCIDENT_DAYS = 2.0


@dataclass(frozen=True, slots=True)
class Held:
    """Outcome of one candidate in the days held back.

    Attributes:
        days: days judged.
        incidents, incidents_today: memory: days above; CPU: core-seconds of shortage a day, all pods.
        short_share, short_share_today: CPU: share of time above the request.
        slack: (request - p95 of use) / request; None = no request.
    """

    days: float
    incidents: float
    incidents_today: float
    short_share: float
    short_share_today: float
    slack: float | None


def held_back(facts: Facts, items: list[Candidate]) -> dict[int, Held]:
    """Position of a candidate -> how it would have done; candidates without samples in the folds are left out."""
    found: dict[int, Held] = {}
    for part in run_backtests(facts, items):
        own, now = part.of(PLANNER).whole, part.of(TODAY).whole
        is_memory = part.resource == "memory"
        bad = own.incident_days if is_memory else own.shortage_core_seconds
        bad_now = now.incident_days if is_memory else now.shortage_core_seconds
        for series, position in enumerate(part.positions.tolist()):
            days, seconds = float(own.days[series]), float(own.sample_seconds[series])
            if not days:
                continue
            per = 1.0 if is_memory else days
            request = float(own.request[series])
            known = bool(now.sample_seconds[series])
            found[position] = Held(
                days=days,
                incidents=float(bad[series]) / per,
                incidents_today=float(bad_now[series]) / per if known else float("inf"),
                short_share=float(own.short_seconds[series]) / seconds,
                short_share_today=float(now.short_seconds[series]) / seconds if known else float("inf"),
                slack=1.0 - float(own.p95[series]) / request if request > 0 else None,
            )
    return found


def why_not(item: Candidate, held: Held | None) -> Refusal | None:
    """Why a reduction is not made, if the backtest forbids it."""
    if held is None:
        return None
    risk, tolerance = item.policy.risk, item.policy.evidence.backtest_tolerance
    if item.resource == "memory":
        allowed = risk.max_incident_days_per_30d / DAYS * held.days
        failed = held.incidents >= FEWEST_INCIDENT_DAYS and held.incidents > tolerance * allowed
        if not failed or held.incidents <= held.incidents_today:
            return None
        text = (
            f"of {held.days:g} days held back the same rule left {held.incidents:g} above its memory, today's values"
            f" {held.incidents_today:g}; {risk.max_incident_days_per_30d:g} in 30 are allowed"
        )
    else:
        allowed = risk.max_shortage_share
        if held.short_share <= tolerance * allowed or held.short_share <= held.short_share_today:
            return None
        text = (
            f"in {held.days:g} days held back it would have wanted more than its request for {held.short_share:.0%}"
            f" of the time; {allowed:.0%} is allowed"
        )
    return Refusal("backtest_failed", text, "wait for more history, or raise evidence.backtest_tolerance")


def backtest_line(facts: Facts, change: ContainerPlan, held: dict[int, Held]) -> BacktestLine | None:
    """The line of one recommendation; None where no day was held back."""
    own = {resource: held[position] for resource, position in change.items.items() if position in held}
    if not own:
        return None
    memory, cpu = own.get("memory"), own.get("cpu")
    return BacktestLine(
        folds=len(history_folds(facts)),
        days=max(one.days for one in own.values()),
        memory_incident_days=None if memory is None else memory.incidents,
        memory_incident_days_today=_known(None if memory is None else memory.incidents_today),
        memory_relative_slack=_known(None if memory is None else memory.slack),
        cpu_shortage_core_seconds_per_day=_known(None if cpu is None else cpu.incidents),
        cpu_shortage_core_seconds_per_day_today=_known(None if cpu is None else cpu.incidents_today),
        cpu_short_share=_known(None if cpu is None else cpu.short_share),
        cpu_relative_slack=_known(None if cpu is None else cpu.slack),
    )


def _known(value: float | None) -> float | None:
    return None if value is None or value == float("inf") else float(f"{value:.4g}")
