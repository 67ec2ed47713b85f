"""Read a snapshot folder. Every file is checked against the hash in ``snapshot.json`` as it is read."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

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
from planner.snapshot.folder import HEADER_NAME
from planner.snapshot.header import FORMAT, SCHEMA_VERSION, Header, Metric, StoredFile
from planner.snapshot.tables import OBJECT_TABLES, arrow_schema, decode_objects
from planner.snapshot.usage import UsageBlock, from_parquet, steps_per_day

if TYPE_CHECKING:
    import pandas as pd


def snapshot_id(header: Header) -> str:
    """Name of an observation: a hash over what was seen, not over when or through what it was read.

    A header without ``namespaces`` is of the first programs; its name is made as they made it.
    """
    import json

    included = {"cluster", "step_seconds", "start", "end", "warnings", "tables", "days"}
    if "namespaces" in header.model_fields_set:
        content = header.model_dump(mode="json", include=included | {"synthetic", "namespaces"})
    else:
        later = {"days": {"__all__": {"covered_from", "asked"}}}
        content = header.model_dump(mode="json", include=included, exclude=later)

    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"snapshot-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def read_header(folder: Path) -> Header:
    """Read and check ``snapshot.json``.

    Raises:
        SnapshotError: no snapshot, another program's folder, another schema version, or damaged.
    """
    path = folder / HEADER_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SnapshotError(
            "no snapshot here", where=str(folder), fix=f"make one with `planner collect --out {folder}`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SnapshotError(f"cannot read the snapshot: {error}", where=str(path)) from error
    import json

    try:
        document = json.loads(text)
    except ValueError as error:
        raise SnapshotError("damaged snapshot: snapshot.json is not JSON", where=str(path)) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SnapshotError("not a snapshot of this program", where=str(path))
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        older = isinstance(version, int) and version < SCHEMA_VERSION
        raise SnapshotError(
            f"the snapshot has schema version {str(version)[:20]}, this program reads {SCHEMA_VERSION}",
            where=str(path),
            fix="collect it again" if older else "use a newer planner",
        )
    try:
        header = Header.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SnapshotError(f"damaged snapshot: {place}: {first['msg']}", where=str(path)) from error
    if header.snapshot_id != snapshot_id(header):
        raise SnapshotError("damaged snapshot: snapshot.json does not match its own id", where=str(path))
    return header


def verified_bytes(folder: Path, file: StoredFile) -> bytes:
    """Bytes of a file of the folder.

    Raises:
        SnapshotError: missing, outside the folder, or not what was written.
    """
    path = folder / file.path
    if not path.resolve().is_relative_to(folder.resolve()):
        raise SnapshotError("damaged snapshot: a file name leaves the folder", where=file.path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SnapshotError(f"damaged snapshot: {error.strerror}", where=str(path)) from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise SnapshotError("damaged snapshot: the file is not what was written", where=str(path))
    return data


@dataclass(frozen=True)
class Snapshot:
    """An observed cluster. Tables are read when first asked for; usage is streamed.

    Attributes:
        folder: where it lies.
        header: what it holds.
    """

    folder: Path
    header: Header

    def with_nodes(self, nodes: Sequence[Node]) -> "Snapshot":
        """The same with other nodes, such as these at other prices: for questions, never for a plan."""
        other = Snapshot(self.folder, self.header)
        other.__dict__["nodes"] = tuple(nodes)  # where the cached property keeps its value
        return other

    @cached_property
    def namespaces(self) -> tuple[Namespace, ...]:
        """Namespaces with their labels."""
        return self._objects("namespaces", Namespace)

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Top controllers with their pod templates."""
        return self._objects("workloads", Workload)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Nodes with their prices."""
        return self._objects("nodes", Node)

    @cached_property
    def quotas(self) -> tuple[ResourceQuota, ...]:
        """ResourceQuotas."""
        return self._objects("quotas", ResourceQuota)

    @cached_property
    def limit_ranges(self) -> tuple[LimitRangeItem, ...]:
        """Items of LimitRanges."""
        return self._objects("limit_ranges", LimitRangeItem)

    @cached_property
    def autoscalers(self) -> tuple[Autoscaler, ...]:
        """HPAs, ScaledObjects and VPAs."""
        return self._objects("autoscalers", Autoscaler)

    @cached_property
    def disruption_budgets(self) -> tuple[DisruptionBudget, ...]:
        """PodDisruptionBudgets."""
        return self._objects("disruption_budgets", DisruptionBudget)

    @cached_property
    def volumes(self) -> tuple[ZoneBoundVolume, ...]:
        """Zone-bound volumes."""
        return self._objects("volumes", ZoneBoundVolume)

    @cached_property
    def pods(self) -> "pd.DataFrame":
        """Pods seen in the window (columns: :data:`planner.snapshot.tables.POD_COLUMNS`)."""
        return self._frame("pods")

    @cached_property
    def events(self) -> "pd.DataFrame":
        """Restarts and OOM kills (columns: :data:`planner.snapshot.tables.EVENT_COLUMNS`)."""
        return self._frame("events")

    def metrics(self) -> tuple[Metric, ...]:
        """Metrics of which any day has series."""
        return tuple(metric for metric in Metric if any(metric.value in day.files for day in self.header.days))

    def usage(self, metric: Metric, days: Collection[str] | None = None) -> Iterator[tuple[str, UsageBlock]]:
        """Stream (ISO date, block) of a metric in the order of time; of the given days only, if any are given."""
        for day in self.header.days:
            file = day.files.get(metric.value)
            if file is None or (days is not None and day.date not in days):
                continue
            try:
                yield day.date, from_parquet(verified_bytes(self.folder, file), steps_per_day(self.header.step_seconds))
            except (ValueError, KeyError) as error:
                raise SnapshotError("damaged snapshot: not usage rows", where=file.path) from error

    def _table(self, table: str) -> Any:
        import io

        import pyarrow as pa
        import pyarrow.parquet as pq

        file = self.header.tables.get(table)
        if file is None:
            raise SnapshotError(f"damaged snapshot: table {table} is missing", where=str(self.folder))
        try:
            return pq.read_table(io.BytesIO(verified_bytes(self.folder, file)), schema=arrow_schema(table))
        except (pa.ArrowException, ValueError) as error:
            raise SnapshotError(f"damaged snapshot: table {table} cannot be read", where=file.path) from error

    def _objects(self, table: str, model: type[Any]) -> tuple[Any, ...]:
        if OBJECT_TABLES[table] is not model:
            message = f"table {table} holds {OBJECT_TABLES[table].__name__}"
            raise TypeError(message)
        return decode_objects(self._table(table).to_pylist(), model, table)

    def _frame(self, table: str) -> "pd.DataFrame":
        frame: pd.DataFrame = self._table(table).to_pandas()
        return frame


def read_snapshot(folder: Path) -> Snapshot:
    """Open a snapshot folder: checks its header now and each file when it is read."""
    return Snapshot(folder, read_header(folder))
