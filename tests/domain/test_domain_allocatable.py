"""The EKS formula against a table of instance types."""

import csv
import os
from pathlib import Path

import pytest

from planner.domain.allocatable import (
    aks_allocatable,
    eks_allocatable,
    eks_reserved_cpu_milli,
    eni_max_pods,
    gke_allocatable,
)
from planner.units import MIB, parse_cpu, parse_memory

# (type, arm64, vCPUs, GiB, max pods, allocatable CPU, allocatable memory): re-tabulated in 2026-08 from what
# Karpenter's AWS provider (Apache-2.0) computes for Amazon Linux 2023 with its defaults.
TABLE = [
    ("g4dn.xlarge", False, 4, 16, 29, "3920m", "14481Mi"),
    ("g4dn.12xlarge", False, 48, 192, 234, "47810m", "178933Mi"),
    ("g5.48xlarge", False, 192, 768, 345, "191450m", "723299Mi"),
    ("m7i.4xlarge", False, 16, 64, 234, "15890m", "57691Mi"),
    ("c7i.4xlarge", False, 16, 32, 234, "15890m", "27381Mi"),
    ("p4d.24xlarge", False, 96, 1152, 737, "95690m", "1082712Mi"),
    ("c6g.medium", True, 1, 2, 8, "940m", "1392Mi"),
    ("c6g.12xlarge", True, 48, 96, 234, "47810m", "87943Mi"),
    ("r7g.xlarge", True, 4, 32, 58, "3920m", "29258Mi"),
    ("c6a.48xlarge", False, 192, 384, 737, "191450m", "355262Mi"),
]
SHARED = Path(os.environ.get("PLANNER_SHARED", Path(__file__).parents[2].parent / "shared"))
ORACLE = SHARED / "data" / "aws_eks_allocatable.csv"


@pytest.mark.parametrize(("name", "arm64", "vcpus", "gib", "pods", "cpu", "memory"), TABLE)
def test_types_of_the_table(name, arm64, vcpus, gib, pods, cpu, memory):
    found = eks_allocatable(vcpus, gib, pods, arm64=arm64)
    assert (found.cpu_cores, found.memory_bytes) == (parse_cpu(cpu), parse_memory(memory)), name


@pytest.mark.skipif(not ORACLE.exists(), reason="needs aws_eks_allocatable.csv of the shared data (PLANNER_SHARED)")
def test_every_type_of_the_shared_table():
    with ORACLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = []
    for row in rows:
        arm64 = row["arch"] == "arm64"
        found = eks_allocatable(int(row["vcpus"]), float(row["memory_gib"]), int(row["max_pods"]), arm64=arm64)
        wanted = (parse_cpu(row["allocatable_cpu"]), parse_memory(row["allocatable_memory"]))
        if (found.cpu_cores, found.memory_bytes) != wanted:
            wrong.append((row["instance_type"], found, wanted))
    assert len(rows) == 281
    assert not wrong


@pytest.mark.parametrize(("vcpus", "milli"), [(1, 60), (2, 70), (3, 75), (4, 80), (5, 82), (8, 90), (16, 110)])
def test_reserved_cores_by_step(vcpus, milli):
    """60 + 10 + 5 + 5, then 2.5 a core: 5 cores reserve 82.5, rounded down; 8 reserve 90; 16 reserve 110."""
    assert eks_reserved_cpu_milli(vcpus) == milli


def test_pods_by_interfaces():
    """m5.large: 3 interfaces of 10 addresses, 3 x 9 + 2 = 29."""
    assert eni_max_pods(3, 10) == 29


def test_memory_never_falls_below_nothing():
    """1 GiB: 1024 - 77 = 947 MiB; 11 x 200 + 255 + 100 MiB are reserved."""
    assert eks_allocatable(1, 1, 200).memory_bytes == 0


@pytest.mark.parametrize("wrong", [(0, 4, 10), (2, 0, 10), (2, 4, 0)])
def test_what_describes_no_node(wrong):
    with pytest.raises(ValueError, match="node"):
        eks_allocatable(*wrong)
    with pytest.raises(ValueError, match="interface"):
        eni_max_pods(0, 1)


def test_gke_and_aks():
    """AKS keeps 60/100/140/180/260/420/740m of 1/2/4/8/16/32/64 cores; GKE's sample of 4 vCPUs shows 3920m."""
    sizes = (1, 2, 4, 8, 16, 32, 64)
    kept = {cores: round(1000 * (cores - aks_allocatable(cores, 64, 110).cpu_cores)) for cores in sizes}
    assert kept == {1: 60, 2: 100, 4: 140, 8: 180, 16: 260, 32: 420, 64: 740}
    assert gke_allocatable(4, 16).cpu_cores == 3.92
    assert gke_allocatable(4, 16).memory_bytes / 1024 == pytest.approx(13_498_416, rel=0.01)
    assert aks_allocatable(2, 4, 250).memory_bytes == (4096 - 1024 - 100) * MIB
