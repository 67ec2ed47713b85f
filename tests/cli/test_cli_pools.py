"""Node pools as a user meets them: the plan, its tables, explanations, files, and what-ifs."""

import csv
import io
import json

import pytest
import yaml
from fakes.command_line import planner

from planner.plan.files import read_plan
from planner.reports.render import render

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: new-model, namespace: inference}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - {name: model, image: m, resources: {requests: {cpu: "2", memory: 8Gi}, limits: {nvidia.com/gpu: 1}}}
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]
"""


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pools")
    answer = planner("recommend", "--sample", "-o", "json", "--export", str(folder / "patches"))
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count("\n") == 1  # the line of the export, and nothing of the solver
    (folder / "plan.json").write_text(answer.stdout)
    return folder / "plan.json"


@pytest.fixture(scope="module")
def plan(plan_file):
    return read_plan(plan_file)


def test_the_bill_is_one_of_nodes_and_adds_up(plan):
    bill = plan.bill
    assert bill.basis == "nodes"
    assert 0 < bill.lower_bound_per_month <= bill.planned_per_month < bill.current_per_month
    assert bill.gap == pytest.approx(bill.planned_per_month / bill.lower_bound_per_month - 1, abs=1e-5)
    assert bill.gap < 0.1
    saved = bill.current_per_month - bill.planned_per_month
    assert bill.saving_by_packing_per_month + bill.saving_by_sizing_per_month == pytest.approx(saved, abs=0.011)
    assert sum(r.saving_per_month for r in plan.recommendations) == pytest.approx(saved, abs=0.011)
    assert sum(row.cost_per_month for row in plan.pools) == pytest.approx(bill.planned_per_month, abs=0.1)
    today = sum(row.nodes_now * row.price_per_hour * 730 for row in plan.pools)
    assert today == pytest.approx(bill.current_per_month, rel=1e-6)


def test_every_zone_has_a_certificate(plan):
    assert [loss.zone for loss in plan.zone_loss] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    for loss in plan.zone_loss:
        assert loss.survives
        assert loss.unplaced_protected_pods == 0
        assert loss.nodes_lost == sum(row.nodes for row in plan.pools if row.zone == loss.zone)
        assert loss.moves
        assert not any(f"/{loss.zone}" in move.to_pool for move in loss.moves)


def test_steps_lead_from_today_to_the_plan_and_add_first(plan):
    nodes = {(r.pool, r.instance_type, r.purchase, r.zone): r.nodes_now for r in plan.pools}
    changes = plan.pool_plan.changes
    for change in changes:
        key = (change.pool, change.instance_type, change.purchase, change.zone)
        nodes[key] += change.nodes if change.action == "add" else -change.nodes
    assert nodes == {(r.pool, r.instance_type, r.purchase, r.zone): r.nodes for r in plan.pools}
    assert [change.action for change in changes] == sorted(change.action for change in changes)
    assert [change.order for change in changes] == list(range(1, len(changes) + 1))


def test_reports_show_pools_within_80_columns(plan):
    text = render(plan, "table", width=80, color=False, top=3)
    assert max(map(len, text.splitlines())) <= 80
    assert "no plan costs less than" in text
    assert "Loss of a zone" in text
    for output in ("markdown", "html"):
        text = render(plan, output, width=None, color=False, top=3)
        assert "Node pools" in text
        assert "us-east-1c" in text
    rows = list(csv.DictReader(io.StringIO(render(plan, "csv", width=None, color=False, top=3))))
    assert {row["what"] for row in rows} == {"requests", "autoscaler", "node_pool"}


def test_explain_tells_of_a_pool_and_of_a_zone(plan_file):
    told = planner("explain", "pool/general", "--plan", str(plan_file))
    assert told.returncode == 0, told.stderr
    assert "Node pool general" in told.stdout
    assert "Considered, and not taken" in told.stdout
    zone = planner("explain", "zone/us-east-1b", "--plan", str(plan_file))
    assert "Loss of zone us-east-1b: survives" in zone.stdout
    assert max(map(len, (told.stdout + zone.stdout).splitlines())) <= 80
    for name in ("pool/nothing", "zone/nothing"):
        unknown = planner("explain", name, "--plan", str(plan_file))
        assert unknown.returncode == 2
        assert "the plan has no" in unknown.stderr


def test_exported_files_of_pools(plan_file, plan):
    folder = plan_file.parent / "patches" / "_node-pools"
    table = yaml.safe_load((folder / "node-pools.yaml").read_text())["node_pools"]
    assert [(row["pool"], row["zone"], row["nodes"]) for row in table] == [
        (r.pool, r.zone, r.nodes) for r in plan.pools
    ]
    groups = json.loads((folder / "node-pools.auto.tfvars.json").read_text())["node_pools"]
    assert len(groups) == len(table)
    operations = yaml.safe_load((folder / "nodepool-compute-spot.json6902.yaml").read_text())
    assert {operation["op"] for operation in operations} == {"add"}
    assert {operation["value"]["key"] for operation in operations} >= {"node.kubernetes.io/instance-type"}
    limits = yaml.safe_load((folder / "nodepool-compute-spot.merge.yaml").read_text())
    assert set(limits["spec"]["limits"]) == {"cpu", "memory"}


def test_a_what_if_of_another_workload(tmp_path):
    (tmp_path / "new.yaml").write_text(MANIFEST)
    policy = tmp_path / "policy.yaml"
    policy.write_text("node_pools: {periods: 1, only_todays_types: true}\n")
    answer = planner(
        "simulate", "--sample", "--policy", str(policy), "--add-workload", str(tmp_path / "new.yaml"), "-o", "json"
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["question"] == ["inference/Deployment/new-model runs besides"]
    assert told["after"]["pods"] == told["before"]["pods"] + 2
    assert told["after"]["cost_per_month"] >= told["before"]["lower_bound_per_month"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--lose-zone", "mars"), "no node is in zone"),
        (("--growth", "0"), "growth"),
        (("--add-workload", "/nowhere.yaml"), "cannot read the manifest"),
        (("--price-file", "/nowhere.csv"), "nowhere.csv"),
    ],
)
def test_questions_that_cannot_be_asked(arguments, message):
    answer = planner("simulate", "--sample", *arguments)
    assert answer.returncode in (1, 2)
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
