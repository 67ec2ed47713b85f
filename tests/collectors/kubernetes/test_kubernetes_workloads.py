"""Raw controllers and pods -> workloads: templates, owners, injected containers, unknown kinds."""

import pytest
from fakes.kube_objects import container, controller, deployment, named, node, pod, replica_set, template

from planner.collectors.kubernetes.normalise import normalise
from planner.collectors.parts import ObjectRef
from planner.domain.workload import ContainerRole, Resources

NOW = 1_791_000_000.0
MIB = 2**20
LOADED_FROM = "workflows.argoproj.io/workflow-template"


def state_of(**objects):
    return normalise({name.replace("__", "."): items for name, items in objects.items()}, cluster="east", now=NOW)


def workload(state, kind, name):
    [found] = [w for w in state.workloads if (w.kind, w.name) == (kind, name)]
    return found


def test_a_deployment_with_everything():
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}
    spread = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
    toleration = {"key": "gpu", "operator": "Exists"}
    gpu = container(
        resources={"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"nvidia.com/gpu": "1", "memory": "2Gi"}}
    )
    gpu["resizePolicy"] = [
        {"resourceName": "memory", "restartPolicy": "RestartContainer"},
        {"resourceName": "cpu", "restartPolicy": "NotRequired"},
    ]
    shape = template(
        gpu,
        initContainers=[container("wait"), container("agent", restartPolicy="Always")],
        nodeSelector={"disk": "ssd"},
        affinity=affinity,
        tolerations=[toleration],
        topologySpreadConstraints=[spread],
        priorityClassName="high",
        overhead={"cpu": "10m", "memory": "16Mi"},
        resources={"requests": {"cpu": "3"}},
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "disk"}}],
    )
    raw = deployment(pod=shape, labels={"team": "shop"})
    raw["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}
    state = state_of(deployments=[raw], priorityclasses=[named("high", "", value=1000)])
    found = workload(state, "Deployment", "web")
    assert found.key == found.key.__class__("east", "shop", "Deployment", "web")
    assert (found.replicas, found.template_path, found.api_version) == (2, "spec.template", "apps/v1")
    assert [(c.name, c.role) for c in found.containers] == [
        ("wait", ContainerRole.INIT),
        ("agent", ContainerRole.SIDECAR),
        ("app", ContainerRole.APP),
    ]
    app = found.containers[2]
    assert app.requests == Resources(2.0, 2**30, {})
    assert app.limits == Resources(None, 2**31, {"nvidia.com/gpu": 1.0})
    assert app.resize_restart == ("memory",)
    assert found.pod_requests == Resources(3.0)
    assert found.overhead == Resources(0.01, 16 * MIB)
    assert (found.priority_class, found.priority) == ("high", 1000)
    assert (found.update_strategy, found.max_surge, found.max_unavailable) == ("RollingUpdate", "25%", "0")
    assert (found.node_selector, found.affinity) == ({"disk": "ssd"}, affinity)
    assert (found.tolerations, found.topology_spread) == ((toleration,), (spread,))
    assert (found.labels, found.selector, found.volume_claims) == ({"team": "shop"}, {"app": "web"}, ("disk",))
    assert found.created == 1790812800.0


def test_injected_containers_come_from_the_newest_pod_with_its_own_sizes():
    """A pod of the last revision still has an older proxy; the finished one does not count."""
    web = deployment()
    owned, before = replica_set(web), replica_set(web, "6c8b4f7d9f")
    old = pod("web-1", before, container(), container("old-proxy"), created="2026-10-02T00:00:00Z")
    new = pod("web-2", owned, container(), container("proxy", cpu="7m"), created="2026-10-05T00:00:00Z")
    over = pod("web-3", owned, container(), container("x"), created="2026-10-06T00:00:00Z", phase="Failed")
    found = workload(state_of(deployments=[web], replicasets=[owned], pods=[old, new, over]), "Deployment", "web")
    assert [(c.name, c.injected) for c in found.containers] == [("app", False), ("proxy", True)]
    assert found.containers[1].requests.cpu_cores == 0.007
    assert found.template_path == "spec.template"


def test_owner_links_lead_from_replica_sets_and_jobs_and_children_are_no_workloads():
    web, cron = (
        deployment(),
        controller("batch/v1", "CronJob", "etl", {"jobTemplate": {"spec": {"template": template()}}}),
    )
    job = controller("batch/v1", "Job", "etl-29300000", {"template": template()}, owner=cron)
    state = state_of(deployments=[web], replicasets=[replica_set(web)], cronjobs=[cron], jobs=[job], pods=[])
    assert state.owners == {
        ("shop", "ReplicaSet", "web-5d4f9c7b8d"): ObjectRef("Deployment", "web", "apps/v1"),
        ("shop", "Job", "etl-29300000"): ObjectRef("CronJob", "etl", "batch/v1"),
    }
    assert [(w.kind, w.name) for w in state.workloads] == [("CronJob", "etl"), ("Deployment", "web")]
    assert workload(state, "CronJob", "etl").template_path == "spec.jobTemplate.spec.template"


def test_a_parent_that_could_not_be_read_takes_the_template_of_its_newest_child():
    cron = controller("batch/v1", "CronJob", "etl", {})
    jobs = [
        controller("batch/v1", "Job", f"etl-2930000{i}", {"template": template(container(cpu=f"{i}"))}, owner=cron)
        for i in (1, 2)
    ]
    found = workload(state_of(jobs=jobs), "CronJob", "etl")
    assert found.containers[0].requests.cpu_cores == 2.0
    assert found.template_path is None
    assert found.managers == ()


def test_templates_of_a_child_are_out_of_reach_for_its_parent():
    """A RayCluster of a RayJob that could not be read: the containers are known, their paths are another object's."""
    job = {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": "train"}}
    spec = {
        "headGroupSpec": {"template": template(container("head"))},
        "workerGroupSpecs": [{"replicas": 2, "template": template(container("worker"))}],
    }
    alone = controller("ray.io/v1", "RayCluster", "alone", spec)
    owned = controller("ray.io/v1", "RayCluster", "train-x7k2p", spec, owner=job)
    state = state_of(**{"rayclusters.ray.io": [alone, owned]})
    cluster, folded = workload(state, "RayCluster", "alone"), workload(state, "RayJob", "train")
    assert (cluster.templates_reachable, cluster.replicas) == (True, 3)
    assert {c.name: c.template for c in cluster.containers} == {
        "head": "spec.headGroupSpec.template",
        "worker": "spec.workerGroupSpecs.0.template",
    }
    assert (folded.templates_reachable, folded.template_path) == (False, None)
    assert {c.name: c.template for c in folded.containers} == {"head": None, "worker": None}


@pytest.mark.parametrize(
    ("conditions", "suspend", "expected"),
    [([], False, 3), ([{"type": "Complete", "status": "True"}], False, 0), ([], True, 0)],
)
def test_pods_of_a_job(conditions, suspend, expected):
    spec = {"parallelism": 3, "suspend": suspend, "template": template()}
    state = state_of(jobs=[controller("batch/v1", "Job", "once", spec, status={"conditions": conditions})])
    assert workload(state, "Job", "once").replicas == expected


def test_pods_of_daemon_sets_and_leader_worker_sets():
    """LWS: 2 groups of 4 pods, the leader among them."""
    daemon = controller("apps/v1", "DaemonSet", "log", {"template": template()}, status={"desiredNumberScheduled": 7})
    spec = {
        "replicas": 2,
        "leaderWorkerTemplate": {"size": 4, "leaderTemplate": template(container("l")), "workerTemplate": template()},
    }
    lws = controller("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "llm", spec)
    state = state_of(daemonsets=[daemon], **{"leaderworkersets.leaderworkerset.x-k8s.io": [lws]})
    assert workload(state, "DaemonSet", "log").replicas == 7
    found = workload(state, "LeaderWorkerSet", "llm")
    assert (found.replicas, found.template_path) == (8, None)
    assert {c.name for c in found.containers} == {"l", "app"}


def test_several_templates_make_one_workload_without_a_patch():
    """The template of most pods stands for the workload: 3 workers against 1 master."""
    master, worker = (
        template(container("pytorch", cpu="1")),
        template(container("pytorch", cpu="4"), nodeSelector={"a": "b"}),
    )
    spec = {
        "pytorchReplicaSpecs": {
            "Master": {"replicas": 1, "template": master},
            "Worker": {"replicas": 3, "template": worker},
        }
    }
    job = controller("kubeflow.org/v1", "PyTorchJob", "train", spec)
    state = state_of(**{"pytorchjobs.kubeflow.org": [job]})
    found = workload(state, "PyTorchJob", "train")
    assert (found.replicas, found.template_path) == (4, None)
    assert [(c.name, c.requests.cpu_cores) for c in found.containers] == [("pytorch", 4.0)]
    assert found.node_selector == {"a": "b"}
    [warning] = state.warnings
    assert (warning.code, warning.objects) == ("several_templates", ("shop/PyTorchJob/train",))


def test_containers_of_several_templates_name_their_own():
    spec = {
        "headGroupSpec": {"template": template(container("head", cpu="2"))},
        "workerGroupSpecs": [{"replicas": 3, "template": template(container("worker", cpu="8"))}],
    }
    state = state_of(**{"rayclusters.ray.io": [controller("ray.io/v1", "RayCluster", "search", spec)]})
    found = workload(state, "RayCluster", "search")
    assert (found.replicas, found.template_path, found.templates_reachable) == (4, None, True)
    assert {c.name: c.template for c in found.containers} == {
        "head": "spec.headGroupSpec.template",
        "worker": "spec.workerGroupSpecs.0.template",
    }
    assert not state.warnings


def test_a_single_replica_spec_can_be_patched():
    job = controller(
        "kubeflow.org/v1",
        "PyTorchJob",
        "train",
        {"pytorchReplicaSpecs": {"Worker": {"replicas": 2, "template": template()}}},
    )
    found = workload(state_of(**{"pytorchjobs.kubeflow.org": [job]}), "PyTorchJob", "train")
    assert found.template_path == "spec.pytorchReplicaSpecs.Worker.template"


def test_an_unknown_kind_is_a_workload_of_its_pods():
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "blue"}}
    default = {
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    pods = [
        pod("blue-0", thing, spec={"tolerations": [default, {"key": "gpu", "operator": "Exists"}]}),
        pod("blue-1", thing, created="2026-10-03T00:00:00Z", phase="Succeeded"),
    ]
    found = workload(state_of(pods=pods), "Thing", "blue")
    assert (found.api_version, found.template_path, found.replicas) == ("example.com/v1", None, 1)
    assert [(c.name, c.injected) for c in found.containers] == [("app", False)]
    assert found.managers == ("Thing",)
    assert found.tolerations == ({"key": "gpu", "operator": "Exists"},)


def test_what_a_controller_adds_to_single_pods_is_no_constraint_of_the_workload():
    """A DaemonSet-like controller pins each pod to its node by name; an ephemeral volume's claim has the pod's name."""
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "blue"}}
    by_name = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}
    by_label = {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    other = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    for term, expected in (
        (by_name, other),
        ({**by_name, **by_label}, {**other, "nodeAffinity": {required: {"nodeSelectorTerms": [by_label]}}}),
        (by_label, {**other, "nodeAffinity": {required: {"nodeSelectorTerms": [by_label]}}}),
    ):
        affinity = {**other, "nodeAffinity": {required: {"nodeSelectorTerms": [term]}}}
        volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}]
        raw = pod("blue-0", thing, spec={"affinity": affinity, "volumes": volumes})
        found = workload(state_of(pods=[raw]), "Thing", "blue")
        assert found.affinity == expected
        assert found.volume_claims == ("blue-0-scratch",)


