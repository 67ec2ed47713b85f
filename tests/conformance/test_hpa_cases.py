"""The autoscaler controller against tables of facts about the real one, one test per case.

Every ``hpa*.json`` of the folder in ``PLANNER_CASES_DIR`` (default ``tests/conformance/cases``) is
read; a file that cannot be read, an empty table or an unknown group fails. The tables tell their
source and licence.
"""

import json
import os
from pathlib import Path

import pytest
from conformance import hpa_case_inputs as inputs

from planner.evidence.autoscaling.behaviour import (
    changed_within,
    limit_legacy,
    limit_rate,
    scale_down_limit,
    scale_up_limit,
    stabilise,
    stabilise_legacy,
    store_event,
)
from planner.evidence.autoscaling.calculator import (
    per_pod_target,
    per_pod_usage,
    plain_average,
    resource_utilization,
    value_target,
)
from planner.evidence.autoscaling.controller import sync
from planner.evidence.autoscaling.pods import MetricError, group_pods, pod_request

FOLDER = Path(os.environ.get("PLANNER_CASES_DIR") or Path(__file__).parent / "cases")
NOW = inputs.NOW_SECONDS


def _resource_utilization(given):
    answer = resource_utilization(
        given["current_replicas"], given["target_utilization"], inputs.tolerance(given["tolerance"]),
        inputs.pods(given), resource=given.get("resource", "cpu"), readiness=inputs.CALCULATOR,
        extra_usages_m=inputs.extra(given),
    )  # fmt: skip
    return {
        "replicas": answer.replicas,
        "utilization_percent": answer.utilization_percent,
        "raw_average_m": answer.usage_m,
    }


def _pods_metric(given):
    answer = plain_average(
        given["current_replicas"], given["target_average_m"], inputs.tolerance(given["tolerance"]), inputs.pods(given),
        resource=given.get("resource", ""), readiness=inputs.CALCULATOR, extra_usages_m=inputs.extra(given),
    )  # fmt: skip
    return {"replicas": answer.replicas, "usage_average_m": answer.usage_m}


def _value_metric(given):
    answer = value_target(
        given["current_replicas"], given["ready_pods"], given["target_value_m"], inputs.tolerance(given["tolerance"]),
        given["values_m"],
    )  # fmt: skip
    return {"replicas": answer.replicas, "usage_m": answer.usage_m}


def _per_pod_metric(given):
    answer = per_pod_target(
        given["status_replicas"], given["target_average_m"], inputs.tolerance(given["tolerance"]), given["values_m"]
    )
    return {"replicas": answer.replicas, "usage_average_m": answer.usage_m}


def _per_pod_usage(given):
    return {"usage_average_m": per_pod_usage(given["usage_m"], given["status_replicas"])}


def _group_pods(given):
    constants = inputs.Readiness(given["cpu_initialization_period_s"], given["initial_readiness_delay_s"])
    groups = group_pods(inputs.pods(given), given["resource"], constants)
    return {
        "ready_pod_count": groups.ready_count,
        "unready": sorted(groups.unready),
        "missing": sorted(groups.missing),
        "ignored": sorted(groups.ignored),
    }


def _pod_request(given):
    request_m = pod_request(
        "test-pod", given.get("resource", "cpu"), inputs.containers(given["containers"]),
        inputs.containers(given.get("init_containers")), container=given.get("container", ""),
        pod_level_m=given.get("pod_level_request_m") if given.get("pod_level_resources_gate", True) else None,
    )  # fmt: skip
    return {"request_m": request_m}


def _limit_without_behavior(given):
    replicas, reason = limit_legacy(
        given["current"], given["desired"], given["min"], given["max"],
        given["scale_up_limit_factor"], given["scale_up_limit_minimum"],
    )  # fmt: skip
    return {"replicas": replicas, "reason": reason}


def _limit(given, of, default):
    ups, downs = inputs.events(given["scale_up_events"]), inputs.events(given["scale_down_events"])
    return {"limit": of(given["current"], ups, downs, inputs.rules(given["rules"], default), NOW)}


def _scale_up_limit(given):
    return _limit(given, scale_up_limit, inputs.DEFAULT_UP)


def _scale_down_limit(given):
    return _limit(given, scale_down_limit, inputs.default_down())


def _rate_limit_with_behavior(given):
    replicas, reason = limit_rate(
        given["current"], given["desired"], given["min"], given["max"],
        inputs.behaviour(given["scale_up"], given["scale_down"]),
        inputs.events(given["scale_up_events"]), inputs.events(given["scale_down_events"]), NOW,
    )  # fmt: skip
    return {"replicas": replicas, "reason": reason}


