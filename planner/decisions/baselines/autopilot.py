"""The moving-window recommenders of Google's Autopilot.

Source: Rzadca et al., "Autopilot: workload autoscaling at Google", EuroSys 2020, section 3.2.2.

- ``S_p`` is the percentile of a *load-adjusted* histogram: a sample of value u and age a weighs
  ``u * 2^(-a / half-life)``, so that p is the share of the load that was served, not of the time. Half-life 12 h for
  CPU, 48 h for memory.
- CPU of serving jobs: ``S_95``. (Batch jobs take the mean; a window does not say which is which.)
- Memory by how well a job bears being killed: minimal ``S_max``, low ``S_98``, intermediate
  ``max(S_60, 0.5 * S_max)``. ``S_max`` is the highest sample of the window, without decay.
- Then a margin of 10 to 15 %, less for large jobs; here 10 %.

The paper then takes the highest answer of the last hour. For a request that is set once for a whole period that step
changes nothing that lasts, and it is left out. Its histograms count seconds inside 5 minutes; here a sample is a step
of the window. Values are weighed as they are, without the paper's 400 buckets.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from planner.decisions.baselines.rows import check_margin, check_share, highest, in_groups, share_quantile
from planner.usage.window import UsageWindow

OomTolerance = Literal["minimal", "low", "intermediate"]
HALF_LIFE_DAYS = {"cpu": 0.5, "memory": 2.0}
CPU_PERCENTILE = 0.95
LOW_PERCENTILE = 0.98
INTERMEDIATE_PERCENTILE, INTERMEDIATE_SHARE_OF_MAX = 0.6, 0.5


@dataclass(frozen=True, slots=True)
class AutopilotWindowSizer:
    """Moving window of Autopilot.

    Attributes:
        percentile: of ``S_p``, for the resource at hand; None = what the paper takes: 0.95 for CPU, and for memory
            what ``oom_tolerance`` says.
        margin: added to the statistic.
        oom_tolerance: which statistic of memory; no part of CPU.
    """

    percentile: float | None = None
    margin: float = 0.1
    oom_tolerance: OomTolerance = "minimal"

    def __post_init__(self) -> None:
        """Check the dials."""
        if self.percentile is not None:
            check_share("percentile", self.percentile)
        check_margin(self.margin)
        if self.oom_tolerance not in get_args(OomTolerance):
            raise ValueError(f"oom_tolerance must be one of {', '.join(get_args(OomTolerance))}")

    @property
    def method(self) -> str:
        """``autopilot-window``."""
        return "autopilot-window"

    @property
    def setting(self) -> str:
        """Such as ``percentile=0.95,oom_tolerance=minimal,margin=0.1``."""
        if self.percentile is not None:
            return f"percentile={self.percentile:g},margin={self.margin:g}"
        return f"percentile={CPU_PERCENTILE:g},oom_tolerance={self.oom_tolerance},margin={self.margin:g}"

    def size(self, window: UsageWindow) -> NDArray[np.float64]:
        """Request of each series.

        Returns:
            (series,) cores or bytes; NaN = no sample.
        """
        request = np.full(len(window.values), np.nan)
        for rows, group in in_groups(window):
            request[rows] = self._statistic(group)
        return request * (1 + self.margin)

    def _statistic(self, group: UsageWindow) -> NDArray[np.float64]:
        if self.percentile is not None:
            return _load_percentile(group, self.percentile)
        if group.resource == "cpu":
            return _load_percentile(group, CPU_PERCENTILE)
        if self.oom_tolerance == "minimal":
            return highest(group.values)
        if self.oom_tolerance == "low":
            return _load_percentile(group, LOW_PERCENTILE)
        return np.maximum(
            _load_percentile(group, INTERMEDIATE_PERCENTILE), INTERMEDIATE_SHARE_OF_MAX * highest(group.values)
        )


def _load_percentile(group: UsageWindow, p: float) -> NDArray[np.float64]:
    """(series,) ``S_p``; the highest sample at 1, and 0 where nothing was used."""
    if p == 1:
        return highest(group.values)
    shares = np.where(group.weights > 0, group.values, np.float32(0)).astype(np.float64)
    np.maximum(shares, 0.0, out=shares)
    shares *= group.weights
    shares *= np.exp2(-group.age_days / HALF_LIFE_DAYS[group.resource])
    return share_quantile(group.values, shares, p)
