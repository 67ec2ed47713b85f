"""How busy the GPUs of containers are, and how much of their memory they use."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.snapshot.header import Metric
from planner.snapshot.usage import steps_per_day
from planner.usage.pods import pod_owner_rows

if TYPE_CHECKING:
    from planner.domain.workload import Workload
    from planner.snapshot.read import Snapshot
    from planner.snapshot.usage import UsageBlock


@dataclass(frozen=True, slots=True, eq=False)
class GpuUse:
    """One container over all its pods; values are sums over the GPUs of a pod.

    Attributes:
        active: (sample,) share of time that the engines were active, 0 to the number of GPUs.
        day_peak_bytes: (day,) highest framebuffer in use, in the order of time; NaN = no sample.
        covered_days: samples, in days of one pod.
    """

    active: NDArray[np.float32]
    day_peak_bytes: NDArray[np.float64]
    covered_days: float


def gpu_use(snapshot: "Snapshot", workloads: "tuple[Workload, ...]") -> dict[tuple[int, str], GpuUse]:
    """(workload row, container) -> its use, where any was seen. Only containers with GPUs have such series."""
    owners = pod_owner_rows(snapshot.pods, workloads)
    active: dict[tuple[int, str], list[NDArray[np.float32]]] = defaultdict(list)
    for _, block in snapshot.usage(Metric.GPU_ACTIVE):
        for key, rows in _rows_of(block, owners).items():
            values = block.values[rows]
            active[key].append(values[np.isfinite(values)])
    peaks: dict[tuple[int, str], list[float]] = defaultdict(list)
    for _, block in snapshot.usage(Metric.GPU_MEMORY):
        for key, rows in _rows_of(block, owners).items():
            values = block.values[rows]
            peaks[key].append(float(np.nanmax(values)) if np.isfinite(values).any() else np.nan)
    steps = steps_per_day(snapshot.header.step_seconds)
    empty = np.empty(0, dtype=np.float32)
    found = {}
    for key in sorted({*active, *peaks}):
        samples = np.concatenate(active[key]) if active[key] else empty
        found[key] = GpuUse(samples, np.array(peaks[key], dtype=np.float64), len(samples) / steps)
    return found


def _rows_of(block: "UsageBlock", owners: dict[tuple[str, str], int]) -> dict[tuple[int, str], list[int]]:
    """(workload row, container) -> rows of a day's block."""
    rows: dict[tuple[int, str], list[int]] = defaultdict(list)
    names = zip(block.namespace, block.pod, block.container, strict=True)
    for number, (namespace, pod, container) in enumerate(names):
        owner = owners.get((str(namespace), str(pod)))
        if owner is not None:
            rows[owner, str(container)].append(number)
    return rows
