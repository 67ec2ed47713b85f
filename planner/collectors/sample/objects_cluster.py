"""Namespaces, nodes, volumes and priorities of the sample as the API server returns them."""

from collections.abc import Iterator

from planner.collectors.sample.model import Model
from planner.collectors.sample.objects_template import Json, object_uid
from planner.collectors.sample.placement import SampleNode
from planner.collectors.sample.platform import PRIORITY_CLASSES, REGION, STEPS_PER_DAY, ZONES
from planner.collectors.sample.pod_times import rfc3339
from planner.collectors.sample.shapes import hexadecimal
from planner.units import parse_memory


def cluster_objects(model: Model) -> Iterator[tuple[str, Json]]:
    """(resource, object) of everything that has no owner in a namespace."""
    long_ago = rfc3339(model.time(-300 * STEPS_PER_DAY))
    for name, environment in model.namespaces.items():
        labels = {"kubernetes.io/metadata.name": name, "environment": environment}
        yield (
            "namespaces",
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": labels, "creationTimestamp": long_ago},
                "status": {"phase": "Active"},
            },
        )
    for name, value in PRIORITY_CLASSES.items():
        yield (
            "priorityclasses",
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name, "creationTimestamp": long_ago},
                "value": value,
                "globalDefault": False,
            },
        )
    for node in model.nodes:
        yield "nodes", _node(model, node)
    yield from _volumes(model)


def node_labels(node: SampleNode) -> dict[str, str]:
    """Labels of a node."""
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": node.type.name,
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": node.zone,
        "topology.k8s.aws/zone-id": ZONES[node.zone],
        node.pool.label: node.pool.name,
        node.pool.capacity_label[0]: node.pool.capacity_label[1],
    }
    if node.type.gpus:
        labels |= {
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.count": str(node.type.gpus),
            "nvidia.com/gpu.product": node.type.gpu_product,
            "nvidia.com/gpu.memory": str(node.type.gpu_memory_mib),
        }
    return labels


def node_created(model: Model, node: SampleNode) -> float:
    """Nodes are as old as their pool, some a little younger."""
    draw = int(hexadecimal(model.seed, 4, "node", node.name), 16)
    return model.time(-(35 + draw % 60) * STEPS_PER_DAY + draw % 288)


def node_resources(node: SampleNode, *, allocatable: bool) -> dict[str, str]:
    """``status.allocatable`` or ``status.capacity``."""
    resources = {
        "cpu": node.type.allocatable_cpu if allocatable else str(node.type.vcpus),
        "memory": node.type.allocatable_memory if allocatable else f"{int(node.type.memory_gib * 1024 * 0.965)}Mi",
        "pods": str(node.type.max_pods),
        "ephemeral-storage": str(95_500_000_000 if allocatable else 107_361_579_008),
    }
    if node.type.gpus:
        resources["nvidia.com/gpu"] = str(node.type.gpus)
    return resources


def provider_id(model: Model, node: SampleNode) -> str:
    """Id of the machine at the cloud."""
    return f"aws:///{node.zone}/i-{hexadecimal(model.seed, 17, 'instance', node.name)}"


def _node(model: Model, node: SampleNode) -> Json:
    created = rfc3339(node_created(model, node))
    spec: Json = {"providerID": provider_id(model, node)}
    if node.pool.taints:
        spec["taints"] = [dict(taint) for taint in node.pool.taints]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "uid": object_uid(model.seed, "node", node.name),
            "labels": node_labels(node),
            "creationTimestamp": created,
        },
        "spec": spec,
        "status": {
            "allocatable": node_resources(node, allocatable=True),
            "capacity": node_resources(node, allocatable=False),
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": created}],
            "nodeInfo": {"kubeletVersion": "v1.36.2-eks-0000000", "architecture": "amd64"},
        },
    }


def _volumes(model: Model) -> Iterator[tuple[str, Json]]:
    for run in model.alive():
        volume = run.spec.volume
        if volume is None:
            continue
        claim = f"data-{run.name}"
        name = f"pvc-{object_uid(model.seed, run.spec.namespace, 'claim', claim)}"
        yield (
            "persistentvolumeclaims",
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": claim, "namespace": run.spec.namespace},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": volume.storage_class,
                    "volumeName": name,
                    "resources": {"requests": {"storage": volume.size}},
                },
                "status": {"phase": "Bound"},
            },
        )
        zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [run.zone]}
        document: Json = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": name,
                "labels": {"topology.kubernetes.io/zone": run.zone} if volume.zonal else {},
                "creationTimestamp": rfc3339(model.time(-90 * STEPS_PER_DAY)),
            },
            "spec": {
                "capacity": {"storage": str(parse_memory(volume.size))},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": volume.storage_class,
                "claimRef": {"kind": "PersistentVolumeClaim", "namespace": run.spec.namespace, "name": claim},
                "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{name[-12:]}"},
            },
            "status": {"phase": "Bound"},
        }
        if volume.zonal:
            document["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}}
        yield "persistentvolumes", document
