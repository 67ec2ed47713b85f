"""Which pod belongs to which workload, and how many of them ran."""

import json
from dataclasses import dataclass
from functools import lru_cache
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
    """Pods of each workload, and of each container where pods of one workload differ (a Ray head and its workers).

    Attributes:
        mean: (workload,) pods running on average over the last week of the window, the typical week.
        now: (workload,) pods running at the end.
        seen: (workload,) pods seen at all, deleted ones included.
        container_mean: (workload row, container) -> the same as ``mean``, for pods that have the container.
        container_seconds: the same key -> time that such pods ran inside the window, summed over pods.
    """

    mean: NDArray[np.float64]
    now: NDArray[np.int64]
    seen: NDArray[np.int64]
    container_mean: dict[tuple[int, str], float]
    container_seconds: dict[tuple[int, str], float]


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
    week_start = max(start, end - SECONDS_PER_WEEK)
    in_week = np.clip(np.minimum(finish, end) - np.maximum(begin, week_start), 0, None) / max(end - week_start, 1.0)
    in_window = np.clip(np.minimum(finish, end) - np.maximum(begin, start), 0, None)
    alive = ran & ~np.isfinite(ended) & ~np.isin(phase, ("Succeeded", "Failed"))
    means, seconds = _by_container(pods["images"].to_numpy()[ran], owner[ran], workloads, in_week[ran], in_window[ran])
    return PodCounts(
        mean=np.bincount(owner[ran], weights=in_week[ran], minlength=count).astype(np.float64),
        now=np.bincount(owner[alive], minlength=count),
        seen=np.bincount(owner[known], minlength=count),
        container_mean=means,
        container_seconds=seconds,
    )


def _by_container(
    images: NDArray[np.object_],
    owner: NDArray[np.int64],
    workloads: tuple[Workload, ...],
    in_week: NDArray[np.float64],
    in_window: NDArray[np.float64],
) -> tuple[dict[tuple[int, str], float], dict[tuple[int, str], float]]:
    """Split by the containers that a pod's ``images`` name; a pod that names none counts for all of its workload's."""
    means: dict[tuple[int, str], float] = {}
    seconds: dict[tuple[int, str], float] = {}
    declared = [tuple(container.name for container in workload.containers) for workload in workloads]
    for text, row, share, time in zip(images, owner.tolist(), in_week.tolist(), in_window.tolist(), strict=True):
        for name in _containers_in(text) or declared[row]:
            means[row, name] = means.get((row, name), 0.0) + share
            seconds[row, name] = seconds.get((row, name), 0.0) + time
    return means, seconds


@lru_cache(maxsize=100_000)
def _containers_in(images: str) -> tuple[str, ...]:
    """Container names of a pod's ``images`` text."""
    try:
        document = json.loads(images) if images else {}
    except ValueError:
        return ()
    return tuple(sorted(document)) if isinstance(document, dict) else ()
