"""What one GPU, or the GPUs of one bin, can be divided into.

**Partitions by profile.** A GPU has 7 compute slices and 8 memory slices; a profile takes some of each, at fixed
places. From an empty GPU a multiset of profiles has a place if and only if::

    sum of compute slices <= 7   and   sum of memory slices <= 8

with the profiles of `PROFILES` (NVIDIA's Multi-Instance GPU guide; places as the driver lists them for A100, H100,
H200, B200). `has_placement` checks places one by one, and a test compares the two on every multiset: 77 of them fit.

**Shares by the thousandth.** Shares of one GPU add up to at most 1000; a whole GPU takes all of it. Which shares
meet on which GPU is one-dimensional bin packing, solved exactly here: bins have few GPUs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COMPUTE_SLICES, MEMORY_SLICES = 7, 8


@dataclass(frozen=True, slots=True)
class Profile:
    """A partition of a GPU.

    Attributes:
        name: compute slices, and memory slices where two profiles share the first number.
        compute: compute slices.
        memory: memory slices, which lie side by side.
        starts: first memory slices at which it may be placed.
    """

    name: str
    compute: int
    memory: int
    starts: tuple[int, ...]


PROFILES = (
    Profile("1g", 1, 1, (0, 1, 2, 3, 4, 5, 6)),
    Profile("1g.2m", 1, 2, (0, 2, 4, 6)),
    Profile("2g", 2, 2, (0, 2, 4)),
    Profile("3g", 3, 4, (0, 4)),
    Profile("4g", 4, 4, (0,)),
    Profile("7g", 7, 8, (0,)),
)


def fits_one_gpu(counts: Sequence[int]) -> bool:
    """Whether so many of each of `PROFILES` fit on one empty GPU, by the two sums."""
    compute = sum(n * profile.compute for n, profile in zip(counts, PROFILES, strict=True))
    memory = sum(n * profile.memory for n, profile in zip(counts, PROFILES, strict=True))
    return min(counts) >= 0 and compute <= COMPUTE_SLICES and memory <= MEMORY_SLICES


def feasible_multisets() -> list[tuple[int, ...]]:
    """Every multiset of profiles, but the empty one, that fits on one GPU, as counts of `PROFILES`."""
    return sorted(_extensions((0,) * len(PROFILES), 0))


def maximal_multisets() -> list[tuple[int, ...]]:
    """The feasible multisets to which no profile can be added."""
    everyone = feasible_multisets()
    known = set(everyone)
    return [
        counts
        for counts in everyone
        if not any((*counts[:p], counts[p] + 1, *counts[p + 1 :]) in known for p in range(len(PROFILES)))
    ]


def _extensions(counts: tuple[int, ...], first: int) -> Iterator[tuple[int, ...]]:
    for p in range(first, len(PROFILES)):
        more = (*counts[:p], counts[p] + 1, *counts[p + 1 :])
        if fits_one_gpu(more):
            yield more
            yield from _extensions(more, p)


def has_placement(counts: Sequence[int]) -> bool:
    """Whether places for all profiles exist, by trying them: no memory slice twice, 7 compute slices in all."""
    if sum(n * profile.compute for n, profile in zip(counts, PROFILES, strict=True)) > COMPUTE_SLICES:
        return False
    wanted = [profile for n, profile in zip(counts, PROFILES, strict=True) for _ in range(n)]
    wanted.sort(key=lambda profile: -profile.memory)

    def place(number: int, taken: int) -> bool:
        if number == len(wanted):
            return True
        profile = wanted[number]
        return any(
            not taken & (span := ((1 << profile.memory) - 1) << start) and place(number + 1, taken | span)
            for start in profile.starts
        )

    return place(0, 0)


def place_shares(shares_milli: Sequence[int], gpus: int, gpu_milli: int = 1000) -> list[int] | None:
    """A GPU for each share, such that no GPU carries more than ``gpu_milli``; ``None`` if there is no such way.

    Exact: the largest shares first, depth first, equal loads and equal shares tried once.

    >>> place_shares([600, 500, 400, 500], 2)
    [0, 1, 0, 1]
    >>> place_shares([600, 600, 600], 2) is None
    True
    """
    order = sorted(range(len(shares_milli)), key=lambda i: -shares_milli[i])
    sizes = [shares_milli[i] for i in order]
    if sum(sizes) > gpus * gpu_milli or (sizes and sizes[0] > gpu_milli):
        return None
    chosen = [0] * len(sizes)
    loads = [0] * gpus
    failed: set[tuple[int, tuple[int, ...]]] = set()

    def place(number: int) -> bool:
        if number == len(sizes):
            return True
        state = (number, tuple(sorted(loads)))
        if state in failed:
            return False
        tried: set[int] = set()
        # The fullest GPU first: a share that closes a gap leaves the others free.
        for gpu in sorted(range(gpus), key=lambda g: (-loads[g], g)):
            load = loads[gpu]
            if load in tried or load + sizes[number] > gpu_milli:
                continue
            tried.add(load)
            loads[gpu] += sizes[number]
            chosen[number] = gpu
            if place(number + 1):
                return True
            loads[gpu] = load
        failed.add(state)
        return False

    if not place(0):
        return None
    result = [0] * len(sizes)
    for number, i in enumerate(order):
        result[i] = chosen[number]
    return result
