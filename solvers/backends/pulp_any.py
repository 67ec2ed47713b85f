"""Any solver that PuLP drives: HiGHS through highspy, CBC, and the commercial ones.

Written in the part of PuLP's interface that is the same in PuLP 3.3 (pure Python, brings CBC) and
PuLP 4 (Rust core, brings no solver; see its migration guide,
https://coin-or.github.io/pulp/guides/how_to_migrate_to_v4.html). What differs, and is settled here:

* After a limit PuLP 3.3 reports the status "Optimal" for whatever point is there, and only
  ``sol_status`` tells; PuLP 4 returns statistics with the reason. HiGHS is asked itself.
* PuLP 3.3 stops with a KeyError when HiGHS ends at its node limit; the point is there by then.
* CBC gives no bound of a mixed-integer search. An optimum is credited with the gap asked for.
* CBC writes its solution with eight significant digits.
* highspy 1.16.0 prints two lines on stdout that nothing can switch off, so it is not used.
"""

import importlib.metadata
import importlib.util
import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.backends.lp_text import write_lp
from solvers.linear_model import LinearModel
from solvers.solution import Solution, SolveError, SolverOptions, SolveStatus, StoppedBy, make_solution

__all__ = ["solve", "write_lp"]

_PRINTING_HIGHSPY = "1.16.0"
_Verdict = tuple[SolveStatus, StoppedBy, str]

_OF_HIGHS: dict[str, tuple[SolveStatus, StoppedBy]] = {
    "kOptimal": (SolveStatus.OPTIMAL, ""),
    "kInfeasible": (SolveStatus.INFEASIBLE, ""),
    "kUnboundedOrInfeasible": (SolveStatus.UNBOUNDED, ""),
    "kUnbounded": (SolveStatus.UNBOUNDED, ""),
    "kTimeLimit": (SolveStatus.LIMIT, "time"),
    "kSolutionLimit": (SolveStatus.LIMIT, "nodes"),
}
_OF_PULP_4: dict[str, tuple[SolveStatus, StoppedBy]] = {
    "Optimal": (SolveStatus.OPTIMAL, ""),
    "GapLimit": (SolveStatus.OPTIMAL, ""),
    "Infeasible": (SolveStatus.INFEASIBLE, ""),
    "Unbounded": (SolveStatus.UNBOUNDED, ""),
    "Undefined": (SolveStatus.UNBOUNDED, ""),
    "TimeLimit": (SolveStatus.LIMIT, "time"),
    "NodeLimit": (SolveStatus.LIMIT, "nodes"),
}


def solve(model: LinearModel, options: SolverOptions, *, solver: str = "") -> Solution:
    """Minimise with a solver of PuLP; ``solver`` is its name, ``""`` for HiGHS or else CBC."""
    try:
        import pulp
    except ImportError as missing:
        raise SolveError("the backend 'pulp' needs the package pulp, which is not installed") from missing

    name = solver or ("HiGHS" if _highspy_is_usable() else "CBC")
    backend = f"pulp:{name}"
    driver = _driver(pulp, name, options)
    hollow = _row_that_cannot_hold(model)
    if hollow:
        return make_solution(model, SolveStatus.INFEASIBLE, backend=backend, message=hollow)
    problem, variables, rows_of_constraints = _build(pulp, model)
    began = time.monotonic()
    try:
        answer = problem.solve(driver)
    except (pulp.PulpSolverError, OSError) as failure:
        raise SolveError(f"{backend} failed: {failure}") from failure
    except KeyError:
        if name != "HiGHS":
            raise
        answer = None
    out_of_time = time.monotonic() - began >= 0.9 * options.time_limit_seconds
    status, stopped_by, message = _verdict(problem, answer, name)
    if status is SolveStatus.LIMIT and not stopped_by:
        stopped_by = "time" if out_of_time or options.node_limit is None else "nodes"
    x = _point(model, variables, rows_of_constraints) if status in (SolveStatus.OPTIMAL, SolveStatus.LIMIT) else None
    return make_solution(
        model,
        status,
        backend=backend,
        x=x,
        row_duals=_row_duals(model, problem, rows_of_constraints) if status is SolveStatus.OPTIMAL else None,
        bound=_bound(model, problem, answer, name, status, x, options.relative_gap),
        stopped_by=stopped_by,
        message=message,
    )


