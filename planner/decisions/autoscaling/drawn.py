"""The replay of a recommendation once more, to be drawn: from the snapshot, and the settings that stand in the plan."""

from typing import TYPE_CHECKING, Any

import numpy as np

from planner.decisions.autoscaling.current import behaviour_of
from planner.decisions.autoscaling.inputs import DAYS
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.drawing import DrawnSetting, ReplayForPlot
from planner.evidence.autoscaling.lanes import make_lanes
from planner.evidence.autoscaling.replay import replay_tracks
from planner.evidence.autoscaling.setting import Setting
from planner.plan.autoscaling import AutoscalerPlan
from planner.plan.schema import Recommendation
from planner.usage.pods import workload_rows
from planner.usage.scaled import scaled_use

if TYPE_CHECKING:
    from planner.snapshot.read import Snapshot


def replay_for_plot(snapshot: "Snapshot", recommendation: Recommendation) -> ReplayForPlot | None:
    """Demand, and what both settings put against it; ``None`` where the snapshot does not hold the workload."""
    story = recommendation.autoscaler
    if story is None:
        return None
    target = story.workload
    row = workload_rows(snapshot.workloads).get((target.namespace or "", target.kind, target.name))
    if row is None:
        return None
    use = scaled_use(snapshot, snapshot.workloads, {row: story.container}, DAYS).get(row)
    if use is None or not np.isfinite(use.used_m).any():
        return None
    chain = LatencyChain(pod_start_seconds=story.pod_start_seconds)
    hold = max(1, round(snapshot.header.step_seconds / chain.sync_seconds))
    settings = [_setting(recommendation.current, story, now=True), _setting(recommendation.proposed, story, now=False)]
    _, tracks = replay_tracks(use.used_m[None, :], make_lanes(settings, chain, [0, 0]), hold_steps=hold)
    drawn = []
    for lane, setting in enumerate(settings):
        desired = tracks.desired[:, lane].reshape(-1, hold).mean(axis=1)
        ready = tracks.ready[:, lane].reshape(-1, hold).mean(axis=1)
        drawn.append(DrawnSetting(desired, ready * setting.capacity_m / 1000.0))
    return ReplayForPlot(
        use.start, float(snapshot.header.step_seconds), use.used_m / 1000.0, use.pods, drawn[0], drawn[1]
    )


def _setting(spec: dict[str, Any], story: AutoscalerPlan, *, now: bool) -> Setting:
    metric = spec["metrics"][0]
    inner = metric.get("resource") or metric["containerResource"]
    request = story.request_cores_now if now else story.request_cores
    return Setting(
        int(inner["target"]["averageUtilization"]),
        int(spec["minReplicas"]),
        int(spec["maxReplicas"]),
        round(1000 * request),
        round(1000 * story.capacity_cores),
        behaviour_of(spec.get("behavior")),
    )
