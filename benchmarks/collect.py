"""What `planner collect` costs, on both sides: recorded series in a real Prometheus, read over HTTP.

Example::

    python benchmarks/collect.py --containers 200 --days 3 --json out.json

Containers come in pairs (one pod), one Deployment per pod, one roll-out a day at a time of its own, so
that the window holds ``days`` times as many pods as are alive. Series are those of cAdvisor (with the
kubelet's long labels) and of kube-state-metrics. They are written as OpenMetrics text, block by block,
turned into blocks by promtool while the next text is written, and served by Prometheus on loopback.

Two collections run through the command line, each in a process of its own: the window, then the
window that ends a day later into the same folder. CPU seconds and peak memory are those of that
process (user + system, ``getrusage``); Prometheus' CPU seconds are read from ``/proc``.

Needs `prometheus` and `promtool` on PATH.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from fakes.real_prometheus import HOW_TO_GET, RealPrometheus, load_openmetrics, missing_binaries  # noqa: E402

START = 1_767_571_200
"""2026-01-05T00:00Z."""
DAY = 86_400
STATE_SECONDS = 240
MEASURE = (
    "import resource, subprocess, sys;"
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
    "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
    "print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
)
"""Runs a command from a small process: a child's peak begins with the memory of whoever started it."""
BATCH = 200
"""Series whose text is held in memory at once."""


class Cluster:
    """A synthetic cluster: names, roll-out times and the course of its usage."""

    def __init__(self, containers: int, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.containers = containers
        self.pods = -(-containers // 2)
        self.rollout = self.rng.integers(0, DAY, self.pods) // 60 * 60
        self.mean_cores = self.rng.lognormal(-3, 1.2, containers)
        self.mean_bytes = self.rng.lognormal(np.log(300e6), 0.9, containers)
        self.phase = self.rng.uniform(0, 2 * np.pi, containers)
        self.counter = np.zeros(containers)

    def pod(self, pod: int, revision: int) -> dict[str, str]:
        """Labels of a pod of a day."""
        replica_set = f"service-{pod:05d}-{revision:03d}f8c6b5d"
        return {"namespace": f"team-{pod % 40:02d}", "pod": f"{replica_set}-{pod % 100000:05d}"}

    def container(self, index: int, revision: int) -> dict[str, str]:
        """Labels that cAdvisor gives a container."""
        pod = index // 2
        name = f"{index:032x}{revision:032x}"
        slice_ = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{pod:032x}.slice"
        return {
            **self.pod(pod, revision),
            "container": ("app", "sidecar")[index % 2],
            "id": f"{slice_}/cri-containerd-{name}.scope",
            "image": f"registry.example.com/team-{pod % 40:02d}/service@sha256:{pod:064x}",
            "instance": f"10.0.{pod // 30 % 250}.10:10250",
            "job": "kubelet",
            "metrics_path": "/metrics/cadvisor",
            "name": name,
            "node": f"node-{pod // 30:04d}",
        }


def head(name: str, labels: dict[str, str]) -> str:
    """``name{a="1"} `` as the text form writes it."""
    pairs = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{pairs}}} "


def write_rows(stream: BinaryIO, heads: pa.Array, rows: NDArray[np.int64], values: pa.Array, times: pa.Array) -> None:
    """One line per row, without a Python object per line."""
    lines = pc.binary_join_element_wise(heads.take(pa.array(rows)), values, times, pa.scalar("", pa.large_string()))
    chunks = lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]
    for chunk in chunks:
        offsets, data = chunk.buffers()[1:]
        first = int.from_bytes(memoryview(offsets)[8 * chunk.offset : 8 * chunk.offset + 8], "little")
        last = 8 * (chunk.offset + len(chunk))
        stream.write(memoryview(data)[first : int.from_bytes(memoryview(offsets)[last : last + 8], "little")])


def text(values: NDArray[Any]) -> pa.Array:
    """Numbers as Arrow text."""
    return pa.array(values).cast(pa.large_string())


