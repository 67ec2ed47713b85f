"""From chosen requests to the values of the patch: rounded, with limits that the policy wants."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.domain.pod_request import amount
from planner.domain.policy_objects import LimitRangeItem
from planner.domain.workload import Container, Resources
from planner.plan.schema import Detail
from planner.units import GIB, MIB, human_cpu, human_memory

if TYPE_CHECKING:
    from planner.config.workload_policy import WorkloadPolicy

MOST_RATIO_OF_A_RAISE = 2.0
"""Where a request passes its limit, the limit rises to at most so many times the request, whatever the ratio was."""
FINEST = {"cpu": 0.001, "memory": float(MIB)}
"""Finest step of a proposed value: a millicore, a MiB."""


def round_value(
    value: float, resource: str, *, floor: float = 0.0, ceiling: float = math.inf, finest: bool = False
) -> float:
    """Round up to a figure that people would write, about 1 % to 5 % fine, without passing the ceiling.

    CPU steps of 1m below 100m, 5m below 1 core, 50m above; memory 1 MiB below 256 MiB, 16 MiB below 4 GiB,
    128 MiB below 16 GiB, 512 MiB above. ``finest`` keeps the first step throughout, for a binding quota.
    Where no step lies between floor and ceiling the ceiling itself is taken.
    """
    if resource == "cpu":
        step = 0.001 if finest or value < 0.1 else 0.005 if value < 1 else 0.05
    else:
        step = FINEST["memory"] if finest or value < 256 * MIB else 16 * MIB if value < 4 * GIB else 128 * MIB
        step = 512 * MIB if value >= 16 * GIB and not finest else step
    rounded = max(_up(value, step), FINEST[resource])
    if rounded <= ceiling:
        return rounded
    below = math.floor(round(ceiling / FINEST[resource], 6)) * FINEST[resource]
    below = round(below, 3) if resource == "cpu" else below
    return below if below >= floor and below > 0 else ceiling


def _up(value: float, step: float) -> float:
    rounded = math.ceil(round(value / step, 6)) * step
    return round(rounded, 3) if step < 1 else rounded


@dataclass(frozen=True, slots=True)
class LimitFacts:
    """What a limit must respect, besides policy; by resource, absent = nothing known.

    Attributes:
        today: the limit that holds today: the container's own, else a LimitRange's default.
        floor: least that a limit may be: use seen, OOM kills, heaps, today's where it throttles.
        must_exist: a ResourceQuota counts limits, or a LimitRange would put its default in their place.
        guaranteed: the pod is Guaranteed and must stay so.
    """

    today: dict[str, float]
    floor: dict[str, float]
    must_exist: frozenset[str] = frozenset()
    guaranteed: bool = False


@dataclass(slots=True)
class Values:
    """Proposed requests and limits of a container, with the reasons for the limits."""

    requests: Resources
    limits: Resources
    details: list[Detail] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A limit before LimitRanges and rounding; ``None`` = no limit."""

    value: float | None
    code: str
    text: str
    as_it_is: bool = False


def propose_values(
    container: Container,
    chosen: dict[str, float],
    policy: "WorkloadPolicy",
    limit_ranges: Sequence[LimitRangeItem],
    facts: LimitFacts,
) -> Values:
    """Requests as chosen (absent = left alone) and the limits that go with them."""
    requests, limits = container.requests, container.limits
    details: list[Detail] = []
    for resource, value in chosen.items():
        requests = with_amount(requests, resource, value)
        limit, code, text = _limit(container, resource, value, policy, limit_ranges, facts)
        before = amount(container.limits, resource)
        limits = with_amount(limits, resource, limit)
        if limit is not None or before is not None:
            details.append(Detail(field=f"limits.{resource}", code=code, text=text))
    return Values(requests, limits, details)


def _limit(
    container: Container,
    resource: str,
    request: float,
    policy: "WorkloadPolicy",
    limit_ranges: Sequence[LimitRangeItem],
    facts: LimitFacts,
) -> tuple[float | None, str, str]:
    if facts.guaranteed:
        return request, "qos_guaranteed", "equal to the request: the pod stays Guaranteed"
    wish = _wish(container, resource, request, policy, facts)
    if wish.value is None:
        return None, wish.code, wish.text
    show = human_cpu if resource == "cpu" else human_memory
    least = max(request, facts.floor.get(resource, 0.0))
    if wish.value < least:
        wish = _Wish(least, "peak_seen", f"not below the {show(least)} that its use asks for")
    ceiling = math.inf
    for item in limit_ranges:
        if item.type != "Container":
            continue
        highest, ratio = item.max.get(resource), item.max_limit_request_ratio.get(resource)
        if highest is not None and highest < ceiling:
            ceiling = highest
            if wish.value is not None and wish.value > highest:
                wish = _Wish(highest, "limit_range_max", f"LimitRange {item.name}: at most {show(highest)}")
        if ratio is not None and request * ratio < ceiling:
            ceiling = request * ratio
            if wish.value is not None and wish.value > ceiling:
                wish = _Wish(ceiling, "limit_range_ratio", f"LimitRange {item.name}: at most {ratio:g} x the request")
    assert wish.value is not None
    if wish.as_it_is and wish.value <= ceiling:
        return wish.value, wish.code, wish.text
    return round_value(wish.value, resource, floor=request, ceiling=max(ceiling, request)), wish.code, wish.text


def _wish(container: Container, resource: str, request: float, policy: "WorkloadPolicy", facts: LimitFacts) -> _Wish:
    """What the policy wants."""
    rule = policy.limits.cpu if resource == "cpu" else policy.limits.memory
    now = facts.today.get(resource)
    if rule == "none":
        if resource not in facts.must_exist:
            return _Wish(None, "policy_none", "the policy wants no limit")
        rule = "keep-ratio"
    if rule == "equal-request":
        return _Wish(request, "policy_equal_request", "the policy wants it equal to the request")
    if isinstance(rule, float | int):
        return _Wish(request * rule, "policy_factor", f"the policy wants {rule:g} x the request")
    if now is None:
        if resource in facts.must_exist:
            return _Wish(request, "quota_needs_limit", "a ResourceQuota of the namespace asks for a limit")
        return _Wish(None, "policy_keep", "no limit today, none proposed")
    if rule == "keep":
        return _Wish(now, "policy_keep", "the policy keeps the limit", as_it_is=True)
    before = amount(container.requests, resource)
    ratio = now / before if before else 1.0
    if before and request >= before and request <= now:
        return _Wish(now, "keep_limit", "stays: only the request rises", as_it_is=True)
    if request > now:
        ratio = min(ratio, MOST_RATIO_OF_A_RAISE)
    return _Wish(request * ratio, "keep_ratio", f"keeps its ratio of {ratio:.3g} to the request")


def with_amount(resources: Resources, name: str, value: float | None) -> Resources:
    """The resources with another amount of CPU or memory; ``None`` = not set."""
    if name == "cpu":
        return replace(resources, cpu_cores=value)
    return replace(resources, memory_bytes=None if value is None else math.ceil(value))
