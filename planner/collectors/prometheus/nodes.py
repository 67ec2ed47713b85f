"""Nodes from kube-state-metrics, and their prices from OpenCost."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from planner.collectors.kubernetes.nodes import (
    NO_POOL,
    REGION_LABELS,
    TYPE_LABELS,
    ZONE_LABELS,
    first_label,
    purchase_of,
)
from planner.collectors.prometheus.state_reader import Ask, StateReader
from planner.collectors.prometheus.workloads import resources_of
from planner.domain.node import POOL_LABELS, Node, Purchase
from planner.domain.workload import Resources
from planner.snapshot.header import SourceWarning

PURCHASE_LABELS = (
    "karpenter.sh/capacity-type",
    "eks.amazonaws.com/capacityType",
    "cloud.google.com/gke-provisioning",
    "cloud.google.com/gke-spot",
    "cloud.google.com/gke-preemptible",
    "cloud.google.com/reservation-name",
    "kubernetes.azure.com/scalesetpriority",
    "node.kubernetes.io/lifecycle",
    "node-lifecycle",
    "lifecycle",
)
"""Every label that :func:`planner.collectors.kubernetes.nodes.purchase_of` reads."""
OTHER_LABELS = ("kubernetes.io/arch", "kubernetes.io/os", "nvidia.com/gpu.product", "nvidia.com/gpu.count")
INFO = Ask("kube_node_info", ("node",), namespaced=False)
ALLOCATABLE = Ask("kube_node_status_allocatable", ("node", "resource"), namespaced=False)
CAPACITY = Ask("kube_node_status_capacity", ("node", "resource"), namespaced=False)
TAINTS = Ask("kube_node_spec_taint", ("node", "key", "value", "effect"), namespaced=False)
CREATED = Ask("kube_node_created", ("node",), namespaced=False)
READY = Ask(
    "kube_node_status_condition",
    ("node",),
    only=('condition="Ready"', 'status="true"'),
    condition="== 1",
    namespaced=False,
)
_COST_NODE = ("exported_node", "node", "exported_instance", "instance")
"""OpenCost names the node twice; a scrape may rewrite either."""
COST = Ask(
    "node_total_hourly_cost", (*_COST_NODE, "instance_type", "region"), namespaced=False, how="avg", as_stored=True
)
SPOT = Ask("kubecost_node_is_spot", _COST_NODE, namespaced=False, as_stored=True)
OLD_AMOUNTS = (
    ("allocatable", "kube_node_status_allocatable_cpu_cores", "cpu"),
    ("allocatable", "kube_node_status_allocatable_memory_bytes", "memory"),
    ("allocatable", "kube_node_status_allocatable_pods", "pods"),
    ("capacity", "kube_node_status_capacity_cpu_cores", "cpu"),
    ("capacity", "kube_node_status_capacity_memory_bytes", "memory"),
)
"""Names before kube-state-metrics 2.0."""


def stored_labels(label: str) -> tuple[str, ...]:
    """Names under which kube-state-metrics stores a label of a node: with and without its snake case."""
    plain = "label_" + re.sub(r"[^a-zA-Z0-9_]", "_", label)
    snake = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", plain).lower()
    return (snake, plain) if snake != plain else (plain,)


_LABELS: tuple[str, ...] = tuple(
    sorted({*POOL_LABELS, *ZONE_LABELS, *REGION_LABELS, *TYPE_LABELS, *PURCHASE_LABELS, *OTHER_LABELS})
)


def read_nodes(reader: StateReader, cluster: str) -> tuple[list[Node], dict[str, float], list[SourceWarning]]:
    """Nodes that are there at the end of the window, OpenCost's price per hour by node, and warnings."""
    info, allocatable, capacity, taints, created, ready = reader.read(
        [INFO, ALLOCATABLE, CAPACITY, TAINTS, CREATED, READY]
    )
    amounts = {"allocatable": _by_node(allocatable), "capacity": _by_node(capacity)}
    _add_old_amounts(reader, amounts)
    labels = _read_labels(reader)
    names = sorted({name for (name,) in info} | set(amounts["allocatable"]))
    prices, costs = _read_costs(reader)
    taints_of: dict[str, list[dict[str, Any]]] = {}
    for name, key, value, effect in sorted(taints):
        taint = {"key": key, "value": value, "effect": effect}
        taints_of.setdefault(name, []).append({k: v for k, v in taint.items() if v})
    nodes = []
    for name in names:
        own = labels.get(name, {})
        told = costs.get(name, {})
        node = Node(
            cluster=cluster,
            name=name,
            pool=first_label(own, POOL_LABELS) or NO_POOL,
            zone=first_label(own, ZONE_LABELS),
            region=first_label(own, REGION_LABELS) or told.get("region", ""),
            instance_type=first_label(own, TYPE_LABELS) or told.get("instance_type", ""),
            purchase=purchase_of(own),
            allocatable=_without_pods(amounts["allocatable"].get(name, {})),
            capacity=_without_pods(amounts["capacity"].get(name, {})),
            max_pods=_whole(amounts["allocatable"].get(name, {}).get("pods")),
            ready=(name,) in ready or not reader.has(READY.name),
            taints=tuple(taints_of.get(name, ())),
            labels=dict(sorted(own.items())),
            created=created.get((name,)),
        )
        if node.purchase is Purchase.UNKNOWN and told.get("spot"):
            node = replace(node, purchase=Purchase.SPOT)
        nodes.append(node)
    return nodes, prices, _label_warnings(nodes)


