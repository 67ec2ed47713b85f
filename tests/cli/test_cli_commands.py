"""The commands as a user runs them: their own process, stdout for the answer, stderr for the rest."""

import csv
import io
import json
import subprocess
import sys

import jsonschema
import pytest
import yaml
from fakes.command_line import ROOT, planner

from planner.plan.files import read_plan
from planner.plan.schema import Plan

SAMPLE = ("--sample", "--policy", str(ROOT / "tests" / "cli" / "requests_only.yaml"))


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    answer = planner("recommend", *SAMPLE, "-o", "json")
    assert answer.returncode == 0, answer.stderr
    path.write_text(answer.stdout)
    return path


def test_the_table_fits_80_columns_and_stderr_stays_empty():
    answer = planner("recommend", *SAMPLE)
    assert answer.returncode == 0
    assert answer.stderr == ""
    assert max(map(len, answer.stdout.splitlines())) <= 80
    assert "Worth most (10 of" in answer.stdout
    assert "Left alone" in answer.stdout


def test_json_is_a_plan_that_the_schema_and_the_reader_accept(plan_file):
    plan = read_plan(plan_file)
    assert plan.synthetic
    assert plan.recommendations
    document = json.loads(plan_file.read_text())
    jsonschema.validate(document, json.loads((ROOT / "docs" / "plan.schema.json").read_text()))


@pytest.mark.parametrize("output", ["wide", "yaml", "csv", "markdown", "html"])
def test_every_format_tells_the_same_plan(output, plan_file):
    answer = planner("recommend", *SAMPLE, "-o", output)
    assert answer.returncode == 0, answer.stderr
    plan = read_plan(plan_file)
    if output == "yaml":
        assert Plan.model_validate(yaml.safe_load(answer.stdout)).plan_id == plan.plan_id
    elif output == "csv":
        assert len(list(csv.DictReader(io.StringIO(answer.stdout)))) == len(plan.recommendations)
    else:
        assert plan.plan_id in answer.stdout
        assert all(r.target.name in answer.stdout for r in plan.recommendations[:5])


def test_the_same_snapshot_gives_the_same_plan(plan_file):
    again = json.loads(planner("recommend", *SAMPLE, "-o", "json").stdout)
    first = json.loads(plan_file.read_text())
    assert {k: v for k, v in again.items() if k != "created_at"} == {
        k: v for k, v in first.items() if k != "created_at"
    }


def test_export_writes_patches(tmp_path):
    answer = planner("recommend", *SAMPLE, "--export", str(tmp_path / "out"))
    assert answer.returncode == 0
    assert "patches of" in answer.stderr
    assert (tmp_path / "out" / "inference" / "kustomization.yaml").is_file()


def test_scope_by_namespace_and_selector():
    only = json.loads(planner("recommend", "--sample", "-n", "data", "-o", "json").stdout)
    assert {r["target"]["namespace"] for r in only["recommendations"]} == {"data"}
    assert only["scope"]["namespaces"] == ["data"]
    nothing = planner("recommend", "--sample", "-l", "app=there-is-none")
    assert nothing.returncode == 4
    assert nothing.stdout == ""


def test_exit_code_10_when_there_is_something_to_change():
    assert planner("recommend", *SAMPLE, "--exit-code").returncode == 10


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("recommend", "--snapshot", "/nowhere"), 1, "no snapshot here"),
        (("recommend", "--sample", "--snapshot", "x"), 2, "keep one"),
        (("recommend", "--sample", "--policy", "/nowhere.yaml"), 2, "nowhere.yaml"),
        (("recommend", "--sample", "-l", "a b"), 2, "label selector"),
        (("explain", "web", "--sample"), 2, "NAMESPACE/KIND/NAME"),
        (("explain", "a/b/c", "--sample"), 2, "nothing is known of a/b/c"),
        (("explain", "a/b/c"), 2, "no snapshot is named"),
        (("collect", "--out", "x", "--no-kubernetes"), 2, "give --prometheus URL"),
        (("collect", "--out", "x", "--no-kubernetes", "--prometheus", "ftp://x"), 2, "http"),
        (("collect", "--out", "x", "--no-kubernetes", "--prometheus", "http://127.0.0.1:1"), 1, "127.0.0.1:1"),
        (("collect", "--out", "x", "--kubeconfig", "/nowhere", "--prometheus", "http://127.0.0.1:1"), 2, "kubeconfig"),
        (("recommend", "--sample", "-o", "xml"), 2, "xml"),
        (("policy", "check", "/nowhere.yaml"), 2, "nowhere.yaml"),
    ],
)
def test_errors_are_one_line_on_stderr_with_an_exit_code(tmp_path, arguments, code, message):
    answer = planner(*arguments, cwd=tmp_path)
    assert answer.returncode == code, answer.stderr
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_explain_tells_the_story_and_the_refusals(plan_file):
    told = planner("explain", "inference/deployment/embedding-service", *SAMPLE)
    assert told.returncode == 0, told.stderr
    assert "hpa_on_same_metric" in told.stdout
    assert "requests.memory" in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80
    from_plan = planner("explain", "inference/deployment/embedding-service", "--plan", str(plan_file))
    assert "requests.memory" in from_plan.stdout
    plain = planner("explain", "inference/deployment/embedding-service", *SAMPLE, "--ascii")
    assert plain.stdout.isascii()


def test_a_policy_changes_the_plan_and_show_tells_where_a_value_comes_from(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("namespaces: {inference: {requests: {cpu_min: 3}}}\n")
    assert planner("policy", "check", str(policy)).returncode == 0
    plan = json.loads(planner("recommend", "--sample", "--policy", str(policy), "-n", "inference", "-o", "json").stdout)
    target = "inference/StatefulSet/vector-db"
    (change,) = [
        r
        for r in plan["recommendations"]
        if r["target"]["name"] == "vector-db" and r["target"]["container"] == "vector-db"
    ]
    assert change["proposed"]["requests"]["cpu"] == "3"
    shown = planner(
        "policy", "show", "--policy", str(policy), "--effective", target, "--snapshot", "data/samples/ml-platform"
    )
    assert shown.returncode == 0, shown.stderr
    assert "namespace inference" in shown.stdout


def test_doctor_names_what_is_missing_and_its_cure(tmp_path):
    answer = planner("doctor", "--no-kubernetes", "--prometheus", "http://127.0.0.1:1")
    assert answer.returncode == 1
    assert "FAIL" in answer.stdout
    assert "fix:" in answer.stdout
    assert "Traceback" not in answer.stderr


def test_help_imports_nothing_heavy():
    code = (
        "import sys, planner.cli.main\n"
        "heavy = {'pandas', 'scipy', 'kubernetes', 'numpy', 'pyarrow', 'pulp', 'streamlit', 'pydantic', 'requests'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]"


def test_every_command_has_help():
    for command in (
        (),
        ("collect",),
        ("recommend",),
        ("explain",),
        ("backtest",),
        ("doctor",),
        ("policy",),
        ("version",),
    ):
        answer = planner(*command, "--help")
        assert answer.returncode == 0
        assert "Usage" in answer.stdout
