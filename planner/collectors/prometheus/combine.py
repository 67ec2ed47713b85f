"""Series of an answer to rows of a day: one row per container, duplicates and parts folded.

Series of one container that agree in every telling label (cgroup, GPU) are the same thing seen
twice, by an HA pair or by two scrape jobs: the largest sample counts. Series that differ in it are
parts: two cgroups around a restart, several GPUs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.collectors.prometheus.decode import RangeAnswer
from planner.collectors.prometheus.queries import Family, LabelNames, Recipe
from planner.snapshot.usage import UsageBlock, steps_per_day

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """Rows of a day.

    Attributes:
        block: one row per container.
        duplicates: series that another one repeats.
        shared: GPUs that several containers use at once.
    """

    block: UsageBlock
    duplicates: int = 0
    shared: int = 0


def fold(answer: RangeAnswer, recipe: Recipe, names: LabelNames, *, day_start: float, step_seconds: int) -> Folded:
    """Rows of a day from a range answer whose points lie at the ends of the steps."""
    values = answer.grid(day_start + step_seconds, step_seconds, steps_per_day(step_seconds))
    values = np.minimum(values * np.float32(recipe.scale), np.float32(recipe.upper))
    owner_labels = (names.namespace, names.pod, names.container)
    owners: list[Key] = [tuple(series.get(label, "") for label in owner_labels) for series in answer.labels]
    parts: list[Key] = [tuple(series.get(label, "") for label in recipe.inner) for series in answer.labels]
    seen = np.isfinite(values).any(axis=1)
    kept = [i for i in range(len(owners)) if seen[i] and all(owners[i])]
    kept.sort(key=lambda i: (owners[i], parts[i]))
    owners, parts, values = [owners[i] for i in kept], [parts[i] for i in kept], values[kept]
    before = len(owners)
    owners, parts, values = _largest(owners, parts, values)
    duplicates = before - len(owners) if recipe.total else 0
    shared = 0
    if recipe.family is Family.DCGM:
        values, shared = _divided(parts, values)
    owners, values = _whole(owners, values, total=recipe.total)
    block = UsageBlock(_column(owners, 0), _column(owners, 1), _column(owners, 2), values)
    return Folded(block, duplicates, shared)


def _column(keys: list[Key], position: int) -> NDArray[np.object_]:
    column = np.empty(len(keys), dtype=object)
    column[:] = [key[position] for key in keys]
    return column


def _starts(keys: list[tuple[Key, ...]]) -> NDArray[np.intp]:
    """Positions at which a new key begins, in sorted keys."""
    return np.array([i for i, key in enumerate(keys) if i == 0 or key != keys[i - 1]], dtype=np.intp)


def _largest(
    owners: list[Key], parts: list[Key], values: NDArray[np.float32]
) -> tuple[list[Key], list[Key], NDArray[np.float32]]:
    """One row per (owner, part): the largest of duplicates."""
    starts = _starts(list(zip(owners, parts, strict=True)))
    if len(starts) == len(owners):
        return owners, parts, values
    return [owners[i] for i in starts], [parts[i] for i in starts], np.fmax.reduceat(values, starts, axis=0)


def _whole(owners: list[Key], values: NDArray[np.float32], *, total: bool) -> tuple[list[Key], NDArray[np.float32]]:
    """One row per owner: the sum of its parts, or the largest."""
    starts = _starts([(owner,) for owner in owners])
    if len(starts) == len(owners):
        return owners, values
    if not total:
        return [owners[i] for i in starts], np.fmax.reduceat(values, starts, axis=0)
    summed = np.add.reduceat(np.nan_to_num(values, nan=0.0), starts, axis=0)
    present = np.logical_or.reduceat(np.isfinite(values), starts, axis=0)
    return [owners[i] for i in starts], np.where(present, summed, np.float32(np.nan))


def _divided(devices: list[Key], values: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """The value of a shared GPU, split evenly: the exporter repeats it for every container on the device."""
    by_device: dict[Key, list[int]] = {}
    for row, device in enumerate(devices):
        by_device.setdefault(device, []).append(row)
    shared = 0
    values = values.copy()
    for device, rows in by_device.items():
        if len(rows) < 2 or not any(device):
            continue
        users = np.isfinite(values[rows]).sum(axis=0)
        if (users > 1).any():
            shared += 1
            values[rows] /= np.maximum(users, 1)
    return values, shared
