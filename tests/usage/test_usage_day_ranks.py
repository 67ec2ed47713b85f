"""Ranked groups of a day: what is exact, what is near, and the way from a window and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.usage.day_ranks import GROUP_SIZES, GROUPS, add_day, empty_ranks, rank_rows, ranks_of_window
from planner.usage.weighted_samples import descending_shares, mean_excess_of
from planner.usage.window import window_of_steps

STEP = 300
DAY = 288


def rows(*values):
    return np.array(values, dtype=np.float32)


def test_a_day_of_288_samples_in_groups():
    """Samples 1 ... 288, shuffled. Groups from the top: 288, 287, 286, 285, mean(284, 283) = 283.5, ..., and the
    lowest 48 have the mean 24.5."""
    samples = np.random.default_rng(0).permutation(np.arange(1.0, 289.0)).astype(np.float32)[None, :]
    means, weights = rank_rows(samples)
    assert weights[0].tolist() == GROUP_SIZES.tolist()
    assert means[0, :6].tolist() == [288, 287, 286, 285, 283.5, 281.5]
    assert means[0, -1] == 24.5


def test_few_samples_are_kept_one_by_one():
    """Three samples: the highest in the first group; the others, and no more, somewhere after it."""
    means, weights = rank_rows(rows([2.0, np.nan, 7.0, 4.0]))
    kept = weights[0] > 0
    assert means[0, 0] == 7.0
    assert weights[0, 0] == 1
    assert weights.sum() == 3
    assert (means[0, kept] @ weights[0, kept]) == 13.0
    assert np.isnan(means[0, ~kept]).all()


def test_no_sample_and_no_column():
    for samples in (np.full((2, 5), np.nan, dtype=np.float32), np.empty((2, 0), dtype=np.float32)):
        means, weights = rank_rows(samples)
        assert means.shape == weights.shape == (2, GROUPS)
        assert np.isnan(means).all()
        assert not weights.any()


@st.composite
def samples_of_a_day(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    values = rng.gamma(0.5, 2.0, (draw(st.integers(1, 4)), draw(st.integers(1, 700)))).astype(np.float32)
    values[rng.random(values.shape) < draw(st.sampled_from([0.0, 0.3, 0.98]))] = np.nan
    return values


@settings(max_examples=80, deadline=None)
@given(samples_of_a_day())
def test_sums_numbers_and_peaks_are_exact_and_groups_descend(samples):
    means, weights = rank_rows(samples)
    assert (weights.sum(axis=1) == np.isfinite(samples).sum(axis=1)).all()
    assert np.nansum(means * weights, axis=1) == pytest.approx(np.nansum(samples, axis=1, dtype=np.float64), rel=1e-5)
    peak = np.fmax.reduce(samples, axis=1)
    assert np.array_equal(means[:, 0], peak, equal_nan=True)
    for mean, weight in zip(means, weights, strict=True):
        kept = mean[weight > 0]
        assert (np.diff(kept) <= 1e-6 * abs(kept[:-1])).all()


@settings(max_examples=60, deadline=None)
@given(samples_of_a_day(), st.sampled_from([0.25, 8.0, 1024.0]))
def test_scaling_scales(samples, factor):
    """Powers of two scale a float exactly."""
    means, weights = rank_rows(samples)
    scaled, same = rank_rows((samples * np.float32(factor)).astype(np.float32))
    assert np.array_equal(same, weights)
    assert np.array_equal(scaled, means * np.float32(factor), equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(samples_of_a_day())
def test_pods_are_ranked_as_one_heap_of_samples(samples):
    """The rows are pods of one container, put in among those of another one."""
    together = empty_ranks(2, 1)
    other = np.ones((1, samples.shape[1]), dtype=np.float32)
    owner = np.array([*[1] * (len(samples) - 1), 0, 1])
    add_day(together, 0, owner, np.concatenate([samples[:-1], other, samples[-1:]]))
    means, weights = rank_rows(samples.reshape(1, -1))
    assert np.array_equal(together.values[1, 0], means[0], equal_nan=True)
    assert np.array_equal(together.weights[1, 0], weights[0])
    assert together.values[0, 0, 0] == 1.0


def test_a_pod_without_a_sample_changes_nothing():
    """Two pods of samples and a silent one are ranked as the two alone."""
    values = np.random.default_rng(1).random((2, DAY)).astype(np.float32)
    with_silent, without = empty_ranks(1, 1), empty_ranks(1, 1)
    silent = np.full((1, DAY), np.nan, dtype=np.float32)
    add_day(with_silent, 0, np.zeros(3, dtype=np.intp), np.concatenate([values[:1], silent, values[1:]]))
    add_day(without, 0, np.zeros(2, dtype=np.intp), values)
    assert np.array_equal(with_silent.values, without.values, equal_nan=True)
    assert np.array_equal(with_silent.weights, without.weights)


def test_a_thousand_pods_of_one_container():
    """Samples 0 ... 287,999 over 1,000 pods; the highest stands alone and each group has its 1,000-fold, but for the
    first, whose other 999 join the second: mean of 287,998 ... 286,000 = 286,999."""
    values = np.arange(288_000, dtype=np.float32)
    np.random.default_rng(2).shuffle(values)
    ranks = empty_ranks(3, 2)
    add_day(ranks, 1, np.full(1000, 2), values.reshape(1000, DAY))
    assert ranks.weights[2, 1].tolist() == [1, 1999, *(GROUP_SIZES[2:] * 1000).tolist()]
    assert ranks.values[2, 1, :2].tolist() == [287_999, 286_999]
    assert not ranks.weights[:2].any()
    assert not ranks.weights[2, 0].any()


def test_the_shortage_from_groups_is_never_above_and_near_the_exact_one():
    """A group's mean hides what lies above it inside the group (Jensen), at most a few per cent of the shortage."""
    rng = np.random.default_rng(3)
    values = rng.gamma(0.8, 1.0, (50, DAY)).astype(np.float32)
    ranks = ranks_of_window(window_of_steps("cpu", values, STEP))
    ordered, share, samples = descending_shares(ranks)
    assert (samples == DAY).all()
    for level in (0.0, 0.5, 0.9, 0.95, 0.99):
        requests = np.quantile(values, level, axis=1).astype(np.float64)
        exact = np.maximum(values - requests[:, None], 0.0).mean(axis=1)
        told = mean_excess_of(ordered, share, requests[:, None])[:, 0]
        assert (told <= exact * (1 + 1e-5)).all()
        assert told.sum() >= 0.97 * exact.sum()


