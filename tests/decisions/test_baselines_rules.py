"""KRR, Autopilot and fixed quantiles by hand, and what all baselines have in common."""

import numpy as np
import pytest
from baseline_windows import PER_DAY, random_window, weighted, window_of
from hypothesis import given
from hypothesis import strategies as st

from planner.decisions.baselines import rows
from planner.decisions.baselines.autopilot import AutopilotWindowSizer
from planner.decisions.baselines.fixed import FixedSizer
from planner.decisions.baselines.krr import KrrSimpleSizer
from planner.decisions.baselines.registry import DEFAULTS, METHODS, baseline, frontier
from planner.usage.window import UsageWindow

RESOURCES = ("cpu", "memory")
everything = pytest.mark.parametrize(
    "sizer",
    [
        *DEFAULTS.values(),
        *(AutopilotWindowSizer(oom_tolerance=tolerance) for tolerance in ("low", "intermediate")),
        AutopilotWindowSizer(percentile=0.7),
        FixedSizer(q=0.6),
    ],
    ids=lambda sizer: f"{sizer.method}-{sizer.setting}",
)
each_resource = pytest.mark.parametrize("resource", RESOURCES)


def test_krr_takes_a_percentile_of_cpu_and_the_highest_memory():
    """1 to 21: rank 0.95 * 20 = 19 is the 20th value. Memory 21 * 1.15 = 24.15."""
    values = np.full(24, np.nan)
    values[:21] = np.random.default_rng(0).permutation(np.arange(1, 22))
    assert KrrSimpleSizer().size(window_of(values)).tolist() == [20]
    assert KrrSimpleSizer().size(window_of(values, "memory")) == pytest.approx([24.15])
    assert KrrSimpleSizer(margin=0.5).size(window_of(values, "memory")) == pytest.approx([31.5])


def test_krr_interpolates_as_prometheus_does():
    """Of 1, 2, 4: rank 0.95 * 2 = 1.9, so 2 + 0.9 * 2 = 3.8."""
    assert KrrSimpleSizer().size(weighted([4, 1, 2], 1)) == pytest.approx([3.8])


def test_fixed_quantile_and_margin():
    """Median of 1, 2, 4 is 2, plus a quarter 2.5; the highest is 4, plus a quarter 5."""
    window = weighted([4, 1, 2], 1, "memory")
    assert FixedSizer(q=0.5, margin=0.25).size(window).tolist() == [2.5]
    assert FixedSizer(q=1.0, margin=0.25).size(window).tolist() == [5.0]


def test_autopilot_weighs_a_sample_by_its_load():
    """90 samples of 1 and 10 of 9 at one time: half of the load of 180 is served up to 1, so p50 = 1 and p51 = 9.

    By time, 90 % of the samples are 1.
    """
    window = weighted([1, 9], [90, 10])
    assert AutopilotWindowSizer(percentile=0.5, margin=0.0).size(window).tolist() == [1]
    assert AutopilotWindowSizer(percentile=0.51, margin=0.0).size(window).tolist() == [9]


@pytest.mark.parametrize(
    ("resource", "age_days", "forgotten"),
    [
        ("cpu", 2.0, False),
        ("cpu", 2.5, True),
        ("memory", 8.0, False),
        ("memory", 10.0, True),
    ],
)
def test_autopilot_forgets_cpu_in_half_days_and_memory_in_two_days(resource, age_days, forgotten):
    """A value of 2 against one of 1 now: after n half-lives it has 2 * 2^-n of the load.

    n = 4: 0.125 / 1.125 = 11.1 %, so p90 is 2; n = 5: 0.0625 / 1.0625 = 5.9 %, so p90 is 1.
    """
    window = weighted([2, 1], 1, resource, day=[0, 10], age_days=[age_days, 0.0])
    found = AutopilotWindowSizer(percentile=0.9, margin=0.1).size(window)
    assert found == pytest.approx([1.1 if forgotten else 2.2])


