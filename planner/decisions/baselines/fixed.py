"""A fixed quantile of what was used, plus a margin: the rule of thumb behind most hand-set requests.

It has no published setting. The defaults here, the 99th percentile plus a fifth, are a choice of this project; what
matters is the frontier of its dial.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.baselines.rows import check_margin, check_share, in_groups, sample_quantile
from planner.usage.window import UsageWindow


@dataclass(frozen=True, slots=True)
class FixedSizer:
    """``quantile(q) * (1 + margin)`` over the samples of the window, CPU and memory alike.

    Attributes:
        q: quantile, 1 = the highest sample.
        margin: added to it.
    """

    q: float = 0.99
    margin: float = 0.2

    def __post_init__(self) -> None:
        """Check the dials."""
        check_share("q", self.q)
        check_margin(self.margin)

    @property
    def method(self) -> str:
        """``fixed``."""
        return "fixed"

    @property
    def setting(self) -> str:
        """Such as ``q=0.99,margin=0.2``."""
        return f"q={self.q:g},margin={self.margin:g}"

    def size(self, window: UsageWindow) -> NDArray[np.float64]:
        """Request of each series.

        Returns:
            (series,) cores or bytes; NaN = no sample.
        """
        request = np.full(len(window.values), np.nan)
        for rows, group in in_groups(window):
            request[rows] = sample_quantile(group.values, group.weights, self.q)
        return request * (1 + self.margin)
