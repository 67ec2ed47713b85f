"""What a source tells, in one shape, before the sources are merged."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from planner.domain.node import Node
from planner.domain.policy_objects import (
    Autoscaler,
    DisruptionBudget,
    LimitRangeItem,
    Namespace,
    ResourceQuota,
    ZoneBoundVolume,
)
from planner.domain.workload import Workload
from planner.snapshot.header import Source, SourceWarning

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """A controller inside one namespace."""

    kind: str
    name: str
    api_version: str = ""
    """Empty where the source does not tell it (kube-state-metrics does not)."""


OwnerLinks = dict[tuple[str, str, str], ObjectRef]
"""(namespace, kind, name) of an object -> its controller. Pods are not in it: their row names the owner."""


@dataclass(slots=True)
class ObservedState:
    """The objects of a cluster as one source sees them.

    Attributes:
        workloads: every controller with a pod template, children too (a Job of a CronJob);
            :mod:`planner.collectors.merge` folds children into their top controller.
        pods: columns of ``POD_COLUMNS``; ``kind`` and ``workload`` name the *direct* controller,
            ``Pod`` and the pod's own name for bare pods.
        events: columns of ``EVENT_COLUMNS``.
        owners: controller links, so that history (deleted Jobs, old ReplicaSets) folds into its top.
        node_prices: OpenCost's ``node_total_hourly_cost`` by node name.
        seen: tables that this source could read. A table that is absent here is unknown, not empty.
    """

    source: Source
    namespaces: list[Namespace] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    quotas: list[ResourceQuota] = field(default_factory=list)
    limit_ranges: list[LimitRangeItem] = field(default_factory=list)
    autoscalers: list[Autoscaler] = field(default_factory=list)
    disruption_budgets: list[DisruptionBudget] = field(default_factory=list)
    volumes: list[ZoneBoundVolume] = field(default_factory=list)
    pods: "pd.DataFrame | None" = None
    events: "pd.DataFrame | None" = None
    owners: OwnerLinks = field(default_factory=dict)
    node_prices: dict[str, float] = field(default_factory=dict)
    warnings: list[SourceWarning] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


class Progress(Protocol):
    """Where a long collection tells how far it is. Called from several threads."""

    def expect(self, steps: int) -> None:
        """So many more steps are to come."""

    def step(self, text: str) -> None:
        """One step is done; ``text`` names it."""


class SilentProgress:
    """Tells nobody."""

    def expect(self, steps: int) -> None:
        """Nothing."""

    def step(self, text: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``planner doctor``."""

    name: str
    status: str
    """``ok``, ``warn`` or ``fail``."""
    text: str
    fix: str = ""
    """The one line that cures it: a flag, an RBAC rule, a scrape setting."""
