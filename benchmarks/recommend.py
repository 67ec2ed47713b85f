"""How `planner recommend` grows: containers generated straight into a snapshot, then planned.

Example::

    python benchmarks/recommend.py --containers 2000 20000 --days 14 --json out.json

Each size is planned in a process of its own; CPU seconds and peak memory are that process's (user +
system, ``getrusage``), imports included. One roll-out a day: every container's pod changes its name
each day at a time of its own, so a day has two series for most containers.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

STEP = 300
DAY = 86_400
START = 1_758_499_200.0


def generate(folder: Path, containers: int, days: int, seed: int = 1) -> float:
    """Write a snapshot; one container per workload, one pod at a time. Returns the seconds it took."""
    import pandas as pd

    from planner.domain.node import Node, Price, Purchase
    from planner.domain.workload import Container, Resources, Workload
    from planner.snapshot.header import Metric
    from planner.snapshot.tables import POD_COLUMNS
    from planner.snapshot.usage import UsageBlock, day_of
    from planner.snapshot.write import SnapshotWriter

    began = time.process_time()
    rng = np.random.default_rng(seed)
    namespaces = np.array([f"team-{n % 40:02d}" for n in range(containers)], dtype=object)
    names = [f"service-{n:05d}" for n in range(containers)]
    roll = rng.integers(0, DAY // STEP, containers)
    scale_cpu = rng.lognormal(-2.5, 1.2, containers)[:, None]
    scale_memory = rng.lognormal(np.log(400e6), 1.0, containers)[:, None]
    writer = SnapshotWriter(folder, cluster="bench", step_seconds=STEP)
    phase = rng.uniform(0, 2 * np.pi, containers)[:, None]
    for day in range(days):
        t = 2 * np.pi * np.arange(DAY // STEP)[None, :] / (DAY // STEP)
        shape = (1 + 0.6 * np.sin(t + phase)).astype(np.float32)
        cpu = scale_cpu.astype(np.float32) * shape * rng.gamma(4, 0.25, shape.shape).astype(np.float32)
        memory = scale_memory.astype(np.float32) * (1 + 0.1 * shape + 0.05 * rng.random(shape.shape, dtype=np.float32))
        before = np.arange(DAY // STEP)[None, :] < roll[:, None]
        pods = [np.array([f"{name}-{d:03d}" for name in names], dtype=object) for d in (day, day + 1)]
        container = np.full(containers, "app", dtype=object)
        for metric, values in ((Metric.CPU, cpu), (Metric.MEMORY, memory)):
            blocks = [
                UsageBlock(namespaces, pods[0], container, np.where(before, values, np.nan).astype(np.float32)),
                UsageBlock(namespaces, pods[1], container, np.where(before, np.nan, values).astype(np.float32)),
            ]
            writer.write_usage(day_of(START + day * DAY), metric, blocks)
        writer.set_covered(day_of(START + day * DAY), START + (day + 1) * DAY)
    price = Price(0.8, "benchmark", "2026-01-01")
    node_count = max(1, containers // 40)
    size = Resources(16.0, 64 * 2**30)
    pool = ("pool", "a", "r", "m", Purchase.ON_DEMAND, size, size)
    writer.set_objects("nodes", [Node("bench", f"n{n}", *pool, price=price) for n in range(node_count)])
    writer.set_objects(
        "workloads",
        [
            Workload(
                "bench", namespace, "Deployment", name, "apps/v1", replicas=1, template_path="spec.template",
                containers=(Container("app", requests=Resources(1.0, 2**30), limits=Resources(None, 2**31)),),
            )
            for namespace, name in zip(namespaces, names, strict=True)
        ],
    )  # fmt: skip
    frames = []
    for day in range(days + 1):
        started = START + (day - 1) * DAY + roll * STEP if day else np.full(containers, START - DAY)
        ended = START + day * DAY + roll * STEP if day < days else np.full(containers, np.nan)
        rows = {
            "cluster": "bench", "namespace": namespaces, "pod": [f"{name}-{day:03d}" for name in names], "uid": "",
            "kind": "Deployment", "workload": names, "node": [f"n{n % node_count}" for n in range(containers)],
            "revision": str(day), "images": "{}", "phase": "Running", "qos": "Burstable",
            "created": started, "started": started, "ready": started, "ended": ended,
        }  # fmt: skip
        frames.append(pd.DataFrame(rows, columns=list(POD_COLUMNS)))
    writer.set_frame("pods", pd.concat(frames, ignore_index=True))
    writer.commit(start=START, end=START + days * DAY, sources=(), warnings=(), synthetic=True)
    return time.process_time() - began


def plan(folder: Path) -> dict[str, float]:
    """Plan a snapshot in a fresh interpreter through the command line."""
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "planner", "recommend", "--snapshot", str(folder), "-o", "json"]
    peak = "import resource,subprocess,sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
    peak += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    answer = subprocess.run([sys.executable, "-c", peak, *command], check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "wall_seconds": time.perf_counter() - began,
        "peak_mb": int(answer.stdout) / 1024,
    }


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--containers", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print(f"{'containers':>10} {'days':>5} {'rows':>9} {'on disk':>9} {'CPU s':>7} {'wall s':>7} {'peak MB':>8}")
    for containers in options.containers:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "snapshot"
            generated = generate(folder, containers, options.days)
            size_mb = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
            row = {
                "containers": containers,
                "days": options.days,
                "size_mb": size_mb,
                "generate_cpu_seconds": generated,
            }
            row |= plan(folder)
        rows.append(row)
        print(
            f"{containers:>10} {options.days:>5} {containers * options.days * 4:>9} {size_mb:>7.0f}MB "
            f"{row['cpu_seconds']:>7.1f} {row['wall_seconds']:>7.1f} {row['peak_mb']:>8.0f}"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
