"""Write a snapshot folder: new, or one more time into an existing one.

``snapshot.json`` is the commit point. Every other file is written first under a name that contains
the hash of its bytes; then ``snapshot.json`` is replaced in one step; then files that it no longer
names are removed. Whoever is killed in between leaves the old snapshot or the new one.
"""

import hashlib
import io
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import SnapshotError
from planner.snapshot.header import FORMAT, Day, Header, Metric, Source, SourceWarning, StoredFile
from planner.snapshot.read import HEADER_NAME, read_header, snapshot_id, verified_bytes
from planner.snapshot.tables import FRAME_TABLES, OBJECT_TABLES, arrow_schema, encode_objects, normalised_frame
from planner.snapshot.usage import (
    SECONDS_PER_DAY,
    UsageBlock,
    day_start,
    from_parquet,
    merge_blocks,
    steps_per_day,
    to_parquet,
)

if TYPE_CHECKING:
    import pandas as pd


class SnapshotWriter:
    """Collects the parts of a snapshot and commits them together.

    Usage arrives by (day, metric) and goes to disk at once; only the names stay in memory.

    Attributes:
        folder: where the snapshot lies or will lie.
        previous: header of the snapshot that is already there, ``None`` for a new one.
    """

    def __init__(self, folder: Path, *, cluster: str, step_seconds: int) -> None:
        """Open a folder for writing.

        Raises:
            SnapshotError: the folder holds something else, another cluster or another step.
        """
        self.folder = folder
        self.cluster = cluster
        self.step_seconds = step_seconds
        self.previous: Header | None = read_header(folder) if (folder / HEADER_NAME).exists() else None
        self._tables: dict[str, StoredFile] = {}
        self._days: dict[str, dict[str, StoredFile]] = {}
        self._covered: dict[str, float] = {}
        self._refuse_foreign()
        if self.previous is not None:
            self._tables = dict(self.previous.tables)
            self._days = {day.date: dict(day.files) for day in self.previous.days}
            self._covered = {day.date: day.covered_until for day in self.previous.days}

    def _refuse_foreign(self) -> None:
        where = str(self.folder)
        if SECONDS_PER_DAY % self.step_seconds:
            raise SnapshotError(f"a step of {self.step_seconds} s does not divide a day", where=where)
        if self.previous is None:
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise SnapshotError(
                    "the folder is not empty and holds no snapshot", where=where, fix="choose another --out"
                )
            return
        if self.previous.cluster != self.cluster:
            raise SnapshotError(
                f"the folder holds a snapshot of cluster {self.previous.cluster!r}, not of {self.cluster!r}",
                where=where,
                fix="choose another --out",
            )
        if self.previous.step_seconds != self.step_seconds:
            raise SnapshotError(
                f"the folder holds steps of {self.previous.step_seconds} s, not of {self.step_seconds} s",
                where=where,
                fix="choose another --out or the same --step",
            )

    def covered_until(self, day: str) -> float:
        """Unix seconds up to which a day is stored; its start when nothing is."""
        return self._covered.get(day, day_start(day))

    def write_usage(self, day: str, metric: Metric, blocks: list[UsageBlock]) -> None:
        """Store the blocks of one metric of one day, merged with what an open day already holds.

        Raises:
            SnapshotError: the day is closed.
        """
        if self.covered_until(day) >= day_start(day) + SECONDS_PER_DAY:
            raise SnapshotError(f"day {day} is closed and never written again", where=str(self.folder))
        stored = self._days.setdefault(day, {})
        before = stored.get(metric.value)
        if before is not None:
            data = verified_bytes(self.folder, before)
            blocks = [from_parquet(data, steps_per_day(self.step_seconds)), *blocks]
        merged = merge_blocks(blocks)
        if len(merged):
            stored[metric.value] = self._store(f"usage/day={day}/{metric.value}", to_parquet(merged), len(merged))

    def set_covered(self, day: str, until: float) -> None:
        """Note that a day was asked for, all metrics, up to a time; the day's end closes it."""
        self._covered[day] = max(until, self.covered_until(day))
        self._days.setdefault(day, {})

    def set_objects(self, table: str, objects: Iterable[Any]) -> None:
        """Replace a table of domain objects."""
        import pyarrow as pa

        rows = encode_objects(objects, OBJECT_TABLES[table])
        rows.sort(
            key=lambda row: tuple(
                str(row[name]) for name in ("cluster", "namespace", "kind", "name", "type") if name in row
            )
        )
        self._set_table(table, pa.Table.from_pylist(rows, schema=arrow_schema(table)))

    def set_frame(self, table: str, frame: "pd.DataFrame") -> None:
        """Replace a frame table (pods, events)."""
        import pyarrow as pa

        content = normalised_frame(frame, table)
        self._set_table(table, pa.Table.from_pandas(content, schema=arrow_schema(table), preserve_index=False))

    def _set_table(self, table: str, content: Any) -> None:
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(content.replace_schema_metadata(None), sink, compression="zstd", write_statistics=False)
        self._tables[table] = self._store(f"tables/{table}", sink.getvalue(), content.num_rows)

    def _store(self, stem: str, data: bytes, rows: int) -> StoredFile:
        sha256 = hashlib.sha256(data).hexdigest()
        path = f"{stem}-{sha256[:12]}.parquet"
        target = self.folder / path
        temporary = target.with_name(f"{target.name}.tmp-{os.getpid()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise SnapshotError(f"cannot write the snapshot: {error.strerror}", where=str(target)) from error
        return StoredFile(path=path, sha256=sha256, rows=rows)

    def commit(
        self,
        *,
        start: float,
        end: float,
        sources: Iterable[Source],
        warnings: Iterable[SourceWarning],
        synthetic: bool = False,
        created_at: float | None = None,
    ) -> Header:
        """Make everything written so far the snapshot, in one step."""
        if self.previous is not None:
            start = min(start, self.previous.start)
            end = max(end, self.previous.end)
        missing = [table for table in (*OBJECT_TABLES, *FRAME_TABLES) if table not in self._tables]
        for table in missing:
            if table in OBJECT_TABLES:
                self.set_objects(table, ())
            else:
                from planner.snapshot.tables import empty_frame

                self.set_frame(table, empty_frame(table))
        days = tuple(
            Day(
                date=day,
                covered_until=self.covered_until(day),
                closed=self.covered_until(day) >= day_start(day) + SECONDS_PER_DAY,
                files=dict(sorted(files.items())),
            )
            for day, files in sorted(self._days.items())
        )
        header = Header(
            format=FORMAT,
            cluster=self.cluster,
            step_seconds=self.step_seconds,
            start=start,
            end=end,
            synthetic=synthetic,
            sources=tuple(sources),
            warnings=tuple(sorted(warnings, key=lambda w: (w.source, w.code, w.text))),
            tables=dict(sorted(self._tables.items())),
            days=days,
            created_at=created_at,
        )
        header = header.model_copy(update={"snapshot_id": snapshot_id(header)})
        self._replace_header(header)
        self._remove_unnamed(header)
        self.previous = header
        return header

    def _replace_header(self, header: Header) -> None:
        path = self.folder / HEADER_NAME
        temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as stream:
                stream.write(header.model_dump_json(indent=1) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise SnapshotError(f"cannot write the snapshot: {error.strerror}", where=str(path)) from error

    def abandon(self) -> None:
        """Forget everything since the last commit and remove its files."""
        if self.previous is not None:
            self._remove_unnamed(self.previous)
        elif self.folder.is_dir():
            for part in ("usage", "tables"):
                shutil.rmtree(self.folder / part, ignore_errors=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _remove_unnamed(self, header: Header) -> None:
        named = {file.path for file in header.tables.values()}
        named |= {file.path for day in header.days for file in day.files.values()}
        for part in ("usage", "tables"):
            for path in sorted((self.folder / part).rglob("*"), reverse=True):
                if path.is_file() and path.relative_to(self.folder).as_posix() not in named:
                    path.unlink(missing_ok=True)
                elif path.is_dir() and not any(path.iterdir()):
                    path.rmdir()
