"""The policy: what the operator wants, for the whole cluster and for each workload."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from planner.config.autoscaling_policy import AutoscalingPolicy
from planner.config.fields import Days, Number, Section, refuse_bool, unflatten
from planner.config.layers import (
    EffectivePolicy,
    Layer,
    Merged,
    annotated,
    built_in,
    checked,
    namespace_layers,
    relevant,
)
from planner.config.pool_policy import NodePoolsPolicy
from planner.config.problems import did_you_mean, misplaced
from planner.config.workload_policy import WorkloadOverride, given_keys

BUILT_IN_ENVIRONMENTS: dict[str, WorkloadOverride] = {
    name: WorkloadOverride.model_validate(keys)
    for name, keys in {
        "production": {"risk": {"level": "cautious"}},
        "staging": {},
        "development": {"risk": {"level": "bold"}, "evidence": {"min_days": 1}},
        # A slow batch run waits, a killed one starts again from nothing.
        "batch": {"risk": {"oom_kill_price": 10.0, "cpu_shortage_price_ratio": 4.0, "max_shortage_share": 0.2}},
    }.items()
}
BUILT_IN_ALIASES = {"prod": "production", "stg": "staging", "stage": "staging", "dev": "development"}

_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _read_time_of_day(value: Any) -> Any:
    if not re.match(_TIME_OF_DAY, str(value), re.ASCII):
        raise ValueError("must be HH:MM from 00:00 to 23:59, such as 02:00")
    return value


def _sorted(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(value)))


def _with_built_in_aliases(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return BUILT_IN_ALIASES | {key.lower() if isinstance(key, str) else key: name for key, name in value.items()}


_TimeOfDay = Annotated[str, Field(pattern=_TIME_OF_DAY, examples=["02:00"]), BeforeValidator(_read_time_of_day)]
_Set = Annotated[tuple[str, ...], AfterValidator(_sorted)]
"""Names whose order means nothing."""


class ChangeWindow(Section):
    """A span of each named day, half-open, in `time_zone`."""

    days: tuple[_Day, ...] = Field(min_length=1)
    """Days on which the window starts: mon, tue, wed, thu, fri, sat, sun."""
    start: _TimeOfDay
    """First minute, HH:MM."""
    end: _TimeOfDay
    """Minute after the last one, HH:MM. Not after `start` = on the next day."""


_KillsPer1000Days = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1000), BeforeValidator(refuse_bool)]
_CoreSeconds = Annotated[float, Field(allow_inf_nan=False, ge=0), BeforeValidator(refuse_bool)]


class RiskBudget(Section):
    """Most incidents that a set of workloads may be expected to have together; null = no budget."""

    oom_kills_per_1000_container_days: _KillsPer1000Days | None = None
    """Days on which a container passes its memory, of 1,000 days that containers run."""
    cpu_shortage_core_seconds_per_day: _CoreSeconds | None = None
    """Core-seconds a day wanted above CPU requests, all pods together."""


class FleetRiskBudget(RiskBudget):
    """The same for all workloads that get a recommendation; one budget holds by default."""

    oom_kills_per_1000_container_days: _KillsPer1000Days | None = 3
    """Days on which a container passes its memory, of 1,000 days that containers run. 3 leaves room to the 5 that
    hold in production at Google (Autopilot, EuroSys 2020), since a forecast errs. null = no budget."""


class RiskBudgets(Section):
    """Budgets that workloads share. They come on top of each workload's own ceilings under `risk`."""

    fleet: FleetRiskBudget = FleetRiskBudget()
    """For all workloads that get a recommendation."""
    namespaces: dict[str, RiskBudget] = Field(default_factory=dict)
    """By namespace: a name, or a pattern with * and ?; a pattern gives each namespace its own budget."""
    most_price_per_oom_kill: Number = Field(default=500, gt=0, le=1e9)
    """A budget buys off no OOM kill for more than this, in `currency`. What it then cannot meet is told: a few
    containers that a quota holds down must not make all others pay for a budget that they use up."""
    most_price_per_core_hour_short: Number = Field(default=50, gt=0, le=1e9)
    """The same for a core-hour of CPU shortage."""


