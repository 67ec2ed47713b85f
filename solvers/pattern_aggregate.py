"""The aggregate model: bins as sums of resources. A quick lower bound, and prices to start from.

With y_skt items of class k on bins of shape t in scenario s, and N_st = sum_{o of t} w_so n_o bins there
(`solvers.pattern_master` tells what scenarios, offers and weights are)::

    min   sum_o c_o n_o
    s.t.  sum_t y_skt                      >= d_sk          all_placed[s|k]
          sum_k d_kr y_skt                 <= C_tr N_st     capacity<r>[s|t]
          sum_k milli_k y_skt              <= 1000 G_t N_st gpu_milli[s|t]
          sum_{k: d_kr > C_tr/2} y_skt     <= N_st          one_large<r>[s|t]
          sum_k g_k y_skt + sum_{k: share > 500} y_skt <= G_t N_st   one_large_share[s|t]
          L_i <= sum_o f_io n_o <= H_i                               rules[i]
          0 <= n_o <= U_o whole,  y >= 0,  y_skt = 0 where k does not fit t

Where items may be left out, ``sum_t y_skt + m_sk >= d_sk`` with ``M_k m_sk`` in the objective.

Every packing obeys these rows, so the optimum bounds the cost from below; it is not a packing, and real bins may
cost a fifth more. The prices of ``all_placed`` without whole numbers give no bin more value than it costs, so that
column generation that starts at them has this bound from its first round on.
"""

from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np

from solvers.backends import solve
from solvers.linear_model import LinearModel
from solvers.pattern_master import Relaxation
from solvers.pool_problem import WHOLE_MILLI, Floats, PoolProblem


def aggregate_model(problem: PoolProblem, relaxation: Relaxation, *, integer: bool) -> LinearModel:
    """The model of this module's text; with ``integer`` the bins are whole, else it is its relaxation."""
    names = problem.items.names
    scenarios, classes = relaxation.demand.shape
    placed = np.array([[k, t] for t, shape in enumerate(problem.shapes) for k in np.flatnonzero(shape.fits)])
    placed = placed.reshape(-1, 2).astype(np.int64)
    shape_names = [
        problem.bins.names[int(np.flatnonzero(problem.shape_of_bin == t)[0])] for t in range(relaxation.shapes)
    ]
    scenario_names = ["all", *(f"lost{s}" for s in range(1, scenarios))]
    model = LinearModel("aggregate_bins")
    offer_names = [f"{shape_names[int(t)]}#{o}" for o, t in enumerate(relaxation.shape)]
    bins = model.add_variables(
        "bins", len(relaxation.cost), upper=relaxation.limit, objective=relaxation.cost, integer=integer,
        labels=offer_names,
    )  # fmt: skip
    labels = [f"{name}|{names[k]}|{shape_names[t]}" for name in scenario_names for k, t in placed.tolist()]
    items_on = model.add_variables("items", scenarios * len(placed), labels=labels).reshape(scenarios, -1)
    rows = np.concatenate([s * classes + placed[:, 0] for s in range(scenarios)])
    placed_items = items_on.ravel()
    if relaxation.may_drop:
        cost = np.broadcast_to(relaxation.drop_cost, (scenarios, classes))
        left_out = model.add_variables("left_out", (scenarios, classes), objective=cost)
        rows = np.concatenate([rows, np.arange(scenarios * classes)])
        placed_items = np.concatenate([placed_items, left_out.ravel()])
    model.add_constraints(
        "all_placed", rows, placed_items, 1.0, lower=relaxation.demand.ravel().astype(float),
        labels=[f"{name}|{k}" for name in scenario_names for k in names],
    )  # fmt: skip
    for name, coefficient, room in _rows(problem, placed):
        parts: list[list[np.ndarray]] = [[], [], []]
        for s in range(scenarios):
            for part, more in zip(
                parts,
                (
                    [s * relaxation.shapes + placed[:, 1], s * relaxation.shapes + relaxation.shape],
                    [items_on[s], bins],
                    [coefficient, -relaxation.weight[s] * room[relaxation.shape]],
                ),
                strict=True,
            ):
                part += more
        row_labels = [f"{scenario}|{t}" for scenario in scenario_names for t in shape_names]
        model.add_constraints(name, *(np.concatenate(part) for part in parts), upper=0.0, labels=row_labels)
    if len(relaxation.factor):
        row, offer = np.nonzero(relaxation.factor)
        model.add_constraints(
            "rules", row, bins[offer], relaxation.factor[row, offer], count=len(relaxation.factor),
            lower=relaxation.lower, upper=relaxation.upper,
        )  # fmt: skip
    return model


