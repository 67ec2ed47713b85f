"""The typical week in a few periods: the bill of a cluster that breathes is an integral over time.

Hours are put in order of what their pods are worth, and the order is cut into at most K parts. The cut is the one
with the least ``sum over parts of hours x value of the part's dearest hour`` (dynamic programming, exact), since the
nodes of a part must carry its dearest hour. Fewer parts are taken where a further one saves less than 2 %.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from planner.decisions.node_pools.model import Period
from planner.usage.week import HOURS_PER_WEEK

_WORTH_A_PERIOD = 0.02


def week_periods(value: NDArray[np.float64], most: int) -> tuple[Period, ...]:
    """Periods of the week, the busiest first.

    Args:
        value: (168,) what the pods of each hour are worth.
        most: periods at most.
    """
    order = np.argsort(-value, kind="stable")
    dearest = value[order]
    cuts = _cuts(dearest, most)
    parts = [tuple(sorted(order[a:b].tolist())) for a, b in pairwise(cuts)]
    names = ["peak"] if len(parts) > 1 else ["all week"]
    names += [f"level {number}" for number in range(2, len(parts))]
    names += ["low"] if len(parts) > 1 else []
    return tuple(Period(name, hours) for name, hours in zip(names, parts, strict=True))


def _cuts(dearest: NDArray[np.float64], most: int) -> list[int]:
    """Where to cut falling values; first 0, last their number."""
    n = HOURS_PER_WEEK
    best = np.full((most + 1, n + 1), np.inf)
    came = np.zeros((most + 1, n + 1), dtype=np.int64)
    best[0, 0] = 0.0
    for k in range(1, most + 1):
        for end in range(1, n + 1):
            starts = np.arange(end)
            cost = best[k - 1, :end] + (end - starts) * dearest[starts]
            came[k, end] = int(cost.argmin())
            best[k, end] = cost[came[k, end]]
    count = 1
    while count < most and best[count + 1, n] < best[count, n] * (1.0 - _WORTH_A_PERIOD):
        count += 1
    cuts = [n]
    for k in range(count, 0, -1):
        cuts.append(int(came[k, cuts[-1]]))
    return cuts[::-1]
