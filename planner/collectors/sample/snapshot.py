"""The sample platform as a snapshot folder, marked as synthetic."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from planner.collectors.kubernetes.normalise import normalise
from planner.collectors.merge import MergedState, merge_states
from planner.collectors.prices.assign import assign_prices
from planner.collectors.sample.history import history
from planner.collectors.sample.model import Model, build_model
from planner.collectors.sample.objects import raw_objects
from planner.collectors.sample.platform import CLUSTER, DEFAULT_DAYS, DEFAULT_SEED, STEP_SECONDS, STEPS_PER_DAY
from planner.domain.catalogue import load_catalogue
from planner.domain.node import Node
from planner.snapshot.header import Header, Metric, Source, SourceWarning
from planner.snapshot.usage import SECONDS_PER_DAY, UsageBlock, day_of
from planner.snapshot.write import SnapshotWriter

PriceNodes = Callable[[Sequence[Node]], tuple[list[Node], list[SourceWarning]]]
"""Nodes -> the same nodes with prices, and what there is to warn about."""


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
    model = build_model(seed=seed, days=days, copies=copies)
    return write_model(model, folder, cluster=cluster, price_nodes=price_nodes)


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
    present = normalise(raw_objects(model), cluster=cluster, now=model.end)
    merged = merge_states(
        present, history(model, cluster), cluster=cluster, window_start=model.start, window_end=model.end
    )
    nodes, price_warnings = price_nodes(merged.nodes)
    _write_tables(writer, merged, nodes)
    details = {"seed": str(model.seed), "days": str(model.steps // STEPS_PER_DAY)}
    return writer.commit(
        start=model.start,
        end=model.end,
        sources=[Source(name="sample", details=details)],
        warnings=[*merged.warnings, *price_warnings],
        synthetic=True,
        created_at=model.end,
    )


def _write_tables(writer: SnapshotWriter, merged: MergedState, nodes: Sequence[Node]) -> None:
    writer.set_objects("namespaces", merged.namespaces)
    writer.set_objects("workloads", merged.workloads)
    writer.set_objects("nodes", nodes)
    writer.set_objects("quotas", merged.quotas)
    writer.set_objects("limit_ranges", merged.limit_ranges)
    writer.set_objects("autoscalers", merged.autoscalers)
    writer.set_objects("disruption_budgets", merged.disruption_budgets)
    writer.set_objects("volumes", merged.volumes)
    writer.set_frame("pods", merged.pods)
    writer.set_frame("events", merged.events)


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
