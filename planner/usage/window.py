"""A training window: the usage of many containers as weighted, dated values, the one input of every sizer."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ResourceName = Literal["cpu", "memory"]
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class UsageWindow:
    """One resource of many containers over a window of whole days.

    A slot is either one step of a series (weight 1), or one group of a day's ranked samples (its weight is the
    number of samples in the group), so that the same sizer runs on raw series and on the compact form that a
    large cluster is kept in.

    Attributes:
        resource: ``cpu`` (cores) or ``memory`` (bytes).
        values: (series, slot) float32; NaN = no sample.
        weights: (series, slot) float32, samples that a value stands for; 0 where there is none.
        day: (slot,) int64, day of the window, 0 = its first.
        age_days: (slot,) float64, days from the middle of the slot to the end of the window.
        step_seconds: length of a sample.
        ranked: the slots are the groups of :mod:`planner.usage.day_ranks`.
    """

    resource: ResourceName
    values: NDArray[np.float32]
    weights: NDArray[np.float32]
    day: NDArray[np.int64]
    age_days: NDArray[np.float64]
    step_seconds: int
    ranked: bool = False

    @property
    def days(self) -> int:
        """Length of the window in days."""
        return int(self.day.max(initial=-1)) + 1

    def day_peaks(self) -> NDArray[np.float64]:
        """(series, day) highest value of each day; NaN = no sample that day."""
        peaks = np.full((len(self.values), self.days), np.nan)
        for day in range(self.days):
            inside = self.values[:, self.day == day]
            if inside.shape[1]:
                peaks[:, day] = np.fmax.reduce(inside, axis=1)
        return peaks


def window_of_steps(resource: ResourceName, values: NDArray[np.float32], step_seconds: int) -> UsageWindow:
    """A window of raw series.

    Args:
        resource: ``cpu`` or ``memory``.
        values: (series, time), NaN = no sample; the first step starts a day.
        step_seconds: divides a day.
    """
    steps = values.shape[1]
    per_day = SECONDS_PER_DAY // step_seconds
    position = np.arange(steps)
    return UsageWindow(
        resource=resource,
        values=values,
        weights=np.isfinite(values).astype(np.float32),
        day=position // per_day,
        age_days=(steps - position - 0.5) / per_day,
        step_seconds=step_seconds,
    )
