"""How fast the replicas may move: stabilisation windows, policies, and the two memories behind them.

Recommendations in the log are raw: neither limited nor clipped to minimum and maximum. Order of the
path with ``spec.behavior``: stabilise, limit the rate, clip. Source: Kubernetes v1.37,
``horizontal.go``; defaults of ``autoscaling/v2``.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from planner.evidence.autoscaling.calculator import MAX_INT32

WITHIN_RANGE = "DesiredWithinRange"
TOO_FEW = "TooFewReplicas"
TOO_MANY = "TooManyReplicas"
UP_LIMIT = "ScaleUpLimit"
DOWN_LIMIT = "ScaleDownLimit"

LEGACY_FACTOR = 2.0
LEGACY_MINIMUM = 4.0


@dataclass(frozen=True, slots=True)
class Policy:
    """At most ``value`` pods, or percent of the replicas at the period's start, in each period."""

    is_percent: bool
    value: int
    period_seconds: float


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """One direction of ``spec.behavior``, defaults filled in.

    ``select`` is Max (largest change), Min (smallest change) or Disabled. ``tolerance`` None = the
    cluster's.
    """

    policies: tuple[Policy, ...]
    window_seconds: float
    select: str = "Max"
    tolerance: float | None = None

    @property
    def longest_period_seconds(self) -> float:
        """Longest period of the policies, which decides when an event's slot may be reused."""
        return max((policy.period_seconds for policy in self.policies), default=0.0)


DEFAULT_UP = ScalingRules((Policy(False, 4, 15.0), Policy(True, 100, 15.0)), 0.0)


def default_down(window_seconds: float = 300.0) -> ScalingRules:
    """Scale-down rules of a behavior that does not name them; the window is the controller's flag."""
    return ScalingRules((Policy(True, 100, 15.0),), window_seconds)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """``spec.behavior`` with both directions filled in; an absent field is None, not this."""

    up: ScalingRules = DEFAULT_UP
    down: ScalingRules = ScalingRules((Policy(True, 100, 15.0),), 300.0)


@dataclass(slots=True)
class Entry:
    """A recommendation, or the size of a change, and when it was made."""

    value: int
    time_seconds: float


@dataclass(slots=True)
class Event(Entry):
    """A change; ``is_outdated`` once it was seen older than its direction's longest period."""

    is_outdated: bool = False


def changed_within(events: Iterable[Entry], period_seconds: float, now_seconds: float) -> int:
    """Replicas changed by the events younger than the period; one exactly as old is outside."""
    return sum(event.value for event in events if now_seconds - event.time_seconds < period_seconds)


def store_event(events: list[Event], change: int, rules: ScalingRules, now_seconds: float) -> None:
    """Log a change in place; the last slot older than the longest period is used again."""
    slot = None
    for place, event in enumerate(events):
        if now_seconds - event.time_seconds > rules.longest_period_seconds:
            event.is_outdated = True
        if event.is_outdated:
            slot = place
    new = Event(abs(change), now_seconds)
    if slot is None:
        events.append(new)
    else:
        events[slot] = new


def scale_up_limit(
    current: int, ups: Sequence[Entry], downs: Sequence[Entry], rules: ScalingRules, now_seconds: float
) -> int:
    """Most replicas that the policies allow."""
    if rules.select == "Disabled":
        return current
    proposals = []
    for policy in rules.policies:
        period = policy.period_seconds
        start = current - changed_within(ups, period, now_seconds) + changed_within(downs, period, now_seconds)
        if policy.is_percent:
            proposals.append(min(math.ceil(float(start) * (1.0 + float(policy.value) / 100.0)), MAX_INT32))
        else:
            proposals.append(start + policy.value)
    return min(proposals) if rules.select == "Min" else max(proposals)


def scale_down_limit(
    current: int, ups: Sequence[Entry], downs: Sequence[Entry], rules: ScalingRules, now_seconds: float
) -> int:
    """Fewest replicas that the policies allow; select Max is the largest change, so the smallest count."""
    if rules.select == "Disabled":
        return current
    proposals = []
    for policy in rules.policies:
        period = policy.period_seconds
        start = current - changed_within(ups, period, now_seconds) + changed_within(downs, period, now_seconds)
        if policy.is_percent:
            proposals.append(math.trunc(float(start) * (1.0 - float(policy.value) / 100.0)))
        else:
            proposals.append(start - policy.value)
    return max(proposals) if rules.select == "Min" else min(proposals)


def limit_rate(
    current: int,
    wanted: int,
    minimum: int,
    maximum: int,
    behaviour: Behaviour,
    ups: Sequence[Entry],
    downs: Sequence[Entry],
    now_seconds: float,
) -> tuple[int, str]:
    """Replicas after policies, minimum and maximum, and the reason of ScalingLimited."""
    if wanted > current:
        limit = max(scale_up_limit(current, ups, downs, behaviour.up, now_seconds), current)
        highest, reason = (limit, UP_LIMIT) if maximum > limit else (maximum, TOO_MANY)
        if wanted > highest:
            return highest, reason
    elif wanted < current:
        limit = min(scale_down_limit(current, ups, downs, behaviour.down, now_seconds), current)
        lowest, reason = (limit, DOWN_LIMIT) if minimum < limit else (minimum, TOO_FEW)
        if wanted < lowest:
            return lowest, reason
    return wanted, WITHIN_RANGE


def limit_legacy(
    current: int,
    wanted: int,
    minimum: int,
    maximum: int,
    factor: float = LEGACY_FACTOR,
    at_least: float = LEGACY_MINIMUM,
) -> tuple[int, str]:
    """Without ``spec.behavior``: at most double, or up to four, in one sync."""
    limit = int(max(factor * float(current), at_least))
    highest, reason = (limit, UP_LIMIT) if maximum > limit else (maximum, TOO_MANY)
    if wanted < minimum:
        return minimum, TOO_FEW
    if wanted > highest:
        return highest, reason
    return wanted, WITHIN_RANGE


def stabilise_legacy(log: list[Entry], raw: int, window_seconds: float, now_seconds: float) -> int:
    """Highest recommendation of the window, its far end included; logs ``raw`` in place."""
    highest, slot = raw, None
    for place, entry in enumerate(log):
        if now_seconds - entry.time_seconds > window_seconds:
            slot = place
        else:
            highest = max(highest, entry.value)
    _log(log, slot, raw, now_seconds)
    return highest


def stabilise(
    log: list[Entry], current: int, raw: int, up_window_seconds: float, down_window_seconds: float, now_seconds: float
) -> int:
    """Move only as far as both windows agree; logs ``raw`` in place."""
    up = down = raw
    slot = None
    for place, entry in enumerate(log):
        age = now_seconds - entry.time_seconds
        if age < up_window_seconds:
            up = min(up, entry.value)
        if age < down_window_seconds:
            down = max(down, entry.value)
        if age > up_window_seconds and age > down_window_seconds:
            slot = place
    _log(log, slot, raw, now_seconds)
    return min(max(current, up), down)


def _log(log: list[Entry], slot: int | None, raw: int, now_seconds: float) -> None:
    entry = Entry(raw, now_seconds)
    if slot is None:
        log.append(entry)
    else:
        log[slot] = entry
