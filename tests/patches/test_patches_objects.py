"""Patch bodies: applied by a second implementation they give the object that was meant, and touch nothing else."""

import copy
import itertools
from typing import Any

import pytest
from fakes.bases import base_objects, intended_objects, without_empty
from fakes.plans import hostile_plan, recommendation, route, sample_plan, values
from fakes.strategic_merge import PatchConflict, json_patch, strategic_merge
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.patches.objects import PatchFile, not_exported, patch_objects, worth
from planner.plan.schema import Plan


def apply(patch: PatchFile, document: dict[str, Any]) -> dict[str, Any]:
    if patch.method == "strategic-merge":
        return strategic_merge(document, patch.body)
    return json_patch(document, patch.body)


def plan_of(*recommendations: Any) -> Plan:
    return sample_plan(recommendations=recommendations)


def test_every_patch_gives_the_intended_object_and_leaves_the_rest_alone():
    plan = sample_plan()
    bases, wanted = base_objects(plan), intended_objects(plan)
    patches = patch_objects(plan)
    assert len(patches) == 5
    for patch in patches:
        result = apply(patch, bases[patch.key.kind, patch.key.name])
        assert without_empty(result) == without_empty(wanted[patch.key.kind, patch.key.name])


def test_one_patch_holds_all_containers_of_an_object_sorted_by_namespace_kind_and_name():
    patches = patch_objects(sample_plan())
    assert [str(p.key) for p in patches] == [
        "ml/PyTorchJob/train-nightly",
        "ml/Rollout/ranker",
        "shop/CronJob/nightly-report",
        "shop/Deployment/web",
        "shop/StatefulSet/cart-db",
    ]
    web = patches[3]
    assert [r.target.container for r in web.recommendations] == ["warm-cache", "web"]
    assert worth(sample_plan(), web.recommendations) == 1243.5


def test_a_removed_value_is_null_and_the_containers_before_are_named_for_their_order():
    web = patch_objects(sample_plan())[3].body["spec"]["template"]["spec"]
    assert web["containers"] == [
        {"name": "istio-proxy"},
        {
            "name": "web",
            "resources": {"requests": {"cpu": "500m", "memory": "460Mi"}, "limits": {"cpu": None, "memory": "920Mi"}},
        },
    ]
    assert [c["name"] for c in web["initContainers"]] == ["migrate", "warm-cache"]


def test_custom_resources_never_go_through_a_strategic_merge():
    """A merge would replace their lists; the second implementation shows that the patch it gets keeps the other one."""
    plan = sample_plan()
    rollout = next(p for p in patch_objects(plan) if p.key.kind == "Rollout")
    assert rollout.method == "json-patch"
    assert rollout.body[0] == {"op": "test", "path": "/spec/template/spec/containers/0/name", "value": "server"}
    result = apply(rollout, base_objects(plan)["Rollout", "ranker"])
    assert [c["name"] for c in result["spec"]["template"]["spec"]["containers"]] == ["server", "metrics"]


def test_a_json_patch_stops_where_another_container_stands():
    plan = sample_plan()
    rollout = next(p for p in patch_objects(plan) if p.key.kind == "Rollout")
    base = base_objects(plan)["Rollout", "ranker"]
    base["spec"]["template"]["spec"]["containers"].reverse()
    with pytest.raises(PatchConflict, match="test failed"):
        apply(rollout, base)


def test_a_json_patch_keeps_a_gpu_limit_that_the_plan_does_not_speak_of():
    plan = sample_plan()
    job = next(p for p in patch_objects(plan) if p.key.kind == "PyTorchJob")
    result = apply(job, base_objects(plan)["PyTorchJob", "train-nightly"])
    worker = result["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]["containers"][0]
    assert worker["resources"] == {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "6", "memory": "48Gi"}}


