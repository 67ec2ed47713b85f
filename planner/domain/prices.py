"""What a core, a GiB and a GPU of a node cost: one declared rule, so that requests can be valued.

A cloud sells the machine, not its parts; any split is a convention. This one::

    without GPUs   price = c * cores + c / 9 * GiB
    with GPUs      cores and GiB at the general-purpose rate (c = 0.0334 USD, on spot nodes 0.35 of it), together at
                   most half of the price; the GPUs carry the rest, in equal parts

so that the parts times the capacity are the price, always. The figures come from ``data/catalogue`` (2026-07-20 and
older) and are checked against it by a test:

- 9 GiB cost what a core costs. Within one line of machines (AWS m/c/r of a generation, GCP standard/highcpu/highmem
  of n2 and e2, Azure D/E v5) two families of different GiB per vCPU give two equations for the price of a vCPU and
  of a GiB, on demand. The median ratio is 10.4 on AWS, 8.8 on Azure and 7.5 on GCP; their geometric mean is 8.8.
- 0.0334 USD a core-hour: the median over regions of the median over general-purpose types (4 GiB per vCPU) of
  the on-demand price / (vCPUs + GiB / 9). The regions lie between 0.0332 and 0.0370.
- 0.35: the median over regions of the median spot / on-demand of the same types.
- In other currencies than USD the rate is of no use: cores and memory of a GPU node then carry 46 % of the price,
  the median over the GPU types of the catalogue by the rule above.
"""

from dataclasses import dataclass

from planner.domain.node import Node, Purchase
from planner.units import GIB

GIB_PER_CORE = 9.0
"""GiB of memory that cost as much as one core."""
GENERAL_CORE_USD_PER_HOUR = 0.0334
SPOT_SHARE = 0.35
SHARE_BESIDE_GPUS = 0.46
MOST_BESIDE_GPUS = 0.5
"""Cores and memory never carry more than this share of the price of a GPU node."""

_GPU_RESOURCES = frozenset(
    {
        "nvidia.com/gpu",
        "nvidia.com/gpu.shared",
        "amd.com/gpu",
        "gpu.intel.com/i915",
        "gpu.intel.com/xe",
        "google.com/tpu",
        "aws.amazon.com/neuron",
        "habana.ai/gaudi",
    }
)


@dataclass(frozen=True, slots=True)
class ResourcePrices:
    """Prices per hour of the resources of one node, in the currency of the node's price."""

    core_per_hour: float
    gib_per_hour: float
    gpu_per_hour: float
    """Of one schedulable unit: with MIG or time-slicing a slice, not the whole GPU. 0 = the node has none."""


def is_gpu(resource: str) -> bool:
    """Whether an extended resource counts GPUs (or slices of them, or other accelerators).

    Amounts that belong to a GPU (``nvidia.com/gpumem``, ``gpu.intel.com/memory.max``) do not count.
    """
    return resource in _GPU_RESOURCES or resource.startswith("nvidia.com/mig-")


def gpu_units(node: Node) -> float:
    """Schedulable GPUs or slices of a node, by its capacity."""
    return sum(count for name, count in sorted(node.capacity.extended.items()) if is_gpu(name) and count > 0)


def resource_prices(node: Node) -> ResourcePrices | None:
    """Split the price of a node over its capacity (see the module's text for the rule).

    Returns:
        ``None`` where the node has no price, or nothing is known of its capacity.
    """
    if node.price is None:
        return None
    cores = max(node.capacity.cpu_cores or 0.0, 0.0)
    gib = max(node.capacity.memory_bytes or 0, 0) / GIB
    gpus = gpu_units(node)
    price = node.price.amount_per_hour
    core_equivalents = cores + gib / GIB_PER_CORE
    if core_equivalents == 0:
        return ResourcePrices(0.0, 0.0, price / gpus) if gpus else None
    beside_gpus = price
    if gpus:
        rate = GENERAL_CORE_USD_PER_HOUR * (SPOT_SHARE if node.purchase is Purchase.SPOT else 1.0)
        wanted = rate * core_equivalents if node.price.currency == "USD" else SHARE_BESIDE_GPUS * price
        beside_gpus = min(wanted, MOST_BESIDE_GPUS * price)
    core = beside_gpus / core_equivalents
    return ResourcePrices(core, core / GIB_PER_CORE, (price - beside_gpus) / gpus if gpus else 0.0)
