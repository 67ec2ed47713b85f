r"""Budgets that may be passed at a price: sizing that does not buy a hopeless budget at any cost.

Each row r may be exceeded by ``o_r >= 0`` at a price ``q_r`` a unit::

    minimise    sum_i c_i r_i + p_i h_i(r_i) + sum_r q_r o_r
    subject to  sum_i w_{ri} measure_i <= b_r + o_r

At the optimum a row either holds and its dual is at most ``q_r``, or it is exceeded and its dual is ``q_r``. In the
second case its items see ``q_r w_{ri}`` more for each unit of the measure, and the row itself is gone. So the rigid
problem is solved, rows whose dual is above their price are replaced by that price, and this repeats until none is.
Each round takes a row out, so there are at most as many rounds as rows.

For rows that share no item this is the optimum. Where they do (a namespace inside the fleet) the answer is still
one in which every row either holds or pays its price, and it may cost more than the least.

Example: one item of 1 or 2 units expects 4 or 1 incidents, a unit costs 10, incidents cost nothing, the budget is 1.
Rigid: 2 units for 20, dual 10 / 3. At a price of 2 an incident the three incidents are worth 6, less than 10: 1 unit,
3 incidents over the budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solvers.risk import RiskChoice, solve_risk
from solvers.risk_curves import Floats
from solvers.risk_problem import BudgetRow, RiskProblem
from solvers.solution import SolveStatus


@dataclass(frozen=True, slots=True, eq=False)
class ElasticChoice:
    """The sizes chosen, and what became of every row.

    Attributes:
        choice: of the last rigid problem; its budget arrays run over the rows that stayed.
        use: (row,) what each budget sums up to.
        price: (row,) what one more unit of the limit would save: minus the dual, or the price of an exceeded row.
        excess: (row,) by how much each budget is exceeded.
        violation: (row,) the least excess of rows without a price that cannot be met.
    """

    choice: RiskChoice
    use: Floats
    price: Floats
    excess: Floats
    violation: Floats


def solve_elastic(problem: RiskProblem, most_price: Sequence[float], *, backend: str = "scipy") -> ElasticChoice:
    """Choose the size of every item.

    Args:
        problem: with its budgets.
        most_price: (row,) price of a unit of excess of each budget, above 0; inf = it must hold.
        backend: who solves linear programs.

    Raises:
        ValueError: prices do not fit the budgets.
        SolveError: the backend is missing or failed.
    """
    prices = np.asarray(most_price, dtype=np.float64)
    if prices.shape != (len(problem.budgets),) or not (prices > 0.0).all():
        raise ValueError(f"there are {len(problem.budgets)} budgets; expected a price above 0 for each")
    rigid = np.ones(len(prices), dtype=bool)
    while True:
        kept = [row for row, stays in zip(problem.budgets, rigid, strict=True) if stays]
        priced = [(row, q) for row, q, stays in zip(problem.budgets, prices, rigid, strict=True) if not stays]
        choice = solve_risk(_with_prices(problem, kept, priced), backend=backend)
        too_dear = np.abs(choice.budget_dual) > prices[rigid]
        if choice.status is not SolveStatus.OPTIMAL or not too_dear.any():
            return _answer(problem, prices, rigid, choice)
        rigid[np.flatnonzero(rigid)[too_dear]] = False


def _with_prices(
    problem: RiskProblem, kept: Sequence[BudgetRow], priced: Sequence[tuple[BudgetRow, float]]
) -> RiskProblem:
    unit_cost, price_of_risk = problem.unit_cost.copy(), problem.price_of_risk.copy()
    for row, price in priced:
        target = unit_cost if row.measure == "request" else price_of_risk
        np.add.at(target, row.items, price * row.weights)
    return replace(problem, unit_cost=unit_cost, price_of_risk=price_of_risk, budgets=tuple(kept))


def _answer(problem: RiskProblem, prices: Floats, rigid: np.ndarray, choice: RiskChoice) -> ElasticChoice:
    count = len(prices)
    use, price, violation = np.zeros(count), prices.copy(), np.zeros(count)
    for place, row in enumerate(problem.budgets):
        measured = choice.request if row.measure == "request" else choice.expected_incidents
        use[place] = float(row.weights @ measured[row.items])
    violation[rigid] = choice.budget_slack_violation
    held = rigid & ((violation <= 0.0) | np.isinf(prices))
    price[held] = np.abs(choice.budget_dual)[held[rigid]]
    limit = np.array([row.limit for row in problem.budgets])
    excess = np.where(rigid, violation, np.maximum(use - limit, 0.0))
    own = replace(
        choice,
        objective=float(problem.unit_cost @ choice.request + problem.price_of_risk @ choice.expected_incidents),
    )
    return ElasticChoice(own, use, price, excess, violation)
