"""HiGHS as SciPy carries it: ``linprog`` for linear programs, ``milp`` with integer variables.

``linprog`` knows ``A x <= b`` and ``A x == b`` only. A row with a finite left-hand side enters as
``-a'x <= -L``, a ranged row twice; ``linprog`` hands out ``d objective / d b``, so by the convention
of `solvers.solution` the dual of a row is ``dual(a'x <= U) - dual(-a'x <= -L)``.
"""

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.linear_model import LinearModel
from solvers.solution import Solution, SolverOptions, SolveStatus, StoppedBy, make_solution

NAME = "scipy"

_HIGHS_STATUS = re.compile(r"HiGHS Status (\d+)")
_STATUS_OF_HIGHS: dict[int, tuple[SolveStatus, StoppedBy]] = {
    7: (SolveStatus.OPTIMAL, ""),
    8: (SolveStatus.INFEASIBLE, ""),
    # 9 is "unbounded or infeasible"; solve() settles which.
    9: (SolveStatus.UNBOUNDED, ""),
    10: (SolveStatus.UNBOUNDED, ""),
    13: (SolveStatus.LIMIT, "time"),
    # SciPy does not know HiGHS's 16, "solution limit", which is how the node limit ends.
    16: (SolveStatus.LIMIT, "nodes"),
}


def solve(model: LinearModel, options: SolverOptions) -> Solution:
    """Minimise with SciPy."""
    return _solve_mixed_integer(model, options) if model.has_integers else _solve_linear(model, options)


def _solve_linear(model: LinearModel, options: SolverOptions) -> Solution:
    from scipy.optimize import linprog
    from scipy.sparse import vstack

    matrix = model.matrix_csr()
    lower, upper = model.row_lower, model.row_upper
    equal = np.flatnonzero(lower == upper)
    below = np.flatnonzero(np.isfinite(upper) & (lower != upper))
    above = np.flatnonzero(np.isfinite(lower) & (lower != upper))
    # linprog takes sparse matrices and an array of bounds; its type stubs know neither.
    inequalities: Any = vstack([matrix[below], -matrix[above]], format="csc")
    equations: Any = matrix[equal]
    bounds: Any = np.column_stack([model.column_lower, model.column_upper])
    highs_options: Any = _highs_options(options)
    result = linprog(
        model.objective,
        A_ub=inequalities,
        b_ub=np.concatenate([upper[below], -lower[above]]),
        A_eq=equations,
        b_eq=upper[equal],
        bounds=bounds,
        method="highs",
        options=highs_options,
    )
    status, stopped_by = _status(result.status, result.message)
    row_duals: NDArray[np.float64] | None = None
    if status is SolveStatus.OPTIMAL:
        row_duals = np.zeros(model.constraint_count)
        row_duals[equal] = result.eqlin.marginals
        row_duals[below] = result.ineqlin.marginals[: below.size]
        row_duals[above] -= result.ineqlin.marginals[below.size :]
    return make_solution(
        model,
        status,
        backend=NAME,
        x=result.x if status is SolveStatus.OPTIMAL else None,
        row_duals=row_duals,
        stopped_by=stopped_by,
        message=str(result.message),
    )


def _solve_mixed_integer(model: LinearModel, options: SolverOptions) -> Solution:
    from scipy.optimize import Bounds, LinearConstraint, milp

    highs_options: Any = {**_highs_options(options), "mip_rel_gap": options.relative_gap}
    if options.node_limit is not None:
        highs_options["node_limit"] = options.node_limit
    constraints = LinearConstraint(model.matrix_csc(), model.row_lower, model.row_upper)
    result = milp(
        model.objective,
        integrality=model.integrality.astype(np.uint8),
        bounds=Bounds(model.column_lower, model.column_upper),
        constraints=constraints if model.constraint_count else (),
        options=highs_options,
    )
    status, stopped_by = _status(result.status, result.message)
    bound = result.mip_dual_bound
    return make_solution(
        model,
        status,
        backend=NAME,
        x=result.x,
        bound=float(bound) if bound is not None and math.isfinite(bound) else -math.inf,
        stopped_by=stopped_by,
        message=str(result.message),
    )


def _highs_options(options: SolverOptions) -> dict[str, float | bool]:
    chosen: dict[str, float | bool] = {"presolve": options.presolve}
    if math.isfinite(options.time_limit_seconds):
        chosen["time_limit"] = float(options.time_limit_seconds)
    return chosen


def _status(scipy_status: int, message: str) -> tuple[SolveStatus, StoppedBy]:
    """The status by HiGHS's own code, which SciPy quotes in its message, else by SciPy's."""
    if scipy_status == 0:
        return SolveStatus.OPTIMAL, ""
    found = _HIGHS_STATUS.search(str(message))
    if found and int(found.group(1)) in _STATUS_OF_HIGHS:
        return _STATUS_OF_HIGHS[int(found.group(1))]
    by_scipy: dict[int, tuple[SolveStatus, StoppedBy]] = {
        1: (SolveStatus.LIMIT, ""),
        2: (SolveStatus.INFEASIBLE, ""),
        3: (SolveStatus.UNBOUNDED, ""),
    }
    return by_scipy.get(scipy_status, (SolveStatus.ERROR, ""))
