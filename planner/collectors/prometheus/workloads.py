"""Controllers as kube-state-metrics knows them: replicas, and the containers of their newest pod."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from planner.collectors.parts import ObjectRef, OwnerLinks
from planner.collectors.prometheus.pods import NOBODY, Pod, Pods
from planner.collectors.prometheus.queries import any_of
from planner.collectors.prometheus.state_reader import Ask, Rows, StateReader, When
from planner.domain.workload import Container, ContainerRole, Resources, Workload

OWNED = (
    ("ReplicaSet", Ask("kube_replicaset_owner", ("namespace", "replicaset", "owner_kind", "owner_name"), When.LAST)),
    ("Job", Ask("kube_job_owner", ("namespace", "job_name", "owner_kind", "owner_name"), When.LAST)),
    (
        "ReplicationController",
        Ask(
            "kube_replicationcontroller_owner",
            ("namespace", "replicationcontroller", "owner_kind", "owner_name"),
            When.LAST,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A controller kind with metrics of its own."""

    api_version: str
    template_path: str
    label: str
    replicas: str = ""
    """Metric of the wanted pods."""


KINDS: Mapping[str, Kind] = {
    "Deployment": Kind("apps/v1", "spec.template", "deployment", "kube_deployment_spec_replicas"),
    "StatefulSet": Kind("apps/v1", "spec.template", "statefulset", "kube_statefulset_replicas"),
    "DaemonSet": Kind("apps/v1", "spec.template", "daemonset", "kube_daemonset_status_desired_number_scheduled"),
    "ReplicaSet": Kind("apps/v1", "spec.template", "replicaset"),
    "ReplicationController": Kind("v1", "spec.template", "replicationcontroller"),
    "Job": Kind("batch/v1", "spec.template", "job_name", "kube_job_spec_parallelism"),
    "CronJob": Kind("batch/v1", "spec.jobTemplate.spec.template", "cronjob", "kube_cronjob_info"),
    "Pod": Kind("v1", "", "pod"),
}
SURGE = Ask("kube_deployment_spec_strategy_rollingupdate_max_surge", ("namespace", "deployment"))
UNAVAILABLE = Ask("kube_deployment_spec_strategy_rollingupdate_max_unavailable", ("namespace", "deployment"))

CONTAINER = ("namespace", "pod", "uid", "container")
AMOUNT = (*CONTAINER, "resource")
LARGEST_PATTERN = 400
"""Names of pods in one selector; more are read without one."""

KNOWN_RESOURCES: Mapping[str, str] = {
    "cpu": "cpu",
    "memory": "memory",
    "ephemeral_storage": "ephemeral-storage",
    "nvidia_com_gpu": "nvidia.com/gpu",
    "nvidia_com_gpu_shared": "nvidia.com/gpu.shared",
    "amd_com_gpu": "amd.com/gpu",
    "gpu_intel_com_i915": "gpu.intel.com/i915",
}


def resource_name(stored: str) -> str:
    """Kubernetes' name of a resource: ``nvidia_com_mig_1g_5gb`` -> ``nvidia.com/mig-1g.5gb``.

    kube-state-metrics turns every other sign into ``_``; what the rule misses keeps its stored name.
    """
    if stored in KNOWN_RESOURCES:
        return KNOWN_RESOURCES[stored]
    if stored.startswith("nvidia_com_mig_"):
        parts = stored.removeprefix("nvidia_com_mig_").split("_")
        return "nvidia.com/mig-" + ".".join(parts)
    if stored.startswith("hugepages_"):
        return stored.replace("_", "-", 1)
    return stored


def resources_of(amounts: Mapping[str, float]) -> Resources:
    """Resources from amounts by stored name."""
    named = {resource_name(name): value for name, value in amounts.items()}
    cpu, memory = named.pop("cpu", None), named.pop("memory", None)
    return Resources(cpu, None if memory is None else round(memory), dict(sorted(named.items())))