class Policy(Section):
    """What the operator wants. Every key has a default: an empty file is a policy."""

    version: Literal[1] = 1
    """Version of this format."""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    """Currency (ISO 4217) of every amount. Prices in another currency are not converted: they count as unknown."""
    time_zone: str = "UTC"
    """IANA name of the time zone of daily and weekly patterns and of change windows."""
    environment_labels: tuple[str, ...] = ("environment", "env")
    """Keys of namespace labels that tell the environment; the first one that a namespace has wins."""
    environment_aliases: Annotated[dict[str, str], BeforeValidator(_with_built_in_aliases)] = BUILT_IN_ALIASES
    """Other names of environments. Added to the built-in ones: prod, stg, stage, dev."""
    excluded_namespaces: _Set = ("kube-node-lease", "kube-public", "kube-system")
    """Namespaces (exact, or patterns with * and ?) that get findings but no recommendation."""
    history_days: Days | None = None
    """Only the last days of the snapshot count; null = all that is stored."""
    horizon_days: int = Field(default=7, ge=1, le=90)
    """Days that a plan is meant to hold: what is learnt is how such a period surprised forecasts made before it."""
    risk_budgets: RiskBudgets = RiskBudgets()
    """Incidents that workloads may have together."""
    priority_factors: dict[str, Number] = Field(default_factory=dict)
    """Factor of both prices of risk by PriorityClass: a name, or a pattern with * and ?. Without an entry: 0.5 where
    the priority is negative, 2 where it is positive, 1 where there is none."""
    purchase_options: Annotated[tuple[Literal["on-demand", "spot", "reserved"], ...], AfterValidator(_sorted)] = (
        "on-demand",
        "reserved",
        "spot",
    )
    """How nodes may be paid for."""
    protected_share: Number = Field(default=1.0, ge=0, le=1)
    """Share of each workload's pods that must still fit after the loss of any one zone. A PodDisruptionBudget lowers
    it to what must stay available; jobs, pods of negative priority and pods bound to a zone by a volume need not.
    """
    node_pools: NodePoolsPolicy = NodePoolsPolicy()
    """What node pools may look like."""
    autoscaling: AutoscalingPolicy = AutoscalingPolicy()
    """What autoscalers must keep, and when another setting is worth a change."""
    namespaces_opted_in: _Set = ()
    """Namespaces (exact, or patterns) whose objects may be changed: none by default. Checked, and not used yet."""
    change_windows: tuple[ChangeWindow, ...] = ()
    """When changes may be made; empty = at any time. Checked, and not used yet."""
    defaults: WorkloadOverride = Field(default_factory=WorkloadOverride)
    """Keys for every workload."""
    environments: dict[str, WorkloadOverride] = Field(default_factory=dict)
    """Keys by environment, on top of the built-in ones of production, staging, development and batch."""
    namespaces: dict[str, WorkloadOverride] = Field(default_factory=dict)
    """Keys by namespace: a name, or a pattern with * and ?. The more specific one wins, an exact name above all."""

    _merged: dict[tuple[str, str], Merged] = PrivateAttr(default_factory=dict)
    _resolved: dict[tuple[str, str, tuple[tuple[str, str], ...]], EffectivePolicy] = PrivateAttr(default_factory=dict)

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no time zone {value[:60]!r}; write an IANA name such as Europe/Berlin") from error
        return value

    @field_validator("priority_factors")
    @classmethod
    def _factors_are_positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, factor in value.items():
            if not 0 < factor <= 1000:
                raise ValueError(f"the factor of {name[:60]!r} must be above 0 and at most 1000")
        return value

    @model_validator(mode="after")
    def _environments_can_be_reached(self) -> Self:
        known = self._environment_names()
        for alias, name in self.environment_aliases.items():
            if name not in known:
                fix = did_you_mean(name, known) or f"known: {', '.join(known)}"
                raise misplaced(("environment_aliases", alias), f"there is no environment {name[:60]!r}", fix)
        for name in self.environments:
            place = ("environments", name)
            if name in self.environment_aliases:
                meant = self.environment_aliases[name]
                raise misplaced(place, f"is an alias of {meant}", f"write it under environments.{meant}")
            if name != name.strip().lower() or not name:
                raise misplaced(place, "environments are written in lower case", f"write {name.strip().lower()}")
        return self

    @model_validator(mode="after")
    def _layers_agree(self) -> Self:
        """Layers that contradict each other wherever they meet are refused now, the rest where they meet."""
        _agree([self._before_namespaces("")], ("defaults",))
        for name in sorted(self.environments):
            _agree([self._before_namespaces(name)], ("environments", name))
        for pattern in sorted(self.namespaces):
            layer = Layer("", given_keys(self.namespaces[pattern]))
            meetings = [self._before_namespaces(name).with_layer(layer) for name in ("", *self._environment_names())]
            _agree(meetings, ("namespaces", pattern))
        return self

    def _environment_names(self) -> list[str]:
        return sorted({*BUILT_IN_ENVIRONMENTS, *self.environments})

    def environment_of(self, namespace_labels: Mapping[str, str]) -> str:
        """Environment of a namespace by its labels, in lower case and after the aliases; empty = not told."""
        for key in self.environment_labels:
            if key in namespace_labels:
                name = namespace_labels[key].strip().lower()
                return self.environment_aliases.get(name, name)
        return ""

    def priority_factor(self, priority_class: str | None, priority: int | None) -> float:
        """Factor of the prices of risk of a workload's priority; an exact name wins over a pattern."""
        if priority_class is not None:
            for pattern in sorted(self.priority_factors, key=lambda p: (p != priority_class, -len(p), p)):
                if fnmatchcase(priority_class, pattern):
                    return self.priority_factors[pattern]
        if not priority:
            return 1.0
        return 2.0 if priority > 0 else 0.5

    def excludes(self, namespace: str) -> bool:
        """Whether a namespace gets findings but no recommendation."""
        return any(fnmatchcase(namespace, pattern) for pattern in self.excluded_namespaces)

    def resolve(
        self, namespace: str, namespace_labels: Mapping[str, str], annotations: Mapping[str, str]
    ) -> EffectivePolicy:
        """The keys that hold for a workload of a namespace, with the origin of each.

        Raises:
            ConfigError: a namespace's and an environment's keys contradict each other.
        """
        environment = self.environment_of(namespace_labels)
        key = (namespace, environment, relevant(annotations))
        if key not in self._resolved:
            self._resolved[key] = self._resolve(*key)
        return self._resolved[key]

    def _resolve(self, namespace: str, environment: str, annotations: tuple[tuple[str, str], ...]) -> EffectivePolicy:
        if (namespace, environment) not in self._merged:
            merged = self._merge(namespace, environment)
            checked(merged, f"namespace {namespace}, environment {environment or '(none)'}")
            self._merged[namespace, environment] = merged
        merged, warnings = annotated(self._merged[namespace, environment], dict(annotations))
        return EffectivePolicy(merged.policy(), merged.origin, environment, self.excludes(namespace), warnings)

    def _merge(self, namespace: str, environment: str) -> Merged:
        merged = self._before_namespaces(environment)
        for layer in namespace_layers(self.namespaces, namespace):
            merged = merged.with_layer(layer)
        return merged

    def _before_namespaces(self, environment: str) -> Merged:
        layers = [Layer("file defaults", given_keys(self.defaults))]
        if environment in BUILT_IN_ENVIRONMENTS:
            name = f"environment {environment} (built-in)"
            layers.append(Layer(name, given_keys(BUILT_IN_ENVIRONMENTS[environment])))
        if environment in self.environments:
            layers.append(Layer(f"environment {environment}", given_keys(self.environments[environment])))
        merged = built_in()
        for layer in layers:
            merged = merged.with_layer(layer)
        return merged

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy that remembers nothing resolved under the original."""
        copied = super().model_copy(update=update, deep=deep)
        copied._merged, copied._resolved = {}, {}
        return copied

    def as_json(self) -> dict[str, Any]:
        """The whole policy with every default filled in; reading it again gives the same policy."""
        document = self.model_dump(mode="json", exclude={"defaults", "environments", "namespaces"})
        document["defaults"] = self._before_namespaces("").policy().model_dump(mode="json")
        document["environments"] = {
            name: _overrides_json(BUILT_IN_ENVIRONMENTS.get(name), self.environments.get(name))
            for name in self._environment_names()
        }
        document["namespaces"] = {
            pattern: _overrides_json(override) for pattern, override in sorted(self.namespaces.items())
        }
        return document

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of :meth:`as_json`, in hex: two files that mean the same have the same one."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _overrides_json(*overrides: WorkloadOverride | None) -> dict[str, Any]:
    merged = Merged({}, {})
    for override in overrides:
        merged = merged.with_layer(Layer("", given_keys(override) if override else {}))
    whole = WorkloadOverride.model_validate(unflatten(merged.keys))
    return whole.model_dump(mode="json", exclude_unset=True)


def _agree(meetings: Sequence[Merged], place: tuple[str, ...]) -> None:
    """Refuse the keys of a place if they contradict the rest in every meeting."""
    error: ValidationError | None = None
    for merged in meetings:
        try:
            merged.policy()
        except ValidationError as found:
            error = found
        else:
            return
    if error:
        first = error.errors(include_url=False)[0]
        raise misplaced((*place, *first["loc"]), str(first["ctx"]["error"]))