def _by_node(rows: Mapping[tuple[str, ...], float]) -> dict[str, dict[str, float]]:
    amounts: dict[str, dict[str, float]] = {}
    for (node, resource), value in rows.items():
        amounts.setdefault(node, {})[resource] = value
    return amounts


def _add_old_amounts(reader: StateReader, amounts: dict[str, dict[str, dict[str, float]]]) -> None:
    if amounts["allocatable"] or not reader.has(OLD_AMOUNTS[0][1]):
        return
    asks = [Ask(name, ("node",), namespaced=False) for _, name, _ in OLD_AMOUNTS]
    for (side, _, resource), rows in zip(OLD_AMOUNTS, reader.read(asks), strict=True):
        for (node,), value in rows.items():
            amounts[side].setdefault(node, {})[resource] = value


def _without_pods(amounts: Mapping[str, float]) -> Resources:
    return resources_of({name: value for name, value in amounts.items() if name != "pods"})


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _read_labels(reader: StateReader) -> dict[str, dict[str, str]]:
    """Known labels of each node under their Kubernetes names; unknown stored names cannot be turned back."""
    stored = {name: label for label in _LABELS for name in reversed(stored_labels(label))}
    ask = Ask("kube_node_labels", ("node", *sorted(stored)), namespaced=False)
    labels: dict[str, dict[str, str]] = {}
    for node, *values in sorted(reader.one(ask)):
        found = labels.setdefault(node, {})
        for name, value in zip(sorted(stored), values, strict=True):
            if value:
                found[stored[name]] = value
    return labels


def _read_costs(reader: StateReader) -> tuple[dict[str, float], dict[str, dict[str, str]]]:
    """(node -> price per hour, node -> what else the cost metrics tell)."""
    amounts: dict[str, list[float]] = {}  # replicas of OpenCost are averaged, never added
    told: dict[str, dict[str, str]] = {}
    cost, spot = reader.read([COST, SPOT])
    for row, value in sorted(cost.items()):
        name = next((one for one in row[:4] if one), "")
        if name and value >= 0:
            amounts.setdefault(name, []).append(value)
            told[name] = {"instance_type": row[4], "region": row[5]}
    for row, value in sorted(spot.items()):
        if value == 1:
            told.setdefault(next((one for one in row if one), ""), {})["spot"] = "true"
    return {name: sum(values) / len(values) for name, values in amounts.items()}, told


def _label_warnings(nodes: Iterable[Node]) -> list[SourceWarning]:
    """One warning where the labels that place a node are not exported."""
    unplaced = [node for node in nodes if not node.zone or not node.instance_type or node.pool == NO_POOL]
    if not unplaced:
        return []
    lacking = [
        word
        for word, lacks in (
            ("zone", any(not node.zone for node in unplaced)),
            ("instance type", any(not node.instance_type for node in unplaced)),
            ("pool", any(node.pool == NO_POOL for node in unplaced)),
        )
        if lacks
    ]
    return [
        SourceWarning(
            source="prometheus",
            code="node_labels_missing",
            text=f"kube_node_labels does not tell {', '.join(lacking)} of {len(unplaced)} nodes",
            costs="nodes cannot be priced by type, nor planned by zone and pool, from Prometheus alone",
            fix="kube-state-metrics: " + LABELS_FLAG,
        )
    ]


LABELS_FLAG = (
    "--metric-labels-allowlist=nodes=[topology.kubernetes.io/zone,topology.kubernetes.io/region,"
    "node.kubernetes.io/instance-type,<label of the pool>,<label of spot nodes>]"
)
