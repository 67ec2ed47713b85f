"""Everything that the Kubernetes API tells, in one :class:`~planner.collectors.parts.ObservedState`."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from typing import Any

from planner.collectors.kubernetes.client import (
    JSON,
    METADATA_ONLY,
    Forbidden,
    KubernetesApi,
    ListFailed,
    NotFound,
    connect,
)
from planner.collectors.kubernetes.normalise import MOST_NAMES, StateBuilder
from planner.collectors.kubernetes.options import KubernetesOptions
from planner.collectors.kubernetes.resources import Resource, all_resources, rbac_rule, served_version
from planner.collectors.parts import ObservedState, Progress
from planner.errors import SourceAnswerInvalid, SourceDenied
from planner.snapshot.header import Source, SourceWarning

MOST_SINGLE_NAMESPACES = 20
"""With more namespaces than these, one list of the whole cluster is tried first."""


@dataclass(slots=True)
class ListOutcome:
    """How the list of one resource went.

    Attributes:
        forbidden_in: scopes (namespaces, empty = the cluster) that may not be listed.
        missing: the server does not have the resource.
        failed: why the list could not be finished, empty when it could.
        read: at least one scope was read.
    """

    resource: Resource
    forbidden_in: list[str] = field(default_factory=list)
    missing: bool = False
    failed: str = ""
    read: bool = False


def collect_state(options: KubernetesOptions, progress: Progress, *, now: float) -> ObservedState:
    """Connect and read.

    Args:
        options: how to reach the cluster.
        progress: told of every list.
        now: Unix seconds of the observation.

    Raises:
        ConfigError, UsageError: the kubeconfig or its context cannot be used.
        SourceDenied: the credentials are refused, or may not list anything.
        SourceUnreachable: no connection.
    """
    with connect(options) as api:
        return read_state(api, progress, now=now)


def read_state(api: KubernetesApi, progress: Progress, *, now: float) -> ObservedState:
    """Read everything through an open connection; errors as :func:`collect_state`."""
    version = server_version(api)
    resources = available(api)
    builder = StateBuilder(api.cluster, now)
    lock = threading.Lock()
    progress.expect(len(resources))

    def task(resource: Resource) -> ListOutcome:
        outcome = _read_resource(api, resource, builder, lock)
        progress.step(resource.name)
        return outcome

    outcomes = _run_all(api, resources, task)
    if not any(outcome.read for outcome in outcomes):
        raise SourceDenied(
            f"context {api.context!r} may not list anything in the cluster",
            where=api.host,
            fix="grant the ClusterRole of docs/rbac-read.yaml, or name namespaces with --namespace",
        )
    for outcome in outcomes:
        # What is not installed has no objects: that is knowledge, not a gap.
        if outcome.forbidden_in or outcome.failed or (outcome.missing and not outcome.resource.optional):
            builder.unread.add(outcome.resource.name)
        builder.warnings += _warnings(outcome)
    details = {"context": api.context}
    if api.options.namespaces:
        details["namespaces"] = " ".join(sorted(api.options.namespaces))
    source = Source(
        name="kubernetes",
        url=api.host,
        version=version,
        queries=api.requests,
        details=details,
    )
    state = builder.state(source)
    wanted = set(api.options.namespaces)
    if wanted:
        state.volumes = [volume for volume in state.volumes if volume.namespace in wanted]
    return state


def server_version(api: KubernetesApi) -> str:
    """``gitVersion`` of the server, empty where even that is forbidden."""
    try:
        version = api.get("/version").get("gitVersion")
    except (Forbidden, NotFound):
        return ""
    return version[:100] if isinstance(version, str) else ""


def available(api: KubernetesApi) -> list[Resource]:
    """Resources to read, each in a version that the server has. All of them where it does not tell."""
    try:
        served = served_resources(api)
    except (Forbidden, NotFound):
        return list(all_resources())
    found = []
    for resource in all_resources():
        if not resource.optional:
            found.append(resource)
            continue
        version = served_version(resource, served)
        if version:
            found.append(replace(resource, version=version))
    return found


def served_resources(api: KubernetesApi) -> dict[tuple[str, str], list[str]]:
    """(group, plural) -> versions, for the groups of optional resources."""
    groups: dict[str, list[str]] = {}
    for resource in all_resources():
        if resource.optional:
            groups.setdefault(resource.group, []).append(resource.plural)
    served: dict[tuple[str, str], list[str]] = {}
    for entry in _maps(api.get("/apis"), "groups"):
        group = entry.get("name")
        if group not in groups:
            continue
        for version in _maps(entry, "versions"):
            name = version.get("version")
            if not isinstance(name, str) or not name.isalnum():
                continue
            for plural in _plurals(api, group, name) or groups[group]:
                served.setdefault((group, plural), []).append(name)
    return served


def _plurals(api: KubernetesApi, group: str, version: str) -> list[str]:
    """Resources of a group, empty where it does not tell: the service behind it may be down, its lists will say so."""
    try:
        listed = api.get(f"/apis/{group}/{version}")
    except (NotFound, Forbidden, ListFailed, SourceAnswerInvalid):
        return []
    return [str(resource.get("name")) for resource in _maps(listed, "resources")]


def _maps(document: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    value = document.get(key)
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _run_all(
    api: KubernetesApi, resources: list[Resource], task: Callable[[Resource], ListOutcome]
) -> list[ListOutcome]:
    """Outcomes in the order of the resources. The first error that ends everything is raised at once."""
    pool = ThreadPoolExecutor(max_workers=max(1, api.options.threads), thread_name_prefix="kubernetes")
    try:
        futures: list[Future[ListOutcome]] = [pool.submit(task, resource) for resource in resources]
        for future in as_completed(futures):
            future.result()
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read_resource(api: KubernetesApi, resource: Resource, builder: StateBuilder, lock: threading.Lock) -> ListOutcome:
    outcome = ListOutcome(resource)
    namespaces = api.options.namespaces
    if resource.name == "namespaces" and namespaces:
        _read_namespaces(api, outcome, builder, lock)
        return outcome
    if not resource.namespaced or not namespaces:
        _read_scope(api, outcome, "", builder, lock)
        return outcome
    if len(namespaces) > MOST_SINGLE_NAMESPACES:
        _read_scope(api, outcome, "", builder, lock, keep=frozenset(namespaces))
        if not outcome.forbidden_in:
            return outcome
        outcome = ListOutcome(resource)
    for namespace in namespaces:
        _read_scope(api, outcome, namespace, builder, lock)
    return outcome


def _read_scope(
    api: KubernetesApi,
    outcome: ListOutcome,
    namespace: str,
    builder: StateBuilder,
    lock: threading.Lock,
    keep: frozenset[str] = frozenset(),
) -> None:
    """Read one list into the builder; what goes wrong with it alone is noted in the outcome."""
    resource = outcome.resource
    accept = METADATA_ONLY if resource.metadata_only else JSON
    try:
        for page in api.list_pages(resource.path(namespace), accept=accept):
            chosen = [item for item in page if not keep or _namespace_of(item) in keep]
            with lock:
                builder.add(resource.name, chosen)
    except Forbidden:
        outcome.forbidden_in.append(namespace)
    except NotFound:
        outcome.missing = True
    except (ListFailed, SourceAnswerInvalid) as error:
        outcome.failed = error.what
    else:
        outcome.read = True


def _read_namespaces(api: KubernetesApi, outcome: ListOutcome, builder: StateBuilder, lock: threading.Lock) -> None:
    """The chosen namespaces one by one: that needs no right to list them."""
    for namespace in api.options.namespaces:
        document: dict[str, Any] = {"metadata": {"name": namespace}}
        try:
            document = api.get(f"/api/v1/namespaces/{namespace}")
            outcome.read = True
        except Forbidden:
            outcome.forbidden_in.append(namespace)
        except NotFound:
            with lock:
                builder.warnings.append(_no_namespace(namespace))
            continue
        except (ListFailed, SourceAnswerInvalid) as error:
            outcome.failed = error.what
        with lock:
            builder.add("namespaces", [document])


def _namespace_of(item: Any) -> str:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    return namespace if isinstance(namespace, str) else ""


def _no_namespace(namespace: str) -> SourceWarning:
    return SourceWarning(
        source="kubernetes",
        code="namespace_missing",
        text=f"there is no namespace {namespace!r}",
        fix="check --namespace",
        objects=(namespace,),
    )


def _warnings(outcome: ListOutcome) -> list[SourceWarning]:
    resource = outcome.resource
    warnings = []
    if outcome.forbidden_in:
        scopes = tuple(scope for scope in outcome.forbidden_in if scope)
        where = f" in {len(scopes)} namespaces" if scopes else ""
        verb = "get" if resource.name == "namespaces" and scopes else "list"
        fix = f"grant {rbac_rule(verb, resource.group, resource.plural)}"
        if resource.namespaced and not scopes:
            fix += ", or name namespaces with --namespace"
        warnings.append(
            SourceWarning(
                source="kubernetes",
                code="forbidden",
                text=f"{resource.name} may not be read{where}",
                costs=resource.costs,
                fix=fix,
                objects=scopes[:MOST_NAMES],
            )
        )
    if outcome.missing and not resource.optional:
        warnings.append(
            SourceWarning(
                source="kubernetes",
                code="kind_missing",
                text=f"the cluster does not serve {resource.name} in version {resource.version}",
                costs=resource.costs,
                fix=f"with a newer cluster, grant {resource.rule}",
            )
        )
    if outcome.failed:
        warnings.append(
            SourceWarning(
                source="kubernetes",
                code="list_failed",
                text=f"{resource.name} could not be read to the end: {outcome.failed}",
                costs=resource.costs,
                fix="try again; if it stays, look at the services behind the API server (`kubectl get apiservices`)",
            )
        )
    return warnings
