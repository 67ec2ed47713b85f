"""Files of the node-pool benchmark, read into a problem of `solvers.pool_problem`.

Resources of every item and bin: thousandths of a core, MiB, and one place for an item.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solvers.pool_problem import BinTypes, ItemClasses, PoolProblem

DAEMON_MILLI, DAEMON_MIB, DAEMON_PODS = 250, 400, 6
TYPES_9 = (
    "g4dn.xlarge", "g4dn.4xlarge", "g4dn.12xlarge", "g5.xlarge", "g5.4xlarge", "g5.12xlarge",
    "m7i.4xlarge", "c7i.4xlarge", "r7i.4xlarge",
)  # fmt: skip
TYPES_16 = (
    *TYPES_9, "g6.xlarge", "g6.12xlarge", "g6.48xlarge", "g5.48xlarge", "g6e.12xlarge", "p4d.24xlarge", "m7i.16xlarge",
)  # fmt: skip
MOST_USD_PER_HOUR = 690.0
"""Prices from here on are sentinels (700 $/h stands for "not known" in the price file)."""


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods of a list, and the class of each."""

    names: list[str]
    class_of_pod: np.ndarray
    classes: list[tuple[int, int, int, int, str]]
    """(cpu_milli, memory_mib, whole GPUs, share of one GPU in milli, GPU models joined by "|") by class."""
    with_models: int


def read_pods(path: Path, *, use_models: bool) -> Pods:
    """Read a pod list; with ``use_models`` the list of GPU models of a pod is part of its class."""
    names, keys, with_models = [], [], 0
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            gpus, milli = int(row["num_gpu"] or 0), int(row["gpu_milli"] or 0)
            is_share = gpus == 1 and 0 < milli < 1000
            models = (row.get("gpu_spec") or "") if gpus else ""
            with_models += bool(models)
            names.append(row["name"])
            keys.append(
                (
                    int(row["cpu_milli"]),
                    int(row["memory_mib"]),
                    0 if is_share else gpus,
                    milli if is_share else 0,
                    models if use_models else "",
                )
            )
    if len(set(names)) != len(names):
        raise SystemExit(f"{path}: a pod name stands twice")
    classes = sorted(set(keys), reverse=True)
    number = {key: k for k, key in enumerate(classes)}
    return Pods(names, np.array([number[key] for key in keys], dtype=np.int64), classes, with_models)


def item_classes(pods: Pods, share_protected: float) -> ItemClasses:
    """The classes of the pods; of each class ``share_protected`` of the pods, rounded up, is protected."""
    count = np.bincount(pods.class_of_pod, minlength=len(pods.classes)).astype(np.int64)
    cpu, memory, gpus, milli = (np.array([key[j] for key in pods.classes], dtype=np.int64) for j in range(4))
    names = []
    for key in pods.classes:
        gpu = f" {key[2]}gpu" if key[2] else (f" {key[3]}m-gpu" if key[3] else "")
        names.append(f"{key[0]}m {key[1]}Mi{gpu}{' ' + key[4] if key[4] else ''}")
    protected = np.ceil(share_protected * count - 1e-9).astype(np.int64)
    return ItemClasses(tuple(names), np.column_stack([cpu, memory, np.ones_like(cpu)]), count, gpus, milli, protected)


def _memory_mib(text: str) -> int:
    match = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", text)
    if match is None:
        raise SystemExit(f"memory {text!r} is not understood")
    size = int(match.group(1))
    return {"Ki": size // 1024, "Mi": size, "Gi": size * 1024}[match.group(2)]


def _cpu_milli(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else round(float(text) * 1000)


def read_allocatable(path: Path) -> dict[str, tuple[int, int, int, int]]:
    """(cpu_milli, memory_mib, pods, GPUs) by instance type, what the DaemonSets take already gone."""
    result = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            cpu = _cpu_milli(row["allocatable_cpu"]) - DAEMON_MILLI
            memory = _memory_mib(row["allocatable_memory"]) - DAEMON_MIB
            pods = int(row["max_pods"]) - DAEMON_PODS
            # A fraction of a GPU is a virtual one: a node has a GPU, but no whole one; it is left out.
            gpus = int(float(row["gpu_count"])) if row["gpu_count"] and float(row["gpu_count"]) >= 1 else 0
            if min(cpu, memory, pods) > 0 and not (row["gpu_count"] and float(row["gpu_count"]) < 1):
                result[row["instance_type"]] = (cpu, memory, pods, gpus)
    return result


@dataclass(frozen=True, slots=True)
class Offer:
    """An instance type that can be bought in a zone, at an on-demand price."""

    instance_type: str
    zone: str
    usd_per_hour: float


def read_prices(path: Path, region: str, types: list[str]) -> tuple[dict[str, dict[str, float]], list[str]]:
    """On-demand prices by type and zone (``""`` = any zone of the region), and what was wrong with others."""
    prices: dict[str, dict[str, float]] = {name: {} for name in types}
    wrong: list[str] = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = row["instance_type"]
            if row["region"] != region or name not in prices:
                continue
            text = row["on_demand_usd_per_hour"]
            usd = float(text) if text else 0.0
            if not 0.0 < usd < MOST_USD_PER_HOUR:
                wrong.append(f"{name} {row['zone'] or region}: on-demand price {text or 'missing'} is not believed")
                continue
            prices[name][row["zone"]] = usd
    return prices, wrong


def offers_by_zone(prices: dict[str, dict[str, float]], region: str, zone_count: int) -> tuple[list[str], list[Offer]]:
    """The zones with most offers, and what each offers; a type priced without a zone is had in every one."""
    named = Counter(zone for by_zone in prices.values() for zone in by_zone if zone)
    zones = sorted(sorted(named), key=lambda zone: -named[zone])[:zone_count]
    zones = sorted(zones)
    letters = (f"{region}-zone{n}" for n in range(1, zone_count + 1))
    zones += [next(letters) for _ in range(zone_count - len(zones))]
    offers = []
    for zone in zones:
        for name, by_zone in prices.items():
            usd = by_zone.get(zone, by_zone.get(""))
            if usd is not None:
                offers.append(Offer(name, zone, usd))
    return zones, offers


def pool_problem(items: ItemClasses, zones: list[str], offers: list[Offer], allocatable: dict) -> PoolProblem:
    """The problem of the pods and the offers."""
    size = np.array([allocatable[offer.instance_type] for offer in offers], dtype=np.int64).reshape(-1, 4)
    bins = BinTypes(
        names=tuple(f"{offer.instance_type}/{offer.zone}" for offer in offers),
        capacity=np.ascontiguousarray(size[:, :3]),
        gpus=size[:, 3].copy(),
        cost_per_hour=np.array([offer.usd_per_hour for offer in offers]),
        group=np.array([zones.index(offer.zone) for offer in offers], dtype=np.int64),
        limit=np.full(len(offers), np.inf),
    )
    return PoolProblem(items, bins, tuple(zones))
