"""Usage of a snapshot: one row per (series, UTC day), a day and a metric at a time.

Nobody holds a (pod, whole window) matrix: a roll-out a day makes 14 pods of each in two weeks. A day
of 20,000 containers at 300 s is 46 MB.
"""

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class UsageBlock:
    """Series of one metric over one UTC day.

    Attributes:
        namespace, pod, container: (series,) text.
        values: (series, step of the day) float32, NaN = no sample.
    """

    namespace: NDArray[np.object_]
    pod: NDArray[np.object_]
    container: NDArray[np.object_]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of series."""
        return len(self.pod)


def day_start(day: str) -> float:
    """Unix seconds of the first instant of an ISO date, UTC."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), tzinfo=UTC).timestamp()


def day_of(seconds: float) -> str:
    """ISO date (UTC) of a time."""
    return datetime.fromtimestamp(seconds, tz=UTC).date().isoformat()


def steps_per_day(step_seconds: int) -> int:
    """Values per series and day; the step divides the day."""
    return SECONDS_PER_DAY // step_seconds


def merge_blocks(blocks: list[UsageBlock]) -> UsageBlock:
    """One block with one row per series, sorted; where two have a sample the larger counts.

    Duplicates come from HA pairs of Prometheus and from appending to an open day.
    """
    kept = [block for block in blocks if len(block)]
    if not kept:
        steps = blocks[0].values.shape[1] if blocks else 0
        nothing = np.empty(0, dtype=object)
        return UsageBlock(nothing, nothing, nothing, np.empty((0, steps), dtype=np.float32))
    namespace = np.concatenate([block.namespace for block in kept])
    pod = np.concatenate([block.pod for block in kept])
    container = np.concatenate([block.container for block in kept])
    values = np.concatenate([block.values for block in kept]) if len(kept) > 1 else kept[0].values
    order = np.array(sorted(range(len(pod)), key=lambda i: (namespace[i], pod[i], container[i])), dtype=np.intp)
    namespace, pod, container = namespace[order], pod[order], container[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (namespace[1:] != namespace[:-1]) | (pod[1:] != pod[:-1]) | (container[1:] != container[:-1])
    if new.all():
        return UsageBlock(namespace, pod, container, values[order])
    starts = np.flatnonzero(new)
    return UsageBlock(
        namespace[starts], pod[starts], container[starts], np.fmax.reduceat(values[order], starts, axis=0)
    )


def sample_span(
    values: NDArray[np.float32],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Per series: number of samples, first and last step that has one, longest run of missing steps between them.

    A series without samples has count 0, first = last = -1.
    """
    present = np.isfinite(values)
    count = present.sum(axis=1).astype(np.int32)
    steps = values.shape[1]
    first = np.where(count > 0, present.argmax(axis=1), -1).astype(np.int32)
    last = np.where(count > 0, steps - 1 - present[:, ::-1].argmax(axis=1), -1).astype(np.int32)
    position = np.where(present, np.arange(steps, dtype=np.int32)[None, :], -1)
    previous = np.maximum.accumulate(position, axis=1)
    gap = np.zeros(len(values), dtype=np.int32)
    if steps > 1:
        inside = present[:, 1:] & (previous[:, :-1] >= 0)
        gap = np.where(inside, position[:, 1:] - previous[:, :-1] - 1, 0).max(axis=1).astype(np.int32)
    return count, first, last, gap


def to_parquet(block: UsageBlock) -> bytes:
    """Parquet bytes of a block: the same block gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    count, first, last, gap = sample_span(block.values)
    series, steps = block.values.shape
    flat = pa.array(np.ascontiguousarray(block.values).reshape(-1), type=pa.float32())
    table = pa.table(
        {
            "namespace": pa.array(block.namespace.tolist(), type=pa.string()),
            "pod": pa.array(block.pod.tolist(), type=pa.string()),
            "container": pa.array(block.container.tolist(), type=pa.string()),
            "samples": pa.array(count),
            "first_step": pa.array(first),
            "last_step": pa.array(last),
            "longest_gap_steps": pa.array(gap),
            "values": pa.FixedSizeListArray.from_arrays(flat, steps)
            if series
            else pa.array([], type=pa.list_(pa.float32(), steps)),
        }
    )
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=1,  # samples are noise: higher levels cost CPU and save nothing
        use_dictionary=["namespace", "pod", "container"],
        column_encoding={"values.list.element": "BYTE_STREAM_SPLIT"},
        write_statistics=False,
    )
    return sink.getvalue()


def from_parquet(data: Any, steps: int) -> UsageBlock:
    """The block behind Parquet bytes; ``ValueError`` where the shape is another."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data), columns=["namespace", "pod", "container", "values"])
    column = table.column("values").combine_chunks()
    if not pa.types.is_fixed_size_list(column.type) or column.type.list_size != steps:
        message = f"usage rows hold {column.type}, not {steps} values"
        raise ValueError(message)
    values = column.values.to_numpy(zero_copy_only=False) if len(column) else np.empty(0, dtype=np.float32)
    names = [
        table.column(name).to_numpy(zero_copy_only=False).astype(object) for name in ("namespace", "pod", "container")
    ]
    return UsageBlock(names[0], names[1], names[2], values.reshape(-1, steps))
