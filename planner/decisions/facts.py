"""Everything a decision reads, looked up once per run."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from planner.config.layers import EffectivePolicy
from planner.config.policy import Policy
from planner.decisions.bounds import Ceilings, node_ceilings
from planner.decisions.money import PriceBook, price_book, workload_prices
from planner.domain.pod_request import amount
from planner.domain.policy_objects import Autoscaler, LimitRangeItem, ResourceQuota
from planner.domain.prices import ResourcePrices
from planner.domain.workload import Container, Workload
from planner.snapshot.header import asked_ranges
from planner.snapshot.usage import SECONDS_PER_DAY
from planner.usage.fleet_risk import FleetRisk, learn
from planner.usage.history import UsageHistory, read_history
from planner.usage.pods import PodCounts, count_pods, image_since, pod_owner_rows

if TYPE_CHECKING:
    import pandas as pd

    from planner.snapshot.read import Snapshot


T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Facts:
    """A snapshot, ready to decide on. Lists and arrays run over ``workloads``.

    ``risk`` is what the history teaches; its rows are those of ``history``. ``image_since`` tells when the image that
    a container runs now came, for those that ran another one before (Unix seconds).
    """

    snapshot: "Snapshot"
    policy: Policy
    workloads: tuple[Workload, ...]
    effective: list[EffectivePolicy]
    history: UsageHistory
    risk: FleetRisk
    image_since: dict[tuple[int, str], float]
    counts: PodCounts
    book: PriceBook
    prices: list[ResourcePrices | None]
    ceilings: Ceilings
    autoscalers: dict[tuple[str, str, str], list[Autoscaler]]
    limit_ranges: dict[str, list[LimitRangeItem]]
    quotas: dict[str, list[ResourceQuota]]
    events: dict[tuple[int, str], "pd.DataFrame"]
    rows_of_namespace: dict[str, list[int]]

    def scalers_of(self, workload: Workload) -> list[Autoscaler]:
        """Autoscalers that point at the workload, or at a controller that it owns."""
        return self.autoscalers.get((workload.namespace, workload.kind, workload.name), [])

    def replicas(self, row: int) -> float:
        """Pods that are meant to run at once: declared, else running now, else the mean."""
        declared = self.workloads[row].replicas
        if declared is not None:
            return float(declared)
        now = float(self.counts.now[row])
        return now if now > 0 else float(self.counts.mean[row])

    def billed_pods(self, row: int, container: str) -> float:
        """Pods with a container that the bill sees: the typical week's mean, else the declared number."""
        if self.counts.seen[row]:
            return self.counts.container_mean.get((row, container), 0.0)
        return self.replicas(row)

    def unpriced_nodes(self) -> list[str]:
        """Nodes without a price in the policy's currency, by name."""
        currency = self.policy.currency
        return sorted(n.name for n in self.snapshot.nodes if n.price is None or n.price.currency != currency)

    def steady_pods(self, row: int, container: Container) -> float:
        """Pods with a container that are meant to run at the same time."""
        return self.replicas(row) if container.template is None else self.billed_pods(row, container.name)

    def most_pods(self, row: int, container: Container) -> float:
        """Pods with a container that a quota must hold at the same time.

        The most of: wanted now plus the surge of a roll-out, the autoscalers' maximum, and what ran at once.
        """
        workload = self.workloads[row]
        peak = float(self.counts.container_peak.get((row, container.name), 0))
        if container.template is not None:
            return peak
        wanted = self.replicas(row)
        highest = max((float(scaler.max_replicas or 0) for scaler in self.scalers_of(workload)), default=0.0)
        wanted = max(wanted, highest)
        return max(wanted + surge(workload, wanted), peak)

    def default_limit(self, namespace: str, resource: str) -> float | None:
        """Limit that a LimitRange puts where a container has none."""
        defaults = [
            item.default[resource]
            for item in self.limit_ranges.get(namespace, [])
            if item.type == "Container" and resource in item.default
        ]
        return min(defaults, default=None)

    def limit_today(self, workload: Workload, container: Container, resource: str) -> float | None:
        """Limit that holds today: the container's own, else a LimitRange's default."""
        own = amount(container.limits, resource)
        return self.default_limit(workload.namespace, resource) if own is None else own

    def template_pods(self, row: int) -> dict[str | None, float]:
        """Pod template -> pods that the bill sees; the key is ``None`` for the only template."""
        pods: dict[str | None, float] = {}
        for container in self.workloads[row].containers:
            if container.injected:
                continue
            count = self.billed_pods(row, container.name)
            pods[container.template] = max(pods.get(container.template, 0.0), count)
        return pods or {None: 0.0}


def surge(workload: Workload, pods: float) -> float:
    """Pods that a roll-out adds: ``maxSurge`` of a Deployment (25 % where it is not told), rounded up."""
    if workload.kind not in ("Deployment", "Rollout") or workload.update_strategy == "Recreate":
        return 0.0
    text = workload.max_surge or "25%"
    try:
        share = float(text.removesuffix("%")) / 100 * pods if text.endswith("%") else float(text)
    except ValueError:
        return 0.0
    return float(math.ceil(share - 1e-9))


def gather(snapshot: "Snapshot", policy: Policy) -> Facts:
    """Read a snapshot and resolve the policy for every workload."""
    workloads = snapshot.workloads
    labels = {namespace.name: namespace.labels for namespace in snapshot.namespaces}
    effective = [policy.resolve(w.namespace, labels.get(w.namespace, {}), w.annotations) for w in workloads]
    header = snapshot.header
    since = header.start if policy.history_days is None else header.end - policy.history_days * SECONDS_PER_DAY
    start = max(header.start, since - since % SECONDS_PER_DAY) if policy.history_days is not None else header.start
    book = price_book(snapshot.nodes, policy.currency)
    history = read_history(snapshot, workloads, since)
    return Facts(
        snapshot=snapshot,
        policy=policy,
        workloads=workloads,
        effective=effective,
        history=history,
        risk=learn(history.cpu.ranks, history.memory.day_peak, policy.horizon_days),
        image_since=image_since(snapshot.pods, workloads),
        counts=count_pods(snapshot.pods, workloads, start, header.end, asked_ranges(header)),
        book=book,
        prices=workload_prices(snapshot.pods, workloads, book),
        ceilings=node_ceilings(snapshot.nodes),
        autoscalers=_by(
            snapshot.autoscalers,
            lambda a: (a.namespace, a.workload_kind or a.target_kind, a.workload_name or a.target_name),
        ),
        limit_ranges=_by(snapshot.limit_ranges, lambda item: item.namespace),
        quotas=_by(snapshot.quotas, lambda quota: quota.namespace),
        events=_events_by_container(snapshot, workloads),
        rows_of_namespace=_by(range(len(workloads)), lambda row: workloads[row].namespace),
    )


def _by(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


def _events_by_container(
    snapshot: "Snapshot", workloads: tuple[Workload, ...]
) -> dict[tuple[int, str], "pd.DataFrame"]:
    """(workload row, container) -> its events, over all its pods."""
    events = snapshot.events
    if events.empty:
        return {}
    owners = pod_owner_rows(snapshot.pods, workloads)
    rows = [owners.get(key, -1) for key in zip(events["namespace"], events["pod"], strict=True)]
    known = events.assign(row=rows)
    known = known[known["row"] >= 0]
    return {(int(str(row)), str(name)): group for (row, name), group in known.groupby(["row", "container"], sort=True)}