def _highspy_is_usable() -> bool:
    return (
        importlib.util.find_spec("highspy") is not None and importlib.metadata.version("highspy") != _PRINTING_HIGHSPY
    )


def _driver(pulp: Any, name: str, options: SolverOptions) -> Any:
    """The solver object of PuLP, silent and with its limits set; SolveError if it is not there."""
    seconds = options.time_limit_seconds if math.isfinite(options.time_limit_seconds) else None
    common: dict[str, Any] = {"msg": False, "timeLimit": seconds, "gapRel": options.relative_gap}
    if name == "HiGHS":
        if not _highspy_is_usable():
            raise SolveError("pulp:HiGHS needs the package highspy (1.13 or later, not 1.16.0, which prints on stdout)")
        nodes = {} if options.node_limit is None else {"mip_max_nodes": options.node_limit}
        return pulp.HiGHS(**common, **nodes, presolve="choose" if options.presolve else "off")
    if name == "CBC":
        path = getattr(getattr(pulp, "PULP_CBC_CMD", None), "pulp_cbc_path", None)
        presolve = None if options.presolve else False
        driver = pulp.COIN_CMD(path=path, maxNodes=options.node_limit, presolve=presolve, **common)
        cure = "PuLP 3.3 brings it; for PuLP 4 install pulp[cbc] or put cbc on the PATH"
    else:
        if options.node_limit is not None:
            raise ValueError(f"pulp:{name} takes no node_limit; only pulp:HiGHS and pulp:CBC do")
        try:
            driver = pulp.getSolver(name, **common)
        except (pulp.PulpSolverError, TypeError) as unknown:
            reason = str(unknown).splitlines()[0]
            raise SolveError(f"PuLP {pulp.__version__} cannot set up the solver {name!r}: {reason}") from unknown
        cure = "install it with its licence, or choose another backend"
    if not driver.available():
        raise SolveError(f"the solver pulp:{name} is not installed: {cure}")
    return driver


def _row_that_cannot_hold(model: LinearModel) -> str:
    """Name of a row over no variable whose sides exclude 0; such rows are not handed to PuLP."""
    empty = np.diff(model.matrix_csr().indptr) == 0
    impossible = empty & ~((model.row_lower <= 0.0) & (model.row_upper >= 0.0))
    if not impossible.any():
        return ""
    return f"{model.constraint_names()[int(np.flatnonzero(impossible)[0])]} has no variables and cannot hold"


def _build(pulp: Any, model: LinearModel) -> tuple[Any, list[Any], list[int]]:
    """PuLP's problem, its variables by column, and the row of each of its constraints.

    PuLP has no ranged rows, so one becomes two constraints; a row without sides becomes none.
    """
    problem = pulp.LpProblem(model.name, pulp.LpMinimize)
    lower, upper = _or_none(model.column_lower), _or_none(model.column_upper)
    whole = model.integrality.tolist()
    variables = [
        problem.add_variable(f"x{j}", lower[j], upper[j], pulp.LpInteger if whole[j] else pulp.LpContinuous)
        for j in range(model.variable_count)
    ]
    cost = pulp.lpSum([])
    for j in np.flatnonzero(model.objective).tolist():
        cost.addterm(variables[j], float(model.objective[j]))
    problem += cost
    matrix = model.matrix_csr()
    starts, columns, values = matrix.indptr.tolist(), matrix.indices.tolist(), matrix.data.tolist()
    rows_of_constraints: list[int] = []
    for row, (low, high) in enumerate(zip(_or_none(model.row_lower), _or_none(model.row_upper), strict=True)):
        if starts[row] == starts[row + 1] or (low is None and high is None):
            continue
        terms = pulp.lpSum([])
        for place in range(starts[row], starts[row + 1]):
            terms.addterm(variables[columns[place]], values[place])
        if low == high:
            constraints = [terms == high]
        else:
            constraints = [*([terms >= low] if low is not None else []), *([terms <= high] if high is not None else [])]
        for constraint in constraints:
            problem += (constraint, f"c{len(rows_of_constraints)}")
            rows_of_constraints.append(row)
    return problem, variables, rows_of_constraints


