"""``snapshot.json``: what a snapshot folder holds, and where it came from."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

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


class Day(Part):
    """One UTC day of usage. A closed day is never written again."""

    date: str
    """ISO date."""
    covered_until: float
    """Unix seconds up to which the day has been asked for (end of the day = closed)."""
    closed: bool
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
    sources: tuple[Source, ...] = ()
    warnings: tuple[SourceWarning, ...] = ()
    tables: dict[str, StoredFile] = Field(default_factory=dict)
    days: tuple[Day, ...] = ()
    snapshot_id: str = ""
    """Hash over everything above; the same observation has the same id."""
    created_at: float | None = None
    """Unix seconds; outside the hash."""
