"""Nodes and what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from planner.domain.workload import Resources, type_json

POOL_LABELS = (
    "karpenter.sh/nodepool",
    "karpenter.sh/provisioner-name",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "kops.k8s.io/instancegroup",
    "node.cluster.x-k8s.io/pool",
    "hypershift.openshift.io/nodePool",
    "machine.openshift.io/cluster-api-machineset",
    "doks.digitalocean.com/node-pool",
    "lke.linode.com/pool-id",
    "k8s.scaleway.com/pool-name",
    "nodepool",
    "node-pool",
)
"""Labels that name a node's pool, the first that a node carries counts."""


class Purchase(StrEnum):
    """How a node is paid for."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    RESERVED = "reserved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Price:
    """A price with its origin, so that every amount can be traced."""

    amount_per_hour: float
    source: str
    """``file:prices.csv``, ``opencost``, ``catalogue:aws/us-east-1``."""
    as_of: str
    """ISO date of the price, empty when the source does not tell."""
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the cluster sees it now."""

    cluster: str
    name: str
    pool: str
    """Node pool, node group or Karpenter NodePool; ``(none)`` where no label tells it."""
    zone: str = ""
    region: str = ""
    instance_type: str = ""
    purchase: Purchase = Purchase.UNKNOWN
    allocatable: Resources = field(default_factory=Resources)
    capacity: Resources = field(default_factory=Resources)
    max_pods: int | None = None
    ready: bool = True
    taints: tuple[type_json, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    created: float | None = None
    price: Price | None = None
    """``None`` = unknown: named in the plan, never counted as free."""
