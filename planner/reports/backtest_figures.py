"""The figures of a backtest that every format shows, worked out once: columns, pairs of the worst, sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from planner.patches.untrusted import one_line
from planner.plan.backtest import BacktestReport, ContainerOutcome, Outcome
from planner.reports.figures import moment, short_number
from planner.units import human_cpu, human_memory

Resource = Literal["cpu", "memory"]
RESOURCES: tuple[Resource, ...] = ("cpu", "memory")
OURS, TODAY = "planner", "today"
NAMES = {"cpu": "CPU", "memory": "Memory"}
UNITS = {"cpu": "core-hours", "memory": "GiB-hours"}
SHORT_UNITS = {"cpu": "core-h", "memory": "GiB-h"}
MADE_UP = "The snapshot was made up: these figures are of no real cluster."
UNKNOWN, NOTHING = "?", "-"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of rules.

    Attributes:
        over, under: the two lines of its title in a terminal.
        title: for a page.
        meaning: one sentence, empty where the title says it.
    """

    over: str
    under: str
    title: str
    meaning: str = ""


def columns_of(resource: Resource, currency: str) -> tuple[Column, ...]:
    """The titles of :func:`cells_of`."""
    if resource == "memory":
        suffered = (
            Column("OOM", "days", "OOM days", "container-days with a sample above the memory"),
            Column("free of", "OOM, %", "free of OOM, %", "container-days without one"),
        )
    else:
        suffered = (
            Column("short,", "core-s", "short, core-s", "core-seconds wanted above the request"),
            Column("short,", "minutes", "short, minutes", "pod-minutes above the request"),
        )
    return (
        Column("reserved", SHORT_UNITS[resource], f"reserved, {UNITS[resource]}", "request x hours of its pods"),
        Column("vs", "today", "vs today", "what is reserved, compared with today's requests"),
        Column(currency, "a month", f"{currency} a month", "value of what is reserved, at the nodes' prices"),
        *suffered,
        Column("slack", "%", "slack, %", "(reserved - p95 of use) / reserved, over the sums"),
        Column("worst", "1 %", "worst 1 %", "incidents of the worst hundredth of containers, at least one"),
        Column("10th", "%", "10th, %", "share of incidents that the tenth of containers with the highest peaks has"),
        Column("moves", "a day", "moves a day", "changes of 10 % or more, a container and day"),
    )


def cells_of(outcome: Outcome, today: Outcome | None) -> tuple[str, ...]:
    """One rule's figures in the order of :func:`columns_of`."""
    if outcome.resource == "memory":
        suffered = (number(outcome.incident_days), free_share(outcome))
    else:
        suffered = (number(outcome.shortage_core_seconds), number(outcome.short_minutes))
    tenth, slack, moves = outcome.largest_tenth_share, outcome.relative_slack, outcome.changes_per_day
    return (
        number(outcome.reserved_hours),
        against(outcome, today),
        UNKNOWN if outcome.value_per_month is None else number(outcome.value_per_month),
        *suffered,
        UNKNOWN if slack is None else f"{100 * slack:.0f}",
        number(outcome.worst_1pct),
        NOTHING if tenth is None else f"{100 * tenth:.0f}",
        UNKNOWN if moves is None else _rate(moves),
    )


def number(value: float) -> str:
    """At most seven characters: ``0``, ``<0.01``, ``9,107``, ``121,648``, ``3.522M``, ``1.2e+12``."""
    if abs(value) < 1000:
        return short_number(value)
    if abs(value) < 999_999.5:
        return f"{value:,.0f}"
    for size, letter in ((1e6, "M"), (1e9, "G")):
        if abs(value) < 999.95 * size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.1e}"


def _rate(value: float) -> str:
    return "<.001" if 0 < value < 0.001 else f"{value:.3f}" if value else "0"


def tenths(share: float) -> str:
    """Percent with one digit behind the point below ten: ``<0.1 %``, ``9.7 %``, ``20 %``."""
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{100 * share:.1f} %" if 0 < share < 0.0995 else f"{100 * share:.0f} %"


