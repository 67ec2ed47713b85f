import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner

from planner.cli.policy_cmd import app
from planner.config.load import parse_policy
from planner.config.policy import Policy
from planner.config.schema import policy_schema_text
from planner.errors import ConfigError, UsageError

FILE = "currency: EUR\nnamespaces:\n  team-a: {risk: {level: bold}, requests: {cpu_max: 8}}\n"


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(FILE)
    return path


def run(*arguments: str):
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80", "TERM": "dumb"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def row(output: str, key: str) -> list[str]:
    return next(line.split(maxsplit=2) for line in output.splitlines() if line.startswith(f"{key} "))


def test_check_tells_a_good_file(file):
    assert run("check", str(file)).stdout == f"{file}: fine; policy {parse_policy(FILE).digest()[:16]}\n"


def test_check_refuses_a_bad_file(file):
    file.write_text("curency: EUR")
    with pytest.raises(ConfigError, match="did you mean currency"):
        run("check", str(file))


def test_show_fits_eighty_columns_and_tells_where_values_come_from(file):
    output = run("show", "--policy", str(file)).stdout
    assert max(map(len, output.splitlines())) <= 80
    assert row(output, "currency")[1:] == ["EUR", "file   "]
    assert row(output, "time_zone")[1:] == ["UTC", "default"]
    assert row(output, "risk.oom_kill_price")[1] == "5"
    assert "namespaces.team-a" in output


def test_show_for_a_workload_whose_namespace_alone_is_known(file):
    result = run("show", "--policy", str(file), "--effective", "team-a/Deployment/web")
    assert row(result.stdout, "risk.level") == ["risk.level", "bold", "namespace team-a"]
    assert row(result.stdout, "requests.cpu_max") == ["requests.cpu_max", "8", "namespace team-a"]
    assert "Only the namespace's name is known" in " ".join(result.stderr.split())
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_show_with_a_snapshot_asks_the_service(file, tmp_path, monkeypatch):
    asked = []

    def policy_for(snapshot_dir, policy_path, target_text):
        asked.append((snapshot_dir, policy_path, target_text))
        return parse_policy(FILE).resolve("kube-system", {"env": "prod"}, {"planner/risk.levle": "bold"})

    monkeypatch.setitem(sys.modules, "planner.service", types.SimpleNamespace(policy_for=policy_for))
    result = run("show", "--policy", str(file), "--effective", "team-a/Deployment/web", "--snapshot", str(tmp_path))
    assert asked == [(tmp_path, file, "team-a/Deployment/web")]
    told = " ".join(result.stderr.split())
    assert "Environment: production" in told
    assert "among excluded_namespaces" in told
    assert "Ignored annotation planner/risk.levle: no such key of the policy; did you mean planner/risk.level?" in told
    assert row(result.stdout, "risk.level")[2].strip().startswith("environment production")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_show_as_json():
    assert json.loads(run("show", "-o", "json").stdout) == Policy().as_json()
    shown = json.loads(run("show", "-o", "json", "--effective", "a/Deployment/b").stdout)
    assert shown["value"]["requests"]["cpu_min"] == "10m"
    assert shown["origin"]["requests.cpu_min"] == "default"
    assert (shown["environment"], shown["excluded"], shown["warnings"]) == ("", False, [])


def test_markup_in_a_file_is_shown_as_text(file):
    file.write_text("namespaces: {'[red]x[/red]*': {opt_out: true}}")
    assert "[red]x[/red]*" in run("show", "--policy", str(file)).stdout


@pytest.mark.parametrize(
    "arguments", [("show", "-o", "xml"), ("show", "--effective", "a/b"), ("show", "--snapshot", "somewhere")]
)
def test_impossible_questions(arguments):
    with pytest.raises(UsageError):
        run(*arguments)


def test_schema_is_printed_as_it_is():
    assert run("schema").stdout == policy_schema_text()


def test_the_module_is_light():
    """Nothing but typer may be imported before a command runs."""
    code = (
        "import sys, planner.cli.policy_cmd;"
        "print([name for name in ('pydantic', 'yaml', 'pandas', 'rich.table') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
