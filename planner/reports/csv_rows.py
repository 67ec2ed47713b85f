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
        "plan_id": _text(plan.plan_id),
        "recommendation_id": _text(item.id),
        "what": item.kind.value,
        "cluster": _text(target.cluster),
        "namespace": _text(target.namespace or ""),
        "kind": _text(target.kind),
        "name": _text(target.name),
        "container": _text(target.container or ""),
        "pods": _number(item.replicas),
        "currency": _text(plan.bill.currency),
        "freed_value_per_month": "" if item.freed_value_per_month is None else f"{item.freed_value_per_month:.2f}",
        "saving_per_month": "" if item.saving_per_month is None else f"{item.saving_per_month:.2f}",
        "days": _number(seen.days),
        "samples": str(seen.samples),
        "pods_seen": str(seen.pods),
        "coverage": _number(seen.coverage),
        "confidence": seen.confidence.value,
        "patch_method": _text(str(item.patch.get("method", ""))),
        "reason": _text(item.reason.text, 1000),
    }
    for resource in RESOURCES:
        for side in SIDES:
            for when, values in (("now", item.current), ("planned", item.proposed)):
                size = amount(quantity(values, side, resource), resource)
                row[f"{resource}_{side[:-1]}_{when}_{_UNITS[resource]}"] = _size(size, resource)
    for expected in seen.expected_incidents:
        if expected.name in _EXPECTATIONS:
            row[f"{expected.name}_now"] = _number(expected.current)
            row[f"{expected.name}_planned"] = _number(expected.proposed)
    if seen.backtest is not None:
        row |= {f"backtest_{name}": _number(getattr(seen.backtest, name)) for name in _BACKTEST}
    return row


def _text(text: str, limit: int = 300) -> str:
    """Text for a cell: one printable line, and never the start of a formula."""
    clean = one_line(text, limit)
    return f"'{clean}" if clean.lstrip().startswith(_STARTS_A_FORMULA) else clean


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _size(value: float | None, resource: str) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if resource == "cpu" else f"{value:.0f}"
