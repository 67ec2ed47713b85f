"""The master in whole numbers: how many bins of each type in each group, and the patterns in each scenario.

Over chosen patterns p, with n_b bins of type b, x_sp bins that hold p in scenario s, and m_sk items left out::

    min   sum_b c_b n_b + sum_p e_p x_0p (+ sum_sk M_k m_sk where items may be left out)
    s.t.  sum_p a_kp x_sp + m_sk >= d_sk
          sum of the n_b of shape t that are left in s >= sum_{p of t} x_sp
          L_i <= sum_b f_ib n_b <= H_i
          n_b <= U_b,  all whole

Where all Z groups are alike, N_o counts the bins of an offer over all groups and R_o the most in one group,
``Z R_o >= N_o``; what is left when any group is gone is at least ``N_o - R_o``, and one set of patterns serves the
loss of every group. The bins are then dealt out evenly, so that no group has more than ceil(N_o / Z) <= R_o.
"""

from dataclasses import dataclass

import numpy as np

from solvers.backends import solve
from solvers.linear_model import LinearModel
from solvers.pattern_columns import ColumnGeneration, nearest_patterns
from solvers.pattern_master import Relaxation
from solvers.pool_problem import Ints, OfferKey, PoolProblem


@dataclass(frozen=True, slots=True, eq=False)
class WholeMaster:
    """A plan in whole numbers.

    Attributes:
        bins: (type,) int64 bins of each bin type.
        patterns: (pattern, class) int64.
        shape: (pattern,) int64.
        used: (scenario, pattern) int64.
        stopped_by: the limit that ended the search, ``""`` if none did.
    """

    bins: Ints
    patterns: Ints
    shape: Ints
    used: Ints
    stopped_by: str


def solve_whole(
    columns: ColumnGeneration,
    *,
    most_patterns: int = 1500,
    time_limit_seconds: float = 30.0,
    relative_gap: float = 1e-4,
    node_limit: int | None = None,
    backend: str = "scipy",
) -> WholeMaster:
    """The best whole plan over the patterns nearest to the relaxed optimum.

    Where the solver finds none in its time, the relaxed plan is rounded up.
    """
    chosen = nearest_patterns(columns.relaxation, columns.point, columns.pool, most_patterns)
    patterns, shape = columns.pool.counts[chosen], columns.pool.shape[chosen]
    model = whole_model(columns, patterns, shape)
    solution = solve(
        model, backend=backend, time_limit_seconds=time_limit_seconds, relative_gap=relative_gap, node_limit=node_limit
    )
    scenarios, offers = columns.relaxation.weight.shape
    stopped_by = str(solution.stopped_by)
    if not solution.has_point:
        return _rounded_up(columns, patterns, shape, chosen, stopped_by)
    count = np.rint(solution.x[:offers]).astype(np.int64)
    used = np.rint(solution.x[-scenarios * len(shape) :]).astype(np.int64).reshape(scenarios, -1)
    return WholeMaster(dealt_out(columns.problem, columns.relaxation, count), patterns, shape, used, stopped_by)


