"""Nodes, quotas, limit ranges, autoscalers, budgets and volumes."""

import pytest
from fakes.kube_objects import controller, named, node

from planner.collectors.kubernetes.normalise import normalise
from planner.domain.node import Purchase
from planner.domain.policy_objects import ScalingMetric

NOW = 1_791_000_000.0
ZONE = "topology.kubernetes.io/zone"


def state_of(**objects):
    return normalise(objects, cluster="east", now=NOW)


def test_a_node():
    labels = {
        "karpenter.sh/nodepool": "general",
        "karpenter.sh/capacity-type": "spot",
        ZONE: "us-east-1a",
        "topology.kubernetes.io/region": "us-east-1",
        "node.kubernetes.io/instance-type": "m7i.xlarge",
    }
    raw = node(labels=labels)
    raw["spec"]["taints"] = [{"key": "gpu", "effect": "NoSchedule", "timeAdded": "2026-10-01T00:00:00Z"}]
    raw["status"]["allocatable"] = {"cpu": "3920m", "memory": "15Gi", "pods": "58", "nvidia.com/gpu": "2"}
    [found] = state_of(nodes=[raw]).nodes
    assert (found.pool, found.zone, found.region) == ("general", "us-east-1a", "us-east-1")
    assert (found.instance_type, found.purchase, found.max_pods, found.ready) == ("m7i.xlarge", Purchase.SPOT, 58, True)
    assert (found.allocatable.cpu_cores, found.allocatable.memory_bytes) == (3.92, 15 * 2**30)
    assert found.allocatable.extended == {"nvidia.com/gpu": 2.0}
    assert found.taints == ({"key": "gpu", "effect": "NoSchedule"},)
    assert found.price is None


@pytest.mark.parametrize(
    ("labels", "pool", "purchase"),
    [
        ({"eks.amazonaws.com/nodegroup": "a", "eks.amazonaws.com/capacityType": "SPOT"}, "a", Purchase.SPOT),
        ({"eks.amazonaws.com/nodegroup": "a", "eks.amazonaws.com/capacityType": "ON_DEMAND"}, "a", Purchase.ON_DEMAND),
        ({"eks.amazonaws.com/capacityType": "CAPACITY_BLOCK"}, "(none)", Purchase.RESERVED),
        ({"cloud.google.com/gke-nodepool": "p"}, "p", Purchase.ON_DEMAND),
        ({"cloud.google.com/gke-nodepool": "p", "cloud.google.com/gke-spot": "true"}, "p", Purchase.SPOT),
        ({"kubernetes.azure.com/agentpool": "x", "kubernetes.azure.com/scalesetpriority": "spot"}, "x", Purchase.SPOT),
        ({"kubernetes.azure.com/agentpool": "x"}, "x", Purchase.ON_DEMAND),
        ({"karpenter.sh/nodepool": "k", "karpenter.sh/capacity-type": "reserved"}, "k", Purchase.RESERVED),
        ({}, "(none)", Purchase.UNKNOWN),
    ],
)
def test_pool_and_purchase_option_by_platform(labels, pool, purchase):
    [found] = state_of(nodes=[node(labels=labels)]).nodes
    assert (found.pool, found.purchase) == (pool, purchase)


def test_namespaces_quotas_and_limit_ranges():
    quota = named(
        "q",
        spec={"hard": {"requests.cpu": "1"}, "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass"}]}},
        status={
            "hard": {"requests.cpu": "10", "requests.memory": "1Gi", "pods": "5"},
            "used": {"requests.cpu": "2500m"},
        },
    )
    item = {
        "type": "Container",
        "max": {"cpu": "2"},
        "defaultRequest": {"memory": "64Mi"},
        "maxLimitRequestRatio": {"cpu": "4"},
    }
    space = named("shop", "")
    space["metadata"]["labels"] = {"env": "prod"}
    state = state_of(namespaces=[space], resourcequotas=[quota], limitranges=[named("l", spec={"limits": [item]})])
    assert state.namespaces[0].labels == {"env": "prod"}
    [found] = state.quotas
    assert found.hard == {"pods": 5.0, "requests.cpu": 10.0, "requests.memory": 2.0**30}
    assert (found.used, found.scopes) == ({"requests.cpu": 2.5}, ("PriorityClass",))
    [limits] = state.limit_ranges
    assert (limits.type, limits.max, limits.default_request) == ("Container", {"cpu": 2.0}, {"memory": 64.0 * 2**20})
    assert limits.max_limit_request_ratio == {"cpu": 4.0}
    assert {"namespaces", "quotas", "limit_ranges"} <= state.seen


def average(value):
    return {"type": "AverageValue", "averageValue": value}