def test_an_operator_manages_what_lasts_and_takes_in_what_is_generated():
    """A StatefulSet of an operator stays itself; a Job of an unknown kind folds into it."""
    operator = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "k8s"}}
    backup = {"apiVersion": "example.com/v1", "kind": "Backup", "metadata": {"name": "nightly"}}
    stateful = controller(
        "apps/v1", "StatefulSet", "prometheus-k8s", {"replicas": 1, "template": template()}, owner=operator
    )
    job = controller("batch/v1", "Job", "nightly-x7", {"template": template()}, owner=backup)
    state = state_of(statefulsets=[stateful], jobs=[job], pods=[])
    assert [(w.kind, w.name) for w in state.workloads] == [("Backup", "nightly"), ("StatefulSet", "prometheus-k8s")]
    assert workload(state, "StatefulSet", "prometheus-k8s").managers == ("Prometheus",)
    assert workload(state, "StatefulSet", "prometheus-k8s").template_path == "spec.template"
    assert workload(state, "Backup", "nightly").template_path is None


def test_a_kind_without_template_is_filled_from_its_children_and_pods():
    service = controller(
        "serving.kserve.io/v1beta1", "InferenceService", "llm", {"predictor": {"model": {}}}, labels={"t": "m"}
    )
    web = deployment("llm-predictor", pod=template(container("kserve-container", cpu="8")), owner=service)
    owned = replica_set(web)
    pods = [pod(f"llm-{i}", owned, container("kserve-container", cpu="8"), container("queue-proxy")) for i in range(3)]
    state = state_of(
        **{"inferenceservices.serving.kserve.io": [service]}, deployments=[web], replicasets=[owned], pods=pods
    )
    [found] = state.workloads
    assert (found.kind, found.name, found.replicas, found.template_path) == ("InferenceService", "llm", 3, None)
    assert found.labels == {"t": "m"}
    assert [(c.name, c.injected) for c in found.containers] == [("kserve-container", False), ("queue-proxy", True)]