def _or_none(bounds: NDArray[np.float64]) -> list[float | None]:
    return [bound if math.isfinite(bound) else None for bound in bounds.tolist()]


def _verdict(problem: Any, answer: Any, name: str) -> _Verdict:
    """Why the solver stopped, in our words, by the most trustworthy witness there is."""
    if name == "HiGHS":
        highs = problem.solverModel
        model_status = highs.getModelStatus()
        status, stopped_by = _OF_HIGHS.get(model_status.name, (SolveStatus.ERROR, ""))
        return status, stopped_by, str(highs.modelStatusToString(model_status))
    if hasattr(answer, "status_str"):
        # PuLP 4: statistics. An interruption or another limit counts as a limit without a name.
        unnamed: tuple[SolveStatus, StoppedBy] = (
            (SolveStatus.ERROR, "") if answer.status_str in ("NotSolved", "NumericalError") else (SolveStatus.LIMIT, "")
        )
        status, stopped_by = _OF_PULP_4.get(answer.status_str, unnamed)
        return status, stopped_by, f"PuLP: {answer.status_str}"
    # PuLP 3.3: two numbers. 1 and 1 is an optimum; 1 and 2 a point when a limit struck; 0 nothing.
    message = f"PuLP: status {problem.status}, solution status {problem.sol_status}"
    if problem.status == 1:
        return (SolveStatus.OPTIMAL if problem.sol_status == 1 else SolveStatus.LIMIT), "", message
    by_number = {0: SolveStatus.LIMIT, -1: SolveStatus.INFEASIBLE, -2: SolveStatus.UNBOUNDED, -3: SolveStatus.UNBOUNDED}
    return by_number.get(problem.status, SolveStatus.ERROR), "", message


def _point(model: LinearModel, variables: list[Any], rows_of_constraints: list[int]) -> NDArray[np.float64] | None:
    """Values by column; a variable that no constraint and no cost mentions gets the value nearest to 0."""
    values = np.array([math.nan if v.varValue is None else v.varValue for v in variables], dtype=np.float64)
    used = np.zeros(model.variable_count, dtype=bool)
    used[model.matrix_csr()[rows_of_constraints].indices] = True
    used |= model.objective != 0.0
    values[~used] = np.clip(0.0, model.column_lower, model.column_upper)[~used]
    return None if np.isnan(values).any() else values


def _row_duals(model: LinearModel, problem: Any, rows_of_constraints: list[int]) -> NDArray[np.float64] | None:
    if model.has_integers:
        return None
    duals = np.zeros(model.constraint_count)
    for row, constraint in zip(rows_of_constraints, problem.constraints(), strict=True):
        if constraint.pi is None:
            return None
        duals[row] += constraint.pi
    return duals


def _bound(
    model: LinearModel,
    problem: Any,
    answer: Any,
    name: str,
    status: SolveStatus,
    x: NDArray[np.float64] | None,
    relative_gap: float,
) -> float:
    """A lower bound that the solver proved, ``-inf`` if it does not tell."""
    if not model.has_integers:
        return -math.inf
    told = problem.solverModel.getInfo().mip_dual_bound if name == "HiGHS" else getattr(answer, "best_bound", None)
    if told is not None and math.isfinite(told):
        return float(told)
    if status is SolveStatus.OPTIMAL and x is not None:
        objective = float(model.objective @ x)
        return objective - relative_gap * abs(objective)
    return -math.inf
