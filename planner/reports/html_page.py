"""One HTML file that needs nothing else: no script, no font, no picture from elsewhere. Everything is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from planner.patches.untrusted import one_line
from planner.plan.schema import Plan, Recommendation
from planner.reports.bars import bars_svg, namespace_rows
from planner.reports.figures import (
    Group,
    basis_sentence,
    bill_remarks,
    change_text,
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

_MOST_EXAMPLES = 8
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root{color-scheme:light dark;--ink:#1d2430;--soft:#5c6675;--line:#d9dee6;--paper:#fff;--card:#f5f7fa;--now:#a9b4c4;
--planned:#2f7d6b;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#98a3b3;--line:#333c49;--paper:#14181f;--card:#1c222b;
--now:#5a6677;--planned:#57b39c;--warn:#e0b050}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:75rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.5rem 0 .75rem}h3{font-size:.9rem;margin:0 0 .5rem}
p{margin:.35rem 0}.soft,dt,figcaption{color:var(--soft)}.warn{color:var(--warn);font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:1rem;margin:1.5rem 0 1rem}
.tile{background:var(--card);border-radius:8px;padding:.9rem 1rem}
.tile b{font-size:1.5rem;font-variant-numeric:tabular-nums;font-weight:600;display:block}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:2rem}
figure{margin:0}svg{width:100%;height:auto}svg text{fill:var(--ink);font-size:12px}
svg .figure{fill:var(--soft);font-size:10px}
.now{fill:var(--now);background:var(--now)}.planned{fill:var(--planned);background:var(--planned)}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .35em 0 .8em}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{padding:.4rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:500;white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.c{white-space:nowrap}
td.name{overflow-wrap:anywhere;min-width:14rem}summary{cursor:pointer;color:var(--soft)}details p{font-size:.8rem}
li{margin:.6rem 0}
code{font-size:.85em;background:var(--card);padding:.1em .35em;border-radius:4px;overflow-wrap:anywhere}
"""


def render_html(plan: Plan) -> str:
    """The whole page."""
    name = _text(plan.cluster, 80)
    body = [_head(plan), _tiles(plan), _notes(plan), _charts(plan), _recommendations(plan)]
    if plan.not_recommended:
        body.append(_groups(f"Left alone ({len(plan.not_recommended)})", left_alone_groups(plan.not_recommended)))
    if plan.warnings:
        body.append(_groups(f"Warnings ({len(plan.warnings)})", warning_groups(plan.warnings)))
    body.append(_prices(plan))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Capacity plan of {name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _text(value: object, limit: int = 240) -> str:
    return escape(one_line(value, limit))


def _head(plan: Plan) -> str:
    window = plan.window
    made_up = (
        '<p class="warn">The snapshot was made up: these figures are of no real cluster.</p>' if plan.synthetic else ""
    )
    return (
        f"<h1>Capacity plan of {_text(plan.cluster, 80)}</h1>\n"
        f'<p class="soft">{_text(plan.plan_id, 80)}, from snapshot {_text(plan.snapshot_id, 80)} under policy'
        f" {_text(plan.policy_id, 80)}. Observed {moment(window.start)} to {moment(window.end)} UTC.</p>{made_up}"
    )


def _tiles(plan: Plan) -> str:
    bill = plan.bill
    freed = bill.current_per_month - bill.planned_per_month
    tiles = [
        _tile(
            f"Bill, {_text(bill.currency, 12)} a month",
            money(bill.planned_per_month),
            f"now {money(bill.current_per_month)}; freed {money(freed)} {_share(freed, bill.current_per_month)}",
        )
    ]
    for total in resource_totals(plan):
        used = "" if total.used is None else f"; used {total.used:,.1f}"
        share = _share(total.now - total.planned, total.now)
        tiles.append(_tile(total.label, f"{total.planned:,.1f}", f"now {total.now:,.1f} {share}{used}"))
    counts = f"{len(plan.not_recommended)} left alone, {len(plan.warnings)} warnings"
    tiles.append(_tile("Recommendations", str(len(plan.recommendations)), counts))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(label: str, figure: str, below: str) -> str:
    return f'<div class="tile"><span class="soft">{label}</span><b>{figure}</b><span class="soft">{below}</span></div>'


def _share(part: float, whole: float) -> str:
    text = percent(part, whole)
    return f"({text})" if text else ""


def _notes(plan: Plan) -> str:
    return f"<p>{_text(basis_sentence(plan.bill))}</p>" + "".join(
        f'<p class="soft">{_text(remark)}</p>' for remark in bill_remarks(plan.bill)
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
            f'<th class="n">{_text(plan.bill.currency, 12)} a month</th><th>risk</th><th>confidence</th>',
        ]
    )
    rows = "\n".join(_row(plan, item) for item in listed)
    names = sorted({e.name for item in listed for e in item.evidence.expected_incidents})
    legend = "; ".join(f"{_text(risk_label(name), 60)}: {_text(risk_meaning(name), 100)}" for name in names)
    return (
        f'<h2>Recommendations ({len(listed)})</h2><div class="scroll"><table><thead><tr>{header}</tr></thead>\n'
        f'<tbody>\n{rows}\n</tbody></table></div><p class="soft">{legend}</p>'
    )


