"""``planner explain``: the whole story of one recommendation."""

from pathlib import Path
from typing import Annotated

import typer

from planner.cli import terminal
from planner.cli.options import PlanFile, PolicyFile, Sample, SnapshotFolder


def explain(
    target: Annotated[
        str,
        typer.Argument(
            help="NAMESPACE/KIND/NAME, or with /CONTAINER at its end; pool/NAME; zone/NAME.", show_default=False
        ),
    ],
    snapshot: SnapshotFolder = None,
    sample: Sample = False,
    plan: PlanFile = None,
    policy: PolicyFile = None,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Draw with plain ASCII.")] = False,
) -> None:
    """Tell why a workload, a pool or a zone gets what it gets, with its evidence."""
    from planner import service
    from planner.cli.options import snapshot_folder
    from planner.domain.keys import parse_target
    from planner.plan.files import read_plan
    from planner.reports.explain import render_explain
    from planner.reports.explain_pools import render_pool, render_zone

    about, _, name = target.partition("/")
    is_workload = about not in ("pool", "zone") or "/" in name or not name
    query = parse_target(target) if is_workload else None
    folder = snapshot_folder(snapshot, sample, optional=plan is not None)
    observed = service.open_snapshot(folder) if folder is not None else None
    if plan is not None:
        decided = read_plan(plan)
    else:
        decided = service.recommend(service.open_snapshot(_required(folder)), service.load_policy(policy))
    if query is None:
        draw = render_pool if about == "pool" else render_zone
        typer.echo(draw(decided, name, width=terminal.width(), color=terminal.color()), nl=False)
        return
    recommendations, refusals, findings = service.find_in_plan(decided, query)
    usage = None if observed is None else service.usage_of(observed, [r.target for r in recommendations])
    replays = {} if observed is None else service.replays_of(observed, recommendations)
    text = render_explain(
        recommendations,
        refusals,
        findings=findings,
        usage=usage,
        replays=replays,
        width=terminal.width(),
        color=terminal.color(),
        currency=decided.bill.currency,
        ascii_only=ascii_only,
    )
    typer.echo(text, nl=False)


def _required(folder: Path | None) -> Path:
    from planner.errors import UsageError

    if folder is None:
        raise UsageError("nothing to explain from", fix="give --snapshot DIR, --sample or --plan FILE")
    return folder
