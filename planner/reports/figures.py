"""The figures that every format shows, worked out once: so table, page and explanation tell one story."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from planner.plan.frozen import Target
from planner.plan.schema import Bill, Finding, NotRecommended, Plan, PlanWarning, Recommendation
from planner.units import GIB, parse_cpu, parse_memory

RESOURCES = ("cpu", "memory")
SIDES = ("requests", "limits")
NOT_SET = "none"
_WORTH_DIGITS = 0.01
_GRAVITY = ("critical", "warning", "info")

_RISKS = {
    "oom_kill_days_per_30_days": ("OOM days", "expected days with an OOM kill, out of 30"),
    "oom_kills_per_30_days": ("OOM kills", "expected OOM kills in 30 days"),
    "days_over_memory_request_per_30_days": ("days over", "expected days over the memory request, out of 30"),
    "cpu_shortage_core_seconds_per_day": ("CPU short", "core-seconds a day wanted above the CPU request"),
}


def target_name(target: Target) -> str:
    """``namespace/Kind/name/container``."""
    parts = (target.namespace, target.kind, target.name, target.container)
    return "/".join(part for part in parts if part)


def value_per_month(recommendation: Recommendation, bill: Bill) -> float | None:
    """What a recommendation is worth in the measure of the bill; ``None`` = no price is known."""
    if bill.basis == "nodes" and recommendation.saving_per_month is not None:
        return recommendation.saving_per_month
    return recommendation.freed_value_per_month


def moves(plan: Plan) -> list[Recommendation]:
    """All recommendations, those worth most first."""
    return sorted(
        plan.recommendations, key=lambda r: (-(value_per_month(r, plan.bill) or 0.0), target_name(r.target), r.id)
    )


def quantity(values: Mapping[str, Any], side: str, resource: str) -> str | None:
    """A value of ``current`` or ``proposed``; ``None`` = not set."""
    found = values.get(side)
    value = found.get(resource) if isinstance(found, Mapping) else None
    return None if value is None else str(value)


def change_text(recommendation: Recommendation, side: str, resource: str, arrow: str = " -> ") -> str:
    """``2 -> 500m``; one value where it stays; empty where neither is set."""
    now = quantity(recommendation.current, side, resource)
    planned = quantity(recommendation.proposed, side, resource)
    if now == planned:
        return now or ""
    return f"{now or NOT_SET}{arrow}{planned or NOT_SET}"


def changes(recommendation: Recommendation, side: str) -> bool:
    """Whether requests or limits change at all."""
    return any(
        quantity(recommendation.current, side, r) != quantity(recommendation.proposed, side, r) for r in RESOURCES
    )


def amount(text: str | None, resource: str) -> float | None:
    """Cores or bytes of a quantity; ``None`` where there is none, or none that can be read."""
    if text is None:
        return None
    try:
        return parse_cpu(text) if resource == "cpu" else float(parse_memory(text))
    except ValueError:
        return None


def money(value: float | None) -> str:
    """An amount with two decimals: ``1,234.50``; ``no price`` where none is known."""
    if value is None:
        return "no price"
    return f"{value + 0.0:,.2f}" if round(value, 2) else "0.00"


def moment(time: datetime) -> str:
    """A time to the minute, or the day alone at midnight."""
    return f"{time:%Y-%m-%d}" if (time.hour, time.minute) == (0, 0) else f"{time:%Y-%m-%d %H:%M}"


def percent(part: float, whole: float) -> str:
    """``22 %``, empty where there is nothing to compare with."""
    return f"{part / whole:.0%}".replace("%", " %") if whole else ""


def short_number(value: float | None) -> str:
    """Three digits: ``0.02``, ``4.3``, ``1,240``, ``52k``; ``?`` = not known."""
    if value is None:
        return "?"
    if 0 < value < _WORTH_DIGITS:
        return f"<{_WORTH_DIGITS:g}"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def risk_label(name: str) -> str:
    """Short name of an expectation."""
    return _RISKS.get(name, (name.replace("_", " "), ""))[0]


def risk_meaning(name: str) -> str:
    """What an expectation counts, in words."""
    return _RISKS.get(name, ("", name.replace("_", " ")))[1]


def risk_texts(recommendation: Recommendation, arrow: str = " -> ") -> list[str]:
    """``OOM days 0 -> 0.02`` and the like."""
    return [
        f"{risk_label(e.name)} {short_number(e.current)}{arrow}{short_number(e.proposed)}"
        for e in recommendation.evidence.expected_incidents
    ]


def basis_sentence(bill: Bill) -> str:
    """What the bill measures, plainly."""
    if bill.basis == "requests":
        return "The bill is the value of what is requested, at the nodes' prices; it is money only when nodes go away."
    return "The bill is the sum of the prices of the nodes."


def bill_remarks(bill: Bill) -> list[str]:
    """What else to know of the sums."""
    remarks = []
    if bill.nodes_per_month > 0 and bill.basis == "requests":
        remarks.append(f"Today's nodes cost {money(bill.nodes_per_month)} {bill.currency} a month.")
    if bill.unpriced_nodes:
        remarks.append(f"Nodes without a known price: {len(bill.unpriced_nodes)}; they are not counted as free.")
    if bill.unpriced_workloads:
        remarks.append(f"Workloads without a price: {bill.unpriced_workloads}; they are in neither sum.")
    return remarks


@dataclass(frozen=True, slots=True)
class Total:
    """One line of the totals.

    Attributes:
        label: with its unit.
        now, planned: today and under the plan.
        used: mean use; ``None`` = not known.
    """

    label: str
    now: float
    planned: float
    used: float | None = None


def resource_totals(plan: Plan) -> list[Total]:
    """CPU and memory requested, planned and used, as far as the plan tells."""
    found = []
    for label, stem, unit in (("CPU requested, cores", "cpu", "cores"), ("Memory requested, GiB", "memory", "gib")):
        now, planned = (plan.totals.get(f"{word}_{stem}_{unit}") for word in ("requested", "planned"))
        if now is not None and planned is not None:
            found.append(Total(label, now, planned, plan.totals.get(f"used_{stem}_{unit}")))
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """Refusals of one reason, or warnings of one code.

    Attributes:
        code: the stable word.
        count: objects (refusals) or warnings.
        text, costs, fix: of the first; the text says so where the others have another one.
        examples: names of objects.
    """

    code: str
    count: int
    text: str
    costs: str
    fix: str
    examples: tuple[str, ...]


def left_alone_groups(items: Iterable[NotRecommended]) -> list[Group]:
    """By reason, the most frequent first."""
    by_code: dict[str, list[NotRecommended]] = {}
    for item in sorted(items, key=lambda n: (target_name(n.target), n.fields)):
        by_code.setdefault(item.reason, []).append(item)
    groups = [_of_targets(code, found) for code, found in by_code.items()]
    return sorted(groups, key=lambda g: (-g.count, g.code))


def _of_targets(code: str, found: Sequence[NotRecommended | Finding]) -> Group:
    return Group(
        code=code,
        count=len(found),
        text=_shared([item.text for item in found]),
        costs="",
        fix=found[0].fix,
        examples=tuple(dict.fromkeys(target_name(item.target) for item in found)),
    )


def _shared(texts: list[str]) -> str:
    """The text that all have, or the first as an example."""
    return texts[0] if len(set(texts)) == 1 else f"for example: {texts[0]}"


def finding_groups(findings: Iterable[Finding]) -> list[Group]:
    """By code, the gravest first."""
    by_code: dict[tuple[int, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda f: target_name(f.target)):
        by_code.setdefault((_GRAVITY.index(finding.severity), finding.code), []).append(finding)
    return [_of_targets(code, found) for (_, code), found in sorted(by_code.items())]


def warning_groups(warnings: Iterable[PlanWarning]) -> list[Group]:
    """By code, in the order of the plan."""
    by_code: dict[str, list[PlanWarning]] = {}
    for warning in warnings:
        by_code.setdefault(warning.code, []).append(warning)
    return [
        Group(
            code=code,
            count=len(found),
            text=_shared([warning.text for warning in found]),
            costs=found[0].costs,
            fix=found[0].fix,
            examples=tuple(dict.fromkeys(name for warning in found for name in warning.objects)),
        )
        for code, found in by_code.items()
    ]


@dataclass(frozen=True, slots=True)
class NamespaceBar:
    """What the recommended containers of a namespace request: all their pods, init containers left out."""

    namespace: str
    cpu_now: float
    cpu_planned: float
    memory_now_gib: float
    memory_planned_gib: float


def namespace_bars(plan: Plan) -> list[NamespaceBar]:
    """One per namespace, the largest CPU request first."""
    sums: dict[str, list[float]] = {}
    for item in plan.recommendations:
        if item.patch.get("container_list") == "initContainers":
            continue
        row = sums.setdefault(item.target.namespace or "", [0.0] * 4)
        pods = item.replicas if item.replicas is not None else 1.0
        for i, (values, resource) in enumerate((v, r) for r in RESOURCES for v in (item.current, item.proposed)):
            row[i] += pods * (effective(values, resource) or 0.0) / (GIB if resource == "memory" else 1.0)
    bars = [NamespaceBar(name, *row) for name, row in sums.items()]
    return sorted(bars, key=lambda b: (-max(b.cpu_now, b.cpu_planned), b.namespace))


def effective(values: Mapping[str, Any], resource: str) -> float | None:
    """The request, or the limit where only that is set, as the API server fills it in."""
    request = amount(quantity(values, "requests", resource), resource)
    return request if request is not None else amount(quantity(values, "limits", resource), resource)
