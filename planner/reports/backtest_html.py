"""The page of a backtest: what each rule reserves against what it suffers, then the tables, then the worst."""

from collections.abc import Sequence
from typing import Literal

from planner.patches.untrusted import one_line
from planner.plan.backtest import BacktestReport, Outcome
from planner.reports.backtest_figures import (
    MADE_UP,
    NAMES,
    OURS,
    RESOURCES,
    TODAY,
    UNITS,
    Resource,
    against,
    cells_of,
    columns_of,
    default_of,
    fold_texts,
    free_share,
    judged_otherwise,
    judged_text,
    none_above,
    number,
    outcomes_of,
    with_risk,
    worst_cells,
    worst_of,
)
from planner.reports.figures import moment, target_name
from planner.reports.frontier_svg import FRONTIER_STYLE, FrontierCurve, FrontierPoint, frontier_svg
from planner.reports.html_parts import page, safe, table, tile

_INCIDENTS = {"cpu": "CPU shortage, core-seconds", "memory": "OOM container-days"}
_STYLE = (
    FRONTIER_STYLE
    + """
.frontiers{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),1fr));gap:1.5rem 2rem}
.frontiers figure{overflow-x:auto}.frontiers svg{min-width:26rem}
th{white-space:normal;vertical-align:bottom}h3{margin-top:1.75rem}figure h3{margin-top:0}
"""
)


def render_backtest_html(report: BacktestReport) -> str:
    """The whole page; a report without the settings of dials has charts of the rules as they come."""
    body = [_head(report), _tiles(report), _charts(report)]
    for resource in RESOURCES:
        outcomes = outcomes_of(report, resource)
        if outcomes:
            body += [_rules(report, resource, outcomes), _worst(report, resource)]
    if report.notes:
        body.append(f"<h2>Notes</h2><ul>{''.join(f'<li>{safe(note, 600)}</li>' for note in report.notes)}</ul>")
    return page(f"Backtest of {one_line(report.cluster, 80)}", body, _STYLE)


def _head(report: BacktestReport) -> str:
    made_up = f'<p class="warn">{MADE_UP}</p>' if report.synthetic else ""
    folds = "".join(f"<li>{text}</li>" for text in fold_texts(report))
    return (
        f"<h1>Backtest of {safe(report.cluster, 80)}</h1>\n"
        f'<p class="soft">Snapshot {safe(report.snapshot_id, 80)} under policy {safe(report.policy_id, 80)}.'
        f" Observed {moment(report.window.start)} to {moment(report.window.end)} UTC; each rule was asked for requests"
        f" for a horizon of {report.horizon_days} days, and judged by days that it had not seen:</p>"
        f'<ul class="soft">{folds}</ul>{made_up}'
    )


def _tiles(report: BacktestReport) -> str:
    tiles = []
    for resource in RESOURCES:
        outcomes = outcomes_of(report, resource)
        ours, today = default_of(outcomes, OURS), default_of(outcomes, TODAY)
        if ours is None or today is None:
            continue
        reserved = f"today {number(today.reserved_hours)} ({against(ours, today)})"
        tiles.append(tile(f"{NAMES[resource]} reserved, {UNITS[resource]}", number(ours.reserved_hours), reserved))
        if resource == "memory":
            tiles.append(tile("Container-days free of OOM", f"{free_share(ours)} %", f"today {free_share(today)} %"))
        else:
            below = f"today {number(today.shortage_core_seconds)}"
            tiles.append(tile("CPU shortage, core-seconds", number(ours.shortage_core_seconds), below))
    return f'<div class="tiles">{"".join(tiles)}</div>' if tiles else ""


def _charts(report: BacktestReport) -> str:
    figures = []
    for resource in RESOURCES:
        curves = curves_of(outcomes_of(report, resource))
        if curves:
            drawing = frontier_svg(
                curves,
                title=f"{NAMES[resource]}: reserved against incidents, by rule",
                x_label=f"reserved, {UNITS[resource]}",
                y_label=_INCIDENTS[resource],
            )
            figures.append(f"<figure><h3>{NAMES[resource]}</h3>{drawing}</figure>")
    priced = priced_curves(outcomes_of(report, "cpu"))
    if priced:
        currency = one_line(report.currency, 8)
        drawing = frontier_svg(
            priced,
            title="CPU: value reserved against shortage at the policy's prices, by rule",
            x_label=f"value reserved, {currency} a month",
            y_label=f"CPU shortage at the prices of risk, {currency} a month",
        )
        figures.insert(1, f"<figure><h3>CPU, as the policy weighs it</h3>{drawing}</figure>")
    if not figures:
        return ""
    return (
        "<h2>Reserved against incidents</h2>"
        '<p class="soft">Nearer to the lower left is better. The large mark is the rule as it comes, dots are other'
        " settings of its dial, and the line joins those that no other setting of the same rule beats. Core-seconds"
        " count alike in every environment; the policy prices them by environment and priority, which is what the"
        " planner goes by.</p>"
        f'<div class="frontiers">{"".join(figures)}</div>'
    )


