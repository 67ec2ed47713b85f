"""Kinds that own pods: the table ``data/workload_kinds.yaml`` as values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.collectors.kubernetes.fields import FieldError, at_path
from planner.shipped import shipped

KUBERNETES_GROUPS = frozenset({"", "apps", "batch", "autoscaling", "policy", "scheduling.k8s.io"})
"""API groups whose resources are named by their plural alone."""


def resource_name(plural: str, group: str) -> str:
    """Name of a resource as kubectl takes it: ``deployments``, ``rollouts.argoproj.io``."""
    return plural if group in KUBERNETES_GROUPS else f"{plural}.{group}"


def group_of(api_version: str) -> str:
    """API group of an ``apiVersion``: ``apps/v1`` -> ``apps``, ``v1`` -> the empty text."""
    return api_version.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class TemplateFact:
    """Where a kind keeps a pod template.

    Attributes:
        path: dotted path, ``*`` for every key or item.
        pods: paths whose product is the number of pods of one template; ``None`` = not told by the object.
        pod_spec: the path holds a pod spec, not a template with a ``spec``.
    """

    path: str
    pods: tuple[str, ...] | None
    pod_spec: bool = False


@dataclass(frozen=True, slots=True)
class KindFacts:
    """One row of the table; the file's head explains the fields."""

    kind: str
    group: str
    versions: tuple[str, ...]
    plural: str
    patch: str
    templates: tuple[TemplateFact, ...] = ()
    immutable: bool = False
    metadata_only: bool = False
    link_only: bool = False
    generates: tuple[str, ...] = ()
    parent_labels: tuple[tuple[str, str], ...] = ()

    @property
    def resource(self) -> str:
        """Name of the resource as kubectl takes it."""
        return resource_name(self.plural, self.group)

    @property
    def api_version(self) -> str:
        """Preferred ``apiVersion``."""
        return f"{self.group}/{self.versions[0]}" if self.group else self.versions[0]

    @property
    def built_in(self) -> bool:
        """Whether every cluster has this kind."""
        return self.group in KUBERNETES_GROUPS


@dataclass(frozen=True, slots=True)
class FoundTemplate:
    """A pod template inside one object.

    Attributes:
        path: its concrete dotted path.
        content: the template, or the pod spec wrapped as one.
        pods: how many pods it makes, ``None`` = not known.
        pod_spec: whether the path holds a pod spec.
    """

    path: str
    content: Mapping[str, Any]
    pods: int | None
    pod_spec: bool


@cache
def workload_kinds() -> tuple[KindFacts, ...]:
    """All rows of the table, Kubernetes' own kinds first."""
    import yaml

    text = (shipped("data") / "workload_kinds.yaml").read_text(encoding="utf-8")
    return tuple(_row(row) for row in yaml.safe_load(text))


def _row(row: Mapping[str, Any]) -> KindFacts:
    templates = [
        TemplateFact(item["path"], None if item["pods"] is None else tuple(item["pods"]), key == "pod_specs")
        for key in ("templates", "pod_specs")
        for item in row.get(key, ())
    ]
    return KindFacts(
        kind=row["kind"],
        group=row["group"],
        versions=tuple(row["versions"]),
        plural=row["plural"],
        patch=row["patch"],
        templates=tuple(templates),
        immutable=row.get("immutable", False),
        metadata_only=row.get("metadata_only", False),
        link_only=row.get("link_only", False),
        generates=tuple(row.get("generates", ())),
        parent_labels=tuple(row.get("parent_labels", {}).items()),
    )


@cache
def _by_kind() -> Mapping[str, tuple[KindFacts, ...]]:
    rows: dict[str, tuple[KindFacts, ...]] = {}
    for facts in workload_kinds():
        rows[facts.kind] = (*rows.get(facts.kind, ()), facts)
    return rows


def kind_facts(kind: str, api_version: str = "") -> KindFacts | None:
    """Row of a kind, ``None`` when the table does not have it.

    Args:
        kind: as in the object.
        api_version: tells apart kinds of the same name (``Job`` of ``batch`` and of
            ``batch.volcano.sh``); empty takes the first.
    """
    rows = _by_kind().get(kind, ())
    if not api_version:
        return rows[0] if rows else None
    group = group_of(api_version)
    return next((facts for facts in rows if facts.group == group), None)


def patch_method(kind: str, api_version: str) -> str:
    """How a patch reaches the pod template: ``strategic-merge``, ``json-patch`` or ``none``."""
    facts = kind_facts(kind, api_version)
    return facts.patch if facts is not None else "none"


def find_templates(facts: KindFacts, document: Mapping[str, Any]) -> list[FoundTemplate]:
    """Pod templates of one object, in the order of the table, then of keys or items.

    Raises:
        FieldError: something stands where a template or a count should be.
    """
    found = []
    for fact in facts.templates:
        for path, bound, content in _expand(document, fact.path):
            if not isinstance(content, dict):
                raise FieldError(path, "a pod template", content)
            pods = _pods(document, fact, bound)
            template = {"spec": content} if fact.pod_spec else content
            found.append(FoundTemplate(path, template, pods, fact.pod_spec))
    return found


def _pods(document: Mapping[str, Any], fact: TemplateFact, bound: tuple[str, ...]) -> int | None:
    if fact.pods is None:
        return None
    product = 1
    for path in fact.pods:
        keys = iter(bound)
        concrete = ".".join(next(keys) if part == "*" else part for part in path.split("."))
        value = at_path(document, concrete)
        if value is None:
            if path.startswith("status."):
                return None
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            raise FieldError(concrete, "a number of pods", value)
        product *= value
    return product


def _expand(document: Any, path: str) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """Concrete path, keys bound to the stars, and value of everything a path reaches; empty values left out."""
    front: list[tuple[tuple[str, ...], tuple[str, ...], Any]] = [((), (), document)]
    for part in path.split("."):
        step = []
        for done, bound, value in front:
            if part == "*":
                pairs = _children(value, ".".join(done))
                step += [((*done, key), (*bound, key), child) for key, child in pairs]
            elif isinstance(value, dict) and value.get(part) is not None:
                step.append(((*done, part), bound, value[part]))
        front = step
    for done, bound, value in front:
        if value:
            yield ".".join(done), bound, value


def _children(value: Any, where: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return sorted(value.items())
    if isinstance(value, list):
        return [(str(index), child) for index, child in enumerate(value)]
    raise FieldError(where, "a list or a map", value)
