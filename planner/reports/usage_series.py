"""The usage of one container over time, in buckets for a plot."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.plan.frozen import Target
from planner.reports.explain import UsageForPlot
from planner.snapshot.header import Metric
from planner.snapshot.usage import day_start

if TYPE_CHECKING:
    from planner.snapshot.read import Snapshot


def usage_for_plot(snapshot: "Snapshot", target: Target, buckets: int = 96) -> UsageForPlot | None:
    """Maximum and mean over pods and samples of each of some equal buckets; ``None`` where nothing was seen."""
    pods = snapshot.pods
    own = pods[
        (pods["namespace"] == target.namespace) & (pods["kind"] == target.kind) & (pods["workload"] == target.name)
    ]
    names = set(own["pod"])
    cpu = _gathered(snapshot, Metric.CPU, target, names, buckets)
    memory = _gathered(snapshot, Metric.MEMORY, target, names, buckets)
    if not (np.isfinite(cpu[0]).any() or np.isfinite(memory[0]).any()):
        return None
    start, end = snapshot.header.start, snapshot.header.end
    times = start + np.arange(buckets) * (end - start) / buckets
    return UsageForPlot(
        times=times,
        cpu_max_cores=cpu[0],
        cpu_mean_cores=cpu[1],
        memory_max_bytes=memory[0],
        memory_mean_bytes=memory[1],
    )


def _gathered(
    snapshot: "Snapshot", metric: Metric, target: Target, pods: set[str], buckets: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(bucket,) maximum and mean, NaN where no sample falls into a bucket."""
    highest = np.full(buckets, -np.inf)
    total, count = np.zeros(buckets), np.zeros(buckets)
    header = snapshot.header
    span = max(header.end - header.start, 1.0)
    for day, block in snapshot.usage(metric):
        mine = (block.namespace == target.namespace) & (block.container == target.container)
        rows = [row for row in np.flatnonzero(mine) if block.pod[row] in pods]
        if not rows:
            continue
        values = block.values[rows].astype(np.float64)
        times = day_start(day) + np.arange(values.shape[1]) * header.step_seconds
        bucket = np.floor((times - header.start) / span * buckets).astype(int)
        inside = np.isfinite(values) & ((bucket >= 0) & (bucket < buckets))[None, :]
        place = np.broadcast_to(bucket, values.shape)[inside]
        np.maximum.at(highest, place, values[inside])
        total += np.bincount(place, weights=values[inside], minlength=buckets)
        count += np.bincount(place, minlength=buckets)
    seen = count > 0
    return np.where(seen, highest, np.nan), np.divide(total, count, out=np.full(buckets, np.nan), where=seen)
