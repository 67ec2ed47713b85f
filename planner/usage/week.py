"""Pods that run in each hour of the typical week, the last one of the window."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.domain.workload import Workload
from planner.usage.pods import containers_of_pod, workload_rows

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

HOURS_PER_WEEK = 168
_HOUR = 3600.0
_MONDAY = 4 * 24 * _HOUR
"""1970-01-05 00:00 UTC, a Monday, in Unix seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class WeekPods:
    """Pods of one template by hour of the week from Monday 00:00 UTC.

    Attributes:
        mean: (168,) pods running on average; an hour that the window does not hold has the mean of the others.
        most: (168,) most pods at the same time, the surge of a roll-out included.
    """

    mean: Floats
    most: Floats


def week_hour(seconds: float) -> int:
    """Hour of the week of a Unix time, 0 = Monday 00:00 UTC.

    >>> week_hour(0.0)  # a Thursday
    72
    """
    return int((seconds - _MONDAY) // _HOUR % HOURS_PER_WEEK)


def week_pods(
    pods: "pd.DataFrame", workloads: tuple[Workload, ...], start: float, end: float
) -> dict[tuple[int, str | None], WeekPods]:
    """(workload row, pod template) -> its pods over the last week of the window; templates that never ran are absent.

    Args:
        pods: columns of ``POD_COLUMNS``.
        workloads: rows of the answer.
        start: of the window, Unix seconds.
        end: of the window.
    """
    start = max(start, end - HOURS_PER_WEEK * _HOUR)
    first = np.floor(start / _HOUR)
    hours = max(1, int(np.ceil(end / _HOUR) - first))
    edges = np.clip((first + np.arange(hours + 1)) * _HOUR, start, end)
    place = np.array([week_hour(float(first + hour) * _HOUR) for hour in range(hours)])
    seconds = np.bincount(place, weights=np.diff(edges), minlength=HOURS_PER_WEEK)
    result = {}
    for key, (begin, finish) in _runs(pods, workloads, start, end).items():
        ran = np.bincount(place, weights=_pod_seconds(begin, finish, edges), minlength=HOURS_PER_WEEK)
        mean = np.divide(ran, seconds, out=np.full(HOURS_PER_WEEK, np.nan), where=seconds > 0.0)
        most = np.zeros(HOURS_PER_WEEK)
        np.maximum.at(most, place, _most_at_once(begin, finish, edges))
        unseen = np.isnan(mean)
        mean[unseen], most[unseen] = np.nanmean(mean), np.ceil(np.nanmean(mean))
        result[key] = WeekPods(mean, most)
    return result


def _pod_seconds(begin: Floats, finish: Floats, edges: Floats) -> Floats:
    """(hour,) seconds of all runs between the edges.

    Pod-seconds up to a time t are the sum of max(0, t - begin) less that of max(0, t - finish).
    """

    def passed(times: Floats) -> Floats:
        ordered = np.sort(times)
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        count = np.searchsorted(ordered, edges)
        seconds: Floats = count * edges - sums[count]
        return seconds

    return np.diff(passed(begin) - passed(finish))


def _most_at_once(begin: Floats, finish: Floats, edges: Floats) -> Floats:
    """(hour,) most runs at one time between the edges; one that ends when another begins makes room for it."""
    times = np.concatenate([finish, begin])
    change = np.concatenate([np.full(finish.size, -1.0), np.full(begin.size, 1.0)])
    order = np.lexsort((change, times))
    times, running = times[order], np.cumsum(change[order])
    before = np.searchsorted(times, edges[:-1], side="right")
    most = np.where(before > 0, running[np.maximum(before - 1, 0)], 0.0)
    hour = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, most.size - 1)
    np.maximum.at(most, hour, running)
    return most


def _runs(
    pods: "pd.DataFrame", workloads: tuple[Workload, ...], start: float, end: float
) -> dict[tuple[int, str | None], tuple[Floats, Floats]]:
    """(workload row, template) -> begin and finish of its pods inside the window."""
    rows = workload_rows(workloads)
    keys = zip(pods["namespace"].to_numpy(), pods["kind"].to_numpy(), pods["workload"].to_numpy(), strict=True)
    owner = np.fromiter((rows.get(key, -1) for key in keys), dtype=np.int64, count=len(pods))
    created, started, ended = (pods[name].to_numpy(dtype=np.float64) for name in ("created", "started", "ended"))
    phase = pods["phase"].to_numpy()
    begin = np.where(np.isfinite(started), started, np.where(np.isfinite(created), created, start))
    finish = np.where(np.isfinite(ended), ended, end)
    over = np.isin(phase, ("Succeeded", "Failed")) & ~np.isfinite(ended)
    ran = (owner >= 0) & (phase != "Pending") & ~over & (finish > start) & (begin < end)
    begin, finish = np.clip(begin, start, end), np.clip(finish, start, end)
    templates = [{c.name: c.template for c in workload.containers if not c.injected} for workload in workloads]
    images = pods["images"].to_numpy()
    groups: dict[tuple[int, str | None], list[int]] = {}
    for i in np.flatnonzero(ran).tolist():
        row = int(owner[i])
        groups.setdefault((row, _template(templates[row], images[i])), []).append(i)
    return {key: (begin[index], finish[index]) for key, index in groups.items()}


def _template(templates: dict[str, str | None], images: str) -> str | None:
    """Pod template of a pod by the containers that it names; ``None`` = the only one."""
    if len(set(templates.values())) <= 1:
        return next(iter(templates.values()), None)
    return next((templates[name] for name in containers_of_pod(images) if name in templates), None)
