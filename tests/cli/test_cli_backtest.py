"""``planner backtest`` as a user runs it: the answer on stdout, one clear line on stderr where there is none."""

import csv
import io
import json

import jsonschema
import numpy as np
import pytest
from fakes.command_line import ROOT, planner
from fakes.snapshots import STEPS, make_snapshot, workload

from planner.plan.backtest import BacktestReport
from planner.service import sample_folder
from planner.snapshot.header import Metric


def snapshot_of(folder, days: int):
    """One container that uses 200m and 200 MB all the time."""
    steady = {Metric.CPU: np.full(days * STEPS, 0.2), Metric.MEMORY: np.full(days * STEPS, 2e8)}
    make_snapshot(folder, [workload()], {("shop", "web-0", "app"): steady})
    return str(folder)


@pytest.fixture(scope="module")
def report():
    answer = planner("backtest", "--sample", "-o", "json")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    jsonschema.validate(json.loads(answer.stdout), json.loads((ROOT / "docs" / "backtest.schema.json").read_text()))
    return BacktestReport.model_validate_json(answer.stdout)


def test_json_holds_the_planner_today_and_every_baseline_as_they_come(report):
    assert report.synthetic
    assert len(report.folds) == 3
    assert all(outcome.is_default for outcome in report.outcomes)
    for resource in ("cpu", "memory"):
        methods = [o.method for o in report.outcomes if o.resource == resource]
        assert methods == ["planner", "today", "vpa", "krr-simple", "autopilot-window", "fixed"]


def test_the_table_fits_80_columns_and_tells_the_same(report):
    answer = planner("backtest", "--sample")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert max(map(len, answer.stdout.splitlines())) <= 80
    assert "made up" in answer.stdout
    for outcome in report.outcomes:
        assert f"\n{outcome.method} " in answer.stdout
        assert f"{outcome.reserved_hours:,.0f}" in answer.stdout
    for note in report.notes:
        assert note[:60] in " ".join(answer.stdout.split())


def test_csv_with_the_frontier_has_every_setting_and_the_same_defaults(report):
    answer = planner("backtest", "--sample", "-o", "csv", "--frontier", "--method", "vpa", "--method", "fixed")
    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    assert {row["method"] for row in rows} == {"planner", "today", "vpa", "fixed"}
    defaults = {(r["resource"], r["method"]): float(r["reserved_hours"]) for r in rows if r["is_default"] == "true"}
    known = {(o.resource, o.method): o.reserved_hours for o in report.outcomes}
    assert len(defaults) == 8
    assert all(value == pytest.approx(known[key], rel=1e-5) for key, value in defaults.items())
    assert sum(row["method"] == "vpa" and row["resource"] == "cpu" for row in rows) > 5


def test_containers_add_up_to_the_totals():
    """What every container reserved is not listed, but its days and incidents are: their sums are the rule's."""
    answer = planner("backtest", "--sample", "-o", "json", "--per-container", "--method", "vpa", "-n", "data")
    assert answer.returncode == 0, answer.stderr
    report = BacktestReport.model_validate_json(answer.stdout)
    assert {(o.resource, o.method) for o in report.outcomes} == {(c.resource, c.method) for c in report.containers}
    for outcome in report.outcomes:
        own = [c for c in report.containers if (c.resource, c.method) == (outcome.resource, outcome.method)]
        assert len(own) == outcome.containers
        assert sum(c.days for c in own) == pytest.approx(outcome.container_days)
        assert sum(c.incident_days for c in own) == pytest.approx(outcome.incident_days)
        assert sum(c.shortage_core_seconds for c in own) == pytest.approx(outcome.shortage_core_seconds, rel=1e-4)


def test_the_page_draws_dials_without_being_asked():
    answer = planner("backtest", "--sample", "-o", "html", "--method", "vpa", "-n", "data")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.count("<svg") == 3  # CPU, CPU as the policy weighs it, memory
    assert "price of risk x 64" in answer.stdout
    assert "percentile=0.5" in answer.stdout
    assert "krr-simple" not in answer.stdout


def test_scope_limits_what_is_judged(report):
    answer = planner("backtest", "--sample", "-o", "json", "-n", "data", "--method", "vpa")
    only = BacktestReport.model_validate_json(answer.stdout)
    assert only.worst
    assert {line.target.namespace for line in only.worst} == {"data"}
    assert only.outcomes[0].containers < report.outcomes[0].containers


def test_the_shortest_history_that_has_a_fold(tmp_path):
    """Five days: three to train on and two to judge. A constant use of 0.2 cores is never short of what it sized."""
    answer = planner("backtest", "--snapshot", snapshot_of(tmp_path / "five", 5), "-o", "json")
    assert answer.returncode == 0, answer.stderr
    report = BacktestReport.model_validate_json(answer.stdout)
    [fold] = report.folds
    assert ((fold.train_end - fold.train_start).days, (fold.test_end - fold.train_end).days) == (3, 2)
    ours = report.outcomes[0]
    assert (ours.method, ours.container_days, ours.shortage_core_seconds) == ("planner", 2.0, 0.0)
    assert ours.changes_per_day is None


@pytest.mark.parametrize(("days", "words"), [(4, "4 days of usage"), (1, "1 day of usage"), (0, "0 days of usage")])
def test_too_short_a_history_says_what_it_needs(tmp_path, days, words):
    answer = planner("backtest", "--snapshot", snapshot_of(tmp_path / "s", days))
    assert answer.returncode == 4
    assert_one_line(answer, words, "a backtest needs 5")


def test_a_broken_folder_is_named(tmp_path):
    empty, damaged, missing = tmp_path / "empty", tmp_path / "damaged", tmp_path / "missing"
    empty.mkdir()
    snapshot_of(damaged, 6)
    next(damaged.rglob("cpu_cores-*.parquet")).write_bytes(b"PAR1 and then nonsense")
    snapshot_of(missing, 6)
    next(missing.rglob("memory_bytes-*.parquet")).unlink()
    for folder in (empty, damaged, missing):
        answer = planner("backtest", "--snapshot", str(folder))
        assert answer.returncode == 1
        assert_one_line(answer, str(folder))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--sample", "--method", "crystal\x1b[2Jball"), 2, "one of vpa, krr-simple, autopilot-window, fixed"),
        (("--sample", "--per-container"), 2, "add -o json or -o csv"),
        ((), 2, "no snapshot is named"),
        (("--sample", "--snapshot", "x"), 2, "keep one"),
        (("--snapshot", "/nowhere"), 1, "no snapshot here"),
        (("--sample", "--policy", "/nowhere.yaml"), 2, "nowhere.yaml"),
        (("--sample", "-l", "a b"), 2, "label selector"),
        (("--sample", "-n", "there-is-none"), 4, "no workload matches"),
        (("--sample", "-l", "app=there-is-none"), 4, "no workload matches"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(tmp_path, arguments, code, message):
    answer = planner("backtest", *arguments, cwd=tmp_path)
    assert answer.returncode == code, answer.stderr
    assert_one_line(answer, message)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_bad_usage():
    answer = planner("backtest", "--sample", "-o", "xml")
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "xml" in answer.stderr


def assert_one_line(answer, *parts: str) -> None:
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.strip("\n").isprintable()
    for part in parts:
        assert part in answer.stderr


def test_the_sample_is_read_and_never_written():
    before = {path: path.stat().st_mtime_ns for path in sample_folder().rglob("*")}
    assert planner("backtest", "--sample", "-n", "data", "--method", "fixed").returncode == 0
    assert {path: path.stat().st_mtime_ns for path in sample_folder().rglob("*")} == before
