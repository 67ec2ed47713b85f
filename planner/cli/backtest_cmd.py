"""``planner backtest``: what the planner's rule, today's requests and other rules would have done in unseen days."""

from enum import StrEnum
from typing import Annotated

import typer

from planner.cli import terminal
from planner.cli.options import Namespaces, PolicyFile, Sample, SnapshotFolder


class BacktestOutput(StrEnum):
    """How the backtest is shown."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


def backtest(
    snapshot: SnapshotFolder = None,
    sample: Sample = False,
    namespace: Namespaces = None,
    selector: Annotated[
        str, typer.Option("--selector", "-l", help="Label selector of workloads, as with kubectl.")
    ] = "",
    policy: PolicyFile = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            help="Only this baseline beside the planner and today: vpa, krr-simple, autopilot-window, fixed"
            " (repeatable).",
            show_default=False,
        ),
    ] = None,
    frontier: Annotated[
        bool, typer.Option("--frontier", help="Every setting of each rule's dial; html always has them.")
    ] = False,
    per_container: Annotated[
        bool, typer.Option("--per-container", help="Every container under every rule (json and csv).")
    ] = False,
    output: Annotated[BacktestOutput, typer.Option("--output", "-o", help="Format on stdout.")] = BacktestOutput.TABLE,
) -> None:
    """Replay recommendations over past days: hold days back, size from those before, judge by those after."""
    from planner import service
    from planner.cli.options import snapshot_folder
    from planner.decisions.scope import Scope
    from planner.errors import UsageError
    from planner.reports.render import render_backtest

    if per_container and output not in (BacktestOutput.JSON, BacktestOutput.CSV):
        raise UsageError("--per-container is a list for programs", fix="add -o json or -o csv")
    folder = snapshot_folder(snapshot, sample)
    assert folder is not None
    rules = service.load_policy(policy)
    report = service.backtest(
        service.open_snapshot(folder),
        rules,
        Scope(tuple(namespace or ()), selector),
        methods=method or None,
        frontiers=frontier or output is BacktestOutput.HTML,
        per_container=per_container,
    )
    text = render_backtest(
        report,
        output.value,
        width=terminal.width(),
        color=terminal.color(),
        frontier=frontier,
        per_container=per_container,
    )
    typer.echo(text, nl=False)
