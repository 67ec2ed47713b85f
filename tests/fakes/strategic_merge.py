"""How an API server applies the two kinds of patches, written once more and as plainly as can be.

``strategic_merge`` is what the API server does with built-in workload kinds: mappings merge, null deletes, and
the lists of a pod template with a merge key merge by it, keeping their order. ``json_patch`` is RFC 6902 with
the operations test, add, remove and replace; like the API server it takes a test for null where nothing is as passed.
"""

import copy
from typing import Any

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}


def strategic_merge(document: Any, patch: Any) -> Any:
    """The document after the patch; neither is changed."""
    if not isinstance(patch, dict) or not isinstance(document, dict):
        return copy.deepcopy(patch)
    result = copy.deepcopy(document)
    for key, wanted in patch.items():
        if wanted is None:
            result.pop(key, None)
        elif isinstance(wanted, dict):
            result[key] = strategic_merge(result.get(key) or {}, wanted)
        elif isinstance(wanted, list) and key in MERGE_KEYS:
            result[key] = _merge_list(result.get(key) or [], wanted, MERGE_KEYS[key])
        else:
            result[key] = copy.deepcopy(wanted)
    return result


def _merge_list(items: list[Any], patches: list[Any], key: str) -> list[Any]:
    result = copy.deepcopy(items)
    for patch in patches:
        places = [i for i, item in enumerate(result) if item.get(key) == patch[key]]
        if places:
            result[places[0]] = strategic_merge(result[places[0]], patch)
        else:
            result.append(strategic_merge({}, patch))
    return result


class PatchConflict(Exception):
    """A JSON patch that does not fit the document."""


def json_patch(document: Any, operations: list[dict[str, Any]]) -> Any:
    """The document after all operations.

    Raises:
        PatchConflict: a test failed, or a place does not exist. Then nothing is changed.
    """
    result = copy.deepcopy(document)
    for operation in operations:
        _apply(result, operation)
    return result


def _apply(document: Any, operation: dict[str, Any]) -> None:
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    parent = document
    for part in parents:
        parent = _child(parent, part, operation)
    verb = operation["op"]
    if verb == "test":
        there = parent.get(last) if isinstance(parent, dict) else _child(parent, last, operation)
        if there != operation["value"]:
            raise PatchConflict(f"test failed: {operation}")
    elif verb == "add" and isinstance(parent, dict):
        parent[last] = copy.deepcopy(operation["value"])
    elif verb == "add":
        parent.insert(len(parent) if last == "-" else int(last), copy.deepcopy(operation["value"]))
    elif verb == "replace":
        _child(parent, last, operation)
        parent[last if isinstance(parent, dict) else int(last)] = copy.deepcopy(operation["value"])
    elif verb == "remove":
        _child(parent, last, operation)
        del parent[last if isinstance(parent, dict) else int(last)]
    else:
        raise PatchConflict(f"unknown operation: {operation}")


def _child(parent: Any, part: str, operation: dict[str, Any]) -> Any:
    try:
        return parent[part] if isinstance(parent, dict) else parent[int(part)]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise PatchConflict(f"no such place: {operation}") from error
