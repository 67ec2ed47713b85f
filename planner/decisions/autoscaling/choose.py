"""The setting of each autoscaler: chosen on the first part of the time, judged on the rest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.config.autoscaling_policy import AutoscalingPolicy
from planner.decisions.autoscaling.candidates import LEGACY_WINDOW_SECONDS, WINDOWS_SECONDS, Limits, seed_settings
from planner.decisions.autoscaling.decide import ServiceLevel, Workload, decide
from planner.decisions.autoscaling.figures import replay_figures
from planner.decisions.autoscaling.inputs import Scaled
from planner.evidence.autoscaling.judge import Calibration, Figures, calibrate, clipped_share
from planner.evidence.autoscaling.lanes import make_lanes
from planner.evidence.autoscaling.replay import replay_tracks
from planner.evidence.autoscaling.setting import Setting
from planner.plan.autoscaling import ReplayFigures

Floats = NDArray[np.float64]

TRAIN_SHARE = 0.75
CLIPPED = 0.001
"""Share of the time at the maximum, all pods busy, from which the true demand counts as unknown."""
RAISED = 1.5
"""The maximum that is proposed first then, as a multiple of today's."""
_AS_MANY = 1e-9
AT_ONCE = 50
"""Workloads whose pods are followed sync by sync at the same time: the tracks are what takes memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """One setting on all of the time: figures, those of the last part alone, and (hour,) mean pods."""

    setting: Setting
    whole: ReplayFigures
    held_out: ReplayFigures
    seen: Figures
    by_hour: Floats
    met: Calibration
    """Its pods against those that were seen: how far the replay can be trusted, for today's setting."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What was found for one autoscaler; ``why_not`` tells why today's setting stays, empty = it changes."""

    scaled: Scaled
    current: Replayed
    proposed: Replayed
    clipped: float
    candidates: int
    replays: int
    keeps_level: bool
    why_not: str


def choose(
    items: Sequence[Scaled], policy: AutoscalingPolicy, step_seconds: float, values: Sequence[float | None]
) -> list[Choice]:
    """Choose for all autoscalers whose usage covers the same days.

    Args:
        items: what to choose for.
        policy: the service level.
        step_seconds: of the usage.
        values: what one pod's requests are worth a month, for each.
    """
    if not items:
        return []
    hold = max(1, round(step_seconds / items[0].chain.sync_seconds))
    cut = int(TRAIN_SHARE * len(items[0].use.used_m))
    level = ServiceLevel(60.0 * float(policy.violation_minutes_per_day), 60.0 * float(policy.worst_violation_minutes))
    works = [Workload(item.use.used_m[:cut], _candidates(item, policy, hold, cut), item.chain, level) for item in items]
    decisions = decide(works, hold)
    chosen = [work.settings[decision.place] for work, decision in zip(works, decisions, strict=True)]
    raised = [_raised(item, setting) for item, setting in zip(items, chosen, strict=True)]
    pairs = []
    for at in range(0, len(items), AT_ONCE):
        part = slice(at, at + AT_ONCE)
        pairs += _replayed(items[part], [setting for setting, _ in raised[part]], hold, values[part])
    made = []
    for item, work, decision, (_, clipped), (current, proposed) in zip(
        items, works, decisions, raised, pairs, strict=True
    ):
        why_not = _why_not(current, proposed, policy, is_clipped=clipped > CLIPPED)
        made.append(
            Choice(
                item, current, proposed, clipped, len(work.settings), decision.replays,
                decision.keeps_level, why_not,
            )
        )  # fmt: skip
    return made


def _candidates(item: Scaled, policy: AutoscalingPolicy, hold: int, cut: int) -> list[Setting]:
    """Today's setting, then those that the closed forms ask for on the first ``cut`` values."""
    today, least = item.today, policy.min_scale_down_window_seconds
    limits = Limits(
        today.request_m, today.capacity_m, floor=item.floor, ceiling=item.ceiling, growth=float(policy.growth),
        highest_percent=max(policy.max_target_percent, today.target_percent),
    )  # fmt: skip
    windows = [w for w in WINDOWS_SECONDS if (LEGACY_WINDOW_SECONDS if w is None else w) >= least]
    seeds = seed_settings(
        item.use.used_m[:cut], limits, item.chain, hold,
        windows_seconds=windows, extra_percents=(today.target_percent,),
    )  # fmt: skip
    return [today, *(seed for seed in seeds if seed != today and seed.down_window_seconds >= least)]


