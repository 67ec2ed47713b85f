"""Today's nodes in groups that are alike, and what their DaemonSets take."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.decisions.facts import Facts
from planner.decisions.node_pools.matching import accepts
from planner.decisions.node_pools.model import PodShape
from planner.decisions.node_pools.placement import placement_of
from planner.decisions.node_pools.pod_classes import DAEMON_KINDS, EPHEMERAL, shape_of
from planner.domain.node import Node, Purchase
from planner.domain.pod_request import PlannedWorkload, effective_request
from planner.domain.prices import is_gpu
from planner.domain.workload import type_json
from planner.units import MIB

HOSTNAME = "kubernetes.io/hostname"
_SHARING_LABEL, _REPLICAS_LABEL = "nvidia.com/gpu.sharing-strategy", "nvidia.com/gpu.replicas"
DEFAULT_MAX_PODS = 110
"""Of the kubelet."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveGroup:
    """Ready nodes of one pool, type, purchase option, zone and GPU mode.

    Attributes:
        pool, instance_type, purchase, zone, region, mode: what they share.
        labels: those that all of them have, alike; without the host's name.
        taints: of the first one.
        shape: smallest allocatable of them, ``ephemeral-storage`` apart.
        max_pods: smallest of them.
        price_per_hour: highest of them, ``None`` = one has no price in the policy's currency.
        price_source: of that price.
        names: of the nodes, sorted.
    """

    pool: str
    instance_type: str
    purchase: Purchase
    zone: str
    region: str
    mode: str
    labels: Mapping[str, str]
    taints: tuple[type_json, ...]
    shape: PodShape
    max_pods: int
    price_per_hour: float | None
    price_source: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Daemons:
    """What the DaemonSets of a node take: their requests in sum, and how many pods."""

    cpu_milli: int
    memory_mib: int
    ephemeral_mib: int
    pods: int
    names: tuple[str, ...]


def live_groups(nodes: Sequence[Node], currency: str) -> list[LiveGroup]:
    """Groups of the nodes that are ready, sorted."""
    groups: dict[tuple[str, str, Purchase, str, str], list[Node]] = defaultdict(list)
    for node in nodes:
        if node.ready:
            groups[node.pool, node.instance_type, node.purchase, node.zone, gpu_mode(node)].append(node)
    return [_group(key, sorted(members, key=lambda n: n.name), currency) for key, members in sorted(groups.items())]


def _group(key: tuple[str, str, Purchase, str, str], nodes: Sequence[Node], currency: str) -> LiveGroup:
    pool, instance_type, purchase, zone, mode = key
    labels = dict(nodes[0].labels)
    for node in nodes[1:]:
        labels = {name: value for name, value in labels.items() if node.labels.get(name) == value}
    labels.pop(HOSTNAME, None)
    prices = [node.price for node in nodes]
    known = [price for price in prices if price is not None and price.currency == currency]
    dearest = max(known, key=lambda price: price.amount_per_hour) if len(known) == len(nodes) else None
    extended = {name for node in nodes for name in node.allocatable.extended}
    smallest = {name: min(int(node.allocatable.extended.get(name, 0)) for node in nodes) for name in sorted(extended)}
    ephemeral = smallest.pop(EPHEMERAL, 0)
    return LiveGroup(
        pool=pool,
        instance_type=instance_type,
        purchase=purchase,
        zone=zone,
        region=nodes[0].region,
        mode=mode,
        labels=labels,
        taints=nodes[0].taints,
        shape=PodShape(
            cpu_milli=min(int((node.allocatable.cpu_cores or 0.0) * 1000 + 1e-6) for node in nodes),
            memory_mib=min((node.allocatable.memory_bytes or 0) // MIB for node in nodes),
            ephemeral_mib=ephemeral // MIB,
            extended=tuple((name, units) for name, units in smallest.items() if units > 0),
        ),
        max_pods=min(node.max_pods or DEFAULT_MAX_PODS for node in nodes),
        price_per_hour=None if dearest is None else dearest.amount_per_hour,
        price_source="" if dearest is None else dearest.source,
        names=tuple(node.name for node in nodes),
    )


def gpu_mode(node: Node) -> str:
    """How a node shares its GPUs: empty, ``whole``, ``mig:...``, ``timeslice:n`` or ``mps:n``.

    MIG shows in the resources of a node (strategy ``mixed``); replicas in the labels of NVIDIA's device plugin.
    """
    units = {name: int(count) for name, count in node.allocatable.extended.items() if count > 0 and is_gpu(name)}
    if not units:
        return ""
    slices = {name.removeprefix("nvidia.com/mig-"): n for name, n in sorted(units.items()) if "/mig-" in name}
    if slices:
        return "mig:" + "+".join(f"{n}x{name}" for name, n in slices.items())
    try:
        replicas = int(node.labels.get(_REPLICAS_LABEL, "1"))
    except ValueError:
        replicas = 1
    strategy = node.labels.get(_SHARING_LABEL, "")
    if replicas > 1 or any(name.endswith(".shared") for name in units):
        return f"{'mps' if strategy == 'mps' else 'timeslice'}:{replicas}"
    return "whole"


class DaemonSets:
    """The DaemonSets of a plan, asked for a node's part; remembers answers by labels and taints."""

    def __init__(self, facts: Facts, planned: Sequence[PlannedWorkload]) -> None:
        self._sets = []
        for row, item in enumerate(planned):
            workload = facts.workloads[row]
            if workload.kind not in DAEMON_KINDS or not facts.replicas(row):
                continue
            request = effective_request(item.workload, item.containers)
            name = f"{workload.namespace}/{workload.name}"
            self._sets.append((name, placement_of(workload).placement, shape_of(request)))

    def on(self, labels: Mapping[str, str], taints: Sequence[type_json]) -> Daemons:
        """What runs on a node with these labels and taints."""
        here = [(name, shape) for name, placement, shape in self._sets if not accepts(placement, labels, taints)]
        return Daemons(
            cpu_milli=sum(shape.cpu_milli for _, shape in here),
            memory_mib=sum(shape.memory_mib for _, shape in here),
            ephemeral_mib=sum(shape.ephemeral_mib for _, shape in here),
            pods=len(here),
            names=tuple(name for name, _ in here),
        )
