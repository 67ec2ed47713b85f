"""The autoscalers of a plan: settings chosen on replays of the controller, under a service level.

Requests stay as they are where an autoscaler measures against them: the target moves, the effective threshold ``T r``
with it, and nothing that a smaller request would show is counted as a saving.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.decisions.autoscaling import findings as rules
from planner.decisions.autoscaling.choose import Choice, choose
from planner.decisions.autoscaling.inputs import NotReplayed, Scaled, scaled_workloads
from planner.decisions.autoscaling.missing import missing_autoscalers
from planner.decisions.autoscaling.recommendations import autoscaler_target, recommendations
from planner.decisions.candidates import Candidates
from planner.decisions.facts import Facts
from planner.decisions.money import value_per_month
from planner.decisions.requests import RequestsPlan
from planner.domain.pod_request import PlannedWorkload, effective_request
from planner.domain.policy_objects import Autoscaler
from planner.plan.schema import Finding, PlanWarning, Recommendation
from planner.units import GIB
from planner.usage.week import HOURS_PER_WEEK, week_hour


@dataclass(frozen=True, slots=True)
class AutoscalingPlan:
    """What the stage adds to a plan.

    Attributes:
        outcome: requests, and every workload as it will run.
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
    del candidates
    policy = facts.policy.autoscaling
    if not policy.enabled:
        return AutoscalingPlan(outcome)
    open_rows = [row for row in inside if _may_change(facts, row)]
    missing = missing_autoscalers(facts, open_rows, outcome.planned)
    if not facts.autoscalers:
        return AutoscalingPlan(outcome, findings=tuple(missing))
    scaled, refused = scaled_workloads(facts, open_rows)
    step_seconds = float(facts.snapshot.header.step_seconds)
    choices = choose(scaled, policy, step_seconds, [_pod_value(facts, item) for item in scaled])
    changed = [choice for choice in choices if not choice.why_not]
    planned = list(outcome.planned)
    for choice in changed:
        planned[choice.scaled.row] = _as_it_will_run(planned[choice.scaled.row], choice)
    return AutoscalingPlan(
        replace(outcome, planned=planned),
        recommendations=recommendations(facts, changed, policy, step_seconds),
        findings=(*_findings(facts, choices, refused), *missing),
    )


def _may_change(facts: Facts, row: int) -> bool:
    effective = facts.effective[row]
    return not (effective.value.opt_out or effective.excluded)


def _pod_value(facts: Facts, item: Scaled) -> float | None:
    """What one pod's requests are worth a month."""
    prices = facts.prices[item.row]
    workload = facts.workloads[item.row]
    if prices is None:
        return None
    return value_per_month(effective_request(workload, workload.containers), prices)


def _as_it_will_run(planned: PlannedWorkload, choice: Choice) -> PlannedWorkload:
    """With the pods of the replayed proposal, hour by hour of the week."""
    mean = choice.proposed.by_hour
    place = np.array([week_hour(choice.scaled.use.start + hour * 3600.0) for hour in range(len(mean))])
    count = np.bincount(place, minlength=HOURS_PER_WEEK)
    total = np.bincount(place, weights=mean, minlength=HOURS_PER_WEEK)
    week: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), float(mean.mean()))
    template = next(iter(planned.mean_pods), None)
    return replace(planned, week_pods={template: week}, max_pods=float(choice.proposed.setting.maximum))


def _findings(facts: Facts, choices: Sequence[Choice], refused: Sequence[NotReplayed]) -> list[Finding]:
    found = []
    for one in refused:
        found.append(_plain(facts, one.autoscaler, "autoscaler_not_replayed", one.why))
        found += [_told(facts, one.autoscaler, rule) for rule in rules.useless_signals(one.autoscaler)]
    for choice in choices:
        found += _of_choice(facts, choice)
    return found


def _of_choice(facts: Facts, choice: Choice) -> list[Finding]:
    item, autoscaler = choice.scaled, choice.scaled.autoscaler
    workload = facts.workloads[item.row]
    told = [
        rules.dead_target(item.today.target_percent, item.today.request_m, item.today.capacity_m),
        rules.missing_requests(workload.containers, "cpu", item.container),
        rules.always_at_maximum(item.use.pods, item.today.maximum),
        rules.predictable_peak(np.nan_to_num(item.use.used_m), round(86_400 / facts.snapshot.header.step_seconds)),
        *rules.scaled_twice(autoscaler, facts.scalers_of(workload)),
        *(
            rules.quota_below_maximum(item.today.maximum, one.surge, one.request / unit, one.free / unit, word)
            for one in item.room
            for unit, word in [(GIB, "GiB of memory") if one.resource == "memory" else (1.0, "cores")]
        ),
    ]
    found = [_told(facts, autoscaler, rule) for rule in told if rule is not None]
    if choice.why_not:
        found.append(_plain(facts, autoscaler, "autoscaler_stays", choice.why_not))
    return found


def _told(facts: Facts, autoscaler: Autoscaler, rule: rules.Finding) -> Finding:
    return Finding(
        code=rule.kind,
        severity="warning",
        target=autoscaler_target(facts, autoscaler),
        text=rule.message,
        fix=rule.fix,
        numbers={name: float(f"{value:.6g}") for name, value in rule.figures.items() if np.isfinite(value)},
    )


def _plain(facts: Facts, autoscaler: Autoscaler, code: str, text: str) -> Finding:
    return Finding(code=code, severity="info", target=autoscaler_target(facts, autoscaler), text=text)
