"""Formulas about one autoscaler: where a search starts, and what no setting can do.

T is the target as a fraction of the request r, cap what a pod can really use, tol the tolerance, D
the demand in the units of r. Derived from the controller's algorithm unless a source is named.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

Floats = NDArray[np.float64]

HALFIN_WHITT_BETA = {0.01: 2.375, 0.05: 1.761, 0.20: 1.16, 0.30: 1.0}
"""Headroom factor of square-root staffing by the probability of waiting (Halfin and Whitt 1981; the
values of Netflix service-capacity-modeling, ``models/common.py``)."""


def highest_live_target(capacity: float, request: float, tolerance_up: float = 0.1) -> float:
    """Targets from here on can never scale up: saturated pods show ``(cap/r)/T``, inside the tolerance.

    >>> round(highest_live_target(1.0, 1.0), 3)
    0.909
    """
    return capacity / request / (1.0 + tolerance_up)


def growth_when_saturated(target: float, capacity: float, request: float) -> float:
    """Factor by which saturated pods multiply per effective step (pod start and metric, not 15 s)."""
    return capacity / request / target


def seconds_to_grow(factor: float, growth: float, reaction_seconds: float) -> float:
    """Time to multiply the capacity by ``factor``; infinite if saturated pods ask for nothing more."""
    if factor <= 1.0:
        return 0.0
    if growth <= 1.0:
        return math.inf
    return math.ceil(math.log(factor) / math.log(growth)) * reaction_seconds


def highest_load(servers: float, waiting_probability: float = 0.05) -> float:
    """Utilisation at which a pool of ``servers`` still answers at once, square-root staffing.

    ``c = a + beta sqrt(a)``, so ``rho = a / c`` with ``sqrt(a) = (sqrt(beta^2 + 4c) - beta) / 2``: big
    pools may run hotter.
    """
    beta = HALFIN_WHITT_BETA[waiting_probability]
    root = (math.sqrt(beta * beta + 4.0 * servers) - beta) / 2.0
    return root * root / servers


def trailing_peak(demand: Floats, values: int) -> Floats:
    """Highest of the last ``values`` values, this one included; (..., value). A gap counts as nothing."""
    filled = np.where(np.isnan(demand), -np.inf, demand)
    size = max(1, values)
    peak: Floats = maximum_filter1d(filled, size, axis=-1, origin=(size - 1) // 2, mode="constant", cval=-np.inf)
    return peak


def leading_peak(demand: Floats, values: int) -> Floats:
    """Highest of the next ``values`` values, this one left out; -inf where there is none."""
    ahead = trailing_peak(demand[..., ::-1], values)[..., ::-1]
    shifted = np.full_like(ahead, -np.inf)
    shifted[..., :-1] = ahead[..., 1:]
    return shifted


def growth_quantile(
    demand: Floats, quantile: float, *, window_values: int, reaction_values: int, ignore_below: float = 0.0
) -> float:
    """``G_q``: q-quantile of the demand's rise within the reaction time over its remembered peak, at least 1.

    Args:
        demand: (value,).
        quantile: q.
        window_values: scale-down window in values; the controller remembers that peak.
        reaction_values: reaction time in values.
        ignore_below: demand that the minimum alone carries; values whose next peak is below say nothing.
    """
    remembered = trailing_peak(demand, window_values)
    coming = leading_peak(demand, reaction_values)
    tells = np.isfinite(coming) & (remembered > 0) & (coming > ignore_below)
    if not tells.any():
        return 1.0
    return max(1.0, float(np.quantile(coming[tells] / remembered[tells], quantile)))


def target_for_growth(highest: float, growth: float, tolerance_up: float = 0.1) -> float:
    """``T <= rho_max / ((1 + tol) G_q)``: capacity suffices while pods start."""
    return highest / ((1.0 + tolerance_up) * growth)


def minimum_for_nights(
    demand: Floats, capacity: float, *, target: float, request: float, reaction_values: int, quantile: float, floor: int
) -> int:
    """Replicas that carry what can come within the reaction time while the autoscaler stands below them.

    The smallest n with ``n >= Q_q(max of the next L | D < n T r) / cap``: raising n adds hours to the
    condition, so n grows until it holds.
    """
    coming = leading_peak(demand, reaction_values)
    minimum = floor
    while True:
        low = (demand < minimum * target * request) & np.isfinite(coming)
        needed = math.ceil(float(np.quantile(coming[low], quantile)) / capacity) if low.any() else floor
        if needed <= minimum:
            return minimum
        minimum = needed


def maximum_for_peak(peak: float, *, target: float, request: float, growth: float = 0.5, zones: int = 1) -> int:
    """``ceil((1 + growth) peak / (T r))``, times ``Z / (Z - 1)`` for the loss of a zone."""
    spare = zones / (zones - 1.0) if zones > 1 else 1.0
    return max(1, math.ceil((1.0 + growth) * peak / (target * request) * spare))


def replicas_with_zone_loss(replicas: int, zones: int) -> int:
    """Replicas of which enough remain when one of ``zones`` is lost."""
    return replicas if zones <= 1 else math.ceil(replicas * zones / (zones - 1.0))


def target_that_keeps_threshold(
    target_percent: int, request: float, new_request: float, *, capacity: float, tolerance_up: float = 0.1
) -> int | None:
    """Target for a changed request at the same ``T r``, whole percent; None if that autoscaler would be dead.

    Rounded down, so that the threshold never rises.
    """
    kept = math.floor(target_percent * request / new_request + 1e-9)
    dead_percent = 100.0 * highest_live_target(capacity, new_request, tolerance_up)
    return kept if 1 <= kept < dead_percent else None


def lowers_threshold_first(
    target_percent: int, request: float, new_target_percent: int, new_request: float
) -> tuple[str, str]:
    """Order in which a pair of changes is applied: first what lowers ``T r``, or nobody scales up between."""
    by_request = target_percent * new_request - target_percent * request
    by_target = new_target_percent * request - target_percent * request
    return ("request", "target") if by_request <= by_target else ("target", "request")


def stuck_share(idle: float, target: float, request: float) -> float:
    """Share ``b / (T r)`` of the threshold that a pod uses without load; 1 or more diverges to the maximum.

    With no load at all an autoscaler stays at every n with ``(n-1)/n < b / (T r)``.
    """
    return idle / (target * request)