def _raised(item: Scaled, setting: Setting) -> tuple[Setting, float]:
    """The setting, with the cap raised first where recorded usage hides the demand; and the share of such time."""
    today = item.today
    clipped = clipped_share(item.use.used_m, item.use.pods, today.maximum, today.capacity_m)
    if clipped <= CLIPPED:
        return setting, clipped
    most = max(setting.maximum, math.ceil(RAISED * today.maximum))
    if item.ceiling is not None:
        most = max(today.maximum, min(most, item.ceiling))
    careful = replace(
        setting,
        target_percent=min(setting.target_percent, today.target_percent),
        minimum=max(setting.minimum, today.minimum),
        maximum=most,
    )
    return careful, clipped


def _replayed(
    items: Sequence[Scaled], proposed: Sequence[Setting], hold: int, values: Sequence[float | None]
) -> list[tuple[Replayed, Replayed]]:
    settings = [one for item, other in zip(items, proposed, strict=True) for one in (item.today, other)]
    chains = [item.chain for item in items for _ in range(2)]
    rows = [n for n in range(len(items)) for _ in range(2)]
    demand = np.stack([item.use.used_m for item in items])
    _, tracks = replay_tracks(demand, make_lanes(settings, chains, rows), hold_steps=hold)
    pairs = []
    for n, item in enumerate(items):
        by_sync = np.repeat(demand[n], hold)
        cut = hold * int(TRAIN_SHARE * len(item.use.used_m))
        both = []
        for lane in (2 * n, 2 * n + 1):
            desired, ready, sync = tracks.desired[:, lane], tracks.ready[:, lane], item.chain.sync_seconds
            whole, seen = replay_figures(by_sync, desired, ready, settings[lane], sync, values[n])
            last, _ = replay_figures(by_sync[cut:], desired[cut:], ready[cut:], settings[lane], sync, values[n])
            met = calibrate(desired.astype(np.float64), np.repeat(item.use.pods, hold))
            both.append(Replayed(settings[lane], whole, last, seen, _by_hour(desired, sync), met))
        pairs.append((both[0], both[1]))
    return pairs


def _by_hour(desired: NDArray[np.int32], sync_seconds: float) -> Floats:
    """(hour,) mean pods of whole hours."""
    per_hour = max(1, round(3600.0 / sync_seconds))
    hours = len(desired) // per_hour
    mean: Floats = desired[: hours * per_hour].reshape(hours, per_hour).mean(axis=1)
    return mean


def _why_not(current: Replayed, proposed: Replayed, policy: AutoscalingPolicy, *, is_clipped: bool) -> str:
    """Why today's setting stays; empty where the proposal is better.

    On all of the time and on the part that the choice had not seen, the proposal may not break the level where today's
    does not, nor break it more.
    """
    if _same(current.setting, proposed.setting):
        return "today's setting is the best that was found"
    for ours, theirs, when in (
        (proposed.whole, current.whole, "on all of the time"),
        (proposed.held_out, current.held_out, "on the last quarter, which the choice had not seen"),
    ):
        allowed = max(float(policy.violation_minutes_per_day), theirs.violation_minutes_per_day)
        worst = max(float(policy.worst_violation_minutes), theirs.worst_violation_minutes)
        if ours.violation_minutes_per_day > allowed + _AS_MANY or ours.worst_violation_minutes > worst + _AS_MANY:
            return f"what was found breaks the service level {when}"
    if is_clipped:
        return ""
    keeps = current.whole.violation_minutes_per_day <= float(policy.violation_minutes_per_day) + _AS_MANY
    keeps &= current.whole.worst_violation_minutes <= float(policy.worst_violation_minutes) + _AS_MANY
    if not keeps and proposed.whole.violation_minutes_per_day < current.whole.violation_minutes_per_day:
        return ""
    saved = 1.0 - proposed.whole.replica_hours_per_day / max(current.whole.replica_hours_per_day, 1e-9)
    saved_last = 1.0 - proposed.held_out.replica_hours_per_day / max(current.held_out.replica_hours_per_day, 1e-9)
    if min(saved, saved_last) < float(policy.min_saving):
        return f"another setting would save {max(saved, 0.0):.1%} of the replica-hours: too little for a change"
    return ""


def _same(one: Setting, other: Setting) -> bool:
    return (one.target_percent, one.minimum, one.maximum, one.down_window_seconds) == (
        other.target_percent, other.minimum, other.maximum, other.down_window_seconds,
    )  # fmt: skip
