"""The report for a terminal of 80 columns, and the wide one with a line per recommendation."""

from rich.cells import cell_len

from planner.patches.untrusted import one_line
from planner.plan.schema import Kind, Plan, Recommendation
from planner.reports.figures import (
    change_text,
    changes,
    money,
    moves,
    risk_label,
    risk_meaning,
    risk_texts,
    short_number,
    target_name,
    value_per_month,
)
from planner.reports.layout import DEFAULT_WIDTH, Page, clip_middle, columns, left, right
from planner.reports.risk import backtest_cells
from planner.reports.sections import findings, head, left_alone, pools, risk, totals, warnings

_NARROWEST, _WIDEST = 40, 120
_LEAST_TARGET, _MOST_TARGET = 24, 100
_BACKTEST_MEANING = (
    "backtest: in days held back, under today's values and then under the same rule: OOM, days over the memory;"
    " CPU, core-seconds a day wanted above the request."
)
_BACKTEST = ("backtest OOM", "backtest CPU")


def render_table(plan: Plan, *, width: int | None, color: bool, top: int) -> str:
    """Totals, the moves worth most, what was left alone, warnings.

    Args:
        plan: the plan.
        width: cells of a line; ``None`` = 80.
        color: whether terminal styles are wanted.
        top: moves to show.
    """
    page = Page(min(max(width or DEFAULT_WIDTH, _NARROWEST), _WIDEST), color=color)
    head(page, plan)
    totals(page, plan)
    pools(page, plan)
    risk(page, plan)
    _moves(page, plan, top)
    findings(page, plan)
    left_alone(page, plan)
    warnings(page, plan)
    if plan.recommendations:
        page.line()
        page.line("All of them: -o wide. The story of one: planner explain NAMESPACE/KIND/NAME", "dim")
    return page.text()


def _moves(page: Page, plan: Plan, top: int) -> None:
    listed = moves(plan)[: max(top, 0)]
    if not listed:
        return
    width = page.width or DEFAULT_WIDTH
    count = f" ({len(listed)} of {len(plan.recommendations)})" if len(listed) < len(plan.recommendations) else ""
    page.heading(
        left(f"Worth most{count}", width - 24) + right(f"{one_line(plan.bill.currency, 8)}/month", 12) + "  confidence"
    )
    for number, item in enumerate(listed, 1):
        name = clip_middle(one_line(target_name(item.target), 600), width - 30)
        worth = right(money(value_per_month(item, plan.bill)), 12)
        page.line(left(f"{number:>3}  {name}", width - 24) + worth + f"  {item.evidence.confidence.value}")
        _move_details(page, item)
    _legend(page, listed)


def _move_details(page: Page, item: Recommendation) -> None:
    if item.kind is not Kind.REQUESTS:
        page.paragraph(item.reason.text, " " * 5, "dim", most=2)
        return
    risks = risk_texts(item)
    for index, (side, label) in enumerate((("requests", "request"), ("limits", "limit"))):
        risk = one_line(risks[index], 60) if index < len(risks) else ""
        if not changes(item, side) and not (index == 0 and not changes(item, "limits")) and not risk:
            continue
        cells = [one_line(change_text(item, side, resource), 40) for resource in ("cpu", "memory")]
        cpu, memory = (f"{word} {cell}" if cell else "" for word, cell in zip(("CPU", "mem"), cells, strict=True))
        page.line(" " * 5 + left(label if cpu or memory else "", 9) + left(cpu, 19) + left(memory, 23) + risk, "dim")


def _legend(page: Page, listed: list[Recommendation]) -> None:
    names = {e.name for item in listed for e in item.evidence.expected_incidents[:2]}
    if names:
        meanings = sorted({f"{risk_label(name)}: {risk_meaning(name)}" for name in names})
        page.line()
        page.paragraph("; ".join(meanings) + ".", style="dim")


def render_wide(plan: Plan, *, width: int | None, color: bool) -> str:
    """All recommendations, one line each.

    Args:
        plan: the plan.
        width: of the terminal, or ``None`` for as wide as it needs. The names give way first; the figures never.
        color: whether terminal styles are wanted.
    """
    page = Page(min(max(width or _WIDEST, _NARROWEST), _WIDEST), color=color)
    head(page, plan)
    totals(page, plan)
    pools(page, plan)
    risk(page, plan)
    if plan.recommendations:
        page.line()
        page.width = None
        for index, line in enumerate(_wide_lines(plan, width)):
            page.line(line, "bold" if index == 0 else "")
        page.width = min(max(width or _WIDEST, _NARROWEST), _WIDEST)
    if any(item.evidence.backtest for item in plan.recommendations):
        page.line()
        page.paragraph(_BACKTEST_MEANING, style="dim")
    findings(page, plan)
    left_alone(page, plan)
    warnings(page, plan)
    return page.text()


def _wide_lines(plan: Plan, width: int | None) -> list[str]:
    listed = moves(plan)
    titles = (
        "pods",
        "CPU request",
        "CPU limit",
        "memory request",
        "memory limit",
        f"{one_line(plan.bill.currency, 8)}/month",
    )
    header = (*titles, "OOM days", "CPU short", *_BACKTEST, "days", "samples", "confidence", "patch")
    figures = columns([header, *(_wide_cells(plan, item) for item in listed)], ">>>>>>>>>>>><<")
    names = ["target", *(one_line(target_name(item.target), 600) for item in listed)]
    longest = max(cell_len(line) for line in figures)
    room = _MOST_TARGET if width is None else max(width - longest - 2, _LEAST_TARGET)
    return columns(zip([clip_middle(name, room) for name in names], figures, strict=True), "<<")


def _wide_cells(plan: Plan, item: Recommendation) -> tuple[str, ...]:
    evidence = item.evidence
    changed = [
        one_line(change_text(item, side, resource), 40)
        for resource in ("cpu", "memory")
        for side in ("requests", "limits")
    ]
    return (
        "?" if item.replicas is None else f"{item.replicas:.3g}",
        *changed,
        money(value_per_month(item, plan.bill)),
        _risk(item, "oom", "over_memory"),
        _risk(item, "cpu_shortage"),
        *backtest_cells(item),
        f"{evidence.days:.1f}",
        f"{evidence.coverage:.0%}",
        evidence.confidence.value,
        one_line(item.patch.get("method", ""), 20),
    )


def _risk(item: Recommendation, *words: str) -> str:
    for expected in item.evidence.expected_incidents:
        if any(word in expected.name for word in words):
            return f"{short_number(expected.current)} -> {short_number(expected.proposed)}"
    return ""
