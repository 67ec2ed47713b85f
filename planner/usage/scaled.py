"""What the pods of a scaled workload used together, step by step, and how many of them there were."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.snapshot.header import Metric
from planner.snapshot.usage import SECONDS_PER_DAY, day_start, steps_per_day
from planner.usage.pods import pod_owner_rows, workload_rows

if TYPE_CHECKING:
    import pandas as pd

    from planner.domain.workload import Workload
    from planner.snapshot.read import Snapshot

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScaledUse:
    """One workload over whole days.

    Attributes:
        start: Unix seconds of the first step.
        used_m: (step,) millicores of all its pods, NaN = no sample.
        pods: (step,) pods with a sample, NaN where there is none at all.
        highest_m: most that one pod used in a step.
    """

    start: float
    used_m: Floats
    pods: Floats
    highest_m: float


def scaled_use(
    snapshot: "Snapshot", workloads: "tuple[Workload, ...]", containers: Mapping[int, str | None], days: int
) -> dict[int, ScaledUse]:
    """Workload row -> its use in the last days of the snapshot.

    Args:
        snapshot: what was observed.
        workloads: of the snapshot.
        containers: the rows that are wanted, each with the container that counts, ``None`` = all of a pod.
        days: at most so many.
    """
    dates = [day.date for day in snapshot.header.days][-days:]
    if not dates or not containers:
        return {}
    owners = pod_owner_rows(snapshot.pods, workloads)
    per_day = steps_per_day(snapshot.header.step_seconds)
    first = day_start(dates[0])
    steps = int((day_start(dates[-1]) - first) // SECONDS_PER_DAY + 1) * per_day
    used = {row: np.full(steps, np.nan) for row in containers}
    pods = {row: np.full(steps, np.nan) for row in containers}
    highest = dict.fromkeys(containers, 0.0)
    for date, block in snapshot.usage(Metric.CPU, dates):
        place = int((day_start(date) - first) // SECONDS_PER_DAY) * per_day
        members: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, (namespace, pod, name) in enumerate(zip(block.namespace, block.pod, block.container, strict=True)):
            row = owners.get((str(namespace), str(pod)), -1)
            if row in containers and containers[row] in (None, str(name)):
                members[row][str(pod)].append(number)
        for row, by_pod in members.items():
            each = np.array([_sum(block.values[numbers]) for numbers in by_pod.values()]) * 1000.0
            there = np.isfinite(each).sum(axis=0)
            at = slice(place, place + per_day)
            used[row][at] = np.where(there > 0, np.nansum(each, axis=0), np.nan)
            pods[row][at] = np.where(there > 0, there, np.nan)
            if there.any():
                highest[row] = max(highest[row], float(np.nanmax(each)))
    return {row: ScaledUse(first, used[row], pods[row], highest[row]) for row in containers}


def _sum(values: NDArray[np.float32]) -> Floats:
    """(step,) over the containers of a pod; NaN where none has a sample."""
    known = np.isfinite(values)
    total: Floats = np.where(known.any(axis=0), np.nansum(values.astype(np.float64), axis=0), np.nan)
    return total


def pod_start_seconds(pods: "pd.DataFrame", workloads: "tuple[Workload, ...]") -> dict[int, tuple[float, int]]:
    """Workload row -> median seconds from creation to Ready, and of how many pods."""
    rows = workload_rows(workloads)
    keys = zip(pods["namespace"].to_numpy(), pods["kind"].to_numpy(), pods["workload"].to_numpy(), strict=True)
    owner = np.fromiter((rows.get(key, -1) for key in keys), dtype=np.int64, count=len(pods))
    took = pods["ready"].to_numpy(dtype=np.float64) - pods["created"].to_numpy(dtype=np.float64)
    known = (owner >= 0) & np.isfinite(took) & (took > 0)
    found = {}
    for row in np.unique(owner[known]).tolist():
        own = took[known & (owner == row)]
        found[int(row)] = (float(np.median(own)), int(own.size))
    return found
