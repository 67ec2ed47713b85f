"""Rows of a snapshot's tables.

Two sorts of tables. **Objects** (workloads, nodes, quotas ...): one row per domain dataclass; scalar
fields are columns, nested ones are JSON text. **Frames** (pods, events): plain columns, since a
cluster with one roll-out a day has hundreds of thousands of pods in a window.

Times are Unix seconds as float64, NaN = not known.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from planner.domain.node import Node
from planner.domain.policy_objects import (
    Autoscaler,
    DisruptionBudget,
    LimitRangeItem,
    Namespace,
    ResourceQuota,
    ZoneBoundVolume,
)
from planner.domain.workload import Workload
from planner.errors import SnapshotError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

OBJECT_TABLES: Mapping[str, type] = {
    "namespaces": Namespace,
    "workloads": Workload,
    "nodes": Node,
    "quotas": ResourceQuota,
    "limit_ranges": LimitRangeItem,
    "autoscalers": Autoscaler,
    "disruption_budgets": DisruptionBudget,
    "volumes": ZoneBoundVolume,
}

POD_COLUMNS: Mapping[str, str] = {
    "cluster": "string",
    "namespace": "string",
    "pod": "string",
    "uid": "string",
    "kind": "string",  # top controller
    "workload": "string",
    "node": "string",
    "revision": "string",  # pod-template-hash or controller-revision-hash
    "images": "string",  # JSON: container -> image digest or tag
    "phase": "string",
    "qos": "string",
    "created": "float64",
    "started": "float64",
    "ready": "float64",
    "ended": "float64",  # NaN = still there
}
"""One row per pod seen in the window, deleted ones included. Empty text = not known."""

EVENT_COLUMNS: Mapping[str, str] = {
    "cluster": "string",
    "namespace": "string",
    "pod": "string",
    "container": "string",
    "kind": "string",  # oom_kill | restart
    "time": "float64",
    "count": "float64",
    "memory_limit_bytes": "float64",  # the container's limit when it happened; NaN = none or not known
}
"""Restarts and OOM kills. A kill is not counted again as a restart."""

FRAME_TABLES: Mapping[str, Mapping[str, str]] = {"pods": POD_COLUMNS, "events": EVENT_COLUMNS}


@cache
def _adapter(model: type) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(model)


@cache
def _nested_fields(model: type) -> frozenset[str]:
    scalars = ("str", "int", "float", "bool", "Purchase", "None")

    def is_scalar(annotation: Any) -> bool:
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
        return all(part.strip() in scalars for part in text.split("|"))

    return frozenset(f.name for f in dataclasses.fields(model) if not is_scalar(f.type))


def encode_objects(objects: Iterable[Any], model: type) -> list[dict[str, Any]]:
    """Rows of a table from domain objects: nested fields as canonical JSON."""
    nested = _nested_fields(model)
    adapter = _adapter(model)
    rows = []
    for item in objects:
        document = adapter.dump_python(item, mode="json")
        rows.append(
            {k: json.dumps(v, sort_keys=True, ensure_ascii=False) if k in nested else v for k, v in document.items()}
        )
    return rows


def decode_objects(rows: Sequence[Mapping[str, Any]], model: type, table: str) -> tuple[Any, ...]:
    """Domain objects from the rows of a table.

    Raises:
        SnapshotError: a row is not what the schema says.
    """
    from pydantic import ValidationError

    nested = _nested_fields(model)
    adapter = _adapter(model)
    try:
        # A missing value is the field's default: so a field that is added later does not make older folders unreadable.
        documents = [{k: json.loads(v) if k in nested else v for k, v in row.items() if v is not None} for row in rows]
        return tuple(adapter.validate_python(document) for document in documents)
    except (ValueError, ValidationError, TypeError) as error:
        raise SnapshotError(f"damaged snapshot: table {table} does not match its schema") from error


def arrow_schema(table: str) -> "pa.Schema":
    """Columns of a table as Parquet stores them."""
    import pyarrow as pa

    if table in FRAME_TABLES:
        types = {"string": pa.string(), "float64": pa.float64()}
        return pa.schema([(name, types[kind]) for name, kind in FRAME_TABLES[table].items()])
    model = OBJECT_TABLES[table]
    nested = _nested_fields(model)
    columns = []
    for field in dataclasses.fields(model):
        text = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
        parts = {part.strip() for part in text.split("|")} - {"None"}
        if field.name in nested or not parts <= {"int", "float", "bool"}:
            columns.append((field.name, pa.string()))
        else:
            columns.append((field.name, {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}[parts.pop()]))
    return pa.schema(columns)


def empty_frame(table: str) -> "pd.DataFrame":
    """A frame table without rows."""
    import pandas as pd

    types = {"string": "str", "float64": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=types[kind]) for name, kind in FRAME_TABLES[table].items()})


def normalised_frame(frame: "pd.DataFrame", table: str) -> "pd.DataFrame":
    """The frame with exactly the columns of the table, sorted, texts never missing.

    Raises:
        ValueError: a column is missing or one too many is there.
    """
    columns = FRAME_TABLES[table]
    if set(frame.columns) != set(columns):
        message = f"table {table} takes the columns {list(columns)}, not {sorted(map(str, frame.columns))}"
        raise ValueError(message)
    result = frame[list(columns)].copy()
    for name, kind in columns.items():
        result[name] = result[name].fillna("").astype("str") if kind == "string" else result[name].astype("float64")
    return result.sort_values(
        [c for c in columns if columns[c] == "string"] + [c for c in columns if columns[c] != "string"],
        ignore_index=True,
    )
