"""Parts that the table and the wide list share: head, totals, what was left alone, warnings."""

from planner.patches.untrusted import one_line
from planner.plan.schema import Plan
from planner.reports.figures import (
    Group,
    basis_sentence,
    bill_remarks,
    finding_groups,
    left_alone_groups,
    moment,
    money,
    percent,
    resource_totals,
    value_per_month,
    warning_groups,
)
from planner.reports.layout import DEFAULT_WIDTH, Page, clip_middle, left, right
from planner.reports.pools import (
    NO_ZONE,
    bill_parts,
    fullest,
    in_use,
    machine,
    node_range,
    pools_sentence,
    step_texts,
    verdict,
)
from planner.reports.risk import bearers_sentence, budget_sentences, figure, risk_rows

_MOST_EXAMPLES = 3


def head(page: Page, plan: Plan) -> None:
    """Which plan this is."""
    page.line(f"Capacity plan of {one_line(plan.cluster, 60)}, {one_line(plan.plan_id, 40)}", "bold")
    window = plan.window
    days = (window.end - window.start).total_seconds() / 86_400
    page.paragraph(f"Observed {moment(window.start)} to {moment(window.end)} UTC ({days:.4g} days)", style="dim")
    counted = [
        f"{plan.totals[name]:,.0f} {name}" for name in ("nodes", "workloads", "containers") if name in plan.totals
    ]
    if counted:
        page.line(", ".join(counted), "dim")
    if plan.synthetic:
        page.line("The snapshot was made up: these figures are of no real cluster.", "warn")


def totals(page: Page, plan: Plan) -> None:
    """Bill, CPU and memory: now, planned, freed, used."""
    page.line()
    page.line(_total_row("", "now", "planned", "freed", "", "used"), "dim")
    bill = plan.bill
    freed = bill.current_per_month - bill.planned_per_month
    page.line(
        _total_row(
            f"Bill, {one_line(bill.currency, 8)} a month",
            money(bill.current_per_month),
            money(bill.planned_per_month),
            money(freed),
            percent(freed, bill.current_per_month),
            "",
        ),
        "bold",
    )
    for part in bill_parts(plan):
        saved = "" if part.saved is None else money(part.saved)
        planned = money(part.amount)
        label = left(f"  {part.label}", 37)
        page.line(label + right(planned, 13) + right(saved, 13) + right(part.share, 7), "dim")
    for total in resource_totals(plan):
        less = total.now - total.planned
        used = "" if total.used is None else f"{total.used:,.1f}"
        page.line(
            _total_row(
                total.label,
                f"{total.now:,.1f}",
                f"{total.planned:,.1f}",
                f"{less:,.1f}",
                percent(less, total.now),
                used,
            )
        )
    page.line()
    page.paragraph(basis_sentence(bill))
    for remark in bill_remarks(bill):
        page.paragraph(remark, style="dim")
    page.line()
    page.paragraph(_counts(plan))


def risk(page: Page, plan: Plan) -> None:
    """Expected incidents now and planned, who bears them, and what is left of each budget."""
    rows = risk_rows(plan.risk)
    sentences = [bearers_sentence(plan.risk), *budget_sentences(plan)]
    if not rows and not any(sentences):
        return
    page.heading(left("Expected", 28) + right("now", 9) + right("planned", 13), "dim")
    for row in rows:
        page.line(left(row.label, 29) + right(figure(row.now), 8) + right(figure(row.planned), 13))
    for sentence in filter(None, sentences):
        page.paragraph(sentence, most=3)


