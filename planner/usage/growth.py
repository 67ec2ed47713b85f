"""Steady growth of daily peaks: a leak, or a trend that will not have stopped at the end of the window.

Growth counts as steady when nearly all pairs of days agree (Kendall's tau), whatever a single day did. The rate is the
median of the slopes of all pairs of days (Theil 1950, Sen 1968, doi:10.1080/01621459.1968.10480934).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAYS_LOOKED_AT = 14
FEWEST_DAYS = 5
LEAST_TAU = 0.8
LEAST_SHARE = 0.05
"""Growth over the horizon below this share of the highest peak is noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """Attributes: per_day: (series,) rise a day in the unit of the peaks, 0 where it is not steady."""

    per_day: NDArray[np.float64]

    @property
    def steady(self) -> NDArray[np.bool_]:
        """(series,) whether the peaks grow steadily."""
        return self.per_day > 0.0


def steady_growth(day_peak: NDArray[np.floating], horizon_days: float) -> Growth:
    """Find series that grow.

    Args:
        day_peak: (series, day), NaN = no sample.
        horizon_days: growth must matter within this time.
    """
    recent = day_peak[:, -DAYS_LOOKED_AT:].astype(np.float64)
    days = recent.shape[1]
    first, second = np.triu_indices(days, k=1)
    if not len(first):
        return Growth(np.zeros(len(recent)))
    slope = (recent[:, second] - recent[:, first]) / (second - first)
    pairs = np.isfinite(slope).sum(axis=1)
    agreeing = np.nansum(np.sign(slope), axis=1)
    known = np.isfinite(recent).sum(axis=1)
    tau = np.divide(agreeing, pairs, out=np.zeros(len(recent)), where=pairs > 0)
    rows = np.flatnonzero((known >= FEWEST_DAYS) & (tau >= LEAST_TAU))
    per_day = np.zeros(len(recent))
    if len(rows):
        rate = np.nanmedian(slope[rows], axis=1)
        highest = np.nanmax(recent[rows], axis=1)
        per_day[rows] = np.where(rate * horizon_days >= LEAST_SHARE * highest, rate, 0.0)
    return Growth(per_day)
