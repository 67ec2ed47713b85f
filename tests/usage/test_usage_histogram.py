import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.usage.histogram import CPU_BINS, MEMORY_BINS, FloatBins, add_to_histograms, mean_excess, quantiles

values_in_range = st.lists(st.floats(2**-13, 2**9, width=32), min_size=1, max_size=60)


@given(values_in_range)
def test_each_value_lies_inside_its_bin(values):
    array = np.array(values, dtype=np.float32)
    edges = CPU_BINS.edges()
    index = CPU_BINS.index(array)
    assert (edges[index] <= array).all()
    assert (array < edges[index + 1]).all()


@pytest.mark.parametrize("bins", [CPU_BINS, MEMORY_BINS])
def test_bins_grow_and_stay_narrow(bins: FloatBins):
    edges = bins.edges()
    assert (np.diff(edges) > 0).all()
    assert (edges[2:] / edges[1:-1]).max() <= 1 + 2**-5 + 1e-9
    assert len(edges) == bins.count + 1


def test_values_outside_fall_into_the_outer_bins():
    index = CPU_BINS.index(np.array([0.0, 1e-9, 1e9], dtype=np.float32))
    assert index.tolist() == [0, 0, CPU_BINS.count - 1]


@given(values_in_range)
def test_quantiles_are_within_one_bin_of_the_exact_ones(values):
    array = np.array([values], dtype=np.float32)
    histograms = np.zeros((1, CPU_BINS.count), dtype=np.int32)
    add_to_histograms(histograms, CPU_BINS, np.array([0]), array)
    levels = np.array([0.1, 0.5, 0.9, 1.0])
    found = quantiles(histograms, CPU_BINS.edges(), levels)[0]
    exact = np.quantile(array[0].astype(float), levels, method="inverted_cdf")
    assert (np.abs(found / exact - 1) <= 2**-5 + 1e-6).all()


@given(values_in_range, st.lists(st.integers(0, 600_000).map(lambda n: n / 1000), min_size=2, max_size=8))
def test_mean_excess_is_close_to_the_exact_sum_convex_and_falling(values, points):
    array = np.array([values], dtype=np.float32)
    histograms = np.zeros((1, CPU_BINS.count), dtype=np.int32)
    add_to_histograms(histograms, CPU_BINS, np.array([0]), array)
    r = np.sort(np.unique(np.array(points)))[None, :]
    found = mean_excess(histograms, CPU_BINS.edges(), r)[0]
    exact = np.array([np.clip(array[0].astype(float) - x, 0, None).sum() for x in r[0]])
    assert (np.abs(found - exact) <= 2**-5 * array.sum() + 1e-9).all()
    assert (np.diff(found) <= 1e-9 * array.sum()).all()
    if len(found) > 2:
        slopes = np.diff(found) / np.diff(r[0])
        assert (np.diff(slopes) >= -1e-6 * max(1.0, np.abs(slopes).max())).all()


def test_several_series_of_one_container_add_up_and_gaps_do_not_count():
    values = np.array([[1.0, np.nan], [1.0, 2.0], [4.0, 4.0]], dtype=np.float32)
    histograms = np.zeros((2, CPU_BINS.count), dtype=np.int32)
    add_to_histograms(histograms, CPU_BINS, np.array([0, 0, 1]), values)
    assert histograms.sum(axis=1).tolist() == [3, 2]
    assert histograms[0, CPU_BINS.index(np.array([1.0], dtype=np.float32))[0]] == 2


def test_an_empty_row_has_no_quantile():
    histograms = np.zeros((1, CPU_BINS.count), dtype=np.int32)
    assert np.isnan(quantiles(histograms, CPU_BINS.edges(), np.array([0.5]))).all()
