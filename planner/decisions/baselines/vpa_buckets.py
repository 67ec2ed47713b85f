"""Buckets of the Vertical Pod Autoscaler's histograms: equal width, or each a fixed ratio wider than the last.

Source: kubernetes/autoscaler at ``55c37cd5``, ``vertical-pod-autoscaler/pkg/recommender``:
``util/histogram_options.go`` (both schemes), ``model/aggregations_config.go`` (the defaults).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Buckets(Protocol):
    """Where a histogram's buckets begin, and which one a value falls into."""

    @property
    def count(self) -> int:
        """Number of buckets; the last one takes everything above its start."""
        ...

    @property
    def epsilon(self) -> float:
        """A bucket that weighs less than this counts as empty."""
        ...

    def start(self, bucket: int) -> float:
        """Lower edge of a bucket; ``IndexError`` outside ``0 .. count - 1``."""
        ...

    def find(self, value: float) -> int:
        """Bucket of a value; the first or last one for values outside the range."""
        ...


@dataclass(frozen=True, slots=True)
class LinearBuckets:
    """Buckets of one width from 0: ``start(b) = b * width``, ``count = ceil(highest / width) + 1``.

    Attributes:
        highest: a value that the last bucket's start must reach.
        width: width of a bucket.
        epsilon: lightest bucket that is not empty.
    """

    highest: float
    width: float
    epsilon: float

    def __post_init__(self) -> None:
        """Check the scheme."""
        if not (self.highest > 0 and self.width > 0 and self.epsilon > 0):
            raise ValueError("linear buckets need highest, width and epsilon above 0")

    @property
    def count(self) -> int:
        """Number of buckets."""
        return math.ceil(self.highest / self.width) + 1

    def start(self, bucket: int) -> float:
        """Lower edge of a bucket."""
        _check_bucket(bucket, self.count)
        return bucket * self.width

    def find(self, value: float) -> int:
        """Bucket of a value."""
        if value < self.width:
            return 0
        position = value / self.width
        return int(position) if position < self.count else self.count - 1


@dataclass(frozen=True, slots=True)
class ExponentialBuckets:
    """Buckets that grow: ``start(b) = first * (ratio^b - 1) / (ratio - 1)``.

    Attributes:
        highest: a value that the last bucket's start must reach.
        first: width of the first bucket.
        ratio: width of a bucket over the width of the one before, above 1.
        epsilon: lightest bucket that is not empty.
    """

    highest: float
    first: float
    ratio: float
    epsilon: float

    def __post_init__(self) -> None:
        """Check the scheme."""
        if not (self.highest > 0 and self.first > 0 and self.ratio > 1 and self.epsilon > 0):
            raise ValueError("exponential buckets need highest, first and epsilon above 0 and a ratio above 1")

    @property
    def count(self) -> int:
        """Number of buckets."""
        return math.ceil(self._position(self.highest)) + 1

    def start(self, bucket: int) -> float:
        """Lower edge of a bucket."""
        _check_bucket(bucket, self.count)
        if bucket == 0:
            return 0.0
        return self.first * (math.pow(self.ratio, bucket) - 1) / (self.ratio - 1)

    def find(self, value: float) -> int:
        """Bucket of a value: ``floor(log_ratio(value * (ratio - 1) / first + 1))``."""
        if value < self.first:
            return 0
        position = self._position(value)
        return int(position) if position < self.count else self.count - 1

    def _position(self, value: float) -> float:
        return math.log(value * (self.ratio - 1) / self.first + 1) / math.log(self.ratio)


def _check_bucket(bucket: int, count: int) -> None:
    if not 0 <= bucket < count:
        raise IndexError(f"bucket {bucket} is not one of 0 .. {count - 1}")


SAMPLE_WEIGHT = 0.1
"""Weight of a CPU sample before decay."""
EPSILON = 0.001 * SAMPLE_WEIGHT
CPU_BUCKETS = ExponentialBuckets(highest=1000.0, first=0.01, ratio=1.05, epsilon=EPSILON)
"""Cores: 176 buckets, the first one 10 millicores wide."""
MEMORY_BUCKETS = ExponentialBuckets(highest=1e12, first=1e7, ratio=1.05, epsilon=EPSILON)
"""Bytes: 176 buckets, the first one 10 MB wide."""


@lru_cache(maxsize=16)
def float32_edges(buckets: ExponentialBuckets) -> NDArray[np.float32]:
    """For every bucket but the first, the lowest float32 that ``find`` puts into it or above.

    A search in these edges agrees with ``find`` on every float32, while the starts, rounded, would not: a logarithm
    may fall on either side of a whole number.

    Returns:
        (bucket - 1,) rising.
    """
    edges = np.empty(buckets.count - 1, dtype=np.float32)
    for bucket in range(1, buckets.count):
        edge = np.float32(buckets.start(bucket))
        while buckets.find(float(edge)) >= bucket:
            edge = np.nextafter(edge, np.float32(-np.inf))
        while buckets.find(float(edge)) < bucket:
            edge = np.nextafter(edge, np.float32(np.inf))
        edges[bucket - 1] = edge
    edges.flags.writeable = False
    return edges
