"""Answers to columns, and columns to rows of a day."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.collectors.prometheus.combine import fold
from planner.collectors.prometheus.decode import RangeAnswer, decode_instant, decode_range
from planner.collectors.prometheus.queries import RECIPES, LabelNames
from planner.snapshot.header import Metric

NAMES = LabelNames()
RECIPE = {recipe.metric: recipe for recipe in reversed(RECIPES)}
VALUES = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(0, 2**53).map(float),
    st.floats(0, 1).map(lambda x: round(x, 6)),
)


def text_of(value):
    """A value as Go's ``FormatFloat(v, 'f', -1, 64)`` writes it, as servers do."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return np.format_float_positional(value, trim="-")


@settings(deadline=None)  # the first answer imports Arrow
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.text(min_size=1), st.text(), max_size=3),
            st.lists(st.tuples(st.integers(0, 2**33), VALUES), max_size=8),
        ),
        max_size=5,
    ),
    st.sampled_from([None, 1]),
)
def test_samples_come_out_as_they_went_in(series, indent):
    """Against the standard library, for any labels and any numbers; a series without samples disappears."""
    result = [{"metric": m, "values": [[t, text_of(v)] for t, v in values]} for m, values in series]
    body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}, indent=indent)
    answer = decode_range(body.encode())
    kept = [(m, values) for m, values in series if values]
    assert answer.labels == [m for m, _ in kept]
    assert answer.counts.tolist() == [len(values) for _, values in kept]
    np.testing.assert_array_equal(answer.times, [t for _, values in kept for t, _ in values])
    np.testing.assert_array_equal(answer.values, [v for _, values in kept for _, v in values])


def test_times_with_fractions_and_native_histograms():
    body = b"""{"status":"success","infos":["x"],"data":{"resultType":"matrix","result":[
        {"metric":{"a":"b"},"histograms":[[1,{"count":"1"}]]},
        {"metric":{"a":"c"},"values":[[1700000000.125,"1e+06"],[1700000001,"2.5e-7"]]}]}}"""
    answer = decode_range(body)
    assert answer.labels == [{"a": "c"}]
    assert answer.times.tolist() == [1700000000.125, 1700000001]
    assert answer.values.tolist() == [1e6, 2.5e-7]
    assert not answer.notes.partial


def test_warnings_are_told_apart():
    """Texts about stores mean that something is missing; remarks on the query do not."""
    base = '{"status":"success",%s"data":{"resultType":"vector","result":[]}}'
    assert decode_instant((base % '"warnings":["store gone"],').encode()).notes.partial
    assert decode_instant((base % '"isPartial":true,').encode()).notes.partial
    remark = decode_instant((base % '"warnings":["PromQL warning: odd"],').encode()).notes
    assert (remark.partial, remark.warnings) == (False, ("PromQL warning: odd",))
    assert not decode_instant((base % '"warnings":null,"isPartial":false,').encode()).notes.partial


def answer_of(rows, day_start=0.0, step=300):
    """rows: (labels, {step: value})."""
    times = [day_start + step * (i + 1) for _, values in rows for i in values]
    numbers = [float(v) for _, values in rows for v in values.values()]
    counts = np.array([len(values) for _, values in rows], dtype=np.int64)
    return RangeAnswer([labels for labels, _ in rows], counts, np.array(times), np.array(numbers))


def folded(rows, metric):
    return fold(answer_of(rows), RECIPE[metric], NAMES, day_start=0.0, step_seconds=300)


def who(**more):
    return {"namespace": "n", "pod": "p", "container": "c", **more}


def test_a_point_describes_the_step_before_it():
    """Evaluated at 300 s it is step 0, at 86,400 s step 287; what lies outside the day is not taken."""
    answer = RangeAnswer(
        [who()], np.array([4]), np.array([0.0, 300.0, 86_400.0, 86_700.0]), np.array([9.0, 1.0, 2.0, 9.0])
    )
    values = fold(answer, RECIPE[Metric.MEMORY], NAMES, day_start=0.0, step_seconds=300).block.values[0]
    assert (values[0], values[287]) == (1.0, 2.0)
    assert np.isfinite(values).sum() == 2


def test_duplicates_take_the_larger_and_parts_are_added():
    """Replica a sees 1 and 2 cores, b sees 1.5 and nothing; the next cgroup adds 0.25 in step 1.

    Step 0: max(1, 1.5) = 1.5. Step 1: 2 + 0.25 = 2.25. Step 2 has nothing, step 3 only the new cgroup: 0.5.
    """
    result = folded(
        [
            (who(id="/x", replica="a"), {0: 1, 1: 2}),
            (who(id="/x", replica="b"), {0: 1.5}),
            (who(id="/y"), {1: 0.25, 3: 0.5}),
        ],
        Metric.CPU,
    )
    np.testing.assert_allclose(result.block.values[0][:4], [1.5, 2.25, np.nan, 0.5])
    assert result.duplicates == 1


def test_memory_of_two_cgroups_is_the_larger():
    result = folded([(who(id="/x"), {0: 10}), (who(id="/y"), {0: 7, 1: 8})], Metric.MEMORY)
    np.testing.assert_allclose(result.block.values[0][:2], [10, 8])


def test_a_shared_gpu_is_split_between_those_who_use_it():
    """GPU A serves two containers in step 0 (0.8 each told, 0.4 each counted) and one in step 1.

    The first container also has GPU B alone: 0.4 + 0.5 = 0.9.
    """
    result = folded(
        [
            (who(UUID="A"), {0: 0.8, 1: 0.6}),
            (who(UUID="A", container="d"), {0: 0.8}),
            (who(UUID="B"), {0: 0.5}),
        ],
        Metric.GPU_ACTIVE,
    )
    assert result.shared == 1
    np.testing.assert_allclose(result.block.values[0][:2], [0.9, 0.6], rtol=1e-6)
    np.testing.assert_allclose(result.block.values[1][0], 0.4, rtol=1e-6)


def test_units_and_bounds():
    """Percent to ratio for the older GPU metric; ratios above 1 are cut; negative and infinite are no usage."""
    old = next(recipe for recipe in RECIPES if "DCGM_FI_DEV_GPU_UTIL" in recipe.needs)
    values = fold(answer_of([(who(), {0: 55})]), old, NAMES, day_start=0.0, step_seconds=300).block.values
    assert values[0][0] == pytest.approx(0.55)
    pressed = folded([(who(), {0: 1.5, 1: 0.5, 2: -1, 3: math.inf})], Metric.CPU_PRESSURE).block.values[0]
    np.testing.assert_allclose(pressed[:4], [1.0, 0.5, np.nan, np.nan])


def test_series_without_an_owner_are_left_out():
    assert len(folded([({"namespace": "n", "pod": "p"}, {0: 1}), (who(pod=""), {0: 1})], Metric.CPU).block) == 0
    assert len(folded([], Metric.CPU).block) == 0
