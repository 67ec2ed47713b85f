"""How each recommendation reaches its object, and why some do not."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from planner.plan.schema import Kind, Plan, Recommendation

STRATEGIC_MERGE = "strategic-merge"
JSON_PATCH = "json-patch"
CONTAINER_LISTS = ("initContainers", "containers")

_TEMPLATE_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*", re.ASCII)
_NOT_THE_TEMPLATE = ("apiVersion", "kind", "metadata", "status")
_LONGEST_PATH = 200


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """One object of the cluster that gets a patch."""

    namespace: str
    """Empty for an object without a namespace."""
    kind: str
    name: str
    api_version: str

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """API version without its group."""
        return self.api_version.rpartition("/")[2]

    def __str__(self) -> str:
        """``namespace/Kind/name``."""
        return "/".join(part for part in (self.namespace, self.kind, self.name) if part)


@dataclass(frozen=True, slots=True)
class Route:
    """Where in its object a recommendation goes.

    Attributes:
        method: ``strategic-merge`` or ``json-patch``.
        template_path: of the pod template: ``("spec", "template")``.
        container_list: ``containers`` or ``initContainers``.
        container_index: in that list.
        container_names: all names of that list in their order; empty = not known.
        maps: which of ``resources``, ``requests``, ``limits`` the container has; ``None`` = not known.
    """

    method: str
    template_path: tuple[str, ...]
    container_list: str
    container_index: int
    container_names: tuple[str, ...]
    maps: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class NotExported:
    """A recommendation without a patch."""

    recommendation: Recommendation
    why: str


def object_key(recommendation: Recommendation) -> ObjectKey:
    """The object that holds the recommendation's container."""
    target = recommendation.target
    return ObjectKey(target.namespace or "", target.kind, target.name, target.api_version)


def routed(plan: Plan) -> tuple[dict[ObjectKey, list[tuple[Recommendation, Route]]], list[NotExported]]:
    """Recommendations by object, sorted, and those that no patch can carry."""
    groups: dict[ObjectKey, list[tuple[Recommendation, Route]]] = defaultdict(list)
    refused = []
    for recommendation in plan.recommendations:
        if template_of(recommendation) or is_autoscaler(recommendation):
            continue  # :func:`planner.patches.objects.patch_objects` writes these
        route = route_of(recommendation)
        if isinstance(route, str):
            refused.append(NotExported(recommendation, route))
        else:
            groups[object_key(recommendation)].append((recommendation, route))
    refused.sort(key=lambda r: (object_key(r.recommendation), r.recommendation.target.container or "", r.why))
    ordered = {key: sorted(groups[key], key=lambda pair: _place(*pair)) for key in sorted(groups)}
    return ordered, refused


def _place(recommendation: Recommendation, route: Route) -> tuple[tuple[str, ...], int, int, str]:
    where = CONTAINER_LISTS.index(route.container_list)
    return route.template_path, where, route.container_index, recommendation.id


def route_of(recommendation: Recommendation) -> Route | str:
    """The route, or why there is none."""
    patch = recommendation.patch
    method = patch.get("method")
    if recommendation.kind is not Kind.REQUESTS:
        if method == "none" and patch.get("why_none"):
            return str(patch["why_none"])
        return f"no patch is written for recommendations of kind {recommendation.kind.value}"
    if method == "none":
        return str(patch.get("why_none") or "the plan names no way to it")
    if method not in (STRATEGIC_MERGE, JSON_PATCH):
        return "the plan names no way to it"
    path, index = patch.get("template_path"), patch.get("container_index")
    where = patch.get("container_list", "containers")
    if not isinstance(path, str) or len(path) > _LONGEST_PATH or not _TEMPLATE_PATH.fullmatch(path):
        return "the plan does not tell where its pod template is"
    if path.split(".")[0] in _NOT_THE_TEMPLATE or where not in CONTAINER_LISTS or not recommendation.target.container:
        return "the plan does not tell where its container is"
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        return "the plan does not tell where its container is"
    if not recommendation.target.api_version or not recommendation.target.kind:
        return "the plan does not tell its API version"
    names = _texts(patch.get("container_names"))
    if not (index < len(names) and names[index] == recommendation.target.container):
        names = ()
    target = recommendation.target
    if not f"{target.namespace or ''}{target.name}{target.kind}{target.api_version}{target.container}".isprintable():
        return "its name holds invisible characters, which no Kubernetes name can"
    maps = patch.get("resource_maps")
    return Route(
        method=method,
        template_path=tuple(path.split(".")),
        container_list=where,
        container_index=index,
        container_names=names,
        maps=None if maps is None else frozenset(_texts(maps)),
    )


def is_autoscaler(recommendation: Recommendation) -> bool:
    """Whether it sets a HorizontalPodAutoscaler, which a merge can carry."""
    target = recommendation.target
    return (
        recommendation.kind is Kind.AUTOSCALER
        and recommendation.patch.get("method") == STRATEGIC_MERGE
        and target.kind == "HorizontalPodAutoscaler"
        and target.api_version.startswith("autoscaling/")
        and f"{target.namespace or ''}{target.name}".isprintable()
    )


def template_of(recommendation: Recommendation) -> tuple[str, ...]:
    """Path of the pod template into which a rule of placement goes; empty for all else, and where none is known."""
    if recommendation.kind is not Kind.PLACEMENT or recommendation.patch.get("method") != STRATEGIC_MERGE:
        return ()
    path, target = recommendation.patch.get("template_path"), recommendation.target
    if not isinstance(path, str) or len(path) > _LONGEST_PATH or not _TEMPLATE_PATH.fullmatch(path):
        return ()
    if path.split(".")[0] in _NOT_THE_TEMPLATE or not target.api_version or not target.kind:
        return ()
    is_plain = f"{target.namespace or ''}{target.name}{target.kind}{target.api_version}".isprintable()
    return tuple(path.split(".")) if is_plain else ()


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, Iterable) or isinstance(value, str):
        return ()
    return tuple(str(item) for item in value)