def read_owners(reader: StateReader) -> OwnerLinks:
    """Controller of every ReplicaSet, Job and ReplicationController of the window."""
    links: OwnerLinks = {}
    answers = reader.read([ask for _, ask in OWNED])
    for (kind, _), rows in zip(OWNED, answers, strict=True):
        for namespace, name, owner_kind, owner_name in sorted(rows):
            if owner_kind not in NOBODY:
                known = KINDS.get(owner_kind)
                links[namespace, kind, name] = ObjectRef(owner_kind, owner_name, known.api_version if known else "")
    return links


def top_of(namespace: str, owner: ObjectRef, links: OwnerLinks) -> ObjectRef:
    """The last controller of a chain of owners."""
    for _ in range(8):
        above = links.get((namespace, owner.kind, owner.name))
        if above is None:
            return owner
        owner = above
    return owner


@dataclass(slots=True)
class _Parts:
    """Containers of one pod while their amounts come in."""

    roles: dict[str, ContainerRole] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    requests: dict[str, dict[str, float]] = field(default_factory=dict)
    limits: dict[str, dict[str, float]] = field(default_factory=dict)

    def containers(self) -> tuple[Container, ...]:
        """Init containers and sidecars first, then by name; kube-state-metrics keeps no other order."""
        first = (ContainerRole.INIT, ContainerRole.SIDECAR)
        names = sorted(self.roles, key=lambda name: (self.roles[name] not in first, name))
        return tuple(
            Container(
                name=name,
                role=self.roles[name],
                image=self.images.get(name),
                requests=resources_of(self.requests.get(name, {})),
                limits=resources_of(self.limits.get(name, {})),
            )
            for name in names
        )


def read_workloads(reader: StateReader, pods: Pods, links: OwnerLinks, cluster: str) -> list[Workload]:
    """Top controllers, and Jobs below a CronJob, each with the containers of its newest pod."""
    newest: dict[tuple[str, str, str], Pod] = {}
    running: dict[tuple[str, str, str], int] = {}
    for pod in pods.sorted():
        top = top_of(pod.namespace, pod.owner, links)
        for owner in {pod.owner, top} if pod.owner.kind == "Job" else {top}:
            key = (pod.namespace, owner.kind, owner.name)
            running[key] = running.get(key, 0) + pod.running
            if key not in newest or (newest[key].born, newest[key].uid) < (pod.born, pod.uid):
                newest[key] = pod
    replicas = _read_replicas(reader)
    surge, unavailable = reader.read([SURGE, UNAVAILABLE])
    parts = _read_containers(reader, list(newest.values()))
    workloads = []
    for namespace, kind, name in sorted({*newest, *replicas}):
        known = KINDS.get(kind)
        key = (namespace, kind, name)
        template = newest.get(key)
        held = parts.get((template.namespace, template.name, template.uid)) if template is not None else None
        rolling = (namespace, name) if kind == "Deployment" else ("", "")
        workloads.append(
            Workload(
                cluster=cluster,
                namespace=namespace,
                kind=kind,
                name=name,
                api_version=known.api_version if known else "",
                replicas=replicas.get(key, running.get(key)),
                containers=held.containers() if held is not None else (),
                template_path=(known.template_path or None) if known else None,
                max_surge=_whole(surge.get(rolling)),
                max_unavailable=_whole(unavailable.get(rolling)),
            )
        )
    return workloads


