"""Whole objects that the patches of :func:`fakes.plans.sample_plan` are meant for."""

import copy
from typing import Any

from planner.plan.schema import Plan


def base_objects(plan: Plan) -> dict[tuple[str, str], dict[str, Any]]:
    """(kind, name) -> an object as it runs today, with sidecars and fields that no patch may touch."""
    objects: dict[tuple[str, str], dict[str, Any]] = {}
    for recommendation in plan.recommendations:
        target, patch = recommendation.target, recommendation.patch
        metadata = {"name": target.name, "namespace": target.namespace, "labels": {"team": "a"}}
        plain = {"apiVersion": target.api_version, "kind": target.kind, "metadata": metadata, "spec": {"keep": "me"}}
        document = objects.setdefault((target.kind, target.name), plain)
        pod = document
        for part in [*patch["template_path"].split("."), "spec"]:
            pod = pod.setdefault(part, {})
        pod.setdefault("serviceAccountName", "robot")
        names = patch["container_names"]
        containers = pod.setdefault(patch["container_list"], [_container(name) for name in names])
        own = containers[names.index(target.container)]
        own["resources"] = {side: dict(values) for side, values in recommendation.current.items() if values}
        if "limits" in patch.get("resource_maps", ()):
            own["resources"].setdefault("limits", {})["nvidia.com/gpu"] = "1"
    return objects


def _container(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": f"registry.example/{name}:1",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}},
    }


def intended_objects(plan: Plan) -> dict[tuple[str, str], dict[str, Any]]:
    """The same objects with the proposed values set by hand, without any patch."""
    objects = copy.deepcopy(base_objects(plan))
    for recommendation in plan.recommendations:
        target, patch = recommendation.target, recommendation.patch
        if patch["method"] == "none":
            continue
        pod = objects[target.kind, target.name]
        for part in [*patch["template_path"].split("."), "spec"]:
            pod = pod[part]
        container = next(c for c in pod[patch["container_list"]] if c["name"] == target.container)
        for side in ("requests", "limits"):
            kept = {k: v for k, v in container["resources"].get(side, {}).items() if k not in ("cpu", "memory")}
            container["resources"][side] = kept | recommendation.proposed[side]
    return objects


def without_empty(value: Any) -> Any:
    """The value without empty mappings: ``limits: {}`` and no limits are the same thing."""
    if isinstance(value, dict):
        cleaned = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item != {}}
    return [without_empty(item) for item in value] if isinstance(value, list) else value