def free_share(outcome: Outcome) -> str:
    """Percent of the container-days without an incident: never rounded up to 100."""
    free = 100.0 * (1.0 - outcome.incident_share)
    if outcome.incident_days > 0:
        free = min(free, 99.99)
    return f"{free:.2f}"


def against(outcome: Outcome, today: Outcome | None) -> str:
    """``-71 %``: what is reserved, compared with today's; empty for today itself."""
    if today is None or outcome.method == TODAY or not today.reserved_hours:
        return ""
    return f"{outcome.reserved_hours / today.reserved_hours - 1.0:+.0%}".replace("%", " %")


def outcomes_of(report: BacktestReport, resource: Resource) -> list[Outcome]:
    """Of one resource, in the report's order: the planner, today, the baselines, then settings of dials."""
    return [outcome for outcome in report.outcomes if outcome.resource == resource]


def default_of(outcomes: Sequence[Outcome], method: str) -> Outcome | None:
    """A rule as it comes."""
    return next((o for o in outcomes if o.method == method and o.is_default), None)


@dataclass(frozen=True, slots=True)
class Worst:
    """One container with many incidents: under the planner's rule, and as it is today (``None`` = no request)."""

    ours: ContainerOutcome
    today: ContainerOutcome | None


def worst_of(report: BacktestReport, resource: Resource) -> list[Worst]:
    """The worst first."""
    lines = [line for line in report.worst if line.resource == resource]
    today = {line.target: line for line in lines if line.method == TODAY}
    return [Worst(line, today.get(line.target)) for line in lines if line.method == OURS]


def worst_cells(one: ContainerOutcome | None) -> tuple[str, str, str]:
    """Request, incidents, and how much of the days or of the time they took."""
    if one is None:
        return "none", "", ""
    if one.resource == "memory":
        return human_memory(one.request), number(one.incident_days), tenths(one.incident_days / max(one.days, 1.0))
    return human_cpu(one.request), number(one.shortage_core_seconds), tenths(one.short_share)


def fold_texts(report: BacktestReport) -> list[str]:
    """``trained on 2026-09-28 to 2026-10-05, judged to 2026-10-12`` for each fold."""
    return [
        f"trained on {moment(fold.train_start)} to {moment(fold.train_end)}, judged to {moment(fold.test_end)}"
        for fold in report.folds
    ]


def judged_text(outcomes: Sequence[Outcome]) -> str:
    """How many containers and days stand behind the planner's figures."""
    ours = default_of(outcomes, OURS) or outcomes[0]
    return f"{ours.containers:,} containers, {ours.container_days:,.0f} container-days"


def judged_otherwise(outcomes: Sequence[Outcome]) -> str:
    """Which rules were judged on other days than the planner's; empty = none."""
    ours = default_of(outcomes, OURS) or outcomes[0]
    others = [
        f"{o.method} {o.container_days:,.0f}"
        for o in outcomes
        if o.is_default and o.container_days != ours.container_days
    ]
    if not others:
        return ""
    return f"Container-days that differ, as a rule is silent where it has seen too little: {', '.join(others)}."


def with_risk(outcomes: Sequence[Outcome], currency: str) -> str:
    """What each rule costs once its incidents are priced, the cheapest first; empty where no price is known."""
    priced = [(o.value_with_risk_per_month, o.method) for o in outcomes if o.value_with_risk_per_month is not None]
    if not priced:
        return ""
    figures = ", ".join(f"{one_line(method, 40)} {number(value)}" for value, method in sorted(priced))
    return f"With incidents at the policy's prices of risk, {one_line(currency, 8)} a month: {figures}."


def none_above(resource: Resource) -> str:
    """Said where no container is among the worst."""
    if resource == "memory":
        return "No container would have gone over its memory under the planner's rule."
    return "No container would have been short of CPU under the planner's rule."
