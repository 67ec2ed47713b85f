"""How much of what should have been seen was seen, per series, from the counts beside the values."""

import io
from typing import TYPE_CHECKING

from planner.snapshot.header import Metric
from planner.snapshot.read import Snapshot, verified_bytes
from planner.snapshot.usage import day_start

if TYPE_CHECKING:
    import pandas as pd


def series_coverage(snapshot: Snapshot, metric: Metric) -> "pd.DataFrame":
    """Coverage of each series of a metric between its first and its last sample.

    Returns:
        Columns ``namespace, pod, container, first, last`` (Unix seconds, half-open), ``samples,
        expected`` (steps) and ``coverage`` = samples / expected; sorted by series.
    """
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq

    step = snapshot.header.step_seconds
    parts = []
    for day in snapshot.header.days:
        file = day.files.get(metric.value)
        if file is None:
            continue
        columns = ["namespace", "pod", "container", "samples", "first_step", "last_step"]
        part = pq.read_table(io.BytesIO(verified_bytes(snapshot.folder, file)), columns=columns).to_pandas()
        part = part[part["samples"] > 0]
        origin = day_start(day.date)
        part["first"] = origin + part["first_step"].astype(np.float64) * step
        part["last"] = origin + (part["last_step"].astype(np.float64) + 1) * step
        parts.append(part)
    if not parts:
        columns = ["namespace", "pod", "container", "first", "last", "samples", "expected", "coverage"]
        return pd.DataFrame(columns=columns)
    rows = pd.concat(parts, ignore_index=True)
    groups = rows.groupby(["namespace", "pod", "container"], sort=True)
    result: pd.DataFrame = groups.agg(
        first=("first", "min"), last=("last", "max"), samples=("samples", "sum")
    ).reset_index()
    result["expected"] = ((result["last"] - result["first"]) / step).round().astype(np.int64)
    result["coverage"] = result["samples"] / result["expected"]
    return result
