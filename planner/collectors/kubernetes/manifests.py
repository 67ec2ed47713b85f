"""Workloads from files that people apply: read as the cluster's own objects are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from planner.collectors.kubernetes.fields import FieldError
from planner.collectors.kubernetes.kinds import KindFacts, group_of, workload_kinds
from planner.collectors.kubernetes.workloads import WorkloadReader
from planner.domain.workload import Workload
from planner.errors import UsageError

_MOST_BYTES = 10_000_000


def read_manifests(path: Path, cluster: str) -> tuple[Workload, ...]:
    """Workloads of a YAML file with one or more documents; other kinds of objects are passed over.

    Raises:
        UsageError: the file cannot be read, is not YAML, or holds no workload.
    """
    import yaml

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError("the manifest is larger than 10 MB", where=str(path))
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read the manifest: {error.strerror}", where=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        line = str(error).replace("\n", " ")[:200]
        raise UsageError(f"the manifest is not YAML: {line}", where=str(path)) from error
    kinds = {(facts.kind, facts.group): facts for facts in workload_kinds()}
    reader = WorkloadReader(cluster)
    for number, document in enumerate(_objects(documents), start=1):
        facts = _facts(kinds, document)
        if facts is None:
            continue
        try:
            reader.add(facts, _with_namespace(document))
        except FieldError as error:
            raise UsageError(f"object {number} of the manifest: {error}", where=str(path)) from error
    found = tuple(reader.workloads[key] for key in sorted(reader.workloads))
    if not found:
        raise UsageError(
            "the manifest holds no workload", where=str(path), fix="give a Deployment, StatefulSet, Job or the like"
        )
    return found


def _objects(documents: list[Any]) -> list[Mapping[str, Any]]:
    """Objects, those of lists one by one."""
    found: list[Mapping[str, Any]] = []
    for document in documents:
        if isinstance(document, Mapping):
            items = document.get("items")
            is_list = str(document.get("kind", "")).endswith("List") and isinstance(items, list)
            found += [item for item in items if isinstance(item, Mapping)] if is_list and items else [document]
    return found


def _facts(kinds: Mapping[tuple[str, str], KindFacts], document: Mapping[str, Any]) -> KindFacts | None:
    facts = kinds.get((str(document.get("kind", "")), group_of(str(document.get("apiVersion", "")))))
    return None if facts is None or facts.link_only or not facts.templates else facts


def _with_namespace(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """``default`` where none is written, as kubectl does."""
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("namespace"):
        return document
    return {**document, "metadata": {**metadata, "namespace": "default"}}
