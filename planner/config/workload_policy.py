"""The keys that hold for one workload; each may differ by environment, namespace and workload."""

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from planner.config.fields import (
    Cpu,
    CpuLimitRule,
    Memory,
    MemoryLimitRule,
    Number,
    ResourceNames,
    Section,
    flatten,
    leaf_types,
    partial_model,
)
from planner.units import MIB

RISK_LEVELS: dict[str, dict[str, float]] = {
    "cautious": {
        "oom_kill_price": 20.0,
        "cpu_shortage_price_ratio": 99.0,
        "max_incident_days_per_30d": 0.5,
        "max_shortage_share": 0.05,
    },
    "balanced": {
        "oom_kill_price": 5.0,
        "cpu_shortage_price_ratio": 19.0,
        "max_incident_days_per_30d": 1.0,
        "max_shortage_share": 0.05,
    },
    "bold": {
        "oom_kill_price": 1.0,
        "cpu_shortage_price_ratio": 9.0,
        "max_incident_days_per_30d": 2.0,
        "max_shortage_share": 0.1,
    },
}
"""What the dial sets. A shortage ``r`` times as dear as a spare core makes the quantile ``r / (1 + r)`` of the usage
the cheapest request (the newsvendor's critical ratio): 99, 19 and 9 are p99, p95 and p90."""


class RiskPolicy(Section):
    """What a failure costs, and how much of it one container may be asked to bear."""

    level: Literal["cautious", "balanced", "bold"] = "balanced"
    """The dial. Sets the next four, unless the same place of the file gives them too."""
    oom_kill_price: Number = Field(default=RISK_LEVELS["balanced"]["oom_kill_price"], ge=0, le=1e9)
    """Price of one expected OOM kill, in `currency`. Levels: cautious 20, balanced 5, bold 1."""
    cpu_shortage_price_ratio: Number = Field(default=RISK_LEVELS["balanced"]["cpu_shortage_price_ratio"], gt=0, le=1e6)
    """Price of a core-hour of CPU shortage, in prices of a core-hour. A ratio r makes the quantile r / (1 + r) of the
    usage the cheapest request. Levels: cautious 99 (p99), balanced 19 (p95), bold 9 (p90)."""
    max_incident_days_per_30d: Number = Field(
        default=RISK_LEVELS["balanced"]["max_incident_days_per_30d"], ge=0.01, le=30
    )
    """Most days out of 30 on which a container may be expected to pass its memory, whatever money says. Levels:
    cautious 0.5, balanced 1, bold 2."""
    max_shortage_share: Number = Field(default=RISK_LEVELS["balanced"]["max_shortage_share"], ge=0.0001, le=1)
    """Largest share of time that a container may be expected to want more CPU than its request. Levels: cautious
    and balanced 0.05, bold 0.1."""


class RequestsPolicy(Section):
    """Bounds and margins of requests."""

    resources: ResourceNames = ("cpu", "memory")
    """Which requests may be changed. The others are left as they are."""
    cpu_min: Cpu = 0.010
    """No CPU request is proposed below this."""
    cpu_max: Cpu | None = None
    """No CPU request is proposed above this; null = no bound."""
    memory_min: Memory = 32 * MIB
    """No memory request is proposed below this."""
    memory_max: Memory | None = None
    """No memory request is proposed above this; null = no bound."""
    memory_margin: Number = Field(default=0.05, ge=0, le=10)
    """Least share over the highest observed memory peak; risk usually asks for more. 0 = the peak itself."""
    oom_factor: Number = Field(default=1.2, ge=1, le=10)
    """After an OOM kill the memory request is at least the limit of that time, times this factor."""
    oom_hold_days: Number = Field(default=14, ge=0, le=3650)
    """So long after an OOM kill its floor holds in full."""
    oom_fade_days: Number = Field(default=28, ge=0, le=3650)
    """Over so many days after that the floor fades. A new image releases it at once."""

    @field_validator("resources")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("names a resource twice")
        return tuple(sorted(value))

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        if self.cpu_max is not None and self.cpu_min > self.cpu_max:
            raise ValueError("cpu_min is above cpu_max")
        if self.memory_max is not None and self.memory_min > self.memory_max:
            raise ValueError("memory_min is above memory_max")
        return self


class LimitsPolicy(Section):
    """What happens to limits when a request changes."""

    cpu: CpuLimitRule = "keep-ratio"
    """`keep` = unchanged; `keep-ratio` = follows the request; `none` = removed; a number = factor of the request."""
    memory: MemoryLimitRule = "keep-ratio"
    """`keep` = unchanged; `keep-ratio` = follows the request; `equal-request`; a number = factor of the request."""
    keep_qos_class: bool = True
    """Never propose a change that moves the pod to another QoS class."""


class EvidencePolicy(Section):
    """How much must have been observed before anything is recommended."""

    min_days: Number = Field(default=3, ge=0, le=3650)
    """Fewest days with samples."""
    min_coverage: Number = Field(default=0.5, ge=0, le=1)
    """Smallest share of the steps of the observed span that have a sample."""
    backtest_tolerance: Number = Field(default=3, ge=1, le=1000)
    """A reduction is not made where the backtest shows more than so many times the incidents that the ceilings
    `risk.max_incident_days_per_30d` and `risk.max_shortage_share` allow, and more than today's value had."""


class ChangePolicy(Section):
    """Which changes are too small to propose. A change is proposed if it reaches both the share and the amount."""

    min_relative: Number = Field(default=0.10, ge=0, le=10)
    """Smallest change, as a share of the present value."""
    min_cpu: Cpu = 0.010
    """Smallest change of a CPU request."""
    min_memory: Memory = 16 * MIB
    """Smallest change of a memory request."""


class WorkloadPolicy(Section):
    """The keys that hold for one workload."""

    opt_out: bool = False
    """Leave the workload alone. It is still measured, and listed as not recommended."""
    risk: RiskPolicy = RiskPolicy()
    """What a failure costs."""
    requests: RequestsPolicy = RequestsPolicy()
    """Bounds and margins of requests."""
    limits: LimitsPolicy = LimitsPolicy()
    """What happens to limits when a request changes."""
    evidence: EvidencePolicy = EvidencePolicy()
    """How much must have been observed."""
    change: ChangePolicy = ChangePolicy()
    """Which changes are too small to propose."""


if TYPE_CHECKING:

    class WorkloadOverride(Section):
        """Some of the keys of :class:`WorkloadPolicy`."""

else:
    WorkloadOverride = partial_model(WorkloadPolicy, "WorkloadOverride")

WORKLOAD_KEYS = leaf_types(WorkloadPolicy)
"""Dotted key -> type, in the order of the model."""


def given_keys(override: WorkloadOverride) -> dict[str, Any]:
    """Dotted key -> value of the keys that an override names."""
    return flatten(override.model_dump(exclude_unset=True))