def test_from_a_window_to_ranks_and_back():
    """Two days and a half; the third day has no more than its samples, and ages are from its middle."""
    values = np.random.default_rng(4).random((3, 5 * DAY // 2)).astype(np.float32)
    values[1, :DAY] = np.nan
    raw = window_of_steps("cpu", values, STEP)
    ranks = ranks_of_window(raw)
    again = ranks.window("cpu", STEP)
    assert ranks.days == again.days == 3
    assert ranks.weights.sum(axis=2).tolist() == [[288, 288, 144], [0, 288, 144], [288, 288, 144]]
    assert np.array_equal(again.day_peaks(), raw.day_peaks(), equal_nan=True)
    assert np.unique(again.age_days).tolist() == [0.5, 1.5, 2.5]
    back = ranks_of_window(again)
    assert np.array_equal(back.values, ranks.values, equal_nan=True)
    assert np.array_equal(back.weights, ranks.weights)


def test_days_and_containers_are_cut_out():
    ranks = empty_ranks(3, 4)
    for day in range(4):
        add_day(ranks, day, np.arange(3), rows(*([10.0 * row + day] for row in range(3))))
    part = ranks.between(1, 3).take(np.array([2, 0]))
    assert part.peak.tolist() == [[21.0, 22.0], [1.0, 2.0]]


def test_ages_of_raw_steps():
    """Two steps a day for two days: the middles of the steps lie 1.75, 1.25, 0.75 and 0.25 days before the end."""
    window = window_of_steps("memory", np.ones((1, 4), dtype=np.float32), 43_200)
    assert window.age_days.tolist() == [1.75, 1.25, 0.75, 0.25]
    assert window.day.tolist() == [0, 0, 1, 1]
