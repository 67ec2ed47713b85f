import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solver_cases import INF, allowed_points, one_item, problems

from solvers.risk_curves import best_vertex, convex_hulls


def hull_of(request, incidents, *, lower=-INF, upper=INF):
    problem = one_item(request, incidents, 1, 1, lower=lower, upper=upper)
    hulls = convex_hulls(problem.request, problem.expected_incidents, problem.lower, problem.upper)
    last = int(hulls.last[0])
    return hulls.request[0, : last + 1].tolist(), hulls.incidents[0, : last + 1].tolist()


@pytest.mark.parametrize(
    ("bounds", "vertices"),
    [
        # The slopes are 1, 5, 2, 0; mixing the points at 1 and 3 beats the one at 2: (10 - 4) / 2 = 3 a unit.
        ({}, ([1, 3, 4, 5], [10, 4, 2, 2])),
        # At 1.5 the curve is at 9.5, at 3.5 it is at 3.
        ({"lower": 1.5, "upper": 3.5}, ([1.5, 3, 3.5], [9.5, 4, 3])),
        # Left of the first point the risk stays at 10: from 0 the slope to 3 is 2, and 4 lies on that line.
        ({"lower": 0}, ([0, 4, 5], [10, 2, 2])),
        ({"lower": 3}, ([3, 4, 5], [4, 2, 2])),
        # Nothing between 1.25 and 1.75 but a straight piece of curve.
        ({"lower": 1.25, "upper": 1.75}, ([1.25, 1.75], [9.75, 9.25])),
        ({"lower": 2, "upper": 2}, ([2], [9])),
        ({"lower": 7}, ([7], [2])),
        ({"upper": 0.5}, ([0.5], [10])),
        ({"lower": 0.25, "upper": 0.5}, ([0.25, 0.5], [10, 10])),
        ({"upper": 9}, ([1, 3, 4, 5], [10, 4, 2, 2])),
    ],
)
def test_hull_worked_by_hand(bounds, vertices):
    """Points (1, 10), (2, 9), (3, 4), (4, 2), (5, 2)."""
    assert hull_of([1, 2, 3, 4, 5, np.nan], [10, 9, 4, 2, 2, np.nan], **bounds) == vertices


def test_a_point_alone():
    assert hull_of([3], [2]) == ([3], [2])
    assert hull_of([3, np.nan], [2, np.nan], lower=1) == ([1, 3], [2, 2])


def lower_envelope(r, f, at):
    """Value of the lower convex hull of points at one request, by trying every chord."""
    best = INF
    for a in range(r.size):
        for b in range(a, r.size):
            if r[a] <= at <= r[b]:
                share = 0.0 if r[a] == r[b] else (at - r[a]) / (r[b] - r[a])
                best = min(best, f[a] * (1 - share) + f[b] * share)
    return best


@settings(max_examples=150, deadline=None)
@given(problems(max_budgets=0), st.floats(0, 1))
def test_hulls_are_the_lower_envelope_of_the_restricted_curve(problem, share):
    hulls = convex_hulls(problem.request, problem.expected_incidents, problem.lower, problem.upper)
    lengths, drops = hulls.lengths(), hulls.drops()
    known = ~np.isnan(lengths)
    assert (lengths[known] > 0).all()
    assert (drops[known] >= 0).all()
    slopes = np.where(known, drops / lengths, -1.0)
    assert (np.diff(slopes, axis=1) < 0)[known[:, 1:]].all()
    assert (known.sum(axis=1) == hulls.last).all()
    at = hulls.start + share * (hulls.end - hulls.start)
    values = hulls.incidents_at(at)
    for item in range(problem.item_count):
        r, f = allowed_points(problem, item)
        assert (hulls.start[item], hulls.end[item]) == (r[0], r[-1])
        assert values[item] == pytest.approx(lower_envelope(r, f, at[item]), abs=1e-9)
        vertices = hulls.request[item][~np.isnan(hulls.request[item])]
        assert set(vertices) <= set(r)


@settings(max_examples=150, deadline=None)
@given(problems(max_budgets=0))
def test_the_best_vertex_is_the_best_of_all_points_and_the_largest_of_equals(problem):
    """Brute force over every point of the restricted curve; of equally cheap ones the safest counts."""
    hulls = convex_hulls(problem.request, problem.expected_incidents, problem.lower, problem.upper)
    request, incidents = hulls.at(best_vertex(hulls, problem.unit_cost, problem.price_of_risk))
    for item in range(problem.item_count):
        r, f = allowed_points(problem, item)
        costs = problem.unit_cost[item] * r + problem.price_of_risk[item] * f
        least = costs.min()
        assert problem.unit_cost[item] * request[item] + problem.price_of_risk[item] * incidents[item] == pytest.approx(
            least
        )
        safest = f[np.isclose(costs, least)].min()
        assert incidents[item] == pytest.approx(safest)


def test_ties_go_to_the_larger_request_but_nobody_buys_nothing():
    """6 incidents at 1 each for 2 cores at 3 each: equal, so bought. The flat step is not taken even if it is free."""
    problem = one_item([1, 3, 4], [7, 1, 1], 3, 1)
    hulls = convex_hulls(problem.request, problem.expected_incidents, problem.lower, problem.upper)
    assert best_vertex(hulls, np.array([3.0]), np.array([1.0])).tolist() == [1]
    assert best_vertex(hulls, np.array([0.0]), np.array([0.0])).tolist() == [1]
    assert best_vertex(hulls, np.array([3.000001]), np.array([1.0])).tolist() == [0]


def test_incidents_at_a_vertex_are_those_of_the_vertex_exactly():
    random = np.random.default_rng(1)
    request = np.cumsum(random.random((200, 12)), axis=1)
    incidents = np.sort(random.random((200, 12)) * 1e3, axis=1)[:, ::-1]
    hulls = convex_hulls(request, incidents, np.full(200, -INF), np.full(200, INF))
    for vertex in range(hulls.request.shape[1]):
        there = np.minimum(vertex, hulls.last)
        at, value = hulls.at(there)
        assert (hulls.incidents_at(at) == value).all()


def test_40000_curves_of_40_points_take_less_than_3_cpu_seconds():
    random = np.random.default_rng(0)
    request = np.cumsum(random.random((40_000, 40)) + 0.01, axis=1)
    incidents = np.exp(-request / random.uniform(1, 8, (40_000, 1))) * random.uniform(1, 20, (40_000, 1))
    began = time.process_time()
    hulls = convex_hulls(request, incidents, np.full(40_000, -INF), np.full(40_000, INF))
    best_vertex(hulls, random.random(40_000), random.random(40_000))
    assert time.process_time() - began < 3.0
