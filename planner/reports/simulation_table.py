"""The answer to a what-if, for a terminal."""

from planner.patches.untrusted import one_line
from planner.plan.pools import Pool
from planner.plan.simulation import Side, Simulation
from planner.reports.figures import money, percent
from planner.reports.layout import DEFAULT_WIDTH, Page, clip_middle, left, right
from planner.reports.pools import NO_ZONE, machine, verdict

_MOST_POOLS = 40


def render_simulation(answer: Simulation, *, width: int | None = None, color: bool = False) -> str:
    """Both bills, the nodes that differ, zones, and what finds no place."""
    page = Page(min(max(width or DEFAULT_WIDTH, 60), 120), color=color)
    page.line(f"What if: {one_line('; '.join(answer.question), 200) or 'nothing changes'}", "bold")
    page.paragraph(
        f"{one_line(answer.cluster, 60)}; requests and autoscalers are those of the plan on both sides.", style="dim"
    )
    if answer.synthetic:
        page.line("The snapshot was made up: these figures are of no real cluster.", "warn")
    _sums(page, answer)
    _nodes(page, answer)
    _zones(page, answer)
    _problems(page, answer)
    return page.text()


def _sums(page: Page, answer: Simulation) -> None:
    before, after = answer.before, answer.after
    page.heading(left("", 30) + right("plan", 14) + right("what if", 14) + right("more", 14), "dim")
    currency = one_line(answer.currency, 8)
    if before.cost_per_month is not None and after.cost_per_month is not None:
        more = after.cost_per_month - before.cost_per_month
        page.line(
            left(f"Bill of nodes, {currency} a month", 30) + right(money(before.cost_per_month), 14)
            + right(money(after.cost_per_month), 14) + right(money(more), 14)
            + right(percent(more, before.cost_per_month), 8), "bold",
        )  # fmt: skip
    if before.lower_bound_per_month is not None and after.lower_bound_per_month is not None:
        page.line(
            left("  no pools cost less than", 30) + right(money(before.lower_bound_per_month), 14)
            + right(money(after.lower_bound_per_month), 14), "dim",
        )  # fmt: skip
    for word, field in (("Nodes in the busiest hours", "nodes"), ("Pods in the busiest hours", "pods")):
        now, then = getattr(before, field), getattr(after, field)
        page.line(left(word, 30) + right(str(now), 14) + right(str(then), 14) + right(f"{then - now:+d}", 14))


def _nodes(page: Page, answer: Simulation) -> None:
    """Rows whose number of nodes in the busiest hours differs."""
    before = {_key(row): row for row in answer.before.pools}
    after = {_key(row): row for row in answer.after.pools}
    rows = []
    for key in sorted({*before, *after}):
        now, then = (side[key].nodes if key in side else 0 for side in (before, after))
        if now != then:
            rows.append((key, now, then, after.get(key) or before[key]))
    if not rows:
        return
    width = page.width or DEFAULT_WIDTH
    page.heading(left("Nodes that differ", width - 24) + right("plan", 8) + right("what if", 10), "dim")
    for _, now, then, row in rows[:_MOST_POOLS]:
        name = clip_middle(
            f"  {one_line(row.pool, 60)} {one_line(machine(row), 60)} {one_line(row.zone, 60)}", width - 25
        )
        page.line(left(name, width - 24) + right(str(now), 8) + right(str(then), 10))
    if len(rows) > _MOST_POOLS:
        page.line(f"  and {len(rows) - _MOST_POOLS} more: -o json", "dim")


def _key(row: Pool) -> tuple[str, str, str, str, str]:
    return row.pool, row.instance_type, row.purchase, row.zone, row.mode


def _zones(page: Page, answer: Simulation) -> None:
    before = {loss.zone: verdict(loss) for loss in answer.before.zone_loss}
    after = {loss.zone: verdict(loss) for loss in answer.after.zone_loss}
    if not before and not after:
        return
    page.heading(left("Loss of a zone", 30) + left("plan", 22) + "what if", "dim")
    for zone in sorted({*before, *after}):
        name = left(clip_middle(one_line(zone or NO_ZONE, 60), 29), 30)
        page.line(name + left(before.get(zone, "-"), 22) + after.get(zone, "not there"))


def _problems(page: Page, answer: Simulation) -> None:
    for word, side in (("plan", answer.before), ("what if", answer.after)):
        _of_side(page, word, side)


def _of_side(page: Page, word: str, side: Side) -> None:
    relaxations = side.pool_plan.relaxations if side.pool_plan is not None else ()
    if not relaxations and side.cost_per_month is not None:
        return
    page.heading(f"Not possible ({word})", "warn")
    for item in relaxations:
        page.paragraph(f"{item.rule}: {item.text}", "  ", most=3)
        if item.fix:
            page.paragraph(f"Fix: {item.fix}", "    ", "dim", most=2)
    if side.cost_per_month is None:
        for warning in side.warnings:
            page.paragraph(f"{warning.code}: {warning.text}", "  ", most=3)
