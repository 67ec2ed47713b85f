"""Pods onto nodes, as they come: first fit by request in the zone that has the fewest siblings."""

from collections import Counter
from dataclasses import dataclass, field

from planner.collectors.sample.platform import CLUSTER, INSTANCE_TYPES, POOLS, ZONES, InstanceType, Pool
from planner.collectors.sample.shapes import hexadecimal
from planner.collectors.sample.spec import Part, WorkloadSpec
from planner.collectors.sample.timeline import PodRun
from planner.units import parse_cpu, parse_memory


@dataclass(slots=True)
class SampleNode:
    """A node and what is still free on it.

    Attributes:
        index: running number within its pool and zone.
        free_cpu, free_memory, free_gpus: cores, bytes, numbers of the GPUs not requested.
    """

    name: str
    pool: Pool
    type: InstanceType
    zone: str
    index: int
    free_cpu: float = 0.0
    free_memory: int = 0
    free_gpus: list[int] = field(default_factory=list)
    pods: int = 0

    def __post_init__(self) -> None:
        """All of a new node is free."""
        self.free_cpu = parse_cpu(self.type.allocatable_cpu)
        self.free_memory = parse_memory(self.type.allocatable_memory)
        self.free_gpus = list(range(self.type.gpus))

    def take(self, size: "Size") -> tuple[int, ...]:
        """Put a pod here; returns the numbers of its GPUs."""
        self.free_cpu -= size.cpu
        self.free_memory -= size.memory
        self.pods += 1
        taken, self.free_gpus = tuple(self.free_gpus[: size.gpus]), self.free_gpus[size.gpus :]
        return taken

    def give_back(self, size: "Size", gpus: tuple[int, ...]) -> None:
        """Take a pod away."""
        self.free_cpu += size.cpu
        self.free_memory += size.memory
        self.pods -= 1
        self.free_gpus = sorted({*self.free_gpus, *gpus})

    def fits(self, size: "Size") -> bool:
        """Whether a pod of this size still fits."""
        return (
            self.free_cpu + 1e-9 >= size.cpu
            and self.free_memory >= size.memory
            and len(self.free_gpus) >= size.gpus
            and self.pods < self.type.max_pods
        )


@dataclass(frozen=True, slots=True)
class Size:
    """Effective request of a pod."""

    cpu: float
    memory: int
    gpus: int


def pod_size(part: Part) -> Size:
    """``max(apps + sidecars, an init container with the sidecars before it)`` (KEP-753)."""
    running = [c for c in part.containers if c.role != "init"]
    cpu, memory = sum(c.cpu_request for c in running), sum(c.memory_request for c in running)
    before_cpu, before_memory = 0.0, 0
    for container in part.containers:
        if container.role == "sidecar":
            before_cpu += container.cpu_request
            before_memory += container.memory_request
        elif container.role == "init":
            cpu = max(cpu, before_cpu + container.cpu_request)
            memory = max(memory, before_memory + container.memory_request)
    return Size(cpu, memory, sum(c.gpus for c in running))


def sample_nodes(seed: int, copy: int) -> list[SampleNode]:
    """Nodes of one copy of the platform, named as a cloud names them."""
    nodes = []
    for position, pool in enumerate(POOLS.values()):
        for number, (zone, count) in enumerate(pool.nodes.items()):
            start = int(hexadecimal(seed, 4, CLUSTER, pool.name, zone), 16)
            for index in range(copy * count, (copy + 1) * count):
                third = 64 * number + 10 * position + index // 230
                name = f"ip-10-0-{third}-{(start + 37 * index) % 230 + 10}.ec2.internal"
                nodes.append(SampleNode(name, pool, INSTANCE_TYPES[pool.instance_type], zone, index))
    return nodes


@dataclass(slots=True)
class _Board:
    nodes: list[SampleNode]
    siblings: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    homes: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def place(self, run: PodRun) -> PodRun:
        spec = run.spec
        size = pod_size(run.part)
        seen = self.siblings.setdefault((spec.namespace, f"{spec.kind}/{spec.name}"), Counter())
        home_key = (spec.namespace, spec.name, run.name)
        home = self.homes.get(home_key)
        packs = INSTANCE_TYPES[POOLS[spec.pool].instance_type].gpus > 1  # whole GPUs of a big node: fill it first
        zones = [home] if home else sorted(ZONES, key=lambda zone: (0 if packs else seen[zone], zone))
        for zone in zones:
            for node in self.nodes:
                if node.zone == zone and node.pool.name == spec.pool and node.fits(size):
                    gpus = node.take(size)
                    seen[zone] += 1
                    if spec.volume is not None and spec.volume.zonal:
                        self.homes[home_key] = zone
                    return run.placed(node.name, zone, gpus)
        message = f"the sample platform has no room for {spec.namespace}/{run.name} in pool {spec.pool}"
        raise ValueError(message)

    def remove(self, run: PodRun) -> None:
        by_name = {node.name: node for node in self.nodes}
        by_name[run.node].give_back(pod_size(run.part), run.gpus)
        self.siblings[(run.spec.namespace, f"{run.spec.kind}/{run.spec.name}")][run.zone] -= 1


def on_every_node(spec: WorkloadSpec, nodes: list[SampleNode]) -> list[SampleNode]:
    """Nodes on which a DaemonSet runs."""
    return [node for node in nodes if spec.pool == "every" or node.type.gpus]


def placed(runs: list[PodRun], nodes: list[SampleNode], steps: int) -> list[PodRun]:
    """Every pod with its node; what a node cannot hold never lands on it.

    Pods come in the order of their start, bigger ones first. DaemonSet pods have their node already.
    """
    board = _Board(nodes)
    by_name = {node.name: node for node in nodes}
    for run in runs:  # room for the agents is kept for good
        if run.spec.kind == "DaemonSet" and run.last is None:
            by_name[run.node].take(pod_size(run.part))
    result = [run for run in runs if run.spec.kind == "DaemonSet"]
    waiting = sorted(
        (run for run in runs if run.spec.kind != "DaemonSet"),
        key=lambda run: (run.first, -pod_size(run.part).cpu, run.spec.namespace, run.name, run.uid),
    )
    alive: list[tuple[int, PodRun]] = []
    for run in waiting:
        for _, old in [item for item in alive if item[0] <= run.first]:
            board.remove(old)
        alive = [item for item in alive if item[0] > run.first]
        home = board.place(run)
        alive.append((steps + 1 if run.last is None else run.last, home))
        result.append(home)
    return result
