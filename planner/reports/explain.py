"""One recommendation's whole story: what changes, why, on what evidence, at what risk, and how it gets there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from planner.patches.routes import JSON_PATCH, STRATEGIC_MERGE, is_autoscaler, route_of, template_of
from planner.patches.untrusted import one_line
from planner.plan.schema import Detail, Finding, Kind, NotRecommended, PlanWarning, Recommendation
from planner.reports.explain_autoscaler import autoscaler_story
from planner.reports.figures import (
    NOT_SET,
    RESOURCES,
    SIDES,
    amount,
    effective,
    money,
    quantity,
    risk_meaning,
    target_name,
)
from planner.reports.layout import DEFAULT_WIDTH, Page, clip_middle, left, right
from planner.reports.risk import backtest_sentence
from planner.units import human_cpu, human_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from planner.evidence.autoscaling.drawing import ReplayForPlot

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class UsageForPlot:
    """Use of one container over time, over all its pods.

    Attributes:
        times: (time,) Unix seconds of the starts of equal buckets, ascending.
        cpu_max_cores, cpu_mean_cores: (time,) highest and mean over the pods and samples of a bucket, NaN = none.
        memory_max_bytes: (time,) highest, NaN = none.
        memory_mean_bytes: (time,) mean, NaN = none; ``None`` = not given, and the peaks are drawn full.
    """

    times: "NDArray[np.float64]"
    cpu_max_cores: "NDArray[np.float64]"
    cpu_mean_cores: "NDArray[np.float64]"
    memory_max_bytes: "NDArray[np.float64]"
    memory_mean_bytes: "NDArray[np.float64] | None" = None


def render_explain(
    recommendations: Sequence[Recommendation],
    not_recommended: Sequence[NotRecommended],
    warnings: Sequence[PlanWarning] = (),
    usage: UsageForPlot | Mapping[str, UsageForPlot] | None = None,
    *,
    findings: Sequence[Finding] = (),
    replays: "Mapping[str, ReplayForPlot] | None" = None,
    width: int | None = None,
    color: bool = False,
    currency: str = "",
    ascii_only: bool = False,
) -> str:
    """The story of the containers that a person asked for.

    Args:
        recommendations: of the target.
        not_recommended: of the target.
        warnings: those that bear on it.
        usage: to draw: of the first recommendation, or by the container's name.
        findings: about the target.
        replays: to draw, by the id of the recommendation.
        width: cells of a line; ``None`` = 80.
        color: terminal styles.
        currency: of the amounts.
        ascii_only: draw with ASCII only.
    """
    page = Page(max(width or DEFAULT_WIDTH, 40), color=color)
    for index, item in enumerate(recommendations):
        if index:
            page.line()
        drawn = usage.get(item.target.container or "") if isinstance(usage, Mapping) else usage if index == 0 else None
        replay = (replays or {}).get(item.id)
        _story(page, item, drawn, replay, one_line(currency, 12), ascii_only=ascii_only)
    if isinstance(usage, UsageForPlot) and not recommendations and not_recommended:
        _plots(page, None, usage, ascii_only=ascii_only)
    _left_alone(page, not_recommended)
    if warnings:
        page.heading("Warnings", "warn")
        for warning in warnings:
            page.paragraph(f"{warning.code}: {warning.text}", _INDENT)
            if warning.costs or warning.fix:
                parts = [warning.costs and f"Costs: {warning.costs}.", warning.fix and f"Fix: {warning.fix}."]
                page.paragraph(" ".join(part for part in parts if part), _INDENT * 2, "dim")
    for finding in findings:
        page.heading(f"Found: {one_line(finding.code, 60)}", "" if finding.severity == "info" else "warn")
        page.paragraph(finding.text, _INDENT)
        page.paragraph(f"Fix: {finding.fix}", _INDENT, "dim")
    if not recommendations and not not_recommended and not findings:
        page.line("Nothing is recommended for it, and nothing speaks against it.")
    return page.text()


def _story(
    page: Page,
    item: Recommendation,
    usage: UsageForPlot | None,
    replay: "ReplayForPlot | None",
    currency: str,
    *,
    ascii_only: bool,
) -> None:
    width = page.width or DEFAULT_WIDTH
    page.line(clip_middle(one_line(target_name(item.target), 600), width), "bold")
    page.paragraph(_worth(item, currency))
    if item.kind is Kind.REQUESTS:
        _values(page, item)
    if item.autoscaler is not None:
        autoscaler_story(page, item, replay, ascii_only=ascii_only)
    if usage is not None:
        _plots(page, item, usage, ascii_only=ascii_only)
    if item.reason.details:
        page.heading("Why")
        for detail in item.reason.details:
            _detail(page, detail)
    elif item.reason.text:
        page.heading("Why")
        page.paragraph(item.reason.text, _INDENT)
    _evidence(page, item)
    page.heading("How it reaches the object")
    page.paragraph(_route_text(item), _INDENT)


def _worth(item: Recommendation, currency: str) -> str:
    value = item.freed_value_per_month
    if value is None:
        return "What it frees has no known price."
    verb, more = ("Frees", "") if round(value, 2) >= 0 else ("Needs", " more")
    pods = "" if item.replicas is None else f", over {item.replicas:.4g} pods on average"
    text = f"{verb} {money(abs(value))} {currency} a month{more}{pods}".replace("  ", " ")
    if item.saving_per_month is not None:
        return f"{text}; its part of the change of the nodes' bill is {money(item.saving_per_month)}."
    return f"{text}: the value of what is requested; money only when nodes go away."


def _values(page: Page, item: Recommendation) -> None:
    page.heading(left("", 18) + right("now", 12) + "    " + left("planned", 12))
    for resource, word in (("cpu", "CPU"), ("memory", "memory")):
        for side in SIDES:
            now, planned = (quantity(values, side, resource) for values in (item.current, item.proposed))
            label = left(f"{_INDENT}{word} {side[:-1]}", 18)
            after = "unchanged" if now == planned else one_line(planned or NOT_SET, 20)
            arrow = "    " if now == planned else " -> "
            page.line((label + right(one_line(now or NOT_SET, 20), 12) + arrow + left(after, 12)), "")


def _detail(page: Page, detail: Detail) -> None:
    page.line(f"{_INDENT}{one_line(detail.field, 40)}  [{one_line(detail.code, 40)}]")
    page.paragraph(detail.text, _INDENT * 2)
    resource = "cpu" if detail.field.endswith("cpu") else "memory" if detail.field.endswith("memory") else ""
    numbers = [f"{one_line(name, 40)} {_figure(name, value, resource)}" for name, value in detail.numbers.items()]
    if numbers:
        page.paragraph(", ".join(numbers).replace("_", " "), _INDENT * 2, "dim")


def _figure(name: str, value: float | int | str | None, resource: str) -> str:
    """A number with the unit that its name, or the field that it explains, gives it."""
    if value is None:
        return NOT_SET
    if isinstance(value, str):
        return one_line(value, 60)
    if "cpu_cores" in name or (resource == "cpu" and name in _IN_UNITS):
        return human_cpu(float(value))
    if "memory_bytes" in name or (resource == "memory" and name in _IN_UNITS):
        return human_memory(float(value))
    return f"{value:,.4g}"


_IN_UNITS = frozenset({"chosen", "before_rounding", "floor", "ceiling"})


def _evidence(page: Page, item: Recommendation) -> None:
    seen = item.evidence
    page.heading(f"Evidence: {seen.confidence.value} confidence")
    span = ""
    if seen.first is not None and seen.last is not None:
        first, last = (f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" for time in (seen.first, seen.last))
        span = f", {first} to {last} UTC"
    page.paragraph(
        f"{seen.days:.1f} days of samples{span}; {seen.samples:,} samples of {seen.pods:,} pods,"
        f" for {seen.coverage:.0%} of the time",
        _INDENT,
    )
    for word, stem in (("CPU", "cpu_cores"), ("memory", "memory_bytes")):
        parts = [
            f"{one_line(name, 60).removeprefix(f'{stem}_')} {_figure(name, value, '')}"
            for name, value in seen.observed.items()
            if name.startswith(stem)
        ]
        if parts:
            page.paragraph(f"{word} seen: {', '.join(parts)}", _INDENT)
    rest = {k: v for k, v in seen.observed.items() if not k.startswith(("cpu_cores", "memory_bytes"))}
    if rest:
        page.paragraph(", ".join(f"{one_line(k, 60).replace('_', ' ')} {v:,.4g}" for k, v in rest.items()), _INDENT)
    for note in seen.notes:
        page.paragraph(f"Note: {note}", _INDENT)
    if seen.expected_incidents:
        page.heading(left("Expected", 53) + right("now", 11) + right("planned", 13))
        for expected in seen.expected_incidents:
            page.line(
                left(f"{_INDENT}{one_line(risk_meaning(expected.name), 80)}", 53)
                + right(_exact(expected.current), 11)
                + right(_exact(expected.proposed), 13)
            )
    page.heading("Backtest")
    text = "Not backtested: no days of it were held back."
    if item.autoscaler is not None:
        text = "The last quarter of the time was held back from the choice: see the replay."
    if seen.backtest is not None:
        text = backtest_sentence(seen.backtest)
    page.paragraph(text, _INDENT, most=6)


def _exact(value: float | None) -> str:
    return "?" if value is None else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _plots(page: Page, item: Recommendation | None, usage: UsageForPlot, *, ascii_only: bool) -> None:
    from planner.reports.usage_plot import ASCII, LIMIT, NOW, PLANNED, UNICODE, Level, plot

    glyphs = ASCII if ascii_only else UNICODE
    memory_mean = usage.memory_max_bytes if usage.memory_mean_bytes is None else usage.memory_mean_bytes
    series = {
        "cpu": ("CPU of a pod in cores", usage.cpu_mean_cores, usage.cpu_max_cores, human_cpu),
        "memory": ("Memory of a pod", memory_mean, usage.memory_max_bytes, human_memory),
    }
    for resource in RESOURCES:
        title, mean, peak, show = series[resource]
        levels = []
        if item is not None:
            levels = [
                Level("now", _or_nan(effective(item.current, resource)), NOW),
                Level("planned", _or_nan(effective(item.proposed, resource)), PLANNED),
                Level("limit", _or_nan(amount(quantity(item.proposed, "limits", resource), resource)), LIMIT),
            ]
        key = f"{glyphs.steps[-1]} highest" if mean is peak else f"{glyphs.steps[-1]} mean, {glyphs.peak} highest"
        page.heading(f"{title}: {key} (UTC)")
        width = page.width or DEFAULT_WIDTH
        for line in plot(usage.times, mean, peak, levels, show, width=width, ascii_only=ascii_only):
            page.line(line)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _route_text(item: Recommendation) -> str:
    if is_autoscaler(item):
        return "A strategic merge patch of the HorizontalPodAutoscaler. Write it with --export DIR."
    if template_of(item):
        kind = one_line(f"{item.target.kind} ({item.target.api_version})", 80)
        return f"A strategic merge patch of the pod template of the {kind}. Write it with --export DIR."
    route = route_of(item)
    if isinstance(route, str):
        return f"No patch: {route}."
    place = f"{'.'.join(route.template_path)}.spec.{route.container_list}[{route.container_index}]"
    kind = one_line(f"{item.target.kind} ({item.target.api_version})", 80)
    texts = {
        STRATEGIC_MERGE: f"A strategic merge patch of the {kind}: merged by the container's name, at {place}.",
        JSON_PATCH: f"A JSON patch of the {kind} at {place}, which first tests the container's name.",
    }
    return f"{texts[route.method]} Write it with --export DIR."


def _left_alone(page: Page, items: Sequence[NotRecommended]) -> None:
    if not items:
        return
    page.heading("Left alone")
    for item in sorted(items, key=lambda n: (target_name(n.target), n.fields, n.reason)):
        fields = one_line(", ".join(item.fields), 80)
        page.line(
            clip_middle(f"{_INDENT}{one_line(target_name(item.target), 600)}: {fields}", page.width or DEFAULT_WIDTH)
        )
        page.paragraph(f"{item.text} [{item.reason}]", _INDENT * 2)
        if item.fix:
            page.paragraph(f"Fix: {item.fix}", _INDENT * 2, "dim")
