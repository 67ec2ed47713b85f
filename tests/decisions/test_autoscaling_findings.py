"""Today's autoscalers read, and what is wrong with them, each on a case by hand."""

import numpy as np
import pytest

from planner.decisions.autoscaling import findings
from planner.decisions.autoscaling.current import behaviour_of, setting_of
from planner.domain.policy_objects import Autoscaler, ScalingMetric
from planner.domain.workload import Container, ContainerRole, Resources
from planner.evidence.autoscaling.behaviour import DEFAULT_UP, Policy, default_down

CPU = ScalingMetric("Resource", "cpu", "Utilization", 60.0)


def autoscaler(*metrics, kind="HorizontalPodAutoscaler", low=2, high=9, behavior=None, **more):
    return Autoscaler(
        "c", "shop", kind, "web", "autoscaling/v2", "Deployment", "web", low, high, metrics, behavior, **more
    )


def test_an_absent_behavior_is_not_the_defaults():
    assert behaviour_of(None) is None
    assert behaviour_of({}).up == DEFAULT_UP
    assert behaviour_of({}, 120.0).down == default_down(120.0)


def test_fields_that_are_set_replace_defaults_whole():
    found = behaviour_of(
        {
            "scaleUp": {"tolerance": "50m"},
            "scaleDown": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Min",
                "policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}],
            },
        }
    )
    assert found.up.policies == DEFAULT_UP.policies
    assert found.up.tolerance == pytest.approx(0.05)
    assert found.down.policies == (Policy(False, 2, 60.0),)
    assert (found.down.window_seconds, found.down.select) == (0.0, "Min")


def test_a_cpu_autoscaler_becomes_a_setting():
    found = setting_of(autoscaler(CPU, low=None), 500, 1000)
    assert (found.target_percent, found.minimum, found.maximum, found.behaviour) == (60, 1, 9, None)
    assert setting_of(autoscaler(), 500, 1000).target_percent == 80


@pytest.mark.parametrize(
    ("given", "request_m", "reason"),
    [
        (autoscaler(kind="ScaledObject"), 500, "own triggers"),
        (autoscaler(ScalingMetric("External", "queue", "AverageValue", 5.0)), 500, "queue"),
        (autoscaler(CPU, ScalingMetric("Resource", "memory", "Utilization", 80.0)), 500, "several metrics"),
        (autoscaler(CPU, high=None), 500, "maximum is not known"),
        (autoscaler(CPU, low=10), 500, "cannot be held"),
        (autoscaler(CPU, low=0), 500, "cannot be held"),
        (autoscaler(CPU), 0, "request no CPU"),
    ],
)
def test_what_cannot_be_replayed_is_named(given, request_m, reason):
    assert reason in setting_of(given, request_m, 1000)


def test_dead_target_at_limit_equal_request():
    """1 / 1.1 = 90.9 %."""
    assert findings.dead_target(90, 1.0, 1.0) is None
    assert findings.dead_target(91, 1.0, 1.0).figures["highest_live_percent"] == pytest.approx(90.909, abs=1e-3)


def test_requests_missing_in_any_container_but_init_ones():
    containers = [
        Container("wait", ContainerRole.INIT),
        Container("app", requests=Resources(1.0, 2**30)),
        Container("proxy", ContainerRole.SIDECAR, requests=Resources(None, 2**20)),
    ]
    assert "proxy" in findings.missing_requests(containers, "cpu").message
    assert findings.missing_requests(containers, "memory") is None
    assert findings.missing_requests(containers, "cpu", only="app") is None


def test_selectors_that_overlap():
    (found,) = findings.overlapping_selectors({"a": ["p1", "p2"], "b": ["p2"], "c": ["p3"]})
    assert found.message.startswith("a and b ")


def test_memory_pins_where_idle_pods_hold_the_count():
    """Idle 60 % of the threshold: stays at n while (n-1)/n < 0.6, so up to 1/(1-0.6) = 2.5, two pods."""
    assert findings.memory_that_pins(480.0, 80.0, 1000.0).figures["stuck_replicas"] == 2
    assert findings.memory_that_pins(900.0, 80.0, 1000.0).figures["stuck_replicas"] == np.inf
    assert findings.memory_that_pins(300.0, 80.0, 1000.0) is None


def test_a_maximum_that_was_reached():
    record = np.array([5.0] * 996 + [9.0] * 3 + [np.nan])
    assert findings.always_at_maximum(record, 9).figures["share"] == pytest.approx(3 / 999)
    assert findings.always_at_maximum(record, 10) is None
    assert findings.always_at_maximum(np.array([np.nan]), 1) is None


def test_signals_that_do_not_tell_the_load():
    metrics = (
        ScalingMetric("Pods", "DCGM_FI_DEV_GPU_UTIL", "AverageValue", 80.0),
        ScalingMetric("External", "queue_length", "Value", 100.0),
        ScalingMetric("External", "queue_length", "AverageValue", 10.0),
    )
    assert [one.kind for one in findings.useless_signals(autoscaler(*metrics))] == [
        "gpu_utilisation",
        "value_compounds",
    ]


@pytest.mark.parametrize(("mode", "count"), [("Auto", 1), ("Off", 0)])
def test_a_vertical_autoscaler_on_the_same_target(mode, count):
    vertical = autoscaler(kind="VerticalPodAutoscaler", update_mode=mode)
    assert len(findings.scaled_twice(autoscaler(CPU), [vertical])) == count


def test_a_quota_that_refuses_pods_of_the_maximum():
    """(9 + 1) * 2 = 20 cores of 15: seven pods fit, one of them the surge."""
    found = findings.quota_below_maximum(9, 1, 2.0, 15.0, "requests.cpu")
    assert "maxReplicas to 6" in found.fix
    assert "3 pods would not be created" in found.message
    assert findings.quota_below_maximum(9, 1, 2.0, 20.0, "requests.cpu") is None


def test_a_peak_at_the_same_hour():
    day = np.full(24, 10.0)
    day[9:17] = 40.0
    found = findings.predictable_peak(np.tile(day, 5), 24)
    assert "09:00" in found.message
    assert found.figures == {"covered": 5, "rises": 5}
    rolled = np.concatenate([np.roll(day, 3 * n) for n in range(5)])
    assert findings.predictable_peak(rolled, 24) is None
    assert findings.predictable_peak(day, 24) is None
