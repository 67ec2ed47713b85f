"""What autoscalers must keep, and when another setting is worth a change."""

from pydantic import Field

from planner.config.fields import Number, Section


class AutoscalingPolicy(Section):
    """Autoscalers: the service level that every setting is chosen under."""

    enabled: bool = True
    """Choose settings of HorizontalPodAutoscalers. Without, they are left alone."""
    violation_minutes_per_day: Number = Field(default=5, ge=0, le=1440)
    """Minutes a day, on average, that demand may be above what ready pods can serve."""
    worst_violation_minutes: Number = Field(default=10, ge=0, le=1440)
    """Longest such time without a break. Usage in steps of five minutes cannot tell less than one step."""
    min_replicas: int = Field(default=2, ge=1, le=10_000)
    """Fewest replicas of any proposal."""
    max_target_percent: int = Field(default=80, ge=10, le=100)
    """Highest target that is proposed, in percent of the request: above it pods live on what their neighbours leave."""
    min_scale_down_window_seconds: int = Field(default=300, ge=0, le=3600)
    """Shortest scale-down window that is proposed: shorter ones save a little and make the pods come and go."""
    growth: Number = Field(default=0.5, ge=0, le=10)
    """How far demand may grow beyond its highest, for the maximum: 0.5 = by half."""
    min_saving: Number = Field(default=0.05, ge=0, le=1)
    """Share of the replica-hours that a change must save where today's setting keeps the service level."""
