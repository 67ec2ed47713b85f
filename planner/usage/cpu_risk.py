r"""CPU shortage in the next period, from recency-weighted samples and from how such forecasts erred before.

**Forecast.** The next period's samples are expected to be distributed as the past ones, a sample of age ``a`` days
weighing ``2^(-a / half_life)``. Its shortage at a request ``r`` is the weighted mean ``m(r) = mean (u - r)+`` in cores.

**Half-life.** One for the fleet and the level at which a request is decided (p90, p95, ...), chosen among
``HALF_LIVES_DAYS`` by walking forward through the history: for each cut and each level q the request is the weighted
quantile of what lay before, and it costs what it reserves and ``1 / (1 - q)`` times what was missing after. Costs of
neighbouring levels are smoothed. A choice other than the usual one must be better by half a per cent.

**Calibration.** Forecasts are too hopeful, since levels move. Over the same cuts, summed over the fleet::

    inflation  =  (missing after, at q = 0.9 ... 0.99, without samples above the highest) / (forecast of it)
    beyond(k)  =  missing after above k x highest sample, per unit of the highest, k = 1 ... 3
    passed     =  share of time above the highest, weighted by it

both shrunk, in proportion to the number of independent periods seen, to 1 and to a built-in prior. What lies beyond is
learnt apart for containers whose highest sample stands close above their p98, further, and far: who spikes seldom
passes a spike. So::

    shortage(r) = inflation m(r) + highest x beyond(r / highest)                   cores, convex and falling
    beyond(x)   = beyond(1) + passed (1 - x)  below 1: who passes the highest passes r by highest - r more

The same way the share of time above the weighted p95 tells by how much more often a request is exceeded than its
forecast says (``exceeded_more_often``), which moves the ceiling of the share of time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.usage.day_ranks import GROUPS, DayRanks

Floats = NDArray[np.float64]

HALF_LIVES_DAYS = (np.inf, 7.0, 4.0, 2.0)
USUAL_HALF_LIFE_DAYS = 4.0
LEAST_GAIN = 5e-3
PRICED_LEVELS = np.array([0.9, 0.95, 0.98, 0.99])
SHARE_LEVEL = 1  # p95 in PRICED_LEVELS
SMOOTHING = np.array([[0.7, 0.3, 0.0, 0.0], [0.2, 0.6, 0.2, 0.0], [0.0, 0.2, 0.6, 0.2], [0.0, 0.0, 0.3, 0.7]])
"""Row: what a level's choice takes of the costs of each level."""
BEYOND = np.array([1.0, 1.1, 1.25, 1.5, 2.0, 3.0])
"""Multiples of the highest sample at which shortage is told beyond it."""
PRIOR_BEYOND = np.array(
    [
        [3e-4, 1.5e-4, 5e-5, 1e-5, 0.0, 0.0],
        [5e-4, 4e-4, 2.5e-4, 1e-4, 4e-5, 1e-5],
        [5e-4, 4.2e-4, 3e-4, 2e-4, 8e-5, 3e-5],
    ]
)
PRIOR_PASSED = np.array([4e-3, 2e-3, 1e-3])
"""By class of ``PEAKEDNESS``, for fleets without enough past of their own."""
PRIOR_PERIODS = 2.0
PEAKEDNESS = np.array([1.25, 2.0])
"""Highest sample over p98: at which the classes of ``beyond`` begin."""
MOST_INFLATION = 4.0
FEWEST_TRAINING_DAYS = 2
MOST_EXAMPLES = 2000
"""Containers that the walk-forward looks at, those with most use: they are where cores are."""
MOST_CUTS = 6


