"""Scales of a drawing: where a value stands, and which round values are written beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LOG_FROM = 4.0
_MOST_TICKS = 7
_DIGITS: tuple[tuple[float, ...], ...] = (
    (1.0,),
    (1.0, 3.0),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0),
    tuple(1.0 + i / 10 for i in range(90)),
)


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear or logarithmic scale from ``low`` at ``start`` to ``high`` at ``end`` (pixels).

    Attributes:
        ticks: (value, its text) inside the scale, ascending.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float:
        """Pixels of a value."""
        low, high, at = (math.log(v) if self.is_log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (at - low) / (high - low)


def axis_over(values: Sequence[float], start: float, end: float, *, always_log: bool = False) -> Axis:
    """A scale that holds all values.

    Args:
        values: finite, not negative; positive where ``always_log``. None at all = 1 to 10.
        start: pixels of the lowest value.
        end: pixels of the highest.
        always_log: logarithmic whatever it spans; else from a factor of four on.
    """
    low, high = (min(values), max(values)) if values else (1.0, 10.0)
    is_log = always_log or (low > 0 and high / low >= _LOG_FROM)
    if is_log:
        middle = math.sqrt(low) * math.sqrt(high)
        if high / low < 2.0:
            low, high = middle / 1.5, middle * 1.5
        ticks = _log_ticks(low, high)
    else:
        if high - low <= 1e-9 * high or high == 0:
            low, high = 0.8 * low, 1.2 * high or 1.0
        ticks = _linear_ticks(low, high)
    return Axis(low, high, start, end, is_log, tuple((value, tick_text(value)) for value in ticks))


def _log_ticks(low: float, high: float) -> list[float]:
    """Round values, at most seven: powers of ten alone where three of them fit, else finer digits."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(first, last + 1)
    found: list[float] = []
    for digits in _DIGITS:
        found = [v for p in powers for d in digits if low <= (v := float(f"{d:.3g}e{p}")) <= high]
        if len(found) >= 3:
            break
    return found[:: -(-len(found) // _MOST_TICKS)] if found else []


def _linear_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / (_MOST_TICKS - 2)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * d for d in (1.0, 2.0, 5.0, 10.0) if power * d >= rough)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def tick_text(value: float) -> str:
    """``0.05``, ``200``, ``20k``, ``1.5M``, ``3G``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"
