"""Small snapshots, made by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from planner.domain.workload import Container, Resources, Workload
from planner.snapshot.header import Metric
from planner.snapshot.read import Snapshot, read_snapshot
from planner.snapshot.tables import EVENT_COLUMNS, POD_COLUMNS
from planner.snapshot.usage import SECONDS_PER_DAY, UsageBlock, day_of
from planner.snapshot.write import SnapshotWriter

START = 1_758_499_200.0  # 2025-09-22 00:00 UTC, a Monday
STEP = 300
STEPS = SECONDS_PER_DAY // STEP
GIB = 1024**3
MIB = 1024**2


def container(
    name: str = "app",
    cpu: float | None = 1.0,
    memory: int | None = GIB,
    cpu_limit: float | None = None,
    memory_limit: int | None = None,
    **more: Any,
) -> Container:
    return Container(name, requests=Resources(cpu, memory), limits=Resources(cpu_limit, memory_limit), **more)


def workload(
    name: str = "web", *containers: Container, kind: str = "Deployment", namespace: str = "shop", **more: Any
) -> Workload:
    defaults: dict[str, Any] = {"replicas": 1, "template_path": "spec.template", "api_version": "apps/v1"}
    return Workload("toy", namespace, kind, name, containers=containers or (container(),), **(defaults | more))


def pods_of(workloads: Sequence[Workload], days: float, node: str = "node-1") -> pd.DataFrame:
    """``replicas`` pods of each workload that run through the whole window."""
    rows = []
    for item in workloads:
        for number in range(item.replicas or 1):
            rows.append(pod_row(item, f"{item.name}-{number}", node=node))
    return pd.DataFrame(rows, columns=list(POD_COLUMNS))


def pod_row(
    item: Workload, pod: str, *, node: str = "node-1", started: float = START, ended: float = float("nan")
) -> dict[str, Any]:
    return {
        "cluster": "toy",
        "namespace": item.namespace,
        "pod": pod,
        "uid": f"uid-{item.namespace}-{pod}",
        "kind": item.kind,
        "workload": item.name,
        "node": node,
        "revision": "r1",
        "images": "{}",
        "phase": "Running",
        "qos": "Burstable",
        "created": started,
        "started": started,
        "ready": started,
        "ended": ended,
    }


def oom_event(item: Workload, pod: str, name: str, time: float, limit: float = float("nan")) -> dict[str, Any]:
    return {
        "cluster": "toy", "namespace": item.namespace, "pod": pod, "container": name, "kind": "oom_kill",
        "time": time, "count": 1.0, "memory_limit_bytes": limit,
    }  # fmt: skip


Usage = Mapping[tuple[str, str, str], Mapping[Metric, np.ndarray]]
"""(namespace, pod, container) -> metric -> (time,) values from START on, NaN = no sample."""


def make_snapshot(
    folder: Path,
    workloads: Sequence[Workload],
    usage: Usage,
    *,
    pods: pd.DataFrame | None = None,
    events: Sequence[Mapping[str, Any]] = (),
    warnings: Sequence[Any] = (),
    **tables: Sequence[Any],
) -> Snapshot:
    length = max((len(values) for series in usage.values() for values in series.values()), default=STEPS)
    days = -(-length // STEPS)
    writer = SnapshotWriter(folder, cluster="toy", step_seconds=STEP)
    for day in range(days):
        name = day_of(START + day * SECONDS_PER_DAY)
        for metric in Metric:
            rows = [
                (key, series[metric][day * STEPS : (day + 1) * STEPS])
                for key, series in usage.items()
                if metric in series
            ]
            rows = [(key, values) for key, values in rows if len(values)]
            if rows:
                writer.write_usage(name, metric, [_block(rows)])
        writer.set_covered(name, START + (day + 1) * SECONDS_PER_DAY)
    writer.set_objects("workloads", workloads)
    writer.set_frame("pods", pods_of(workloads, days) if pods is None else pods)
    writer.set_frame("events", pd.DataFrame(list(events), columns=list(EVENT_COLUMNS)))
    for table, objects in tables.items():
        writer.set_objects(table, objects)
    writer.commit(start=START, end=START + days * SECONDS_PER_DAY, sources=(), warnings=warnings)
    return read_snapshot(folder)


def _block(rows: list[tuple[tuple[str, str, str], np.ndarray]]) -> UsageBlock:
    values = np.full((len(rows), STEPS), np.nan, dtype=np.float32)
    for row, (_, series) in enumerate(rows):
        values[row, : len(series)] = series
    keys = [np.array([key[part] for key, _ in rows], dtype=object) for part in range(3)]
    return UsageBlock(keys[0], keys[1], keys[2], values)
