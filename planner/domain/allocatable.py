"""What a node of a managed cluster has left for pods, by the cloud's own formula, where no live node tells it.

A live node's ``status.allocatable`` beats any formula; these serve instance types that no node has yet.

**CPU, EKS.** Reserved are 6 % of the first core, 1 % of the second, 0.5 % of the third and fourth, 0.25 % of each
further one (GKE publishes the same steps).

**Memory, EKS** (amazon-eks-ami, nodeadm, kubelet configuration; Karpenter's AWS provider for what it sees of a machine
before it has run one; read 2026-08)::

    capacity     whole MiB of the type, less 64 MiB on arm64, less ceil(7.5 %) for the virtual machine
    reserved     11 MiB x max pods + 255 MiB
    eviction     100 MiB
    allocatable  capacity - reserved - eviction

The pods in the formula are those that the network interfaces allow.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from planner.units import GIB, MIB

_CPU_STEPS_MILLI = ((1, 60), (1, 10), (2, 5))
"""(cores, reserved milli of each) from the first core on; the rest of the cores reserve 2.5 each."""
_REST_MILLI = Fraction(5, 2)
_EVICTION_MIB = 100
_PER_POD_MIB, _BASE_MIB = 11, 255
_ARM_HIDDEN_MIB = 64
VM_OVERHEAD = Fraction(75, 1000)
"""Part of the memory that a machine is taken to lose to virtualisation until one was seen (Karpenter's default)."""


@dataclass(frozen=True, slots=True)
class Allocatable:
    """What a node has left for pods, DaemonSets included."""

    cpu_cores: float
    memory_bytes: int


def eks_reserved_cpu_milli(vcpus: int) -> int:
    """Thousandths of cores reserved on an EKS node, parts rounded down: 4 cores -> 80.

    Raises:
        ValueError: the count is not positive.
    """
    if vcpus < 1:
        raise ValueError(f"a node has at least one core, not {vcpus}")
    reserved, left = Fraction(0), vcpus
    for cores, milli in _CPU_STEPS_MILLI:
        taken = min(cores, left)
        reserved += taken * milli
        left -= taken
    return math.floor(reserved + left * _REST_MILLI)


def eks_allocatable(vcpus: int, memory_gib: float, max_pods: int, *, arm64: bool = False) -> Allocatable:
    """Allocatable CPU and memory of an EKS node of an instance type.

    Args:
        vcpus: virtual cores of the type.
        memory_gib: memory of the type as the price list names it, GiB.
        max_pods: pods that its network interfaces allow.
        arm64: whether it is an arm64 machine.

    >>> eks_allocatable(4, 16, 58)
    Allocatable(cpu_cores=3.92, memory_bytes=14849933312)
    """
    if memory_gib <= 0 or max_pods < 1:
        raise ValueError(f"memory of {memory_gib} GiB and {max_pods} pods describe no node")
    size_mib = math.floor(memory_gib * (GIB // MIB)) - (_ARM_HIDDEN_MIB if arm64 else 0)
    capacity_mib = size_mib - math.ceil(size_mib * VM_OVERHEAD)
    memory_mib = capacity_mib - (_PER_POD_MIB * max_pods + _BASE_MIB) - _EVICTION_MIB
    return Allocatable((vcpus * 1000 - eks_reserved_cpu_milli(vcpus)) / 1000, max(memory_mib, 0) * MIB)


def eni_max_pods(interfaces: int, addresses_per_interface: int) -> int:
    """Pods that the network interfaces of an EKS node allow: one address each is the interface's own; 2 need none.

    >>> eni_max_pods(3, 10)
    29
    """
    if interfaces < 1 or addresses_per_interface < 1:
        raise ValueError("a node has at least one interface with one address")
    return interfaces * (addresses_per_interface - 1) + 2


_TIERS_GIB = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06))
"""(GiB, reserved part) from the first GiB on; above 128 GiB 2 % are reserved."""
_REST_OF_MEMORY = 0.02


def gke_allocatable(vcpus: int, memory_gib: float) -> Allocatable:
    """Allocatable CPU and memory of a GKE node of a machine type.

    CPU as on EKS. Memory: the tiers above are reserved, and 100 MiB for eviction; the kernel keeps 1/64 of the machine,
    80 MiB and 0.175 % (at most 248 MiB) before that (GKE
    documentation, cluster-autoscaler ``gce_reserved.go``; read 2026-08).

    >>> gke_allocatable(4, 16).cpu_cores
    3.92
    """
    size_mib = memory_gib * (GIB / MIB)
    capacity_mib = size_mib - size_mib / 64 - 80 - min(0.00175 * size_mib, 248)
    memory_mib = capacity_mib - _tiered_mib(capacity_mib) - _EVICTION_MIB
    return Allocatable((vcpus * 1000 - eks_reserved_cpu_milli(vcpus)) / 1000, max(math.floor(memory_mib), 0) * MIB)


_AKS_STEPS_MILLI = ((1, 60), (1, 40), (2, 20))
_AKS_REST_MILLI = 10


def aks_allocatable(vcpus: int, memory_gib: float, max_pods: int) -> Allocatable:
    """Allocatable CPU and memory of an AKS node (Kubernetes 1.29 and newer).

    CPU: 6, 4, 2 and 2 % of the first four cores, 1 % of the others. Memory: 20 MB a pod and 50 MB, at most a quarter;
    100 MiB for eviction (AKS documentation, Karpenter's Azure provider; read 2026-08).

    >>> aks_allocatable(8, 32, 250).cpu_cores
    7.82
    """
    reserved, left = 0, vcpus
    for cores, milli in _AKS_STEPS_MILLI:
        taken = min(cores, left)
        reserved += taken * milli
        left -= taken
    size_mib = memory_gib * (GIB / MIB)
    kept_mib = min((20 * max_pods + 50) * 1e6 / MIB, 0.25 * size_mib)
    memory_mib = size_mib - kept_mib - _EVICTION_MIB
    cpu_milli = vcpus * 1000 - reserved - left * _AKS_REST_MILLI
    return Allocatable(cpu_milli / 1000, max(math.floor(memory_mib), 0) * MIB)


def _tiered_mib(size_mib: float) -> float:
    """MiB that the tiers reserve of a machine."""
    left, reserved = size_mib, 0.0
    for gib, part in _TIERS_GIB:
        taken = min(left, gib * (GIB / MIB))
        reserved += taken * part
        left -= taken
    return reserved + left * _REST_OF_MEMORY
