"""One row per recommendation for a spreadsheet: figures in base units, no cell that a spreadsheet would run."""

import csv
import io
from collections.abc import Mapping

from planner.patches.untrusted import one_line
from planner.plan.schema import Plan, Recommendation
from planner.reports.figures import RESOURCES, SIDES, amount, moves, quantity

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_UNITS = {"cpu": "cores", "memory": "bytes"}
_EXPECTATIONS = (
    "oom_kill_days_per_30_days",
    "days_over_memory_request_per_30_days",
    "cpu_shortage_core_seconds_per_day",
)
_BACKTEST = (
    "folds",
    "days",
    "memory_incident_days",
    "memory_incident_days_today",
    "memory_relative_slack",
    "cpu_shortage_core_seconds_per_day",
    "cpu_shortage_core_seconds_per_day_today",
    "cpu_short_share",
    "cpu_relative_slack",
)
"""Fields of ``BacktestLine``; a column's name has ``backtest_`` before it."""


def render_csv(plan: Plan) -> str:
    """Header and rows, those worth most first. Amounts are numbers: cores, bytes, the currency of the plan."""
    out = io.StringIO()
    rows = [_row(plan, item) for item in moves(plan)]
    writer = csv.DictWriter(out, fieldnames=_columns(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _columns() -> list[str]:
    values = [
        f"{resource}_{side[:-1]}_{when}_{_UNITS[resource]}"
        for resource in RESOURCES
        for side in SIDES
        for when in ("now", "planned")
    ]
    expected = [f"{name}_{when}" for name in _EXPECTATIONS for when in ("now", "planned")]
    return [
        "plan_id", "recommendation_id", "what", "cluster", "namespace", "kind", "name", "container", "pods",
        *values, "currency", "freed_value_per_month", "saving_per_month", *expected,
        *(f"backtest_{name}" for name in _BACKTEST),
        "days", "samples", "pods_seen", "coverage", "confidence", "patch_method", "reason",
    ]  # fmt: skip


def _row(plan: Plan, item: Recommendation) -> Mapping[str, str]:
    target, seen = item.target, item.evidence
    row = {
        "plan_id": csv_text(plan.plan_id),
        "recommendation_id": csv_text(item.id),
        "what": item.kind.value,
        "cluster": csv_text(target.cluster),
        "namespace": csv_text(target.namespace or ""),
        "kind": csv_text(target.kind),
        "name": csv_text(target.name),
        "container": csv_text(target.container or ""),
        "pods": csv_number(item.replicas),
        "currency": csv_text(plan.bill.currency),
        "freed_value_per_month": "" if item.freed_value_per_month is None else f"{item.freed_value_per_month:.2f}",
        "saving_per_month": "" if item.saving_per_month is None else f"{item.saving_per_month:.2f}",
        "days": csv_number(seen.days),
        "samples": str(seen.samples),
        "pods_seen": str(seen.pods),
        "coverage": csv_number(seen.coverage),
        "confidence": seen.confidence.value,
        "patch_method": csv_text(str(item.patch.get("method", ""))),
        "reason": csv_text(item.reason.text, 1000),
    }
    for resource in RESOURCES:
        for side in SIDES:
            for when, values in (("now", item.current), ("planned", item.proposed)):
                size = amount(quantity(values, side, resource), resource)
                row[f"{resource}_{side[:-1]}_{when}_{_UNITS[resource]}"] = _size(size, resource)
    for expected in seen.expected_incidents:
        if expected.name in _EXPECTATIONS:
            row[f"{expected.name}_now"] = csv_number(expected.current)
            row[f"{expected.name}_planned"] = csv_number(expected.proposed)
    if seen.backtest is not None:
        row |= {f"backtest_{name}": csv_number(getattr(seen.backtest, name)) for name in _BACKTEST}
    return row


def csv_text(text: str, limit: int = 300) -> str:
    """Text for a cell: one printable line, and never the start of a formula."""
    clean = one_line(text, limit)
    return f"'{clean}" if clean.lstrip().startswith(_STARTS_A_FORMULA) else clean


def csv_number(value: float | None) -> str:
    """Six digits; empty where nothing is known."""
    return "" if value is None else f"{value:.6g}"


def _size(value: float | None, resource: str) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if resource == "cpu" else f"{value:.0f}"
