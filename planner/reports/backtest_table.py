"""The report of a backtest for a terminal of 80 columns."""

from collections.abc import Sequence

from planner.patches.untrusted import one_line
from planner.plan.backtest import BacktestReport, Outcome
from planner.reports.backtest_figures import (
    MADE_UP,
    NAMES,
    RESOURCES,
    TODAY,
    Resource,
    Worst,
    cells_of,
    columns_of,
    default_of,
    fold_texts,
    judged_otherwise,
    judged_text,
    none_above,
    outcomes_of,
    with_risk,
    worst_cells,
    worst_of,
)
from planner.reports.figures import target_name
from planner.reports.layout import DEFAULT_WIDTH, Page, clip_middle, left, right

_NARROWEST, _WIDEST = 40, 120
_METHOD = 16
_WIDTHS = (8, 7, 8, 8, 8, 6, 8, 5, 6)
_SIDE = (10, 14, 10)
_FEWEST_WORST = 5


def render_backtest_table(
    report: BacktestReport, *, width: int | None, color: bool, frontier: bool = False, worst: int = _FEWEST_WORST
) -> str:
    """Folds, a table of rules for each resource with its worst containers, notes.

    Args:
        report: the backtest.
        width: cells of a line; ``None`` = 80.
        color: whether terminal styles are wanted.
        frontier: whether every setting of the dials has its line, or the rules only as they come.
        worst: containers to show for each resource.
    """
    page = Page(min(max(width or DEFAULT_WIDTH, _NARROWEST), _WIDEST), color=color)
    _head(page, report)
    for resource in RESOURCES:
        outcomes = outcomes_of(report, resource)
        if outcomes:
            _rules(page, resource, outcomes, one_line(report.currency, 7), frontier=frontier)
            _worst(page, resource, worst_of(report, resource), worst)
    _legend(page, report)
    if report.notes:
        page.heading("Notes")
        for note in report.notes:
            page.paragraph(note)
    return page.text()


def _head(page: Page, report: BacktestReport) -> None:
    page.line(f"Backtest of {one_line(report.cluster, 60)}, {one_line(report.snapshot_id, 40)}", "bold")
    if report.synthetic:
        page.line(MADE_UP, "warn")
    page.paragraph(f"Under {report.policy_id}, for a horizon of {report.horizon_days} days. Folds, UTC:", style="dim")
    for text in fold_texts(report):
        page.line(f"  {text}")


def _rules(page: Page, resource: Resource, outcomes: Sequence[Outcome], currency: str, *, frontier: bool) -> None:
    page.heading(f"{NAMES[resource]}: {judged_text(outcomes)}")
    titles = columns_of(resource, currency)
    page.line(_row("", [column.over for column in titles]), "dim")
    page.line(_row("rule", [column.under for column in titles]), "dim")
    today = default_of(outcomes, TODAY)
    for outcome in outcomes:
        if outcome.is_default:
            page.line(_row(one_line(outcome.method, 60), cells_of(outcome, today)))
            if frontier:
                _settings(page, outcome, outcomes, today)
    page.paragraph(with_risk([o for o in outcomes if o.is_default], currency))
    page.paragraph(judged_otherwise(outcomes), style="dim")


def _settings(page: Page, default: Outcome, outcomes: Sequence[Outcome], today: Outcome | None) -> None:
    """A rule at the other settings of its dial, those that reserve least first."""
    others = [o for o in outcomes if o.method == default.method and not o.is_default]
    for outcome in sorted(others, key=lambda o: o.reserved_hours):
        page.line(f"  {one_line(outcome.setting, 70)}", "dim")
        page.line(_row("", cells_of(outcome, today)))


def _row(name: str, cells: Sequence[str]) -> str:
    return left(name, _METHOD) + "".join(right(cell, width) for cell, width in zip(cells, _WIDTHS, strict=False))


def _worst(page: Page, resource: Resource, found: Sequence[Worst], most: int) -> None:
    page.line()
    if not found:
        page.paragraph(none_above(resource))
        return
    suffered = ("OOM days", "of days") if resource == "memory" else ("core-s short", "of time")
    count = f" ({most} of {len(found)})" if most < len(found) else ""
    page.line(_worst_row(page, f"Worst under the planner's rule{count}", ("request", *suffered)), "bold")
    for pair in found[: max(most, 0)]:
        page.line(_worst_row(page, one_line(target_name(pair.ours.target), 600), worst_cells(pair.ours)))
        page.line(_worst_row(page, "  today", worst_cells(pair.today)), "dim")


def _worst_row(page: Page, name: str, cells: Sequence[str]) -> str:
    room = max((page.width or DEFAULT_WIDTH) - sum(_SIDE), 12)
    return left(clip_middle(name, room), room) + "".join(
        right(cell, size) for cell, size in zip(cells, _SIDE, strict=True)
    )


def _legend(page: Page, report: BacktestReport) -> None:
    told: dict[str, str] = {}
    for resource in RESOURCES:
        if outcomes_of(report, resource):
            for column in columns_of(resource, one_line(report.currency, 7)):
                if column.meaning:
                    name = column.title.partition(",")[0] if column.over != "short," else column.title
                    told[name] = f"{name}: {column.meaning}"
    page.line()
    page.paragraph("; ".join(told.values()) + ".", style="dim", most=12)