def pools(page: Page, plan: Plan) -> None:
    """The node pools, and the certificate of every zone."""
    rows = in_use(plan)
    if not rows:
        return
    width = page.width or DEFAULT_WIDTH
    titles = ("now", "plan", "week", f"{one_line(plan.bill.currency, 8)}/month", "fullest")
    header = right(titles[0], 5) + right(titles[1], 5) + right(titles[2], 6) + right(titles[3], 12) + "  " + titles[4]
    page.heading(left("Node pools", width - 42) + header, "dim")
    pool = ""
    for row in rows:
        if row.pool != pool:
            pool = row.pool
            page.line(clip_middle(one_line(pool, 200), width), "bold")
        name = clip_middle(f"  {one_line(machine(row), 60)} {one_line(row.zone, 60)}", width - 43)
        figures = right(str(row.nodes_now), 5) + right(str(row.nodes), 5) + right(node_range(row), 6)
        page.line(left(name, width - 42) + figures + right(money(row.cost_per_month), 12) + "  " + fullest(row))
    page.paragraph(pools_sentence(plan), style="dim")
    if plan.zone_loss:
        page.heading(
            left("Loss of a zone", width - 48) + right("nodes", 8) + right("pods", 8) + right("protected", 12), "dim"
        )
        for loss in plan.zone_loss:
            name = left(clip_middle(one_line(loss.zone or NO_ZONE, 100), width - 49), width - 48)
            counts = (
                right(str(loss.nodes_lost), 8) + right(str(loss.pods_lost), 8) + right(str(loss.protected_pods), 12)
            )
            page.line(name + counts + "  " + verdict(loss), "" if loss.survives else "warn")
    if step_texts(plan):
        first = rows[0].pool
        page.paragraph(
            f"{_plural(len(step_texts(plan)), 'step')} from today's nodes: planner explain pool/{one_line(first, 60)}",
            style="dim",
        )


def _total_row(label: str, now: str, planned: str, freed: str, share: str, used: str) -> str:
    return left(label, 23) + right(now, 14) + right(planned, 13) + right(freed, 13) + right(share, 7) + right(used, 10)


def _counts(plan: Plan) -> str:
    values = [value_per_month(r, plan.bill) or 0.0 for r in plan.recommendations]
    more = [value for value in values if round(value, 2) < 0]
    text = f"{_plural(len(values), 'recommendation')}"
    if more:
        freed = money(sum(values) - sum(more))
        text += (
            f": {len(values) - len(more)} free {freed}, {len(more)} need {money(-sum(more))} {plan.bill.currency} more"
        )
    return f"{text}. {len(plan.not_recommended)} left alone. {_plural(len(plan.warnings), 'warning')}."


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


def findings(page: Page, plan: Plan) -> None:
    """What is wrong, or could be better, whatever is recommended."""
    if plan.findings:
        page.heading(f"Findings ({len(plan.findings)})")
        for group in finding_groups(plan.findings):
            _group(page, group, f"{group.count:>4}  {one_line(group.code, 60)}")


def left_alone(page: Page, plan: Plan) -> None:
    """What was not recommended and why, by reason."""
    if plan.not_recommended:
        page.heading(f"Left alone ({len(plan.not_recommended)})")
        for group in left_alone_groups(plan.not_recommended):
            _group(page, group, f"{group.count:>4}  {one_line(group.code, 60)}")


def warnings(page: Page, plan: Plan) -> None:
    """What the reader must know before trusting the plan."""
    if plan.warnings:
        page.heading(f"Warnings ({len(plan.warnings)})", "warn")
        for group in warning_groups(plan.warnings):
            _group(page, group, f"{group.count:>4}  {one_line(group.code, 60)}")


def _group(page: Page, group: Group, title: str) -> None:
    indent = " " * 6
    page.line(title)
    page.paragraph(group.text, indent, most=3)
    if group.costs:
        page.paragraph(f"Costs: {group.costs}", indent, most=2)
    if group.fix:
        page.paragraph(f"Fix: {group.fix}", indent, most=2)
    if group.examples:
        page.line(indent + examples(group.examples, (page.width or 100) - len(indent)), "dim")


def examples(names: tuple[str, ...], width: int) -> str:
    """The first names that fit on a line, and how many more there are."""
    shown: list[str] = []
    for name in names[:_MOST_EXAMPLES]:
        rest = len(names) - len(shown) - 1
        more = f" and {rest} more" if rest else ""
        text = ", ".join([*shown, clip_middle(one_line(name, 300), max(width - len(more), 8))]) + more
        if shown and len(text) > width:
            break
        shown.append(clip_middle(one_line(name, 300), max(width - len(more), 8)))
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
