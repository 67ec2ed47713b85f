"""Which file holds what: the texts of an export, before anything is written."""

import shlex
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from planner.patches.node_pools import pool_files
from planner.patches.objects import PatchFile, not_exported, patch_objects, value_per_month, worth
from planner.patches.readme import readme
from planner.patches.routes import STRATEGIC_MERGE, NotExported, ObjectKey
from planner.patches.untrusted import LONG_DIGEST, file_stem, one_line
from planner.patches.yaml_text import Path as YamlPath
from planner.patches.yaml_text import comment_lines, to_yaml
from planner.plan.schema import Kind, Plan, Recommendation

README = "README.md"
KUSTOMIZATION = "kustomization.yaml"
WITHOUT_NAMESPACE = "_cluster"
SUFFIXES = {STRATEGIC_MERGE: ".strategic.yaml", "json-patch": ".json6902.yaml"}


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that an export holds.

    Attributes:
        texts: path with ``/`` -> text, sorted.
        patches: as :func:`planner.patches.objects.patch_objects` gives them.
        refused: recommendations without a patch.
        folders: names of the folders of namespaces.
    """

    texts: dict[str, str]
    patches: tuple[PatchFile, ...]
    refused: tuple[NotExported, ...]
    folders: tuple[str, ...]


def contents(plan: Plan) -> Contents:
    """The files of an export: a folder per namespace, a file per object, and a README."""
    pools = pool_files(plan)
    patches = patch_objects(plan)
    refused = [item for item in not_exported(plan) if not (pools and item.recommendation.kind is Kind.NODE_POOL)]
    by_namespace: dict[str, list[PatchFile]] = defaultdict(list)
    for patch in patches:
        by_namespace[patch.key.namespace].append(patch)
    folders = _distinct(by_namespace, _folder_name)
    in_default = _names_in_default(plan)
    texts: dict[str, str] = {}
    for namespace, members in by_namespace.items():
        folder = folders[namespace]
        names = _distinct([patch.key for patch in members], _object_stem)
        files = [(names[patch.key] + SUFFIXES[patch.method], patch) for patch in members]
        for name, patch in files:
            texts[f"{folder}/{name}"] = patch_text(plan, patch, name)
        texts[f"{folder}/{KUSTOMIZATION}"] = _kustomization(plan, namespace, files, in_default)
    places = [(namespace, folders[namespace], tuple(members)) for namespace, members in by_namespace.items()]
    texts |= pools
    texts[README] = readme(plan, places, refused)
    return Contents(dict(sorted(texts.items())), tuple(patches), tuple(refused), tuple(sorted(folders.values())))


def _distinct(keys: Iterable[Any], name_of: Any) -> dict[Any, str]:
    """A name per key. Where two short digests agree the second key takes its long one."""
    taken: dict[str, Any] = {}
    for key in keys:
        name = name_of(key)
        if name in taken:
            name = name_of(key, LONG_DIGEST)
        taken[name] = key
    return {key: name for name, key in taken.items()}


def _folder_name(namespace: str, *length: int) -> str:
    if not namespace:
        return WITHOUT_NAMESPACE
    return file_stem(namespace, dots=False, **_digest(length))


def _object_stem(key: ObjectKey, *length: int) -> str:
    kind = key.kind.lower() if key.kind.isascii() and key.kind.isalnum() else key.kind
    if "." in key.group and not key.group.endswith(".k8s.io"):
        kind = f"{kind}.{key.group}"
    identity = "\0".join((key.kind, key.api_version, key.name))
    return file_stem(f"{kind}-{key.name}", identity, **_digest(length))


def _digest(length: tuple[int, ...]) -> dict[str, Any]:
    return {"digest_length": length[0]} if length else {}


def patch_text(plan: Plan, patch: PatchFile, file_name: str) -> str:
    """A patch as a YAML file: where it comes from, what it is worth, how to apply it, and why each value."""
    header = [
        *_origin(plan),
        f"{patch.key}: {_worth(plan, patch)}",
        *(_container_line(plan, recommendation, patch) for recommendation in patch.recommendations),
        "Apply by hand:",
    ]
    lines = [line for text in header for line in comment_lines(text)]
    command = f"#   {_command(patch, file_name)}"
    return "\n".join([*lines, command]) + "\n" + to_yaml(patch.body, patch.comments)


def _origin(plan: Plan) -> list[str]:
    made_up = ["The snapshot was made up: these values fit no real cluster."] if plan.synthetic else []
    return [
        f"Plan {one_line(plan.plan_id, 80)} of snapshot {one_line(plan.snapshot_id, 80)},"
        f" cluster {one_line(plan.cluster, 80)}.",
        *made_up,
    ]


def _worth(plan: Plan, patch: PatchFile) -> str:
    basis = "value of what is requested; money only when nodes go away"
    return f"{_money(plan, worth(plan, patch.recommendations))}" + (
        f" ({basis})" if plan.bill.basis == "requests" else ""
    )


def _money(plan: Plan, value: float | None) -> str:
    if value is None:
        return "frees what has no known price"
    verb, more = ("frees", "") if round(value, 2) >= 0 else ("needs", " more")
    return f"{verb} {abs(value):,.2f} {one_line(plan.bill.currency, 12)} a month{more}"


def _container_line(plan: Plan, recommendation: Recommendation, patch: PatchFile) -> str:
    evidence = recommendation.evidence
    if recommendation.kind is Kind.AUTOSCALER:
        return (
            f"Autoscaler: {_money(plan, value_per_month(plan, recommendation))}, {one_line(evidence.confidence.value)}"
        )
    if recommendation.kind is Kind.PLACEMENT:
        return f"Placement: {one_line(recommendation.reason.text, 300)}"
    money = f"{_money(plan, value_per_month(plan, recommendation))}, " if len(patch.recommendations) > 1 else ""
    seen = f"{evidence.confidence.value} confidence from {evidence.days:.1f} days of samples"
    return f"Container {one_line(recommendation.target.container, 80)}: {money}{seen}"


def _command(patch: PatchFile, file_name: str) -> str:
    file = shlex.quote(file_name)
    if patch.method == STRATEGIC_MERGE:
        return f"kubectl patch -f {file} --type strategic --patch-file {file}"
    key = patch.key
    kind = ".".join(part for part in (key.kind, key.version, key.group) if part) if key.group else key.kind
    place = f" --namespace {_argument(key.namespace)}" if key.namespace else ""
    return f"kubectl patch{place} {_argument(kind)} {_argument(key.name)} --type json --patch-file {file}"


def _argument(text: str) -> str:
    return shlex.quote(one_line(text, 260))


def _names_in_default(plan: Plan) -> frozenset[tuple[str, str]]:
    """(kind, name) of what the plan knows in the namespace ``default``."""
    targets = [r.target for r in plan.recommendations] + [n.target for n in plan.not_recommended]
    return frozenset((target.kind, target.name) for target in targets if target.namespace == "default")


def _kustomization(
    plan: Plan, namespace: str, files: list[tuple[str, PatchFile]], in_default: frozenset[tuple[str, str]]
) -> str:
    header = [
        *_origin(plan),
        f"Patches of namespace {namespace or '(none)'}. Put this folder under `components:` of your own kustomization.",
        "A target that your objects do not hold is passed over without a message.",
    ]
    entries: list[dict[str, Any]] = []
    for name, patch in files:
        entry = {"group": _plain_regex(patch.key.group)} if patch.key.group else {}
        entry |= {"kind": _plain_regex(patch.key.kind), "name": _regex(patch.key.name)}
        if namespace:
            entry["namespace"] = _namespace_regex(patch.key, in_default)
        entries.append({"path": name, "target": entry})
    body = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "patches": entries}
    comments: dict[YamlPath, tuple[str, ...]] = {
        ("patches",): ("`default` stands for objects whose namespace your kustomization sets later.",)
    }
    lines = [line for text in header for line in comment_lines(text)]
    return "\n".join(lines) + "\n" + to_yaml(body, comments)


def _namespace_regex(key: ObjectKey, in_default: frozenset[tuple[str, str]]) -> str:
    """The namespace, or none yet, which kustomize calls ``default``.

    Where the plan knows another object of that kind and name in ``default`` only the namespace itself will do.
    """
    exact = key.namespace == "default" or (key.kind, key.name) in in_default
    return _regex(key.namespace) if exact else f"({_regex(key.namespace)}|default)"


def _regex(text: str) -> str:
    """The text as a regular expression of Go, which kustomize makes of every field of a target."""
    return "".join("\\" + c if c in "\\.+*?()|[]{}^$" else c for c in text)


def _plain_regex(text: str) -> str:
    """The same with bare dots, since older versions of kustomize compare groups and kinds as text."""
    return _regex(text).replace("\\.", ".")
