"""The sample platform as a snapshot folder, marked as synthetic."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from planner.collectors.kubernetes.normalise import normalise
from planner.collectors.parts import ObservedState
from planner.collectors.prices.assign import assign_prices
from planner.collectors.prices.catalogue import load_catalogue
from planner.collectors.sample.model import Model, build_model
from planner.collectors.sample.objects import raw_objects
from planner.collectors.sample.platform import CLUSTER, DEFAULT_DAYS, DEFAULT_SEED, STEP_SECONDS, STEPS_PER_DAY
from planner.collectors.sample.pod_times import image_digest, pod_times, qos_class
from planner.domain.node import Node
from planner.snapshot.header import Header, Metric, Source, SourceWarning
from planner.snapshot.tables import EVENT_COLUMNS, POD_COLUMNS
from planner.snapshot.usage import SECONDS_PER_DAY, UsageBlock, day_of
from planner.snapshot.write import SnapshotWriter

if TYPE_CHECKING:
    import pandas as pd

PriceNodes = Callable[[Sequence[Node]], tuple[list[Node], list[SourceWarning]]]


def catalogue_prices(nodes: Sequence[Node]) -> tuple[list[Node], list[SourceWarning]]:
    """Nodes at the list prices of the shipped catalogue."""
    return assign_prices(nodes, catalogue=load_catalogue())


def make_snapshot(
    folder: Path,
    *,
    seed: int = DEFAULT_SEED,
    days: int = DEFAULT_DAYS,
    copies: int = 1,
    cluster: str = CLUSTER,
    price_nodes: PriceNodes = catalogue_prices,
) -> Header:
    """Write the sample into a folder that is empty or not there yet.

    Args:
        folder: where the snapshot will lie.
        seed: of everything random.
        days: length of the window, from 2026-09-28 on.
        copies: how many times the whole platform stands beside itself.
        cluster: name that becomes part of every key.
        price_nodes: gives nodes their prices.

    Raises:
        SnapshotError: the folder holds something already.
    """
    return write_model(build_model(seed=seed, days=days, copies=copies), folder, cluster=cluster, price_nodes=price_nodes)


def write_model(
    model: Model, folder: Path, *, cluster: str = CLUSTER, price_nodes: PriceNodes = catalogue_prices
) -> Header:
    """Write a model as a snapshot."""
    writer = SnapshotWriter(folder, cluster=cluster, step_seconds=STEP_SECONDS)
    for day in range(model.steps // STEPS_PER_DAY):
        name = day_of(model.time(day * STEPS_PER_DAY))
        for metric in Metric:
            writer.write_usage(name, metric, [usage_block(model, metric, day)])
        writer.set_covered(name, model.time(day * STEPS_PER_DAY) + SECONDS_PER_DAY)
    state = normalise(raw_objects(model), cluster=cluster, now=model.end)
    nodes, price_warnings = price_nodes(state.nodes)
    _write_objects(writer, state, nodes)
    writer.set_frame("pods", pods_frame(model, cluster))
    writer.set_frame("events", events_frame(model, cluster))
    details = {"seed": str(model.seed), "days": str(model.steps // STEPS_PER_DAY)}
    return writer.commit(
        start=model.start,
        end=model.end,
        sources=[Source(name="sample", details=details)],
        warnings=[*state.warnings, *price_warnings],
        synthetic=True,
        created_at=model.end,
    )


def _write_objects(writer: SnapshotWriter, state: ObservedState, nodes: Sequence[Node]) -> None:
    writer.set_objects("namespaces", state.namespaces)
    writer.set_objects("workloads", state.workloads)
    writer.set_objects("nodes", nodes)
    writer.set_objects("quotas", state.quotas)
    writer.set_objects("limit_ranges", state.limit_ranges)
    writer.set_objects("autoscalers", state.autoscalers)
    writer.set_objects("disruption_budgets", state.disruption_budgets)
    writer.set_objects("volumes", state.volumes)


def usage_block(model: Model, metric: Metric, day: int) -> UsageBlock:
    """Series of one metric over one day; a series without any sample is left out."""
    begin, end = day * STEPS_PER_DAY, (day + 1) * STEPS_PER_DAY
    names: list[tuple[str, str, str]] = []
    rows = []
    for usage in model.usage.values():
        first, last = max(usage.first, begin), min(usage.stop, end)
        if first >= last or metric not in usage.values:
            continue
        row = np.full(STEPS_PER_DAY, np.nan, dtype=np.float32)
        row[first - begin : last - begin] = usage.seen(metric)[first - usage.first : last - usage.first]
        if np.isfinite(row).any():
            names.append((usage.run.spec.namespace, usage.run.name, usage.container.name))
            rows.append(row)
    columns = [np.array([name[part] for name in names], dtype=object) for part in range(3)]
    values = np.stack(rows) if rows else np.empty((0, STEPS_PER_DAY), dtype=np.float32)
    return UsageBlock(columns[0], columns[1], columns[2], values)


def pods_frame(model: Model, cluster: str) -> "pd.DataFrame":
    """One row per pod of the window, deleted ones included, with its top controller."""
    import pandas as pd

    rows = []
    for run in model.runs:
        times = pod_times(run, model)
        images = {c.name: image_digest(run, c, model.seed) for c in run.part.containers}
        finished = run.is_job and times.ended is not None
        rows.append(
            (
                cluster,
                run.spec.namespace,
                run.name,
                run.uid,
                run.spec.kind,
                run.spec.name,
                run.node,
                "" if run.is_job or run.spec.kind in ("Pod", "RayCluster", "PyTorchJob", "VectorIndexer") else run.revision,
                json.dumps(images, sort_keys=True),
                "Succeeded" if finished else "Running",
                qos_class(run.part),
                times.created,
                times.started,
                times.ready,
                np.nan if times.ended is None else times.ended,
            )
        )
    return pd.DataFrame(rows, columns=list(POD_COLUMNS))


def events_frame(model: Model, cluster: str) -> "pd.DataFrame":
    """OOM kills and other restarts inside the window."""
    import pandas as pd

    rows = []
    for usage in model.usage.values():
        limit = usage.container.memory_limit
        for step in usage.starts[1:]:
            if 0 <= step < model.steps:
                kind = "oom_kill" if step in usage.kills else "restart"
                place = (cluster, usage.run.spec.namespace, usage.run.name, usage.container.name)
                rows.append((*place, kind, model.time(step), 1.0, np.nan if limit is None else float(limit)))
    return pd.DataFrame(rows, columns=list(EVENT_COLUMNS))
