import json
import os

import numpy as np
import pytest
from fakes.snapshots import START, STEP, STEPS, container, make_snapshot, workload

from planner.errors import SnapshotError
from planner.snapshot.coverage import series_coverage
from planner.snapshot.header import Metric
from planner.snapshot.read import read_snapshot
from planner.snapshot.usage import (
    SECONDS_PER_DAY,
    UsageBlock,
    day_of,
    from_parquet,
    merge_blocks,
    sample_span,
    to_parquet,
)
from planner.snapshot.write import SnapshotWriter

DAY = day_of(START)


def block(pod: str, *values: float, steps: int = STEPS) -> UsageBlock:
    row = np.full((1, steps), np.nan, dtype=np.float32)
    row[0, : len(values)] = values
    return UsageBlock(*(np.array([text], dtype=object) for text in ("shop", pod, "app")), row)


@pytest.fixture
def toy(tmp_path):
    item = workload("web", container())
    usage = {
        ("shop", "web-0", "app"): {Metric.CPU: np.linspace(0, 1, 2 * STEPS), Metric.MEMORY: np.full(2 * STEPS, 1e9)}
    }
    return make_snapshot(tmp_path / "snap", [item], usage)


def test_what_is_written_is_read(toy):
    again = read_snapshot(toy.folder)
    assert again.header == toy.header
    assert again.workloads == (workload("web", container()),)
    blocks = dict(again.usage(Metric.CPU))
    assert list(blocks) == [DAY, day_of(START + SECONDS_PER_DAY)]
    assert np.allclose(blocks[DAY].values[0], np.linspace(0, 1, 2 * STEPS)[:STEPS])
    assert again.pods["pod"].tolist() == ["web-0"]
    assert again.metrics() == (Metric.CPU, Metric.MEMORY)


def test_same_content_same_id(tmp_path, toy):
    usage = {
        ("shop", "web-0", "app"): {Metric.CPU: np.linspace(0, 1, 2 * STEPS), Metric.MEMORY: np.full(2 * STEPS, 1e9)}
    }
    twin = make_snapshot(tmp_path / "twin", [workload("web", container())], usage)
    assert twin.header.snapshot_id == toy.header.snapshot_id
    other = make_snapshot(tmp_path / "other", [workload("web", container(cpu=2.0))], usage)
    assert other.header.snapshot_id != toy.header.snapshot_id


