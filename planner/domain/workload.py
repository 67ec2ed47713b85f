"""Workloads and their containers, as declared in the pod template."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from planner.domain.keys import WorkloadKey

type_json = dict[str, Any]
"""A Kubernetes fragment that is carried along unread (affinity terms and the like)."""


class ContainerRole(StrEnum):
    """When a container runs inside its pod."""

    APP = "app"
    INIT = "init"
    """Runs to its end before the app containers start."""
    SIDECAR = "sidecar"
    """Native sidecar: an init container with ``restartPolicy: Always``."""


@dataclass(frozen=True, slots=True)
class Resources:
    """One side (requests or limits) of a container's or pod's resources; ``None`` = not set."""

    cpu_cores: float | None = None
    memory_bytes: int | None = None
    extended: Mapping[str, float] = field(default_factory=dict)
    """Everything else by resource name: ``nvidia.com/gpu``, ``ephemeral-storage`` (bytes) ..."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod template (or, for injected ones, of the running pods)."""

    name: str
    role: ContainerRole = ContainerRole.APP
    image: str | None = None
    requests: Resources = field(default_factory=Resources)
    limits: Resources = field(default_factory=Resources)
    heap_bytes: int | None = None
    """Fixed heap that the container's settings ask for (``-Xmx``, ``GOMEMLIMIT``, ...)."""
    heap_source: str | None = None
    """Which setting told ``heap_bytes``: ``-Xmx``, ``MaxRAMPercentage=75`` ..."""
    resize_restart: tuple[str, ...] = ()
    """Resources whose ``resizePolicy`` restarts the container: subset of (``cpu``, ``memory``)."""
    injected: bool = False
    """Seen on pods but not in the template: a webhook put it there, no template patch can size it."""
    template: str | None = None
    """Path of its pod template in a workload that has several (a Ray head and its workers); ``None`` = the only one."""
    secret_like_variables: tuple[str, ...] = ()
    """Names of plain variables whose value looked like a secret. The values are never kept."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The top controller of a set of pods, with its pod template."""

    cluster: str
    namespace: str
    kind: str
    name: str
    api_version: str
    replicas: int | None = None
    """Pods wanted now; a Job's parallelism; nodes matched for a DaemonSet; ``None`` = not known."""
    containers: tuple[Container, ...] = ()
    """In the order of the template: init containers and sidecars first."""
    template_path: str | None = None
    """Dotted path of the only pod template (``spec.template``); ``None`` = several, or no patch can reach it."""
    templates_reachable: bool = False
    """Of a workload with several templates: whether a patch can reach those that its containers name."""
    pod_requests: Resources | None = None
    """Pod-level ``spec.resources.requests`` (KEP-2837)."""
    pod_limits: Resources | None = None
    overhead: Resources | None = None
    """RuntimeClass overhead."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    affinity: type_json | None = None
    tolerations: tuple[type_json, ...] = ()
    topology_spread: tuple[type_json, ...] = ()
    volume_claims: tuple[str, ...] = ()
    priority_class: str | None = None
    priority: int | None = None
    update_strategy: str | None = None
    max_surge: str | None = None
    max_unavailable: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the controller object."""
    selector: Mapping[str, str] = field(default_factory=dict)
    """``matchLabels`` of the pod selector."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Only the allow-listed ones: ownership, safe-to-evict, and the planner's own."""
    managers: tuple[str, ...] = ()
    """Who owns the object beside its author: ``helm``, ``argocd``, ``flux``, an operator's kind."""
    created: float | None = None
    """Unix seconds."""

    @property
    def key(self) -> WorkloadKey:
        """Identity over time."""
        return WorkloadKey(self.cluster, self.namespace, self.kind, self.name)
