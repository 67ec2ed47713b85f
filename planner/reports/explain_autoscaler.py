"""An autoscaler's story in a terminal: today's setting and the proposed one on the same demand."""

from typing import TYPE_CHECKING

from planner.patches.untrusted import one_line
from planner.plan.autoscaling import AutoscalerPlan, ReplayFigures
from planner.plan.schema import Recommendation
from planner.reports.layout import DEFAULT_WIDTH, Page, left, right
from planner.units import human_cpu

if TYPE_CHECKING:
    from planner.evidence.autoscaling.drawing import ReplayForPlot

_INDENT = "  "


def autoscaler_story(
    page: Page, item: Recommendation, drawn: "ReplayForPlot | None" = None, *, ascii_only: bool = False
) -> None:
    """Settings, replays, both drawn, calibration, what moves around the choice, and the worst times."""
    story = item.autoscaler
    if story is None:
        return
    now, then = _setting(item.current), _setting(item.proposed)
    page.heading(left("Setting", 36) + right("now", 18) + right("proposed", 18))
    for name, before, after in zip(_NAMES, now, then, strict=True):
        page.line(left(f"{_INDENT}{name}", 36) + right(before, 18) + right(after, 18))
    thresholds = (story.threshold_cores_now, story.threshold_cores)
    page.line(
        left(f"{_INDENT}cores a pod holds still at (T r)", 36) + "".join(right(f"{v:.3g}", 18) for v in thresholds)
    )
    _replays(page, story)
    if drawn is not None:
        _drawings(page, drawn, ascii_only=ascii_only)
    _episodes(page, story)
    _trust(page, story)
    _around(page, story)
    for warning in item.warnings:
        page.paragraph(f"Note: {warning}", _INDENT)


_NAMES = ("target, % of the request", "fewest replicas", "most replicas", "scale-down window, seconds")


def _setting(spec: dict[str, object]) -> tuple[str, str, str, str]:
    metrics = spec.get("metrics")
    target = "?"
    if isinstance(metrics, list) and metrics and isinstance(metrics[0], dict):
        inner = metrics[0].get("resource") or metrics[0].get("containerResource") or {}
        target = str(inner.get("target", {}).get("averageUtilization", "?"))
    behavior = spec.get("behavior")
    down = behavior.get("scaleDown") if isinstance(behavior, dict) else None
    window = down.get("stabilizationWindowSeconds", 300) if isinstance(down, dict) else 300
    values = (target, spec.get("minReplicas", 1), spec.get("maxReplicas", "?"), window)
    a, b, c, d = (one_line(value, 12) for value in values)
    return a, b, c, d


_FIGURES = (
    ("pods on average", "mean_replicas"),
    ("pods at most", "max_replicas"),
    ("replica-hours a day", "replica_hours_per_day"),
    ("minutes a day short", "violation_minutes_per_day"),
    ("longest such time, minutes", "worst_violation_minutes"),
    ("turns from up to down a day", "direction_changes_per_day"),
    ("share of the time at the minimum", "share_at_min"),
    ("share of the time at the maximum", "share_at_max"),
)


def _replays(page: Page, story: AutoscalerPlan) -> None:
    page.heading(
        left(f"Replayed on {story.days:.3g} days of its demand", 36) + right("now", 18) + right("proposed", 18)
    )
    for name, field in _FIGURES:
        page.line(left(f"{_INDENT}{name}", 36) + _value(story.current, field) + _value(story.proposed, field))
    last = (story.held_out_current, story.held_out_proposed)
    if last[1] is not None:
        for name, field in (_FIGURES[2], _FIGURES[3]):
            page.line(left(f"{_INDENT}last quarter: {name}"[:36], 36) + "".join(_value(one, field) for one in last))


def _value(figures: ReplayFigures | None, field: str) -> str:
    return right("?" if figures is None else f"{getattr(figures, field):.4g}", 18)


def _drawings(page: Page, drawn: "ReplayForPlot", *, ascii_only: bool) -> None:
    """Demand as bars, and above it what the ready pods could serve, on one scale for both settings."""
    import numpy as np

    from planner.reports.usage_plot import ASCII, NOW, UNICODE, Level, plot

    glyphs = ASCII if ascii_only else UNICODE
    times = drawn.start + drawn.step_seconds * np.arange(len(drawn.demand_cores), dtype=np.float64)
    both = [setting for setting in (drawn.current, drawn.proposed) if setting is not None]
    top = max(float(setting.capacity_cores.max()) for setting in both)
    for word, setting in (("now", drawn.current), ("proposed", drawn.proposed)):
        if setting is None:
            continue
        pods = f"{setting.replicas.min():.0f} to {setting.replicas.max():.0f} pods"
        page.heading(f"{word.capitalize()}: cores, {glyphs.steps[-1]} demand, {glyphs.peak} capacity; {pods} (UTC)")
        capacity = np.where(np.isfinite(drawn.demand_cores), setting.capacity_cores, np.nan)
        levels = [Level("most", top, NOW)]
        width = page.width or DEFAULT_WIDTH
        for line in plot(times, drawn.demand_cores, capacity, levels, human_cpu, width=width, ascii_only=ascii_only):
            page.line(line)


def _episodes(page: Page, story: AutoscalerPlan) -> None:
    """The worst times of either setting."""
    if not story.episodes:
        return
    page.heading(left("Worst times short of capacity", 36) + right("minutes", 18) + right("core-seconds", 18))
    for one in story.episodes:
        name = f"{_INDENT}{one.setting}, {one.start:%Y-%m-%d %H:%M}"
        page.line(left(name, 36) + right(f"{one.minutes:.3g}", 18) + right(f"{one.unserved_core_seconds:,.0f}", 18))


def _trust(page: Page, story: AutoscalerPlan) -> None:
    page.heading("How far to trust the replay")
    seen = story.calibration
    if seen is not None:
        page.paragraph(
            f"Today's setting, replayed, differs from the pods seen by {seen.mean_error_pods:.2g} on average, and by at"
            f" most one for {seen.share_within_one:.0%} of {seen.days:.3g} days.",
            _INDENT,
        )
    capacity, start = one_line(story.capacity_source, 40), one_line(story.pod_start_source, 20)
    page.paragraph(
        f"A pod serves {story.capacity_cores:.3g} cores ({capacity}) and takes {story.pod_start_seconds:.0f} s to be"
        f" ready ({start}). Short of capacity is demand above that of the ready pods; allowed:"
        f" {story.violation_minutes_allowed_per_day:g} minutes a day, at most {story.worst_minutes_allowed:g} at once."
        f" {story.replays} of {story.candidates} settings were replayed.",
        _INDENT,
        most=6,
    )


def _around(page: Page, story: AutoscalerPlan) -> None:
    if not story.sensitivity:
        return
    page.heading(
        left("Around the choice", 24) + right("hours/day", 12) + right("short, min/day", 17) + right("longest", 10)
    )
    for line in story.sensitivity:
        page.line(
            left(f"{_INDENT}{one_line(line.change, 20)}", 24) + right(f"{line.replica_hours_per_day:.1f}", 12)
            + right(f"{line.violation_minutes_per_day:.3g}", 17) + right(f"{line.worst_violation_minutes:.3g}", 10)
        )  # fmt: skip
