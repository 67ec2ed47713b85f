"""Plots of `right_sizing.py` as SVG files: a frontier per set and resource, and how the time of sizing grows."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from right_sizing_report import BASELINES, pool

from planner.reports.frontier_svg import FrontierCurve, FrontierPoint, frontier_svg

if TYPE_CHECKING:
    from right_sizing import SetResult

UNITS = {
    "memory": ("GiB reserved, sum over folds", "OOM container-days"),
    "cpu": ("cores reserved, sum over folds", "core-seconds short"),
}
WIDTH, HEIGHT, LEFT, BOTTOM = 560, 340, 70, 50


def write_plots(results: "list[SetResult]", growth: list[dict[str, float]], folder: Path) -> None:
    """Write ``right-sizing-SET-RESOURCE.svg`` and ``right-sizing-growth.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        pooled = pool(result)
        curves = []
        for method, role in (("planner", "ours"), *((name, "baseline") for name in BASELINES)):
            default = "policy" if method == "planner" else pooled.defaults[method]
            points = tuple(
                FrontierPoint(
                    float(pooled.reserved[row].sum()),
                    float(pooled.harm[row].sum()),
                    pooled.keys[row][1],
                    pooled.keys[row][1] == default,
                )
                for row in pooled.rows(method)
            )
            curves.append(FrontierCurve(method, points, role))  # type: ignore[arg-type]
        x_label, y_label = UNITS[result.resource]
        title = f"{result.name}: {result.resource}"
        text = frontier_svg(curves, title=title, x_label=x_label, y_label=y_label, standalone=True)
        (folder / f"right-sizing-{result.name}-{result.resource}.svg").write_text(text)
    if growth:
        (folder / "right-sizing-growth.svg").write_text(growth_svg(growth))


def growth_svg(measured: list[dict[str, float]]) -> str:
    """CPU seconds over containers, both on logarithmic scales, with the bar of 60 s."""
    xs = [row["containers"] for row in measured]
    ys = [max(row["cpu_seconds"], 0.1) for row in measured]
    low_x, high_x = math.log10(min(xs)) - 0.15, math.log10(max(xs)) + 0.15
    low_y, high_y = math.log10(min(*ys, 60)) - 0.2, math.log10(max(*ys, 60)) + 0.2

    def x(value: float) -> float:
        return LEFT + (math.log10(value) - low_x) / (high_x - low_x) * (WIDTH - LEFT - 20)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - low_y) / (high_y - low_y) * (HEIGHT - BOTTOM - 40)

    line = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(xs, ys, strict=True))
    marks = "".join(
        f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="5" fill="#14705b"/>'
        f'<text x="{x(a):.1f}" y="{y(b) - 12:.1f}" text-anchor="middle">{b:g} s</text>'
        f'<text x="{x(a):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{a:,.0f}</text>'
        for a, b in zip(xs, ys, strict=True)
    )
    axes = f"M{LEFT},40V{HEIGHT - BOTTOM}H{WIDTH - 20}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        "<style>text{font:12px system-ui,sans-serif;fill:#3d4654}</style>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/><title>Growth</title>'
        f'<text x="{LEFT}" y="22" font-weight="600">Sizing CPU and memory, calibration included: CPU seconds</text>'
        f'<path d="{axes}" fill="none" stroke="#98a3b3"/>'
        f'<path d="M{LEFT},{y(60):.1f}H{WIDTH - 20}" stroke="#c2560a" stroke-dasharray="5 4"/>'
        f'<text x="{LEFT + 6}" y="{y(60) - 6:.1f}">60 s, the bar at 10,000 containers</text>'
        f'<polyline points="{line}" fill="none" stroke="#14705b" stroke-width="2.5"/>{marks}'
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">containers, 28 days at 5 minutes</text>'
        "</svg>\n"
    )
