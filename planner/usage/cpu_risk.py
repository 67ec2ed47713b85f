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

from planner.usage.weighted_samples import mean_excess_of, quantiles_of

Floats = NDArray[np.float64]

BEYOND = np.array([1.0, 1.1, 1.25, 1.5, 2.0, 3.0])
"""Multiples of the highest sample at which shortage is told beyond it."""
HIGH_LEVEL = 0.98
PEAKEDNESS = np.array([1.25, 2.0])
"""Highest sample over p98: at which the classes of ``beyond`` begin."""


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


def peakedness_class(values: Floats, share: Floats) -> NDArray[np.intp]:
    """(series,) class of highest over p98; values descending."""
    high = quantiles_of(values, share, np.array([HIGH_LEVEL]))[:, 0]
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
