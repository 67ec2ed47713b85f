"""The raw objects of the sample are what an API server would return."""

import json
from collections import Counter

import pytest

from planner.collectors.kubernetes.normalise import normalise
from planner.collectors.sample.model import build_model
from planner.collectors.sample.objects import raw_objects
from planner.collectors.sample.workloads_inference import FAKE_KEY


@pytest.fixture(scope="module")
def model():
    return build_model(days=3)


@pytest.fixture(scope="module")
def objects(model):
    return raw_objects(model)


@pytest.fixture(scope="module")
def state(model, objects):
    return normalise(objects, cluster="sample", now=model.end)


def controller(document):
    return next((owner for owner in document["metadata"].get("ownerReferences", ()) if owner.get("controller")), None)


def by_name(objects, resource, name):
    return next(document for document in objects[resource] if document["metadata"]["name"] == name)


def test_every_object_is_json_with_a_name_and_a_kind(objects):
    json.dumps(objects, allow_nan=False)
    for documents in objects.values():
        keys = [(d["kind"], d["metadata"].get("namespace", ""), d["metadata"]["name"]) for d in documents]
        assert len(set(keys)) == len(keys)
        assert all(d["apiVersion"] for d in documents)


def test_every_controller_that_is_named_exists_with_that_uid(objects):
    uids = {d["metadata"]["uid"] for documents in objects.values() for d in documents if "uid" in d["metadata"]}
    for documents in objects.values():
        for document in documents:
            owner = controller(document)
            assert owner is None or owner["uid"] in uids, document["metadata"]["name"]


def test_chains_of_owners_lead_to_the_top(objects):
    """Pod -> ReplicaSet -> Deployment -> InferenceService; pod -> Job -> CronJob; pod -> RayCluster."""
    everything = {
        d["metadata"]["uid"]: d for documents in objects.values() for d in documents if "uid" in d["metadata"]
    }

    def chain(pod):
        kinds, owner = [], controller(pod)
        while owner is not None:
            kinds.append(owner["kind"])
            owner = controller(everything[owner["uid"]])
        return tuple(kinds)

    chains = Counter(chain(pod) for pod in objects["pods"])
    for expected in (
        ("ReplicaSet", "Deployment"),
        ("ReplicaSet", "Deployment", "InferenceService"),
        ("ReplicaSet", "Rollout"),
        ("Job", "CronJob"),
        ("Job",),
        ("StatefulSet",),
        ("DaemonSet",),
        ("PyTorchJob",),
        ("RayCluster",),
        ("VectorIndexer",),
        (),
    ):
        assert chains[expected] > 0, expected
    assert len(chains) == 11


def test_the_injected_sidecar_is_on_pods_and_not_in_the_template(objects):
    deployment = by_name(objects, "deployments", "model-gateway")
    assert [c["name"] for c in deployment["spec"]["template"]["spec"]["containers"]] == ["gateway"]
    pod = next(
        p
        for p in objects["pods"]
        if p["metadata"]["name"].startswith("model-gateway-") and p["metadata"]["namespace"] == "inference"
    )
    assert [c["name"] for c in pod["spec"]["containers"]] == ["gateway", "istio-proxy"]


def test_native_sidecars_and_init_containers_are_told_apart(objects):
    spec = by_name(objects, "deployments", "feature-server")["spec"]["template"]["spec"]
    assert [(c["name"], c.get("restartPolicy")) for c in spec["initContainers"]] == [("token-agent", "Always")]
    spec = by_name(objects, "deployments", "mlflow")["spec"]["template"]["spec"]
    assert [(c["name"], c.get("restartPolicy")) for c in spec["initContainers"]] == [("migrate", None)]


def test_the_last_kill_of_a_container_is_in_its_status(model, objects):
    killed = {usage.run.name: usage for usage in model.usage.values() if usage.kills and usage.run.last is None}
    assert killed
    for name, usage in killed.items():
        pod = by_name(objects, "pods", name)
        status = next(c for c in pod["status"]["containerStatuses"] if c["name"] == usage.container.name)
        assert status["restartCount"] == len(usage.starts) - 1
        assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
        assert status["lastState"]["terminated"]["exitCode"] == 137


def test_limit_range_defaults_are_on_pods_only(objects):
    template = next(
        d
        for d in objects["deployments"]
        if (d["metadata"]["namespace"], d["metadata"]["name"]) == ("staging", "doc-parser")
    )["spec"]["template"]["spec"]["containers"][0]
    assert "limits" not in template["resources"]
    pod = next(
        p
        for p in objects["pods"]
        if p["metadata"]["namespace"] == "staging" and p["metadata"]["name"].startswith("doc-parser-")
    )
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi"}


def test_all_classes_of_service_are_there(objects):
    classes = Counter(pod["status"]["qosClass"] for pod in objects["pods"])
    assert min(classes[name] for name in ("Guaranteed", "Burstable", "BestEffort")) >= 3


def test_the_reader_of_the_api_understands_every_object(state, model):
    assert {warning.code for warning in state.warnings} <= {"several_templates"}
    assert len(state.workloads) == len([spec for spec in model.workloads if not spec.gone])
    assert len(state.nodes) == len(model.nodes)
    autoscalers = Counter(item.kind for item in state.autoscalers)
    assert autoscalers == {"HorizontalPodAutoscaler": 5, "ScaledObject": 1, "VerticalPodAutoscaler": 1}
    assert next(a for a in state.autoscalers if a.kind == "VerticalPodAutoscaler").update_mode == "Off"
    assert len(state.disruption_budgets) >= 5
    assert len({volume.zone for volume in state.volumes}) == 3


def test_ownership_opt_out_and_heaps_are_seen(state):
    workloads = {(w.namespace, w.name): w for w in state.workloads}
    assert workloads["inference", "legacy-scorer"].annotations["planner/opt-out"] == "true"
    assert {manager for w in state.workloads for manager in w.managers} >= {"helm", "argocd", "flux"}
    heaps = {c.heap_source for w in state.workloads for c in w.containers}
    assert {"-Xmx", "GOMEMLIMIT", "MaxRAMPercentage=60"} <= heaps
    assert workloads["inference", "product-index"].containers[0].name == "indexer"


def test_fake_secrets_are_planted_and_only_their_names_are_kept(objects, state):
    text = json.dumps(objects)
    assert FAKE_KEY in text
    assert "example-password" in text
    gateway = next(w for w in state.workloads if (w.namespace, w.name) == ("inference", "model-gateway"))
    assert gateway.containers[0].secret_like_variables == ("BILLING_API_SECRET",)
    named = [w.name for w in state.workloads for c in w.containers if c.secret_like_variables]
    assert len(named) >= 8
