"""The snapshot folder of the sample: the same from every run, small, marked, and free of secrets."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from planner.collectors.sample.model import build_model
from planner.collectors.sample.platform import DEFAULT_DAYS
from planner.collectors.sample.snapshot import make_snapshot, write_model
from planner.collectors.sample.workloads_inference import FAKE_KEY
from planner.errors import SnapshotError
from planner.shipped import shipped
from planner.snapshot.header import Metric
from planner.snapshot.read import Snapshot, read_snapshot
from planner.snapshot.tables import FRAME_TABLES, OBJECT_TABLES

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = shipped("data") / "samples" / "ml-platform"


@pytest.fixture(scope="module")
def shipped_sample() -> Snapshot:
    return read_snapshot(SHIPPED)


@pytest.fixture(scope="module")
def again(tmp_path_factory) -> Snapshot:
    folder = tmp_path_factory.mktemp("sample") / "again"
    make_snapshot(folder)
    return read_snapshot(folder)


def test_two_runs_write_the_same_bytes_and_another_seed_others(tmp_path):
    one = make_snapshot(tmp_path / "one", days=2)
    two = make_snapshot(tmp_path / "two", days=2)
    other = make_snapshot(tmp_path / "other", days=2, seed=8)
    assert one == two
    assert one.snapshot_id != other.snapshot_id
    assert (tmp_path / "one" / "snapshot.json").read_bytes() == (tmp_path / "two" / "snapshot.json").read_bytes()


def test_the_shipped_sample_is_what_the_script_makes(shipped_sample, again):
    """Same values everywhere; same id too where the same version of Arrow wrote the files."""
    for table in OBJECT_TABLES:
        assert getattr(shipped_sample, table) == getattr(again, table), f"run scripts/make_sample.py: {table}"
    for table in FRAME_TABLES:
        assert getattr(shipped_sample, table).equals(getattr(again, table)), table
    for metric in Metric:
        for (day, ours), (other_day, theirs) in zip(shipped_sample.usage(metric), again.usage(metric), strict=True):
            assert day == other_day
            assert ours.pod.tolist() == theirs.pod.tolist()
            np.testing.assert_array_equal(ours.values, theirs.values)
    pods = [pq.read_metadata(s.folder / s.header.tables["pods"].path).created_by for s in (shipped_sample, again)]
    if pods[0] == pods[1]:
        assert shipped_sample.header.snapshot_id == again.header.snapshot_id


def test_it_is_small_marked_and_whole(shipped_sample):
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    assert size < 5_000_000
    header = shipped_sample.header
    assert header.synthetic
    assert len(header.days) == DEFAULT_DAYS
    assert all(day.closed for day in header.days)
    assert header.end - header.start == DEFAULT_DAYS * 86_400
    assert len(shipped_sample.workloads) >= 60
    assert set(shipped_sample.metrics()) == set(Metric)


def test_prices_are_known_but_for_the_node_that_no_list_has(shipped_sample):
    unpriced = [node for node in shipped_sample.nodes if node.price is None]
    assert [node.instance_type for node in unpriced] == ["lab.8x32"]
    assert any(w.code == "price_unknown" and unpriced[0].name in w.objects for w in shipped_sample.header.warnings)


def test_pods_and_series_belong_together(shipped_sample):
    """Every series is of a pod of the table, and every pod of a workload of the table."""
    pods = shipped_sample.pods
    names = set(zip(pods["namespace"], pods["pod"], strict=True))
    for metric in Metric:
        for _, block in shipped_sample.usage(metric):
            assert set(zip(block.namespace, block.pod, strict=True)) <= names
    workloads = {(w.namespace, w.kind, w.name) for w in shipped_sample.workloads}
    assert set(zip(pods["namespace"], pods["kind"], pods["workload"], strict=True)) <= workloads
    ended = pods[pods["ended"].notna()]
    assert (ended["ended"] > ended["started"]).all()


def test_kills_are_events_with_their_limit(shipped_sample):
    events = shipped_sample.events
    kills = events[events["kind"] == "oom_kill"]
    assert len(kills) >= 20
    assert set(kills["memory_limit_bytes"]) == {float(2**30), float(2**31)}
    restarts = events[events["kind"] == "restart"]
    assert len(restarts) >= 2
    assert restarts["pod"].str.startswith("debezium-connect-").all()


def test_no_value_of_a_variable_reaches_the_folder(shipped_sample):
    for file in shipped_sample.header.tables.values():
        text = json.dumps(pq.read_table(SHIPPED / file.path).to_pylist(), default=str)
        assert FAKE_KEY not in text
        assert "example-password" not in text


def test_a_snapshot_that_is_there_is_not_written_over(tmp_path):
    make_snapshot(tmp_path / "sample", days=1)
    with pytest.raises(SnapshotError, match="closed"):
        make_snapshot(tmp_path / "sample", days=1)


def test_without_prices_every_node_stays_unpriced(tmp_path):
    write_model(build_model(days=1), tmp_path / "sample", price_nodes=lambda nodes: (list(nodes), []))
    assert all(node.price is None for node in read_snapshot(tmp_path / "sample").nodes)


def test_the_script_replaces_a_sample_and_nothing_else(tmp_path, monkeypatch, capsys):
    script = str(ROOT / "scripts" / "make_sample.py")
    out = tmp_path / "sample"

    def run() -> int:
        monkeypatch.setattr(sys, "argv", [script, "--out", str(out), "--days", "1"])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(script, run_name="__main__")
        return int(stop.value.code or 0)

    assert run() == 0
    first = read_snapshot(out).header
    assert first.snapshot_id in capsys.readouterr().out
    assert run() == 0
    assert read_snapshot(out).header == first
    (out / "snapshot.json").unlink()
    assert run() == 2
    assert (out / "tables").is_dir()


def test_the_readme_names_only_what_is_there(shipped_sample):
    text = (SHIPPED.parent / "README.md").read_text(encoding="utf-8")
    assert "synthetic" in text
    names = {f"{w.namespace}/{w.name}" for w in shipped_sample.workloads}
    named = {
        word
        for word in text.replace("`", " ").split()
        if word.count("/") == 1 and word.split("/")[0] in {n.name for n in shipped_sample.namespaces}
    }
    assert named <= names
    assert len(named) >= 15
