"""Pods of many lanes: how many are ready, how many count in the metric, which go first.

Only counts are kept. ``ready`` serves; ``arriving[(step) % ring]`` become ready at that step; and
``settled[j % ring]`` is how many of the pods that still exist were ready at step j, so that the
pods that count at step k are ``settled[k - delay - window]``. Pods leave in reverse order of
readiness: the latest arrivals first, then the youngest ready ones.
"""

import numpy as np

from planner.evidence.autoscaling.lanes import Counts, Floats, Lanes, Places


class Fleet:
    """Pods of the lanes, in their sorted order."""

    def __init__(self, lanes: Lanes, replicas: Counts) -> None:
        self._lanes = lanes
        self.ready: Floats = replicas.astype(np.float64)
        self._settle_steps = lanes.delay_steps + lanes.window_steps
        self._settled = np.repeat(self.ready[None, :], self._settle_steps + 1, axis=0)
        self._ring = int((lanes.start_steps + lanes.node_steps).max()) + 1
        self._arriving = np.zeros((self._ring, lanes.count))
        self._expected = np.zeros(self._ring, dtype=bool)

    def arrive(self, step: int) -> Places:
        """Make the pods of this step ready; returns the lanes that gained some."""
        slot = step % self._ring
        if not self._expected[slot]:
            gained: Places = np.empty(0, dtype=np.int64)
        else:
            new = self._arriving[slot]
            self.ready += new
            gained = np.flatnonzero(new)
            new[:] = 0.0
            self._expected[slot] = False
        self._settled[step % (self._settle_steps + 1)] = self.ready
        return gained

    def counted(self, step: int, idx: Places) -> Floats:
        """Pods of the lanes ``idx`` that count in the metric of this step's sync."""
        counted: Floats = self._settled[(step + 1) % (self._settle_steps + 1)][idx]
        return counted

    def resize(self, step: int, idx: Places, old: Counts, new: Counts) -> Places:
        """Create or remove pods; returns the lanes whose ready pods became fewer."""
        change = (new - old).astype(np.float64)
        up = change > 0
        if up.any():
            self._create(step, idx[up], change[up])
        down = ~up
        if not down.any():
            return np.empty(0, dtype=np.int64)
        return self._remove(step, idx[down], -change[down], old[down])

    def _create(self, step: int, idx: Places, added: Floats) -> None:
        at_once = np.minimum(added, self._lanes.room_pods[idx])
        slot = (step + self._lanes.start_steps[idx]) % self._ring
        self._arriving[slot, idx] += at_once
        self._expected[slot] = True
        late = added > at_once
        if late.any():
            idx = idx[late]
            slot = (step + self._lanes.start_steps[idx] + self._lanes.node_steps[idx]) % self._ring
            self._arriving[slot, idx] += (added - at_once)[late]
            self._expected[slot] = True

    def _remove(self, step: int, idx: Places, removed: Floats, old: Counts) -> Places:
        waiting = np.flatnonzero(old > self.ready[idx])
        if waiting.size:
            left = removed[waiting]
            lanes = idx[waiting]
            for ahead in range(self._ring - 1, 0, -1):
                row = self._arriving[(step + ahead) % self._ring]
                taken = np.minimum(row[lanes], left)
                row[lanes] -= taken
                left = left - taken
            removed = removed.copy()
            removed[waiting] = left
        fewer = removed > 0
        idx = idx[fewer]
        self.ready[idx] -= removed[fewer]
        # Fancy indexing with a slice in front makes a copy; the clipped rows are written back.
        self._settled[:, idx] = np.minimum(self._settled[:, idx], self.ready[idx])
        return idx
