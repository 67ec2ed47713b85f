"""``snapshot.json``: what a snapshot folder holds, and where it came from."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1
FORMAT = "planner-snapshot"


class Metric(StrEnum):
    """Usage series; each value covers the step that starts at its time."""

    CPU = "cpu_cores"
    """Mean cores used in the step."""
    MEMORY = "memory_bytes"
    """Highest working set in the step."""
    CPU_THROTTLED = "cpu_throttled_ratio"
    """Share of CFS periods that were throttled, 0..1; only where a CPU limit is set."""
    CPU_PRESSURE = "cpu_pressure_ratio"
    """Share of time some task waited for CPU (PSI), 0..1."""
    MEMORY_PRESSURE = "memory_pressure_ratio"
    """Share of time all tasks stalled on memory (PSI), 0..1."""
    GPU_ACTIVE = "gpu_active_ratio"
    """Sum over the container's GPUs of the share of time that the engine was active."""
    GPU_MEMORY = "gpu_memory_bytes"
    """Sum over the container's GPUs of the framebuffer in use, highest in the step."""


class Part(BaseModel):
    """Base of the parts of ``snapshot.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceWarning(Part):
    """Something a source could not give, and what the plan loses by it."""

    source: str
    """``prometheus``, ``kubernetes``, ``prices``, ``snapshot``."""
    code: str
    """Stable word: ``metric_missing``, ``partial_answer``, ``forbidden``, ``price_unknown`` ..."""
    text: str
    costs: str = ""
    fix: str = ""
    objects: tuple[str, ...] = ()


class Source(Part):
    """One source that was read. No credentials: URLs are redacted."""

    name: str
    url: str = ""
    version: str = ""
    queries: int = 0
    details: dict[str, str] = Field(default_factory=dict)


class StoredFile(Part):
    """A file of the folder and the hash of its bytes."""

    path: str
    sha256: str
    rows: int


def _midnight(date: str) -> float:
    from planner.snapshot.usage import day_start  # numpy

    return day_start(date)


def _is_date(text: str) -> str:
    _midnight(text)
    return text


def _midnight_of_date(fields: dict[str, Any]) -> float:
    return _midnight(fields["date"])


class Day(Part):
    """One UTC day of usage. A closed day is never written again.

    ``covered_from <= t < covered_until`` is stored whole; the rest of the day is asked for when a window
    reaches it. The two are equal where no answer was whole yet.
    """

    date: Annotated[str, AfterValidator(_is_date)]
    """ISO date."""
    covered_from: float = Field(default_factory=_midnight_of_date)
    """Unix seconds; later than the day's start where the first window began within the day."""
    covered_until: float
    """Unix seconds."""
    closed: bool
    """The whole day is covered."""
    asked: tuple[tuple[float, float], ...] = ()
    """(start, end) of every time that was asked for, whatever the answer; sorted, apart, half-open."""
    files: dict[str, StoredFile]
    """By metric."""


class Header(Part):
    """The whole of ``snapshot.json``."""

    format: str = FORMAT
    schema_version: int = SCHEMA_VERSION
    cluster: str
    step_seconds: int
    start: float
    """Unix seconds, aligned to the step; the observed time is ``start <= t < end``."""
    end: float
    synthetic: bool = False
    namespaces: tuple[str, ...] = ()
    """The only namespaces that were asked for, sorted; empty = all."""
    sources: tuple[Source, ...] = ()
    warnings: tuple[SourceWarning, ...] = ()
    tables: dict[str, StoredFile] = Field(default_factory=dict)
    days: tuple[Day, ...] = ()
    snapshot_id: str = ""
    """Hash over what was seen; the same observation has the same id."""
    created_at: float | None = None
    """Unix seconds; outside the hash."""


def merged_ranges(ranges: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same time as ranges that are sorted, not empty, and neither overlap nor touch."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def asked_ranges(header: Header) -> list[tuple[float, float]]:
    """(start, end) of every time for which usage was asked for, Unix seconds, half-open, sorted, apart.

    What lies between two ranges was never asked for and says nothing about the cluster. A time within a
    range without samples was asked for, and the server had nothing: an outage, or a history that begins later.
    """
    ranges = [(day.covered_from, day.covered_until) for day in header.days]
    return merged_ranges([*ranges, *(part for day in header.days for part in day.asked)])
