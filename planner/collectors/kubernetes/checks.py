"""Lines of ``planner doctor`` about the Kubernetes API."""

from planner.collectors.kubernetes.client import Forbidden, KubernetesApi, ListFailed, NotFound
from planner.collectors.kubernetes.collect import available, server_version
from planner.collectors.kubernetes.resources import Resource, rbac_rule
from planner.collectors.parts import Check
from planner.errors import SourceError

_ESSENTIAL = frozenset(
    {"pods", "nodes", "deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs"}
)


def check_kubernetes(api: KubernetesApi) -> list[Check]:
    """Whether the API answers and which lists it permits. Raises nothing: what goes wrong is a line."""
    try:
        version = server_version(api)
        resources = available(api)
    except SourceError as error:
        return [Check("kubernetes", "fail", f"{error.what} ({error.where})", error.fix)]
    checks = [Check("kubernetes", "ok", f"{api.host} answers, version {version or 'unknown'}, context {api.context}")]
    try:
        checks += [_list_check(api, resource) for resource in resources]
        checks += _proxy_checks(api)
    except SourceError as error:
        checks.append(Check("kubernetes", "fail", f"{error.what} ({error.where})", error.fix))
    return checks


def _list_check(api: KubernetesApi, resource: Resource) -> Check:
    namespaces = api.options.namespaces
    if resource.name == "namespaces" and namespaces:
        return Check("list namespaces", "ok", "not needed: the namespaces are named")
    scopes = namespaces if resource.namespaced and namespaces else ("",)
    denied = [scope for scope in scopes if not may_list(api, resource, scope)]
    if not denied:
        return Check(f"list {resource.name}", "ok", "permitted")
    status = "fail" if resource.name in _ESSENTIAL else "warn"
    where = f" in {', '.join(denied)}" if denied != [""] else ""
    return Check(f"list {resource.name}", status, f"forbidden{where}: {resource.costs}", f"grant {resource.rule}")


def _proxy_checks(api: KubernetesApi) -> list[Check]:
    """Rights that only the search for Prometheus needs."""
    lost = "Prometheus cannot be found and reached through the API server: name it with --prometheus"
    checks = []
    for verb, resource in (("list", "services"), ("get", "services/proxy"), ("create", "services/proxy")):
        permitted = review(api, verb, "", resource, "")
        if permitted is None:
            continue
        text = "permitted" if permitted else f"forbidden: {lost}"
        fix = "" if permitted else f"grant {rbac_rule(verb, '', resource)}"
        checks.append(Check(f"{verb} {resource}", "ok" if permitted else "warn", text, fix))
    return checks


def may_list(api: KubernetesApi, resource: Resource, namespace: str) -> bool:
    """Whether a list is permitted: by a review, else by trying it with ``limit=1``."""
    permitted = review(api, "list", resource.group, resource.plural, namespace)
    if permitted is not None:
        return permitted
    try:
        api.get(resource.path(namespace), {"limit": 1})
    except Forbidden:
        return False
    except (NotFound, ListFailed):
        return True
    return True


def review(api: KubernetesApi, verb: str, group: str, resource: str, namespace: str) -> bool | None:
    """Answer of a SelfSubjectAccessReview, ``None`` where none is given. It stores nothing in the cluster."""
    plural, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": plural}
    if subresource:
        attributes["subresource"] = subresource
    if namespace:
        attributes["namespace"] = namespace
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        status = api.review(body).get("status")
    except (Forbidden, NotFound):
        return None
    allowed = status.get("allowed") if isinstance(status, dict) else None
    return allowed if isinstance(allowed, bool) else None
