"""``planner policy``: check, show and describe the policy file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from planner.config.layers import EffectivePolicy
    from planner.config.policy import Policy

app = typer.Typer(help="Check, show and describe the policy file.", no_args_is_help=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="Policy file, YAML or JSON.", show_default=False)]) -> None:
    """Check a policy file. Tells every problem with its line; exit code 2 if there is one."""
    from planner.config.load import load_policy

    policy = load_policy(file)
    typer.echo(f"{file}: fine; policy {policy.digest()[:16]}")


@app.command()
def show(
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Policy file; without it, the built-in defaults.")
    ] = None,
    effective: Annotated[
        str | None,
        typer.Option("--effective", metavar="NAMESPACE/KIND/NAME", help="Show what holds for this workload."),
    ] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option("--snapshot", help="Snapshot folder that knows the namespace's labels and the annotations."),
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="table or json.")] = "table",
) -> None:
    """Show every key, its value, and where the value comes from."""
    import json

    from planner.config.load import load_policy
    from planner.errors import UsageError

    if output not in ("table", "json"):
        raise UsageError(f"no output format {output[:40]!r}", fix="choose table or json")
    if snapshot is not None and effective is None:
        raise UsageError("--snapshot has no use alone", fix="add --effective NAMESPACE/KIND/NAME")
    if effective is None:
        whole = load_policy(policy)
        if output == "json":
            typer.echo(json.dumps(whole.as_json(), indent=2, ensure_ascii=False))
        else:
            _print_cluster_keys(whole)
            _print_workload_keys(whole.resolve("", {}, {}), "Keys for every workload", whole.currency)
        return
    resolved = _resolve(effective, policy, snapshot)
    if output == "json":
        typer.echo(json.dumps(_effective_json(resolved), indent=2, ensure_ascii=False))
        return
    _print_workload_keys(resolved, f"What holds for {effective}", load_policy(policy).currency)
    _print_notes(resolved, known_by_name_only=snapshot is None)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the policy file."""
    from planner.config.schema import policy_schema_text

    typer.echo(policy_schema_text(), nl=False)


def _resolve(target_text: str, policy_path: Path | None, snapshot_dir: Path | None) -> "EffectivePolicy":
    from planner.config.load import load_policy
    from planner.domain.keys import parse_target

    target = parse_target(target_text)
    if snapshot_dir is None:
        return load_policy(policy_path).resolve(target.namespace, {}, {})
    from planner.service import policy_for

    return policy_for(snapshot_dir, policy_path, target_text)


def _effective_json(resolved: "EffectivePolicy") -> dict[str, object]:
    return {
        "value": resolved.value.model_dump(mode="json"),
        "origin": dict(resolved.origin),
        "environment": resolved.environment,
        "excluded": resolved.excluded,
        "warnings": [
            {"annotation": warning.annotation, "text": warning.text, "fix": warning.fix}
            for warning in resolved.warnings
        ],
    }


def _print_cluster_keys(policy: "Policy") -> None:
    document = policy.as_json()
    sections = ("defaults", "environments", "namespaces")
    given = policy.model_fields_set
    rows = [
        (key, _text(value), "file" if key in given else "default")
        for key, value in document.items()
        if key not in sections
    ]
    _print_table("Keys for the cluster", rows)
    _print_table(
        "Overrides",
        [
            (f"{section}.{name}", ", ".join(f"{key}={_text(value)}" for key, value in _flat(keys).items()), "")
            for section in sections[1:]
            for name, keys in document[section].items()
        ],
    )


def _print_workload_keys(resolved: "EffectivePolicy", title: str, currency: str) -> None:
    values = _flat(resolved.value.model_dump(mode="json"))
    priced = {"risk.oom_kill_price": f" {currency}"}
    rows = [(key, _text(value) + priced.get(key, ""), resolved.origin[key]) for key, value in values.items()]
    _print_table(title, rows)


def _print_table(title: str, rows: list[tuple[str, str, str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("KEY", no_wrap=False, overflow="fold")
    table.add_column("VALUE", overflow="fold", max_width=36)
    if any(origin for _, _, origin in rows):
        table.add_column("FROM", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row[: len(table.columns)]))
    console = Console(highlight=False)
    console.print(table)
    console.print()


def _print_notes(resolved: "EffectivePolicy", *, known_by_name_only: bool) -> None:
    if known_by_name_only:
        typer.echo(
            "Only the namespace's name is known: its labels (environment) and the workload's annotations"
            " do not count here. Give --snapshot DIR to count them.",
            err=True,
        )
    else:
        typer.echo(f"Environment: {resolved.environment or 'none (no label of the namespace tells it)'}", err=True)
    if resolved.excluded:
        typer.echo("The namespace is among excluded_namespaces: findings, but no recommendation.", err=True)
    for warning in resolved.warnings:
        typer.echo(f"Ignored annotation {warning.annotation}: {warning.text}; {warning.fix}", err=True)


def _flat(nested: dict[str, object]) -> dict[str, object]:
    from planner.config.fields import flatten

    return flatten(nested)


def _text(value: object) -> str:
    import json

    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "(none)"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(item)}" for key, item in value.items()) or "(none)"
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value)
