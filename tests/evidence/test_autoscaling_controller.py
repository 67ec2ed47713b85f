"""Corners of the controller that no conformance table shows."""

import pytest

from planner.evidence.autoscaling.behaviour import Behaviour, Event, Policy, ScalingRules, default_down, scale_up_limit
from planner.evidence.autoscaling.calculator import Tolerance, plain_average, resource_utilization, value_target
from planner.evidence.autoscaling.controller import ControllerFlags, HpaSpec, Memory, sync
from planner.evidence.autoscaling.metrics import ResourceMetric
from planner.evidence.autoscaling.pods import MetricError, Pod, Readiness

READINESS = Readiness()


def busy(count, usage_m, **more):
    return [Pod(f"pod-{n}", request_m=1000, usage_m=usage_m, **more) for n in range(count)]


def test_before_v1_33_a_ratio_of_exactly_1_1_was_outside():
    pods = busy(10, 550)
    new = resource_utilization(10, 50, Tolerance(), pods, readiness=READINESS)
    old = resource_utilization(10, 50, Tolerance(before_v1_33=True), pods, readiness=READINESS)
    assert (new.replicas, old.replicas) == (10, 11)


@pytest.mark.parametrize(
    ("pods", "message"),
    [
        ([Pod("a", request_m=10)], "no metrics returned from resource metrics API"),
        ([], "no metrics returned from resource metrics API"),
        ([Pod("a", usage_m=5)], "missing request for cpu"),
        (busy(2, 5, phase="Failed"), "did not receive metrics for targeted pods"),
    ],
)
def test_why_a_resource_metric_fails(pods, message):
    with pytest.raises(MetricError, match=message):
        resource_utilization(1, 50, Tolerance(), pods, readiness=READINESS)


def test_a_request_missing_in_an_ignored_pod_fails_the_metric_too():
    with pytest.raises(MetricError, match="missing request"):
        resource_utilization(2, 50, Tolerance(), [*busy(2, 900), Pod("gone", is_deleted=True)], readiness=READINESS)


def test_an_outside_metric_without_samples_fails():
    with pytest.raises(MetricError, match="external metrics API"):
        value_target(2, 2, 10, Tolerance(), [])


def test_missing_pods_are_left_out_where_the_ratio_is_exactly_one():
    """10 and 10 of 10 with one missing: 2 pods counted, within tolerance: stay at 3."""
    pods = [Pod("a", usage_m=10), Pod("b", usage_m=10), Pod("c")]
    assert plain_average(3, 10, Tolerance(0.0, 0.0), pods, readiness=READINESS).replicas == 3


def test_a_restarted_controller_waits_before_it_scales_down():
    """The first sync logs the present size, which blocks the way down for the window: 300 s old it is still inside,
    without ``spec.behavior``; with it, it is not.
    """
    memory = {None: Memory(), Behaviour(): Memory()}
    seen = {}
    for behaviour, remembered in memory.items():
        spec = HpaSpec(1, 9, behaviour)
        seen[behaviour] = [
            sync(
                spec, ControllerFlags(), remembered, [ResourceMetric(busy(4, 100), 50)],
                spec_replicas=4, status_replicas=4, now_seconds=now,
            ).replicas
            for now in (0.0, 285.0, 300.0, 315.0)
        ]  # fmt: skip
    assert seen[None] == [4, 4, 4, 1]
    assert seen[Behaviour()] == [4, 4, 1, 1]


def test_an_up_event_overwritten_early_is_forgotten_by_the_other_direction():
    """Up periods of 15 s let the second event take the slot of the first, which a policy down of 60 s still reads."""
    spec = HpaSpec(1, 50, Behaviour(down=ScalingRules((Policy(False, 4, 60.0),), 0.0)))
    memory = Memory()
    for now, current, usage in ((0.0, 4, 1000), (30.0, 8, 1000)):
        sync(
            spec, ControllerFlags(), memory, [ResourceMetric(busy(current, usage), 50)],
            spec_replicas=current, status_replicas=current, now_seconds=now,
        )  # fmt: skip
    assert [(event.value, event.time_seconds) for event in memory.ups] == [(8, 30.0)]


def test_an_event_that_is_as_old_as_the_period_no_longer_counts():
    rules = ScalingRules((Policy(False, 4, 60.0),), 0.0)
    assert scale_up_limit(10, [Event(4, 0.0)], [], rules, 60.0) == 14
    assert scale_up_limit(10, [Event(4, 0.0)], [], rules, 59.0) == 10
    assert default_down(5.0).window_seconds == 5.0


def test_metrics_are_not_read_outside_of_the_bounds():
    failing = [ResourceMetric([], 50, has_failed=True)]
    for replicas, expected in ((9, 5), (1, 2)):
        answer = sync(
            HpaSpec(2, 5), ControllerFlags(), Memory(), failing,
            spec_replicas=replicas, status_replicas=replicas, now_seconds=0.0,
        )  # fmt: skip
        assert (answer.replicas, answer.has_error) == (expected, False)