def test_autopilot_memory_follows_the_tolerance_for_kills():
    """99 samples of 1 and 1 of 1.5 at one time, a load of 100.5, of which the high one is 1.49 %.

    minimal: the highest, 1.5. low: 98.5 % is served at 1, so S_98 = 1. intermediate: max(1, 0.75) = 1. With 3 as the
    highest: its load is 2.9 %, so S_98 = 3, and the intermediate one is max(S_60 = 1, 1.5) = 1.5.
    """

    def memory(high, tolerance):
        window = weighted([1, high], [99, 1], "memory")
        return AutopilotWindowSizer(margin=0.0, oom_tolerance=tolerance).size(window).tolist()

    assert [memory(1.5, tolerance) for tolerance in ("minimal", "low", "intermediate")] == [[1.5], [1], [1]]
    assert [memory(3, tolerance) for tolerance in ("minimal", "low", "intermediate")] == [[3], [3], [1.5]]
    assert AutopilotWindowSizer().size(weighted([1, 3], [99, 1], "memory")) == pytest.approx([3.3])


def test_autopilot_says_nothing_is_needed_where_nothing_is_used():
    np.testing.assert_array_equal(AutopilotWindowSizer().size(window_of([[0.0] * 8, [np.nan] * 8])), [0, np.nan])


counts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), min_size=1, max_size=12)


@given(counts, st.sampled_from([0.0, 0.25, 0.5, 0.9, 0.99, 1.0]))
def test_a_weighted_quantile_is_that_of_the_samples_it_stands_for(slots, q):
    window = weighted([value for value, _ in slots], [count for _, count in slots])
    expanded = [value for value, count in slots for _ in range(count)]
    ((_, group),) = rows.in_groups(window)
    (found,) = rows.sample_quantile(group.values, group.weights, q)
    if expanded:
        assert found == pytest.approx(np.quantile(expanded, q))
    else:
        assert np.isnan(found)


@everything
@each_resource
def test_a_series_without_samples_gets_no_answer(sizer, resource):
    window = random_window(1, resource)
    window.values[3] = np.nan
    window.weights[3] = 0
    assert np.flatnonzero(np.isnan(sizer.size(window))).tolist() == [3]


@everything
@each_resource
def test_a_value_without_weight_is_no_sample(sizer, resource):
    window = random_window(2, resource)
    window.values[:, 5] = np.nanmax(window.values) * 4
    window.weights[:, 5] = 0
    without = random_window(2, resource)
    without.values[:, 5] = np.nan
    without.weights[:, 5] = 0
    np.testing.assert_array_equal(sizer.size(window), sizer.size(without))


@everything
@each_resource
def test_series_do_not_depend_on_each_other(sizer, resource, monkeypatch):
    """Neither on their order, nor on which of them are worked on together."""
    window = random_window(3, resource)
    whole = sizer.size(window)
    order = np.random.default_rng(0).permutation(len(whole))
    shuffled = UsageWindow(
        resource, window.values[order], window.weights[order], window.day, window.age_days, window.step_seconds
    )
    np.testing.assert_array_equal(sizer.size(shuffled), whole[order])
    monkeypatch.setattr(rows, "CELLS_AT_ONCE", 5 * window.values.shape[1])
    np.testing.assert_array_equal(sizer.size(window), whole)


@everything
@each_resource
def test_a_window_is_left_as_it_was(sizer, resource):
    window = random_window(4, resource)
    values, weights = window.values.copy(), window.weights.copy()
    sizer.size(window)
    np.testing.assert_array_equal(window.values, values)
    np.testing.assert_array_equal(window.weights, weights)


@everything
@each_resource
def test_a_slot_of_weight_four_is_four_slots(sizer, resource):
    window = random_window(5, resource)
    heavy = UsageWindow(resource, window.values, window.weights * 4, window.day, window.age_days, window.step_seconds)
    four = UsageWindow(
        resource,
        np.repeat(window.values, 4, axis=1),
        np.repeat(window.weights, 4, axis=1),
        np.repeat(window.day, 4),
        np.repeat(window.age_days, 4),
        window.step_seconds,
    )
    np.testing.assert_allclose(sizer.size(heavy), sizer.size(four), rtol=1e-12)