def test_spark_executors_fold_through_their_driver():
    app = controller("sparkoperator.k8s.io/v1beta2", "SparkApplication", "pi", {})
    driver = pod("pi-driver", app, container("spark-kubernetes-driver"))
    executors = [pod(f"pi-exec-{i}", driver, container("spark-kubernetes-executor")) for i in range(2)]
    state = state_of(**{"sparkapplications.sparkoperator.k8s.io": [app]}, pods=[driver, *executors])
    [found] = state.workloads
    assert (found.kind, found.replicas) == ("SparkApplication", 3)
    assert {c.name for c in found.containers} == {"spark-kubernetes-driver", "spark-kubernetes-executor"}


def test_workflows_fold_into_cron_workflows_and_templates():
    cron = controller("argoproj.io/v1alpha1", "CronWorkflow", "etl", {})
    runs = [
        controller("argoproj.io/v1alpha1", "Workflow", "etl-1790000000", {}, owner=cron),
        controller(
            "argoproj.io/v1alpha1",
            "Workflow",
            "adhoc-x",
            {},
            labels={"workflows.argoproj.io/workflow-template": "load"},
        ),
    ]
    pods = [pod(f"{run['metadata']['name']}-step", run, container("main")) for run in runs]
    state = state_of(**{"cronworkflows.argoproj.io": [cron], "workflows.argoproj.io": runs}, pods=pods)
    assert [(w.kind, w.name) for w in state.workloads] == [("CronWorkflow", "etl"), ("WorkflowTemplate", "load")]
    assert all(w.containers[0].name == "main" for w in state.workloads)


