r"""A budget whose items are in no other exceeded budget: the linear program in closed form.

With one row ``sum_i w_i r_i <= b`` everyone's own optimum spends too much. Of the steps that it has
bought, the budget keeps those that bring most per unit of budget::

    value_{is} = (p_i d_{is} - c_i l_{is}) / (w_i l_{is})  >= 0        largest first, until b is spent

The last one is bought in part, and its value is minus the dual of the budget: this is the continuous
knapsack problem (Dantzig 1957), here for convex items, whose steps have decreasing values and so come
in order by themselves.

With one row ``sum_i w_i h_i(r_i) <= b`` of incidents everyone's own optimum risks too much. Of the
steps that it has not bought, those are added that remove incidents most cheaply::

    price_{is} = (c_i l_{is} - p_i d_{is}) / (w_i d_{is})  >= 0        smallest first, until b is met

and the price of the last is minus the dual. If even all steps do not bring the row within its limit,
that is its least excess, and the dual is taken there: what one more unit of the limit would save.

Equal values are decided for the item that comes first.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from solvers.risk_budgets import ROUNDING, Budgets
from solvers.risk_curves import Floats, Hulls, Indices

if TYPE_CHECKING:
    from scipy.sparse import coo_array


def choose_within_one_budget(
    budgets: Budgets, rows: Indices, hulls: Hulls, unit_cost: Floats, price_of_risk: Floats, own_vertex: Indices
) -> tuple[Floats, Floats]:
    """Move the items of exceeded budgets that share no item.

    Args:
        budgets: all budgets.
        rows: the exceeded ones to look at; no item is in two of them.
        hulls: hulls of all items.
        unit_cost: (item,) cost of one unit of request.
        price_of_risk: (item,) price of one expected incident.
        own_vertex: (item,) everyone's own optimum.

    Returns:
        Requests of all items (item,), of which only members of the rows have moved, and the duals of
        all budgets (row,), 0 outside ``rows``.
    """
    own_request, own_incidents = hulls.at(own_vertex)
    lengths, drops = hulls.lengths(), hulls.drops()
    is_bought = np.arange(lengths.shape[1]) < own_vertex[:, None]
    request, duals = own_request.copy(), np.zeros(len(budgets.names))

    by_request = budgets.request_weights[rows].tocoo()
    request[by_request.col] = hulls.start[by_request.col]
    room = budgets.limit - budgets.use(request, own_incidents)
    row, item, step, weight = _steps(by_request, (drops > 0.0) & is_bought)
    length, amount = lengths[item, step], weight * lengths[item, step]
    value = np.maximum((price_of_risk[item] * drops[item, step] - unit_cost[item] * length) / amount, 0.0)
    share = _fill(row, amount, room[rows], np.lexsort((step, item, -value, row)))
    np.add.at(request, item, share * length)
    # One more unit of the limit buys more of the best step that is not bought in full.
    _raise_to(duals, rows[row], np.where(share < 1.0, value, 0.0))

    by_incidents = budgets.incident_weights[rows].tocoo()
    missing = budgets.use(own_request, own_incidents) - budgets.limit
    row, item, step, weight = _steps(by_incidents, (drops > 0.0) & ~is_bought)
    length, amount = lengths[item, step], weight * drops[item, step]
    price = np.maximum((unit_cost[item] * length - price_of_risk[item] * drops[item, step]) / amount, 0.0)
    share = _fill(row, amount, missing[rows], np.lexsort((step, item, price, row)))
    np.add.at(request, item, share * length)
    # One more unit of the limit spares some of the dearest step that was added.
    _raise_to(duals, rows[row], np.where(share > 0.0, price, 0.0))
    return hulls.snapped(request, ROUNDING), -duals


def _steps(weights: "coo_array", wanted: NDArray[np.bool_]) -> tuple[Indices, Indices, Indices, Floats]:
    """Row, item, step and weight of every wanted (item, step) of every member of a row."""
    row, item = weights.row.astype(np.int64), weights.col.astype(np.int64)
    member, step = np.nonzero(wanted[item])
    return row[member], item[member], step.astype(np.int64), weights.data[member]


def _fill(row: Indices, amount: Floats, room: Floats, order: Indices) -> Floats:
    """Fill the room of each row with its amounts, in the given order.

    Args:
        row: (step,) row of each step.
        amount: (step,) what the step takes of its row, more than 0.
        room: (row,) room of each row.
        order: (step,) positions of the steps, row by row, first the step to take first.

    Returns:
        (step,) share of each step that fits, 0 to 1.
    """
    largest = np.zeros(room.size)
    _raise_to(largest, row, amount)
    # Rows of bytes and rows of cores are summed in one go, so each is first brought to about 1.
    its_row = row[order]
    relative = amount[order] / largest[its_row]
    before = np.cumsum(relative) - relative
    is_first = np.diff(its_row, prepend=-1) != 0
    before -= before[is_first][np.cumsum(is_first) - 1]
    room_left = room[its_row] / largest[its_row] - before
    share = np.empty(amount.size)
    share[order] = np.clip(room_left / relative, 0.0, 1.0)
    return share


def _raise_to(target: Floats, position: Indices, value: Floats) -> None:
    """``target[position] = max(target[position], value)``, positions may repeat."""
    np.maximum.at(target, position, value)
