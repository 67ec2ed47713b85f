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


def round_request(value: float, resource: str, ceiling: float, *, finest: bool = False) -> float:
    """Round up to a figure that people would write, about 1 % to 5 % fine, without passing the ceiling.

    CPU steps of 1m below 100m, 5m below 1 core, 50m above; memory 1 MiB below 256 MiB, 16 MiB below 4 GiB,
    128 MiB below 16 GiB, 512 MiB above. ``finest`` keeps the first step throughout, for a binding quota.
    """
    if resource == "cpu":
        step = 0.001 if finest or value < 0.1 else 0.005 if value < 1 else 0.05
        scaled = math.ceil(round(value / step, 6)) * round(step * 1000) / 1000
        lowest = math.floor(round(ceiling * 1000, 6)) / 1000 if math.isfinite(ceiling) else math.inf
    else:
        step = MIB if finest or value < 256 * MIB else 16 * MIB if value < 4 * GIB else 128 * MIB
        step = 512 * MIB if value >= 16 * GIB and not finest else step
        scaled = math.ceil(round(value / step, 9)) * step
        lowest = math.floor(ceiling / MIB) * MIB if math.isfinite(ceiling) else math.inf
    return float(min(scaled, lowest) if lowest > 0 else scaled)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What limits must respect, besides policy.

    Attributes:
        highest: resource -> highest use seen (cores, bytes); absent = not seen.
        floor: resource -> least that a limit may be, from OOM kills and peaks.
        quota_on_limits: resources whose limits a ResourceQuota counts: they cannot be removed.
        guaranteed: the pod is Guaranteed and must stay so.
    """

    highest: dict[str, float]
    floor: dict[str, float]
    quota_on_limits: frozenset[str] = frozenset()
    guaranteed: bool = False


@dataclass(slots=True)
class Values:
    """Proposed requests and limits of a container, with the reasons for the limits."""

    requests: Resources
    limits: Resources
    details: list[Detail] = field(default_factory=list)


def propose_values(
    container: Container,
    chosen: dict[str, float],
    policy: "WorkloadPolicy",
    limit_ranges: Sequence[LimitRangeItem],
    evidence: Evidence,
) -> Values:
    """Requests as chosen (absent = left alone) and the limits that go with them."""
    requests, limits = container.requests, container.limits
    details: list[Detail] = []
    for resource, value in chosen.items():
        requests = _with(requests, resource, value)
        limit, code, text = _limit(container, resource, value, policy, limit_ranges, evidence)
        before = amount(container.limits, resource)
        limits = _with(limits, resource, limit)
        if limit is not None or before is not None:
            details.append(Detail(field=f"limits.{resource}", code=code, text=text))
    return Values(requests, limits, details)


def _limit(
    container: Container,
    resource: str,
    request: float,
    policy: "WorkloadPolicy",
    limit_ranges: Sequence[LimitRangeItem],
    evidence: Evidence,
) -> tuple[float | None, str, str]:
    now = amount(container.limits, resource)
    show = human_cpu if resource == "cpu" else human_memory
    if evidence.guaranteed:
        return request, "qos_guaranteed", "equal to the request: the pod stays Guaranteed"
    rule = policy.limits.cpu if resource == "cpu" else policy.limits.memory
    if rule == "none":
        if resource not in evidence.quota_on_limits:
            return None, "policy_none", "the policy wants no limit"
        rule = "keep-ratio"
    if rule == "equal-request":
        wanted, code, text = request, "policy_equal_request", "the policy wants it equal to the request"
    elif isinstance(rule, float | int):
        wanted, code, text = request * rule, "policy_factor", f"the policy wants {rule:g} x the request"
    elif now is None:
        return None, "policy_keep", "no limit today, none proposed"
    elif rule == "keep":
        wanted, code, text = now, "policy_keep", "the policy keeps the limit"
    else:
        before = amount(container.requests, resource)
        ratio = now / before if before else 1.0
        wanted, code, text = request * ratio, "keep_ratio", f"keeps its ratio of {ratio:.3g} to the request"
    least = max(request, evidence.floor.get(resource, 0.0), min(evidence.highest.get(resource, 0.0), now or math.inf))
    if wanted < least:
        wanted, code, text = least, "peak_seen", f"not below the {show(least)} that it used or was killed for"
    wanted, code, text = _inside_limit_range(wanted, request, resource, limit_ranges, (wanted, code, text))
    return round_request(wanted, resource, math.inf), code, text


def _inside_limit_range(
    wanted: float, request: float, resource: str, limit_ranges: Sequence[LimitRangeItem], told: tuple[float, str, str]
) -> tuple[float, str, str]:
    show = human_cpu if resource == "cpu" else human_memory
    result = told
    for item in limit_ranges:
        if item.type != "Container":
            continue
        highest = item.max.get(resource)
        ratio = item.max_limit_request_ratio.get(resource)
        if highest is not None and result[0] > highest:
            result = (max(highest, request), "limit_range_max", f"LimitRange {item.name}: at most {show(highest)}")
        if ratio is not None and result[0] > request * ratio:
            result = (
                request * ratio,
                "limit_range_ratio",
                f"LimitRange {item.name}: at most {ratio:g} x the request",
            )
    return result


def _with(resources: Resources, name: str, value: float | None) -> Resources:
    if name == "cpu":
        return replace(resources, cpu_cores=value)
    return replace(resources, memory_bytes=None if value is None else math.ceil(value))