def _store_scale_event(given):
    log = inputs.events(given["previous_events"])
    changed = changed_within(log, 60.0, NOW)
    if given["rules"] is not None:
        store_event(log, given["replica_change"], inputs.rules(given["rules"], inputs.DEFAULT_UP), NOW)
    after = [{"change": event.value, "outdated": event.is_outdated} for event in log]
    return {"replicas_changed_in_last_60s_before": changed, "events_after": after}


def _stabilize_without_behavior(given):
    log = inputs.recommendations(given["recommendations"])
    replicas = stabilise_legacy(log, given["desired"], given.get("downscale_stabilization_s", 300), NOW)
    return {"replicas": replicas, "log_length": len(log)}


def _stabilize_with_behavior(given):
    log = inputs.recommendations(given["recommendations"])
    replicas = stabilise(
        log, given["current"], given["desired"], given["scale_up_stabilization_s"], given["scale_down_stabilization_s"],
        NOW,
    )  # fmt: skip
    return {"replicas": replicas, "recommendation_values_after": [entry.value for entry in log]}


SELECTOR_REASONS = {
    None: "",
    "missing": "InvalidSelector",
    "unparsable": "InvalidSelector",
    "pods_selected_by_another_hpa": "AmbiguousSelector",
}


def _reconcile_once(given):
    answer = sync(
        inputs.spec_of(given), inputs.flags_of(given), inputs.memory_of(given),
        [inputs.metric(one) for one in given["metrics"]],
        spec_replicas=given["spec_replicas"], status_replicas=given["status_replicas"], now_seconds=NOW,
        was_scaled_to_zero=given.get("scaled_to_zero_condition", False),
        selector_reason=SELECTOR_REASONS[given.get("selector_problem")],
    )  # fmt: skip
    return {
        "desired_replicas": answer.replicas,
        "scale_updated": answer.is_updated,
        "error": answer.has_error,
        "conditions": answer.conditions,
    }


GROUPS = {
    "resource_utilization": _resource_utilization,
    "pods_metric": _pods_metric,
    "value_metric": _value_metric,
    "per_pod_metric": _per_pod_metric,
    "per_pod_usage": _per_pod_usage,
    "group_pods": _group_pods,
    "pod_request": _pod_request,
    "limit_without_behavior": _limit_without_behavior,
    "scale_up_limit": _scale_up_limit,
    "scale_down_limit": _scale_down_limit,
    "rate_limit_with_behavior": _rate_limit_with_behavior,
    "store_scale_event": _store_scale_event,
    "stabilize_without_behavior": _stabilize_without_behavior,
    "stabilize_with_behavior": _stabilize_with_behavior,
    "reconcile_once": _reconcile_once,
}


def _cases():
    """(case or the reason why there is none) for every case of every table."""
    found = []
    paths = sorted(FOLDER.glob("hpa*.json"))
    if not paths:
        found.append(pytest.param(f"no hpa*.json in {FOLDER}", id="no-table"))
    for path in paths:
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            derived = table.get("derived_cases", [])
            cases = [*table.get("cases", []), *(derived.get("cases", []) if isinstance(derived, dict) else derived)]
            params = [pytest.param(one, id=f"{path.stem}-{one['id']}-{one['fn']}") for one in cases]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            params = [pytest.param(f"{path.name} cannot be read: {problem!r}", id=f"{path.stem}-unreadable")]
        found += params or [pytest.param(f"{path.name} has no cases", id=f"{path.stem}-empty")]
    return found


@pytest.mark.parametrize("case", _cases())
def test_hpa_cases(case):
    if isinstance(case, str):
        pytest.fail(case)
    if case["fn"] not in GROUPS:
        pytest.fail(f"unknown group {case['fn']}")
    expected = dict(case["out"])
    if "error" in expected and case["fn"] != "reconcile_once":
        with pytest.raises(MetricError) as problem:
            GROUPS[case["fn"]](case["in"])
        assert expected["error"] in str(problem.value)
        return
    answer = GROUPS[case["fn"]](case["in"])
    if case["fn"] == "reconcile_once":
        expected.setdefault("error", False)
        conditions = expected.pop("conditions", {})
        assert {name: answer["conditions"].get(name) for name in conditions} == conditions
    if case["fn"] == "limit_without_behavior":
        with_two = expected.pop("replicas_with_production_factor_2", None)
        if with_two is not None:
            assert GROUPS[case["fn"]]({**case["in"], "scale_up_limit_factor": 2})["replicas"] == with_two
    if case["fn"] == "group_pods":
        expected = {name: sorted(value) if isinstance(value, list) else value for name, value in expected.items()}
    assert expected
    assert {name: answer[name] for name in expected} == expected
