"""Namespaces, ResourceQuotas, LimitRanges, PodDisruptionBudgets and zone-bound volumes."""

from collections.abc import Mapping
from typing import Any

from planner.collectors.kubernetes.fields import (
    child,
    integer,
    items,
    number_or_percent,
    quantities,
    text,
    text_map,
    texts,
    whole_quantity,
)
from planner.collectors.kubernetes.metadata import read_meta
from planner.collectors.kubernetes.nodes import ZONE_LABELS
from planner.domain.policy_objects import (
    DisruptionBudget,
    LimitRangeItem,
    Namespace,
    ResourceQuota,
    ZoneBoundVolume,
)

_ZONE_KEYS = frozenset(
    {
        *ZONE_LABELS,
        "topology.ebs.csi.aws.com/zone",
        "topology.gke.io/zone",
        "topology.disk.csi.azure.com/zone",
        "topology.csi.vmware.com/zone",
        "topology.cinder.csi.openstack.org/zone",
    }
)
_HOST_KEY = "kubernetes.io/hostname"


def read_namespace(document: Mapping[str, Any], *, cluster: str) -> Namespace:
    """Read a raw namespace."""
    meta = read_meta(document)
    return Namespace(cluster=cluster, name=meta.name, labels=meta.labels)


def read_quota(document: Mapping[str, Any], *, cluster: str) -> ResourceQuota:
    """Read a raw ResourceQuota; what its controller enforces wins over what its spec asks."""
    meta = read_meta(document)
    spec, status = child(document, "spec"), child(document, "status")
    scopes = texts(spec, "scopes")
    scopes += [text(term, "scopeName") for term in items(child(spec, "scopeSelector"), "matchExpressions")]
    return ResourceQuota(
        cluster=cluster,
        namespace=meta.namespace,
        name=meta.name,
        hard=quantities(status, "hard") or quantities(spec, "hard"),
        used=quantities(status, "used"),
        scopes=tuple(sorted(set(scopes))),
    )


def read_limit_range(document: Mapping[str, Any], *, cluster: str) -> list[LimitRangeItem]:
    """Read a raw LimitRange: one value per item."""
    meta = read_meta(document)
    return [
        LimitRangeItem(
            cluster=cluster,
            namespace=meta.namespace,
            name=meta.name,
            type=text(item, "type"),
            min=quantities(item, "min"),
            max=quantities(item, "max"),
            default=quantities(item, "default"),
            default_request=quantities(item, "defaultRequest"),
            max_limit_request_ratio=quantities(item, "maxLimitRequestRatio"),
        )
        for item in items(child(document, "spec"), "limits")
    ]


def read_disruption_budget(document: Mapping[str, Any], *, cluster: str) -> list[DisruptionBudget]:
    """Read a raw PodDisruptionBudget: one value, none where it selects nothing.

    Of ``matchExpressions`` only the equality of one value can be told; the others are left out, so
    that the budget seems to protect more pods than it does, never fewer.
    """
    meta = read_meta(document)
    spec, status = child(document, "spec"), child(document, "status")
    if spec.get("selector") is None:
        return []
    selector = text_map(child(spec, "selector"), "matchLabels")
    for term in items(child(spec, "selector"), "matchExpressions"):
        values = texts(term, "values")
        if text(term, "operator") == "In" and len(values) == 1:
            selector[text(term, "key")] = values[0]
    return [
        DisruptionBudget(
            cluster=cluster,
            namespace=meta.namespace,
            name=meta.name,
            selector=dict(sorted(selector.items())),
            min_available=number_or_percent(spec, "minAvailable"),
            max_unavailable=number_or_percent(spec, "maxUnavailable"),
            disruptions_allowed=integer(status, "disruptionsAllowed"),
            current_healthy=integer(status, "currentHealthy"),
            desired_healthy=integer(status, "desiredHealthy"),
            expected_pods=integer(status, "expectedPods"),
        )
    ]


def read_volume(document: Mapping[str, Any], *, cluster: str, zone_of_host: Mapping[str, str]) -> list[ZoneBoundVolume]:
    """Read a raw PersistentVolume: one value, none where it is unclaimed or not bound to exactly one zone.

    Args:
        document: raw volume.
        cluster: name of the cluster.
        zone_of_host: ``kubernetes.io/hostname`` of a node -> its zone, for local volumes.
    """
    meta = read_meta(document)
    spec = child(document, "spec")
    claim = child(spec, "claimRef")
    phase = text(child(document, "status"), "phase")
    zones = _zones(spec, zone_of_host)
    if not zones:
        zones = {zone for label in ZONE_LABELS for zone in meta.labels.get(label, "").split("__") if zone}
    if not text(claim, "name") or phase not in ("", "Bound") or len(zones) != 1:
        return []
    size = child(spec, "capacity").get("storage")
    return [
        ZoneBoundVolume(
            cluster=cluster,
            namespace=text(claim, "namespace"),
            claim=text(claim, "name"),
            volume=meta.name,
            zone=zones.pop(),
            storage_class=text(spec, "storageClassName"),
            size_bytes=None if size is None else whole_quantity(size, "capacity.storage"),
        )
    ]


def _zones(spec: Mapping[str, Any], zone_of_host: Mapping[str, str]) -> set[str]:
    """Zones that a volume can be reached from; empty when nothing ties it to any."""
    zones: set[str] = set()
    for term in items(child(spec, "nodeAffinity", "required"), "nodeSelectorTerms"):
        bound: set[str] = set()
        for expression in items(term, "matchExpressions"):
            if text(expression, "operator") != "In":
                continue
            key, values = text(expression, "key"), texts(expression, "values")
            if key in _ZONE_KEYS:
                bound |= set(values)
            elif key == _HOST_KEY:
                bound |= {zone_of_host[host] for host in values if zone_of_host.get(host)}
        if not bound:
            return set()
        zones |= bound
    return zones
