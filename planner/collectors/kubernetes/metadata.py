"""Names, owners and managers of an object. Of its annotations only the listed ones are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planner.collectors.kubernetes.fields import FieldError, child, flag, instant, items, text, text_map
from planner.collectors.kubernetes.secrets import looks_like_secret
from planner.collectors.parts import ObjectRef

_KEPT_ANNOTATIONS = frozenset(
    {
        "app.kubernetes.io/managed-by",
        "cluster-autoscaler.kubernetes.io/safe-to-evict",
        "karpenter.sh/do-not-disrupt",
        "karpenter.sh/do-not-evict",
        "meta.helm.sh/release-name",
        "meta.helm.sh/release-namespace",
    }
)
_KEPT_PREFIXES = ("planner/",)
_TRACKING_ID = "argocd.argoproj.io/tracking-id"
LONGEST_ANNOTATION = 512

_MANAGER_LABELS = {
    "argocd.argoproj.io/instance": "argocd",
    "kustomize.toolkit.fluxcd.io/name": "flux",
    "helm.toolkit.fluxcd.io/name": "flux",
}
_MANAGER_ANNOTATIONS = {
    "meta.helm.sh/release-name": "helm",
    _TRACKING_ID: "argocd",
}
_FIELD_MANAGERS = {
    "argocd-controller": "argocd",
    "argocd-application-controller": "argocd",
    "helm": "helm",
    "helm-controller": "flux",
    "kustomize-controller": "flux",
}
_NO_MANAGERS = ("kubectl", "kube-", "openapi-generator", "before-first-apply", "planner", "cluster-policy-controller")
"""Prefixes of field managers that stand for a person, for Kubernetes itself or for this program."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Metadata of one object.

    Attributes:
        annotations: the kept ones only.
        controller: owner reference with ``controller: true``.
        managers: who else writes its spec: tools by their labels, annotations and field managers.
    """

    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    created: float | None
    controller: ObjectRef | None
    managers: tuple[str, ...]


def read_meta(document: Mapping[str, Any]) -> Meta:
    """Read ``metadata``.

    Raises:
        FieldError: no name, or a field of another type.
    """
    raw = child(document, "metadata")
    name = text(raw, "name")
    if not name:
        raise FieldError("metadata.name", "a name", raw.get("name"))
    labels = text_map(raw, "labels")
    annotations = text_map(raw, "annotations")
    return Meta(
        namespace=text(raw, "namespace"),
        name=name,
        uid=text(raw, "uid"),
        labels=labels,
        annotations=kept_annotations(annotations),
        created=instant(raw, "creationTimestamp"),
        controller=_controller(raw),
        managers=_managers(raw, labels, annotations),
    )


def pod_controller(raw_metadata: Mapping[str, Any]) -> ObjectRef | None:
    """Controller of a pod from its raw metadata; a static pod's node counts as one."""
    return _controller(raw_metadata)


def kept_annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations that may be stored: a fixed list, short values that do not look like secrets."""
    kept = {}
    for name, value in sorted(annotations.items()):
        if name == _TRACKING_ID:
            # "app:group/Kind:namespace/name": only the application's name is of use.
            value = value.partition(":")[0]
        elif name not in _KEPT_ANNOTATIONS and not name.startswith(_KEPT_PREFIXES):
            continue
        if len(value) <= LONGEST_ANNOTATION and not looks_like_secret("", value):
            kept[name] = value
    return kept


def _controller(raw: Mapping[str, Any]) -> ObjectRef | None:
    for owner in items(raw, "ownerReferences"):
        if flag(owner, "controller"):
            kind, name = text(owner, "kind"), text(owner, "name")
            if not kind or not name:
                raise FieldError("ownerReferences", "a kind and a name", owner)
            return ObjectRef(kind, name, text(owner, "apiVersion"))
    return None


def _managers(raw: Mapping[str, Any], labels: Mapping[str, str], annotations: Mapping[str, str]) -> tuple[str, ...]:
    found = {manager for label, manager in _MANAGER_LABELS.items() if label in labels}
    found |= {manager for name, manager in _MANAGER_ANNOTATIONS.items() if name in annotations}
    if labels.get("app.kubernetes.io/managed-by", "").lower() == "helm":
        found.add("helm")
    for entry in items(raw, "managedFields"):
        name = text(entry, "manager").strip()
        owns_spec = "f:spec" in child(entry, "fieldsV1") and not entry.get("subresource")
        if not owns_spec or not name or name.lower().startswith(_NO_MANAGERS):
            continue
        found.add(_FIELD_MANAGERS.get(name.lower(), name[:128]))
    return tuple(sorted(found))