@dataclass(frozen=True, slots=True, eq=False)
class CpuRisk:
    """The calibrated shortage of a fleet.

    Attributes:
        values: (series, slot) cores, descending per row, 0 where a slot is empty.
        share: (series, slot) weight of each slot, rows sum to 1; all 0 = no sample.
        half_life_days: what the fleet's history asks for.
        inflation: realised over forecast shortage.
        exceeded_more_often: realised over forecast share of time above a request; 1 or more.
        beyond: (series, point) shortage beyond ``BEYOND`` times the highest sample, per unit of it.
        passed: (series,) share of time above the highest sample.
        periods: independent periods that the calibration saw.
    """

    values: Floats
    share: Floats
    half_life_days: float
    inflation: float
    exceeded_more_often: float
    beyond: Floats
    passed: Floats
    periods: float

    @property
    def highest(self) -> Floats:
        """(series,) highest sample; 0 = none."""
        return self.values[:, 0]

    def quantiles(self, levels: Floats) -> Floats:
        """(series, level) weighted quantiles, see :func:`quantiles_of`."""
        return quantiles_of(self.values, self.share, levels)

    def forecast_shortage(self, requests: Floats) -> Floats:
        """(series, point) weighted mean of ``(u - r)+`` in cores, without calibration."""
        return mean_excess_of(self.values, self.share, requests)

    def shortage(self, requests: Floats) -> Floats:
        """(series, point) expected mean shortage in cores at the requests (cores)."""
        highest = self.highest[:, None]
        multiple = np.divide(requests, highest, out=np.full(requests.shape, np.inf), where=highest > 0)
        beyond = _interpolated(np.maximum(multiple, 1.0), self.beyond)
        beyond = beyond + self.passed[:, None] * np.maximum(1.0 - multiple, 0.0)
        shortage: Floats = self.inflation * self.forecast_shortage(requests) + highest * beyond
        return shortage

    def share_exceeded(self, requests: Floats) -> Floats:
        """(series, point) expected share of time above the requests."""
        above = np.stack([(self.share * (self.values > column[:, None])).sum(axis=1) for column in requests.T], axis=1)
        share: Floats = np.minimum(above * self.exceeded_more_often, 1.0)
        return share

    def least_request(self, most_share: Floats) -> Floats:
        """(series,) request that is exceeded in a share of the time, (series,), to half a group of samples."""
        level = 1.0 - np.clip(most_share / self.exceeded_more_often, 0.0, 1.0)
        return quantiles_of(self.values, self.share, level[:, None])[:, 0]

    def priced_shortage(self, requests: Floats) -> Floats:
        """(series, point) shortage as the program weighs it: :meth:`shortage` without who passes the highest sample.

        How often that is passed is learnt for a class, mostly from a few containers whose level moved; spending on it
        for all of them, before their own samples are covered, costs more than it saves on every public trace tried.
        So beyond the highest sample the curve falls no faster than the highest sample alone would make it fall, and
        left of it this part is constant.
        """
        highest = self.highest[:, None]
        steepest = self.inflation * self.share[:, :1]
        falls = np.minimum(-np.diff(self.beyond, axis=1), steepest * np.diff(BEYOND))
        capped = self.beyond[:, -1:] + np.concatenate(
            [np.cumsum(falls[:, ::-1], axis=1)[:, ::-1], np.zeros((len(falls), 1))], axis=1
        )
        multiple = np.divide(requests, highest, out=np.full(requests.shape, np.inf), where=highest > 0)
        beyond = _interpolated(np.maximum(multiple, 1.0), capped)
        priced: Floats = self.inflation * self.forecast_shortage(requests) + highest * beyond
        return priced

    def points(self, levels: Floats) -> Floats:
        """(series, point) requests in cores at which curves are told, not descending: 0, the levels, and beyond."""
        own = np.concatenate([self.quantiles(levels), self.highest[:, None] * BEYOND], axis=1)
        return np.concatenate([np.zeros((len(own), 1)), np.maximum.accumulate(own, axis=1)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class CpuLessons:
    """What the walk-forward taught; everything over ``HALF_LIVES_DAYS`` is indexed alike.

    Attributes:
        choice: (level,) position of the half-life chosen for each of ``PRICED_LEVELS``.
        inflation: (half-life,) realised over forecast shortage.
        exceeded_more_often: (half-life,) realised over forecast share of time above a request; 1 or more.
        beyond: (class, point) by ``PEAKEDNESS``, see :class:`CpuRisk`.
        passed: (class,).
        periods: independent periods seen.
    """

    choice: NDArray[np.intp]
    inflation: Floats
    exceeded_more_often: Floats
    beyond: Floats
    passed: Floats
    periods: float

    def half_life_place(self, level: float) -> int:
        """Position of the half-life for requests that are decided near a level."""
        distance = np.abs(np.log((1.0 - level + 1e-4) / (1.0 - PRICED_LEVELS)))
        return int(self.choice[distance.argmin()])

    def risk(self, ranks: DayRanks, place: int) -> CpuRisk:
        """The calibrated shortage of some containers at a half-life, given by its position."""
        half_life = HALF_LIVES_DAYS[place]
        values, share = _ordered(ranks, half_life)
        classes = _peakedness_class(values, share)
        return CpuRisk(
            values=values,
            share=share,
            half_life_days=half_life,
            inflation=float(self.inflation[place]),
            exceeded_more_often=float(self.exceeded_more_often[place]),
            beyond=self.beyond[classes],
            passed=self.passed[classes],
            periods=self.periods,
        )


def learn_cpu(ranks: DayRanks, horizon_days: int) -> CpuLessons:
    """Walk forward through the history of a fleet; see the head of this file."""
    ranks = _largest(ranks)
    cuts = _cuts(ranks.days, horizon_days)
    tally = _Tally()
    for cut in cuts:
        before, after = ranks.between(0, cut), ranks.between(cut, cut + horizon_days)
        both = (before.weights.sum(axis=(1, 2)) > 0) & (after.weights.sum(axis=(1, 2)) > 0)
        if both.any():
            rows = np.flatnonzero(both)
            tally.add(before.take(rows), after.take(rows))
    return tally.conclude((ranks.days - cuts[0]) / horizon_days if cuts else 0.0)


class _Tally:
    """Sums over cuts and containers, per half-life."""

    def __init__(self) -> None:
        count = len(HALF_LIVES_DAYS)
        self.cost = np.zeros((count, len(PRICED_LEVELS)))
        self.missing, self.forecast, self.exceeded = np.zeros(count), np.zeros(count), np.zeros(count)
        self.beyond = np.zeros((len(PEAKEDNESS) + 1, len(BEYOND)))
        self.passed, self.highest = np.zeros(len(PEAKEDNESS) + 1), np.zeros(len(PEAKEDNESS) + 1)
        self.containers = 0

    def add(self, before: DayRanks, after: DayRanks) -> None:
        """One cut."""
        next_values, next_share = _ordered(after, np.inf)
        order, values = _descending(before)
        above_highest = mean_excess_of(next_values, next_share, values[:, :1] * BEYOND)
        classes = _peakedness_class(values, _share(before, np.inf, order))
        np.add.at(self.beyond, classes, above_highest)
        np.add.at(self.highest, classes, values[:, 0])
        passing = (next_share * (next_values > values[:, :1])).sum(axis=1)
        np.add.at(self.passed, classes, values[:, 0] * passing)
        self.containers += len(values)
        for place, half_life in enumerate(HALF_LIVES_DAYS):
            share = _share(before, half_life, order)
            requests = quantiles_of(values, share, PRICED_LEVELS)
            missing = mean_excess_of(next_values, next_share, requests)
            self.cost[place] += (requests + missing / (1.0 - PRICED_LEVELS)).sum(axis=0)
            of_passing = above_highest[:, :1] + passing[:, None] * np.maximum(values[:, :1] - requests, 0.0)
            self.missing[place] += float((missing - of_passing).sum())
            self.forecast[place] += float(mean_excess_of(values, share, requests).sum())
            self.exceeded[place] += float((next_share * (next_values > requests[:, SHARE_LEVEL, None])).sum())

    def conclude(self, periods: float) -> CpuLessons:
        """Choices and calibration, shrunk by how much was seen."""
        trust = periods / (periods + PRIOR_PERIODS)
        best = self.cost.min(axis=0)
        relative = np.divide(self.cost, best, out=np.ones_like(self.cost), where=best > 0) @ SMOOTHING.T
        usual = HALF_LIVES_DAYS.index(USUAL_HALF_LIFE_DAYS)
        choice = relative.argmin(axis=0)
        choice = np.where(relative.min(axis=0) > relative[usual] - LEAST_GAIN, usual, choice)
        ratio = np.divide(self.missing, self.forecast, out=np.ones_like(self.missing), where=self.forecast > 0)
        often = self.exceeded / max(self.containers, 1) / (1.0 - PRICED_LEVELS[SHARE_LEVEL])
        known = np.maximum(self.highest, 1e-12)[:, None]
        seen = np.where(self.highest[:, None] > 0, self.beyond / known, PRIOR_BEYOND)
        passed = np.where(self.highest > 0, self.passed / known[:, 0], PRIOR_PASSED)
        return CpuLessons(
            choice=choice.astype(np.intp),
            inflation=np.clip(ratio, 1.0 / MOST_INFLATION, MOST_INFLATION) ** trust,
            exceeded_more_often=np.clip(often, 1.0, MOST_INFLATION) ** trust,
            beyond=trust * seen + (1.0 - trust) * PRIOR_BEYOND,
            passed=trust * passed + (1.0 - trust) * PRIOR_PASSED,
            periods=periods,
        )


def _peakedness_class(values: Floats, share: Floats) -> NDArray[np.intp]:
    """(series,) class of highest over p98; values descending."""
    high = quantiles_of(values, share, PRICED_LEVELS[[2]])[:, 0]
    ratio = np.divide(values[:, 0], high, out=np.full(len(values), np.inf), where=high > 0)
    classes: NDArray[np.intp] = np.searchsorted(PEAKEDNESS, ratio, side="right")
    return classes


def _interpolated(multiple: Floats, beyond: Floats) -> Floats:
    """(series, point) of each series' own ``beyond`` at multiples of 1 or more; constant past the last."""
    right = np.clip(np.searchsorted(BEYOND, multiple, side="left"), 1, len(BEYOND) - 1)
    low, high = BEYOND[right - 1], BEYOND[right]
    part = np.clip((multiple - low) / (high - low), 0.0, 1.0)
    rows = np.arange(len(beyond))[:, None]
    mixed: Floats = beyond[rows, right - 1] * (1.0 - part) + beyond[rows, right] * part
    return mixed


def _cuts(days: int, horizon_days: int) -> list[int]:
    """At most ``MOST_CUTS`` days of the last two thirds, evenly spaced, the latest with at least a day after it."""
    first = max(FEWEST_TRAINING_DAYS, min(horizon_days, days // 3 + 1))
    if first > days - 1:
        return []
    return sorted({round(cut) for cut in np.linspace(first, days - 1, MOST_CUTS)})


def _largest(ranks: DayRanks) -> DayRanks:
    if len(ranks.values) <= MOST_EXAMPLES:
        return ranks
    weights = ranks.weights.sum(axis=(1, 2))
    mean = np.nansum(ranks.values * ranks.weights, axis=(1, 2)) / np.maximum(weights, 1.0)
    return ranks.take(np.argsort(-mean, kind="stable")[:MOST_EXAMPLES])


def _descending(ranks: DayRanks) -> tuple[NDArray[np.intp], Floats]:
    """(series, slot) order of the slots by value, highest first, and the values in it."""
    flat = np.nan_to_num(ranks.values.reshape(len(ranks.values), ranks.days * GROUPS))
    order = np.argsort(-flat, axis=1, kind="stable")
    return order, np.take_along_axis(flat, order, axis=1).astype(np.float64)


def _share(ranks: DayRanks, half_life_days: float, order: NDArray[np.intp]) -> Floats:
    """(series, slot) weights in the order of the values, rows sum to 1 (all 0 without a sample)."""
    age = ranks.days - 1 - np.arange(ranks.days)
    recency = 0.5 ** (age / half_life_days)
    weights = (ranks.weights * recency[None, :, None]).reshape(len(ranks.weights), ranks.days * GROUPS)
    ordered = np.take_along_axis(weights, order, axis=1)
    total = ordered.sum(axis=1, keepdims=True)
    share: Floats = np.divide(ordered, total, out=np.zeros(ordered.shape), where=total > 0)
    return share


def descending_shares(ranks: DayRanks) -> tuple[Floats, Floats, Floats]:
    """(series, slot) values, highest first; (series, slot) shares of the samples; (series,) number of samples."""
    values, share = _ordered(ranks, np.inf)
    return values, share, ranks.weights.sum(axis=(1, 2)).astype(np.float64)


def _ordered(ranks: DayRanks, half_life_days: float) -> tuple[Floats, Floats]:
    order, values = _descending(ranks)
    return values, _share(ranks, half_life_days, order)


def quantiles_of(values: Floats, share: Floats, levels: Floats) -> Floats:
    """Weighted quantiles of each row.

    Groups of samples stand for their means, so a quantile between the middles of two groups is told linearly.

    Args:
        values: (series, slot) descending.
        share: (series, slot), rows sum to 1.
        levels: (level,) for all, or (series, level).

    Returns:
        (series, level).
    """
    above = np.cumsum(share, axis=1)
    middle = above - share / 2.0
    all_levels = np.broadcast_to(levels, (len(values), levels.shape[-1]))
    result = np.empty(all_levels.shape)
    rows = np.arange(len(values))
    last = values.shape[1] - 1
    for column in range(all_levels.shape[1]):
        wanted = 1.0 - all_levels[:, column]
        right = np.minimum((middle < wanted[:, None] - 1e-12).sum(axis=1), last)
        left = np.maximum(right - 1, 0)
        width = middle[rows, right] - middle[rows, left]
        part = np.divide(wanted - middle[rows, left], width, out=np.ones(len(rows)), where=width > 0)
        part = np.clip(part, 0.0, 1.0)
        result[:, column] = values[rows, left] + part * (values[rows, right] - values[rows, left])
    return result


def mean_excess_of(values: Floats, share: Floats, requests: Floats) -> Floats:
    """(series, point) weighted mean of ``(u - r)+``; values descending."""
    count = np.concatenate([np.zeros((len(values), 1)), np.cumsum(share, axis=1)], axis=1)
    area = np.concatenate([np.zeros((len(values), 1)), np.cumsum(share * values, axis=1)], axis=1)
    result = np.empty(requests.shape)
    rows = np.arange(len(values))
    for column in range(requests.shape[1]):
        above = (values > requests[:, column, None]).sum(axis=1)
        result[:, column] = area[rows, above] - requests[:, column] * count[rows, above]
    positive: Floats = np.maximum(result, 0.0)
    return positive
