"""The generalised Pareto tail: known distributions are found again, and what must not matter does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.usage.tails import LEAST_SHAPE, MOST_SHAPE, Tail, fit_tail


def quantile_points(shape, scale, count=4000):
    """Values at the middles of equally likely steps: a sample without luck."""
    above = 1.0 - (np.arange(count) + 0.5) / count
    return -scale * np.log(above) if shape == 0 else scale / shape * (above**-shape - 1.0)


def test_the_two_moments_by_hand():
    """Excesses 1 and 3 of equal weight: 1 - F at their middles is 3/4 and 1/4. a0 = 2, a1 = (0.75 + 0.75) / 2 = 0.75,
    a0 - 2 a1 = 0.5: shape 2 - 4 < 0, kept at its least, and the scale from the mean alone: 2 (1 - 0.05) = 1.9."""
    tail = fit_tail(np.array([3.0, 1.0]), np.ones(2))
    assert (tail.shape, tail.scale) == (LEAST_SHAPE, pytest.approx(1.9))


def test_chances_by_hand():
    """Shape 1/2, scale 1: (1 + x / 2)^-2 is 1 at 0, 1/4 at 2, 1/9 at 4."""
    chance = Tail(0.5, 1.0).chance(np.array([-3.0, 0.0, 2.0, 4.0]))
    assert chance == pytest.approx([1.0, 1.0, 1 / 4, 1 / 9])


@pytest.mark.parametrize(("shape", "scale"), [(0.1, 2.0), (0.3, 0.5), (0.45, 7.0)])
def test_a_pareto_tail_is_found_again(shape, scale):
    """Fat tails reach further than any sample, so the fatter the shape the less of it is seen."""
    tail = fit_tail(quantile_points(shape, scale), np.ones(4000))
    assert tail.shape == pytest.approx(shape, abs=0.02)
    assert tail.scale == pytest.approx(scale, rel=0.03)


def test_an_exponential_tail_is_the_thinnest_and_keeps_its_mean():
    """Shape 0 is kept at 0.05, scale at mean x 0.95, so that the mean stays: scale / (1 - shape) = 3."""
    tail = fit_tail(quantile_points(0.0, 3.0), np.ones(4000))
    assert tail.shape == pytest.approx(LEAST_SHAPE, abs=0.01)
    assert tail.scale / (1.0 - tail.shape) == pytest.approx(3.0, rel=0.01)
    assert tail.chance(np.array([6.0]))[0] == pytest.approx(np.exp(-2.0), abs=0.01)


def test_a_random_sample_is_found_near():
    rng = np.random.default_rng(5)
    drawn = 2.0 / 0.25 * (rng.random(20_000) ** -0.25 - 1.0)
    tail = fit_tail(drawn, np.ones(len(drawn)))
    assert tail.shape == pytest.approx(0.25, abs=0.05)
    assert tail.scale == pytest.approx(2.0, rel=0.05)


def test_the_fattest_tail_and_a_single_excess():
    assert fit_tail(np.array([1e-3] * 99 + [1e6]), np.ones(100)).shape <= MOST_SHAPE
    lone = fit_tail(np.array([2.0]), np.array([7.0]))
    assert lone.scale > 0
    assert 0 < lone.chance(np.array([2.0]))[0] < 1


samples = st.lists(st.tuples(st.floats(0.01, 100.0), st.integers(1, 4)), min_size=2, max_size=30)


@settings(max_examples=100, deadline=None)
@given(samples, st.randoms(use_true_random=False))
def test_order_does_not_matter(pairs, random):
    shuffled = pairs.copy()
    random.shuffle(shuffled)
    one, other = (
        fit_tail(np.array([x for x, _ in some]), np.array([float(w) for _, w in some])) for some in (pairs, shuffled)
    )
    assert one.shape == pytest.approx(other.shape, rel=1e-9)
    assert one.scale == pytest.approx(other.scale, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(samples)
def test_weights_are_repetitions(pairs):
    weighted = fit_tail(np.array([x for x, _ in pairs]), np.array([float(w) for _, w in pairs]))
    repeated = np.array([x for x, w in pairs for _ in range(w)])
    plain = fit_tail(repeated, np.ones(len(repeated)))
    assert weighted.shape == pytest.approx(plain.shape, rel=1e-6, abs=1e-9)
    assert weighted.scale == pytest.approx(plain.scale, rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(samples, st.floats(0.01, 100.0))
def test_the_unit_does_not_matter_and_chances_fall(pairs, factor):
    x, w = np.array([x for x, _ in pairs]), np.array([float(w) for _, w in pairs])
    one, other = fit_tail(x, w), fit_tail(x * factor, w)
    assert other.shape == pytest.approx(one.shape, rel=1e-6, abs=1e-9)
    assert other.scale == pytest.approx(one.scale * factor, rel=1e-6)
    chances = one.chance(np.linspace(0.0, 10.0 * x.max(), 50))
    assert chances[0] == 1.0
    assert (np.diff(chances) < 0).all()
