"""The report for a pull request or a wiki. Every text of the cluster is escaped."""

from collections.abc import Iterable, Sequence

from planner.patches.untrusted import markdown_text
from planner.plan.schema import Kind, Plan, Recommendation
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
    percent,
    resource_totals,
    risk_label,
    risk_meaning,
    risk_texts,
    target_name,
    value_per_month,
    warning_groups,
)
from planner.reports.pools import (
    LOSS_TITLES,
    bill_parts,
    loss_cells,
    pool_cells,
    pool_titles,
    pools_sentence,
    step_texts,
)
from planner.reports.risk import bearers_sentence, budget_sentences, figure, risk_rows

_MOST_EXAMPLES = 5


def render_markdown(plan: Plan, *, top: int) -> str:
    """Totals, the moves worth most, the others folded away, what was left alone, warnings.

    Args:
        plan: the plan.
        top: moves that stand open; the rest is in a ``<details>`` block.
    """
    parts = [_head(plan), _totals(plan), _pools(plan), _risk(plan)]
    listed = moves(plan)
    if listed:
        shown, rest = listed[: max(top, 0)], listed[max(top, 0) :]
        if shown:
            parts.append(f"## Worth most\n\n{_table(plan, shown)}")
        if rest:
            parts.append(
                f"<details><summary>{len(rest)} more recommendations</summary>\n\n{_table(plan, rest)}\n</details>\n"
            )
        parts.append(_legend(listed))
    if plan.findings:
        parts.append(f"## Findings ({len(plan.findings)})\n\n{_groups(finding_groups(plan.findings))}")
    if plan.not_recommended:
        groups = left_alone_groups(plan.not_recommended)
        parts.append(f"## Left alone ({len(plan.not_recommended)})\n\n{_groups(groups)}")
    if plan.warnings:
        parts.append(f"## Warnings ({len(plan.warnings)})\n\n{_groups(warning_groups(plan.warnings))}")
    return "\n".join(part for part in parts if part)


def _head(plan: Plan) -> str:
    window = plan.window
    made_up = "\n**The snapshot was made up: these figures are of no real cluster.**\n" if plan.synthetic else ""
    return (
        f"# Capacity plan of {markdown_text(plan.cluster, 80)}\n\n"
        f"{markdown_text(plan.plan_id, 80)}, from snapshot {markdown_text(plan.snapshot_id, 80)}"
        f" under policy {markdown_text(plan.policy_id, 80)}."
        f" Observed {moment(window.start)} to {moment(window.end)} UTC.\n{made_up}"
    )


def _totals(plan: Plan) -> str:
    bill = plan.bill
    freed = bill.current_per_month - bill.planned_per_month
    rows = [
        (
            f"Bill, {markdown_text(bill.currency, 12)} a month",
            money(bill.current_per_month),
            money(bill.planned_per_month),
            f"{money(freed)} {_in_brackets(percent(freed, bill.current_per_month))}",
            "",
        )
    ]
    for part in bill_parts(plan):
        saved = "" if part.saved is None else money(part.saved)
        rows.append((part.label, "", money(part.amount), f"{saved} {_in_brackets(part.share)}".strip(), ""))
    for total in resource_totals(plan):
        less = total.now - total.planned
        used = "" if total.used is None else f"{total.used:,.1f}"
        rows.append(
            (
                total.label,
                f"{total.now:,.1f}",
                f"{total.planned:,.1f}",
                f"{less:,.1f} {_in_brackets(percent(less, total.now))}",
                used,
            )
        )
    remarks = " ".join([basis_sentence(bill), *bill_remarks(bill)])
    return f"{_rows(('', 'now', 'planned', 'freed', 'used'), 'lrrrr', rows)}\n{markdown_text(remarks, 1000)}\n"


def _pools(plan: Plan) -> str:
    """Pools, zones and steps."""
    if not plan.pools:
        return ""
    header = pool_titles(markdown_text(plan.bill.currency, 12))
    cells = [[markdown_text(cell, 80) for cell in row] for row in pool_cells(plan)]
    text = f"## Node pools\n\n{_rows(header, 'lllrrrrl', cells)}\n{markdown_text(pools_sentence(plan), 400)}\n"
    if plan.zone_loss:
        losses = [[markdown_text(cell, 80) for cell in row] for row in loss_cells(plan)]
        text += f"\n{_rows(LOSS_TITLES, 'lrrrl', losses)}"
    steps = "".join(f"{number}. {markdown_text(step, 300)}\n" for number, step in enumerate(step_texts(plan), 1))
    return text + (f"\n<details><summary>Steps, in this order</summary>\n\n{steps}\n</details>\n" if steps else "")


def _risk(plan: Plan) -> str:
    rows = [(row.label, figure(row.now), figure(row.planned)) for row in risk_rows(plan.risk)]
    bearers = markdown_text(bearers_sentence(plan.risk), 400)
    budgets = "".join(f"- {markdown_text(sentence, 400)}\n" for sentence in budget_sentences(plan))
    if not rows and not bearers and not budgets:
        return ""
    parts = [
        _rows(("expected", "now", "planned"), "lrr", rows) if rows else "",
        f"{bearers}\n" if bearers else "",
        budgets,
    ]
    return "## Risk\n\n" + "\n".join(part for part in parts if part)


def _in_brackets(text: str) -> str:
    return f"({text})" if text else ""


def _table(plan: Plan, listed: Sequence[Recommendation]) -> str:
    header = (
        "target", "CPU request", "CPU limit", "memory request", "memory limit",
        f"{markdown_text(plan.bill.currency, 12)} a month", "risk", "confidence",
    )  # fmt: skip
    rows = [
        (
            markdown_text(target_name(item.target), 300),
            *(
                markdown_text(change_text(item, side, resource, " → "), 60)
                for resource in ("cpu", "memory")
                for side in ("requests", "limits")
            ),
            money(value_per_month(item, plan.bill)),
            "<br>".join(markdown_text(text, 80) for text in risk_texts(item, " → "))
            or ("" if item.kind is Kind.REQUESTS else markdown_text(item.reason.text, 200)),
            item.evidence.confidence.value,
        )
        for item in listed
    ]
    return _rows(header, "lllllrll", rows)


def _rows(header: Iterable[str], align: str, rows: Iterable[Iterable[str]]) -> str:
    marks = ["---:" if side == "r" else "---" for side in align]
    return "".join(f"| {' | '.join(row)} |\n" for row in (tuple(header), marks, *rows))


def _legend(listed: Sequence[Recommendation]) -> str:
    names = sorted({e.name for item in listed for e in item.evidence.expected_incidents})
    texts = [f"{markdown_text(risk_label(name), 60)}: {markdown_text(risk_meaning(name), 100)}" for name in names]
    return f"{'; '.join(texts)}.\n" if texts else ""


def _groups(groups: Sequence[Group]) -> str:
    lines = []
    for group in groups:
        text = f"- **{markdown_text(group.code, 80)}** ({group.count}): {markdown_text(group.text, 400)}."
        if group.costs:
            text += f" Costs: {markdown_text(group.costs)}."
        if group.fix:
            text += f" Fix: {markdown_text(group.fix)}."
        lines.append(text)
        if group.examples:
            names = [markdown_text(name, 200) for name in group.examples[:_MOST_EXAMPLES]]
            more = len(group.examples) - len(names)
            lines.append(f"  - {', '.join(names)}" + (f" and {more} more" if more else ""))
    return "\n".join(lines) + "\n"
