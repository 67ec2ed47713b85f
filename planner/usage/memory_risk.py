r"""The chance that a day's memory peak passes a size, learnt from how the cluster's own past surprised forecasts.

**Forecast.** From the daily peaks ``p`` of a training part (highest over pods)::

    f = mean of the highest of all days, of the last 7, 4 and 2 days  +  steady growth until the horizon

so a peak that came back lately counts more than one that did not.

**Walk-forward.** For every cut ``t`` of the history and every day ``t + h`` of the horizon after it, the container's
surprise is its excess over the forecast from the days before ``t``, in a unit that grows a little slower than size::

    e = (p[t + h] - f_t) / s_t          s = f^(1 - k) ref^k,  k = 1/4,  ref = the fleet's median forecast

Large containers vary less in proportion than small ones (Taylor's law); with k = 1/4 one distribution serves both.
A cut weighs ``(t / n)^3``: short trainings surprise more often than the whole history of ``n`` days will.

**Pools.** Surprises are pooled over containers of like volatility (standard deviation of the log of the daily peaks):
a class of flat ones (under 1 %) and three classes of equal size; one day alone tells no volatility and counts among the
most volatile. The chance in a class is the weighted share of surprises above, and beyond the highest 15 % a generalised
Pareto tail (:mod:`planner.usage.tails`). Classes are shrunk to the whole, and the whole to a built-in prior, in
proportion to the number of examples::

    P_class = (n P_own + 300 P_whole) / (n + 300)          P_whole = (n P_all + 50 P_prior) / (n + 50)

**Answer.** ``P(day's peak > m) = P_class((m - f) / s) (n + 1) / (n_i + 1)``; an incident is such a day. The last factor
widens what is known of a container with samples on only ``n_i`` of the ``n`` days: the chance of a new record among
``n_i + 1`` exchangeable days is ``1 / (n_i + 1)``. The curve falls in m.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.usage.growth import steady_growth
from planner.usage.tails import Tail, fit_tail

Floats = NDArray[np.float64]

RECENT_DAYS = (7, 4, 2)
SPREAD_EXPONENT = 0.25
CUT_WEIGHT_POWER = 3.0
FEWEST_TRAINING_DAYS = 3
FLAT = 0.01
SURPRISE_DIGITS = VOLATILITY_DIGITS = 9
VOLATILITY_CLASSES = 3
CLASS_PRIOR_EXAMPLES = 300.0
FLEET_PRIOR_EXAMPLES = 50.0
FLAT_PRIOR_EXAMPLES = 30.0
TAIL_SHARE = 0.15
PRIOR_CHANCE_ABOVE_FORECAST = 0.1
PRIOR_TAIL = Tail(shape=0.5, scale=0.15)
"""Without any past: one day in ten passes the forecast, half of them by more than a sixth."""

RATIOS = np.concatenate([np.geomspace(0.05, 0.38, 8), np.linspace(0.4, 1.5, 45), np.geomspace(1.55, 8.0, 22)])
"""Sizes at which curves are told, in forecasts."""


def forecast_peaks(day_peak: NDArray[np.floating], horizon_days: float) -> Floats:
    """(series,) forecast of the next period's level of daily peaks; NaN = no sample.

    Args:
        day_peak: (series, day), NaN = no sample that day.
        horizon_days: length of the next period.
    """
    highest = np.fmax.reduce(day_peak, axis=1, initial=np.nan).astype(np.float64)
    total, wider = highest.copy(), highest
    for days in RECENT_DAYS:
        recent = np.fmax.reduce(day_peak[:, -days:], axis=1, initial=np.nan).astype(np.float64)
        wider = np.where(np.isfinite(recent), recent, wider)
        total += wider
    level: Floats = total / (1 + len(RECENT_DAYS))
    return level + steady_growth(day_peak, horizon_days).per_day * horizon_days


def volatility(day_peak: NDArray[np.floating]) -> Floats:
    """(series,) standard deviation of the log of the daily peaks; NaN with less than two days: nobody knows yet."""
    known = np.isfinite(day_peak) & (day_peak > 0)
    logs = np.log(np.where(known, day_peak, 1.0).astype(np.float64))
    count = np.maximum(known.sum(axis=1), 1)
    mean = (logs * known).sum(axis=1) / count
    variance = (((logs - mean[:, None]) ** 2) * known).sum(axis=1) / count
    # Rounded, since the edges of classes are examples themselves: their last bit must not choose the class.
    return np.where(known.sum(axis=1) < 2, np.nan, np.round(np.sqrt(np.maximum(variance, 0.0)), VOLATILITY_DIGITS))


@dataclass(frozen=True, slots=True, eq=False)
class Surprises:
    """Walk-forward examples.

    Attributes:
        excess: (example,) (peak - forecast) / spread unit.
        volatility: (example,) of the training part.
        weight: (example,).
    """

    excess: Floats
    volatility: Floats
    weight: Floats


@dataclass(frozen=True, slots=True, eq=False)
class MemoryRisk:
    """The calibrated chances of a fleet.

    Attributes:
        forecast: (series,) bytes; NaN = no sample.
        spread_unit: (series,) bytes.
        volatility_class: (series,) int64, 0 = flat.
        class_examples: (class,) number of examples behind each class.
        growth_per_day: (series,) bytes a day of steady growth, 0 = none.
        short_history: (series,) 1 or more: how much likelier a surprise is because few of the days have samples.
        pools: one chance function per class.
    """

    forecast: Floats
    spread_unit: Floats
    volatility_class: NDArray[np.int64]
    class_examples: NDArray[np.int64]
    growth_per_day: Floats
    short_history: Floats
    pools: tuple["Pool", ...]

    def take(self, rows: NDArray[np.intp]) -> "MemoryRisk":
        """The same chances for some of the series."""
        return replace(
            self,
            forecast=self.forecast[rows],
            spread_unit=self.spread_unit[rows],
            volatility_class=self.volatility_class[rows],
            growth_per_day=self.growth_per_day[rows],
            short_history=self.short_history[rows],
        )

    def chance(self, sizes: Floats) -> Floats:
        """Chance that a day's peak lies above.

        Args:
            sizes: (series, point) bytes, NaN allowed.

        Returns:
            (series, point) 0 to 1, NaN where the size or the forecast is NaN.
        """
        excess = _surprise(sizes, self.forecast, self.spread_unit)
        chance = np.full(sizes.shape, np.nan)
        for number, pool in enumerate(self.pools):
            rows = self.volatility_class == number
            if rows.any():
                chance[rows] = pool.chance(excess[rows])
        wider = np.minimum(chance * self.short_history[:, None], 1.0)
        return np.where(np.isfinite(excess), wider, np.nan)

    def curves(self) -> tuple[Floats, Floats]:
        """(series, point) sizes in bytes, ascending, and (series, point) chances of a day, not increasing."""
        points = self.forecast[:, None] * RATIOS
        return points, np.minimum.accumulate(self.chance(points), axis=1)

    def least_size(self, most_chance: Floats) -> Floats:
        """(series,) smallest size whose chance is at most ``most_chance``, (series,); inf = none that is told."""
        points, chance = self.curves()
        with np.errstate(invalid="ignore"):
            allowed = chance <= most_chance[:, None]
        first = allowed.argmax(axis=1)
        rows = np.arange(len(points))
        before = np.maximum(first - 1, 0)
        high, low = chance[rows, before], chance[rows, first]
        # Curves are read as straight between points, here as everywhere.
        share = np.divide(high - most_chance, high - low, out=np.ones(len(points)), where=high > low)
        size = points[rows, before] + np.clip(share, 0.0, 1.0) * (points[rows, first] - points[rows, before])
        return np.where(allowed.any(axis=1), size, np.where(np.isfinite(self.forecast), np.inf, np.nan))


def calibrate_memory(day_peak: NDArray[np.floating], horizon_days: int) -> MemoryRisk:
    """Learn the chances from the daily peaks of a fleet.

    Args:
        day_peak: (series, day) bytes, NaN = no sample that day.
        horizon_days: length of the next period.
    """
    forecast = forecast_peaks(day_peak, horizon_days)
    known = forecast[np.isfinite(forecast) & (forecast > 0)]
    reference = float(np.median(known)) if len(known) else 1.0
    unit = _spread_unit(forecast, reference)
    found = walk_forward(day_peak, horizon_days)
    own = volatility(day_peak)
    edges = _class_edges(found)
    classes = np.searchsorted(edges, own, side="right")
    example_class = np.searchsorted(edges, found.volatility, side="right")
    whole = Pool.of(found, None)
    pools = []
    for number in range(len(edges) + 1):
        inside = example_class == number
        part = Surprises(found.excess[inside], found.volatility[inside], found.weight[inside])
        pools.append(Pool.of(part, whole, flat=number == 0))
    return MemoryRisk(
        forecast=forecast,
        spread_unit=unit,
        volatility_class=classes.astype(np.int64),
        class_examples=np.bincount(example_class, minlength=len(edges) + 1).astype(np.int64),
        growth_per_day=steady_growth(day_peak, horizon_days).per_day,
        short_history=(day_peak.shape[1] + 1.0) / (np.isfinite(day_peak).sum(axis=1) + 1.0),
        pools=tuple(pools),
    )


def walk_forward(day_peak: NDArray[np.floating], horizon_days: int) -> Surprises:
    """All (cut, day after it) surprises of a fleet; see the head of this file."""
    days = day_peak.shape[1]
    first_cut = max(FEWEST_TRAINING_DAYS, min(horizon_days, days // 3 + 1))
    parts: list[tuple[Floats, Floats, Floats]] = []
    for cut in range(first_cut, days):
        train, after = day_peak[:, :cut], day_peak[:, cut : cut + horizon_days].astype(np.float64)
        forecast = forecast_peaks(train, horizon_days)
        usable = np.isfinite(forecast) & (forecast > 0)
        reference = float(np.median(forecast[usable])) if usable.any() else 1.0
        excess = _surprise(after, forecast, _spread_unit(forecast, reference))
        seen = np.isfinite(excess) & usable[:, None]
        rows = np.nonzero(seen)[0]
        weight = np.full(len(rows), (cut / days) ** CUT_WEIGHT_POWER)
        parts.append((excess[seen], volatility(train)[rows], weight))
    if not parts:
        nothing = np.empty(0)
        return Surprises(nothing, nothing, nothing)
    return Surprises(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _surprise(values: Floats, forecast: Floats, unit: Floats) -> Floats:
    """(series, ...) values relative to the forecast; rounded, else a constant would surprise by its last bit."""
    return np.round((values - forecast[:, None]) / unit[:, None], SURPRISE_DIGITS)


def _spread_unit(forecast: Floats, reference: float) -> Floats:
    unit: Floats = np.maximum(forecast, 1e-9) ** (1.0 - SPREAD_EXPONENT) * max(reference, 1e-9) ** SPREAD_EXPONENT
    return unit


def _class_edges(found: Surprises) -> Floats:
    """Volatilities at which classes begin: flat below the first, then classes of equally many examples."""
    moving = found.volatility[found.volatility >= FLAT]
    if len(moving) < VOLATILITY_CLASSES:
        return np.array([FLAT])
    inner = np.quantile(moving, np.arange(1, VOLATILITY_CLASSES) / VOLATILITY_CLASSES)
    return np.unique(np.concatenate([[FLAT], inner]))


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Chance of a surprise beyond x among like containers, shrunk to the fleet.

    Attributes:
        ordered: (example,) surprises, ascending.
        share_above: (example + 1,) weighted share of surprises from each position on.
        threshold: where the tail begins.
        tail: None = too few examples for one.
        examples: number of them.
        parent: the whole fleet; None = this is it.
        prior_examples: how many examples the parent (or the built-in prior) counts for.
    """

    ordered: Floats
    share_above: Floats
    threshold: float
    tail: Tail | None
    examples: int
    parent: "Pool | None"
    prior_examples: float

    @classmethod
    def of(cls, found: Surprises, parent: "Pool | None", *, flat: bool = False) -> "Pool":
        """Build the pool of some examples."""
        count = len(found.excess)
        prior = FLEET_PRIOR_EXAMPLES if parent is None else CLASS_PRIOR_EXAMPLES
        if flat:  # what never moved is not widened by what did, once there is enough of it
            prior = max(FLAT_PRIOR_EXAMPLES - count, 0.0)
        order = np.lexsort((found.weight, found.excess))
        ordered, weight = found.excess[order], found.weight[order]
        total = float(weight.sum())
        above = np.append(np.cumsum(weight[::-1])[::-1], 0.0) / max(total, 1e-300)
        threshold = float(np.quantile(ordered, 1.0 - TAIL_SHARE)) if count else 0.0
        beyond = ordered > threshold
        tail = fit_tail(ordered[beyond] - threshold, weight[beyond]) if beyond.sum() >= 5 else None
        return cls(ordered, above, threshold, tail, count, parent, prior)

    def chance(self, excess: Floats) -> Floats:
        """Chance of a surprise beyond; any shape."""
        own = self._own(excess) if self.examples else np.zeros(excess.shape)
        if self.prior_examples <= 0.0:
            return own
        prior = _prior_chance(excess) if self.parent is None else self.parent.chance(excess)
        return (self.examples * own + self.prior_examples * prior) / (self.examples + self.prior_examples)

    def _own(self, excess: Floats) -> Floats:
        position = np.searchsorted(self.ordered, excess, side="right")
        share = self.share_above[position]
        if self.tail is None:
            return share
        at_threshold = self.share_above[np.searchsorted(self.ordered, self.threshold, side="right")]
        return np.where(excess > self.threshold, at_threshold * self.tail.chance(excess - self.threshold), share)


def _prior_chance(excess: Floats) -> Floats:
    above = PRIOR_CHANCE_ABOVE_FORECAST * PRIOR_TAIL.chance(excess)
    below = np.clip(PRIOR_CHANCE_ABOVE_FORECAST - excess, 0.0, 1.0)
    return np.where(excess >= 0.0, above, below)
