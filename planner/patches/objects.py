"""Patch bodies, one per object: what an export writes and what an apply sends.

Two methods. Built-in kinds take a **strategic merge**: the API server and kustomize both merge their
containers by name, so whatever the patch does not name stays. Custom resources take a **JSON patch**
(RFC 6902): their lists have no merge key, and a merge would replace them whole. Each JSON patch first tests
that the container at its index has the name that it had when the plan was made.

kustomize moves the list elements that a strategic merge names to the front (kustomize issue 5904), and the
order of init containers is the order in which they run. So a patch also names the containers before
the ones it changes. Where those names are not known, a JSON patch is written, which moves nothing.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planner.patches.routes import (
    CONTAINER_LISTS,
    JSON_PATCH,
    STRATEGIC_MERGE,
    NotExported,
    ObjectKey,
    Route,
    is_autoscaler,
    object_key,
    routed,
    template_of,
)
from planner.patches.yaml_text import Path
from planner.plan.schema import Plan, Recommendation

SIDES = ("requests", "limits")
KEPT_IN_ORDER = "Unchanged: named so that kustomize keeps the order of the list."

Pairs = list[tuple[Recommendation, Route]]


@dataclass(frozen=True, slots=True)
class PatchFile:
    """The change of one object.

    Attributes:
        key: the object.
        method: ``strategic-merge`` or ``json-patch``.
        body: a mapping (strategic merge) or a list of operations (JSON patch).
        comments: path inside the body -> lines that say why.
        recommendations: what it carries out, in the order of the containers.
    """

    key: ObjectKey
    method: str
    body: Any
    comments: Mapping[Path, tuple[str, ...]]
    recommendations: tuple[Recommendation, ...]


def patch_objects(plan: Plan) -> list[PatchFile]:
    """One patch per object, sorted by namespace, kind and name; a second one where one kind of patch does not do."""
    patches = [_patch(key, pairs) for key, pairs in routed(plan)[0].items()]
    patches += [_autoscaler(one) for one in plan.recommendations if is_autoscaler(one)]
    for recommendation in plan.recommendations:
        path = template_of(recommendation)
        if not path:
            continue
        rules = _placement(recommendation, path)
        same = next((i for i, p in enumerate(patches) if (p.key, p.method) == (rules.key, STRATEGIC_MERGE)), None)
        if same is None:
            patches.append(rules)
        else:
            patches[same] = _merged(patches[same], rules, path)
    return sorted(patches, key=lambda patch: (patch.key, patch.method))


def _autoscaler(recommendation: Recommendation) -> PatchFile:
    """The spec of a HorizontalPodAutoscaler, ``autoscaling/v2``; its list of metrics is replaced as a whole."""
    target = recommendation.target
    key = ObjectKey(target.namespace or "", target.kind, target.name, "autoscaling/v2")
    body = {
        "apiVersion": key.api_version,
        "kind": key.kind,
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": copy.deepcopy(recommendation.proposed),
    }
    texts = (recommendation.reason.text, *(detail.text for detail in recommendation.reason.details))
    comments: dict[Path, tuple[str, ...]] = {("spec",): (*texts, *recommendation.warnings)}
    return PatchFile(key, STRATEGIC_MERGE, body, comments, (recommendation,))


def _placement(recommendation: Recommendation, path: Path) -> PatchFile:
    """Affinity and spread of a pod template. Lists of spread merge by topology key; those of affinity are whole."""
    key = object_key(recommendation)
    metadata = {"name": key.name} | ({"namespace": key.namespace} if key.namespace else {})
    body: dict[str, Any] = {"apiVersion": key.api_version, "kind": key.kind, "metadata": metadata}
    names = [name for name in ("affinity", "topologySpreadConstraints") if name in recommendation.proposed]
    _put(body, (*path, "spec"), {name: recommendation.proposed[name] for name in names})
    comments: dict[Path, tuple[str, ...]] = {
        (*path, "spec", name): tuple(d.text for d in recommendation.reason.details if d.field == name) for name in names
    }
    return PatchFile(key, STRATEGIC_MERGE, body, comments, (recommendation,))


def _merged(patch: PatchFile, rules: PatchFile, path: Path) -> PatchFile:
    """A patch of requests that holds the rules of placement too."""
    body = copy.deepcopy(patch.body)
    spec: dict[Any, Any] = body
    for part in (*path, "spec"):
        spec = spec.setdefault(part, {})
    source: dict[Any, Any] = rules.body
    for part in (*path, "spec"):
        source = source[part]
    spec |= source
    comments = {**patch.comments, **rules.comments}
    return PatchFile(patch.key, patch.method, body, comments, (*patch.recommendations, *rules.recommendations))


def value_per_month(plan: Plan, recommendation: Recommendation) -> float | None:
    """What it is worth in the measure of the plan's bill; ``None`` = no price is known."""
    if plan.bill.basis == "nodes" and recommendation.saving_per_month is not None:
        return recommendation.saving_per_month
    return recommendation.freed_value_per_month


