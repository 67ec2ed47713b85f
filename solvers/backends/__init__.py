"""Solvers behind one call: SciPy's embedded HiGHS, or any solver that PuLP can drive.

``scipy``
    The default. Always installed, silent, exact duals; bounds and gaps of mixed-integer models.
``pulp``
    HiGHS through highspy if that is installed, else CBC.
``pulp:HiGHS``, ``pulp:CBC``, ``pulp:GUROBI``, ...
    One named solver; after the colon stands ``CBC`` or any name that ``pulp.listSolvers()`` knows.

Neither prints anything. Each is imported when it is first used.
"""

import math

import numpy as np

from solvers.linear_model import LinearModel
from solvers.solution import Solution, SolverOptions, SolveStatus, make_solution

__all__ = ["check_backend_name", "solve", "write_lp"]


def solve(
    model: LinearModel,
    *,
    backend: str = "scipy",
    time_limit_seconds: float = 60.0,
    relative_gap: float = 1e-6,
    node_limit: int | None = None,
    presolve: bool = True,
) -> Solution:
    """Minimise a model.

    Args:
        model: the model; without integer variables it is solved as a linear program, with duals.
        backend: see the docstring of this module.
        time_limit_seconds: a safety net, more than 0, ``inf`` for none. What stops there says
            ``stopped_by="time"`` and may differ from run to run.
        relative_gap: a mixed-integer search ends when ``(objective - bound) / |objective|`` is this small.
        node_limit: a mixed-integer search ends after this many nodes; the same on every machine.
        presolve: False skips the solver's presolve. Presolve of HiGHS takes minutes, and does not
            look at the clock, on linear programs of few rows and very many bounded variables.

    Returns:
        The solution. Infeasible and unbounded models are answers, not errors.

    Raises:
        ValueError: an option is out of range or the backend has no such name.
        SolveError: the backend is not installed, or broke down.
    """
    check_backend_name(backend)
    if not time_limit_seconds > 0.0:
        raise ValueError(f"time_limit_seconds is {time_limit_seconds}; expected more than 0")
    if not 0.0 <= relative_gap < math.inf:
        raise ValueError(f"relative_gap is {relative_gap}; expected 0 or more")
    if node_limit is not None and node_limit < 0:
        raise ValueError(f"node_limit is {node_limit}; expected 0 or more")
    if not model.variable_count:
        return _solve_without_variables(model, backend)
    limits = SolverOptions(time_limit_seconds, relative_gap, node_limit, presolve)
    solution = _dispatch(model, backend, limits)
    if solution.status is SolveStatus.UNBOUNDED and np.any(model.objective):
        solution = _settle_unbounded(model, solution, backend, limits)
    return solution


def check_backend_name(backend: str) -> None:
    """Raise ValueError unless ``backend`` has the form of a backend's name."""
    if backend not in ("scipy", "pulp") and not (backend.startswith("pulp:") and backend[5:]):
        raise ValueError(f"backend is {backend!r}; expected 'scipy', 'pulp' or 'pulp:' and the name of a solver")


def write_lp(model: LinearModel) -> str:
    """The model as readable ``.lp`` text, the same bytes for the same model."""
    from solvers.backends import lp_text

    return lp_text.write_lp(model)


def _dispatch(model: LinearModel, backend: str, options: SolverOptions) -> Solution:
    if backend == "scipy":
        from solvers.backends import scipy_highs

        return scipy_highs.solve(model, options)
    from solvers.backends import pulp_any

    return pulp_any.solve(model, options, solver=backend.partition(":")[2])


def _settle_unbounded(model: LinearModel, solution: Solution, backend: str, options: SolverOptions) -> Solution:
    """Tell unbounded from infeasible.

    Presolve often ends with "unbounded or infeasible", and backends report that as ``unbounded``.
    Without its objective the model cannot be unbounded, so what that gives decides.
    """
    feasibility = _dispatch(model.with_objective(0.0), backend, options)
    if feasibility.status is SolveStatus.INFEASIBLE:
        return make_solution(model, SolveStatus.INFEASIBLE, backend=solution.backend, message=feasibility.message)
    if feasibility.has_point:
        return solution
    message = f"unbounded or infeasible, and the check was not finished: {feasibility.message}"
    return make_solution(
        model, feasibility.status, backend=solution.backend, stopped_by=feasibility.stopped_by, message=message
    )


def _solve_without_variables(model: LinearModel, backend: str) -> Solution:
    """Rows over nothing hold if 0 lies between their sides; every small change of a side leaves 0 as it is."""
    feasible = bool(np.all((model.row_lower <= 0.0) & (model.row_upper >= 0.0)))
    if not feasible:
        message = "a row without variables cannot be satisfied"
        return make_solution(model, SolveStatus.INFEASIBLE, backend=backend, message=message)
    return make_solution(
        model, SolveStatus.OPTIMAL, backend=backend, x=np.empty(0), row_duals=np.zeros(model.constraint_count)
    )
