"""The Vertical Pod Autoscaler's histogram, one sample at a time, and its variant that forgets.

Source: kubernetes/autoscaler at ``55c37cd5``, ``vertical-pod-autoscaler/pkg/recommender/util``: ``histogram.go`` and
``decaying_histogram.go``. Times are seconds from any fixed moment.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from planner.decisions.baselines.vpa_buckets import Buckets

HEAVIEST_CHECKPOINT_BUCKET = 10_000
HIGHEST_DECAY_EXPONENT = 100


@dataclass(frozen=True, slots=True)
class HistogramCheckpoint:
    """A histogram as it is stored.

    Attributes:
        total_weight: weight of all samples.
        bucket_weights: bucket to whole weight, the heaviest 10,000; buckets that round to 0 are left out.
        reference_seconds: moment at which a sample has the weight it came with; None = does not decay, or empty.
    """

    total_weight: float
    bucket_weights: Mapping[int, int]
    reference_seconds: float | None = None


@dataclass(slots=True, eq=False)
class Histogram:
    """Weight of samples by bucket.

    ``lowest`` and ``highest`` are the outermost buckets that weigh at least epsilon; an empty histogram has them
    crossed (last bucket, 0). What lies outside is treated as empty.
    """

    buckets: Buckets
    weights: list[float] = field(init=False)
    total_weight: float = field(init=False, default=0.0)
    lowest: int = field(init=False)
    highest: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Start empty."""
        self.weights = [0.0] * self.buckets.count
        self.lowest = self.buckets.count - 1

    @property
    def empty(self) -> bool:
        """Whether no bucket weighs epsilon."""
        return self.weights[self.lowest] < self.buckets.epsilon

    def add(self, value: float, weight: float) -> None:
        """Add a sample."""
        _check_weight(weight)
        bucket = self.buckets.find(value)
        self.weights[bucket] += weight
        self.total_weight += weight
        if self.weights[bucket] >= self.buckets.epsilon:
            self.lowest = min(self.lowest, bucket)
            self.highest = max(self.highest, bucket)

    def subtract(self, value: float, weight: float) -> None:
        """Take a sample out again; what is left under epsilon becomes 0."""
        _check_weight(weight)
        bucket = self.buckets.find(value)
        self.total_weight = self._less(self.total_weight, weight)
        self.weights[bucket] = self._less(self.weights[bucket], weight)
        self._narrow()

    def merge(self, other: "Histogram") -> None:
        """Add all samples of a histogram with the same buckets."""
        if self.buckets != other.buckets:
            raise ValueError("histograms with different buckets cannot be merged")
        for bucket in range(other.lowest, other.highest + 1):
            self.weights[bucket] += other.weights[bucket]
        self.total_weight += other.total_weight
        self.lowest = min(self.lowest, other.lowest)
        self.highest = max(self.highest, other.highest)

    def percentile(self, p: float) -> float:
        """End of the bucket in which the cumulative weight reaches ``p * total``.

        The last bucket has no end, so its start is given. 0 when empty. A ``p`` below 0 acts as the lowest bucket, one
        above 1 as the highest.
        """
        if self.empty:
            return 0.0
        threshold = p * self.total_weight
        below = 0.0
        bucket = self.lowest
        while bucket < self.highest:
            below += self.weights[bucket]
            if below >= threshold:
                break
            bucket += 1
        return self.buckets.start(min(bucket + 1, self.buckets.count - 1))

    def save(self) -> HistogramCheckpoint:
        """The histogram in whole weights, scaled so that the heaviest bucket has 10,000."""
        inside = range(self.lowest, self.highest + 1)
        heaviest = max((self.weights[bucket] for bucket in inside), default=0.0)
        if heaviest == 0.0:
            return HistogramCheckpoint(self.total_weight, {})
        ratio = HEAVIEST_CHECKPOINT_BUCKET / heaviest
        scaled = {bucket: _nearest(self.weights[bucket] * ratio) for bucket in inside}
        return HistogramCheckpoint(
            self.total_weight, {bucket: weight for bucket, weight in scaled.items() if weight > 0}
        )

    def load(self, checkpoint: HistogramCheckpoint | None) -> None:
        """Add what a checkpoint holds: its total weight, shared out by its whole weights.

        Raises:
            ValueError: no checkpoint, a negative weight, or a bucket that this histogram does not have.
        """
        if checkpoint is None:
            raise ValueError("no checkpoint to load")
        if not checkpoint.total_weight >= 0:
            raise ValueError(f"checkpoint has a total weight of {checkpoint.total_weight}")
        for bucket, weight in checkpoint.bucket_weights.items():
            if not 0 <= bucket < self.buckets.count:
                raise ValueError(f"checkpoint has bucket {bucket}, not one of 0 .. {self.buckets.count - 1}")
            if weight < 0:
                raise ValueError(f"checkpoint has a weight of {weight} in bucket {bucket}")
        whole = sum(checkpoint.bucket_weights.values())
        if whole == 0:
            return
        ratio = checkpoint.total_weight / whole
        for bucket, weight in checkpoint.bucket_weights.items():
            self.lowest = min(self.lowest, bucket)
            self.highest = max(self.highest, bucket)
            self.weights[bucket] += weight * ratio
        self.total_weight += checkpoint.total_weight
        # Whole weights share the total out a little differently, so the outermost bucket may now weigh less than
        # epsilon; without this the histogram would pass for empty (kubernetes/autoscaler issue 7726).
        self._narrow()

    def scale(self, factor: float) -> None:
        """Multiply all weights; what falls under epsilon no longer counts."""
        _check_weight(factor)
        for bucket in range(self.lowest, self.highest + 1):
            self.weights[bucket] *= factor
        self.total_weight *= factor
        self._narrow()

    def _less(self, weight: float, taken: float) -> float:
        left = weight - taken
        return left if left >= self.buckets.epsilon else 0.0

    def _narrow(self) -> None:
        last = self.buckets.count - 1
        while self.weights[self.lowest] < self.buckets.epsilon and self.lowest < last:
            self.lowest += 1
        while self.weights[self.highest] < self.buckets.epsilon and self.highest > 0:
            self.highest -= 1


