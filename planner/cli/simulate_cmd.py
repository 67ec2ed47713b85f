"""``planner simulate``: what the pools would be if a zone were lost, load grew, or prices changed."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from planner.cli import terminal
from planner.cli.options import PolicyFile, Sample, SnapshotFolder


class SimulationOutput(StrEnum):
    """How the answer is shown."""

    TABLE = "table"
    JSON = "json"


def simulate(
    snapshot: SnapshotFolder = None,
    sample: Sample = False,
    policy: PolicyFile = None,
    lose_zone: Annotated[
        list[str] | None, typer.Option("--lose-zone", help="Nothing can be had there (repeatable).", show_default=False)
    ] = None,
    add_workload: Annotated[
        list[Path] | None,
        typer.Option("--add-workload", help="Manifest of workloads that run besides (repeatable).", show_default=False),
    ] = None,
    growth: Annotated[float, typer.Option(help="So many times the pods of every workload.", min=0.01, max=100.0)] = 1.0,
    price_file: Annotated[
        Path | None, typer.Option("--price-file", help="Other prices of nodes (CSV).", show_default=False)
    ] = None,
    protected_share: Annotated[
        float | None,
        typer.Option(
            "--protected-share", help="Instead of the policy's protected_share.", min=0.0, max=1.0, show_default=False
        ),
    ] = None,
    output: Annotated[SimulationOutput, typer.Option("--output", "-o", help="Format on stdout.")] = (
        SimulationOutput.TABLE
    ),
) -> None:
    """Ask a what-if of a snapshot: the pools of the plan beside those under other circumstances."""
    from planner import service
    from planner.cli.options import snapshot_folder
    from planner.plan.files import document_json
    from planner.reports.simulation_table import render_simulation

    folder = snapshot_folder(snapshot, sample)
    assert folder is not None
    answer = service.simulate(
        service.open_snapshot(folder),
        service.load_policy(policy),
        lost_zones=tuple(lose_zone or ()),
        manifests=tuple(add_workload or ()),
        growth=growth,
        price_file=price_file,
        protected_share=protected_share,
    )
    if output is SimulationOutput.JSON:
        typer.echo(document_json(answer), nl=False)
    else:
        typer.echo(render_simulation(answer, width=terminal.width(), color=terminal.color()), nl=False)
