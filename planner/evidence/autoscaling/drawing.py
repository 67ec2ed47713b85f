"""A replay as reports draw it: demand, and what today's and the proposed autoscaler put against it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DrawnSetting:
    """One setting, (value,) each: pods that exist, and cores that its ready pods can serve."""

    replicas: Floats
    capacity_cores: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ReplayForPlot:
    """One workload.

    Attributes:
        start: Unix seconds of the first value.
        step_seconds: length of a value.
        demand_cores: (value,) offered demand, NaN = not known.
        recorded_replicas: (value,) pods that ran, NaN = not known.
        current: today's setting; ``None`` = there is none, or it cannot be replayed.
        proposed: of the plan.
    """

    start: float
    step_seconds: float
    demand_cores: Floats
    recorded_replicas: Floats
    current: DrawnSetting | None
    proposed: DrawnSetting