@everything
@each_resource
def test_twice_the_usage_is_twice_the_request(sizer, resource):
    """VPA answers in buckets, so there it may be a bucket and a truncation off."""
    window = random_window(6, resource)
    twice = UsageWindow(resource, window.values * 2, window.weights, window.day, window.age_days, window.step_seconds)
    once, found = sizer.size(window), sizer.size(twice)
    if sizer.method == "vpa":
        large = once > (0.1 if resource == "cpu" else 1e8)
        assert large.any()
        np.testing.assert_allclose(found[large], 2 * once[large], rtol=0.11)
    else:
        np.testing.assert_allclose(found, 2 * once, rtol=1e-12)


@everything
@each_resource
def test_an_answer_is_not_above_the_highest_sample_and_its_margin(sizer, resource):
    """VPA may add a bucket, which is 5 % wide, and 10 millicores or 10 MB under its second one."""
    window = random_window(7, resource)
    top = np.nanmax(window.values, axis=1).astype(float)
    if sizer.method == "vpa":
        top = top * 1.06 + (0.011 if resource == "cpu" else 1.1e7)
    assert (sizer.size(window) <= top * (1.2 + 1e-9)).all()


@each_resource
@pytest.mark.parametrize("method", METHODS)
def test_a_frontier_goes_from_low_to_high_and_holds_the_published_setting(method, resource):
    sizers = frontier(method, resource)
    assert 10 <= len(sizers) <= 14
    assert DEFAULTS[method] in sizers
    assert {sizer.method for sizer in sizers} == {method}
    assert len({sizer.setting for sizer in sizers}) == len(sizers)
    answers = np.array([sizer.size(random_window(8, resource)) for sizer in sizers])
    assert (np.diff(answers, axis=0) >= 0).all()
    assert (answers[-1] > answers[0]).all()


def test_a_baseline_by_its_name():
    assert [sizer.method for sizer in DEFAULTS.values()] == list(METHODS)
    for method in METHODS:
        assert baseline(method) == DEFAULTS[method]
    sizer = baseline("krr-simple", percentile=0.99)
    assert sizer == KrrSimpleSizer(percentile=0.99, margin=0.15)
    assert sizer.setting == "percentile=0.99,margin=0.15"


@pytest.mark.parametrize(
    ("method", "dial", "message"),
    [
        ("borg", {}, "no baseline named 'borg'; there are vpa, krr-simple"),
        ("krr-simple", {"q": 0.5}, "krr-simple has no dial 'q'; it has percentile, margin"),
        ("krr-simple", {"percentile": 95}, "percentile must be between 0 and 1, not 95"),
        ("krr-simple", {"percentile": "high"}, "wrong kind"),
        ("vpa", {"margin": -0.1}, "margin must be 0 or more"),
        ("vpa", {"margin": float("nan")}, "margin must be 0 or more"),
        ("vpa", {"containers_per_pod": 0}, "must be 1 or more"),
        ("autopilot-window", {"oom_tolerance": "none"}, "oom_tolerance must be one of minimal, low, intermediate"),
        ("fixed", {"q": float("nan")}, "q must be between 0 and 1"),
    ],
)
def test_what_does_not_exist_is_named(method, dial, message):
    with pytest.raises(ValueError, match=message):
        baseline(method, **dial)


@pytest.mark.parametrize(("method", "resource"), [("borg", "cpu"), ("vpa", "disk")])
def test_no_frontier_of_what_does_not_exist(method, resource):
    with pytest.raises(ValueError, match=r"no (baseline|resource) named"):
        frontier(method, resource)


def test_a_window_without_days_or_series():
    none = weighted(np.empty((2, 0)), 1)
    empty = weighted(np.empty((0, PER_DAY)), 1)
    for sizer in DEFAULTS.values():
        assert np.isnan(sizer.size(none)).tolist() == [True, True]
        assert sizer.size(empty).shape == (0,)
