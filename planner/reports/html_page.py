"""One HTML file that needs nothing else: no script, no font, no picture from elsewhere. Everything is escaped."""

from collections.abc import Sequence

from planner.patches.untrusted import one_line
from planner.plan.schema import Kind, Plan, Recommendation
from planner.reports.bars import bars_svg, namespace_rows
from planner.reports.figures import (
    Group,
    basis_sentence,
    bill_remarks,
    change_text,
    finding_groups,
    left_alone_groups,
    moment,
    money,
    moves,
    namespace_bars,
    percent,
    resource_totals,
    risk_label,
    risk_meaning,
    risk_texts,
    target_name,
    value_per_month,
    warning_groups,
)
from planner.reports.html_parts import page, safe, table, tile
from planner.reports.pools import (
    LOSS_TITLES,
    bill_parts,
    loss_cells,
    pool_cells,
    pool_titles,
    pools_sentence,
    step_texts,
)
from planner.reports.risk import backtest_sentence, bearers_sentence, budget_sentences, figure, risk_rows

_MOST_EXAMPLES = 8


def render_html(plan: Plan) -> str:
    """The whole page."""
    body = [_head(plan), _tiles(plan), _notes(plan), _pools(plan), _risk(plan), _charts(plan), _recommendations(plan)]
    if plan.findings:
        body.append(_groups(f"Findings ({len(plan.findings)})", finding_groups(plan.findings)))
    if plan.not_recommended:
        body.append(_groups(f"Left alone ({len(plan.not_recommended)})", left_alone_groups(plan.not_recommended)))
    if plan.warnings:
        body.append(_groups(f"Warnings ({len(plan.warnings)})", warning_groups(plan.warnings)))
    body.append(_prices(plan))
    return page(f"Capacity plan of {one_line(plan.cluster, 80)}", body)


def _head(plan: Plan) -> str:
    window = plan.window
    made_up = (
        '<p class="warn">The snapshot was made up: these figures are of no real cluster.</p>' if plan.synthetic else ""
    )
    return (
        f"<h1>Capacity plan of {safe(plan.cluster, 80)}</h1>\n"
        f'<p class="soft">{safe(plan.plan_id, 80)}, from snapshot {safe(plan.snapshot_id, 80)} under policy'
        f" {safe(plan.policy_id, 80)}. Observed {moment(window.start)} to {moment(window.end)} UTC.</p>{made_up}"
    )


def _tiles(plan: Plan) -> str:
    bill = plan.bill
    freed = bill.current_per_month - bill.planned_per_month
    tiles = [
        tile(
            f"Bill, {safe(bill.currency, 12)} a month",
            money(bill.planned_per_month),
            f"now {money(bill.current_per_month)}; freed {money(freed)} {_share(freed, bill.current_per_month)}",
        )
    ]
    for total in resource_totals(plan):
        used = "" if total.used is None else f"; used {total.used:,.1f}"
        share = _share(total.now - total.planned, total.now)
        tiles.append(tile(total.label, f"{total.planned:,.1f}", f"now {total.now:,.1f} {share}{used}"))
    counts = f"{len(plan.not_recommended)} left alone, {len(plan.warnings)} warnings"
    tiles.append(tile("Recommendations", str(len(plan.recommendations)), counts))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _share(part: float, whole: float) -> str:
    text = percent(part, whole)
    return f"({text})" if text else ""


def _notes(plan: Plan) -> str:
    return f"<p>{safe(basis_sentence(plan.bill))}</p>" + "".join(
        f'<p class="soft">{safe(remark)}</p>' for remark in bill_remarks(plan.bill)
    )


def _pools(plan: Plan) -> str:
    """What the bill is made of, pools, zones and steps."""
    if not plan.pools:
        return ""
    currency = safe(plan.bill.currency, 12)
    bill = [
        (safe(part.label), money(part.amount), "" if part.saved is None else money(part.saved), safe(part.share))
        for part in bill_parts(plan)
    ]
    header, cells = pool_titles(currency), [[safe(cell, 80) for cell in row] for row in pool_cells(plan)]
    losses = [[safe(cell, 80) for cell in row] for row in loss_cells(plan)]
    steps = "".join(f"<li>{safe(step, 300)}</li>" for step in step_texts(plan))
    certificates = table(LOSS_TITLES, losses, " >>> ") if losses else ""
    return (
        f"<h2>Node pools</h2>{table(('', f'{currency} a month', 'saved', ''), bill, ' >>>')}"
        f'<h3 style="margin-top:1.5rem">Certificates</h3>{certificates}'
        f'<h3 style="margin-top:1.5rem">Nodes</h3>{table(header, cells, "   >>>> ")}'
        f'<p class="soft">{safe(pools_sentence(plan), 400)}</p>'
        + (f"<details><summary>Steps, in this order</summary><ol>{steps}</ol></details>" if steps else "")
    )


