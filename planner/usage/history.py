"""The usage of every container of every workload, gathered over all of its pods, day by day."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.domain.workload import Workload
from planner.snapshot.header import Metric
from planner.snapshot.usage import SECONDS_PER_DAY, UsageBlock, day_start
from planner.usage.day_ranks import DayRanks, add_day, empty_ranks
from planner.usage.pods import pod_owner_rows
from planner.usage.weighted_samples import descending_shares, quantiles_of

if TYPE_CHECKING:
    from planner.snapshot.read import Snapshot

TOLD_LEVELS = np.array([0.5, 0.95, 0.99])
_ROWS_AT_ONCE = 2048


@dataclass(slots=True)
class ResourceHistory:
    """One resource of all containers.

    Attributes:
        day_peak: (container, day) highest sample of any pod; NaN = no sample that day.
        highest: (container,) highest sample; NaN = none.
        samples: (container,) number of samples over all pods.
        covered_steps: (container,) number of steps in which any pod has a sample.
        first_step, last_step: (container,) steps since the start of the first day; -1 = no sample.
        pod_peak_spread: (container,) highest over median of the pods' own peaks; NaN = no sample.
        ranks: ranked groups of each day's samples, all pods together.
    """

    day_peak: NDArray[np.float64]
    highest: NDArray[np.float64]
    samples: NDArray[np.int64]
    covered_steps: NDArray[np.int64]
    first_step: NDArray[np.int64]
    last_step: NDArray[np.int64]
    pod_peak_spread: NDArray[np.float64]
    ranks: DayRanks
    told_quantiles: NDArray[np.float64] | None = None
    """(container, level) quantiles at ``TOLD_LEVELS``; see :meth:`told`."""

    def told(self) -> NDArray[np.float64]:
        """Quantiles that reports show, of all containers at once: one row at a time costs a hundred times more."""
        if self.told_quantiles is None:
            told = np.full((len(self.samples), len(TOLD_LEVELS)), np.nan)
            for first in range(0, len(told), _ROWS_AT_ONCE):
                rows = np.arange(first, min(first + _ROWS_AT_ONCE, len(told)))
                values, share, _ = descending_shares(self.ranks.take(rows))
                told[rows] = np.where(self.samples[rows, None] > 0, quantiles_of(values, share, TOLD_LEVELS), np.nan)
            self.told_quantiles = told
        return self.told_quantiles

    def share_covered(self, row: int, value: float) -> float:
        """Share of a container's samples that are not above a value."""
        weights = self.ranks.weights[row]
        above = weights[self.ranks.values[row] > value]  # an empty group is NaN: not above
        return 1.0 - float(above.sum(dtype=np.float64)) / max(int(self.samples[row]), 1)

    def mean(self) -> NDArray[np.float64]:
        """(container,) mean of all samples; 0 where there is none."""
        known = np.where(self.ranks.weights > 0, self.ranks.values, 0.0)
        total = (known * self.ranks.weights).sum(axis=(1, 2), dtype=np.float64)
        mean: NDArray[np.float64] = np.divide(total, self.samples, out=np.zeros(len(known)), where=self.samples > 0)
        return mean


@dataclass(slots=True)
class UsageHistory:
    """Usage of all containers of a snapshot.

    Attributes:
        containers: (workload row, container name) of each row, as the workloads declare them.
        row: the same, turned round.
        days: ISO dates of the day axis.
        cpu, memory: the two resources.
        throttled: (container,) mean share of throttled CFS periods; NaN = not measured.
        cpu_pressure: (container,) mean share of time that some task waited for CPU (PSI); NaN = not measured.
        unknown_pods: pods with usage that belong to no known workload.
        undeclared: (workload row, container name) with usage that the workload does not declare.
    """

    containers: list[tuple[int, str]]
    row: dict[tuple[int, str], int]
    days: tuple[str, ...]
    cpu: ResourceHistory
    memory: ResourceHistory
    throttled: NDArray[np.float64]
    cpu_pressure: NDArray[np.float64]
    unknown_pods: int = 0
    undeclared: frozenset[tuple[int, str]] = frozenset()


def read_history(snapshot: "Snapshot", workloads: tuple[Workload, ...], since: float = 0.0) -> UsageHistory:
    """Stream the usage of a snapshot once per metric and gather it by (workload, container).

    Days that end before ``since`` (Unix seconds) are left out.

    Memory for 20,000 containers and two weeks: two ranked histories, 75 MB, and one day of one metric.
    """
    owners = pod_owner_rows(snapshot.pods, workloads)
    containers = [(row, container.name) for row, workload in enumerate(workloads) for container in workload.containers]
    index = {key: position for position, key in enumerate(containers)}
    days = tuple(day.date for day in snapshot.header.days if day_start(day.date) + SECONDS_PER_DAY > since)
    gatherer = _Gatherer(snapshot, owners, index, len(containers), days)
    return UsageHistory(
        containers=containers,
        row=index,
        days=days,
        cpu=gatherer.resource(Metric.CPU),
        memory=gatherer.resource(Metric.MEMORY),
        throttled=gatherer.mean(Metric.CPU_THROTTLED),
        cpu_pressure=gatherer.mean(Metric.CPU_PRESSURE),
        unknown_pods=len(gatherer.unknown_pods),
        undeclared=frozenset(gatherer.undeclared),
    )