def test_a_json_patch_that_cannot_know_what_is_there_stops_rather_than_losing_it():
    """Nothing tells whether the container has ``resources``: added where it has none, refused where it holds a GPU."""
    way = route(["a"], "a", method="json-patch")
    [patch] = patch_objects(plan_of(recommendation("n/Rollout/r/a", values(), values("1", "1Gi"), way, 1.0)))
    bare = {"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}
    container = apply(patch, bare)["spec"]["template"]["spec"]["containers"][0]
    assert container == {"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    with_gpu = copy.deepcopy(bare)
    with_gpu["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "1"}}
    with pytest.raises(PatchConflict):
        apply(patch, with_gpu)


def test_without_the_names_before_it_a_container_is_reached_by_a_json_patch():
    """Container 1 of a list whose container 0 has no known name: a merge could not keep the order in kustomize."""
    way = route(["first", "second"], "second")
    del way["container_names"]
    change = recommendation("n/Deployment/d/second", values("1", "1Gi"), values("2", "1Gi"), way, 1.0)
    [patch] = patch_objects(plan_of(change))
    assert patch.method == "json-patch"
    assert patch.body[0]["path"] == "/spec/template/spec/containers/1/name"
    first = recommendation(
        "n/Deployment/d/first", values("1", "1Gi"), values("2", "1Gi"), way | {"container_index": 0}, 1.0
    )
    [patch] = patch_objects(plan_of(change, first))
    assert patch.method == "strategic-merge"
    assert [c["name"] for c in patch.body["spec"]["template"]["spec"]["containers"]] == ["first", "second"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"method": "none", "why_none": "a bare pod has no template"}, "a bare pod has no template"),
        ({"method": "none"}, "the plan names no way to it"),
        ({"method": "merge"}, "the plan names no way to it"),
        ({"template_path": None}, "the plan does not tell where its pod template is"),
        ({"template_path": "spec.template/../x"}, "the plan does not tell where its pod template is"),
        ({"template_path": "metadata.labels"}, "the plan does not tell where its container is"),
        ({"container_list": "volumes"}, "the plan does not tell where its container is"),
        ({"container_index": -1}, "the plan does not tell where its container is"),
        ({"container_index": True}, "the plan does not tell where its container is"),
        ({"container_index": "0"}, "the plan does not tell where its container is"),
    ],
)
def test_what_no_patch_can_reach_is_told_with_its_reason(changes, why):
    way = route(["a"], "a", **changes)
    plan = plan_of(recommendation("n/Deployment/d/a", values("1"), values("2"), way, 1.0))
    assert patch_objects(plan) == []
    assert [item.why for item in not_exported(plan)] == [why]


def test_every_value_has_a_comment_at_its_own_place():
    for patch in patch_objects(sample_plan()):
        for path, lines in patch.comments.items():
            inner = patch.body
            for part in path:
                inner = inner[part]
            assert lines
            assert all(lines)
        if patch.method == "strategic-merge":
            values_told = [path for path in patch.comments if "resources" in path]
            assert len(values_told) == sum(_count_values(patch.body))


def _count_values(node: Any) -> list[int]:
    if isinstance(node, dict) and "resources" in node:
        return [len(side) for side in node["resources"].values()]
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return list(itertools.chain.from_iterable(_count_values(item) for item in inner))


def test_a_hostile_plan_gives_one_patch_per_object_without_an_error():
    patches = patch_objects(hostile_plan())
    assert len({p.key for p in patches}) == len(patches)


amounts = st.sampled_from(["", "1", "250m", "2", "1e3"])
sides = st.builds(values, amounts, amounts, amounts, amounts)


@settings(max_examples=200, deadline=None)
@given(
    changes=st.lists(st.tuples(sides, sides), min_size=1, max_size=4),
    others=st.integers(0, 2),
    method=st.sampled_from(["strategic-merge", "json-patch"]),
    names_known=st.booleans(),
)
def test_any_change_of_any_containers_gives_what_was_proposed(changes, others, method, names_known):
    """Random containers between unchanged ones: after the patch each has exactly the proposed CPU and memory,
    the order stays, and containers that are not recommended are the same bytes.
    """
    names = [f"{'c' if i < len(changes) else 'other'}{i}" for i in range(len(changes) + others)][::-1]
    recommendations = []
    for i, (now, planned) in enumerate(changes):
        way = route(names, f"c{i}", method=method)
        if not names_known:
            way.pop("container_names")
        recommendations.append(recommendation(f"n/Deployment/d/c{i}", now, planned, way, 1.0, details=()))
    containers = [{"name": name, "image": "x"} for name in names]
    for i, (now, _) in enumerate(changes):
        resources = {side: own for side, own in now.items() if own}
        if resources:
            containers[names.index(f"c{i}")]["resources"] = resources
    document = {"spec": {"template": {"spec": {"containers": containers}}}}
    [patch] = patch_objects(plan_of(*recommendations))
    after = apply(patch, document)["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in after] == names
    for container, before in zip(after, containers, strict=True):
        if container["name"].startswith("other"):
            assert container == before
            continue
        planned = changes[int(container["name"][1:])][1]
        assert without_empty(container.get("resources", {})) == without_empty(planned)