def worth(plan: Plan, recommendations: Iterable[Recommendation]) -> float:
    """Sum over recommendations, in the currency of the plan; those without a price count as nothing."""
    return sum(value_per_month(plan, recommendation) or 0.0 for recommendation in recommendations)


def not_exported(plan: Plan) -> list[NotExported]:
    """The recommendations that no patch carries, with the reason."""
    return routed(plan)[1]


def _patch(key: ObjectKey, pairs: Pairs) -> PatchFile:
    recommendations = tuple(recommendation for recommendation, _ in pairs)
    if all(route.method == STRATEGIC_MERGE for _, route in pairs) and _order_is_known(pairs):
        body, comments = _strategic_merge(key, pairs)
        return PatchFile(key, STRATEGIC_MERGE, body, comments, recommendations)
    operations, notes = _json_patch(pairs)
    return PatchFile(key, JSON_PATCH, operations, notes, recommendations)


def _lists(pairs: Pairs) -> dict[tuple[tuple[str, ...], str], Pairs]:
    """Recommendations by the list of containers that they belong to."""
    lists: dict[tuple[tuple[str, ...], str], Pairs] = {}
    for recommendation, route in pairs:
        lists.setdefault((route.template_path, route.container_list), []).append((recommendation, route))
    return lists


def _order_is_known(pairs: Pairs) -> bool:
    """Whether every container before the last changed one can be named."""
    for members in _lists(pairs).values():
        named = any(route.container_names for _, route in members)
        changed = {route.container_index for _, route in members}
        if not named and changed != set(range(len(changed))):
            return False
    return True


def _names_in_order(members: Pairs) -> list[str]:
    """Names of a list of containers up to the last one that changes."""
    known = max((route.container_names for _, route in members), key=len)
    if known:
        return list(known[: max(route.container_index for _, route in members) + 1])
    return list(dict.fromkeys(str(recommendation.target.container) for recommendation, _ in members))


def _strategic_merge(key: ObjectKey, pairs: Pairs) -> tuple[dict[str, Any], dict[Path, tuple[str, ...]]]:
    metadata = {"name": key.name} | ({"namespace": key.namespace} if key.namespace else {})
    body: dict[str, Any] = {"apiVersion": key.api_version, "kind": key.kind, "metadata": metadata}
    comments: dict[Path, tuple[str, ...]] = {}
    for (template_path, where), members in sorted(_lists(pairs).items(), key=_list_order):
        by_name = {str(recommendation.target.container): recommendation for recommendation, _ in members}
        place: Path = (*template_path, "spec", where)
        containers: list[dict[str, Any]] = []
        for name in _names_in_order(members):
            here = (*place, len(containers))
            if name not in by_name:
                containers.append({"name": name})
                comments[here] = (KEPT_IN_ORDER,)
                continue
            containers.append({"name": name, "resources": _values(by_name[name])})
            for side, resource, text in _why(by_name[name]):
                comments[(*here, "resources", side, resource)] = text
        _put(body, place, containers)
    return body, comments


def _list_order(item: tuple[tuple[tuple[str, ...], str], Pairs]) -> tuple[tuple[str, ...], int]:
    (template_path, where), _ = item
    return template_path, CONTAINER_LISTS.index(where)


