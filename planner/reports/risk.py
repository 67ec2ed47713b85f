"""The risk of a plan in words and figures, and what the same rule would have done in days held back."""

from dataclasses import dataclass

from planner.plan.schema import BacktestLine, BudgetUse, Plan, Recommendation, RiskSummary
from planner.reports.figures import money

FLEET = "fleet"


@dataclass(frozen=True, slots=True)
class RiskRow:
    """Expected incidents today and under the plan; ``None`` = not known."""

    label: str
    now: float | None
    planned: float | None


def risk_rows(risk: RiskSummary) -> list[RiskRow]:
    """Those of memory and of CPU that the plan tells."""
    rows = (
        RiskRow(
            "OOM per 1,000 container-days",
            risk.oom_kills_per_1000_container_days_now,
            risk.oom_kills_per_1000_container_days,
        ),
        RiskRow(
            "CPU short, core-seconds a day",
            risk.cpu_shortage_core_seconds_per_day_now,
            risk.cpu_shortage_core_seconds_per_day,
        ),
    )
    return [row for row in rows if row.now is not None or row.planned is not None]


def bearers_sentence(risk: RiskSummary) -> str:
    """Who bears it: the worst hundredth and the largest tenth of containers; empty = not known."""
    parts = []
    if risk.worst_1pct_oom_days_per_30_days is not None:
        days = figure(risk.worst_1pct_oom_days_per_30_days)
        parts.append(f"The worst 1 % of containers: {days} expected OOM days in 30, each.")
    if risk.largest_tenth_share_of_oom_days is not None:
        share = share_text(risk.largest_tenth_share_of_oom_days)
        parts.append(f"The largest tenth of containers has {share} of all expected OOM days.")
    return " ".join(parts)


def budget_sentences(plan: Plan) -> list[str]:
    """One for each budget: what is expected of what is allowed, and what one incident more would save."""
    return [_budget(use, plan.bill.currency) for use in plan.risk.budgets]


def _budget(use: BudgetUse, currency: str) -> str:
    scope = "Fleet" if use.scope == FLEET else f"Namespace {use.scope}"
    text = f"{scope}: {figure(use.expected)} of {figure(use.budget)} {use.unit}"
    if use.exceeded:
        text += ", exceeded: to keep it would cost more than the policy pays for an incident"
    one_more = "one more OOM a month" if use.resource == "memory" else "one more core-hour of shortage a month"
    worth = f"save {money(use.saving_of_one_more)} {currency}" if use.saving_of_one_more >= 0.005 else "save nothing"
    return f"{text}; {one_more} would {worth}."


def backtest_sentence(line: BacktestLine) -> str:
    """``In 21 held-out days the same rule would have ...``."""
    folds = f"{line.folds} fold" + ("" if line.folds == 1 else "s")
    parts = []
    if line.memory_incident_days is not None:
        today = _today(line.memory_incident_days_today)
        slack = _slack(line.memory_relative_slack)
        parts.append(f"been over its memory on {_days(line.memory_incident_days)}{today}{slack}")
    if line.cpu_shortage_core_seconds_per_day is not None:
        today = _today(line.cpu_shortage_core_seconds_per_day_today)
        short = "" if line.cpu_short_share is None else f", for {share_text(line.cpu_short_share)} of the time"
        slack = _slack(line.cpu_relative_slack)
        wanted = figure(line.cpu_shortage_core_seconds_per_day)
        parts.append(f"been short of {wanted} core-seconds of CPU a day{today}{short}{slack}")
    head = f"In {line.days:.4g} held-out days ({folds})"
    if not parts:
        return f"{head} nothing of it could be judged."
    return f"{head} the same rule would have {'; and '.join(parts)}."


def _days(days: float) -> str:
    return "no day" if days == 0 else f"{figure(days)} day" + ("" if days == 1 else "s")


def _today(value: float | None) -> str:
    return "" if value is None else f" (today's values: {figure(value)})"


def _slack(value: float | None) -> str:
    """From (request - p95) / request to where the p95 lies, which needs no explanation."""
    return "" if value is None else f", with the p95 of use at {share_text(1.0 - value)} of the request"


def backtest_cells(item: Recommendation) -> tuple[str, str]:
    """Memory and CPU of the backtest for a wide table: ``today -> the same rule``; empty = none."""
    line = item.evidence.backtest
    if line is None:
        return "", ""
    pairs = (
        (line.memory_incident_days_today, line.memory_incident_days),
        (line.cpu_shortage_core_seconds_per_day_today, line.cpu_shortage_core_seconds_per_day),
    )
    memory, cpu = ("" if own is None else f"{figure(today)} -> {figure(own)}" for today, own in pairs)
    return memory, cpu


def figure(value: float | None) -> str:
    """Three digits and more, never rounded to nothing: ``0``, ``<0.001``, ``0.31``, ``9,107``; ``?`` = not known."""
    if value is None:
        return "?"
    if 0 < value < 0.001:
        return "<0.001"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def share_text(share: float) -> str:
    """``6.9 %``; ``<0.1 %`` where it is little and not nothing."""
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{share * 100:.3g} %" if abs(share) < 0.1 else f"{share * 100:.0f} %"