def one_file(folder, pattern):
    return next(folder.rglob(pattern))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "snapshot.json").unlink(), "no snapshot here"),
        (lambda f: (f / "snapshot.json").write_text("{"), "not JSON"),
        (lambda f: (f / "snapshot.json").write_text("[1]"), "not a snapshot of this program"),
        (lambda f: (f / "snapshot.json").write_text('{"format": "other"}'), "not a snapshot of this program"),
        (lambda f: edit(f, schema_version=0), "collect it again"),
        (lambda f: edit(f, schema_version=99), "use a newer planner"),
        (lambda f: edit(f, end=5.0), "does not match its own id"),
        (lambda f: edit(f, surprise=1), "surprise"),
        (lambda f: one_file(f, "workloads-*").unlink(), "No such file"),
        (lambda f: one_file(f, "workloads-*").write_bytes(b"PAR1"), "not what was written"),
        (lambda f: one_file(f, "cpu_cores-*").write_bytes(b""), "not what was written"),
    ],
)  # fmt: skip
def test_a_damaged_folder_is_refused_by_one_line(toy, damage, message):
    damage(toy.folder)
    with pytest.raises(SnapshotError) as caught:
        read_all(toy.folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def read_all(folder):
    snapshot = read_snapshot(folder)
    return snapshot.workloads, list(snapshot.usage(Metric.CPU))


def edit(folder, **changes):
    path = folder / "snapshot.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_file_name_cannot_leave_the_folder(toy):
    header = json.loads((toy.folder / "snapshot.json").read_text())
    header["tables"]["workloads"]["path"] = "../../etc/passwd"
    from planner.snapshot.header import Header
    from planner.snapshot.read import snapshot_id

    header["snapshot_id"] = snapshot_id(Header.model_validate(header))
    (toy.folder / "snapshot.json").write_text(json.dumps(header))
    with pytest.raises(SnapshotError, match="leaves the folder"):
        _ = read_snapshot(toy.folder).workloads


def test_an_open_day_is_continued_and_a_closed_one_is_never_written_again(tmp_path):
    writer = SnapshotWriter(tmp_path / "s", cluster="toy", step_seconds=STEP)
    writer.write_usage(DAY, Metric.CPU, [block("a", 1.0, 2.0)])
    writer.set_covered(DAY, START + 2 * STEP)
    writer.commit(start=START, end=START + 2 * STEP, sources=(), warnings=())
    again = SnapshotWriter(tmp_path / "s", cluster="toy", step_seconds=STEP)
    assert again.covered_until(DAY) == START + 2 * STEP
    again.write_usage(DAY, Metric.CPU, [block("a", np.nan, np.nan, 3.0), block("b", 9.0)])
    again.set_covered(DAY, START + SECONDS_PER_DAY)
    header = again.commit(start=START, end=START + SECONDS_PER_DAY, sources=(), warnings=())
    assert header.days[0].closed
    values = dict(read_snapshot(tmp_path / "s").usage(Metric.CPU))[DAY].values
    assert values[0, :3].tolist() == [1.0, 2.0, 3.0]
    assert values[1, 0] == 9.0
    third = SnapshotWriter(tmp_path / "s", cluster="toy", step_seconds=STEP)
    with pytest.raises(SnapshotError, match="closed"):
        third.write_usage(DAY, Metric.CPU, [block("a", 5.0)])


def test_days_outlive_the_window_that_was_asked_for(tmp_path, toy):
    writer = SnapshotWriter(toy.folder, cluster="toy", step_seconds=STEP)
    header = writer.commit(start=START + 5 * SECONDS_PER_DAY, end=START + 6 * SECONDS_PER_DAY, sources=(), warnings=())
    assert (header.start, header.end) == (START, START + 6 * SECONDS_PER_DAY)
    assert len(header.days) == 2


def test_another_cluster_another_step_or_a_folder_of_other_files_is_refused(tmp_path, toy):
    with pytest.raises(SnapshotError, match="of cluster 'toy'"):
        SnapshotWriter(toy.folder, cluster="other", step_seconds=STEP)
    with pytest.raises(SnapshotError, match="steps of 300 s"):
        SnapshotWriter(toy.folder, cluster="toy", step_seconds=60)
    with pytest.raises(SnapshotError, match="does not divide a day"):
        SnapshotWriter(tmp_path / "new", cluster="toy", step_seconds=7000)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    with pytest.raises(SnapshotError, match="not empty"):
        SnapshotWriter(tmp_path / "thesis", cluster="toy", step_seconds=STEP)


def test_abandoning_leaves_the_old_snapshot_or_nothing(tmp_path, toy):
    before = sorted(p.name for p in toy.folder.rglob("*"))
    writer = SnapshotWriter(toy.folder, cluster="toy", step_seconds=STEP)
    writer.write_usage(day_of(START + 9 * SECONDS_PER_DAY), Metric.CPU, [block("a", 1.0)])
    writer.abandon()
    assert sorted(p.name for p in toy.folder.rglob("*")) == before
    fresh = SnapshotWriter(tmp_path / "fresh", cluster="toy", step_seconds=STEP)
    fresh.write_usage(DAY, Metric.CPU, [block("a", 1.0)])
    fresh.abandon()
    assert not (tmp_path / "fresh").exists()


def test_a_process_killed_before_the_commit_leaves_the_old_snapshot(toy):
    """A child writes a day and a table into the folder and dies without commit."""
    pid = os.fork()
    if pid == 0:
        writer = SnapshotWriter(toy.folder, cluster="toy", step_seconds=STEP)
        writer.write_usage(day_of(START + 3 * SECONDS_PER_DAY), Metric.CPU, [block("a", 1.0)])
        writer.set_objects("workloads", [])
        os._exit(9)
    os.waitpid(pid, 0)
    survivor = read_snapshot(toy.folder)
    assert survivor.header == toy.header
    assert len(survivor.workloads) == 1
    SnapshotWriter(toy.folder, cluster="toy", step_seconds=STEP).commit(
        start=START, end=START + STEP, sources=(), warnings=()
    )
    assert len(list(toy.folder.rglob("*.parquet"))) == len(toy.header.tables) + 4


def test_duplicate_series_merge_to_one_with_the_larger_sample():
    merged = merge_blocks([block("a", 1.0, 5.0), block("a", 2.0, np.nan, 7.0), block("0", 3.0)])
    assert merged.pod.tolist() == ["0", "a"]
    assert merged.values[1, :3].tolist() == [2.0, 5.0, 7.0]


def test_sample_span_counts_samples_and_the_longest_gap():
    values = np.array([[np.nan, 1, np.nan, np.nan, 2, np.nan], [np.nan] * 6, [1] * 6], dtype=np.float32)
    count, first, last, gap = sample_span(values)
    assert count.tolist() == [2, 0, 6]
    assert first.tolist() == [1, -1, 0]
    assert last.tolist() == [4, -1, 5]
    assert gap.tolist() == [2, 0, 0]


def test_a_block_survives_parquet_bit_by_bit():
    original = block("pod: \u2603 'quoted'", 0.1, np.nan, 3e9)
    data = to_parquet(original)
    assert data == to_parquet(original)
    again = from_parquet(data, STEPS)
    assert np.array_equal(again.values, original.values, equal_nan=True)
    assert again.pod.tolist() == original.pod.tolist()
    with pytest.raises(ValueError, match="not 24 values"):
        from_parquet(data, 24)


def test_coverage_counts_the_steps_between_first_and_last_sample(tmp_path):
    """Samples at steps 0 and 1 of day one and step 1 of day two: 3 of 290 steps."""
    values = np.full(2 * STEPS, np.nan)
    values[[0, 1, STEPS + 1]] = 1.0
    snapshot = make_snapshot(tmp_path / "s", [workload()], {("shop", "web-0", "app"): {Metric.CPU: values}})
    row = series_coverage(snapshot, Metric.CPU).iloc[0]
    assert (row["samples"], row["expected"]) == (3, STEPS + 2)
    assert row["first"] == START
    assert row["last"] == START + (STEPS + 2) * STEP
    assert series_coverage(snapshot, Metric.GPU_ACTIVE).empty