def _risk(plan: Plan) -> str:
    tiles = "".join(
        tile(f"Expected {row.label}", safe(figure(row.planned)), f"now {safe(figure(row.now))}")
        for row in risk_rows(plan.risk)
    )
    bearers = bearers_sentence(plan.risk)
    budgets = "".join(f"<li>{safe(sentence, 400)}</li>" for sentence in budget_sentences(plan))
    if not tiles and not bearers and not budgets:
        return ""
    return (
        "<h2>Risk</h2>"
        + (f'<div class="tiles">{tiles}</div>' if tiles else "")
        + (f"<p>{safe(bearers, 400)}</p>" if bearers else "")
        + (f"<ul>{budgets}</ul>" if budgets else "")
    )


def _charts(plan: Plan) -> str:
    bars = namespace_bars(plan)
    if not bars:
        return ""
    figures = [
        f"<figure><h3>{title}</h3>{bars_svg(title, unit, namespace_rows(bars, resource))}</figure>"
        for title, unit, resource in (("CPU requested", "cores", "cpu"), ("Memory requested", "GiB", "memory"))
    ]
    return (
        "<h2>Requests by namespace</h2>"
        '<p class="soft">Containers with a recommendation, all their pods; init containers apart.'
        '<span class="key now"></span>now<span class="key planned"></span>planned</p>'
        f'<div class="charts">{"".join(figures)}</div>'
    )


def _recommendations(plan: Plan) -> str:
    listed = moves(plan)
    if not listed:
        return "<h2>Recommendations</h2><p>None.</p>"
    titles = ("CPU request", "CPU limit", "memory request", "memory limit")
    header = "".join(
        [
            "<th>target</th>",
            *(f"<th>{title}</th>" for title in titles),
            f'<th class="n">{safe(plan.bill.currency, 12)} a month</th><th>risk</th><th>confidence</th>',
        ]
    )
    rows = "\n".join(_row(plan, item) for item in listed)
    names = sorted({e.name for item in listed for e in item.evidence.expected_incidents})
    legend = "; ".join(f"{safe(risk_label(name), 60)}: {safe(risk_meaning(name), 100)}" for name in names)
    return (
        f'<h2>Recommendations ({len(listed)})</h2><div class="scroll"><table><thead><tr>{header}</tr></thead>\n'
        f'<tbody>\n{rows}\n</tbody></table></div><p class="soft">{legend}</p>'
    )


def _row(plan: Plan, item: Recommendation) -> str:
    cells = [
        f'<td class="c">{safe(change_text(item, side, resource, " → "), 60)}</td>'
        for resource in ("cpu", "memory")
        for side in ("requests", "limits")
    ]
    risks = "<br>".join(safe(text, 80) for text in risk_texts(item, " → "))
    why = "".join(f"<p><code>{safe(d.field, 60)}</code> {safe(d.text)}</p>" for d in item.reason.details)
    if item.evidence.backtest is not None:
        why += f"<p>{safe(backtest_sentence(item.evidence.backtest), 400)}</p>"
    folded = f"<details><summary>why</summary>{why}</details>" if why else ""
    if item.kind is not Kind.REQUESTS:
        risks = safe(item.reason.text, 200)
    worth = money(value_per_month(item, plan.bill))
    confidence = f"{item.evidence.confidence.value}<br><span class='soft'>{item.evidence.days:.1f} days</span>"
    return (
        f'<tr><td class="name">{safe(target_name(item.target), 600)}{folded}</td>{"".join(cells)}'
        f'<td class="n">{worth}</td><td class="c">{risks}</td><td>{confidence}</td></tr>'
    )


def _groups(title: str, groups: Sequence[Group]) -> str:
    items = []
    for group in groups:
        more = [text for text in (_sentence("Costs", group.costs), _sentence("Fix", group.fix)) if text]
        names = ", ".join(f"<code>{safe(name, 300)}</code>" for name in group.examples[:_MOST_EXAMPLES])
        rest = len(group.examples) - _MOST_EXAMPLES
        names += f" and {rest} more" if rest > 0 else ""
        items.append(
            f"<li><b>{safe(group.code, 80)}</b> ({group.count}): {safe(group.text, 400)}."
            f" {' '.join(more)}<br>{names}</li>"
        )
    return f"<h2>{title}</h2><ul>{''.join(items)}</ul>"


def _sentence(word: str, text: str) -> str:
    return f"{word}: {safe(text)}." if text else ""


def _prices(plan: Plan) -> str:
    if not plan.bill.prices:
        return ""
    rows = [
        (
            safe(use.pool, 60),
            safe(use.instance_type, 60),
            safe(use.zone, 60),
            safe(use.purchase, 30),
            str(use.nodes),
            *(
                "not known" if price is None else f"{price:.5g}"
                for price in (use.amount_per_hour, use.core_per_hour, use.gib_per_hour)
            ),
            safe(f"{use.source} {use.as_of}".strip(), 120),
        )
        for use in plan.bill.prices
    ]
    per = f"{safe(plan.bill.currency, 12)} an hour"
    header = ("pool", "type", "zone", "purchase", "nodes", f"node, {per}", "core", "GiB", "source")
    return f"<h2>Prices</h2>{table(header, rows)}"
