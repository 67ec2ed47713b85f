"""GPUs that are paid for and not used, or larger than what runs on them, and nodes whose free GPUs nobody can take.

Only GPUs that one pod has for itself are judged: the activity of a shared device belongs to no single pod. What is said
of a smaller device must have held before: the peaks of the earlier days, with the margin, had to cover the later ones.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from planner.decisions.facts import Facts
from planner.decisions.node_pools.live_pools import gpu_mode
from planner.domain.catalogue import InstanceShape, load_catalogue
from planner.domain.node import Node, Purchase
from planner.domain.pod_request import effective_request
from planner.domain.workload import Container, Workload
from planner.plan.frozen import Numbers, Target
from planner.plan.schema import Finding
from planner.units import GIB, HOURS_PER_MONTH
from planner.usage.gpus import GpuUse, gpu_use

IDLE_MEAN, IDLE_P99 = 0.05, 0.2
"""A GPU that is active for less than this share of the time, and hardly ever for more, is idle."""
LEAST_DAYS = 3.0
MARGIN = 1.2
"""On the highest framebuffer seen, before a smaller device is named."""
CHEAPER = 0.8
"""A smaller model must cost at most so much of today's GPU."""
BUSY_P95 = 0.5
"""A GPU that is busier is not told to be a slower one."""
WHOLE = "nvidia.com/gpu"

MIG_MEMORY_GIB: Mapping[str, tuple[tuple[str, float, float], ...]] = {
    "A100-40GB": (("1g.5gb", 4.75, 1 / 7), ("2g.10gb", 9.62, 2 / 7), ("3g.20gb", 19.5, 3 / 7)),
    "A100-80GB": (("1g.10gb", 9.62, 1 / 7), ("2g.20gb", 19.5, 2 / 7), ("3g.40gb", 39.25, 3 / 7)),
    "H100-80GB": (("1g.10gb", 10.0, 1 / 7), ("2g.20gb", 20.0, 2 / 7), ("3g.40gb", 40.0, 3 / 7)),
    "H200": (("1g.18gb", 18.0, 1 / 7), ("2g.35gb", 35.0, 2 / 7), ("3g.71gb", 71.0, 3 / 7)),
    "A30": (("1g.6gb", 5.8, 1 / 4), ("2g.12gb", 11.6, 2 / 4)),
}
"""Model -> (profile, GiB of framebuffer, share of the compute), the smallest first (NVIDIA MIG User Guide, go-nvml)."""
_NVIDIA = re.compile(
    r"(NVIDIA-)?(A10G?|A30|A40|A100|B200|H100|H200|K80|L4|L40S?|M60|P4|P100|T4G?|V100)\b.*", re.IGNORECASE
)
"""GPUs that answer to nvidia.com/gpu: catalogues hold others too."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A container that has whole GPUs for itself, and the node type that it runs on."""

    row: int
    workload: Workload
    container: Container
    gpus: int
    node: Node
    use: GpuUse


def gpu_findings(facts: Facts) -> tuple[Finding, ...]:
    """All findings, by target."""
    found: list[Finding] = []
    for held in _held(facts):
        idle = _idle(facts, held)
        if idle is not None:
            found.append(idle)
            continue
        smaller = _fits_mig(facts, held) or _fits_smaller_model(facts, held)
        if smaller is not None:
            found.append(smaller)
    found += _stranded(facts)
    return tuple(found)


def _held(facts: Facts) -> Iterator[_Held]:
    nodes = {node.name: node for node in facts.snapshot.nodes}
    pods = facts.snapshot.pods
    alive = pods[pods["ended"].isna() & (pods["node"] != "")]
    where: dict[tuple[str, str, str], Node] = {}
    for namespace, kind, name, node in zip(
        alive["namespace"], alive["kind"], alive["workload"], alive["node"], strict=True
    ):
        if node in nodes:
            where.setdefault((namespace, kind, name), nodes[node])
    for (row, name), use in gpu_use(facts.snapshot, facts.workloads).items():
        workload = facts.workloads[row]
        node = where.get((workload.namespace, workload.kind, workload.name))
        container = next((c for c in workload.containers if c.name == name), None)
        if node is None or container is None or gpu_mode(node) != "whole" or use.covered_days < LEAST_DAYS:
            continue
        gpus = int(max(container.requests.extended.get(WHOLE, 0), container.limits.extended.get(WHOLE, 0)))
        if gpus >= 1:
            yield _Held(row, workload, container, gpus, node, use)


