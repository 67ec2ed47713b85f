"""From a change of demand to pods that carry it: the delays between, in whole syncs.

At the sync of step k the controller sees the usage of the steps ``[k - delay - window, k - delay)``.
Pods asked for then are ready at ``k + start``, those beyond the free room ``node`` steps later, and
count in the metric once they were ready for a full window. Defaults: metrics-server scraping every
15 s with a window of two samples; sync every 15 s (kubernetes#110317 estimates 27.5 s on average
from change to decision).
"""

import math
from dataclasses import dataclass

NO_LIMIT_PODS = 2**30


@dataclass(frozen=True, slots=True)
class LatencyChain:
    """Delays of one workload.

    Attributes:
        pod_start_seconds: from creation to Ready, room on a node given; from the workload's own history.
        node_wait_seconds: what a pod waits more where no node has room.
        free_room_pods: how many pods of one step find room at once, None = all.
        metrics_delay_seconds: from the end of a metric's window to the sync that reads it.
        metrics_window_seconds: length of that window.
        sync_seconds: period of the controller.
    """

    pod_start_seconds: float = 45.0
    node_wait_seconds: float = 0.0
    free_room_pods: int | None = None
    metrics_delay_seconds: float = 15.0
    metrics_window_seconds: float = 30.0
    sync_seconds: float = 15.0

    @property
    def start_steps(self) -> int:
        """Steps from the sync that creates a pod to the first step that it serves."""
        return max(1, math.ceil(self.pod_start_seconds / self.sync_seconds))

    @property
    def node_steps(self) -> int:
        """Steps that a pod without room waits more."""
        return math.ceil(self.node_wait_seconds / self.sync_seconds)

    @property
    def room_pods(self) -> int:
        """Pods of one step that find room at once."""
        return NO_LIMIT_PODS if self.free_room_pods is None else self.free_room_pods

    @property
    def delay_steps(self) -> int:
        """Steps between the end of the window and the sync."""
        return math.ceil(self.metrics_delay_seconds / self.sync_seconds)

    @property
    def window_steps(self) -> int:
        """Steps that a metric averages."""
        return max(1, math.ceil(self.metrics_window_seconds / self.sync_seconds))

    @property
    def reaction_seconds(self) -> float:
        """From a change of demand to pods that carry it: half the window, delay, half a sync, pod start."""
        seen = self.metrics_delay_seconds + self.metrics_window_seconds / 2 + self.sync_seconds / 2
        return seen + self.pod_start_seconds
