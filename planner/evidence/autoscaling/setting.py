"""One way to set an autoscaler: what the replay tries and what a plan would write."""

from dataclasses import dataclass

from planner.evidence.autoscaling.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Setting:
    """A HorizontalPodAutoscaler with the pod that it multiplies.

    It follows CPU utilisation, or (``is_outside``) an Object or External metric of the demand itself with
    an ``AverageValue`` target of ``T * r`` per pod, which saturated pods do not hide.

    Attributes:
        target_percent: ``averageUtilization``, of the request.
        minimum: ``minReplicas``, 1 or more.
        maximum: ``maxReplicas``.
        request_m: CPU request of a pod in millicores.
        capacity_m: what a ready pod can serve in millicores (its limit, or its share of the node).
        behaviour: ``spec.behavior``, None = absent, which is not the same as its defaults.
        legacy_window_seconds: the controller's scale-down window, used without ``behaviour``.
        tolerance: the cluster's, where ``behaviour`` names none.
        is_outside: follow the demand instead of the usage.
    """

    target_percent: int
    minimum: int
    maximum: int
    request_m: int
    capacity_m: int
    behaviour: Behaviour | None = None
    legacy_window_seconds: float = 300.0
    tolerance: float = 0.1
    is_outside: bool = False

    def __post_init__(self) -> None:
        """Refuse what no autoscaler can hold."""
        if not 1 <= self.minimum <= self.maximum:
            raise ValueError(f"minimum {self.minimum} and maximum {self.maximum} contradict each other")
        if self.target_percent < 1 or self.request_m < 1 or self.capacity_m < 1:
            raise ValueError("target, request and capacity must be 1 or more")

    @property
    def threshold_m(self) -> int:
        """``T * r``: usage or demand per pod that it aims at, whole millicores, at least 1."""
        return max(1, self.target_percent * self.request_m // 100)

    @property
    def down_window_seconds(self) -> float:
        """Scale-down window that acts."""
        return self.legacy_window_seconds if self.behaviour is None else self.behaviour.down.window_seconds

    @property
    def tolerances(self) -> tuple[float, float]:
        """Tolerance down and up."""
        if self.behaviour is None:
            return self.tolerance, self.tolerance
        down, up = self.behaviour.down.tolerance, self.behaviour.up.tolerance
        return (self.tolerance if down is None else down), (self.tolerance if up is None else up)
