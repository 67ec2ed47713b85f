"""What every solver answers: one status, one point, its duals, and how good it is known to be.

All models are minimised: ``z* = min c'x`` subject to ``L <= A x <= U``, ``l <= x <= u``. The
**dual** of a row is the derivative of the optimal objective by the side of the row that holds it,
``d z* / d rhs``. It therefore has the sign of what moving that side up does to the cost:

====================  =================  ==================================================
row                   sign of the dual   reading
====================  =================  ==================================================
``a'x <= U``          ``<= 0``           one more unit of a budget saves ``-dual``
``a'x >= L``          ``>= 0``           one more unit that must be served costs ``dual``
``a'x == b``          either             cost of one more unit of ``b``
``L <= a'x <= U``     either             ``>= 0``: L holds it, ``<= 0``: U holds it, 0: neither
====================  =================  ==================================================
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from solvers.linear_model import LinearModel

FEASIBILITY_TOLERANCE = 1e-6
"""Largest violation of a row that a point may have, relative to the size of the row's terms."""

INTEGRALITY_TOLERANCE = 1e-5
"""Largest distance of an integer variable from a whole number; ten times that of HiGHS and CBC."""

StoppedBy = Literal["", "time", "nodes"]


@dataclass(frozen=True, slots=True)
class SolverOptions:
    """What `solvers.backends.solve` was asked for, already checked; see there."""

    time_limit_seconds: float
    relative_gap: float
    node_limit: int | None
    presolve: bool


class SolveStatus(StrEnum):
    """Why a solver stopped."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    LIMIT = "limit"
    ERROR = "error"


class SolveError(RuntimeError):
    """A solver is missing, or it failed on a model that it should have answered."""


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The answer to one model.

    Attributes:
        status: why the solver stopped. ``limit`` may still carry a feasible point.
        objective: ``c'x`` of the point, NaN without one.
        x: (variable,) float64, NaN without a point. Integer variables hold exact whole numbers
            unless rounding would break a row.
        row_duals: (row,) float64 by the convention of this module; NaN for models with integer
            variables and whenever the status is not ``optimal``.
        bound: a proved lower bound of the objective, ``-inf`` where nothing was proved.
        gap: ``(objective - bound) / |objective|``; 0 when both are equal, NaN without a point.
        stopped_by: the limit that ended the search: ``"time"``, ``"nodes"``, or ``""``.
        message: the solver's own words.
        backend: who answered, such as ``"scipy"`` or ``"pulp:HiGHS"``.
    """

    status: SolveStatus
    objective: float
    x: NDArray[np.float64]
    row_duals: NDArray[np.float64]
    bound: float
    gap: float
    stopped_by: StoppedBy = ""
    message: str = ""
    backend: str = ""

    @property
    def has_point(self) -> bool:
        """True if ``x`` is a feasible point."""
        return not math.isnan(self.objective)


def relative_gap_between(objective: float, bound: float) -> float:
    """``(objective - bound) / |objective|``, never negative; ``inf`` if the bound says nothing."""
    difference = objective - bound
    if math.isnan(difference):
        return math.nan
    if difference <= 0.0:
        return 0.0
    return difference / abs(objective) if objective else math.inf


def largest_violation(model: "LinearModel", x: NDArray[np.float64]) -> float:
    """Largest violation of a row at ``x``, relative to ``max(1, sum |a_j x_j|, |rhs|)`` of that row."""
    if not model.constraint_count:
        return 0.0
    matrix = model.matrix_csr()
    activity = matrix @ x
    lower, upper = model.row_lower, model.row_upper
    excess = np.maximum(np.maximum(lower - activity, activity - upper), 0.0)
    side = np.where(lower - activity > activity - upper, lower, upper)
    size = np.maximum(1.0, abs(matrix) @ np.abs(x))
    size = np.maximum(size, np.where(np.isfinite(side), np.abs(side), 0.0))
    return float((excess / size).max())


def make_solution(
    model: "LinearModel",
    status: SolveStatus,
    *,
    backend: str,
    x: NDArray[np.float64] | None = None,
    row_duals: NDArray[np.float64] | None = None,
    bound: float = -math.inf,
    stopped_by: StoppedBy = "",
    message: str = "",
) -> Solution:
    """Check what a solver handed back against the model itself, and put it in one form.

    A point is believed only if it satisfies the rows: solvers that were stopped by a clock hand
    back whatever they stood at. An ``optimal`` point that violates a row turns into ``error``.
    """
    nothing = np.full(model.variable_count, np.nan)
    no_duals = np.full(model.constraint_count, np.nan)
    if x is not None:
        x = _whole_numbers(model, np.clip(x, model.column_lower, model.column_upper))
        if x is None or not largest_violation(model, x) <= FEASIBILITY_TOLERANCE:
            x = None
            if status is SolveStatus.OPTIMAL:
                message = f"the point called optimal breaks a row or is not whole. {message}"
    if status is SolveStatus.OPTIMAL and x is None:
        message = message or "the solver says optimal but hands back no point"
        status = SolveStatus.ERROR
    if x is None or status not in (SolveStatus.OPTIMAL, SolveStatus.LIMIT):
        if status is not SolveStatus.LIMIT:
            bound = -math.inf
        return Solution(status, math.nan, nothing, no_duals, bound, math.nan, stopped_by, message.strip(), backend)
    objective = float(model.objective @ x)
    is_optimal = status is SolveStatus.OPTIMAL
    if is_optimal and not model.has_integers:
        bound = objective
    # Rounding of a solver may leave a bound a hair above the value of its own point.
    bound = min(bound, objective)
    if row_duals is None or model.has_integers or not is_optimal:
        row_duals = no_duals
    gap = relative_gap_between(objective, bound)
    return Solution(status, objective, x, row_duals, bound, gap, stopped_by, message.strip(), backend)


def _whole_numbers(model: "LinearModel", x: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Round the integer variables, which solvers return as 2.9999999; None if one is no whole number.

    A point stays as it is where rounding would break a row (large coefficients).
    """
    if not model.has_integers:
        return x
    rounded = np.where(model.integrality, np.round(x), x)
    if not (np.abs(rounded - x) <= INTEGRALITY_TOLERANCE).all():
        return None
    return rounded if largest_violation(model, rounded) <= FEASIBILITY_TOLERANCE else x