def test_knative_services_fold_through_configuration_and_revision():
    service = controller("serving.knative.dev/v1", "Service", "fn", {"template": template(container("user-container"))})
    config = controller("serving.knative.dev/v1", "Configuration", "fn", {}, owner=service)
    revision = controller("serving.knative.dev/v1", "Revision", "fn-00001", {}, owner=config)
    web = deployment("fn-00001-deployment", owner=revision)
    state = state_of(
        **{
            "services.serving.knative.dev": [service],
            "configurations.serving.knative.dev": [config],
            "revisions.serving.knative.dev": [revision],
        },
        deployments=[web],
        pods=[],
    )
    [found] = state.workloads
    assert (found.kind, found.template_path, found.replicas) == ("Service", "spec.template", 0)


def test_bare_and_static_pods():
    """A static pod is one workload over all nodes: its name without the node's."""
    machines = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"node-{i}"}} for i in (1, 2)]
    pods = [
        pod("debug", None, labels={"team": "ops"}),
        *(pod(f"kube-proxy-{n['metadata']['name']}", n, node=n["metadata"]["name"]) for n in machines),
    ]
    state = state_of(pods=pods)
    assert [(w.kind, w.name, w.replicas, w.template_path) for w in state.workloads] == [
        ("Pod", "debug", 1, None),
        ("StaticPod", "kube-proxy", 2, None),
    ]
    assert workload(state, "Pod", "debug").labels == {"team": "ops"}
    assert set(zip(state.pods["kind"], state.pods["workload"], strict=True)) == {
        ("Pod", "debug"),
        ("StaticPod", "kube-proxy"),
    }


