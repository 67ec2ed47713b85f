"""Who may write a snapshot folder, when, and what is left of a writer that was killed."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from fakes.snapshots import START, STEP, STEPS, container, make_snapshot, workload

from planner.domain.policy_objects import ZoneBoundVolume
from planner.errors import SnapshotError
from planner.snapshot.header import Header, Metric, asked_ranges
from planner.snapshot.read import Snapshot, read_header, read_snapshot, snapshot_id
from planner.snapshot.usage import SECONDS_PER_DAY, UsageBlock, day_of
from planner.snapshot.write import SnapshotWriter

DAY = day_of(START)
NEXT_DAY = day_of(START + SECONDS_PER_DAY)
HOUR = 3600.0


def block(pod: str, value: float) -> UsageBlock:
    values = np.full((1, STEPS), value, dtype=np.float32)
    return UsageBlock(*(np.array([text], dtype=object) for text in ("shop", pod, "app")), values)


def opened(folder, **options) -> SnapshotWriter:
    return SnapshotWriter(folder, cluster="toy", step_seconds=STEP, **options)


def committed(writer: SnapshotWriter, **options) -> Header:
    return writer.commit(start=START, end=START + SECONDS_PER_DAY, sources=(), warnings=(), **options)


def data_files(folder) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def killed_while(work) -> None:
    """Run work in a child that is killed, as the kernel kills who takes too much memory."""
    child = os.fork()
    if child == 0:
        work()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.fixture
def toy(tmp_path):
    usage = {("shop", "web-0", "app"): {Metric.CPU: np.linspace(0, 1, STEPS)}}
    return make_snapshot(tmp_path / "snap", [workload("web", container())], usage)


def test_a_killed_first_collection_does_not_hinder_the_next(tmp_path):
    folder = tmp_path / "s"

    def work():
        writer = opened(folder)
        writer.write_usage(DAY, Metric.CPU, [block("dead", 1.0)])
        writer.set_objects("workloads", [workload("dead")])
        (folder / "tables" / "nodes-0123456789ab.parquet.tmp-7").write_bytes(b"PAR")
        (folder / "snapshot.json.tmp-7").write_bytes(b"{")

    killed_while(work)
    assert (folder / "usage").is_dir()
    writer = opened(folder)
    writer.write_usage(NEXT_DAY, Metric.CPU, [block("web-0", 2.0)])
    header = committed(writer)
    stored = {file.path for file in header.tables.values()} | {header.days[0].files["cpu_cores"].path}
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == stored | {"snapshot.json"}
    assert [day for day, _ in read_snapshot(folder).usage(Metric.CPU)] == [NEXT_DAY]


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "usage/notes.txt",
        "usage/day=2025-01-01/part-0.parquet",
        "tables/mine.parquet",
        "tables/deep/workloads-0123456789ab.parquet",
        "data.tmp-old",
    ],
)
def test_other_peoples_files_are_neither_taken_nor_touched(tmp_path, name):
    path = tmp_path / "s" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(SnapshotError, match="not empty and holds no snapshot"):
        opened(tmp_path / "s")
    assert data_files(tmp_path / "s") == {path.name}


def test_a_link_out_of_the_folder_is_not_a_leftover(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "usage").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SnapshotError, match="not empty"):
        opened(tmp_path / "s")


def test_one_collection_at_a_time(toy):
    first = opened(toy.folder)
    with pytest.raises(SnapshotError, match="another collection is writing here") as caught:
        opened(toy.folder)
    assert caught.value.where == str(toy.folder)
    assert caught.value.fix
    assert read_snapshot(toy.folder).workloads  # readers are not kept out
    committed(first)
    opened(toy.folder).abandon()
    assert not (toy.folder / ".lock").exists()


def test_the_lock_of_another_process_ends_with_it(toy):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        kept = opened(toy.folder)
        os.write(writing, b"x")
        signal.pause()
        committed(kept)  # never
    assert os.read(reading, 1) == b"x"
    try:
        with pytest.raises(SnapshotError, match="another collection"):
            opened(toy.folder)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
    assert committed(opened(toy.folder)).days == toy.header.days


def test_a_refused_writer_leaves_no_lock_behind(toy):
    with pytest.raises(SnapshotError, match="of cluster"):
        SnapshotWriter(toy.folder, cluster="other", step_seconds=STEP)
    assert ".lock" not in data_files(toy.folder)
    opened(toy.folder).abandon()


def test_abandoning_removes_a_new_folder_and_keeps_one_that_was_there(tmp_path):
    for folder in (tmp_path / "new", tmp_path / "empty"):
        if folder.name == "empty":
            folder.mkdir()
        writer = opened(folder)
        writer.write_usage(DAY, Metric.CPU, [block("web-0", 1.0)])
        writer.abandon()
        writer.abandon()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]
    assert not any((tmp_path / "empty").iterdir())


def test_a_writer_that_is_done_writes_no_more(toy):
    writer = opened(toy.folder)
    header = committed(writer)
    with pytest.raises(ValueError, match="done"):
        writer.set_objects("nodes", [])
    with pytest.raises(ValueError, match="done"):
        committed(writer)
    writer.abandon()
    assert read_header(toy.folder) == header


def test_an_open_reader_survives_one_commit_and_files_do_not_pile_up(toy):
    before = read_snapshot(toy.folder)
    for name in ("second", "third"):
        writer = opened(toy.folder)
        writer.set_objects("workloads", [workload(name)])
        committed(writer)
        if name == "second":
            assert [item.name for item in Snapshot(before.folder, before.header).workloads] == ["web"]
            assert len(list(toy.folder.glob("tables/workloads-*"))) == 2
            aborted = opened(toy.folder)
            aborted.set_objects("workloads", [workload("never")])
            aborted.abandon()
            assert len(list(toy.folder.glob("tables/workloads-*"))) == 2
    assert len(list(toy.folder.glob("tables/workloads-*"))) == 2
    with pytest.raises(SnapshotError, match="No such file"):
        _ = Snapshot(before.folder, before.header).workloads


def test_an_interruption_after_the_commit_point_keeps_the_new_snapshot(toy, monkeypatch):
    """The header is replaced, then the cleaning is interrupted; the caller abandons, as the session does."""

    def interrupted(*_):
        raise KeyboardInterrupt

    writer = opened(toy.folder)
    writer.set_objects("workloads", [workload("new")])
    monkeypatch.setattr("planner.snapshot.write.remove_unnamed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        committed(writer)
    writer.abandon()
    assert [item.name for item in read_snapshot(toy.folder).workloads] == ["new"]


def test_data_reaches_the_disk_before_the_header_names_it(tmp_path, monkeypatch):
    """Order of the system calls: each file is synced before it gets its name, all folders before the header."""
    log = []
    fsync, replace = os.fsync, type(tmp_path).replace

    def logged_fsync(descriptor):
        log.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def logged_replace(path, target):
        log.append(("replace", str(path)))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(type(tmp_path), "replace", logged_replace)
    writer = opened(tmp_path / "s")
    writer.write_usage(DAY, Metric.CPU, [block("web-0", 1.0)])
    committed(writer)
    named = [path for what, path in log if what == "replace"]
    assert len(named) == 12
    assert all(log.index(("fsync", path)) < log.index(("replace", path)) for path in named)
    commit_point = log.index(("replace", named[-1]))
    assert "snapshot.json" in named[-1]
    for folder in ("s", "s/tables", "s/usage", f"s/usage/day={DAY}"):
        assert log.index(("fsync", str(tmp_path / folder))) < commit_point
    assert ("fsync", str(tmp_path / "s")) in log[commit_point:]


def test_another_scope_is_refused(tmp_path):
    header = committed(opened(tmp_path / "s", namespaces=["web", "shop", "web"]))
    assert header.namespaces == ("shop", "web")
    for scope, told in (((), "all namespaces"), (("shop",), "only the namespaces shop")):
        with pytest.raises(SnapshotError, match=f"only the namespaces shop, web, not {told}") as caught:
            opened(tmp_path / "s", namespaces=scope)
        assert caught.value.fix
    assert committed(opened(tmp_path / "s", namespaces=["shop", "web"])).snapshot_id == header.snapshot_id


def test_order_of_objects_does_not_count_and_scope_and_origin_do(tmp_path):
    volumes = [ZoneBoundVolume("toy", "shop", claim, "v", "a") for claim in ("data-0", "data-1", "data-2")]
    ids = []
    for order in (volumes, volumes[::-1]):
        writer = opened(tmp_path / f"{len(ids)}")
        writer.set_objects("volumes", order)
        ids.append(committed(writer).snapshot_id)
    assert ids[0] == ids[1]
    plain = committed(opened(tmp_path / "plain")).snapshot_id
    synthetic = committed(opened(tmp_path / "synthetic"), synthetic=True).snapshot_id
    scoped = committed(opened(tmp_path / "scoped", namespaces=["shop"])).snapshot_id
    assert len({plain, synthetic, scoped}) == 3
    path = tmp_path / "synthetic" / "snapshot.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"synthetic": False}))
    with pytest.raises(SnapshotError, match="does not match its own id"):
        read_header(tmp_path / "synthetic")


def test_invented_usage_stays_told_when_observed_usage_is_added(tmp_path):
    committed(opened(tmp_path / "s"), synthetic=True)
    assert committed(opened(tmp_path / "s")).synthetic


def test_a_day_that_begins_late_can_still_be_completed(tmp_path):
    """Stored 20-24 h: not closed. Then 0-20 h is written: closed, and never again."""
    writer = opened(tmp_path / "s")
    writer.write_usage(DAY, Metric.CPU, [block("web-0", 1.0)])
    writer.set_covered(DAY, START + SECONDS_PER_DAY, START + 20 * HOUR)
    [day] = committed(writer).days
    assert (day.covered_from, day.covered_until, day.closed) == (START + 20 * HOUR, START + SECONDS_PER_DAY, False)
    again = opened(tmp_path / "s")
    assert (again.covered_from(DAY), again.covered_until(DAY)) == (START + 20 * HOUR, START + SECONDS_PER_DAY)
    again.write_usage(DAY, Metric.CPU, [block("web-1", 2.0)])
    again.set_covered(DAY, START + 20 * HOUR, START)
    [day] = committed(again).days
    assert (day.covered_from, day.closed, day.files["cpu_cores"].rows) == (START, True, 2)
    last = opened(tmp_path / "s")
    with pytest.raises(SnapshotError, match="closed"):
        last.write_usage(DAY, Metric.CPU, [block("web-0", 3.0)])


def test_a_day_cannot_get_a_hole(tmp_path):
    writer = opened(tmp_path / "s")
    writer.set_covered(DAY, START + 6 * HOUR)
    with pytest.raises(ValueError, match="leaves a hole"):
        writer.set_covered(DAY, START + SECONDS_PER_DAY, START + 10 * HOUR)
    writer.set_covered(DAY, START + 7 * HOUR, START + 6 * HOUR)
    assert writer.covered_until(DAY) == START + 7 * HOUR


def test_asked_ranges_leave_out_what_nobody_asked_for(tmp_path):
    """Day 0 from 20 h and day 1 whole are one range; day 5 was asked for to no avail; days 2-4 never."""
    writer = opened(tmp_path / "s")
    writer.set_covered(DAY, START + SECONDS_PER_DAY, START + 20 * HOUR)
    writer.set_covered(NEXT_DAY, START + 2 * SECONDS_PER_DAY)
    fifth = START + 5 * SECONDS_PER_DAY
    writer.note_asked(day_of(fifth), fifth + HOUR, fifth + 3 * HOUR)
    writer.note_asked(day_of(fifth), fifth + 2 * HOUR, fifth + 4 * HOUR)
    header = committed(writer)
    expected = [(START + 20 * HOUR, START + 2 * SECONDS_PER_DAY), (fifth + HOUR, fifth + 4 * HOUR)]
    assert asked_ranges(header) == expected
    assert asked_ranges(committed(opened(tmp_path / "s"))) == expected
    assert not header.days[2].closed


def test_a_snapshot_of_the_first_programs_is_read_and_continued(toy):
    """Without ``namespaces``, ``covered_from`` and ``asked``; named without them and without ``synthetic``."""
    path = toy.folder / "snapshot.json"
    document = json.loads(path.read_text())
    del document["namespaces"]
    for day in document["days"]:
        del day["covered_from"], day["asked"]
    document["snapshot_id"] = snapshot_id(Header.model_validate(document))
    assert document["snapshot_id"] != toy.header.snapshot_id
    path.write_text(json.dumps(document))
    header = read_header(toy.folder)
    assert header.days[0].covered_from == START
    assert asked_ranges(header) == [(START, START + SECONDS_PER_DAY)]
    committed(opened(toy.folder))
    assert read_header(toy.folder).snapshot_id == toy.header.snapshot_id


@pytest.mark.parametrize("date", ["2025-13-01", "yesterday", 7, None])
def test_a_day_that_is_no_date_is_damage(toy, date):
    path = toy.folder / "snapshot.json"
    document = json.loads(path.read_text())
    document["days"][0]["date"] = date
    del document["days"][0]["covered_from"]
    path.write_text(json.dumps(document))
    with pytest.raises(SnapshotError, match="damaged snapshot: days"):
        read_header(toy.folder)
