"""How far beyond a threshold: the generalised Pareto tail, fitted by probability-weighted moments.

Excesses over a high threshold follow, whatever the distribution, nearly (Pickands 1975, Balkema and de Haan 1974)::

    P(X > x) = (1 + shape x / scale)^(-1 / shape)

With ``a0 = E[X]`` and ``a1 = E[X (1 - F(X))]`` the moments give (Hosking and Wallis 1987, doi:10.2307/1269343)::

    shape = 2 - a0 / (a0 - 2 a1)          scale = 2 a0 a1 / (a0 - 2 a1)

in closed form; no search, no starting point, and the same answer for the same data in any order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SHAPE, MOST_SHAPE = 0.05, 1.0
"""An exponential tail at the thin end; at the fat end the mean is about to cease to exist."""


@dataclass(frozen=True, slots=True)
class Tail:
    """``shape`` (no unit) and ``scale`` (unit of the excess, more than 0) of the distribution."""

    shape: float
    scale: float

    def chance(self, excess: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(X > excess); 1 at 0 and below."""
        beyond = np.maximum(excess, 0.0) / self.scale
        chance: NDArray[np.float64] = (1.0 + self.shape * beyond) ** (-1.0 / self.shape)
        return chance


def fit_tail(excess: NDArray[np.float64], weights: NDArray[np.float64]) -> Tail:
    """The tail of weighted excesses.

    Args:
        excess: (example,) more than 0, at least one.
        weights: (example,) more than 0.
    """
    order = np.lexsort((weights, excess))
    x, w = excess[order], weights[order] / weights.sum()
    above = 1.0 - np.cumsum(w) + w / 2.0  # 1 - F at the middle of each example's weight
    a0 = float(w @ x)
    a1 = float(w @ (x * above))
    room = max(a0 - 2.0 * a1, 1e-12 * a0)
    shape = float(np.clip(2.0 - a0 / room, LEAST_SHAPE, MOST_SHAPE))
    # For the shape that is kept the mean alone gives the scale: a0 = scale / (1 - shape).
    scale = 2.0 * a0 * a1 / room if LEAST_SHAPE < shape < MOST_SHAPE else a0 * (1.0 - min(shape, 0.9))
    return Tail(shape, max(scale, 1e-9))
