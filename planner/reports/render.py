"""``render`` a plan, ``render_backtest`` a backtest: in the format that a person or a program asked for."""

from collections.abc import Sequence
from typing import Literal, get_args

from planner.errors import UsageError
from planner.plan.backtest import BacktestReport
from planner.plan.schema import Plan

Format = Literal["table", "wide", "json", "yaml", "csv", "markdown", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
BACKTEST_FORMATS = ("table", "json", "csv", "html")


def render(plan: Plan, format: str, *, width: int | None = None, color: bool = False, top: int = 10) -> str:
    """The whole report as text that ends with a newline.

    Args:
        plan: the plan.
        format: one of ``FORMATS``.
        width: cells of a line for ``table`` (``None`` = 80) and ``wide`` (``None`` = as many as it needs).
        color: terminal styles for ``table`` and ``wide``; the caller knows of terminals and ``NO_COLOR``.
        top: moves that ``table`` shows and ``markdown`` leaves open.

    Raises:
        UsageError: no such format.
    """
    if format in ("table", "wide"):
        from planner.reports.table import render_table, render_wide

        if format == "wide":
            return render_wide(plan, width=width, color=color)
        return render_table(plan, width=width, color=color, top=top)
    if format in ("json", "yaml"):
        from planner.reports.documents import render_json, render_yaml

        return render_json(plan) if format == "json" else render_yaml(plan)
    if format == "csv":
        from planner.reports.csv_rows import render_csv

        return render_csv(plan)
    if format == "markdown":
        from planner.reports.markdown import render_markdown

        return render_markdown(plan, top=top)
    if format == "html":
        from planner.reports.html_page import render_html

        return render_html(plan)
    raise _no_format(format, FORMATS)


def render_backtest(
    report: BacktestReport,
    format: str,
    *,
    width: int | None = None,
    color: bool = False,
    frontier: bool = False,
    per_container: bool = False,
) -> str:
    """The whole backtest as text that ends with a newline.

    Args:
        report: the backtest.
        format: one of ``BACKTEST_FORMATS``.
        width: cells of a line for ``table``; ``None`` = 80.
        color: terminal styles for ``table``.
        frontier: whether ``table`` and ``csv`` list every setting that the report has, or the rules as they come.
        per_container: ``csv`` has a row per container and rule instead.

    Raises:
        UsageError: no such format.
    """
    if format == "table":
        from planner.reports.backtest_table import render_backtest_table

        return render_backtest_table(report, width=width, color=color, frontier=frontier)
    if format == "json":
        from planner.reports.documents import render_json

        return render_json(report)
    if format == "csv":
        from planner.reports.backtest_csv import render_backtest_csv, render_containers_csv

        if per_container:
            return render_containers_csv(report)
        return render_backtest_csv(report, frontier=frontier)
    if format == "html":
        from planner.reports.backtest_html import render_backtest_html

        return render_backtest_html(report)
    raise _no_format(format, BACKTEST_FORMATS)


def _no_format(format: str, known: Sequence[str]) -> UsageError:
    return UsageError(f"no output format {format[:40]!r}", fix=f"one of {', '.join(known)}")
