"""Whole amounts of the Vertical Pod Autoscaler, the steps from a percentile to a recommendation, and its rounding.

Every amount is a whole number of millicores or bytes in ``[0, 1e14]``, and **every step truncates**: half a core is
0.511135 as a bucket's end, 511 as an amount, and 511 + 76 = 587 with 15 %.

Source: kubernetes/autoscaler at ``55c37cd5``, ``vertical-pod-autoscaler/pkg/recommender``: ``model/types.go``,
``logic/estimator.go``, ``logic/recommender.go``, ``routines/cpu_integer_post_processor.go``.
"""

import math

from planner.units import GIB, KIB, MIB

HIGHEST_AMOUNT = 10**14
"""Seen as 100T of memory or 100G of CPU in upper bounds without history."""
MILLICORES_PER_CORE = 1000


def amount(value: float) -> int:
    """Whole amount of a number: truncated, kept within 0 and 1e14; 0 where there is no number."""
    if value > HIGHEST_AMOUNT:
        return HIGHEST_AMOUNT
    return int(value) if value > 0 else 0


def cpu_amount(cores: float) -> int:
    """Millicores of an amount of cores, truncated: 0.61535 -> 615."""
    return amount(cores * MILLICORES_PER_CORE)


def scaled(base: int, factor: float) -> int:
    """An amount times a factor, truncated."""
    return amount(base * factor)


def with_margin(base: int, margin: float) -> int:
    """``base + trunc(base * margin)``."""
    return base + scaled(base, margin)


def with_floor(base: int, minimum: int) -> int:
    """The larger of the two."""
    return max(base, minimum)


def confidence(lifespan_seconds: float, samples: int, interval_seconds: float = 86_400.0) -> float:
    """How much history there is, in intervals: ``min(lifespan / interval, samples / minutes of an interval)``.

    N days of one sample a minute give N.

    Args:
        lifespan_seconds: from the first to the last sample.
        samples: number of CPU samples.
        interval_seconds: what counts as 1.
    """
    return min(lifespan_seconds / interval_seconds, samples / (interval_seconds / 60))


def confidence_factor(multiplier: float, exponent: float, history: float) -> float:
    """``(1 + multiplier / history) ^ exponent``; without history infinite, or 0 under a negative exponent."""
    if exponent == 0 or multiplier == 0:
        return 1.0
    if history > 0:
        try:
            return math.pow(1 + multiplier / history, exponent)
        except OverflowError:
            return math.inf
    return math.inf if exponent > 0 else 0.0


def with_confidence(base: int, multiplier: float, exponent: float, history: float) -> int:
    """An amount widened (exponent above 0) or narrowed by how little history there is."""
    return scaled(base, confidence_factor(multiplier, exponent, history))


def share_of_minimum(pod_minimum: int, containers: int) -> int:
    """Floor of one container: the pod's floor split evenly over containers with history, truncated."""
    if containers < 1:
        raise ValueError(f"a pod minimum is split over 1 container or more, not {containers}")
    return scaled(pod_minimum, 1.0 / containers)


def rounded_up(value: int, scale: int) -> int:
    """Lowest multiple of ``scale`` that is not under ``value``.

    Raises:
        ValueError: the scale is not above 0; the caller then keeps the value as it is.
    """
    if scale <= 0:
        raise ValueError("scale must be greater than zero")
    return math.ceil(value / scale) * scale


def whole_cores(millicores: int) -> int:
    """Cores, rounded up, for containers that are given whole ones: 8100 -> 9."""
    return -(-millicores // MILLICORES_PER_CORE)


def humanised_memory(size_bytes: int) -> str:
    """Memory with two decimals in the largest binary unit that it reaches: 4992073454 -> ``"4.65Gi"``."""
    for suffix, unit in (("Ti", 1024 * GIB), ("Gi", GIB), ("Mi", MIB), ("Ki", KIB)):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.2f}{suffix}"
    return str(size_bytes)
