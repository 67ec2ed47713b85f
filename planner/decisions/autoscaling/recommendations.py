"""From a choice to what the plan says of it: the recommendation, its figures, and the object's new fields."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from planner.config.autoscaling_policy import AutoscalingPolicy
from planner.decisions.autoscaling.choose import CLIPPED, Choice, Replayed
from planner.decisions.autoscaling.sensitivity import Neighbour, around_many
from planner.decisions.facts import Facts
from planner.domain.policy_objects import Autoscaler
from planner.evidence.autoscaling.setting import Setting
from planner.plan.autoscaling import (
    AutoscalerPlan,
    CalibrationLine,
    EpisodeLine,
    RecordedReplicas,
    SensitivityLine,
)
from planner.plan.files import recommendation_id
from planner.plan.frozen import Target
from planner.plan.schema import Confidence, Detail, Evidence, Kind, Reason, Recommendation

REPLICAS_WARNING = (
    "Take spec.replicas out of the workload's manifest: every apply of it sets the pods back to that number."
)
_HIGH, _MEDIUM = 0.9, 0.7
"""Share of the time that the replay of today's setting meets the recorded pods within one."""


def autoscaler_target(facts: Facts, autoscaler: Autoscaler) -> Target:
    """The autoscaler itself."""
    return Target(
        cluster=facts.snapshot.header.cluster,
        api_version=autoscaler.api_version or "autoscaling/v2",
        kind=autoscaler.kind,
        namespace=autoscaler.namespace,
        name=autoscaler.name,
    )


def recommendations(
    facts: Facts, choices: Sequence[Choice], policy: AutoscalingPolicy, step_seconds: float
) -> tuple[Recommendation, ...]:
    """One for each choice that changes its autoscaler, with what moves around it."""
    if not choices:
        return ()
    hold = max(1, round(step_seconds / choices[0].scaled.chain.sync_seconds))
    around = around_many([(c.scaled.use.used_m, c.proposed.setting, c.scaled.chain) for c in choices], hold)
    return tuple(
        _recommendation(facts, choice, policy, step_seconds, near) for choice, near in zip(choices, around, strict=True)
    )


def _recommendation(
    facts: Facts, choice: Choice, policy: AutoscalingPolicy, step_seconds: float, around: Sequence[Neighbour]
) -> Recommendation:
    """What changes, why, and the whole story of the replays."""
    item, autoscaler = choice.scaled, choice.scaled.autoscaler
    target = autoscaler_target(facts, autoscaler)
    now, then = choice.current.whole, choice.proposed.whole
    freed = None
    if now.value_per_month is not None and then.value_per_month is not None:
        freed = round(now.value_per_month - then.value_per_month, 2)
    current, proposed = item.today, choice.proposed.setting
    days = len(item.use.used_m) * step_seconds / 86_400.0
    return Recommendation(
        id=recommendation_id(Kind.AUTOSCALER, target),
        kind=Kind.AUTOSCALER,
        target=target,
        replicas=round(now.mean_replicas, 3),
        current=_spec(autoscaler, current, item.container, is_current=True),
        proposed=_spec(autoscaler, proposed, item.container, is_current=False),
        reason=Reason(text=_summary(choice), details=tuple(_details(choice, policy))),
        evidence=Evidence(
            first=datetime.fromtimestamp(item.use.start, tz=UTC),
            last=datetime.fromtimestamp(item.use.start + days * 86_400.0, tz=UTC),
            days=round(days, 2),
            samples=int(np.isfinite(item.use.used_m).sum()),
            pods=int(np.nanmax(item.use.pods)),
            coverage=round(float(np.isfinite(item.use.used_m).mean()), 4),
            confidence=_confidence(choice, days),
        ),
        freed_value_per_month=freed,
        saving_per_month=None,
        warnings=(REPLICAS_WARNING,),
        autoscaler=_story(facts, choice, policy, days, around),
        patch={"method": "strategic-merge"},
    )


def _summary(choice: Choice) -> str:
    now, then = choice.current.whole, choice.proposed.whole
    one, other = choice.scaled.today, choice.proposed.setting
    return (
        f"target {one.target_percent} -> {other.target_percent} %, replicas {one.minimum} to {one.maximum} ->"
        f" {other.minimum} to {other.maximum}, scale-down window {one.down_window_seconds:g} ->"
        f" {other.down_window_seconds:g} s: {now.mean_replicas:.2f} -> {then.mean_replicas:.2f} pods on average,"
        f" {now.violation_minutes_per_day:.2g} -> {then.violation_minutes_per_day:.2g} minutes a day short"
    )


def _details(choice: Choice, policy: AutoscalingPolicy) -> list[Detail]:
    now, then, last = choice.current.whole, choice.proposed.whole, choice.proposed.held_out
    details = [
        Detail(
            field="metrics",
            code="replayed",
            text="the cheapest of the settings replayed on its own demand that keeps the service level",
            numbers={
                "candidates": choice.candidates, "replays": choice.replays,
                "replica_hours_per_day_now": now.replica_hours_per_day,
                "replica_hours_per_day": then.replica_hours_per_day,
                "violation_minutes_allowed_per_day": float(policy.violation_minutes_per_day),
            },
        ),
        Detail(
            field="metrics",
            code="held_out",
            text="the last quarter of the time, which the choice had not seen",
            numbers={
                "replica_hours_per_day_now": choice.current.held_out.replica_hours_per_day,
                "replica_hours_per_day": last.replica_hours_per_day,
                "violation_minutes_per_day": last.violation_minutes_per_day,
            },
        ),
    ]  # fmt: skip
    if not choice.keeps_level:
        details.append(
            Detail(
                field="metrics",
                code="level_not_kept",
                text="no setting that was replayed keeps the service level; this one breaks it least",
            )
        )
    if choice.clipped > CLIPPED:
        details.append(
            Detail(
                field="maxReplicas",
                code="clipped",
                text=f"all pods of the maximum were busy for {choice.clipped:.1%} of the time: the demand beyond is"
                " unknown, so the maximum is raised first",
            )
        )
    return details


