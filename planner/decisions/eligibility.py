"""Who may be sized, and the reason where not: a refusal is a result too."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.domain.policy_objects import Autoscaler
from planner.domain.workload import Container, ContainerRole, Workload

if TYPE_CHECKING:
    from planner.config.workload_policy import WorkloadPolicy

RESOURCES = ("cpu", "memory")
RECURRING_JOBS = ("CronJob", "CronWorkflow", "ScheduledSparkApplication")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is left alone."""

    code: str
    text: str
    fix: str = ""


def workload_refusal(
    workload: Workload, policy: "WorkloadPolicy", autoscalers: Iterable[Autoscaler], *, excluded: bool
) -> Refusal | None:
    """Why a whole workload is left alone, if it is."""
    if excluded:
        return Refusal(
            "namespace_excluded", f"the policy excludes namespace {workload.namespace}", "excluded_namespaces"
        )
    if policy.opt_out:
        return Refusal("opted_out", "the policy or an annotation opts this workload out")
    if workload.kind == "Job":
        return Refusal("job_runs_once", "a single Job is never run again; its template is immutable")
    if not workload.containers:
        return Refusal("no_containers_known", "no pod template and no pod of it was seen")
    if workload.pod_requests is not None or workload.pod_limits is not None:
        return Refusal(
            "pod_level_resources",
            "its pod template sets resources for the whole pod: those, not its containers', are what counts",
            "size the pod-level resources by hand",
        )
    for scaler in autoscalers:
        if scaler.kind == "VerticalPodAutoscaler" and (scaler.update_mode or "Auto") != "Off":
            return Refusal(
                "vpa_in_charge",
                f"VerticalPodAutoscaler {scaler.name} sets its requests (mode {scaler.update_mode or 'Auto'})",
                "set its updateMode to Off to hand the decision to the planner",
            )
    return None


def container_refusal(workload: Workload, container: Container, *, keep_qos_class: bool) -> Refusal | None:
    """Why a container is left alone whatever it used."""
    if container.injected:
        return Refusal(
            "injected_container",
            "it is not in the pod template: a webhook injects it",
            "size it where the injector is configured",
        )
    if keep_qos_class and is_best_effort(declared_of(workload, container)):
        return Refusal(
            "best_effort_kept",
            "its pod has no requests or limits: any value would change its QoS class",
            "set limits.keep_qos_class: false",
        )
    return None


def hpa_refusals(container: Container, autoscalers: Iterable[Autoscaler]) -> Mapping[str, Refusal]:
    """Resources of a container that an autoscaler scales by utilisation.

    Utilisation is use over request: with half the request the same load shows twice the utilisation, and
    the autoscaler doubles the pods. So the request stays until the target can move with it.
    """
    refusals = {}
    for scaler in autoscalers:
        for metric in scaler.metrics:
            if metric.target_type != "Utilization" or metric.name not in RESOURCES:
                continue
            if metric.container is not None and metric.container != container.name:
                continue
            target = f" at {metric.target:g} %" if metric.target is not None else ""
            refusals[metric.name] = Refusal(
                "hpa_on_same_metric",
                f"{scaler.kind} {scaler.name} scales on its {metric.name} utilisation{target}; "
                "the request can only move together with that target",
            )
    return refusals


@dataclass(frozen=True, slots=True)
class Seen:
    """How much of one resource of one container was seen."""

    samples: int
    days: float
    coverage: float


def evidence_refusal(container: Container, seen: Seen, policy: "WorkloadPolicy") -> Refusal | None:
    """Why the evidence does not carry a recommendation, if it does not."""
    if seen.samples == 0:
        if container.role is ContainerRole.INIT:
            return Refusal(
                "init_too_short_to_measure",
                "it was never sampled: init containers often end between two scrapes",
            )
        return Refusal("no_usage_data", "no usage was seen", "check that its pods ran and that cAdvisor is scraped")
    if seen.days < policy.evidence.min_days:
        return Refusal(
            "too_little_data",
            f"{seen.days:.1f} days of usage, the policy asks for {policy.evidence.min_days:g}",
            "wait, or lower evidence.min_days",
        )
    if seen.coverage < policy.evidence.min_coverage:
        return Refusal(
            "coverage_too_low",
            f"samples for {seen.coverage:.0%} of the time its pods ran, the policy asks for "
            f"{policy.evidence.min_coverage:.0%}",
            "see the warnings for gaps, or lower evidence.min_coverage",
        )
    return None


def declared_of(workload: Workload, container: Container) -> list[Container]:
    """Containers of the same pod template, as declared: injected ones are not in it."""
    return [c for c in workload.containers if not c.injected and c.template == container.template]


def is_best_effort(containers: Iterable[Container]) -> bool:
    """Whether a pod of these containers has QoS class BestEffort: no CPU or memory request or limit at all."""
    return all(
        value is None
        for container in containers
        for side in (container.requests, container.limits)
        for value in (side.cpu_cores, side.memory_bytes)
    )


def is_guaranteed(containers: Iterable[Container]) -> bool:
    """Whether a pod of these containers is Guaranteed: every container's requests equal its limits, both set."""
    checked = list(containers)
    return bool(checked) and all(
        limit is not None and limit == (request if request is not None else limit)
        for container in checked
        for request, limit in (
            (container.requests.cpu_cores, container.limits.cpu_cores),
            (container.requests.memory_bytes, container.limits.memory_bytes),
        )
    )
