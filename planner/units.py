"""Kubernetes quantities: ``"250m"`` is 0.25 cores, ``"512Mi"`` is 536,870,912 bytes.

Parsing is exact (``Decimal``) and agrees with ``k8s.io/apimachinery/pkg/api/resource``: binary
suffixes Ki..Ei, decimal suffixes n, u, m, k, M, G, T, P, E, and exponents (``1e3``).
"""

import math
import re
from decimal import Decimal
from functools import lru_cache

KIB = 1024
MIB = 1024**2
GIB = 1024**3
HOURS_PER_MONTH = 730.0
"""A month of every bill, as the clouds' own calculators count it."""

_SUFFIXES: dict[str, Decimal] = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$", re.ASCII)


@lru_cache(maxsize=65536)
def parse_quantity(text: str) -> Decimal:
    """Return the exact value of a Kubernetes quantity.

    Raises:
        ValueError: the text is not a quantity.
    """
    match = _QUANTITY.match(text)
    if match is None:
        message = f"not a Kubernetes quantity: {text[:80]!r}"
        raise ValueError(message)
    number, exponent, suffix = match.groups()
    if exponent and len(exponent) > 4:
        message = f"not a Kubernetes quantity: exponent of {text[:80]!r} is out of range"
        raise ValueError(message)
    return Decimal(number + (exponent or "")) * _SUFFIXES[suffix or ""]


def parse_cpu(value: str | int | float) -> float:
    """Cores of a CPU quantity: ``"250m"`` -> 0.25, ``2`` -> 2.0."""
    return float(parse_quantity(str(value)))


def parse_memory(value: str | int | float) -> int:
    """Bytes of a memory quantity, rounded up as the API server does: ``"1Ki"`` -> 1024."""
    return math.ceil(parse_quantity(str(value)))


def format_cpu(cores: float) -> str:
    """Quantity of an amount of cores at milli resolution, rounded up: 0.25 -> ``"250m"``, 2.0 -> ``"2"``."""
    milli = math.ceil(cores * 1000 - 1e-6)
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def format_memory(size_bytes: float) -> str:
    """Shortest exact binary quantity of whole bytes: 536870912 -> ``"512Mi"``."""
    whole = math.ceil(size_bytes - 1e-6)
    for suffix, unit in (("Ti", 1024 * GIB), ("Gi", GIB), ("Mi", MIB), ("Ki", KIB)):
        if whole and whole % unit == 0:
            return f"{whole // unit}{suffix}"
    return str(whole)


def human_memory(size_bytes: float) -> str:
    """A size for people, three significant digits: 1288490188 -> ``"1.2Gi"``."""
    for suffix, unit in (("Ti", 1024 * GIB), ("Gi", GIB), ("Mi", MIB), ("Ki", KIB)):
        if abs(size_bytes) >= unit:
            return (
                f"{size_bytes / unit:.3g}{suffix}"
                if abs(size_bytes) < 1000 * unit
                else f"{size_bytes / unit:.0f}{suffix}"
            )
    return f"{size_bytes:.0f}"


def human_cpu(cores: float) -> str:
    """Cores for people: 0.25 -> ``"250m"``, 12.345 -> ``"12.3"``."""
    if abs(cores) < 1:
        return f"{cores * 1000:.0f}m"
    return f"{cores:.3g}" if abs(cores) < 1000 else f"{cores:.0f}"
