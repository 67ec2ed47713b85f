"""One row per rule and setting of a backtest, for a spreadsheet: plain numbers, units in the names."""

import csv
import io
from collections.abc import Mapping

from planner.plan.backtest import BacktestReport, Outcome
from planner.reports.csv_rows import csv_number, csv_text

_BEFORE = ("cluster", "snapshot_id", "policy_id", "synthetic", "horizon_days", "folds", "currency")


def render_backtest_csv(report: BacktestReport, *, frontier: bool = False) -> str:
    """Header and rows.

    Args:
        report: the backtest.
        frontier: whether every setting of the dials has its row, or the rules only as they come.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=[*_BEFORE, *Outcome.model_fields], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(report, outcome) for outcome in report.outcomes if frontier or outcome.is_default)
    return out.getvalue()


def _row(report: BacktestReport, outcome: Outcome) -> Mapping[str, str]:
    row = {
        "cluster": csv_text(report.cluster),
        "snapshot_id": csv_text(report.snapshot_id),
        "policy_id": csv_text(report.policy_id),
        "synthetic": str(report.synthetic).lower(),
        "horizon_days": str(report.horizon_days),
        "folds": str(len(report.folds)),
        "currency": csv_text(report.currency),
    }
    for name in Outcome.model_fields:
        value = getattr(outcome, name)
        if isinstance(value, bool):
            row[name] = str(value).lower()
        else:
            row[name] = csv_text(value) if isinstance(value, str) else csv_number(value)
    return row