def _rows(problem: PoolProblem, placed: np.ndarray) -> list[tuple[str, Floats, Floats]]:
    """Kinds of rows: name, coefficient of each (class, shape) pair, what one bin of each shape offers."""
    items, shapes = problem.items, problem.shapes
    k, t = placed[:, 0], placed[:, 1]
    capacity = np.array([shape.capacity for shape in shapes])
    gpus = np.array([shape.gpus for shape in shapes], dtype=float)
    kinds: list[tuple[str, Floats, Floats]] = []
    for r in range(capacity.shape[1]):
        kinds.append((f"capacity{r}", items.demand[k, r].astype(float), capacity[:, r].astype(float)))
        large = 2 * items.demand[k, r] > capacity[t, r]
        kinds.append((f"one_large{r}", large.astype(float), np.ones(len(shapes))))
    if np.any(items.gpu_milli > 0):
        kinds.append(("gpu_milli", items.gpu_milli[k].astype(float), WHOLE_MILLI * gpus))
        large = items.gpus[k] + (2 * items.share_milli[k] > WHOLE_MILLI)
        kinds.append(("one_large_share", large.astype(float), gpus))
    return [kind for kind in kinds if np.any(kind[1])]


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The optimum of the relaxed aggregate model: its value, prices (scenario, class), bins (offer,) in fractions."""

    lower_bound: float
    prices: Floats
    bins: Floats


def relaxed_sums(problem: PoolProblem, relaxation: Relaxation) -> Sums:
    """Solve the relaxed aggregate model; zeros if it has no optimum."""
    solution = solve(aggregate_model(problem, relaxation, integer=False), time_limit_seconds=600.0)
    scenarios, classes = relaxation.demand.shape
    prices = np.zeros((scenarios, classes))
    if np.isnan(solution.row_duals).any():
        return Sums(0.0, prices, np.zeros(len(relaxation.cost)))
    prices = np.maximum(solution.row_duals[: scenarios * classes].reshape(scenarios, classes), 0.0)
    bins = solution.x[: len(relaxation.cost)]
    return Sums(max(solution.bound, 0.0), np.minimum(prices, relaxation.drop_cost), bins)


def aggregate_prices(problem: PoolProblem, relaxation: Relaxation) -> tuple[float, Floats]:
    """Optimum of the relaxed aggregate model, and its prices (scenario, class); zeros if it has no optimum."""
    sums = relaxed_sums(problem, relaxation)
    return sums.lower_bound, sums.prices


class BoundLimits(TypedDict, total=False):
    """When the search for a bound ends."""

    relative_gap: float
    node_limit: int | None
    time_limit_seconds: float


def aggregate_bound(
    problem: PoolProblem, relaxation: Relaxation, *, backend: str = "scipy", **limits: Unpack[BoundLimits]
) -> float:
    """A proved lower bound from the aggregate model with whole bins; 0 if nothing was proved."""
    told: BoundLimits = {"relative_gap": 1e-4, "time_limit_seconds": 60.0, **limits}
    solution = solve(aggregate_model(problem, relaxation, integer=True), backend=backend, **told)
    return max(solution.bound, 0.0) if np.isfinite(solution.bound) else 0.0