@dataclass(slots=True, eq=False)
class DecayingHistogram:
    """A histogram in which a sample of time t weighs ``weight * 2^((t - reference) / half_life)``.

    Only ratios of weights matter, so instead of letting old samples fade, new ones grow. When an exponent would pass
    100 the reference moves to the sample's time, in whole half-lives, and all weights are scaled down: that is when
    old samples fall under epsilon and are gone.

    Attributes:
        histogram: the weights.
        half_life_seconds: time in which a sample loses half its weight.
        reference_seconds: a multiple of the half-life; None = no sample yet.
    """

    histogram: Histogram
    half_life_seconds: float
    reference_seconds: float | None = None

    def add(self, value: float, weight: float, time_seconds: float) -> None:
        """Add a sample of a moment."""
        self.histogram.add(value, weight * self._growth(time_seconds))

    def subtract(self, value: float, weight: float, time_seconds: float) -> None:
        """Take a sample of a moment out again."""
        self.histogram.subtract(value, weight * self._growth(time_seconds))

    def percentile(self, p: float) -> float:
        """As of `Histogram.percentile`, over decayed weights."""
        return self.histogram.percentile(p)

    def merge(self, other: "DecayingHistogram") -> None:
        """Add all samples of another, at the younger of the two references. The other one is left as it was."""
        if self.half_life_seconds != other.half_life_seconds:
            raise ValueError("histograms with different half-lives cannot be merged")
        if other.reference_seconds is None:
            return
        theirs = DecayingHistogram(Histogram(other.histogram.buckets), other.half_life_seconds, other.reference_seconds)
        theirs.histogram.merge(other.histogram)
        if self.reference_seconds is None or self.reference_seconds < other.reference_seconds:
            self._rebase(other.reference_seconds)
        elif self.reference_seconds > other.reference_seconds:
            theirs._rebase(self.reference_seconds)
        self.histogram.merge(theirs.histogram)

    def save(self) -> HistogramCheckpoint:
        """The histogram in whole weights, with its reference."""
        plain = self.histogram.save()
        return HistogramCheckpoint(plain.total_weight, plain.bucket_weights, self.reference_seconds)

    def load(self, checkpoint: HistogramCheckpoint | None) -> None:
        """Take over a checkpoint and its reference."""
        self.histogram.load(checkpoint)
        if checkpoint is not None:
            self.reference_seconds = checkpoint.reference_seconds

    def _growth(self, time_seconds: float) -> float:
        reference = self.reference_seconds
        if reference is None or time_seconds > reference + HIGHEST_DECAY_EXPONENT * self.half_life_seconds:
            reference = self._rebase(time_seconds)
        return math.pow(2.0, (time_seconds - reference) / self.half_life_seconds)

    def _rebase(self, time_seconds: float) -> float:
        reference = _nearest(time_seconds / self.half_life_seconds) * self.half_life_seconds
        if self.reference_seconds is not None:
            exponent = _nearest((self.reference_seconds - reference) / self.half_life_seconds)
            self.histogram.scale(math.ldexp(1.0, exponent))
        self.reference_seconds = reference
        return reference


def _nearest(value: float) -> int:
    """Nearest whole number, halves up."""
    return math.floor(value + 0.5)


def _check_weight(weight: float) -> None:
    if not weight >= 0:
        raise ValueError(f"a weight of {weight} is not 0 or more")
