"""Curves of risk against request: their lower convex hulls, and the best vertex at given prices.

A curve is known at points ``(r_k, f_k)``, ``r`` ascending and ``f`` not increasing. Between the
points it is taken as straight, left of the first point as constant, right of the last as constant.
It is restricted to what the bounds allow::

    start = lower                  if there is a lower bound, else min(r_1, upper)
    end   = min(upper, r_last)     but at least start

so a request below the first point is chosen only if a lower bound invites it, and nobody buys more
than the last point, behind which more buys nothing.

The lower convex hull of the restricted curve has vertices ``(v_0, g_0), ..., (v_S, g_S)`` with
``v_0 = start``, ``v_S = end`` and strictly decreasing slopes
``slope_s = (g_{s-1} - g_s) / (v_s - v_{s-1}) >= 0``. Mixing the curves of many items only ever uses
the hulls, and on a hull the steps pay off in order, which makes the problem linear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

TIE = 1e-12
"""Relative difference below which what a step saves counts as equal to what it costs."""


@dataclass(frozen=True, slots=True, eq=False)
class Hulls:
    """Lower convex hulls of many curves.

    Attributes:
        request: (item, vertex) float64 ascending per row, NaN after the last vertex.
        incidents: (item, vertex) float64 not increasing, NaN after the last vertex.
        last: (item,) int64, position of the last vertex; 0 for a single point.
    """

    request: Floats
    incidents: Floats
    last: Indices

    @property
    def start(self) -> Floats:
        """(item,) smallest request on offer."""
        return self.request[:, 0]

    @property
    def end(self) -> Floats:
        """(item,) largest request on offer."""
        return self.at(self.last)[0]

    def at(self, vertex: Indices) -> tuple[Floats, Floats]:
        """Request and incidents at one vertex of each item."""
        items = np.arange(vertex.size)
        return self.request[items, vertex], self.incidents[items, vertex]

    def lengths(self) -> Floats:
        """(item, step) request that each step adds, NaN where there is no step."""
        return np.diff(self.request, axis=1)

    def drops(self) -> Floats:
        """(item, step) expected incidents that each step removes, NaN where there is no step."""
        return -np.diff(self.incidents, axis=1)

    def incidents_at(self, request: Floats) -> Floats:
        """(item,) expected incidents on the hull at one request per item, which is kept within the hull."""
        inside = np.clip(request, self.start, self.end)
        with np.errstate(invalid="ignore"):
            step = (self.request[:, 1:] <= inside[:, None]).sum(axis=1)
        left = np.minimum(step, np.maximum(self.last - 1, 0))
        right = np.minimum(left + 1, self.last)
        (low, high_incidents), (high, low_incidents) = self.at(left), self.at(right)
        width = high - low
        share = np.divide(inside - low, width, out=np.zeros_like(width), where=width > 0.0)
        # This form gives the vertices' own values exactly at share 0 and 1; rounding stays between them.
        mixed = high_incidents * (1.0 - share) + low_incidents * share
        return np.clip(mixed, np.minimum(low_incidents, high_incidents), high_incidents)

    def snapped(self, request: Floats, tolerance: float) -> Floats:
        """Requests within the hull, put on a vertex that is nearer than ``tolerance`` times the span."""
        inside = np.clip(request, self.start, self.end)
        distance = np.abs(self.request - inside[:, None])
        nearest = np.nanargmin(distance, axis=1)
        items = np.arange(request.size)
        close = distance[items, nearest] <= tolerance * (self.end - self.start)
        return np.where(close, self.request[items, nearest], inside)

    def take(self, items: Indices) -> "Hulls":
        """The hulls of some items."""
        return Hulls(self.request[items], self.incidents[items], self.last[items])


def convex_hulls(request: Floats, incidents: Floats, lower: Floats, upper: Floats) -> Hulls:
    """Restrict curves to their bounds and return their lower convex hulls.

    Args:
        request: (item, point) float64 strictly ascending per row, NaN padded at the end.
        incidents: (item, point) float64 not increasing per row, NaN where ``request`` is.
        lower: (item,) smallest request, ``-inf`` for none.
        upper: (item,) largest request, at least ``lower``, ``inf`` for none.

    Returns:
        The hulls, with as many columns as the longest of them.
    """
    points = np.isfinite(request).sum(axis=1) - 1
    items = np.arange(points.size)
    first, last = request[:, 0], request[items, points]
    start = np.where(np.isfinite(lower), lower, np.minimum(first, upper))
    end = np.maximum(start, np.minimum(upper, last))
    with np.errstate(invalid="ignore"):
        inside = (request > start[:, None]) & (request < end[:, None])
    all_requests = np.column_stack([start, request, end])
    ends = (_interpolate(request, incidents, points, start), _interpolate(request, incidents, points, end))
    all_incidents = np.column_stack([ends[0], incidents, ends[1]])
    valid = np.column_stack([np.ones(items.size, dtype=bool), inside, end > start])
    return _lower_hulls(all_requests, all_incidents, valid)


def _interpolate(request: Floats, incidents: Floats, points: Indices, at: Floats) -> Floats:
    """(item,) value at ``at`` of the curve that is straight between its points and constant outside."""
    whole = Hulls(request, incidents, points)
    return whole.incidents_at(at)


def _lower_hulls(request: Floats, incidents: Floats, valid: NDArray[np.bool_]) -> Hulls:
    """Andrew's monotone chain, one step for all items at a time.

    For every item a stack of vertices is kept. A new point first removes the top of the stack
    while the slope towards the top does not exceed the slope from there to the new point.
    """
    item_count, point_count = request.shape
    stack = np.zeros((item_count, point_count), dtype=np.int64)
    size = np.zeros(item_count, dtype=np.int64)
    for point in range(point_count):
        rows = np.flatnonzero(valid[:, point])
        bent = rows[size[rows] >= 2]
        while bent.size:
            top, below = stack[bent, size[bent] - 1], stack[bent, size[bent] - 2]
            r_top, f_top = request[bent, top], incidents[bent, top]
            before = (incidents[bent, below] - f_top) * (request[bent, point] - r_top)
            after = (f_top - incidents[bent, point]) * (r_top - request[bent, below])
            bent = bent[before <= after]
            size[bent] -= 1
            bent = bent[size[bent] >= 2]
        stack[rows, size[rows]] = point
        size[rows] += 1
    width = int(size.max(initial=1))
    kept = np.arange(width) < size[:, None]
    order = stack[:, :width]
    hull_request = np.where(kept, np.take_along_axis(request, order, axis=1), np.nan)
    hull_incidents = np.where(kept, np.take_along_axis(incidents, order, axis=1), np.nan)
    return Hulls(hull_request, hull_incidents, size - 1)


def best_vertex(hulls: Hulls, unit_cost: Floats, price_of_risk: Floats) -> Indices:
    """Cheapest vertex of each item: ``min_s unit_cost * v_s + price_of_risk * g_s``.

    Because slopes decrease, this is where the first step that costs more than it saves begins. Of
    equal vertices the larger request wins, since it is safer; a step that removes no risk is never
    taken.

    Args:
        hulls: the hulls.
        unit_cost: (item,) cost of one unit of request.
        price_of_risk: (item,) price of one expected incident.

    Returns:
        (item,) int64 positions of vertices.
    """
    drops = hulls.drops()
    saving = price_of_risk[:, None] * drops
    cost = unit_cost[:, None] * hulls.lengths()
    with np.errstate(invalid="ignore"):
        pays = (saving >= cost * (1.0 - TIE)) & (drops > 0.0)
    # After the last vertex NaN compares false, so counting the leading True gives the vertex.
    taken: Indices = np.logical_and.accumulate(pays, axis=1).sum(axis=1).astype(np.int64)
    return taken