def _confidence(choice: Choice, days: float) -> Confidence:
    share = choice.current.met.share_within_one
    if choice.clipped > CLIPPED or math.isnan(share) or share < _MEDIUM:
        return Confidence.LOW
    return Confidence.HIGH if share >= _HIGH and days >= 7.0 else Confidence.MEDIUM


def _spec(autoscaler: Autoscaler, setting: Setting, container: str | None, *, is_current: bool) -> dict[str, Any]:
    """The fields of an ``autoscaling/v2`` spec that matter here; the proposal names each that changes."""
    goal = {"type": "Utilization", "averageUtilization": setting.target_percent}
    metric: dict[str, Any] = {"type": "Resource", "resource": {"name": "cpu", "target": goal}}
    if container is not None:
        followed = {"name": "cpu", "container": container, "target": goal}
        metric = {"type": "ContainerResource", "containerResource": followed}
    spec: dict[str, Any] = {
        "minReplicas": setting.minimum, "maxReplicas": setting.maximum, "metrics": [metric],
    }  # fmt: skip
    if is_current:
        return spec | ({"behavior": autoscaler.behavior} if autoscaler.behavior is not None else {})
    if setting.behaviour is None:
        return spec | ({"behavior": None} if autoscaler.behavior is not None else {})
    down = {
        "stabilizationWindowSeconds": round(setting.behaviour.down.window_seconds),
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    }
    behavior: dict[str, Any] = {"scaleDown": down}
    if autoscaler.behavior and autoscaler.behavior.get("scaleUp"):
        behavior["scaleUp"] = None  # the replay ran with the defaults
    return spec | {"behavior": behavior}


def _story(
    facts: Facts, choice: Choice, policy: AutoscalingPolicy, days: float, around: Sequence[Neighbour]
) -> AutoscalerPlan:
    item, workload = choice.scaled, facts.workloads[choice.scaled.row]
    one, other = item.today, choice.proposed.setting
    recorded = item.use.pods[np.isfinite(item.use.pods)]
    return AutoscalerPlan(
        workload=Target(
            cluster=facts.snapshot.header.cluster, api_version=workload.api_version, kind=workload.kind,
            namespace=workload.namespace, name=workload.name,
        ),
        container=item.container,
        threshold_cores_now=one.threshold_m / 1000,
        threshold_cores=other.threshold_m / 1000,
        request_cores_now=one.request_m / 1000,
        request_cores=other.request_m / 1000,
        capacity_cores=one.capacity_m / 1000,
        capacity_source=item.capacity_source,
        pod_start_seconds=item.chain.pod_start_seconds,
        pod_start_source=item.start_source,
        days=round(days, 2),
        current=choice.current.whole,
        proposed=choice.proposed.whole,
        held_out_current=choice.current.held_out,
        held_out_proposed=choice.proposed.held_out,
        recorded=RecordedReplicas(
            mean_replicas=round(float(recorded.mean()), 3),
            p95_replicas=round(float(np.quantile(recorded, 0.95)), 2),
            max_replicas=int(recorded.max()),
            share_at_max=round(float((recorded >= one.maximum).mean()), 4),
        ),
        calibration=CalibrationLine(
            mean_error_pods=round(choice.current.met.mean_error_pods, 3),
            share_within_one=round(choice.current.met.share_within_one, 4),
            days=round(choice.current.met.steps * item.chain.sync_seconds / 86_400.0, 2),
        ),
        clipped_share=round(choice.clipped, 4),
        sensitivity=tuple(
            SensitivityLine(
                change=line.change,
                replica_hours_per_day=round(line.replica_hours / days, 3),
                violation_minutes_per_day=round(line.violation_seconds / 60.0 / days, 3),
                worst_violation_minutes=round(line.worst_seconds / 60.0, 2),
            )
            for line in around
        ),
        episodes=(*_episodes(choice, choice.current, "current"), *_episodes(choice, choice.proposed, "proposed")),
        candidates=choice.candidates,
        replays=choice.replays,
        violation_minutes_allowed_per_day=float(policy.violation_minutes_per_day),
        worst_minutes_allowed=float(policy.worst_violation_minutes),
    )  # fmt: skip


def _episodes(choice: Choice, replayed: Replayed, which: str) -> list[EpisodeLine]:
    sync = choice.scaled.chain.sync_seconds
    return [
        EpisodeLine(
            setting="current" if which == "current" else "proposed",
            start=datetime.fromtimestamp(choice.scaled.use.start + one.start_step * sync, tz=UTC),
            minutes=round(one.steps * sync / 60.0, 2),
            unserved_core_seconds=round(one.unserved_core_seconds, 1),
        )
        for one in replayed.seen.worst_episodes
    ]
