"""Workloads that run a fixed number of pods through the day and could breathe with their demand."""

from collections.abc import Sequence

import numpy as np

from planner.decisions.autoscaling.inputs import DAYS, LEAST_DAYS
from planner.decisions.facts import Facts
from planner.domain.pod_request import PlannedWorkload, effective_request
from planner.plan.frozen import Target
from planner.plan.schema import Finding
from planner.usage.scaled import scaled_use

KINDS = frozenset({"Deployment", "Rollout"})
FEWEST_PODS = 4
"""With fewer the minimum for availability is most of what runs."""
WORTH = 0.3
"""Share of the pods that an autoscaler would leave out on average, from which it is told."""


def missing_autoscalers(facts: Facts, inside: Sequence[int], planned: Sequence[PlannedWorkload]) -> list[Finding]:
    """Findings for workloads in scope without any autoscaler, by the planned requests and the policy's target.

    The pods needed in a step are ``ceil(used / (T r))``, at least the policy's minimum: what an autoscaler that saw the
    demand at once would run. A replay of the real one comes with its first setting.
    """
    policy = facts.policy.autoscaling
    rows = {
        row: None
        for row in inside
        if facts.workloads[row].kind in KINDS
        and facts.replicas(row) >= FEWEST_PODS
        and not facts.scalers_of(facts.workloads[row])
    }
    found = []
    for row, use in scaled_use(facts.snapshot, facts.workloads, rows, DAYS).items():
        known = use.used_m[np.isfinite(use.used_m)]
        if known.size * facts.snapshot.header.step_seconds < LEAST_DAYS * 86_400:
            continue
        request_m = 1000.0 * effective_request(planned[row].workload, planned[row].containers).cpu_cores
        if request_m <= 0.0:
            continue
        needed = np.maximum(np.ceil(known / (policy.max_target_percent / 100.0 * request_m)), policy.min_replicas)
        pods, mean, most = facts.replicas(row), float(needed.mean()), int(needed.max())
        if mean > (1.0 - WORTH) * pods:
            continue
        workload = facts.workloads[row]
        found.append(
            Finding(
                code="no_autoscaler",
                severity="info",
                target=Target(
                    cluster=facts.snapshot.header.cluster, api_version=workload.api_version, kind=workload.kind,
                    namespace=workload.namespace, name=workload.name,
                ),
                text=f"{pods:.0f} pods run all day; at {policy.max_target_percent} % of the planned request its demand"
                f" needs {mean:.1f} on average and {most} at most",
                fix=f"add a HorizontalPodAutoscaler: CPU at {policy.max_target_percent} %, {policy.min_replicas} to"
                f" {max(most + 1, round((1 + float(policy.growth)) * most))} pods, or run fewer",
                numbers={"pods": pods, "mean_needed": round(mean, 2), "most_needed": most},
            )
        )  # fmt: skip
    return sorted(found, key=lambda finding: (finding.target.namespace or "", finding.target.name))