def write_usage(stream: BinaryIO, cluster: Cluster, times: NDArray[np.int64]) -> int:
    """Lines of both usage metrics over some scrapes; returns their number."""
    day = (times - START) // DAY
    stamp = pa.array([f" {t}\n" for t in times.tolist()], type=pa.large_string())
    season = 1 + 0.6 * np.sin(2 * np.pi * times[None, :] / DAY + cluster.phase[:, None])
    interval = int(times[1] - times[0])
    lines = 0
    for metric in ("container_cpu_usage_seconds", "container_memory_working_set_bytes"):
        stream.write(f"# TYPE {metric} {'counter' if 'cpu' in metric else 'gauge'}\n".encode())
        for first in range(0, cluster.containers, BATCH):
            some = np.arange(first, min(first + BATCH, cluster.containers))
            # the pod of day d lives from the roll-out of day d-1 to that of day d
            revision = day[None, :] + ((times - START) % DAY >= cluster.rollout[some // 2][:, None])
            noise = cluster.rng.gamma(6, 1 / 6, (len(some), len(times)))
            if "cpu" in metric:
                risen = np.cumsum(cluster.mean_cores[some, None] * season[some] * noise * interval, axis=1)
                values = cluster.counter[some, None] + risen
                fresh = np.diff(revision, axis=1, prepend=revision[:, :1]) > 0
                zero = np.maximum.accumulate(np.where(fresh, values, 0.0), axis=1)
                values = np.round(values - zero, 6)
                cluster.counter[some] = values[:, -1]
            else:
                values = np.floor(cluster.mean_bytes[some, None] * (0.9 + 0.1 * season[some] * noise) / 4096) * 4096
                values = values.astype(np.int64)
            name = metric + ("_total" if "cpu" in metric else "")
            extra = {"cpu": "total"} if "cpu" in metric else {}
            low, high = int(revision.min()), int(revision.max())
            heads = pa.array(
                [head(name, {**cluster.container(i, r), **extra}) for i in some.tolist() for r in range(low, high + 1)],
                type=pa.large_string(),
            )
            rows = ((some - first)[:, None] * (high + 1 - low) + revision - low).ravel()
            write_rows(
                stream, heads, rows, text(values.ravel()), pc.take(stamp, np.tile(np.arange(len(times)), len(some)))
            )
            lines += values.size
    return lines


def state_series(cluster: Cluster, pod: int, revision: int) -> Iterator[tuple[str, dict[str, str], float]]:
    """What kube-state-metrics says of a pod."""
    born = START + (revision - 1) * DAY + int(cluster.rollout[pod])
    who = {**cluster.pod(pod, revision), "uid": f"{pod:08x}-{revision:04x}"}
    replica_set = who["pod"].rpartition("-")[0]
    node = f"node-{pod // 30:04d}"
    yield "kube_pod_info", {**who, "node": node, "created_by_kind": "ReplicaSet", "created_by_name": replica_set}, 1
    yield "kube_pod_created", who, born
    yield "kube_pod_start_time", who, born + 1
    yield "kube_pod_status_ready_time", who, born + 20
    for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
        yield "kube_pod_status_phase", {**who, "phase": phase}, phase == "Running"
    for qos in ("BestEffort", "Burstable", "Guaranteed"):
        yield "kube_pod_status_qos_class", {**who, "qos_class": qos}, qos == "Burstable"
    owner = {"namespace": who["namespace"], "replicaset": replica_set, "owner_kind": "Deployment"}
    yield "kube_replicaset_owner", {**owner, "owner_name": f"service-{pod:05d}"}, 1
    for index in range(2 * pod, min(2 * pod + 2, cluster.containers)):
        inside = {**who, "container": ("app", "sidecar")[index % 2]}
        image = f"registry.example.com/team-{pod % 40:02d}/service"
        yield (
            "kube_pod_container_info",
            {**inside, "image": f"{image}:{revision}", "image_id": f"{image}@sha256:{revision:064x}"},
            1,
        )
        yield "kube_pod_container_status_restarts_total", inside, 0
        for side, factor in (("requests", 1), ("limits", 2)):
            kind = f"kube_pod_container_resource_{side}"
            yield kind, {**inside, "resource": "cpu", "unit": "core", "node": node}, 0.5 * factor
            yield kind, {**inside, "resource": "memory", "unit": "byte", "node": node}, 5e8 * factor


def lasting_series(cluster: Cluster) -> Iterator[tuple[str, dict[str, str], float]]:
    """What it says of Deployments and nodes."""
    for pod in range(cluster.pods):
        yield (
            "kube_deployment_spec_replicas",
            {"namespace": f"team-{pod % 40:02d}", "deployment": f"service-{pod:05d}"},
            1,
        )
    for node in range(-(-cluster.pods // 30)):
        who = {"node": f"node-{node:04d}"}
        yield "kube_node_info", who, 1
        yield "kube_node_labels", {**who, "label_topology_kubernetes_io_zone": f"zone-{node % 3}"}, 1
        for side in ("allocatable", "capacity"):
            for resource, value in (("cpu", 16), ("memory", 64e9), ("pods", 110)):
                yield f"kube_node_status_{side}", {**who, "resource": resource}, value


def write_state(stream: BinaryIO, cluster: Cluster, times: NDArray[np.int64]) -> int:
    """Lines of kube-state-metrics over some scrapes; returns their number."""
    families: dict[str, list[tuple[str, int, int]]] = {}
    begin, end = int(times[0]), int(times[-1]) + 1
    for name, labels, value in lasting_series(cluster):
        families.setdefault(name, []).append((f"{head(name, labels)}{float(value)!r}", begin, end))
    for pod in range(cluster.pods):
        for revision in range((begin - START) // DAY, (end - START) // DAY + 2):
            born = START + (revision - 1) * DAY + int(cluster.rollout[pod])
            if born < end and born + DAY > begin:
                for name, labels, value in state_series(cluster, pod, revision):
                    families.setdefault(name, []).append((f"{head(name, labels)}{float(value)!r}", born, born + DAY))
    stamps = [f" {t}\n" for t in times.tolist()]
    lines = 0
    for name, series in sorted(families.items()):
        kind = "counter" if name.endswith("_total") else "gauge"
        stream.write(f"# TYPE {name.removesuffix('_total')} {kind}\n".encode())
        for line, since, until in series:
            low, high = np.searchsorted(times, [since, until])
            if high > low:
                stream.write((line + line.join(stamps[low:high])).encode())
                lines += int(high - low)
    return lines


def load(cluster: Cluster, data: Path, days: int, scrape_seconds: int) -> dict[str, float]:
    """Write and load all blocks; promtool works on one while the next is written."""
    hours = 18 if cluster.containers <= 500 else 6
    began, lines = time.perf_counter(), 0
    end = START + days * DAY
    edges = [*range(START - START % (hours * 3600), end, hours * 3600), end]
    with ThreadPoolExecutor(1) as pool, tempfile.TemporaryDirectory(dir=data.parent) as scratch:
        loading = pool.submit(lambda: None)
        for number, (low, high) in enumerate(pairwise(edges)):
            path = Path(scratch) / f"{number % 2}.txt"
            first = max(low, START)
            with path.open("wb") as stream:
                offset = (-first + 15) % scrape_seconds
                lines += write_usage(stream, cluster, np.arange(first + offset, high, scrape_seconds))
                lines += write_state(
                    stream, cluster, np.arange(first + 30 + (-first) % STATE_SECONDS, high, STATE_SECONDS)
                )
                stream.write(b"# EOF\n")
            loading.result()
            loading = pool.submit(load_openmetrics, path, data, block_hours=hours)
        loading.result()
    size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    return {"samples": lines, "load_seconds": time.perf_counter() - began, "prometheus_mb": size / 1e6}


def collect(server: RealPrometheus, folder: Path, days: int, until: int, step: int) -> dict[str, float]:
    """One collection in a process of its own."""
    command = [sys.executable, "-m", "planner", "collect", "--prometheus", server.url, "--no-kubernetes"]
    command += ["--cluster", "bench", "--out", str(folder), "--days", str(days), "--step", str(step)]
    command += ["--end", datetime.fromtimestamp(until, UTC).isoformat()]
    server_before, began = server.cpu_seconds(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        sys.exit(f"planner collect failed:\n{done.stderr}")
    cpu_seconds, peak_kib = map(float, done.stdout.split())
    header = json.loads((folder / "snapshot.json").read_text())
    return {
        "queries": next(source["queries"] for source in header["sources"] if source["name"] == "prometheus"),
        "prometheus_cpu_seconds": server.cpu_seconds() - server_before,
        "planner_cpu_seconds": cpu_seconds,
        "wall_seconds": time.perf_counter() - began,
        "peak_mb": peak_kib / 1024,
        "snapshot_mb": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6,
    }


def main() -> None:
    """Generate, serve, collect twice, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--containers", type=int, default=200)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--scrape-seconds", type=int, default=60)
    parser.add_argument("--step", type=int, default=300)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="keep the server's data here, and use what lies there")
    options = parser.parse_args()
    if missing_binaries():
        sys.exit(f"this benchmark {HOW_TO_GET}")
    with tempfile.TemporaryDirectory() as scratch, nullcontext(options.keep or Path(scratch)) as base:
        data, told = base / "data", base / "load.json"
        if not told.exists():
            base.mkdir(parents=True, exist_ok=True)
            loaded = load(Cluster(options.containers), data, options.days + 1, options.scrape_seconds)
            told.write_text(json.dumps(loaded))
        result: dict[str, Any] = {"containers": options.containers, "days": options.days, "step_seconds": options.step}
        result |= json.loads(told.read_text())
        print(
            f"{options.containers} containers, {options.days} + 1 days: {result['samples'] / 1e6:.1f} M samples, "
            f"{result['prometheus_mb']:.0f} MB, loaded in {result['load_seconds']:.0f} s"
        )
        with RealPrometheus(data) as server:
            folder, end = Path(scratch) / "snapshot", START + options.days * DAY
            result["first"] = collect(server, folder, options.days, end, options.step)
            result["a_day_later"] = collect(server, folder, options.days, end + DAY, options.step)
    print(f"{'':<24} {'first':>10} {'day later':>10} {'ratio':>6}")
    for name, value in result["first"].items():
        later = result["a_day_later"][name]
        print(f"{name:<24} {value:>10.1f} {later:>10.1f} {later / value:>6.2f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
