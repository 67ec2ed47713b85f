"""KRR's ``simple`` strategy: a plain percentile of CPU, the highest memory plus a margin.

Source: robusta-dev/krr at ``d6baa74``, ``robusta_krr/strategies/simple.py``: CPU request = 95th percentile, memory
request = limit = highest value + 15 %; every sample of the window weighs the same.

KRR takes the percentile of each pod and then the highest of these over all pods. A window holds one series for each
container, so here that last step has nothing to do; a caller who keeps pods apart takes the highest of the rows. KRR
samples CPU every 75 s and memory at every scrape, which a window in longer steps smooths. Its floors (10 millicores,
100 MiB) and its rounding up are left to the caller.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.baselines.rows import check_margin, check_share, highest, in_groups, sample_quantile
from planner.usage.window import UsageWindow


@dataclass(frozen=True, slots=True)
class KrrSimpleSizer:
    """KRR ``simple``.

    Attributes:
        percentile: dial of CPU.
        margin: dial of memory; CPU has none.
    """

    percentile: float = 0.95
    margin: float = 0.15

    def __post_init__(self) -> None:
        """Check the dials."""
        check_share("percentile", self.percentile)
        check_margin(self.margin)

    @property
    def method(self) -> str:
        """``krr-simple``."""
        return "krr-simple"

    @property
    def setting(self) -> str:
        """Such as ``percentile=0.95,margin=0.15``."""
        return f"percentile={self.percentile:g},margin={self.margin:g}"

    def size(self, window: UsageWindow) -> NDArray[np.float64]:
        """Request of each series.

        Returns:
            (series,) cores or bytes; NaN = no sample.
        """
        request = np.full(len(window.values), np.nan)
        for rows, group in in_groups(window):
            if window.resource == "cpu":
                request[rows] = sample_quantile(group.values, group.weights, self.percentile)
            else:
                request[rows] = highest(group.values) * (1 + self.margin)
        return request
