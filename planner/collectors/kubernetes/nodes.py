"""Nodes: pool, zone, instance type and purchase option from the labels that each platform sets.

Label names: kubernetes.io/docs/reference/labels-annotations-taints, karpenter.sh/docs, and the pages
on node labels of EKS, GKE, AKS, OpenShift, DigitalOcean, Linode, Scaleway and kOps (November 2026).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from planner.collectors.kubernetes.containers import read_resources
from planner.collectors.kubernetes.fields import child, fragment, items
from planner.collectors.kubernetes.metadata import read_meta
from planner.domain.node import POOL_LABELS, Node, Purchase
from planner.domain.workload import Resources

NO_POOL = "(none)"
ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
REGION_LABELS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
TYPE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_PURCHASE_LABELS = (
    "karpenter.sh/capacity-type",
    "eks.amazonaws.com/capacityType",
    "cloud.google.com/gke-provisioning",
    "kubernetes.azure.com/scalesetpriority",
    "node.kubernetes.io/lifecycle",
    "node-lifecycle",
    "lifecycle",
)
_PURCHASE_WORDS = {
    "spot": Purchase.SPOT,
    "preemptible": Purchase.SPOT,
    "ec2spot": Purchase.SPOT,
    "on-demand": Purchase.ON_DEMAND,
    "on_demand": Purchase.ON_DEMAND,
    "ondemand": Purchase.ON_DEMAND,
    "standard": Purchase.ON_DEMAND,
    "regular": Purchase.ON_DEMAND,
    "normal": Purchase.ON_DEMAND,
    "reserved": Purchase.RESERVED,
    "capacity_block": Purchase.RESERVED,
}
_SPOT_FLAGS = ("cloud.google.com/gke-spot", "cloud.google.com/gke-preemptible")
_UNMARKED_IS_ON_DEMAND = ("cloud.google.com/gke-nodepool", "kubernetes.azure.com/agentpool")
"""GKE and AKS label spot nodes only: a node of theirs without such a label is on demand."""


def read_node(document: Mapping[str, Any], *, cluster: str) -> Node:
    """Read a raw node.

    Raises:
        FieldError: a field has another type than in the API.
    """
    meta = read_meta(document)
    status = child(document, "status")
    allocatable = read_resources(status, "allocatable")
    pods = allocatable.extended.get("pods")
    return Node(
        cluster=cluster,
        name=meta.name,
        pool=first_label(meta.labels, POOL_LABELS) or NO_POOL,
        zone=first_label(meta.labels, ZONE_LABELS),
        region=first_label(meta.labels, REGION_LABELS),
        instance_type=first_label(meta.labels, TYPE_LABELS),
        purchase=purchase_of(meta.labels),
        allocatable=_without_pods(allocatable),
        capacity=_without_pods(read_resources(status, "capacity")),
        max_pods=None if pods is None else int(pods),
        ready=any(
            condition.get("type") == "Ready" and condition.get("status") == "True"
            for condition in items(status, "conditions")
        ),
        taints=tuple(_taint(taint) for taint in items(child(document, "spec"), "taints")),
        labels=meta.labels,
        created=meta.created,
    )


def first_label(labels: Mapping[str, str], names: Sequence[str]) -> str:
    """Value of the first label of a list that is set, empty when none is."""
    return next((labels[name] for name in names if labels.get(name)), "")


def purchase_of(labels: Mapping[str, str]) -> Purchase:
    """Purchase option of a node by its labels."""
    if any(labels.get(name) == "true" for name in _SPOT_FLAGS):
        return Purchase.SPOT
    if labels.get("cloud.google.com/reservation-name"):
        return Purchase.RESERVED
    for name in _PURCHASE_LABELS:
        word = _PURCHASE_WORDS.get(labels.get(name, "").lower())
        if word is not None:
            return word
    if any(name in labels for name in _UNMARKED_IS_ON_DEMAND):
        return Purchase.ON_DEMAND
    return Purchase.UNKNOWN


def _without_pods(resources: Resources) -> Resources:
    extended = {name: value for name, value in resources.extended.items() if name != "pods"}
    return Resources(resources.cpu_cores, resources.memory_bytes, extended)


def _taint(raw: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: raw[name] for name in ("key", "value", "effect") if raw.get(name) is not None}
    return fragment(kept, "taints")
