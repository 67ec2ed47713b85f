"""The fair shares of :mod:`solvers.fairness` as a sequence of linear programs: the oracle for small cases.

Stage by stage, for the tenants ``A`` of one priority that are not settled::

    maximise t    subject to  x_n d_n / w_n >= t          n in A
                              x_n  = settled share        the others; 0 for lower priorities
                              a_nk >= x_n D_nk,  a_nk >= g_nk,  and all limits on a

The tenants whose level rows have a positive dual cannot rise without lowering another of them: they are settled at
``t``.
The duals of these rows sum to 1, so each stage settles one at least.
"""

import numpy as np

from solvers.backends import solve
from solvers.fairness_problem import FairProblem, Floats, dominant_share, relax_guarantees, share_rows
from solvers.linear_model import LinearModel, SolveStatus
from solvers.solution import SolveError

DUAL_TOLERANCE = 1e-7


def fair_shares_by_programs(problem: FairProblem, *, backend: str = "scipy") -> Floats:
    """(tenant,) share of the need that is met, 0 to 1."""
    growth = problem.weights / dominant_share(problem)
    tenants = len(problem.need)
    lower, upper = np.zeros(tenants), np.zeros(tenants)
    for priority in sorted(set(problem.priority.tolist()), reverse=True):
        waiting = problem.priority == priority
        upper[waiting] = 1.0
        while waiting.any():
            level, duals = _stage(problem, growth, lower, upper, np.flatnonzero(waiting), backend)
            held = np.flatnonzero(waiting)[duals > DUAL_TOLERANCE]
            if not held.size:
                raise SolveError("no tenant bounds the level")
            lower[held] = upper[held] = np.clip(level * growth[held], 0.0, 1.0)
            # A hair of room keeps the next program feasible under the solver's tolerance.
            lower[held] *= 1 - 1e-9
            waiting[held] = False
    reserved, _ = relax_guarantees(problem, share_rows(problem))
    ratio = np.full(problem.need.shape, np.inf)
    np.divide(reserved, problem.need, out=ratio, where=problem.need > 0)
    free: Floats = np.maximum(upper, np.minimum(ratio.min(axis=1, initial=1.0), 1.0))
    return free


def first_stage_duals(problem: FairProblem) -> tuple[float, Floats]:
    """The smallest level of the highest priority, and (row,) its rise with one more unit of each shared row."""
    model, _ = _model(
        problem,
        problem.weights / dominant_share(problem),
        np.zeros(len(problem.need)),
        (problem.priority == problem.priority.max()).astype(np.float64),
        np.flatnonzero(problem.priority == problem.priority.max()),
    )
    answer = solve(model)
    if answer.status is not SolveStatus.OPTIMAL:
        raise SolveError(f"a stage of fair shares ended {answer.status}: {answer.message}")
    return -answer.objective, -answer.row_duals[: len(share_rows(problem))]


def _stage(
    problem: FairProblem, growth: Floats, lower: Floats, upper: Floats, waiting: "np.ndarray", backend: str
) -> tuple[float, Floats]:
    model, level_rows = _model(problem, growth, lower, upper, waiting)
    answer = solve(model, backend=backend)
    if answer.status is not SolveStatus.OPTIMAL:
        raise SolveError(f"a stage of fair shares ended {answer.status}: {answer.message}")
    return -answer.objective, np.abs(answer.row_duals[level_rows])


def _model(
    problem: FairProblem, growth: Floats, lower: Floats, upper: Floats, waiting: "np.ndarray"
) -> tuple[LinearModel, "np.ndarray"]:
    rows = share_rows(problem)
    reserved, _ = relax_guarantees(problem, rows)
    tenants, resources = problem.need.shape
    model = LinearModel("fair_shares")
    level = model.add_variables("level", 1, objective=-1.0, lower=0.0)
    share = model.add_variables("share", tenants, lower=lower, upper=upper)
    amount = model.add_variables("amount", (tenants, resources), lower=reserved, upper=problem.most)
    for position, row in enumerate(rows):
        name = f"row_{position}"
        model.add_constraints(name, 0, amount[row.members, row.resource], 1.0, count=1, upper=row.capacity)
    met = np.arange(tenants * resources)
    model.add_constraints(
        "amount_meets_share",
        np.concatenate([met, met]),
        np.concatenate([amount.ravel(), np.repeat(share, resources)]),
        np.concatenate([np.ones(met.size), -problem.need.ravel()]),
        count=met.size,
        lower=0.0,
    )
    limited = np.flatnonzero(np.isfinite(problem.budget))
    if limited.size:
        model.add_constraints(
            "budget",
            np.repeat(np.arange(limited.size), resources),
            amount[limited].ravel(),
            np.tile(problem.price, limited.size),
            count=limited.size,
            upper=problem.budget[limited],
        )
    number = np.arange(waiting.size)
    level_rows = model.add_constraints(
        "share_reaches_level",
        np.concatenate([number, number]),
        np.concatenate([share[waiting], np.repeat(level, waiting.size)]),
        np.concatenate([1 / growth[waiting], -np.ones(waiting.size)]),
        count=waiting.size,
        lower=0.0,
    )
    return model, level_rows