def test_horizontal_pod_autoscaler():
    metrics = [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
        {
            "type": "ContainerResource",
            "containerResource": {
                "name": "memory",
                "container": "app",
                "target": average("1Gi"),
            },
        },
        {
            "type": "Pods",
            "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "500m"}},
        },
        {"type": "Object", "object": {"metric": {"name": "hits"}, "target": {"type": "Value", "value": "2k"}}},
        {
            "type": "External",
            "external": {"metric": {"name": "lag"}, "target": {"type": "AverageValue", "averageValue": "30"}},
        },
    ]
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "maxReplicas": 9,
        "metrics": metrics,
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
    }
    raw = named("web", spec=spec, status={"currentReplicas": 3, "desiredReplicas": 4})
    [found] = state_of(horizontalpodautoscalers=[raw]).autoscalers
    assert (found.kind, found.target_kind, found.target_name) == ("HorizontalPodAutoscaler", "Deployment", "web")
    assert (found.min_replicas, found.max_replicas, found.current_replicas, found.desired_replicas) == (1, 9, 3, 4)
    assert found.metrics == (
        ScalingMetric("Resource", "cpu", "Utilization", 70.0),
        ScalingMetric("ContainerResource", "memory", "AverageValue", 2.0**30, "app"),
        ScalingMetric("Pods", "rps", "AverageValue", 0.5),
        ScalingMetric("Object", "hits", "Value", 2000.0),
        ScalingMetric("External", "lag", "AverageValue", 30.0),
    )
    assert found.behavior == {"scaleDown": {"stabilizationWindowSeconds": 60}}


def test_scaled_object_and_vertical_autoscaler():
    triggers = [
        {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}},
        {"type": "kafka", "metadata": {"bootstrapServers": "secret:9092", "lagThreshold": "5", "threshold": "50"}},
        {"type": "cron", "name": "night", "metadata": {"desiredReplicas": "10"}},
        {"type": "postgresql", "metadata": {"targetValue": "${FROM_ENV}"}},
    ]
    scaled = controller(
        "keda.sh/v1alpha1", "ScaledObject", "so", {"scaleTargetRef": {"name": "web"}, "triggers": triggers}
    )
    vertical = controller(
        "autoscaling.k8s.io/v1",
        "VerticalPodAutoscaler",
        "vpa",
        {"targetRef": {"kind": "StatefulSet", "name": "db"}, "updatePolicy": {"updateMode": "Off"}},
    )
    default = controller(
        "autoscaling.k8s.io/v1", "VerticalPodAutoscaler", "on", {"targetRef": {"kind": "Deployment", "name": "web"}}
    )
    state = state_of(
        **{"scaledobjects.keda.sh": [scaled], "verticalpodautoscalers.autoscaling.k8s.io": [vertical, default]}
    )
    by_name = {scaler.name: scaler for scaler in state.autoscalers}
    assert (by_name["so"].target_kind, by_name["so"].min_replicas, by_name["so"].max_replicas) == ("Deployment", 0, 100)
    assert by_name["so"].metrics == (
        ScalingMetric("cpu", "cpu", "Utilization", 60.0),
        ScalingMetric("kafka", "kafka", "AverageValue", 50.0),
        ScalingMetric("cron", "night", "AverageValue", 10.0),
        ScalingMetric("postgresql", "postgresql", "AverageValue", None),
    )
    assert (by_name["vpa"].update_mode, by_name["vpa"].target_name) == ("Off", "db")
    assert by_name["on"].update_mode == "Auto"


def test_disruption_budgets():
    """Equality of one value is told; a budget without a selector protects nothing."""
    expression = {"key": "tier", "operator": "In", "values": ["front"]}
    budget = named(
        "web",
        spec={"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}, "matchExpressions": [expression]}},
        status={"disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 3},
    )
    state = state_of(poddisruptionbudgets=[budget, named("nothing", spec={"maxUnavailable": 1})])
    [found] = state.disruption_budgets
    assert (found.selector, found.min_available, found.max_unavailable) == (
        {"app": "web", "tier": "front"},
        "50%",
        None,
    )
    assert (found.disruptions_allowed, found.current_healthy, found.desired_healthy, found.expected_pods) == (
        1,
        3,
        2,
        3,
    )


def volume(name, expressions, *, claim="data", phase="Bound", labels=None):
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": values}]} for key, values in expressions]
    raw = named(name, "", status={"phase": phase}, spec={"capacity": {"storage": "10Gi"}, "storageClassName": "gp3"})
    raw["metadata"]["labels"] = labels or {}
    if claim:
        raw["spec"]["claimRef"] = {"namespace": "shop", "name": claim}
    if terms:
        raw["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    return raw


def test_volumes_that_are_bound_to_one_zone():
    """By affinity (general or of a driver), by an old label, by the node of a local volume; two zones do not bind."""
    volumes = [
        volume("a", [(ZONE, ["z1"])], claim="c-a"),
        volume("b", [("topology.ebs.csi.aws.com/zone", ["z2"])], claim="c-b"),
        volume("c", [], claim="c-c", labels={"failure-domain.beta.kubernetes.io/zone": "z3"}),
        volume("d", [("kubernetes.io/hostname", ["node-1"])], claim="c-d"),
        volume("regional", [(ZONE, ["z1", "z2"])]),
        volume("either", [(ZONE, ["z1"]), (ZONE, ["z2"])]),
        volume("or-anywhere", [(ZONE, ["z1"]), ("disk", ["ssd"])]),
        volume("unclaimed", [(ZONE, ["z1"])], claim=""),
        volume("released", [(ZONE, ["z1"])], phase="Released"),
        volume("nfs", []),
    ]
    machine = node(labels={ZONE: "z4", "kubernetes.io/hostname": "node-1"})
    state = state_of(persistentvolumes=volumes, nodes=[machine])
    assert [(v.claim, v.volume, v.zone) for v in state.volumes] == [
        ("c-a", "a", "z1"),
        ("c-b", "b", "z2"),
        ("c-c", "c", "z3"),
        ("c-d", "d", "z4"),
    ]
    assert state.volumes[0].size_bytes == 10 * 2**30
    assert state.volumes[0].storage_class == "gp3"
