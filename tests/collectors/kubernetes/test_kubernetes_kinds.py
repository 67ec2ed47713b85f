"""The table of kinds, and pod templates found by its paths."""

import pytest
import yaml

from planner.collectors.kubernetes.fields import FieldError
from planner.collectors.kubernetes.kinds import find_templates, kind_facts, patch_method, workload_kinds
from planner.collectors.kubernetes.resources import all_resources
from planner.shipped import shipped

NEEDED = """
    Deployment StatefulSet DaemonSet ReplicaSet ReplicationController Job CronJob PyTorchJob TFJob MPIJob XGBoostJob
    PaddleJob JAXJob TrainJob JobSet RayCluster RayJob RayService Workflow CronWorkflow Rollout SparkApplication
    ScheduledSparkApplication Notebook InferenceService Service DeploymentConfig StrimziPodSet LeaderWorkerSet ScaledJob
"""


def test_every_row_is_sound():
    for facts in workload_kinds():
        assert facts.patch in ("strategic-merge", "json-patch", "none"), facts.kind
        # A strategic merge needs merge keys, which only Kubernetes' own types have.
        assert (facts.patch == "strategic-merge") == facts.built_in, facts.kind
        assert bool(facts.templates) != facts.metadata_only, f"{facts.kind}: templates need the whole object"
        for template in facts.templates:
            stars = template.path.split(".").count("*")
            assert all(path.split(".").count("*") <= stars for path in template.pods or ()), facts.kind
    names = [facts.resource for facts in workload_kinds()]
    assert len(names) == len(set(names))


def test_the_table_has_the_kinds_people_use_and_no_unknown_fields():
    assert set(NEEDED.split()) <= {facts.kind for facts in workload_kinds()}
    rows = yaml.safe_load((shipped("data") / "workload_kinds.yaml").read_text())
    known = {"kind", "group", "versions", "plural", "patch", "templates", "pod_specs", "immutable", "metadata_only"}
    assert {key for row in rows for key in row} <= known | {"link_only", "generates", "parent_labels"}


def test_the_group_tells_apart_kinds_of_one_name():
    assert kind_facts("Job").group == "batch"
    assert kind_facts("Job", "batch/v1").patch == "strategic-merge"
    assert kind_facts("Job", "batch.volcano.sh/v1alpha1").resource == "jobs.batch.volcano.sh"
    assert kind_facts("Job", "nowhere.example/v1") is None
    assert patch_method("Rollout", "argoproj.io/v1alpha1") == "json-patch"
    assert patch_method("Strange", "example.com/v1") == "none"


def test_stars_reach_every_replica_spec_and_count_its_pods():
    """1 master + 3 workers; JobSet: 2 replicas of 4 parallel pods and one of unset (= 1) parallelism."""
    template = {"spec": {"containers": []}}
    job = {
        "spec": {
            "pytorchReplicaSpecs": {"Worker": {"replicas": 3, "template": template}, "Master": {"template": template}}
        }
    }
    found = find_templates(kind_facts("PyTorchJob"), job)
    assert [(each.path, each.pods) for each in found] == [
        ("spec.pytorchReplicaSpecs.Master.template", 1),
        ("spec.pytorchReplicaSpecs.Worker.template", 3),
    ]
    jobs = [
        {"replicas": 2, "template": {"spec": {"parallelism": 4, "template": template}}},
        {"template": {"spec": {"template": template}}},
    ]
    found = find_templates(kind_facts("JobSet"), {"spec": {"replicatedJobs": jobs}})
    assert [(each.path, each.pods) for each in found] == [
        ("spec.replicatedJobs.0.template.spec.template", 8),
        ("spec.replicatedJobs.1.template.spec.template", 1),
    ]


def test_a_count_that_the_status_does_not_tell_yet_is_unknown():
    [found] = find_templates(kind_facts("DaemonSet"), {"spec": {"template": {"spec": {}}}})
    assert found.pods is None


@pytest.mark.parametrize(
    "spec", [{"template": "x"}, {"template": {"spec": {}}, "replicas": "3"}, {"template": {"spec": {}}, "replicas": -1}]
)
def test_another_type_in_its_place_is_a_field_error(spec):
    with pytest.raises(FieldError):
        find_templates(kind_facts("Deployment"), {"spec": spec})


def test_the_shipped_role_permits_exactly_what_is_read():
    from pathlib import Path

    [reading, finding] = yaml.safe_load_all((Path(__file__).parents[3] / "docs/rbac-read.yaml").read_text())
    granted = {
        (group, resource, verb)
        for rule in reading["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    needed = {(resource.group, resource.plural, "list") for resource in all_resources()} | {("", "namespaces", "get")}
    assert granted == needed
    verbs = {verb for rule in finding["rules"] for verb in rule["verbs"]}
    assert verbs == {"list", "get", "create"}
