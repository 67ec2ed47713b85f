"""The question of risk-priced sizing: curves, prices, bounds and shared budgets, checked on entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Measure = Literal["request", "incidents"]

_NOISE = 1e-9
"""Relative rise of a curve that counts as rounding of whoever computed it."""


@dataclass(frozen=True, slots=True, eq=False)
class BudgetRow:
    """One shared budget: ``sum_j weights[j] * measure(items[j]) <= limit``.

    Attributes:
        name: unique; ``rule[label]`` becomes the name of the row, any other text its label.
        items: (member,) int64 positions of items; a repeated item counts with the sum of its weights.
        weights: (member,) float64, finite and 0 or more, such as replicas including surge.
        limit: float, may be ``inf`` for no limit, or less than can be reached.
        measure: ``"request"`` sums requests, ``"incidents"`` sums expected incidents.
    """

    name: str
    items: NDArray[np.int64]
    weights: NDArray[np.float64]
    limit: float
    measure: Measure = "request"


@dataclass(frozen=True, slots=True, eq=False)
class RiskProblem:
    """Items that share budgets, each with a curve of risk against request.

    Attributes:
        request: (item, point) float64, strictly ascending per row, NaN padded at the end, at least one point.
        expected_incidents: (item, point) float64 per month, 0 or more, not increasing, NaN where ``request`` is.
        unit_cost: (item,) float64, currency per unit of request per month (times replicas), 0 or more.
        price_of_risk: (item,) float64, currency per expected incident per month, 0 or more.
        lower: (item,) float64, smallest request allowed, ``-inf`` for none.
        upper: (item,) float64, largest request allowed, at least ``lower``, ``inf`` for none.
        budgets: the shared budgets.
        labels: one unique name per item for the model's text, or None for numbers.
    """

    request: NDArray[np.float64]
    expected_incidents: NDArray[np.float64]
    unit_cost: NDArray[np.float64]
    price_of_risk: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    budgets: Sequence[BudgetRow] = ()
    labels: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Check every shape and value once, so that nothing later has to.

        Raises:
            ValueError: says which array and which item is wrong.
        """
        _check_curves(self.request, self.expected_incidents)
        count = self.request.shape[0]
        for name in ("unit_cost", "price_of_risk"):
            array = getattr(self, name)
            _check_shape(name, array, (count,))
            _check_items(name, ~(np.isfinite(array) & (array >= 0.0)), array, "a finite number of 0 or more")
        _check_shape("lower", self.lower, (count,))
        _check_shape("upper", self.upper, (count,))
        _check_items("lower", np.isnan(self.lower) | (self.lower == np.inf), self.lower, "a number or -inf")
        _check_items("upper", np.isnan(self.upper) | (self.upper == -np.inf), self.upper, "a number or inf")
        _check_items("upper", self.upper < self.lower, self.upper, "at least the lower bound")
        if self.labels is not None and len(self.labels) != count:
            raise ValueError(f"there are {count} items but {len(self.labels)} labels")
        if self.labels is not None and len(set(self.labels)) != count:
            raise ValueError("labels of items repeat")
        for budget in self.budgets:
            _check_budget(budget, count)
        names = [budget.name for budget in self.budgets]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two budgets are called {twice!r}")

    @property
    def item_count(self) -> int:
        """Number of items."""
        return int(self.request.shape[0])


def _check_shape(name: str, array: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    if np.shape(array) != shape:
        raise ValueError(f"{name} has shape {np.shape(array)}; expected {shape}")


def _check_items(name: str, wrong: NDArray[np.bool_], values: NDArray[np.float64], expected: str) -> None:
    if wrong.any():
        item = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{name} of item {item} is {values[item]}; expected {expected}")


def _check_curves(request: NDArray[np.float64], incidents: NDArray[np.float64]) -> None:
    if request.ndim != 2 or request.shape[1] < 1:
        raise ValueError(f"request has shape {request.shape}; expected (item, point) with one point or more")
    _check_shape("expected_incidents", incidents, request.shape)
    known = ~np.isnan(request)
    _check_curve_items("request starts with NaN, a curve needs a point", ~known[:, 0])
    _check_curve_items("request has NaN between points", (known[:, 1:] & ~known[:, :-1]).any(axis=1))
    _check_curve_items(
        "expected_incidents and request have NaN at different points", (known == np.isnan(incidents)).any(1)
    )
    _check_curve_items("the curve is not finite", (np.isinf(request) | np.isinf(incidents)).any(axis=1))
    with np.errstate(invalid="ignore"):
        _check_curve_items("request is not strictly ascending", (np.diff(request, axis=1) <= 0.0).any(axis=1))
        _check_curve_items("expected_incidents is negative", (incidents < 0.0).any(axis=1))
        rise = np.diff(incidents, axis=1)
        _check_curve_items("expected_incidents increases", (rise > _NOISE * incidents[:, :1]).any(axis=1))


def _check_curve_items(what: str, wrong: NDArray[np.bool_] | np.bool) -> None:
    if np.any(wrong):
        raise ValueError(f"{what} (item {int(np.flatnonzero(wrong)[0])})")


def _check_budget(budget: BudgetRow, item_count: int) -> None:
    items, weights = np.asarray(budget.items), np.asarray(budget.weights)
    if items.ndim != 1 or items.shape != weights.shape:
        raise ValueError(
            f"budget {budget.name!r} has items {items.shape} and weights {weights.shape}; expected equal (member,)"
        )
    if items.size and not np.issubdtype(items.dtype, np.integer):
        raise ValueError(f"budget {budget.name!r}: items must be whole numbers, not {items.dtype}")
    if items.size and (items.min() < 0 or items.max() >= item_count):
        raise ValueError(f"budget {budget.name!r} names items {items.min()} to {items.max()}; there are {item_count}")
    if not (np.isfinite(weights) & (weights >= 0.0)).all():
        raise ValueError(f"budget {budget.name!r}: weights must be finite and 0 or more")
    if np.isnan(budget.limit) or budget.limit == -np.inf:
        raise ValueError(f"budget {budget.name!r} has the limit {budget.limit}; expected a number or inf")
    if budget.measure not in ("request", "incidents"):
        raise ValueError(f"budget {budget.name!r} measures {budget.measure!r}; expected 'request' or 'incidents'")