def _idle(facts: Facts, held: _Held) -> Finding | None:
    mean = float(held.use.active.mean()) / held.gpus
    p99 = float(np.quantile(held.use.active, 0.99)) / held.gpus
    if mean >= IDLE_MEAN or p99 >= IDLE_P99:
        return None
    cost = _cost_per_month(facts, held)
    told = "" if cost is None else f"; they are worth {cost:,.0f} {facts.policy.currency} a month"
    return _finding(
        facts, held, "idle_gpu", "warning",
        f"{held.gpus} GPU(s) of each pod are active for {mean:.1%} of the time, {p99:.0%} at the 99th percentile{told}",
        "give the GPU back, share one (MIG, time slices), or scale to zero while nobody asks",
        {"active_mean": round(mean, 4), "active_p99": round(p99, 4), "value_per_month": cost},
    )  # fmt: skip


def _peak_gib(held: _Held) -> float | None:
    """Highest framebuffer of one GPU with its margin, if the earlier days would have covered the later ones."""
    peaks = held.use.day_peak_bytes[np.isfinite(held.use.day_peak_bytes)] / held.gpus / GIB
    if len(peaks) < LEAST_DAYS:
        return None
    cut = max(1, (3 * len(peaks)) // 4)
    if peaks[:cut].max() * MARGIN < peaks[cut:].max(initial=0.0):
        return None
    return float(peaks.max()) * MARGIN


def _p95(held: _Held) -> float:
    return float(np.quantile(held.use.active, 0.95)) / held.gpus


def _model(node: Node) -> str:
    """``A100-80GB``, ``A30`` ...: the key of `MIG_MEMORY_GIB`, empty where the model cannot be divided."""
    product = node.labels.get("nvidia.com/gpu.product", "")
    shape = load_catalogue().shapes.get(node.instance_type)
    memory = shape.gpu_memory_gib if shape is not None else 0.0
    for name in MIG_MEMORY_GIB:
        family, _, size = name.partition("-")
        text = product or (shape.gpu_model if shape is not None else "")
        if family not in text:
            continue
        if not size or size in text or (size == "40GB" and 0 < memory <= 40) or (size == "80GB" and memory > 40):
            return name
    return ""


def _fits_mig(facts: Facts, held: _Held) -> Finding | None:
    need, busy, model = _peak_gib(held), _p95(held), _model(held.node)
    if need is None or held.gpus != 1 or not model:
        return None
    for profile, memory, compute in MIG_MEMORY_GIB[model]:
        if need <= memory and busy <= compute:
            return _finding(
                facts, held, "gpu_fits_mig", "info",
                f"one {model} with {need / MARGIN:.1f} GiB in use at most and {busy:.0%} active (95th percentile)"
                f" would fit the MIG profile {profile}",
                f"offer nvidia.com/mig-{profile} on a pool of that model and ask for it",
                {"peak_gib": round(need / MARGIN, 2), "active_p95": round(busy, 3), "profile": profile},
            )  # fmt: skip
    return None


def _fits_smaller_model(facts: Facts, held: _Held) -> Finding | None:
    """The cheapest GPU with enough memory that costs clearly less than today's, at list prices of the region."""
    catalogue = load_catalogue()
    shape, need, busy = catalogue.shapes.get(held.node.instance_type), _peak_gib(held), _p95(held)
    if shape is None or shape.gpu_count < 1 or need is None or busy > BUSY_P95:
        return None
    now = _per_gpu(held.node, shape)
    if now is None:
        return None
    best: tuple[float, InstanceShape] | None = None
    for name, other in sorted(catalogue.shapes.items()):
        if other.cloud != shape.cloud or other.gpu_model == shape.gpu_model or not _NVIDIA.fullmatch(other.gpu_model):
            continue
        if other.gpu_memory_gib < need or other.gpu_count < max(1, held.gpus) or other.arch != shape.arch:
            continue
        price = catalogue.price(name, held.node.region, held.node.zone, Purchase.ON_DEMAND)
        per_gpu = None if price is None else price.amount_per_hour / other.gpu_count
        if per_gpu is not None and per_gpu <= CHEAPER * now and (best is None or per_gpu < best[0]):
            best = (per_gpu, other)
    if best is None:
        return None
    per_gpu, other = best
    return _finding(
        facts, held, "smaller_gpu", "info",
        f"{need / MARGIN:.1f} GiB of each {shape.gpu_model} are in use at most, and it is active for {busy:.0%} (95th"
        f" percentile): a {other.gpu_model} ({other.gpu_memory_gib:.0f} GiB, {other.instance_type}) would hold it",
        "try it there first: it is slower, and what that does to latency is not seen here",
        {
            "peak_gib": round(need / MARGIN, 2), "active_p95": round(busy, 3),
            "gpu_per_hour_now": round(now, 4), "gpu_per_hour": round(per_gpu, 4), "instance_type": other.instance_type,
        },
    )  # fmt: skip


def _per_gpu(node: Node, shape: InstanceShape) -> float | None:
    price = load_catalogue().price(node.instance_type, node.region, node.zone, Purchase.ON_DEMAND)
    return None if price is None else price.amount_per_hour / shape.gpu_count


def _cost_per_month(facts: Facts, held: _Held) -> float | None:
    prices = facts.prices[held.row]
    if prices is None or not prices.gpu_per_hour:
        return None
    pods = facts.billed_pods(held.row, held.container.name)
    return round(prices.gpu_per_hour * held.gpus * pods * HOURS_PER_MONTH, 2)


def _finding(facts: Facts, held: _Held, code: str, severity: str, text: str, fix: str, numbers: Numbers) -> Finding:
    workload = held.workload
    return Finding(
        code=code,
        severity="warning" if severity == "warning" else "info",
        target=Target(
            cluster=facts.snapshot.header.cluster,
            api_version=workload.api_version,
            kind=workload.kind,
            namespace=workload.namespace,
            name=workload.name,
            container=held.container.name,
        ),
        text=text,
        fix=fix,
        numbers=numbers,
    )


def _stranded(facts: Facts) -> list[Finding]:
    """Nodes with a free GPU and not enough CPU or memory beside it for any pod that asks for one."""
    asked = [request for row, w in enumerate(facts.workloads) if (request := _gpu_request(facts, row, w)) is not None]
    if not asked:
        return []
    least_cpu, least_memory = min(cpu for cpu, _ in asked), min(memory for _, memory in asked)
    taken: dict[str, list[float]] = {}
    rows = {(w.namespace, w.kind, w.name): w for w in facts.workloads}
    pods = facts.snapshot.pods
    alive = pods[pods["ended"].isna() & (pods["node"] != "") & (pods["phase"] == "Running")]
    columns = (alive["namespace"], alive["kind"], alive["workload"], alive["node"])
    for namespace, kind, name, node in zip(*columns, strict=True):
        workload = rows.get((namespace, kind, name))
        if workload is None or any(c.template is not None for c in workload.containers):
            continue
        own = effective_request(workload, workload.containers)
        sums = taken.setdefault(str(node), [0.0, 0.0, 0.0])
        for i, value in enumerate((own.cpu_cores, own.memory_bytes, own.extended.get(WHOLE, 0.0))):
            sums[i] += value
    found = []
    for node in facts.snapshot.nodes:
        if not node.ready or gpu_mode(node) != "whole" or node.name not in taken:
            continue
        cpu, memory, gpus = taken[node.name]
        free_gpus = node.allocatable.extended.get(WHOLE, 0.0) - gpus
        free_cpu = (node.allocatable.cpu_cores or 0.0) - cpu
        free_memory = (node.allocatable.memory_bytes or 0) - memory
        if free_gpus >= 1 and (free_cpu < least_cpu or free_memory < least_memory):
            found.append(_stranded_finding(facts, node, free_gpus, free_cpu, free_memory))
    return found


def _gpu_request(facts: Facts, row: int, workload: Workload) -> tuple[float, float] | None:
    """Cores and bytes of a pod that asks for a whole GPU and runs."""
    if not facts.replicas(row) or any(c.template is not None for c in workload.containers):
        return None
    request = effective_request(workload, workload.containers)
    return (request.cpu_cores, request.memory_bytes) if request.extended.get(WHOLE, 0.0) >= 1 else None


def _stranded_finding(facts: Facts, node: Node, gpus: float, cpu: float, memory: float) -> Finding:
    return Finding(
        code="stranded_gpu",
        severity="warning",
        target=Target(cluster=facts.snapshot.header.cluster, api_version="v1", kind="Node", name=node.name),
        text=f"{gpus:.0f} GPU(s) are free, and with {cpu:.2g} cores and {memory / GIB:.3g} GiB left beside them no pod"
        " that asks for a GPU fits",
        fix="keep pods without GPUs off the pool (a taint), or take a type with more CPU and memory for a GPU",
        numbers={"free_gpus": gpus, "free_cpu_cores": round(cpu, 3), "free_memory_gib": round(memory / GIB, 2)},
    )
