"""A backtest for a spreadsheet, per rule or per container: plain numbers, units in the names."""

import csv
import io
from collections.abc import Mapping, Sequence

from planner.plan.backtest import BacktestReport, ContainerOutcome, Outcome
from planner.plan.frozen import Frozen, Target
from planner.reports.csv_rows import csv_number, csv_text

_BEFORE = ("cluster", "snapshot_id", "policy_id", "synthetic", "horizon_days", "folds", "currency")


def render_backtest_csv(report: BacktestReport, *, frontier: bool = False) -> str:
    """Header and rows.

    Args:
        report: the backtest.
        frontier: whether every setting of the dials has its row, or the rules only as they come.
    """
    outcomes = [outcome for outcome in report.outcomes if frontier or outcome.is_default]
    return _document([*_BEFORE, *Outcome.model_fields], [_head(report) | _cells(outcome) for outcome in outcomes])


def render_containers_csv(report: BacktestReport) -> str:
    """Header and a row per container and rule, where the report lists them."""
    figures = [name for name in ContainerOutcome.model_fields if name != "target"]
    rows = [_head(report) | _cells(line.target) | _cells(line) for line in report.containers]
    return _document([*dict.fromkeys((*_BEFORE, *Target.model_fields, *figures))], rows)


def _document(names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _head(report: BacktestReport) -> dict[str, str]:
    return {
        "cluster": csv_text(report.cluster),
        "snapshot_id": csv_text(report.snapshot_id),
        "policy_id": csv_text(report.policy_id),
        "synthetic": str(report.synthetic).lower(),
        "horizon_days": str(report.horizon_days),
        "folds": str(len(report.folds)),
        "currency": csv_text(report.currency),
    }


def _cells(part: Frozen) -> dict[str, str]:
    """The plain fields of a part of the report."""
    return {name: _cell(value) for name, value in part if not isinstance(value, Frozen)}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return csv_number(value)
    return "" if value is None else csv_text(str(value))
