"""Scale events of many lanes, slot by slot as the controller keeps them, and the limits they set.

Start of a period = replicas now - ups + downs younger than the period. A slot older than the longest
period of its own direction may be overwritten while the other direction's policies still read it;
that is why the slots are kept rather than the replicas of the past.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.evidence.autoscaling.behaviour import Behaviour, ScalingRules
from planner.evidence.autoscaling.lanes import Counts, Floats, Lanes, Places

UNUSED = -(10**9)


class EventLog:
    """Events of one behaviour's lanes in both directions; nothing is kept if no policy looks back."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._sync = lanes.sync_seconds
        self._looks_back = np.array([_looks_back(one, self._sync) for one in lanes.behaviours], dtype=bool)
        self._up = _Kinds([one.up for one in lanes.behaviours], lanes.behaviour)
        self._down = _Kinds([one.down for one in lanes.behaviours], lanes.behaviour)
        longest = [max(_longest(one.up), _longest(one.down)) for one in lanes.behaviours]
        slots = max((math.floor(seconds / self._sync) + 2 for seconds in longest), default=1)
        count = lanes.count if self._looks_back.any() else 0
        self._steps = np.full((2, slots, count), UNUSED, dtype=np.int64)
        self._changes = np.zeros((2, slots, count), dtype=np.int64)

    def limit(self, step: int, idx: Places, current: Counts, wanted: Counts) -> Counts:
        """Replicas wanted by lanes with a behaviour, held back by their policies."""
        answer = wanted.copy()
        for rules, up in self._up.groups(idx, wanted > current):
            most = self._limit_of(step, idx[up], current[up], rules, is_up=True)
            answer[up] = np.minimum(wanted[up], np.maximum(most, current[up]))
        for rules, down in self._down.groups(idx, wanted < current):
            fewest = self._limit_of(step, idx[down], current[down], rules, is_up=False)
            answer[down] = np.maximum(wanted[down], np.minimum(fewest, current[down]))
        return answer

    def store(self, step: int, idx: Places, change: NDArray[np.int32]) -> None:
        """Log the changes of lanes with a behaviour."""
        if not self._changes.shape[2]:
            return
        logs = self._looks_back[self._lanes.behaviour[idx]]
        for rules, up in self._up.groups(idx, logs & (change > 0)):
            self._store(0, step, idx[up], change[up], _longest(rules))
        for rules, down in self._down.groups(idx, logs & (change < 0)):
            self._store(1, step, idx[down], -change[down], _longest(rules))

    def _store(self, direction: int, step: int, idx: Places, size: NDArray[np.int32], longest: float) -> None:
        steps = self._steps[direction][:, idx]
        is_used = steps != UNUSED
        is_outdated = is_used & ((step - steps) * self._sync > longest)
        last_outdated = steps.shape[0] - 1 - np.argmax(is_outdated[::-1], axis=0)
        slot = np.where(is_outdated.any(axis=0), last_outdated, is_used.sum(axis=0))
        self._steps[direction][slot, idx] = step
        self._changes[direction][slot, idx] = size

    def _limit_of(self, step: int, idx: Places, current: Counts, rules: ScalingRules, *, is_up: bool) -> Counts:
        if rules.select == "Disabled":
            return current
        proposals: list[Floats] = []
        for policy in rules.policies:
            start = current.astype(np.float64)
            if policy.period_seconds > self._sync:
                start -= self._changed(0, step, idx, policy.period_seconds)
                start += self._changed(1, step, idx, policy.period_seconds)
            share = float(policy.value) / 100.0
            if policy.is_percent:
                proposals.append(np.ceil(start * (1.0 + share)) if is_up else np.trunc(start * (1.0 - share)))
            else:
                proposals.append(start + policy.value if is_up else start - policy.value)
        largest = (rules.select == "Max") == is_up
        limit = np.max(proposals, axis=0) if largest else np.min(proposals, axis=0)
        held: Counts = np.clip(limit, -(2**31), 2**31 - 1).astype(np.int64).astype(np.int32)
        return held

    def _changed(self, direction: int, step: int, idx: Places, period_seconds: float) -> NDArray[np.int64]:
        young = (step - self._steps[direction][:, idx]) * self._sync < period_seconds
        changed: NDArray[np.int64] = np.where(young, self._changes[direction][:, idx], 0).sum(axis=0)
        return changed


class _Kinds:
    """Lanes by their rules in one direction; rules that differ in window or tolerance only are one kind."""

    def __init__(self, rules: Sequence[ScalingRules], behaviour: Places) -> None:
        kinds = [(one.policies, one.select) for one in rules]
        different = list(dict.fromkeys(kinds))
        self._rules = [rules[kinds.index(kind)] for kind in different]
        kind_of_rules = np.array([different.index(kind) for kind in kinds] or [0], dtype=np.int64)
        self._kind = kind_of_rules[np.maximum(behaviour, 0)]

    def groups(self, idx: Places, is_wanted: NDArray[np.bool_]) -> Iterator[tuple[ScalingRules, Places]]:
        """Rules, and the places in ``idx`` of the wanted lanes that they hold for."""
        if len(self._rules) == 1:
            places = np.flatnonzero(is_wanted)
            if places.size:
                yield self._rules[0], places
            return
        kinds = self._kind[idx]
        for kind, rules in enumerate(self._rules):
            places = np.flatnonzero(is_wanted & (kinds == kind))
            if places.size:
                yield rules, places


def _longest(rules: ScalingRules) -> float:
    return rules.longest_period_seconds


def _looks_back(behaviour: Behaviour, sync_seconds: float) -> bool:
    return max(_longest(behaviour.up), _longest(behaviour.down)) > sync_seconds
