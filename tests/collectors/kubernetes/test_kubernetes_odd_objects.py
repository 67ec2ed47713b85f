"""Whatever stands in a field, reading ends in values or in a warning, and the values can be stored."""

import copy
import functools

import pyarrow as pa
from fakes.kube_objects import container, controller, deployment, named, node, pod, replica_set, template
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.collectors.kubernetes.normalise import normalise
from planner.collectors.merge import merge_states
from planner.snapshot.tables import OBJECT_TABLES, arrow_schema, encode_objects, normalised_frame

NOW = 1_791_000_000.0
TABLES = ("namespaces", "workloads", "nodes", "quotas", "limit_ranges", "autoscalers", "disruption_budgets", "volumes")


@functools.cache
def cluster():
    env = [
        {"name": "A", "value": "-Xmx1g"},
        {"name": "GOMEMLIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
    ]
    app = container(
        env=env, args=["-XX:MaxRAMPercentage=50"], resizePolicy=[{"resourceName": "cpu", "restartPolicy": "x"}]
    )
    claim = {"name": "d", "persistentVolumeClaim": {"claimName": "d"}}
    shape = template(
        app, initContainers=[container("i")], volumes=[claim], tolerations=[{"key": "k"}], affinity={"podAffinity": {}}
    )
    web = deployment(
        pod=shape, annotations={"planner/x": "y"}, managedFields=[{"manager": "m", "fieldsV1": {"f:spec": {}}}]
    )
    owned = replica_set(web)
    ended = {
        "terminated": {"reason": "OOMKilled", "startedAt": "2026-10-02T00:00:00Z", "finishedAt": "2026-10-02T00:00:00Z"}
    }
    status = {"name": "app", "restartCount": 2, "lastState": ended, "imageID": "a@sha256:b"}
    conditions = {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-10-02T00:00:00Z"}]}
    training = {"pytorchReplicaSpecs": {"Worker": {"replicas": 2, "template": shape}, "Master": {"template": shape}}}
    target = {"type": "Utilization", "averageUtilization": 50}
    expression = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}
    terms = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    running = {"statuses": [status], "status": conditions, "spec": {"volumes": [claim]}}
    hpa = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "maxReplicas": 3,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        "behavior": {"scaleUp": {}},
    }
    keda = {"scaleTargetRef": {"name": "web"}, "triggers": [{"type": "cpu", "metadata": {"value": "5"}}]}
    volume = {"claimRef": {"name": "d", "namespace": "shop"}, "capacity": {"storage": "1Gi"}, "nodeAffinity": terms}
    quota = {"hard": {"cpu": "1"}, "scopes": ["Terminating"]}
    return {
        "namespaces": [named("shop", "")],
        "nodes": [node(labels={"a": "b"})],
        "pods": [pod("web-1", owned, app, container("injected"), **running)],
        "deployments": [web],
        "replicasets": [owned],
        "cronjobs": [controller("batch/v1", "CronJob", "c", {"jobTemplate": {"spec": {"template": shape}}})],
        "pytorchjobs.kubeflow.org": [controller("kubeflow.org/v1", "PyTorchJob", "t", training)],
        "resourcequotas": [named("q", spec=quota, status={"used": {"cpu": "1"}})],
        "limitranges": [named("l", spec={"limits": [{"type": "Pod", "max": {"cpu": "1"}}]})],
        "horizontalpodautoscalers": [named("h", spec=hpa)],
        "scaledobjects.keda.sh": [named("s", spec=keda)],
        "poddisruptionbudgets": [named("b", spec={"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}})],
        "persistentvolumes": [named("v", "", spec=volume)],
        "priorityclasses": [named("high", "", value=5)],
    }


def paths(value, prefix=()):
    yield prefix
    if isinstance(value, dict):
        for key in sorted(value):
            yield from paths(value[key], (*prefix, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*prefix, index))


PATHS = [path for path in paths(cluster()) if len(path) >= 2]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["1e999", "-1", "9" * 40, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "Node", "/", "a" * 5000, "*"]
    )
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def replaced(document, path, value):
    result = copy.deepcopy(document)
    at = result
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return result


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), value=JSON)
def test_any_value_in_any_field(path, value):
    objects = replaced(cluster(), path, value)
    state = normalise(objects, cluster="east", now=NOW)
    merged = merge_states(state, None, cluster="east", window_start=NOW - 1e9, window_end=NOW)
    for table in TABLES:
        rows = encode_objects(getattr(merged, table), OBJECT_TABLES[table])
        pa.Table.from_pylist(rows, schema=arrow_schema(table))
    for table in ("pods", "events"):
        pa.Table.from_pandas(normalised_frame(getattr(merged, table), table), schema=arrow_schema(table))
    for warning in state.warnings:
        assert warning.code in ("object_unreadable", "several_templates")
        assert warning.text


def test_the_untouched_cluster_has_no_odd_object():
    state = normalise(cluster(), cluster="east", now=NOW)
    assert [warning.code for warning in state.warnings] == ["several_templates"]


def test_fields_are_deep_only_as_far_as_they_can_be_stored():
    nested = {}
    for _ in range(200):
        nested = {"a": nested}
    broken = deployment("deep", pod=template(affinity=nested))
    state = normalise({"deployments": [broken, deployment()]}, cluster="east", now=NOW)
    assert [w.name for w in state.workloads] == ["web"]
    assert [w.code for w in state.warnings] == ["object_unreadable"]
