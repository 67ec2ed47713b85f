"""Which pod belongs to which workload, and how many of them ran."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.domain.workload import ContainerRole, Workload

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
        container_peak: the same key -> most such pods at the same time in the window.
        container_seconds: the same key -> time that such pods ran while usage was asked for, summed over pods.
    """

    mean: NDArray[np.float64]
    now: NDArray[np.int64]
    seen: NDArray[np.int64]
    container_mean: dict[tuple[int, str], float]
    container_peak: dict[tuple[int, str], int]
    container_seconds: dict[tuple[int, str], float]


def count_pods(
    pods: "pd.DataFrame",
    workloads: tuple[Workload, ...],
    start: float,
    end: float,
    ranges: Sequence[tuple[float, float]] = (),
) -> PodCounts:
    """Count the pods of each workload in the window [start, end) (Unix seconds).

    Args:
        pods: columns of ``POD_COLUMNS``.
        workloads: rows of the answer.
        start: of the window.
        end: of the window.
        ranges: parts of the window for which usage was asked for; empty = all of it. Seconds outside are
            not held against coverage.
    """
    rows = workload_rows(workloads)
    count = len(workloads)
    keys = zip(pods["namespace"].to_numpy(), pods["kind"].to_numpy(), pods["workload"].to_numpy(), strict=True)
    owner = np.fromiter((rows.get(key, -1) for key in keys), dtype=np.int64, count=len(pods))
    known = owner >= 0
    created, started, ended = (pods[name].to_numpy(dtype=np.float64) for name in ("created", "started", "ended"))
    phase = pods["phase"].to_numpy()
    begin = np.where(np.isfinite(started), started, np.where(np.isfinite(created), created, start))
    finish = np.where(np.isfinite(ended), ended, end)
    over = np.isin(phase, ("Succeeded", "Failed")) & ~np.isfinite(ended)  # nobody knows when: not counted
    ran = known & (phase != "Pending") & ~over
    week_start = max(start, end - SECONDS_PER_WEEK)
    in_week = np.clip(np.minimum(finish, end) - np.maximum(begin, week_start), 0, None) / max(end - week_start, 1.0)
    in_window = np.zeros(len(pods))
    for first, last in ranges or [(start, end)]:
        in_window += np.clip(np.minimum(finish, min(end, last)) - np.maximum(begin, max(start, first)), 0, None)
    alive = ran & ~np.isfinite(ended)
    split = _by_container(pods["images"].to_numpy()[ran], owner[ran], workloads)
    week, window, first, last = in_week[ran], in_window[ran], begin[ran], finish[ran]
    return PodCounts(
        mean=np.bincount(owner[ran], weights=in_week[ran], minlength=count).astype(np.float64),
        now=np.bincount(owner[alive], minlength=count),
        seen=np.bincount(owner[known], minlength=count),
        container_mean={key: float(week[own].sum()) for key, own in split.items()},
        container_peak={key: _peak(first[own], last[own], start) for key, own in split.items()},
        container_seconds={key: float(window[own].sum()) for key, own in split.items()},
    )


def image_since(pods: "pd.DataFrame", workloads: tuple[Workload, ...]) -> dict[tuple[int, str], float]:
    """(workload row, container) -> Unix seconds since when it runs the image that it runs now.

    Only containers that ran another image before. The image of now is that of the newest pod.
    """
    rows = workload_rows(workloads)
    keys = zip(pods["namespace"].to_numpy(), pods["kind"].to_numpy(), pods["workload"].to_numpy(), strict=True)
    owners = [rows.get(key, -1) for key in keys]
    created, started = (pods[name].to_numpy(dtype=np.float64) for name in ("created", "started"))
    begin = np.where(np.isfinite(created), created, started)
    seen: dict[tuple[int, str], list[tuple[float, str]]] = {}
    for row, time, text in zip(owners, begin.tolist(), pods["images"].to_numpy(), strict=True):
        if row >= 0 and np.isfinite(time):
            for container, image in _images_in(text).items():
                seen.setdefault((row, container), []).append((time, image))
    since = {}
    for key, runs in seen.items():
        newest = max(runs)[1]
        if any(image != newest for _, image in runs):
            since[key] = min(time for time, image in runs if image == newest)
    return since


def _peak(begin: NDArray[np.float64], finish: NDArray[np.float64], start: float) -> int:
    """Most intervals [begin, finish) that overlap at one time since ``start``."""
    inside = finish > start
    times = np.concatenate([finish[inside], begin[inside]])
    steps = np.concatenate([np.full(inside.sum(), -1), np.full(inside.sum(), 1)])
    order = np.lexsort((steps, times))
    return int(np.cumsum(steps[order]).max(initial=0))


def _by_container(
    images: NDArray[np.object_], owner: NDArray[np.int64], workloads: tuple[Workload, ...]
) -> dict[tuple[int, str], NDArray[np.intp]]:
    """(workload row, container) -> pods that have it.

    A pod's ``images`` name its app containers at least; its template's init containers and sidecars go with them. A pod
    that names none has all containers of its workload.
    """
    pods_of: dict[tuple[int, str], list[int]] = {}
    known: dict[tuple[int, str], tuple[str, ...]] = {}
    for position, (text, row) in enumerate(zip(images, owner.tolist(), strict=True)):
        names = known.get((row, text))
        if names is None:
            names = known[row, text] = _containers_of(containers_of_pod(text), workloads[row])
        for name in names:
            pods_of.setdefault((row, name), []).append(position)
    return {key: np.array(own, dtype=np.intp) for key, own in pods_of.items()}


def _containers_of(named: tuple[str, ...], workload: Workload) -> tuple[str, ...]:
    declared = workload.containers
    if not named:
        return tuple(container.name for container in declared)
    templates = {container.template for container in declared if container.name in named}
    more = {c.name for c in declared if c.role is not ContainerRole.APP and c.template in templates}
    return tuple(sorted({*named, *more}))


def containers_of_pod(images: str) -> tuple[str, ...]:
    """Container names of a pod's ``images`` text."""
    return tuple(sorted(_images_in(images)))


@lru_cache(maxsize=100_000)
def _images_in(images: str) -> dict[str, str]:
    """Container -> image of a pod's ``images`` text."""
    try:
        document = json.loads(images) if images else {}
    except ValueError:
        return {}
    return {str(name): str(image) for name, image in document.items()} if isinstance(document, dict) else {}