def _whole(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _read_replicas(reader: StateReader) -> dict[tuple[str, str, str], int | None]:
    """(namespace, kind, name) -> pods wanted; ``None`` for a CronJob, whose Jobs tell theirs."""
    kinds = [(kind, known) for kind, known in KINDS.items() if known.replicas]
    answers = reader.read([Ask(known.replicas, ("namespace", known.label)) for _, known in kinds])
    wanted: dict[tuple[str, str, str], int | None] = {}
    for (kind, _), rows in zip(kinds, answers, strict=True):
        for (namespace, name), value in rows.items():
            wanted[namespace, kind, name] = None if kind == "CronJob" else round(value)
    return wanted


def _asks(when: When, only: tuple[str, ...]) -> dict[str, Ask]:
    prefix = "kube_pod"
    info = (*CONTAINER, "image_spec", "image")
    return {
        "app": Ask(f"{prefix}_container_info", info, when, only),
        "init": Ask(f"{prefix}_init_container_info", (*info, "restart_policy"), when, only),
        "requests": Ask(f"{prefix}_container_resource_requests", AMOUNT, when, only),
        "limits": Ask(f"{prefix}_container_resource_limits", AMOUNT, when, only),
        "init_requests": Ask(f"{prefix}_init_container_resource_requests", AMOUNT, when, only),
        "init_limits": Ask(f"{prefix}_init_container_resource_limits", AMOUNT, when, only),
    }


OLD_AMOUNTS = (
    ("requests", "kube_pod_container_resource_requests_cpu_cores", "cpu"),
    ("requests", "kube_pod_container_resource_requests_memory_bytes", "memory"),
    ("limits", "kube_pod_container_resource_limits_cpu_cores", "cpu"),
    ("limits", "kube_pod_container_resource_limits_memory_bytes", "memory"),
)
"""Names before kube-state-metrics 2.0."""


def _read_containers(reader: StateReader, wanted: list[Pod]) -> dict[tuple[str, str, str], _Parts]:
    """Containers of the newest pods: the present ones as they are, the others as they were."""
    parts: dict[tuple[str, str, str], _Parts] = {(pod.namespace, pod.name, pod.uid): _Parts() for pod in wanted}
    by_name = {(pod.namespace, pod.name): (pod.namespace, pod.name, pod.uid) for pod in wanted}
    _take(reader, _asks(When.NOW, ()), parts, by_name)
    absent = sorted({key[1] for key, held in parts.items() if not held.roles})
    if absent:
        only = (f"{reader.scope.names.pod}=~{any_of(absent)}",) if len(absent) <= LARGEST_PATTERN else ()
        gone = {key: _Parts() for key, held in parts.items() if not held.roles}
        _take(reader, _asks(When.LAST, only), gone, by_name)
        parts.update(gone)
    return parts


def _take(
    reader: StateReader,
    asks: Mapping[str, Ask],
    parts: dict[tuple[str, str, str], _Parts],
    by_name: Mapping[tuple[str, str], tuple[str, str, str]],
) -> None:
    """Read containers and amounts into the parts of their pods; other pods are passed over."""

    def held(namespace: str, pod: str, uid: str) -> _Parts | None:
        found = parts.get((namespace, pod, uid))
        if found is None and not uid:
            found = parts.get(by_name.get((namespace, pod), ("", "", "")))
        return found

    answers: Iterable[Rows] = reader.read(list(asks.values()))
    for role, rows in zip(asks, answers, strict=True):
        for key, value in sorted(rows.items()):
            found = held(*key[:3])
            if found is None:
                continue
            container = key[3]
            if role in ("app", "init"):
                sidecar = role == "init" and key[6] == "Always"
                kind = ContainerRole.SIDECAR if sidecar else ContainerRole(role)
                found.roles[container] = kind
                found.images[container] = key[4] or key[5]
            else:
                side = found.requests if role.endswith("requests") else found.limits
                side.setdefault(container, {})[key[4]] = value
    old = [(side, name, resource) for side, name, resource in OLD_AMOUNTS if reader.has(name)]
    if asks["requests"].name in reader.missing and old:
        when, only = asks["requests"].when, asks["requests"].only
        answers = reader.read([Ask(name, CONTAINER, when, only) for _, name, _ in old])
        for (kept, _, resource), rows in zip(old, answers, strict=True):
            for (namespace, pod, uid, container), value in rows.items():
                found = held(namespace, pod, uid)
                if found is not None:
                    amounts = found.requests if kept == "requests" else found.limits
                    amounts.setdefault(container, {})[resource] = value
