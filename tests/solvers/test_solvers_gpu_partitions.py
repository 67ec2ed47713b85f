"""Partitions of one GPU, and shares on several."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from solvers.gpu_partitions import (
    PROFILES,
    feasible_multisets,
    fits_one_gpu,
    has_placement,
    maximal_multisets,
    place_shares,
)


def test_the_two_sums_tell_exactly_which_multisets_have_places():
    """77 multisets fit, by the sums and by trying all places alike; 28 of them cannot be extended."""
    every = product(range(9), range(6), range(5), range(4), range(3), range(3))
    by_places = {counts for counts in every if any(counts) and has_placement(counts)}
    assert by_places == set(feasible_multisets())
    assert len(by_places) == 77
    assert len(maximal_multisets()) == 28


def test_known_mixes():
    """In the order 1g, 1g with two memory slices, 2g, 3g, 4g, 7g."""
    assert [profile.name for profile in PROFILES] == ["1g", "1g.2m", "2g", "3g", "4g", "7g"]
    assert fits_one_gpu((7, 0, 0, 0, 0, 0))
    assert fits_one_gpu((0, 0, 0, 2, 0, 0))  # one compute slice is stranded
    assert not fits_one_gpu((1, 0, 0, 2, 0, 0))  # 7 compute slices, but 9 memory slices
    assert not fits_one_gpu((0, 7, 0, 0, 0, 0))
    assert fits_one_gpu((1, 0, 1, 0, 1, 0))
    assert not fits_one_gpu((1, 0, 0, 0, 0, 1))
    assert not fits_one_gpu((-1, 0, 0, 0, 0, 0))


shares = st.lists(st.integers(1, 1000), max_size=6)


@given(shares, st.integers(1, 3))
def test_shares_against_every_way_to_place_them(sizes, gpus):
    def works(ways):
        loads = [0] * gpus
        for size, gpu in zip(sizes, ways, strict=True):
            loads[gpu] += size
        return max(loads) <= 1000

    found = place_shares(sizes, gpus)
    possible = any(works(ways) for ways in product(range(gpus), repeat=len(sizes)))
    assert (found is not None) == possible
    assert found is None or works(found)


def test_first_fit_decreasing_is_not_enough():
    """5, 4, 3, 3, 3, 2 hundred on two GPUs: 5+3+2 and 4+3+3, while the largest first puts 5+4 together."""
    assert place_shares([500, 400, 300, 300, 300, 200], 2) is not None
    assert place_shares([501, 400, 300, 300, 300, 200], 2) is None
    assert place_shares([], 0) == []
    assert place_shares([1], 0) is None