def whole_model(columns: ColumnGeneration, patterns: Ints, shape: Ints, fixed: Ints | None = None) -> LinearModel:
    """The model of this module's text over patterns (pattern, class); ``fixed`` (scenario, pattern) settles x."""
    relaxation = columns.relaxation
    scenarios, offers = relaxation.weight.shape
    classes = relaxation.demand.shape[1]
    model = LinearModel("whole_bins")
    bins = model.add_variables("bins", offers, upper=relaxation.limit, objective=relaxation.cost, integer=True)
    rest = None
    if relaxation.copies > 1 and scenarios > 1:
        rest = model.add_variables("most_in_a_group", offers, integer=True)
        number = np.arange(offers)
        model.add_constraints(
            "groups_alike", np.tile(number, 2), np.concatenate([rest, bins]),
            np.repeat([float(relaxation.copies), -1.0], offers), lower=0.0, count=offers,
        )  # fmt: skip
    left_out = None
    if relaxation.may_drop:
        cost = np.tile(relaxation.drop_cost, (scenarios, 1))
        left_out = model.add_variables("left_out", (scenarios, classes), objective=cost, upper=relaxation.demand)
    if len(relaxation.factor):
        row, offer = np.nonzero(relaxation.factor)
        model.add_constraints(
            "rules", row, bins[offer], relaxation.factor[row, offer], count=len(relaxation.factor),
            lower=relaxation.lower, upper=relaxation.upper,
        )  # fmt: skip
    low, high = (0.0, np.inf) if fixed is None else (fixed.astype(float), fixed.astype(float))
    used_cost = np.zeros((scenarios, len(shape)))
    used_cost[0] = relaxation.pattern_cost(patterns, shape)
    used = model.add_variables(
        "used", (scenarios, len(shape)), lower=low, upper=high, integer=True, objective=used_cost
    )
    for s in range(scenarios):
        of_class, of_pattern = np.nonzero(patterns.T)
        rows, entries = [of_class], [used[s, of_pattern]]
        values = [patterns[of_pattern, of_class].astype(float)]
        if left_out is not None:
            rows.append(np.arange(classes))
            entries.append(left_out[s])
            values.append(np.ones(classes))
        if fixed is None:
            model.add_constraints(
                f"demand{s}", np.concatenate(rows), np.concatenate(entries), np.concatenate(values),
                count=classes, lower=relaxation.demand[s].astype(float),
            )  # fmt: skip
        rows, entries = [relaxation.shape, shape], [bins, used[s]]
        if rest is not None and s:
            rows.append(relaxation.shape)
            entries.append(rest)
            values = [np.ones(offers), np.full(len(shape), -1.0), np.full(offers, -1.0)]
        else:
            values = [np.ceil(relaxation.weight[s]), np.full(len(shape), -1.0)]
        model.add_constraints(
            f"bins{s}", np.concatenate(rows), np.concatenate(entries), np.concatenate(values),
            count=relaxation.shapes, lower=0.0,
        )  # fmt: skip
    return model


def _rounded_up(columns: ColumnGeneration, patterns: Ints, shape: Ints, chosen: Ints, stopped_by: str) -> WholeMaster:
    """The relaxed plan with every x rounded up, and the cheapest bins for it."""
    used = np.ceil(columns.point.used[:, chosen] - 1e-9).astype(np.int64)
    solution = solve(whole_model(columns, patterns, shape, used), time_limit_seconds=60.0)
    offers = len(columns.relaxation.cost)
    count = np.rint(np.nan_to_num(solution.x[:offers])).astype(np.int64)
    if not solution.has_point:
        used = np.zeros_like(used)
    return WholeMaster(
        dealt_out(columns.problem, columns.relaxation, count), patterns, shape, used, stopped_by or "rounding"
    )


def dealt_out(problem: PoolProblem, relaxation: Relaxation, count: Ints) -> Ints:
    """(type,) bins from (offer,) bins: where groups are alike, each takes its even part, the first ones the rest."""
    if relaxation.copies == 1:
        return count
    bins = problem.bins
    result = np.zeros(bins.size, dtype=np.int64)
    offers: dict[OfferKey, list[int]] = {}
    group_offers = np.flatnonzero(bins.group == 0)
    for o, b in enumerate(group_offers.tolist()):
        offers.setdefault(problem.offer_key(b), []).append(int(count[o]))
    taken: dict[tuple[int, OfferKey], int] = {}
    # The rest of every offer starts at another group, so that groups stay alike in sum.
    for b in range(bins.size):
        group, key = int(bins.group[b]), problem.offer_key(b)
        place = taken.get((group, key), 0)
        taken[group, key] = place + 1
        total = offers[key][place]
        first = sum(part % relaxation.copies for k, parts in offers.items() if k < key for part in parts)
        extra = (group - first) % relaxation.copies < total % relaxation.copies
        result[b] = total // relaxation.copies + int(extra)
    return result
