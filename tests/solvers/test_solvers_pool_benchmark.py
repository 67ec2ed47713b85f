"""The node-pool benchmark from its files to its files, on a handful of pods, as a program."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PODS = """name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase
a1,1500,1000,0,0,,LS,Running
a2,1500,1000,0,0,,LS,Running
s1,500,500,1,600,,LS,Running
s2,500,500,1,400,,LS,Running
w1,500,500,1,1000,,LS,Running
big,99000,500,0,0,,LS,Running
"""
# Four cores and 3,000 MiB less 250m and 400 MiB leave 3,750m and 2,600 MiB of "plain", 3,750m and two GPUs of "gpu".
ALLOCATABLE = """instance_type,arch,gpu_model,gpu_count,allocatable_cpu,allocatable_memory,max_pods
plain.x,amd64,,,4000m,3000Mi,29
gpu.x,amd64,T4,2,4000m,3000Mi,29
dear.x,amd64,,,4000m,3000Mi,29
"""
PRICES = """cloud,region,zone,instance_type,vcpus,memory_gib,on_demand_usd_per_hour,spot_usd_per_hour
aws,here,,plain.x,4,4,1.0,
aws,here,,gpu.x,4,4,3.0,
aws,here,,dear.x,4,4,700.0,
aws,there,,plain.x,4,4,0.1,
"""


def run(folder, *options):
    for name, text in (("pods", PODS), ("allocatable", ALLOCATABLE), ("prices", PRICES)):
        (folder / f"{name}.csv").write_text(text)
    (folder / "types").write_text("plain.x\ngpu.x\ndear.x\nunknown.x\n")
    files = ["--json", str(folder / "out.json"), "--placement", str(folder / "placement.csv")]
    command = [sys.executable, str(ROOT / "benchmarks/node_pools.py"), "--pods", str(folder / "pods.csv"), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, *files], check=True, capture_output=True, env=environment, timeout=120)
    with (folder / "placement.csv").open(newline="") as file:
        return json.loads((folder / "out.json").read_text()), list(csv.DictReader(file))


def pools(folder, *options):
    tables = ["--allocatable", str(folder / "allocatable.csv"), "--prices", str(folder / "prices.csv")]
    return run(folder, *tables, "--types", str(folder / "types"), "--region", "here", *options)


def test_one_zone(tmp_path):
    """Shares 600 + 400 on one GPU, the whole one on the other, and one plain pod of 1,500m beside them at least.

    3 x 500m + 1,500m = 3,000m fit on one gpu.x, 1,500m more do not (3,750m): one gpu.x and one plain.x, 3 + 1 = 4.
    Two plain pods fit on a plain.x, so the relaxation pays half a node for the second one: 3 + 1/2.
    """
    result, rows = pools(tmp_path)
    assert result["packed_cost_per_hour"] == 4.0
    assert result["lower_bound_per_hour"] == pytest.approx(3.5, rel=1e-3)
    assert result["gap"] == pytest.approx(0.5 / 3.5, rel=1e-2)
    assert result["unplaced_pods"] == ["big"]
    assert Counter((node["instance_type"], node["count"]) for node in result["nodes"]) == {
        ("plain.x", 1): 1,
        ("gpu.x", 1): 1,
    }
    assert result["ffd_cost_per_hour"] >= 4.0
    assert any("dear.x" in warning and "700" in warning for warning in result["warnings"])
    assert any("unknown.x" in warning for warning in result["warnings"])
    assert {row["pod"] for row in rows} == {"a1", "a2", "s1", "s2", "w1"}
    gpus = {row["pod"]: row["gpus"] for row in rows}
    assert gpus["s1"] == gpus["s2"] != gpus["w1"]
    assert gpus["a1"] == ""
    names = ["1500,1000,0,0"] * 2 + ["500,500,1,600", "500,500,1,400", "500,500,1,1000"]
    proved = sum(result["class_duals"][name] for name in names)
    assert proved == pytest.approx(result["lower_bound_per_hour"], rel=1e-6)


def test_two_zones_with_protection(tmp_path):
    """Each zone must hold everything: 4 in each, 8 in all."""
    result, rows = pools(tmp_path, "--zones", "2", "--protect", "1")
    assert result["packed_cost_per_hour"] == 8.0
    assert [loss["unplaced_protected_pods"] for loss in result["zone_loss"]] == [0, 0]
    assert Counter(row["scenario"].partition(":")[0] for row in rows) == {"normal": 5, "lost": 10}
    for row in rows:
        assert not row["scenario"].startswith("lost:") or row["zone"] != row["scenario"].removeprefix("lost:")


def test_given_nodes(tmp_path):
    """Two GPUs of model T4: all of 600 + 400 and 1000 milli has a place; the large pod has none."""
    (tmp_path / "nodes.csv").write_text("sn,cpu_milli,memory_mib,gpu,model\nn1,4000,4000,2,T4\nn2,2000,4000,0,\n")
    result, rows = run(tmp_path, "--nodes", str(tmp_path / "nodes.csv"))
    assert result["allocated_gpu_share"] == 1.0
    assert result["unplaced_pods"] == ["big"]
    assert {row["pod"]: row["node"] for row in rows if row["gpus"]} == {"s1": "n1", "s2": "n1", "w1": "n1"}
