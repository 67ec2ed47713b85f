"""The vectorised VPA target: against the sample-by-sample reference, and by hand."""

import numpy as np
import pytest
from baseline_windows import PER_DAY, STEP_SECONDS, random_window, weighted, window_of
from hypothesis import given
from hypothesis import strategies as st

from planner.decisions.baselines.vpa import VpaSizer
from planner.decisions.baselines.vpa_buckets import CPU_BUCKETS, MEMORY_BUCKETS, float32_edges
from planner.decisions.baselines.vpa_state import AggregateState, ContainerState, VpaConfig, recommend_pod
from planner.units import MIB

WINDOW_DAYS = 8


def by_the_sample(window, percentile, margin, pod_minimum):
    """Target of each series of a raw window from the reference classes; memory intervals begin with the window."""
    config = VpaConfig(target=percentile, margin=margin)
    if not pod_minimum:
        config = VpaConfig(target=percentile, margin=margin, pod_minimum_millicores=0, pod_minimum_bytes=0)
    first = max(0, window.values.shape[1] - WINDOW_DAYS * PER_DAY)
    targets = []
    for row in window.values:
        state = AggregateState()
        container = ContainerState(state, interval_end_seconds=first * STEP_SECONDS)
        seen = [(step, float(value)) for step, value in enumerate(row) if step >= first and np.isfinite(value)]
        for step, value in seen:
            if window.resource == "cpu":
                assert container.add_cpu(value, step * STEP_SECONDS)
            else:
                assert container.add_memory(int(value), step * STEP_SECONDS)
        target = recommend_pod({"main": state}, config)["main"].target
        amount = target.cpu_millicores / 1000 if window.resource == "cpu" else target.memory_bytes
        targets.append(amount if seen else np.nan)
    return targets


@pytest.mark.parametrize("resource", ["cpu", "memory"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("percentile", "margin", "pod_minimum"),
    [
        (0.9, 0.15, False),
        (0.9, 0.15, True),
        (0.5, 0.0, False),
        (0.95, 0.3, False),
        (1.0, 0.15, False),
        (0.0, 0.15, False),
    ],
)
def test_equal_to_the_reference_on_random_series(resource, seed, percentile, margin, pod_minimum):
    window = random_window(seed, resource, days=3 + 2 * seed, gaps=[0.0, 0.2, 0.9][seed % 3])
    sizer = VpaSizer(percentile=percentile, margin=margin, pod_minimum=pod_minimum)
    np.testing.assert_array_equal(sizer.size(window), by_the_sample(window, percentile, margin, pod_minimum))


starts = st.integers(0, CPU_BUCKETS.count - 1).map(CPU_BUCKETS.start)
cpu_values = st.one_of(st.floats(0, 2000, width=32), starts.map(np.float32), st.just(np.nan))


@given(
    st.lists(cpu_values, min_size=PER_DAY, max_size=3 * PER_DAY).map(lambda v: v[: len(v) // PER_DAY * PER_DAY]),
    st.sampled_from([0.3, 0.5, 0.9, 0.95]),
)
def test_equal_to_the_reference_on_any_series(values, percentile):
    """Bucket edges, gaps, values past the last bucket and series without any sample included."""
    window = window_of(values)
    found = VpaSizer(percentile=percentile).size(window)
    np.testing.assert_array_equal(found, by_the_sample(window, percentile, 0.15, pod_minimum=False))


@pytest.mark.parametrize("buckets", [CPU_BUCKETS, MEMORY_BUCKETS], ids=["cpu", "memory"])
def test_the_edges_search_like_the_formula(buckets):
    """On each edge and one float32 to either side of it and of each start."""
    edges = float32_edges(buckets)
    around = np.concatenate([edges, np.array([buckets.start(b) for b in range(buckets.count)], dtype=np.float32)])
    probes = np.concatenate([around, np.nextafter(around, np.float32(0)), np.nextafter(around, np.float32(np.inf))])
    found = np.searchsorted(edges, probes, side="right")
    assert found.tolist() == [buckets.find(float(probe)) for probe in probes]
    assert (np.diff(edges) > 0).all()


def test_constant_usage():
    """0.5 cores lie in the bucket that ends at 0.511135: 511 + trunc(511 * 0.15) = 511 + 76 = 587 millicores.

    50 MiB = 52,428,800 bytes lie in the one that ends at 55,256,312.5: 55,256,312 + 8,288,446 = 63,544,758 bytes.
    """
    assert VpaSizer().size(window_of(np.full(2 * PER_DAY, 0.5))).tolist() == [0.587]
    assert VpaSizer().size(window_of(np.full(2 * PER_DAY, 50 * MIB), "memory")).tolist() == [63_544_758]


def test_the_floor_of_a_pod_is_off_unless_asked_for_and_is_shared():
    """A third of 250 MiB is 87,381,333 bytes, a third of 25 millicores is 8."""
    memory = window_of(np.full(PER_DAY, 50 * MIB), "memory")
    assert VpaSizer(pod_minimum=True).size(memory).tolist() == [250 * MIB]
    assert VpaSizer(pod_minimum=True, containers_per_pod=3).size(memory).tolist() == [87_381_333]
    tiny = window_of(np.full(PER_DAY, 0.0))
    assert VpaSizer(margin=0.0).size(tiny).tolist() == [0.01]
    assert VpaSizer(pod_minimum=True, containers_per_pod=3, margin=0.0).size(tiny).tolist() == [0.01]
    assert VpaSizer(pod_minimum=True).size(tiny).tolist() == [0.025]


@pytest.mark.parametrize(("days_since_peak", "target"), [(0, 2_539_377_048), (2, 2_539_377_048), (3, 628_694_953)])
def test_a_weekly_memory_peak_is_forgotten_after_three_days(days_since_peak, target):
    """Weight of a day k days ago is 2^-k of about 2: 1/8 of it counts for p90 after 2 days, 1/16 after 3 does not."""
    values = np.full(7 * PER_DAY, 500 * MIB)
    values[-1 - days_since_peak * PER_DAY] = 2048 * MIB
    assert VpaSizer().size(window_of(values, "memory")).tolist() == [target]


def test_samples_past_eight_days_are_left_out():
    """A long high load that ended 8 days ago is gone; a series that has been silent since then gets no answer."""
    quiet = np.concatenate([np.full(20 * PER_DAY, 8.0), np.full(8 * PER_DAY, 0.5)])
    gone = np.concatenate([np.full(20 * PER_DAY, 8.0), np.full(8 * PER_DAY, np.nan)])
    found = VpaSizer(percentile=1.0).size(window_of([quiet, gone]))
    np.testing.assert_array_equal(found, [0.587, np.nan])
    assert VpaSizer(percentile=1.0, window_days=9).size(window_of([quiet]))[0] > 8


def test_memory_counts_days_and_not_samples():
    """One 2 GiB sample makes a day's peak, whatever the other samples of the day are and weigh."""
    window = weighted([500 * MIB, 2048 * MIB], [287, 1], "memory")
    assert VpaSizer().size(window).tolist() == [2_539_377_048]
