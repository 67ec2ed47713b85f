"""The sample-by-sample VPA classes where the conformance tables say nothing: merging, stored state, bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.decisions.baselines.vpa_amounts import confidence_factor, share_of_minimum, with_confidence
from planner.decisions.baselines.vpa_buckets import CPU_BUCKETS, MEMORY_BUCKETS, ExponentialBuckets, LinearBuckets
from planner.decisions.baselines.vpa_histogram import DecayingHistogram, Histogram, HistogramCheckpoint
from planner.decisions.baselines.vpa_state import AggregateState, ContainerState, recommend_pod
from planner.units import MIB

HOUR, DAY = 3600, 86_400
TEN = LinearBuckets(highest=10.0, width=1.0, epsilon=1e-15)


def histogram(*samples):
    made = Histogram(TEN)
    for value, weight in samples:
        made.add(value, weight)
    return made


def decaying(*samples):
    made = DecayingHistogram(Histogram(TEN), HOUR)
    for value, weight, hour in samples:
        made.add(value, weight, hour * HOUR)
    return made


def contents(made):
    return made.lowest, made.highest, made.weights, made.total_weight


@given(st.integers(0, 175))
def test_a_start_lies_in_its_own_bucket(bucket):
    """Up to the last digit, which a logarithm may take to either side."""
    for buckets in (CPU_BUCKETS, MEMORY_BUCKETS):
        assert buckets.find(buckets.start(bucket) * (1 + 1e-12) + 1e-15) == bucket


@pytest.mark.parametrize("bucket", [-1, 176])
def test_there_is_no_bucket_outside(bucket):
    with pytest.raises(IndexError, match="is not one of 0"):
        CPU_BUCKETS.start(bucket)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LinearBuckets(0.0, 1.0, 0.1),
        lambda: LinearBuckets(1.0, 0.0, 0.1),
        lambda: LinearBuckets(1.0, 1.0, 0.0),
        lambda: ExponentialBuckets(1.0, 1.0, 1.0, 0.1),
        lambda: ExponentialBuckets(1.0, 0.0, 2.0, 0.1),
    ],
)
def test_a_scheme_without_sense_is_refused(make):
    with pytest.raises(ValueError, match="buckets need"):
        make()


def test_a_bucket_under_epsilon_is_empty():
    """2.5 epsilon, then one epsilon less twice: 0.5 epsilon is left, which is nothing."""
    made = histogram((1, 2.5e-15))
    for empty in (False, True):
        made.subtract(1, 1e-15)
        assert made.empty == empty
    assert made.percentile(0.5) == 0.0


def test_taking_out_the_outermost_samples_narrows_the_histogram():
    made = histogram((1, 1), (4, 1), (8, 1))
    made.subtract(8, 1)
    made.subtract(1, 1)
    assert made.percentile(0.0) == made.percentile(1.0) == 5


@pytest.mark.parametrize("act", [Histogram.add, Histogram.subtract])
def test_a_negative_weight_is_refused(act):
    with pytest.raises(ValueError, match="a weight of -1"):
        act(histogram(), 1, -1)


def test_merging_is_adding_all_samples():
    made = histogram((1, 1), (2, 1))
    made.merge(histogram((2, 1), (3, 1)))
    assert contents(made) == contents(histogram((1, 1), (2, 1), (2, 1), (3, 1)))
    made.merge(histogram())
    assert (made.lowest, made.highest) == (1, 3)
    with pytest.raises(ValueError, match="different buckets"):
        made.merge(Histogram(CPU_BUCKETS))


hours = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5), st.integers(0, 90)), max_size=8)


@given(hours, hours, st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_merging_decaying_histograms_does_not_depend_on_the_order(first, second, p):
    one, other, both = decaying(*first), decaying(*second), decaying(*first, *second)
    reference = other.reference_seconds
    one.merge(other)
    assert other.reference_seconds == reference
    turned = decaying(*second)
    turned.merge(decaying(*first))
    assert one.percentile(p) == turned.percentile(p)
    if first or second:
        scale = 2 ** ((one.reference_seconds - both.reference_seconds) / HOUR)
        assert one.histogram.total_weight * scale == pytest.approx(both.histogram.total_weight, rel=1e-9)


def test_decaying_histograms_meet_at_the_younger_reference():
    """References at hours 0 and 3: the sample of weight 8 at hour 0 is worth 1 at hour 3."""
    old, young = decaying((2, 8, 0)), decaying((5, 1, 3))
    young.merge(old)
    assert young.reference_seconds == 3 * HOUR
    assert young.histogram.weights[2] == young.histogram.weights[5] == 1.0
    old.merge(decaying((5, 1, 3)))
    assert old.reference_seconds == 3 * HOUR
    assert old.histogram.weights[2] == 1.0
    assert (young.percentile(0.5), young.percentile(0.51)) == (3, 6)


def test_decaying_histograms_of_other_half_lives_do_not_mix():
    with pytest.raises(ValueError, match="half-lives"):
        decaying().merge(DecayingHistogram(Histogram(TEN), DAY))


def test_the_reference_is_a_whole_number_of_half_lives():
    """A first sample at 2.5 hours is dated from hour 3, so it weighs 2^-0.5."""
    made = decaying((1, 1, 2.5))
    assert made.reference_seconds == 3 * HOUR
    assert made.histogram.total_weight == pytest.approx(2**-0.5)


def test_the_reference_moves_when_a_sample_is_more_than_100_half_lives_younger():
    """At 100 hours the first sample still weighs 1 against 2^100; one later hour makes it 2^-101, under epsilon."""
    made = decaying((2, 1, 0), (1, 1, 100))
    assert (made.reference_seconds, made.histogram.highest) == (0, 2)
    made = decaying((2, 1, 0), (1, 1, 101))
    assert (made.reference_seconds, made.histogram.highest) == (101 * HOUR, 1)


def test_a_stored_histogram_goes_on_where_it_was():
    """Weights 1 and 2 at one time come back as 5000 and 10000 parts of 3; a day later they are worth 2^-24 of that."""
    stored = decaying((1, 1, 10), (2, 2, 10)).save()
    assert stored == HistogramCheckpoint(3.0, {1: 5000, 2: 10_000}, 10 * HOUR)
    back = decaying()
    back.load(stored)
    assert back.reference_seconds == 10 * HOUR
    assert back.histogram.weights[1:3] == pytest.approx([1, 2])
    back.add(7, 1, 34 * HOUR)
    assert back.percentile(0.5) == 8


def test_a_histogram_at_epsilon_survives_being_stored():
    """kubernetes/autoscaler issue 7726: 1 of 10001 parts of 10000 epsilon is under epsilon, and bucket 2 is not."""
    made = histogram((1, 1e-15), (2, 9999e-15))
    back = histogram()
    back.load(made.save())
    assert not back.empty
    assert back.percentile(0.0) == 3


@pytest.mark.parametrize(
    "stored",
    [None, HistogramCheckpoint(1.0, {99: 1}), HistogramCheckpoint(1.0, {1: -1}), HistogramCheckpoint(-1.0, {})],
)
def test_a_broken_checkpoint_is_refused_and_changes_nothing(stored):
    made = histogram((1, 1))
    with pytest.raises(ValueError, match="checkpoint"):
        made.load(stored)
    assert contents(made) == contents(histogram((1, 1)))


def test_kills_do_not_drive_each_other_up():
    """A kill at 1000 MiB asks for 1200 MiB; one more at 999 MiB changes nothing; one at 2000 MiB asks for 2400."""
    state = AggregateState()
    container = ContainerState(state)
    for request, wanted in [(1000, 1200), (999, 1200), (2000, 2400)]:
        assert container.record_oom(request * MIB, 0)
        assert container.oom_peak_bytes == wanted * MIB
    assert state.memory.histogram.total_weight == pytest.approx(1.0)


def test_a_fresh_kill_just_before_the_last_sample_counts():
    """kubernetes/autoscaler issue 8548: the last sample, not the end of its interval, says what is old."""
    container = ContainerState(AggregateState())
    container.add_memory(100 * MIB, 0)
    container.add_memory(2000 * MIB, DAY)
    assert container.record_oom(1000 * MIB, DAY - 1)
    assert container.oom_peak_bytes == 2400 * MIB


def test_a_peak_of_nothing_stays_until_the_interval_ends():
    """As upstream: within an interval only a peak above 0 is replaced."""
    state = AggregateState()
    container = ContainerState(state)
    assert all(container.add_memory(size, time) for size, time in [(0, 0), (500 * MIB, 60)])
    assert state.memory.percentile(1.0) == MEMORY_BUCKETS.start(1)
    container.add_memory(500 * MIB, DAY)
    assert state.memory.percentile(1.0) > 500 * MIB


def test_cpu_samples_come_in_order():
    container = ContainerState(AggregateState())
    assert [container.add_cpu(1.0, t) for t in (60, 60, 0, 120)] == [True, False, False, True]
    assert not container.add_cpu(-1.0, 180)


def test_bounds_of_a_day_of_one_container():
    """1440 samples of 0.5 cores, a minute apart: 587 millicores with the margin.

    The life-span is 1439 minutes, so the history is 1439/1440 days: upper = 587 * (1 + 1440/1439) = 1174.4 -> 1174,
    lower = 587 * (1 + 0.001 * 1440/1439)^-2 = 585.8 -> 585. Memory was never seen: it gets the floor of a pod.
    """
    state = AggregateState()
    for minute in range(1440):
        state.add_cpu(0.5, minute * 60)
    found = recommend_pod({"main": state})["main"]
    amounts = (found.lower.cpu_millicores, found.target.cpu_millicores, found.upper.cpu_millicores)
    assert amounts == (585, 587, 1174)
    assert found.target.memory_bytes == 250 * MIB


def test_states_of_one_name_add_up():
    """Two containers of a minute each, 2 minutes apart: 3 minutes of life, 4 samples."""
    one, other = AggregateState(), AggregateState()
    for minute in (0, 1):
        one.add_cpu(0.5, minute * 60)
        other.add_cpu(4.0, 120 + minute * 60)
    other.add_memory_peak(500 * MIB, DAY)
    one.merge(other)
    assert (one.first_sample_seconds, one.last_sample_seconds, one.samples) == (0, 180, 4)
    assert one.history(60) == 3
    assert one.memory.histogram.total_weight == 1.0
    assert one.cpu.percentile(1.0) > 4


def test_without_history_bounds_are_wide_open():
    assert AggregateState().history() == 0.0
    assert with_confidence(587, 1.0, 1.0, 0.0) == 10**14
    assert with_confidence(587, 0.001, -2.0, 0.0) == 0
    assert confidence_factor(1.0, 2.0, 1e-200) == float("inf")


def test_a_pod_without_containers():
    assert recommend_pod({}) == {}
    with pytest.raises(ValueError, match="1 container or more"):
        share_of_minimum(25, 0)
