"""The samples of a day in ranked groups: small enough to keep for every container, fine where requests are decided.

The samples of one container and day, over all its pods, are put in descending order and cut into groups at
fixed shares of their number; the first group is the highest sample alone. A group keeps its mean and its number of
samples. Of 288 samples the highest four stand alone, and a group of the lower half holds 48::

    1 1 1 1 2 2 4 4 8 8 16 16 32 48 48 48 48

So the day's peak and its sum are exact, and a shortage ``mean (u - r)+`` is exact at every group edge and too small
by less than a group's own spread in between.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.usage.window import ResourceName, UsageWindow

GROUP_SIZES = np.array([1, 1, 1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 48, 48, 48, 48])
_SHARE = np.concatenate([[0.0], np.cumsum(GROUP_SIZES) / GROUP_SIZES.sum()])
GROUPS = len(GROUP_SIZES)


@dataclass(frozen=True, slots=True, eq=False)
class DayRanks:
    """Ranked groups of every container and day.

    Attributes:
        values: (container, day, group) float32 mean of the group, descending; NaN = no sample.
        weights: (container, day, group) float32 number of samples.
    """

    values: NDArray[np.float32]
    weights: NDArray[np.float32]

    @property
    def days(self) -> int:
        """Number of days."""
        return int(self.values.shape[1])

    @property
    def peak(self) -> NDArray[np.float32]:
        """(container, day) highest sample; NaN = none."""
        return self.values[:, :, 0]

    def between(self, first: int, after: int) -> "DayRanks":
        """The days from ``first`` to before ``after``, as views."""
        return DayRanks(self.values[:, first:after], self.weights[:, first:after])

    def take(self, rows: NDArray[np.intp]) -> "DayRanks":
        """Some containers."""
        return DayRanks(self.values[rows], self.weights[rows])

    def window(self, resource: ResourceName, step_seconds: int) -> UsageWindow:
        """The same as a window of weighted values."""
        count, days, _ = self.values.shape
        day = np.repeat(np.arange(days), GROUPS)
        return UsageWindow(
            resource=resource,
            values=self.values.reshape(count, days * GROUPS),
            weights=self.weights.reshape(count, days * GROUPS),
            day=day,
            age_days=days - day - 0.5,
            step_seconds=step_seconds,
            ranked=True,
        )


def empty_ranks(containers: int, days: int) -> DayRanks:
    """Ranks without a sample, to be filled day by day."""
    shape = (containers, days, GROUPS)
    return DayRanks(np.full(shape, np.nan, dtype=np.float32), np.zeros(shape, dtype=np.float32))


def _edges(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """(row, group + 1) samples above each edge, for rows of so many samples."""
    edges = np.ceil(_SHARE[None, :] * samples[:, None] - 1e-6).astype(np.int64)
    edges[:, 1] = np.minimum(samples, 1)
    return np.maximum.accumulate(edges, axis=1)


def rank_rows(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Groups of each row of samples.

    Args:
        samples: (row, sample), NaN = none.

    Returns:
        (row, group) means, NaN where a group is empty, and (row, group) numbers of samples.
    """
    if not samples.shape[1]:
        shape = (len(samples), GROUPS)
        return np.full(shape, np.nan, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    ordered = np.sort(samples, axis=1)  # ascending, NaN last
    count = np.isfinite(ordered).sum(axis=1)
    ends = _edges(count)
    sums = np.zeros((len(samples), samples.shape[1] + 1))
    np.cumsum(np.nan_to_num(ordered), axis=1, out=sums[:, 1:])
    above = sums[np.arange(len(samples)), count][:, None] - np.take_along_axis(sums, count[:, None] - ends, axis=1)
    weights = np.diff(ends, axis=1)
    means = np.divide(
        np.diff(above, axis=1), weights, out=np.full(weights.shape, np.nan), where=weights > 0, dtype=np.float64
    )
    return means.astype(np.float32), weights.astype(np.float32)


def add_day(ranks: DayRanks, day: int, owner: NDArray[np.intp], samples: NDArray[np.float32]) -> None:
    """Fill one day, in place. Rows of one owner are pods of one container and are ranked together.

    Args:
        ranks: filled for ``day`` where an owner has samples.
        day: column.
        owner: (row,) container of each row; a container must not come in two calls for the same day.
        samples: (row, sample), NaN = none.
    """
    with_samples = np.isfinite(samples).any(axis=1)
    rows = np.flatnonzero(with_samples)
    order = rows[np.argsort(owner[rows], kind="stable")]
    sorted_owner = owner[order]
    starts = np.flatnonzero(np.r_[True, sorted_owner[1:] != sorted_owner[:-1]]) if len(order) else np.empty(0, np.intp)
    pods = np.diff(np.r_[starts, len(order)])
    for count in np.unique(pods).tolist():
        first = starts[pods == count]
        members = order[first[:, None] + np.arange(count)]
        together = samples[members].reshape(len(first), count * samples.shape[1])
        who = sorted_owner[first]
        ranks.values[who, day], ranks.weights[who, day] = rank_rows(together)


def ranks_of_window(window: UsageWindow) -> DayRanks:
    """The ranked groups of a window of raw steps; a window that is ranked already comes back as it was kept."""
    count, days = len(window.values), window.days
    if window.ranked:
        shape = (count, days, GROUPS)
        return DayRanks(window.values.reshape(shape), window.weights.reshape(shape))
    ranks = empty_ranks(count, days)
    for day in range(days):
        add_day(ranks, day, np.arange(count), window.values[:, window.day == day])
    return ranks
