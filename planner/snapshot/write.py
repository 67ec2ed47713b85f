"""Write a snapshot folder: new, or one more time into an existing one.

``snapshot.json`` is the commit point. Every other file is written first under a name that contains
the hash of its bytes; then ``snapshot.json`` is replaced in one step; then files that neither it nor the
one before it names are removed, so that whoever has the old snapshot open can read on. Whoever is killed
in between leaves the old snapshot or the new one, and does not hinder the next.
"""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import SnapshotError
from planner.snapshot.folder import (
    HEADER_NAME,
    FolderLock,
    only_leftovers,
    remove_empty,
    remove_parts,
    remove_unnamed,
    sync_folders,
    write_whole,
)
from planner.snapshot.header import FORMAT, Day, Header, Metric, Source, SourceWarning, StoredFile, merged_ranges
from planner.snapshot.read import read_header, snapshot_id, verified_bytes
from planner.snapshot.tables import (
    FRAME_TABLES,
    OBJECT_TABLES,
    arrow_schema,
    empty_frame,
    encode_objects,
    normalised_frame,
)
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

    Usage arrives by (day, metric) and goes to disk at once; only the names stay in memory. The folder is
    locked from the start until :meth:`commit` or :meth:`abandon`, after which the writer is done.

    Attributes:
        folder: where the snapshot lies or will lie.
        namespaces: the only ones that are asked for, sorted; empty = all.
        previous: header of the snapshot that is already there, ``None`` for a new one.
    """

    def __init__(self, folder: Path, *, cluster: str, step_seconds: int, namespaces: Iterable[str] = ()) -> None:
        """Open a folder for writing; what a killed first collection left in it is removed.

        Raises:
            SnapshotError: the folder holds something else, another cluster, step or scope, or is being written.
        """
        self.folder = folder
        self.cluster = cluster
        self.step_seconds = step_seconds
        self.namespaces = tuple(sorted(set(namespaces)))
        if SECONDS_PER_DAY % step_seconds:
            raise SnapshotError(f"a step of {step_seconds} s does not divide a day", where=str(folder))
        self._refuse_foreign()  # before anything is put there
        self._is_new_folder = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SnapshotError(f"cannot write the snapshot: {error.strerror}", where=str(folder)) from error
        self._lock = FolderLock(folder)
        self.previous: Header | None = None
        try:
            self.previous = self._refuse_foreign()  # again: what another collection wrote meanwhile
            if self.previous is None:
                remove_parts(folder)
        except BaseException:
            self._lock.release()
            raise
        days = () if self.previous is None else self.previous.days
        self._tables = {} if self.previous is None else dict(self.previous.tables)
        self._days = {day.date: dict(day.files) for day in days}
        self._covered = {day.date: (day.covered_from, day.covered_until) for day in days}
        self._asked = {day.date: list(day.asked) for day in days}
        self._written: dict[str, bool] = {}

    def _refuse_foreign(self) -> Header | None:
        """Header of the snapshot in the folder, if there is one, and if it can be continued."""
        where = str(self.folder)
        if not (self.folder / HEADER_NAME).exists():
            if self.folder.exists() and not (self.folder.is_dir() and only_leftovers(self.folder)):
                raise SnapshotError(
                    "the folder is not empty and holds no snapshot", where=where, fix="choose another --out"
                )
            return None
        stored = read_header(self.folder)
        if stored.cluster != self.cluster:
            raise SnapshotError(
                f"the folder holds a snapshot of cluster {stored.cluster!r}, not of {self.cluster!r}",
                where=where,
                fix="choose another --out",
            )
        if stored.step_seconds != self.step_seconds:
            raise SnapshotError(
                f"the folder holds steps of {stored.step_seconds} s, not of {self.step_seconds} s",
                where=where,
                fix="choose another --out or the same --step",
            )
        if stored.namespaces != self.namespaces:
            raise SnapshotError(
                f"the folder holds {_scope(stored.namespaces)}, not {_scope(self.namespaces)}",
                where=where,
                fix="choose another --out or the same namespaces",
            )
        return stored

    def covered_from(self, day: str) -> float:
        """Unix seconds from which a day is stored, up to ``covered_until``; its start when nothing is."""
        return self._covered.get(day, (day_start(day),) * 2)[0]

    def covered_until(self, day: str) -> float:
        """Unix seconds up to which a day is stored; its start when nothing is."""
        return self._covered.get(day, (day_start(day),) * 2)[1]

    def _is_closed(self, day: str) -> bool:
        return self.covered_from(day) <= day_start(day) and self.covered_until(day) >= day_start(day) + SECONDS_PER_DAY

    def write_usage(self, day: str, metric: Metric, blocks: list[UsageBlock]) -> None:
        """Store the blocks of one metric of one day, merged with what an open day already holds.

        Raises:
            SnapshotError: the day is closed.
        """
        if self._is_closed(day):
            raise SnapshotError(f"day {day} is closed and never written again", where=str(self.folder))
        stored = self._days.setdefault(day, {})
        before = stored.get(metric.value)
        if before is not None:
            data = verified_bytes(self.folder, before)
            blocks = [from_parquet(data, steps_per_day(self.step_seconds)), *blocks]
        merged = merge_blocks(blocks)
        if len(merged):
            stored[metric.value] = self._store(f"usage/day={day}/{metric.value}", to_parquet(merged), len(merged))

    def note_asked(self, day: str, start: float, end: float) -> None:
        """Note that a part of a day was asked for, whatever comes back."""
        self._asked.setdefault(day, []).append((start, end))
        self._days.setdefault(day, {})

    def set_covered(self, day: str, until: float, since: float | None = None) -> None:
        """Note that all metrics of a part of a day are in; the whole day closes it.

        Args:
            day: ISO date.
            until: Unix seconds.
            since: Unix seconds; the day's start when not given.

        Raises:
            ValueError: the part does not touch what the day already covers; the day would have a hole.
        """
        since = day_start(day) if since is None else since
        begin, end = self.covered_from(day), self.covered_until(day)
        if begin >= end:
            begin, end = since, max(since, until)
        elif since > end or until < begin:
            message = f"{since}..{until} leaves a hole in {day}, which covers {begin}..{end}"
            raise ValueError(message)
        self._covered[day] = (min(since, begin), max(until, end))
        self._days.setdefault(day, {})

    def set_objects(self, table: str, objects: Iterable[Any]) -> None:
        """Replace a table of domain objects; their order does not count."""
        import pyarrow as pa

        rows = encode_objects(objects, OBJECT_TABLES[table])
        first = [name for name in ("cluster", "namespace", "kind", "name", "type") if name in arrow_schema(table).names]
        rows.sort(key=lambda row: ([str(row[name]) for name in first], [str(value) for value in row.values()]))
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
        self._refuse_done()
        sha256 = hashlib.sha256(data).hexdigest()
        path = f"{stem}-{sha256[:12]}.parquet"
        target = self.folder / path
        self._written.setdefault(path, not target.exists())
        write_whole(target, data)
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
        """Make everything written so far the snapshot, in one step. The writer is done then."""
        self._refuse_done()
        if self.previous is not None:
            start = min(start, self.previous.start)
            end = max(end, self.previous.end)
            synthetic = synthetic or self.previous.synthetic
        missing = [table for table in (*OBJECT_TABLES, *FRAME_TABLES) if table not in self._tables]
        for table in missing:
            if table in OBJECT_TABLES:
                self.set_objects(table, ())
            else:
                self.set_frame(table, empty_frame(table))
        header = Header(
            format=FORMAT,
            cluster=self.cluster,
            step_seconds=self.step_seconds,
            start=start,
            end=end,
            synthetic=synthetic,
            namespaces=self.namespaces,
            sources=tuple(sources),
            warnings=tuple(sorted(warnings, key=lambda w: (w.source, w.code, w.text))),
            tables=dict(sorted(self._tables.items())),
            days=tuple(self._day(date) for date in sorted(self._days)),
            created_at=created_at,
        )
        header = header.model_copy(update={"snapshot_id": snapshot_id(header)})
        folders = {parent for path in self._written for parent in (self.folder / path).parents}
        sync_folders(sorted(folder for folder in folders if folder.is_relative_to(self.folder)))
        write_whole(self.folder / HEADER_NAME, (header.model_dump_json(indent=1) + "\n").encode())
        sync_folders((self.folder, self.folder.parent))
        remove_unnamed(self.folder, _named(header) | _named(self.previous))
        self.previous = header
        self._lock.release()
        return header

    def _day(self, date: str) -> Day:
        return Day(
            date=date,
            covered_from=self.covered_from(date),
            covered_until=self.covered_until(date),
            closed=self._is_closed(date),
            asked=tuple(merged_ranges(self._asked.get(date, ()))),
            files=dict(sorted(self._days[date].items())),
        )

    def _refuse_done(self) -> None:
        if not self._lock.held:
            message = "the writer is done: it was committed or abandoned"
            raise ValueError(message)

    def abandon(self) -> None:
        """Forget everything since the last commit and remove its files; nothing after a commit."""
        if not self._lock.held:
            return
        if (self.folder / HEADER_NAME).exists():
            # read again: whoever is interrupted within a commit must not take files from the new header
            kept = _named(read_header(self.folder))
            for path, is_new in self._written.items():
                if is_new and path not in kept:
                    (self.folder / path).unlink(missing_ok=True)
            remove_empty(self.folder)
        else:
            remove_parts(self.folder)
        self._lock.release()
        if self._is_new_folder and self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def _named(header: Header | None) -> set[str]:
    """Paths of the files that a header names."""
    if header is None:
        return set()
    return {file.path for file in header.tables.values()} | {
        file.path for day in header.days for file in day.files.values()
    }


def _scope(namespaces: tuple[str, ...]) -> str:
    return f"only the namespaces {', '.join(namespaces)}" if namespaces else "all namespaces"