def priced_curves(outcomes: Sequence[Outcome]) -> list[FrontierCurve]:
    """The same with values and priced incidents; empty where something has no price."""
    curves = []
    for method in dict.fromkeys(outcome.method for outcome in outcomes):
        points = []
        for o in (outcome for outcome in outcomes if outcome.method == method):
            if o.value_per_month is None or o.value_with_risk_per_month is None:
                return []
            harm = max(o.value_with_risk_per_month - o.value_per_month, 0.0)
            points.append(FrontierPoint(o.value_per_month, harm, o.setting, o.is_default))
        curves.append(FrontierCurve(method, tuple(points), _role(method)))
    return curves


def _role(method: str) -> Literal["ours", "today", "baseline"]:
    return "ours" if method == OURS else "today" if method == TODAY else "baseline"


def curves_of(outcomes: Sequence[Outcome]) -> list[FrontierCurve]:
    """One curve per rule, in the report's order."""
    curves = []
    for method in dict.fromkeys(outcome.method for outcome in outcomes):
        points = tuple(
            FrontierPoint(
                o.reserved_hours,
                o.incident_days if o.resource == "memory" else o.shortage_core_seconds,
                o.setting,
                o.is_default,
            )
            for o in outcomes
            if o.method == method
        )
        curves.append(FrontierCurve(method, points, _role(method)))
    return curves


def _rules(report: BacktestReport, resource: Resource, outcomes: Sequence[Outcome]) -> str:
    columns = columns_of(resource, safe(report.currency, 12))
    today = default_of(outcomes, TODAY)
    header = ("rule", *(column.title for column in columns))
    align = "n" + ">" * len(columns)

    def rows(of: Sequence[Outcome]) -> list[tuple[str, ...]]:
        return [(_rule(o), *map(safe, cells_of(o, today))) for o in of]

    others = [outcome for outcome in outcomes if not outcome.is_default]
    more = ""
    if others:
        every = table(header, rows(sorted(others, key=lambda o: (o.method, o.reserved_hours))), align)
        more = f"<details><summary>{len(others)} other settings</summary>{every}</details>"
    as_they_come = [o for o in outcomes if o.is_default]
    defaults = table(header, rows(as_they_come), align)
    legend = "; ".join(f"{column.title}: {column.meaning}" for column in columns)
    return (
        f"<h2>{NAMES[resource]}: {judged_text(outcomes)}</h2>{defaults}"
        f"<p>{safe(with_risk(as_they_come, report.currency), 400)}</p>"
        f'<p class="soft">{legend}.</p><p class="soft">{safe(judged_otherwise(outcomes), 400)}</p>{more}'
    )


def _rule(outcome: Outcome) -> str:
    name = safe(outcome.method, 60)
    name = f"<b>{name}</b>" if outcome.method == OURS else name
    return f'{name}<br><span class="soft">{safe(outcome.setting.replace(",", ", "), 80)}</span>'


def _worst(report: BacktestReport, resource: Resource) -> str:
    title = f"<h3>{NAMES[resource]}: worst under the planner's rule, with today beside it</h3>"
    found = worst_of(report, resource)
    if not found:
        return f"{title}<p>{none_above(resource)}</p>"
    suffered = ("OOM days", "of days") if resource == "memory" else ("core-s short", "of time")
    header = ("container", *(f"{side} {name}" for name in ("request", *suffered) for side in ("planner", "today")))
    rows = [
        (
            safe(target_name(pair.ours.target), 600),
            *(
                safe(cell)
                for both in zip(worst_cells(pair.ours), worst_cells(pair.today), strict=True)
                for cell in both
            ),
        )
        for pair in found
    ]
    return title + table(header, rows, "n>>>>>>")
