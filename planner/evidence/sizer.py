"""What evidence asks of a sizer: a request for every container from one training window."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from planner.usage.window import UsageWindow


class Sizer(Protocol):
    """A rule that turns observed usage into requests."""

    @property
    def method(self) -> str:
        """Name of the rule, such as ``krr-simple``."""
        ...

    @property
    def setting(self) -> str:
        """Position of its dial, such as ``margin=0.15``."""
        ...

    def size(self, window: UsageWindow) -> NDArray[np.float64]:
        """Request of each container.

        Returns:
            (series,) cores or bytes; NaN = it says nothing.
        """
        ...
