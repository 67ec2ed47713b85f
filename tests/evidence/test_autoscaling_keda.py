"""ScaledObjects by hand: activation, cooldown only to zero, the owned autoscaler, fallback."""

import numpy as np
import pytest

from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.keda import Fallback, FallbackBehaviour, ScaledObject, replay_scaled_object

CHAIN = LatencyChain(pod_start_seconds=30.0)
QUEUE = ScaledObject((5000,), (2000,), maximum=10, polling_seconds=30.0, cooldown_seconds=60.0)


def replicas(values, spec=QUEUE, start=None):
    return replay_scaled_object(np.array(values, dtype=float), spec, CHAIN, start).desired.tolist()


def test_wakes_at_the_poll_after_the_activation_value_is_passed_not_reached():
    """2000 is not above 2000; at step 3 the trigger is active, the next poll is step 4; one pod at 3000 of 5000:
    ratio 0.6, ceil(3000/5000) = 1.
    """
    assert replicas([0, 2000, 2000, 3000, 3000, 3000]) == [0, 0, 0, 0, 1, 1]


def test_the_autoscaler_takes_over_above_one():
    """At the poll one pod; the sync at once asks for ceil(20000/5000) = 4, all allowed by the legacy limit of 4."""
    assert replicas([20_000, 20_000, 45_000]) == [4, 4, 8]


def test_cooldown_delays_only_the_move_to_zero():
    """From 4 the autoscaler's own window holds 4 for five minutes; KEDA goes to zero 60 s after the last active
    poll (step 2, 30 s): at 90 s it is not yet *over* 60 s, so at the poll of step 8, 120 s.
    """
    assert replicas([20_000] * 4 + [0] * 6) == [4] * 8 + [0, 0]


def test_with_a_minimum_of_one_it_never_reaches_zero_and_cooldown_does_nothing():
    spec = ScaledObject((5000,), (0,), minimum=1, maximum=10, cooldown_seconds=0.0)
    track = replicas([20_000] * 2 + [0] * 40, spec, 4)
    assert track[:22] == [4] * 22
    assert track[-1] == 1


def test_idle_replicas_rest_below_the_minimum():
    spec = ScaledObject((5000,), (0,), minimum=3, maximum=10, idle=0, cooldown_seconds=30.0)
    assert replicas([0, 0, 1000, 1000, 0, 0, 0, 0, 0, 0], spec) == [0, 0, 3, 3, 3, 3, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("behaviour", "start", "expected"),
    [
        (FallbackBehaviour.STATIC, 2, 6),
        (FallbackBehaviour.CURRENT, 2, 2),
        (FallbackBehaviour.CURRENT_IF_HIGHER, 7, 7),
        (FallbackBehaviour.CURRENT_IF_HIGHER, 2, 6),
        (FallbackBehaviour.CURRENT_IF_LOWER, 2, 2),
    ],
)
def test_fallback_after_more_failures_than_the_threshold(behaviour, start, expected):
    """Threshold 2: the third failure in a row counts as 6 replicas; from 2 the legacy path allows 4, then 6."""
    spec = ScaledObject((5000,), (0,), minimum=1, maximum=10, fallback=Fallback(2, 6, behaviour))
    track = replicas([np.nan] * 6, spec, start)
    assert track[:2] == [start, start]
    assert track[-1] == expected


def test_without_fallback_a_failed_trigger_changes_nothing():
    assert replicas([20_000, np.nan, np.nan, np.nan, np.nan, np.nan]) == [4] * 6


def test_pods_of_a_woken_workload_are_ready_after_their_start():
    assert replay_scaled_object(np.full(6, 4000.0), QUEUE, CHAIN).ready.tolist() == [0, 0, 1, 1, 1, 1]