def _row(plan: Plan, item: Recommendation) -> str:
    cells = [
        f'<td class="c">{_text(change_text(item, side, resource, " → "), 60)}</td>'
        for resource in ("cpu", "memory")
        for side in ("requests", "limits")
    ]
    risks = "<br>".join(_text(text, 80) for text in risk_texts(item, " → "))
    why = "".join(f"<p><code>{_text(d.field, 60)}</code> {_text(d.text)}</p>" for d in item.reason.details)
    folded = f"<details><summary>why</summary>{why}</details>" if why else ""
    worth = money(value_per_month(item, plan.bill))
    confidence = f"{item.evidence.confidence.value}<br><span class='soft'>{item.evidence.days:.1f} days</span>"
    return (
        f'<tr><td class="name">{_text(target_name(item.target), 600)}{folded}</td>{"".join(cells)}'
        f'<td class="n">{worth}</td><td class="c">{risks}</td><td>{confidence}</td></tr>'
    )


def _groups(title: str, groups: Sequence[Group]) -> str:
    items = []
    for group in groups:
        more = [text for text in (_sentence("Costs", group.costs), _sentence("Fix", group.fix)) if text]
        names = ", ".join(f"<code>{_text(name, 300)}</code>" for name in group.examples[:_MOST_EXAMPLES])
        rest = len(group.examples) - _MOST_EXAMPLES
        names += f" and {rest} more" if rest > 0 else ""
        items.append(
            f"<li><b>{_text(group.code, 80)}</b> ({group.count}): {_text(group.text, 400)}."
            f" {' '.join(more)}<br>{names}</li>"
        )
    return f"<h2>{title}</h2><ul>{''.join(items)}</ul>"


def _sentence(word: str, text: str) -> str:
    return f"{word}: {_text(text)}." if text else ""


def _prices(plan: Plan) -> str:
    if not plan.bill.prices:
        return ""
    rows = [
        (
            _text(use.pool, 60),
            _text(use.instance_type, 60),
            _text(use.zone, 60),
            _text(use.purchase, 30),
            str(use.nodes),
            *(
                "not known" if price is None else f"{price:.5g}"
                for price in (use.amount_per_hour, use.core_per_hour, use.gib_per_hour)
            ),
            _text(f"{use.source} {use.as_of}".strip(), 120),
        )
        for use in plan.bill.prices
    ]
    per = f"{_text(plan.bill.currency, 12)} an hour"
    header = ("pool", "type", "zone", "purchase", "nodes", f"node, {per}", "core", "GiB", "source")
    return f'<h2>Prices</h2><div class="scroll"><table>{_table(header, rows)}</table></div>'


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{title}</th>" for title in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
