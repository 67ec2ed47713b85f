"""What a replay is judged by, added up while it runs.

A *violation* is a step whose demand is above the capacity of the ready pods. A *direction change* is
a scale event whose sign differs from the event before it, if that was at most 30 minutes ago.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.evidence.autoscaling.lanes import Counts, Floats, Lanes, Places

DIRECTION_MEMORY_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Figures of every lane, (lane,) in the caller's order.

    Attributes:
        replica_hours: hours of pods that existed, ready or not.
        violation_seconds: time with demand above ready capacity.
        violation_halves: (half, lane) the same for the first and the second half of the replay.
        worst_seconds: longest unbroken violation.
        unserved_core_seconds: demand that ready pods could not serve.
        scale_events: changes of the replicas.
        direction_changes: reversals, see above.
        at_minimum_seconds, at_maximum_seconds: time with the replicas there.
        peak_replicas: the most.
        seconds: length of the replay.
    """

    replica_hours: Floats
    violation_seconds: Floats
    violation_halves: Floats
    worst_seconds: Floats
    unserved_core_seconds: Floats
    scale_events: Places
    direction_changes: Places
    at_minimum_seconds: Floats
    at_maximum_seconds: Floats
    peak_replicas: Places
    seconds: float

    @property
    def direction_changes_per_day(self) -> Floats:
        """Reversals per day."""
        per_day: Floats = self.direction_changes.astype(np.float64) * (86_400.0 / self.seconds)
        return per_day


class Ledger:
    """Running sums of the lanes, in their sorted order."""

    def __init__(self, lanes: Lanes, replicas: Counts, steps: int) -> None:
        count = lanes.count
        self._steps = steps
        self._lanes = lanes
        self._since = np.zeros(count, dtype=np.int64)
        self._replica_steps: Floats = np.zeros(count)
        self._minimum_steps: Floats = np.zeros(count)
        self._maximum_steps: Floats = np.zeros(count)
        self._violation_steps: Floats = np.zeros((2, count))
        self._run_steps = np.zeros(count, dtype=np.int64)
        self._worst_steps: Floats = np.zeros(count)
        self._last_violation = np.full(count, -2, dtype=np.int64)
        self._unserved_m: Floats = np.zeros(count)
        self._events = np.zeros(count, dtype=np.int64)
        self._reversals = np.zeros(count, dtype=np.int64)
        self._last_event = np.full(count, -(10**9), dtype=np.int64)
        self._was_up = np.zeros(count, dtype=bool)
        self._peak = replicas.astype(np.int64)
        self._memory_steps = int(DIRECTION_MEMORY_SECONDS // lanes.sync_seconds)

    def moved(self, step: int, idx: Places, old: Counts, new: Counts) -> None:
        """The replicas of the lanes ``idx`` changed at ``step``."""
        self._close(step, idx, old)
        up = new > old
        recent = step - self._last_event[idx] <= self._memory_steps
        self._reversals[idx] += recent & (up != self._was_up[idx])
        self._events[idx] += 1
        self._last_event[idx] = step
        self._was_up[idx] = up
        self._peak[idx] = np.maximum(self._peak[idx], new)

    def violated(self, step: int, idx: Places, excess_m: Floats) -> None:
        """Demand of the lanes ``idx`` was above their capacity during ``step``, by ``excess_m``."""
        run = np.where(self._last_violation[idx] == step - 1, self._run_steps[idx] + 1, 1)
        self._run_steps[idx] = run
        self._last_violation[idx] = step
        self._worst_steps[idx] = np.maximum(self._worst_steps[idx], run)
        self._violation_steps[2 * step // self._steps, idx] += 1
        self._unserved_m[idx] += excess_m

    def outcome(self, replicas: Counts) -> Outcome:
        """The figures at the end."""
        every = np.arange(self._lanes.count)
        self._close(self._steps, every, replicas)
        sync = self._lanes.sync_seconds
        back = np.empty_like(self._lanes.order)
        back[self._lanes.order] = every
        return Outcome(
            replica_hours=self._replica_steps[back] * sync / 3600.0,
            violation_seconds=self._violation_steps.sum(axis=0)[back] * sync,
            violation_halves=self._violation_steps[:, back] * sync,
            worst_seconds=self._worst_steps[back] * sync,
            unserved_core_seconds=self._unserved_m[back] * sync / 1000.0,
            scale_events=self._events[back],
            direction_changes=self._reversals[back],
            at_minimum_seconds=self._minimum_steps[back] * sync,
            at_maximum_seconds=self._maximum_steps[back] * sync,
            peak_replicas=self._peak[back],
            seconds=self._steps * sync,
        )

    def _close(self, step: int, idx: Places, replicas: NDArray[np.int32]) -> None:
        """Count the time since the last change of the lanes ``idx``."""
        held = step - self._since[idx]
        self._replica_steps[idx] += held * replicas
        self._minimum_steps[idx] += held * (replicas == self._lanes.minimum[idx])
        self._maximum_steps[idx] += held * (replicas == self._lanes.maximum[idx])
        self._since[idx] = step
