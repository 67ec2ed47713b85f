"""``render``: a plan in the format that a person or a program asked for."""

from typing import Literal, get_args

from planner.errors import UsageError
from planner.plan.schema import Plan

Format = Literal["table", "wide", "json", "yaml", "csv", "markdown", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)


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
    raise UsageError(f"no output format {format[:40]!r}", fix=f"one of {', '.join(FORMATS)}")
