"""Figures of one replay, worked out by hand."""

import math

import numpy as np
import pytest

from planner.evidence.autoscaling.judge import calibrate, clipped_share, judge, runs


def test_runs_are_half_open():
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, dtype=bool)) == []


def test_figures_by_hand():
    """Pods of 1000m. Steps 1-2 offer 2500 to 2 and 3500 to 2: 0.5 and 1.5 cores lost for 15 s each.

    Above comfort (600m a pod): steps 1 to 3, then step 5: waits of 45 s and 15 s, median 30 s.
    """
    demand = np.array([1000.0, 2500.0, 3500.0, 2500.0, 1000.0, 2000.0])
    ready = np.array([2, 2, 2, 4, 4, 3])
    figures = judge(demand, np.array([2, 2, 4, 4, 4, 3]), ready, capacity_m=1000.0, comfort_m=600.0)
    (episode,) = figures.worst_episodes
    assert (episode.start_step, episode.steps, episode.unserved_core_seconds) == (1, 2, 30.0)
    assert figures.trigger_to_capacity_p50_seconds == 30.0
    assert figures.mean_replicas == pytest.approx(19 / 6)
    assert figures.max_replicas == 4


def test_calibration_skips_what_was_not_recorded():
    found = calibrate([3, 4, 5, 9], [3, 6, math.nan, 8])
    assert (found.mean_error_pods, found.share_within_one, found.steps) == (1.0, 2 / 3, 3)
    assert calibrate([1], [math.nan]).steps == 0


def test_usage_near_what_the_maximum_serves_is_clipped():
    usage = np.array([1000.0, 4900.0, 4900.0, math.nan])
    assert clipped_share(usage, np.array([5.0, 5.0, 4.0, 5.0]), 5, 1000.0) == pytest.approx(1 / 3)
