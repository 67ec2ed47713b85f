"""The story of one node pool, and the certificate of one zone."""

from collections.abc import Sequence

from planner.errors import UsageError
from planner.patches.untrusted import one_line
from planner.plan.pools import PodMove, Pool
from planner.plan.schema import Plan
from planner.reports.figures import money
from planner.reports.layout import DEFAULT_WIDTH, Page, clip_middle, left, right
from planner.reports.pools import fullest, machine, node_range, verdict
from planner.units import HOURS_PER_MONTH

_INDENT = "  "


def render_pool(plan: Plan, name: str, *, width: int | None = None, color: bool = False) -> str:
    """Nodes, fill, prices, steps and what was rejected, of one pool.

    Raises:
        UsageError: the plan has no such pool.
    """
    rows = [row for row in plan.pools if row.pool == name]
    if not rows:
        raise _unknown("pool", name, sorted({row.pool for row in plan.pools}))
    page = Page(max(width or DEFAULT_WIDTH, 60), color=color)
    page.line(clip_middle(f"Node pool {one_line(name, 200)}", page.width or DEFAULT_WIDTH), "bold")
    _pool_sums(page, plan, rows)
    _pool_nodes(page, plan, rows)
    _periods(page, plan)
    _units(page, plan, rows)
    _steps(page, plan, name)
    _excuses(page, plan, rows)
    return page.text()


def _pool_sums(page: Page, plan: Plan, rows: Sequence[Pool]) -> None:
    now, planned = sum(row.nodes_now for row in rows), sum(row.nodes for row in rows)
    cost = sum(row.cost_per_month for row in rows)
    today = sum(HOURS_PER_MONTH * row.nodes_now * (row.price_per_hour or 0.0) for row in rows)
    currency = one_line(plan.bill.currency, 12)
    page.paragraph(
        f"{now} nodes now for {money(today)} {currency} a month; {planned} in the busiest hours, and"
        f" {money(cost)} {currency} a month over the week."
    )


def _pool_nodes(page: Page, plan: Plan, rows: Sequence[Pool]) -> None:
    width = page.width or DEFAULT_WIDTH
    page.heading(
        left("Nodes", width - 46) + right("now", 5) + right("plan", 6) + right("week", 7) + right("pods", 6)
        + right("an hour", 9) + "  fullest"
    )  # fmt: skip
    for row in rows:
        name = clip_middle(f"{_INDENT}{one_line(machine(row), 60)} {one_line(row.zone, 60)}", width - 47)
        price = "?" if row.price_per_hour is None else f"{row.price_per_hour:.4g}"
        page.line(
            left(name, width - 46) + right(str(row.nodes_now), 5) + right(str(row.nodes), 6)
            + right(node_range(row), 7) + right(str(row.pods), 6) + right(price, 9) + "  " + fullest(row)
        )  # fmt: skip
    sources = sorted({row.price_source for row in rows if row.price_source})
    if sources:
        page.paragraph(f"Prices: {', '.join(sources)}", style="dim")


def _periods(page: Page, plan: Plan) -> None:
    if plan.pool_plan is None or len(plan.pool_plan.periods) < 2:
        return
    page.heading(
        left("The week, all pools", 30) + right("hours", 7) + right("pods", 7) + right("nodes", 7)
        + right("an hour", 10) + right("at least", 10)
    )  # fmt: skip
    for period in plan.pool_plan.periods:
        bound = f"{period.lower_bound_per_hour:.4g}"
        page.line(
            left(f"{_INDENT}{one_line(period.name, 26)}", 30) + right(f"{period.hours_per_week:.0f}", 7)
            + right(str(period.pods), 7) + right(str(period.nodes), 7)
            + right(f"{period.cost_per_hour:.4g}", 10) + right(bound, 10)
        )  # fmt: skip


def _units(page: Page, plan: Plan, rows: Sequence[Pool]) -> None:
    found = [row.shadow_prices for row in rows if row.shadow_prices is not None]
    if not found:
        return
    page.heading("What one more would cost an hour, by the prices that prove the bound")
    currency = one_line(plan.bill.currency, 12)
    parts = []
    for word, field in (("core", "core_per_hour"), ("GiB", "gib_per_hour"), ("GPU", "gpu_per_hour")):
        highest = max(getattr(prices, field) for prices in found)
        parts.append(f"{word} {highest:.4g}" if highest > 0 else f"{word} 0 (it has room)")
    page.paragraph(f"{', '.join(parts)} {currency}", _INDENT)


def _steps(page: Page, plan: Plan, name: str) -> None:
    steps = [change for change in (plan.pool_plan.changes if plan.pool_plan else ()) if change.pool == name]
    if steps:
        page.heading("Steps, by their number in the whole plan")
        for step in steps:
            page.paragraph(f"{step.order:>3}. {step.text}", _INDENT)


def _excuses(page: Page, plan: Plan, rows: Sequence[Pool]) -> None:
    name = rows[0].pool
    types = {row.instance_type for row in rows}
    found = [
        excuse
        for excuse in (plan.pool_plan.excuses if plan.pool_plan else ())
        if excuse.subject.endswith(f"in pool {name}") or excuse.subject == name or excuse.subject in types
    ]
    if found:
        page.heading("Considered, and not taken")
        for excuse in found:
            subject = excuse.subject.removesuffix(f" in pool {name}")
            page.paragraph(f"{subject}: {excuse.text}", _INDENT)


def render_zone(plan: Plan, name: str, *, width: int | None = None, color: bool = False) -> str:
    """Where every protected pod goes when the zone is lost.

    Raises:
        UsageError: the plan has no such zone.
    """
    loss = next((loss for loss in plan.zone_loss if loss.zone == name), None)
    if loss is None:
        raise _unknown("zone", name, sorted(loss.zone for loss in plan.zone_loss))
    page = Page(max(width or DEFAULT_WIDTH, 60), color=color)
    page.line(f"Loss of zone {one_line(name, 100)}: {verdict(loss)}", "bold" if loss.survives else "warn")
    page.paragraph(
        f"{loss.nodes_lost} nodes go, and the {loss.pods_lost} pods on them. {loss.protected_pods} pods of the cluster"
        f" are protected; {loss.unplaced_protected_pods} of them would have no place. Checked pod by pod."
    )
    _moves(page, "Find a place in", loss.moves)
    _moves(page, "Wait: not protected, and no room is left", loss.left_out)
    return page.text()


def _moves(page: Page, title: str, moves: Sequence[PodMove]) -> None:
    if not moves:
        return
    width = page.width or DEFAULT_WIDTH
    half = (width - 8) // 2
    page.heading(title)
    for move in moves:
        name = clip_middle(one_line(move.workload, 300), half)
        place = clip_middle(one_line(move.to_pool.replace("/on-demand/", "/").replace("/", " "), 300), width - half - 8)
        page.line(f"{move.pods:>4}  {left(name, half)}  {place}".rstrip())


def _unknown(what: str, name: str, known: Sequence[str]) -> UsageError:
    if not known:
        return UsageError(f"the plan has no {what}s", fix="its warnings tell why no pools were planned")
    return UsageError(f"the plan has no {what} {name[:80]!r}", fix=f"one of {', '.join(known)[:300]}")
