"""Which pod belongs to which workload, and how many of them ran."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.domain.workload import Workload

if TYPE_CHECKING:
    import pandas as pd

SECONDS_PER_WEEK = 7 * 86_400.0


def workload_rows(workloads: tuple[Workload, ...]) -> dict[tuple[str, str, str], int]:
    """(namespace, kind, name) -> position in the tuple."""
    return {(w.namespace, w.kind, w.name): row for row, w in enumerate(workloads)}


def pod_owner_rows(pods: "pd.DataFrame", workloads: tuple[Workload, ...]) -> dict[tuple[str, str], int]:
    """(namespace, pod) -> row of its workload, for the pods whose workload is known."""
    rows = workload_rows(workloads)
    owners: dict[tuple[str, str], int] = {}
    columns = [pods[name].to_numpy() for name in ("namespace", "pod", "kind", "workload")]
    for namespace, pod, kind, workload in zip(*columns, strict=True):
        row = rows.get((namespace, kind, workload))
        if row is not None:
            owners[namespace, pod] = row
    return owners


@dataclass(frozen=True, slots=True)
class PodCounts:
    """Pods of each workload; every array is (workload,).

    Attributes:
        mean: pods running on average over the last week of the window, the typical week.
        now: pods running at the end.
        seen: pods seen at all, deleted ones included.
        seconds: time that pods ran inside the window, summed over pods.
    """

    mean: NDArray[np.float64]
    now: NDArray[np.int64]
    seen: NDArray[np.int64]
    seconds: NDArray[np.float64]


def count_pods(pods: "pd.DataFrame", workloads: tuple[Workload, ...], start: float, end: float) -> PodCounts:
    """Count the pods of each workload in the window [start, end) (Unix seconds)."""
    rows = workload_rows(workloads)
    count = len(workloads)
    keys = zip(pods["namespace"].to_numpy(), pods["kind"].to_numpy(), pods["workload"].to_numpy(), strict=True)
    owner = np.fromiter((rows.get(key, -1) for key in keys), dtype=np.int64, count=len(pods))
    known = owner >= 0
    created, started, ended = (pods[name].to_numpy(dtype=np.float64) for name in ("created", "started", "ended"))
    phase = pods["phase"].to_numpy()
    begin = np.where(np.isfinite(started), started, np.where(np.isfinite(created), created, start))
    finish = np.where(np.isfinite(ended), ended, end)
    ran = known & (phase != "Pending")

    def seconds_since(first: float) -> NDArray[np.float64]:
        overlap = np.clip(np.minimum(finish, end) - np.maximum(begin, first), 0, None)
        return np.bincount(owner[ran], weights=overlap[ran], minlength=count).astype(np.float64)

    week_start = max(start, end - SECONDS_PER_WEEK)
    alive = ran & ~np.isfinite(ended) & ~np.isin(phase, ("Succeeded", "Failed"))
    return PodCounts(
        mean=seconds_since(week_start) / max(end - week_start, 1.0),
        now=np.bincount(owner[alive], minlength=count),
        seen=np.bincount(owner[known], minlength=count),
        seconds=seconds_since(start),
    )
