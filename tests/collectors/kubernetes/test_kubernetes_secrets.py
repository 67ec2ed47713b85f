"""No secret gets from the cluster into the snapshot."""

import base64
import copy
import json

import pytest
from fakes.kube_api import KubeApi, write_kubeconfig
from fakes.kube_objects import container, controller, deployment, named, node, pod, replica_set, template

from planner.collectors.kubernetes.collect import collect_state
from planner.collectors.kubernetes.options import KubernetesOptions
from planner.collectors.kubernetes.secrets import looks_like_secret
from planner.collectors.merge import merge_states
from planner.collectors.parts import SilentProgress
from planner.snapshot.read import read_snapshot
from planner.snapshot.write import SnapshotWriter

NOW = 1_791_000_000.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "AKIAIOSFODNN7EXAMPLE"),
        ("X", "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
        ("X", "glpat-abcDEF0123456789xyz"),
        ("X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
        ("X", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        ("X", "postgres://shop:hunter2@db:5432/shop"),
        ("X", "Server=db;User Id=shop;Password=hunter2;"),
        ("X", "DefaultEndpointsProtocol=https;AccountKey=abcdefghijklmnopqrstuvwx=="),
        ("DB_PASSWORD", "hunter2"),
        ("STRIPE_API_KEY", "abc"),
        ("APP_SECRET", "correct horse"),
        ("GITHUB_TOKEN", "x1"),
        ("X", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY1234"),
        ("SESSION", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ],
)
def test_secrets_are_recognised(name, value):
    assert looks_like_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "$(OTHER)"),
        ("DB_PASSWORD_FILE", "/run/secrets/db"),
        ("TOKEN_TTL", "3600"),
        ("SECRET_NAME", "my-secret"),
        ("AUTH_ENABLED", "true"),
        ("REQUIRE_AUTH", "true"),
        ("TOKEN_URL", "https://login.example.com/oauth/token"),
        ("DATABASE_URL", "postgres://shop@db:5432/shop"),
        ("DATABASE_URL", "postgres://shop:$(PASSWORD)@db:5432/shop"),
        ("GIT_COMMIT", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"),
        ("REQUEST_ID", "123e4567-e89b-12d3-a456-426614174000"),
        ("JAVA_TOOL_OPTIONS", "-Xmx512m -XX:+UseG1GC"),
        ("BROKERS", "kafka-0.kafka.data.svc.cluster.local:9092"),
        ("CLASSPATH_ROOT", "/usr/lib/jvm/java-21-openjdk-amd64/lib/security"),
        ("LOG_LEVEL", "debug"),
    ],
)
def test_ordinary_values_are_not(name, value):
    assert not looks_like_secret(name, value)


PLANTED = {
    "env": "hunter2-planted-in-env",
    "url": "postgres://shop:planted-url-password@db/shop",
    "arg": "planted-argument-4f9d",
    "command": "planted-command-77aa",
    "annotation": "planted-annotation-1c2d",
    "applied": "planted-last-applied-9e8f",
    "template": "planted-template-annotation-55",
    "allowed": "ghp_PlantedInAnAllowedAnnotation0123456789",
    "keda": "planted-keda-trigger-31",
    "pod": "planted-pod-env-8b",
    "probe": "planted-probe-header-aa",
    "crd": "planted-in-a-custom-resource-0f",
    "token": "planted-bearer-token-d00d",
}


def cluster():
    env = [
        {"name": "DB_PASSWORD", "value": PLANTED["env"]},
        {"name": "DATABASE", "value": PLANTED["url"]},
        {"name": "LOG_LEVEL", "value": "debug"},
        {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
    ]
    app = container(
        env=env,
        args=["-Xmx64m", f"--password={PLANTED['arg']}"],
        command=["run", PLANTED["command"]],
        livenessProbe={"httpGet": {"httpHeaders": [{"name": "Authorization", "value": PLANTED["probe"]}]}},
    )
    shape = template(app)
    shape["metadata"]["annotations"] = {
        "checksum/config": PLANTED["template"],
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    }
    web = deployment(
        pod=shape,
        annotations={
            "note": PLANTED["annotation"],
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"x": PLANTED["applied"]}),
            "planner/opt-out": PLANTED["allowed"],
            "planner/policy": "gentle",
        },
    )
    owned = replica_set(web, pod=shape)
    sidecar = container("proxy", env=[{"name": "API_KEY", "value": PLANTED["pod"]}])
    running = pod("web-1", owned, copy.deepcopy(app), sidecar)
    running["metadata"]["annotations"] = {"token": PLANTED["annotation"]}
    trigger = {"type": "postgresql", "metadata": {"connection": PLANTED["keda"], "targetValue": "5"}}
    scaled = controller(
        "keda.sh/v1alpha1", "ScaledObject", "web", {"scaleTargetRef": {"name": "web"}, "triggers": [trigger]}
    )
    spec = {"predictor": {"model": {"env": [{"name": "HF_TOKEN", "value": PLANTED["crd"]}]}}}
    served = controller("serving.kserve.io/v1beta1", "InferenceService", "llm", spec)
    unknown = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "thing"}}
    bare = pod("thing-0", unknown, container(env=[{"name": "API_KEY", "value": PLANTED["pod"]}]))
    return {
        "namespaces": [named("shop", "")],
        "nodes": [node()],
        "pods": [running, bare],
        "deployments": [web],
        "replicasets": [owned],
        "scaledobjects.keda.sh": [scaled],
        "inferenceservices.serving.kserve.io": [served],
    }


