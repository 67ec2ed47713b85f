"""What a history teaches about CPU forecasts, by walking forward through it; see :mod:`planner.usage.cpu_risk`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.usage.cpu_risk import BEYOND, PEAKEDNESS, CpuRisk, peakedness_class
from planner.usage.day_ranks import DayRanks
from planner.usage.weighted_samples import descending, mean_excess_of, ordered, quantiles_of, shares

Floats = NDArray[np.float64]

HALF_LIVES_DAYS = (np.inf, 7.0, 4.0, 2.0)
USUAL_HALF_LIFE_DAYS = 4.0
LEAST_GAIN = 5e-3
PRICED_LEVELS = np.array([0.9, 0.95, 0.98, 0.99])
SHARE_LEVEL = 1  # p95 in PRICED_LEVELS
SMOOTHING = np.array([[0.7, 0.3, 0.0, 0.0], [0.2, 0.6, 0.2, 0.0], [0.0, 0.2, 0.6, 0.2], [0.0, 0.0, 0.3, 0.7]])
"""Row: what a level's choice takes of the costs of each level."""
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
MOST_INFLATION = 4.0
FEWEST_TRAINING_DAYS = 2
MOST_EXAMPLES = 2000
"""Containers that the walk-forward looks at, those with most use: they are where cores are."""
MOST_CUTS = 6


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
        values, share = ordered(ranks, half_life)
        classes = peakedness_class(values, share)
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
        next_values, next_share = ordered(after, np.inf)
        order, values = descending(before)
        above_highest = mean_excess_of(next_values, next_share, values[:, :1] * BEYOND)
        classes = peakedness_class(values, shares(before, np.inf, order))
        np.add.at(self.beyond, classes, above_highest)
        np.add.at(self.highest, classes, values[:, 0])
        passing = (next_share * (next_values > values[:, :1])).sum(axis=1)
        np.add.at(self.passed, classes, values[:, 0] * passing)
        self.containers += len(values)
        for place, half_life in enumerate(HALF_LIVES_DAYS):
            share = shares(before, half_life, order)
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
