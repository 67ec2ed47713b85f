"""Raw API objects for tests, as short as they can be."""

from collections.abc import Mapping, Sequence
from typing import Any

Raw = dict[str, Any]


def meta(name: str, namespace: str = "shop", *, owner: Raw | None = None, **more: Any) -> Raw:
    """Metadata; ``owner`` is an object of this module, which becomes the controller."""
    result: Raw = {"name": name, "creationTimestamp": "2026-10-01T00:00:00Z", **more}
    if namespace:
        result["namespace"] = namespace
    if owner is not None:
        result["ownerReferences"] = [owner_of(owner)]
    return result


def owner_of(parent: Raw) -> Raw:
    """A controlling owner reference."""
    return {
        "apiVersion": parent["apiVersion"],
        "kind": parent["kind"],
        "name": parent["metadata"]["name"],
        "uid": f"uid-{parent['metadata']['name']}",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def container(name: str = "app", cpu: str = "100m", memory: str = "128Mi", **more: Any) -> Raw:
    """A container with requests and a memory limit."""
    resources = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
    return {"name": name, "image": f"registry/{name}:1", "resources": resources, **more}


def template(*containers: Raw, labels: Mapping[str, str] | None = None, **spec: Any) -> Raw:
    """A pod template."""
    return {
        "metadata": {"labels": dict(labels or {})},
        "spec": {"containers": list(containers or [container()]), **spec},
    }


def controller(api_version: str, kind: str, name: str, spec: Raw, *, namespace: str = "shop", **more: Any) -> Raw:
    """Any object with a spec; ``owner`` and further metadata by keyword."""
    status = more.pop("status", {})
    metadata = meta(name, namespace, **more)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}


def deployment(name: str = "web", replicas: int = 2, pod: Raw | None = None, **more: Any) -> Raw:
    """A Deployment."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pod or template()}
    return controller("apps/v1", "Deployment", name, spec, **more)


def replica_set(parent: Raw, revision: str = "5d4f9c7b8d", pod: Raw | None = None, **more: Any) -> Raw:
    """The ReplicaSet of a Deployment or Rollout."""
    spec = {"replicas": 1, "template": pod or template()}
    metadata = parent["metadata"]
    name = f"{metadata['name']}-{revision}"
    return controller("apps/v1", "ReplicaSet", name, spec, namespace=metadata["namespace"], owner=parent, **more)


def pod(
    name: str,
    owner: Raw | None = None,
    *containers: Raw,
    namespace: str = "shop",
    node: str = "node-1",
    phase: str = "Running",
    labels: Mapping[str, str] | None = None,
    statuses: Sequence[Raw] = (),
    created: str = "2026-10-02T00:00:00Z",
    spec: Raw | None = None,
    status: Raw | None = None,
) -> Raw:
    """A pod."""
    body = {"nodeName": node, "containers": list(containers or [container()]), **(spec or {})}
    state = {"phase": phase, "qosClass": "Burstable", "startTime": created, "containerStatuses": list(statuses)}
    metadata = meta(name, namespace, owner=owner, uid=f"uid-{name}", labels=dict(labels or {}))
    metadata["creationTimestamp"] = created
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": body,
        "status": {**state, **(status or {})},
    }


def node(name: str = "node-1", labels: Mapping[str, str] | None = None, **more: Any) -> Raw:
    """A node of 4 cores and 16 GiB."""
    amounts = {"cpu": "4", "memory": "16Gi", "pods": "110"}
    return {
        "metadata": meta(name, "", labels=dict(labels or {})),
        "spec": {},
        "status": {
            "allocatable": amounts,
            "capacity": amounts,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
        **more,
    }


def named(name: str, namespace: str = "shop", **body: Any) -> Raw:
    """Any other object."""
    return {"metadata": meta(name, namespace), **body}