class _Gatherer:
    """Adds up the days of one metric after the other."""

    def __init__(
        self,
        snapshot: "Snapshot",
        owners: dict[tuple[str, str], int],
        index: dict[tuple[int, str], int],
        count: int,
        days: tuple[str, ...],
    ) -> None:
        self.snapshot = snapshot
        self.owners = owners
        self.index = index
        self.count = count
        self.days = days
        self.unknown_pods: set[tuple[str, str]] = set()
        self.undeclared: set[tuple[int, str]] = set()

    def _rows(
        self, namespace: NDArray[np.object_], pod: NDArray[np.object_], container: NDArray[np.object_]
    ) -> NDArray[np.intp]:
        """Container row of each series, -1 where it belongs to none."""
        rows = np.full(len(pod), -1, dtype=np.intp)
        for position, (n, p, c) in enumerate(zip(namespace, pod, container, strict=True)):
            owner = self.owners.get((n, p))
            if owner is None:
                self.unknown_pods.add((n, p))
                continue
            row = self.index.get((owner, c))
            if row is None:
                self.undeclared.add((owner, c))
            else:
                rows[position] = row
        return rows

    def _usage(self, metric: Metric) -> Iterator[tuple[str, UsageBlock]]:
        return (item for item in self.snapshot.usage(metric, set(self.days)))

    def resource(self, metric: Metric) -> ResourceHistory:
        count, day_count = self.count, len(self.days)
        result = ResourceHistory(
            day_peak=np.full((count, day_count), np.nan),
            highest=np.full(count, np.nan),
            samples=np.zeros(count, dtype=np.int64),
            covered_steps=np.zeros(count, dtype=np.int64),
            first_step=np.full(count, -1, dtype=np.int64),
            last_step=np.full(count, -1, dtype=np.int64),
            pod_peak_spread=np.full(count, np.nan),
            ranks=empty_ranks(count, day_count),
        )
        pod_peaks: dict[tuple[int, str], float] = {}
        day_column = {day: column for column, day in enumerate(self.days)}
        origin = day_start(self.days[0]) if self.days else 0.0
        for day, block in self._usage(metric):
            rows = self._rows(block.namespace, block.pod, block.container)
            known = rows >= 0
            rows, values, pods = rows[known], block.values[known], block.pod[known]
            if not len(rows):
                continue
            add_day(result.ranks, day_column[day], rows, values)
            first_step = round((day_start(day) - origin) / self.snapshot.header.step_seconds)
            self._add_day(result, day_column[day], first_step, rows, values)
            peaks = np.fmax.reduce(values, axis=1)
            for row, pod, peak in zip(rows.tolist(), pods, peaks.tolist(), strict=True):
                if peak > pod_peaks.get((row, pod), -1.0):
                    pod_peaks[row, pod] = peak
        if day_count:
            result.highest = np.fmax.reduce(result.day_peak, axis=1)
        result.pod_peak_spread = _spread(pod_peaks, count)
        return result

    def _add_day(
        self, result: ResourceHistory, day: int, first_step: int, rows: NDArray[np.intp], values: NDArray[np.float32]
    ) -> None:
        """Peaks, coverage and span of one day; rows may repeat (several pods of one container)."""
        order = np.argsort(rows, kind="stable")
        owner = rows[order]
        starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
        unique = owner[starts]
        highest = _highest_over_pods(values, order, starts)
        present = np.isfinite(highest)
        any_sample = present.any(axis=1)
        unique, highest, present = unique[any_sample], highest[any_sample], present[any_sample]
        result.day_peak[unique, day] = np.fmax.reduce(highest, axis=1)
        result.covered_steps[unique] += present.sum(axis=1)
        samples = np.isfinite(values).sum(axis=1)
        result.samples += np.bincount(rows, weights=samples, minlength=len(result.samples)).astype(np.int64)
        first = first_step + present.argmax(axis=1)
        last = first_step + values.shape[1] - 1 - present[:, ::-1].argmax(axis=1)
        fresh = result.first_step[unique] < 0
        result.first_step[unique] = np.where(fresh, first, result.first_step[unique])
        result.last_step[unique] = last

    def mean(self, metric: Metric) -> NDArray[np.float64]:
        """(container,) mean over all samples of all pods; NaN where there are none."""
        total, samples = np.zeros(self.count), np.zeros(self.count)
        for _, block in self._usage(metric):
            rows = self._rows(block.namespace, block.pod, block.container)
            known = rows >= 0
            values = block.values[known]
            total += np.bincount(rows[known], weights=np.nansum(values, axis=1), minlength=self.count)
            samples += np.bincount(rows[known], weights=np.isfinite(values).sum(axis=1), minlength=self.count)
        mean: NDArray[np.float64] = np.divide(total, samples, out=np.full(self.count, np.nan), where=samples > 0)
        return mean


def _highest_over_pods(
    values: NDArray[np.float32], order: NDArray[np.intp], starts: NDArray[np.intp]
) -> NDArray[np.float32]:
    """(container, step) highest over the pods of each container; by number of pods, several times as fast as reduceat.

    Args:
        values: (pod, step), NaN = no sample.
        order: (pod,) rows of ``values``, container by container.
        starts: (container,) positions in ``order`` where each begins.
    """
    pods = np.diff(np.r_[starts, len(order)])
    highest = np.empty((len(starts), values.shape[1]), dtype=values.dtype)
    for count in np.unique(pods).tolist():
        own = pods == count
        members = order[starts[own][:, None] + np.arange(count)]
        highest[own] = values[members[:, 0]] if count == 1 else np.fmax.reduce(values[members], axis=1)
    return highest


def _spread(pod_peaks: dict[tuple[int, str], float], count: int) -> NDArray[np.float64]:
    """Highest over median pod peak of each container."""
    peaks: dict[int, list[float]] = {}
    for (row, _), peak in pod_peaks.items():
        peaks.setdefault(row, []).append(peak)
    result = np.full(count, np.nan)
    for row, values in peaks.items():
        middle = float(np.median(values))
        result[row] = max(values) / middle if middle > 0 else np.nan
    return result
