import json
from datetime import UTC, datetime

import pytest

from planner.errors import PlanFileError
from planner.plan.files import document_json, read_plan, recommendation_id, with_id, write_plan
from planner.plan.frozen import Target
from planner.plan.schema import Bill, Plan, Window

MOMENT = datetime(2026, 1, 5, tzinfo=UTC)


def plan(**changes) -> Plan:
    bill = Bill(currency="USD", basis="requests", current_per_month=10.0, planned_per_month=4.0, nodes_per_month=20.0)
    window = Window(start=MOMENT, end=MOMENT, step_seconds=300)
    values = {"cluster": "toy", "snapshot_id": "s", "window": window, "policy_id": "p", "policy": {}, "bill": bill}
    return with_id(Plan(**(values | changes)))


def test_what_is_written_is_read(tmp_path):
    write_plan(plan(), tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == plan()
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_creation_time_and_version_are_outside_the_hash():
    assert plan(created_at=MOMENT, planner_version="9").plan_id == plan().plan_id
    assert plan(cluster="other").plan_id != plan().plan_id


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read the plan"),
        ("{", "not JSON"),
        ("[]", "not a plan of this program"),
        ('{"schema_version": "1.0"}', "not a plan of this program"),
        ('{"schema_version": "2.0", "plan_id": "x"}', "schema version '2.0'"),
        ('{"schema_version": "1.0", "plan_id": "x"}', "damaged plan"),
        ("tampered", "changed after it was written"),
    ],
)
def test_what_is_no_plan_is_refused_by_one_line(tmp_path, content, message):
    path = tmp_path / "plan.json"
    if content == "tampered":
        document = json.loads(document_json(plan()))
        document["bill"]["planned_per_month"] = 1.0
        content = json.dumps(document)
    if content is not None:
        path.write_text(content)
    with pytest.raises(PlanFileError, match=message) as caught:
        read_plan(path)
    assert "\n" not in str(caught.value)


def test_ids_follow_kind_and_target_only():
    target = Target(cluster="c", api_version="apps/v1", kind="Deployment", namespace="n", name="w", container="app")
    same = Target(**target.model_dump())
    assert recommendation_id("requests", target) == recommendation_id("requests", same)
    assert recommendation_id("autoscaler", target) != recommendation_id("requests", target)


def test_a_plan_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(PlanFileError, match="cannot write the plan"):
        write_plan(plan(), tmp_path / "missing" / "plan.json")