def test_planted_secrets_do_not_reach_the_snapshot(tmp_path):
    with KubeApi(cluster()) as api:
        api.token = PLANTED["token"]
        kubeconfig = write_kubeconfig(tmp_path / "config", api, token=PLANTED["token"])
        options = KubernetesOptions(kubeconfig=str(kubeconfig))
        state = collect_state(options, SilentProgress(), now=NOW)
    merged = merge_states(state, None, cluster="test", window_start=NOW - 1e7, window_end=NOW)
    writer = SnapshotWriter(tmp_path / "snapshot", cluster="test", step_seconds=300)
    for table in ("namespaces", "workloads", "nodes", "autoscalers", "volumes", "quotas"):
        writer.set_objects(table, getattr(merged, table))
    writer.set_frame("pods", merged.pods)
    writer.set_frame("events", merged.events)
    writer.commit(start=NOW - 300, end=NOW, sources=merged.sources, warnings=merged.warnings)

    # Parquet is compressed: what it holds is looked at, not its bytes.
    snapshot = read_snapshot(tmp_path / "snapshot")
    stored = (tmp_path / "snapshot/snapshot.json").read_text()
    for table in ("namespaces", "workloads", "nodes", "autoscalers", "volumes", "quotas"):
        stored += repr(getattr(snapshot, table))
    stored += snapshot.pods.to_csv() + snapshot.events.to_csv()
    for path in (tmp_path / "snapshot").rglob("*"):
        stored += str(path)
        if path.is_file():
            stored += path.read_bytes().decode("latin-1")
    for place, secret in PLANTED.items():
        assert secret not in stored, place
        assert base64.b64encode(secret.encode()).decode() not in stored, place

    web = next(w for w in snapshot.workloads if w.name == "web")
    assert web.containers[0].secret_like_variables == ("DATABASE", "DB_PASSWORD")
    assert web.containers[0].heap_bytes == 64 * 2**20
    assert web.containers[1].secret_like_variables == ("API_KEY",)
    assert web.annotations == {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "planner/policy": "gentle"}
    assert {w.kind for w in snapshot.workloads} == {"Deployment", "InferenceService", "Thing"}
    [scaler] = snapshot.autoscalers
    assert scaler.metrics[0].target == 5.0


def test_unreadable_fields_are_named_without_their_values(tmp_path):
    broken = deployment(pod=template(container(env=[{"name": "A", "value": {"inner": PLANTED["env"]}}])))
    with KubeApi({"deployments": [broken]}) as api:
        kubeconfig = write_kubeconfig(tmp_path / "config", api)
        state = collect_state(KubernetesOptions(kubeconfig=str(kubeconfig)), SilentProgress(), now=NOW)
    [warning] = [w for w in state.warnings if w.code == "object_unreadable"]
    assert warning.objects == ("shop/web",)
    assert PLANTED["env"] not in warning.model_dump_json()
