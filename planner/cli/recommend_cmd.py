"""``planner recommend``: the plan, as a report on stdout and as patches in a folder."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli import terminal
from planner.cli.options import AllNamespaces, Namespaces, PolicyFile, Sample, SnapshotFolder, with_connection
from planner.errors import EXIT_CHANGES

if TYPE_CHECKING:
    from planner.config.settings import Settings
    from planner.decisions.scope import Scope
    from planner.plan.schema import Plan


class Output(StrEnum):
    """How the plan is shown."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"


@with_connection
def recommend(
    settings: "Settings",
    snapshot: SnapshotFolder = None,
    sample: Sample = False,
    namespace: Namespaces = None,
    all_namespaces: AllNamespaces = False,
    selector: Annotated[
        str, typer.Option("--selector", "-l", help="Label selector of workloads, as with kubectl.")
    ] = "",
    policy: PolicyFile = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="Format on stdout.")] = Output.TABLE,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write patches into this folder, one folder per namespace.", show_default=False),
    ] = None,
    top: Annotated[int, typer.Option(help="Moves that the table shows.", min=1)] = 10,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 10 when there is something to change.")
    ] = False,
) -> None:
    """Plan from a snapshot, from the sample cluster, or from a live Prometheus."""
    from planner import service
    from planner.decisions.scope import Scope
    from planner.reports.render import render

    scope = Scope(() if all_namespaces else tuple(namespace or ()), selector)
    plan = _plan(settings, snapshot, sample, policy, scope)
    width = None if output is Output.WIDE and not terminal.is_terminal() else terminal.width()
    typer.echo(render(plan, output.value, width=width, color=terminal.color(), top=top), nl=False)
    if export is not None:
        summary = service.export(plan, export)
        typer.echo(
            f"patches of {summary.objects} objects in {summary.namespaces} namespaces: {summary.folder}", err=True
        )
    if exit_code and plan.recommendations:
        raise typer.Exit(EXIT_CHANGES)


def _plan(settings: "Settings", snapshot: Path | None, sample: bool, policy: Path | None, scope: "Scope") -> "Plan":
    from planner import service
    from planner.cli.collect_cmd import collect_into
    from planner.cli.options import snapshot_folder
    from planner.errors import UsageError

    rules = service.load_policy(policy)
    live = settings.prometheus.url is not None
    if live and (sample or snapshot is not None):
        raise UsageError("both a snapshot and --prometheus are given", fix="keep one")
    if not live and (sample or snapshot is not None):
        folder = snapshot_folder(snapshot, sample)
        assert folder is not None
        return service.recommend(service.open_snapshot(folder), rules, scope)
    with tempfile.TemporaryDirectory(prefix="planner-") as scratch:
        folder = Path(scratch) / "snapshot"
        collect_into(folder, settings.model_copy(update={"namespaces": scope.namespaces}))
        return service.recommend(service.open_snapshot(folder), rules, scope)
