"""Where the sample platform runs: times, zones, node pools, namespaces and their rules.

Allocatable figures: Amazon EKS, AL2023 defaults, as tabulated in the instance-type reference of
``aws/karpenter-provider-aws`` (Apache-2.0), August 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CLUSTER = "sample-ml-platform"
REGION = "us-east-1"
ZONES: Mapping[str, str] = {"us-east-1a": "use1-az1", "us-east-1b": "use1-az2", "us-east-1c": "use1-az4"}
START = 1_790_553_600.0
"""2026-09-28 00:00 UTC, a Monday."""
STEP_SECONDS = 300
STEPS_PER_DAY = 288
DEFAULT_SEED = 7
DEFAULT_DAYS = 28


@dataclass(frozen=True, slots=True)
class InstanceType:
    """What a node of this type offers to pods."""

    name: str
    vcpus: int
    memory_gib: int
    allocatable_cpu: str
    allocatable_memory: str
    max_pods: int
    gpus: int = 0
    gpu_product: str = ""
    gpu_memory_mib: int = 0


INSTANCE_TYPES: Mapping[str, InstanceType] = {
    item.name: item
    for item in (
        InstanceType("m7i.4xlarge", 16, 64, "15890m", "57691Mi", 234),
        InstanceType("c7i.4xlarge", 16, 32, "15890m", "27381Mi", 234),
        InstanceType("r7i.4xlarge", 16, 128, "15890m", "118312Mi", 234),
        InstanceType("g5.2xlarge", 8, 32, "7910m", "29317Mi", 58, 1, "NVIDIA-A10G", 23028),
        InstanceType("g5.12xlarge", 48, 192, "47810m", "173400Mi", 737, 4, "NVIDIA-A10G", 23028),
        InstanceType("lab.8x32", 8, 32, "7900m", "29000Mi", 110),  # on nobody's price list
    )
}


@dataclass(frozen=True, slots=True)
class Pool:
    """A node pool: so many nodes of one type in each zone.

    Attributes:
        label: the label by which its nodes are found, with the pool's name as value.
        capacity_label: label that tells the purchase option, and its value.
        nodes: nodes per zone.
        taints: keep everybody else away.
    """

    name: str
    instance_type: str
    nodes: Mapping[str, int]
    label: str = "eks.amazonaws.com/nodegroup"
    capacity_label: tuple[str, str] = ("eks.amazonaws.com/capacityType", "ON_DEMAND")
    taints: tuple[dict[str, str], ...] = ()


def _each(count: int) -> Mapping[str, int]:
    return dict.fromkeys(ZONES, count)


_GPU_TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
_A, _B, _C = ZONES

POOLS: Mapping[str, Pool] = {
    pool.name: pool
    for pool in (
        Pool("general", "m7i.4xlarge", _each(3)),
        Pool(
            "compute-spot",
            "c7i.4xlarge",
            _each(2),
            label="karpenter.sh/nodepool",
            capacity_label=("karpenter.sh/capacity-type", "spot"),
            taints=({"key": "spot", "value": "true", "effect": "NoSchedule"},),
        ),
        Pool("memory", "r7i.4xlarge", _each(1), taints=({"key": "memory", "value": "true", "effect": "NoSchedule"},)),
        Pool("gpu-inference", "g5.2xlarge", {_A: 3, _B: 2, _C: 2}, taints=(_GPU_TAINT,)),
        Pool("gpu-training", "g5.12xlarge", _each(1), taints=(_GPU_TAINT,)),
        Pool(
            "lab",
            "lab.8x32",
            {_A: 1},
            label="node-pool",
            capacity_label=("node-pool-owner", "research"),
            taints=({"key": "lab", "value": "true", "effect": "NoSchedule"},),
        ),
    )
}

NAMESPACES: Mapping[str, str] = {
    "inference": "production",
    "training": "batch",
    "data": "production",
    "platform": "production",
    "dev": "development",
    "staging": "staging",
}
"""Namespace -> value of its label ``environment``."""

QUOTAS: Mapping[str, Mapping[str, str]] = {
    "inference": {
        "requests.cpu": "110",
        "requests.memory": "480Gi",
        "requests.nvidia.com/gpu": "8",
        "pods": "120",
    },
    "training": {
        "requests.cpu": "160",
        "requests.memory": "480Gi",
        "requests.nvidia.com/gpu": "12",
    },
    "data": {"requests.cpu": "80", "requests.memory": "330Gi", "persistentvolumeclaims": "40"},
    "platform": {"pods": "200"},
    "dev": {"pods": "30", "requests.nvidia.com/gpu": "1"},
    "staging": {"requests.cpu": "4", "requests.memory": "7424Mi", "limits.memory": "16Gi", "pods": "20"},
}
"""``requests.memory`` of ``staging`` is the one with no room: its containers use more than they ask for."""

LIMIT_RANGES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "staging": (
        {
            "type": "Container",
            "default": {"cpu": "500m", "memory": "1Gi"},
            "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
            "max": {"cpu": "4", "memory": "8Gi"},
            "min": {"cpu": "10m", "memory": "16Mi"},
            "maxLimitRequestRatio": {"cpu": "10"},
        },
    ),
    "data": (
        {
            "type": "Container",
            "defaultRequest": {"cpu": "10m", "memory": "32Mi"},
            "min": {"cpu": "10m", "memory": "32Mi"},
        },
    ),
    "training": ({"type": "Pod", "max": {"cpu": "48", "memory": "192Gi"}},),
}

PRIORITY_CLASSES: Mapping[str, int] = {
    "serving-critical": 100_000,
    "platform-critical": 90_000,
    "data-critical": 80_000,
}
