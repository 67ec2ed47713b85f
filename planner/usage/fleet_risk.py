"""The risk of every container of a snapshot, and the curves that a program chooses on.

CPU incidents are core-hours of shortage a month, memory incidents are days with a kill a month; a month is 730 h.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.units import HOURS_PER_MONTH
from planner.usage.cpu_lessons import CpuLessons, learn_cpu
from planner.usage.cpu_risk import BEYOND, CpuRisk
from planner.usage.day_ranks import DayRanks
from planner.usage.memory_risk import MemoryRisk, calibrate_memory

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

CPU_LEVELS = np.concatenate(
    [
        [0.05, 0.1, 0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.875],
        [0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.955, 0.96, 0.965, 0.97, 0.975, 0.98, 0.985],
        [0.9875, 0.99, 0.9925, 0.995, 0.997, 0.998, 0.999, 0.9995],
    ]
)
DAYS_PER_MONTH = HOURS_PER_MONTH / 24


@dataclass(frozen=True, slots=True, eq=False)
class RiskCurves:
    """Curves of some (container, resource) items.

    Attributes:
        points: (item, point) cores or bytes, strictly ascending, NaN at the end where a curve has fewer.
        incidents: (item, point) a month, not increasing; NaN where ``points`` is.
        least: (item,) smallest request that the item's own ceiling of incidents allows.
        inflation: (item,) realised over forecast incidents; already in ``incidents``.
    """

    points: Floats
    incidents: Floats
    least: Floats
    inflation: Floats


def cpu_curves(lessons: CpuLessons, ranks: DayRanks, levels: Floats, pods: Floats, most_share: Floats) -> RiskCurves:
    """Curves of CPU.

    Args:
        lessons: of the fleet.
        ranks: (item, ...) of the items.
        levels: (item,) level at which each request is about to be decided; it picks the half-life.
        pods: (item,) pods running on average.
        most_share: (item,) largest share of time above the request.
    """
    width = 1 + len(CPU_LEVELS) + len(BEYOND)
    points, incidents = np.full((len(levels), width), np.nan), np.full((len(levels), width), np.nan)
    least, inflation = np.zeros(len(levels)), np.ones(len(levels))
    for rows, risk in at_levels(lessons, ranks, levels):
        requests = risk.points(CPU_LEVELS)
        shortage = risk.priced_shortage(requests) * pods[rows, None] * HOURS_PER_MONTH
        points[rows], incidents[rows] = strictly_ascending(requests, shortage)
        least[rows] = risk.least_request(most_share[rows])
        inflation[rows] = risk.inflation
    return RiskCurves(points, incidents, least, inflation)


def at_levels(lessons: CpuLessons, ranks: DayRanks, levels: Floats) -> list[tuple[Rows, CpuRisk]]:
    """Items grouped by the half-life that their level asks for, with the risk of each group."""
    places = np.array([lessons.half_life_place(level) for level in levels], dtype=np.intp)
    groups = []
    for place in np.unique(places).tolist():
        rows = np.flatnonzero(places == place)
        groups.append((rows, lessons.risk(ranks.take(rows), place)))
    return groups


def memory_curves(risk: MemoryRisk, rows: Rows, most_chance: Floats) -> RiskCurves:
    """Curves of memory.

    Args:
        risk: of the fleet.
        rows: (item,) rows of ``risk``.
        most_chance: (item,) largest chance that a day's peak lies above the request.
    """
    part = risk.take(rows)
    sizes, chance = part.curves()
    points, incidents = strictly_ascending(sizes, chance * DAYS_PER_MONTH)
    reachable = np.maximum(most_chance, chance[:, -1])  # what even the last point of a curve exceeds, nothing holds
    return RiskCurves(points, incidents, part.least_size(reachable), np.ones(len(rows)))


def strictly_ascending(points: Floats, risk: Floats) -> tuple[Floats, Floats]:
    """Sort each row, NaN last, and keep the last (least risky) of equal points."""
    order = np.argsort(points, axis=1, kind="stable")
    points, risk = np.take_along_axis(points, order, axis=1), np.take_along_axis(risk, order, axis=1)
    equal = np.zeros(points.shape, dtype=bool)
    equal[:, :-1] = points[:, :-1] >= points[:, 1:]
    points, risk = np.where(equal, np.nan, points), np.where(equal, np.nan, risk)
    order = np.argsort(points, axis=1, kind="stable")
    return np.take_along_axis(points, order, axis=1), np.take_along_axis(risk, order, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class FleetRisk:
    """What a history teaches about both resources; rows are those of the usage history.

    Attributes:
        memory: chances of all containers.
        cpu: lessons of the walk-forward.
        cpu_ranks: (container, day, group) usage behind the CPU curves.
    """

    memory: MemoryRisk
    cpu: CpuLessons
    cpu_ranks: DayRanks

    def cpu_shortage(self, rows: Rows, levels: Floats, requests: Floats) -> Floats:
        """(item, point) expected mean shortage in cores of one pod at the requests (cores)."""
        shortage = np.empty(requests.shape)
        for inside, risk in at_levels(self.cpu, self.cpu_ranks.take(rows), levels):
            shortage[inside] = risk.shortage(requests[inside])
        return shortage


def learn(cpu_ranks: DayRanks, memory_day_peak: NDArray[np.floating], horizon_days: int) -> FleetRisk:
    """Calibrate both resources on the history of a fleet."""
    return FleetRisk(calibrate_memory(memory_day_peak, horizon_days), learn_cpu(cpu_ranks, horizon_days), cpu_ranks)
