"""Node pools in every format: what the bill is made of, the pools, the zones, the steps."""

from dataclasses import dataclass

from planner.plan.pools import Pool, ZoneLoss
from planner.plan.schema import Plan
from planner.reports.figures import money, percent

NO_ZONE = "(no zone)"
"""What nodes without a zone label are taken to stand in."""


@dataclass(frozen=True, slots=True)
class BillPart:
    """One line under the bill: what it would be, and what that saves."""

    label: str
    amount: float
    saved: float | None
    share: str


def bill_parts(plan: Plan) -> list[BillPart]:
    """What packing and what sizing saves, and the bound; nothing while no pools are planned."""
    bill = plan.bill
    if bill.basis != "nodes" or bill.repacked_per_month is None:
        return []
    whole = bill.current_per_month
    parts = []
    if bill.saving_by_packing_per_month is not None:
        saved = bill.saving_by_packing_per_month
        parts.append(BillPart("today's pods repacked", bill.repacked_per_month, saved, percent(saved, whole)))
    if bill.saving_by_sizing_per_month is not None:
        saved = bill.saving_by_sizing_per_month
        parts.append(BillPart("with the planned pods", bill.planned_per_month, saved, percent(saved, whole)))
    if bill.lower_bound_per_month:
        gap = f"{bill.gap:.1%}".replace("%", " %") if bill.gap is not None else ""
        parts.append(BillPart("no plan costs less than", bill.lower_bound_per_month, None, gap))
    return parts


def in_use(plan: Plan) -> list[Pool]:
    """Rows with nodes today or planned, by pool, what costs most first."""
    cost: dict[str, float] = {}
    for row in plan.pools:
        cost[row.pool] = cost.get(row.pool, 0.0) + max(
            row.cost_per_month, 730.0 * row.nodes_now * (row.price_per_hour or 0)
        )
    return sorted(plan.pools, key=lambda r: (-cost[r.pool], r.pool, r.instance_type, r.purchase, r.zone))


def machine(row: Pool) -> str:
    """``m7i.4xlarge``, ``c7i.4xlarge spot``, ``g5.xlarge mig:7x1g.5gb``."""
    mode = row.mode if row.mode not in ("", "whole") else ""
    purchase = row.purchase if row.purchase not in ("on-demand", "unknown") else ""
    return " ".join(part for part in (row.instance_type, purchase, mode) if part)


def node_range(row: Pool) -> str:
    """Fewest to most nodes over the week: ``3``, ``0-2``."""
    return str(row.min_nodes) if row.min_nodes == row.max_nodes else f"{row.min_nodes}-{row.max_nodes}"


def fullest(row: Pool) -> str:
    """The resource of which most is requested in the busiest hours: ``memory 96 %``; empty without nodes.

    Nodes without pods are there for those of a lost zone.
    """
    if row.fill is None:
        return ""
    if not row.pods:
        return "in reserve"
    shares = {"CPU": row.fill.cpu, "memory": row.fill.memory, "pods": row.fill.pods}
    if row.fill.gpu is not None:
        shares["GPU"] = row.fill.gpu
    name = max(shares, key=lambda key: shares[key])
    return f"{name} {shares[name]:.0%}".replace("%", " %")


def verdict(loss: ZoneLoss) -> str:
    """What the certificate says."""
    return "survives" if loss.survives else f"{loss.unplaced_protected_pods} without place"


def pool_cells(plan: Plan) -> list[tuple[str, ...]]:
    """Texts of every row under `pool_titles`; names are of the cluster, and are to be made safe."""
    return [
        (
            row.pool, machine(row), row.zone, str(row.nodes_now), str(row.nodes), node_range(row),
            money(row.cost_per_month), fullest(row),
        )
        for row in in_use(plan)
    ]  # fmt: skip


def loss_cells(plan: Plan) -> list[tuple[str, ...]]:
    """Texts of every zone's certificate under ``LOSS_TITLES``."""
    return [
        (loss.zone or NO_ZONE, str(loss.nodes_lost), str(loss.pods_lost), str(loss.protected_pods), verdict(loss))
        for loss in plan.zone_loss
    ]


def pool_titles(currency: str) -> tuple[str, ...]:
    """Of `pool_cells`."""
    return ("pool", "nodes of", "zone", "now", "planned", "over the week", f"{currency} a month", "fullest")


LOSS_TITLES = ("loss of", "nodes", "pods", "protected pods", "")


def pools_sentence(plan: Plan) -> str:
    """What was planned, in one sentence; empty without pools."""
    found = plan.pool_plan
    if found is None:
        return ""
    periods = "1 period" if len(found.periods) == 1 else f"{len(found.periods)} periods"
    text = (
        f"{found.pods} pods in {found.classes} classes over {found.offerings} offerings and {periods} of the week;"
        f" {found.checked_scenarios} packings checked pod by pod."
    )
    return text + (" The time limit ended the search." if found.stopped_by == "time" else "")


def step_texts(plan: Plan) -> list[str]:
    """The changes in their order."""
    return [] if plan.pool_plan is None else [change.text for change in plan.pool_plan.changes]
