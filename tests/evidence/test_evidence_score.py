"""Outcomes of requests, worked out by hand on samples of six hours: four a day."""

import numpy as np
import pytest

from planner.evidence.score import Score, joined, score, totals
from planner.usage.day_ranks import ranks_of_window
from planner.usage.window import window_of_steps

STEP = 21_600
NAN = float("nan")


def days(resource, *rows):
    return ranks_of_window(window_of_steps(resource, np.array(rows, dtype=np.float32), STEP))


def fields(one: Score, *names):
    return [getattr(one, name).tolist() for name in names]


def test_cpu_by_hand():
    """Samples 1, 1, 1, 5 and a request of 2 cores, two days: twice 3 cores are missing for 6 hours,
    2 x 3 x 21,600 = 129,600 core-seconds in 43,200 s of the 172,800 s seen. Reserved: 2 x 48 h = 96 core-hours."""
    after = days("cpu", [1, 1, 1, 5] * 2)
    one = score("cpu", after, np.array([2.0]), STEP)
    assert fields(one, "shortage_core_seconds", "short_seconds", "sample_seconds", "reserved_hours", "days") == [
        [pytest.approx(129_600)], [pytest.approx(43_200)], [172_800.0], [96.0], [2.0],
    ]  # fmt: skip
    assert one.incident_days.tolist() == [0.0]


def test_memory_by_hand():
    """Peaks 5, 3 and 4 of three days: above a request of 3.5 on two of them, above a limit of 4.5 on one."""
    after = days("memory", [1, 5, 1, 1, 3, 1, 1, 1, 1, 1, 4, 1])
    request = np.array([3.5])
    assert score("memory", after, request, STEP).incident_days.tolist() == [2.0]
    assert score("memory", after, request, STEP, np.array([4.5])).incident_days.tolist() == [1.0]
    free = score("memory", after, request, STEP, np.array([NAN]))
    assert fields(free, "incident_days", "days", "reserved_hours", "shortage_core_seconds") == [
        [0.0], [3.0], [3.5 * 72], [0.0],
    ]  # fmt: skip


def test_a_sample_at_the_request_is_not_above_it():
    assert score("memory", days("memory", [2, 2, 2, 2]), np.array([2.0]), STEP).incident_days.tolist() == [0.0]
    cpu = score("cpu", days("cpu", [2, 2, 2, 2]), np.array([2.0]), STEP)
    assert fields(cpu, "short_seconds", "shortage_core_seconds") == [[0.0], [0.0]]


def test_no_request_or_no_sample_scores_nothing():
    """The first has no request, the second no sample, the third half a day of samples."""
    after = days("cpu", [1, 1, 1, 1], [NAN] * 4, [3, 3, NAN, NAN])
    one = score("cpu", after, np.array([NAN, 2.0, 2.0]), STEP)
    assert fields(one, "reserved_hours", "days", "sample_seconds", "shortage_core_seconds") == [
        [0, 0, 2.0 * 12], [0, 0, 1], [0, 0, 43_200], [0, 0, 43_200],
    ]  # fmt: skip
    assert np.array_equal(one.request, [NAN, NAN, 2.0], equal_nan=True)
    summed = totals("cpu", one)
    assert (summed.containers, summed.container_days) == (1, 1.0)


def of(request, incident_days=0.0, p95=0.0, seconds=86_400.0, shortage=0.0):
    """Outcomes of some containers over a day."""
    count = len(request)
    full = lambda value: np.broadcast_to(np.asarray(value, dtype=float), count).copy()  # noqa: E731
    amounts = np.asarray(request, dtype=float)
    return Score(
        amounts, np.nan_to_num(amounts) * full(seconds) / 3600, full(incident_days), full(1.0), full(shortage),
        full(60.0), full(seconds), full(p95),
    )  # fmt: skip


def test_slack_over_the_sums_and_its_mean():
    """Requests 4 and 1, p95 1 and 1, a day each: over the sums 1 - 48 / 120 = 0.6; each its own, (0.75 + 0) / 2."""
    found = totals("cpu", of([4.0, 1.0], p95=[1.0, 1.0]))
    assert found.relative_slack == pytest.approx(0.6)
    assert found.mean_relative_slack == pytest.approx(0.375)
    assert (found.reserved_hours, found.short_minutes) == (120.0, 2.0)


def test_where_the_incidents_are():
    """Twenty containers of sizes 1 ... 20, one incident each and five for the largest. The largest tenth are two:
    6 of 24. The worst hundredth of twenty is one: 5."""
    bad = [1.0] * 19 + [5.0]
    found = totals("memory", of(np.arange(1.0, 21.0), incident_days=bad))
    assert found.largest_tenth_share == pytest.approx(6 / 24)
    assert found.worst_1pct == 5.0
    assert found.incident_share == pytest.approx(24 / 20)
    by_size = totals("memory", of(np.ones(20), incident_days=bad), np.arange(20.0, 0.0, -1.0))
    assert by_size.largest_tenth_share == pytest.approx(2 / 24)


def test_the_worst_hundredth_of_300_are_three():
    assert totals("cpu", of(np.ones(300), shortage=np.arange(300.0))).worst_1pct == 299 + 298 + 297


def test_nothing_sums_up_to_nothing():
    """No container at all, and one that reserves nothing because it uses nothing."""
    nobody = totals("memory", of([]))
    assert (nobody.containers, nobody.incident_share, nobody.worst_1pct) == (0, 0.0, 0.0)
    idle = totals("memory", of([0.0]))
    for found in (nobody, idle):
        assert np.isnan([found.relative_slack, found.mean_relative_slack, found.largest_tenth_share]).all()


def test_periods_join():
    """Two days, the second half seen: p95 of 2 and 5 by their seconds, (2 x 2 + 5) / 3 = 3; sums add up."""
    first = of([4.0], incident_days=1.0, p95=2.0, seconds=86_400.0, shortage=10.0)
    second = of([6.0], incident_days=2.0, p95=5.0, seconds=43_200.0, shortage=5.0)
    one = joined([first, second])
    assert fields(one, "request", "incident_days", "days", "reserved_hours", "shortage_core_seconds", "p95") == [
        [6.0], [3.0], [2.0], [96.0 + 72.0], [15.0], [pytest.approx(3.0)],
    ]  # fmt: skip


def test_a_container_that_ended_before_the_last_period_still_counts():
    """Its incidents belong to the sums, so it belongs to the worst and the largest too."""
    first, second = of([4.0, 1.0], incident_days=[3.0, 0.0]), of([NAN, 1.0], incident_days=0.0)
    found = totals("memory", joined([first, second]))
    assert found.containers == 2
    assert found.worst_1pct == 3.0
    assert found.largest_tenth_share == 1.0


def test_p95_of_the_use():
    """Samples 1 ... 100 over 25 days in groups of their own: the 95th from below, straight between middles."""
    values = np.random.default_rng(0).permutation(np.arange(1.0, 101.0))
    assert score("cpu", days("cpu", values), np.array([50.0]), STEP).p95[0] == pytest.approx(95.5)
