"""The autoscalers of a plan: settings chosen on replays, the request together with the target."""

from dataclasses import dataclass

from planner.decisions.candidates import Candidates
from planner.decisions.facts import Facts
from planner.decisions.requests import RequestsPlan
from planner.plan.schema import Finding, PlanWarning, Recommendation


@dataclass(frozen=True, slots=True)
class AutoscalingPlan:
    """What the stage adds to a plan.

    Attributes:
        outcome: requests with those of scaled containers, and every workload as it will run.
        recommendations: of kind ``autoscaler``.
        findings: what is wrong with autoscalers, or missing.
        warnings: what the stage could not see.
    """

    outcome: RequestsPlan
    recommendations: tuple[Recommendation, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()


def plan_autoscaling(facts: Facts, inside: list[int], candidates: Candidates, outcome: RequestsPlan) -> AutoscalingPlan:
    """Choose the autoscalers of the workloads in scope (``inside``: rows of ``facts.workloads``)."""
    del facts, inside, candidates
    return AutoscalingPlan(outcome)