def test_claims_of_stateful_pods():
    stateful = controller("apps/v1", "StatefulSet", "db", {"replicas": 2, "template": template()})
    pods = [
        pod(f"db-{i}", stateful, spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": f"d-db-{i}"}}]})
        for i in range(2)
    ]
    assert workload(state_of(statefulsets=[stateful], pods=pods), "StatefulSet", "db").volume_claims == (
        "d-db-0",
        "d-db-1",
    )


@pytest.mark.parametrize(
    ("metadata", "managers"),
    [
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, ("helm",)),
        ({"annotations": {"meta.helm.sh/release-name": "web"}}, ("helm",)),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web"}}, ("argocd",)),
        ({"labels": {"argocd.argoproj.io/instance": "web"}}, ("argocd",)),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "web"}}, ("flux",)),
        ({"managedFields": [{"manager": "argocd-controller", "fieldsV1": {"f:spec": {}}}]}, ("argocd",)),
        ({"managedFields": [{"manager": "Terraform", "fieldsV1": {"f:spec": {}}}]}, ("Terraform",)),
        ({"managedFields": [{"manager": "Terraform", "fieldsV1": {"f:metadata": {}}}]}, ()),
        ({"managedFields": [{"manager": "scaler", "subresource": "scale", "fieldsV1": {"f:spec": {}}}]}, ()),
        ({"managedFields": [{"manager": "kubectl-client-side-apply", "fieldsV1": {"f:spec": {}}}]}, ()),
        ({"managedFields": [{"manager": "kube-controller-manager", "fieldsV1": {"f:spec": {}}}]}, ()),
    ],
)
def test_managers(metadata, managers):
    assert workload(state_of(deployments=[deployment(**metadata)]), "Deployment", "web").managers == managers


def test_of_a_tracking_id_only_the_application_is_kept():
    raw = deployment(annotations={"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web", "other": "x"})
    assert workload(state_of(deployments=[raw]), "Deployment", "web").annotations == {
        "argocd.argoproj.io/tracking-id": "web"
    }


def test_an_odd_object_is_a_warning_and_the_rest_is_read():
    broken = deployment("broken")
    broken["spec"]["template"]["spec"]["containers"] = "none"
    state = state_of(deployments=[broken, deployment(), "no object", {"metadata": {"name": 3}}], nodes=[node()])
    assert [w.name for w in state.workloads] == ["web"]
    [warning] = state.warnings
    assert (warning.code, set(warning.objects)) == ("object_unreadable", {"shop/broken", "(no name)"})
    assert "2 of deployments" in warning.text
    assert warning.costs


def test_two_groups_with_a_kind_of_one_name():
    """Kubernetes' own Job keeps the identity, whichever is read first."""
    own = controller("batch/v1", "Job", "same", {"parallelism": 1, "template": template()})
    other = controller("batch.volcano.sh/v1alpha1", "Job", "same", {"tasks": [{"replicas": 5, "template": template()}]})
    alone = controller(
        "batch.volcano.sh/v1alpha1", "Job", "alone", {"tasks": [{"replicas": 5, "template": template()}]}
    )
    for objects in (
        {"jobs": [own], "jobs.batch.volcano.sh": [other, alone]},
        {"jobs.batch.volcano.sh": [other, alone], "jobs": [own]},
    ):
        state = normalise(objects, cluster="east", now=NOW)
        assert {(w.name, w.api_version, w.replicas) for w in state.workloads} == {
            ("same", "batch/v1", 1),
            ("alone", "batch.volcano.sh/v1alpha1", 5),
        }


def test_the_same_objects_in_another_order_give_the_same_state():
    web = deployment()
    owned = replica_set(web)
    pods = [pod(f"web-{i}", owned) for i in range(5)]
    one = state_of(pods=pods, deployments=[web], replicasets=[owned], nodes=[node("b"), node("a")])
    two = state_of(nodes=[node("a"), node("b")], replicasets=[owned], deployments=[web], pods=pods[::-1])
    assert one.workloads == two.workloads
    assert one.nodes == two.nodes
    assert one.owners == two.owners
    assert one.pods.equals(two.pods)


def test_what_was_not_read_is_not_seen():
    assert "workloads" not in state_of(deployments=[]).seen
    assert "workloads/Deployment" in state_of(deployments=[]).seen
    assert state_of(deployments=[]).pods is None
    assert {"pods", "events"} <= state_of(pods=[]).seen
    everything = "pods deployments statefulsets daemonsets replicasets replicationcontrollers jobs cronjobs"
    assert "workloads" in state_of(**{name: [] for name in everything.split()}).seen