def _put(body: dict[str, Any], path: Path, value: Any) -> None:
    inner: dict[Any, Any] = body
    for part in path[:-1]:
        inner = inner.setdefault(part, {})
    inner[path[-1]] = value


def _side(values: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    found = values.get(side)
    return found if isinstance(found, Mapping) else {}


def _values(recommendation: Recommendation) -> dict[str, dict[str, str | None]]:
    """The whole proposal of a container: a value, or null where one goes away."""
    resources: dict[str, dict[str, str | None]] = {}
    for side in SIDES:
        now, planned = _side(recommendation.current, side), _side(recommendation.proposed, side)
        names = sorted({*now, *planned})
        if names:
            resources[side] = {name: str(planned[name]) if name in planned else None for name in names}
    return resources


def _why(recommendation: Recommendation) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(side, resource, lines): what changes and why."""
    for side, values in _values(recommendation).items():
        now = _side(recommendation.current, side)
        for resource, value in values.items():
            before = str(now[resource]) if resource in now else "not set"
            change = "unchanged" if before == value else f"{before} -> {'not set' if value is None else value}"
            texts = [d.text for d in recommendation.reason.details if d.field == f"{side}.{resource}"]
            first = f"{change}: {texts[0]}" if texts else change
            yield side, resource, (first, *texts[1:])


def _json_patch(pairs: Pairs) -> tuple[list[dict[str, Any]], dict[Path, tuple[str, ...]]]:
    operations: list[dict[str, Any]] = []
    comments: dict[Path, tuple[str, ...]] = {}
    for recommendation, route in pairs:
        container = (*route.template_path, "spec", route.container_list, str(route.container_index))
        comments[(len(operations),)] = ("Stops everything where another container is at this place.",)
        operations.append(
            {"op": "test", "path": _pointer(*container, "name"), "value": recommendation.target.container}
        )
        for operation, notes in _operations(recommendation, route, (*container, "resources")):
            comments |= {(len(operations), *path): text for path, text in notes.items()}
            operations.append(operation)
    return operations, comments


def _operations(
    recommendation: Recommendation, route: Route, place: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], dict[Path, tuple[str, ...]]]]:
    """(operation, comments inside it) for the resources of one container."""
    values, present = _values(recommendation), _present_maps(recommendation, route)
    why = {(side, resource): text for side, resource, text in _why(recommendation)}
    wanted = {side: {name: value for name, value in own.items() if value is not None} for side, own in values.items()}
    if "resources" not in present:
        added = {side: own for side, own in wanted.items() if own}
        notes: dict[Path, tuple[str, ...]] = {
            ("value", side, name): why[side, name] for side, own in added.items() for name in own
        }
        yield from _add_map(route, place, added, notes)
        return
    for side, changes in values.items():
        if side not in present:
            yield from _add_map(
                route, (*place, side), wanted[side], {("value", name): why[side, name] for name in wanted[side]}
            )
            continue
        for name, value in changes.items():
            path = _pointer(*place, side, name)
            verb = {"op": "remove", "path": path} if value is None else {"op": "add", "path": path, "value": value}
            yield verb, {(): why[side, name]}


def _present_maps(recommendation: Recommendation, route: Route) -> frozenset[str]:
    """Which mappings the container has. What today's values show is there; the route may know of more."""
    seen = {side for side in SIDES if _side(recommendation.current, side)}
    known = seen | (route.maps or frozenset())
    return frozenset(known | {"resources"} if known else known)


def _add_map(
    route: Route, place: tuple[str, ...], value: dict[str, Any], notes: dict[Path, tuple[str, ...]]
) -> Iterator[tuple[dict[str, Any], dict[Path, tuple[str, ...]]]]:
    """Add a whole mapping.

    Where it is not known to be absent, a test comes first, so that nothing in it (GPUs, say) is lost. The
    API server, kubectl and kustomize take a test for null as "not there".
    """
    if not value:
        return
    if route.maps is None:
        yield {"op": "test", "path": _pointer(*place), "value": None}, {}
    yield {"op": "add", "path": _pointer(*place), "value": value}, notes


def _pointer(*parts: str) -> str:
    """JSON pointer (RFC 6901)."""
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)
