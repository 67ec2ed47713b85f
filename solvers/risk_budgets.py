"""Budget rows as matrices: what they sum up to, which of them are exceeded, what they tie together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solvers.risk_curves import Floats, Hulls, Indices
from solvers.risk_problem import BudgetRow

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BUDGET_TOLERANCE = 1e-7
"""Excess of a budget, relative to the size of its row, that counts as rounding of a solver."""

ROUNDING = 1e-9
"""Relative difference that counts as rounding of a sum."""


@dataclass(frozen=True, slots=True, eq=False)
class Budgets:
    """Budget rows as matrices.

    Attributes:
        names: (row,) names.
        request_weights: (row, item) weights of the rows that measure requests, else empty.
        incident_weights: (row, item) weights of the rows that measure incidents, else empty.
        limit: (row,) limits, ``inf`` for none.
    """

    names: tuple[str, ...]
    request_weights: "csr_array"
    incident_weights: "csr_array"
    limit: Floats

    @classmethod
    def from_rows(cls, rows: Sequence[BudgetRow], item_count: int) -> "Budgets":
        """Collect the rows."""
        names = tuple(row.name for row in rows)
        limit = np.array([row.limit for row in rows], dtype=np.float64)
        by_request = _weights(rows, "request", item_count)
        return cls(names, by_request, _weights(rows, "incidents", item_count), limit)

    def use(self, request: Floats, incidents: Floats) -> Floats:
        """(row,) what each budget sums up to."""
        use: Floats = self.request_weights @ request + self.incident_weights @ incidents
        return use

    def changes(self, request: Floats, incidents: Floats) -> "csr_array":
        """(row, item) what each item adds to each budget if it changes by these amounts."""
        matrix: csr_array = (self.request_weights * request + self.incident_weights * incidents).tocsr()
        return matrix

    def take(self, rows: Indices, items: Indices) -> "Budgets":
        """Some rows over some items."""
        names = tuple(self.names[row] for row in rows.tolist())
        by_request, by_incidents = self.request_weights[rows][:, items], self.incident_weights[rows][:, items]
        return Budgets(names, by_request, by_incidents, self.limit[rows])

    def sizes(self, hulls: Hulls) -> Floats:
        """(row,) size that tolerances and violations of a row are relative to; 1 for an empty row with limit 0."""
        _, least_incidents = hulls.at(hulls.last)
        largest = np.abs(self.use(hulls.end, hulls.incidents[:, 0]))
        smallest = np.abs(self.use(hulls.start, least_incidents))
        finite = np.where(np.isfinite(self.limit), np.abs(self.limit), 0.0)
        sizes = np.maximum(np.maximum(largest, smallest), finite)
        return np.where(sizes > 0.0, sizes, 1.0)


def _weights(rows: Sequence[BudgetRow], measure: str, item_count: int) -> "csr_array":
    from scipy.sparse import coo_array

    kept = [(place, row) for place, row in enumerate(rows) if row.measure == measure]
    row_of = np.concatenate([np.full(row.items.size, place) for place, row in kept] or [np.empty(0, dtype=np.int64)])
    items = np.concatenate([row.items for _, row in kept] or [np.empty(0, dtype=np.int64)])
    weights = np.concatenate([row.weights for _, row in kept] or [np.empty(0)]).astype(np.float64)
    coordinates = (row_of.astype(np.int64), items.astype(np.int64))
    matrix = coo_array((weights, coordinates), shape=(len(rows), item_count)).tocsr()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def split_by_ties(budgets: Budgets, rows: Indices) -> tuple[Indices, Indices, Indices]:
    """Tell rows that share no item with another row from those that do.

    Args:
        budgets: all budgets.
        rows: (chosen,) the rows to look at; the others are ignored.

    Returns:
        Rows that stand alone, rows that are tied to others, and the items of the tied ones; all
        ascending int64.
    """
    from scipy.sparse import block_array
    from scipy.sparse.csgraph import connected_components

    ties = (budgets.request_weights + budgets.incident_weights)[rows]
    graph = block_array([[None, ties], [ties.T, None]], format="csr")
    count, component = connected_components(graph, directed=False)
    of_rows, of_items = component[: rows.size], component[rows.size :]
    is_tied = np.bincount(of_rows, minlength=count) > 1
    return rows[~is_tied[of_rows]], rows[is_tied[of_rows]], np.flatnonzero(is_tied[of_items])
