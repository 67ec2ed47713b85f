"""What rules reserve against what they suffer, as one SVG: for a page, or as a file of its own.

Across: what is reserved, on a logarithmic scale where it spans more than a factor of four. Up: incidents, on a
logarithmic scale; a logarithm has no zero, so points without incidents stand in a strip of their own under it,
one lane for each rule.
A curve's line joins the settings that no other setting of the same rule beats in both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from planner.patches.untrusted import one_line
from planner.reports.axis import axis_over

WIDTH = 600
_PLOT, _LANE, _FOOT = 300, 9, 46
_LEFT, _RIGHT, _KEY_ROW = 62, 16, 18
_KEYS_IN_A_ROW = 3
_ROLES = ("baseline", "today", "ours")
_SHAPES = ("square", "triangle", "diamond", "circle")
FRONTIER_STYLE = """
.frontier text{fill:#3d4654;font:12px system-ui,sans-serif}.frontier .title{font-weight:600}
.frontier .back{fill:#fff}.frontier .grid{stroke:#e3e7ed}.frontier .axis{stroke:#98a3b3}.frontier .strip{fill:#f1f4f8}
.frontier .ours{color:#14705b}.frontier .today{color:#1d2430}
.frontier .b0{color:#0b6bb0}.frontier .b1{color:#c2560a}.frontier .b2{color:#8a4fb0}.frontier .b3{color:#7a6a00}
.frontier .line{fill:none;stroke:currentColor;stroke-width:1.5}.frontier .ours .line{stroke-width:3.5}
.frontier .fall{stroke-dasharray:4 4}
.frontier .dot{fill:currentColor;opacity:.55}.frontier .mark{fill:currentColor;stroke:#fff;stroke-width:1.5}
.frontier .cross{fill:none;stroke:currentColor;stroke-width:2.5}
@media(prefers-color-scheme:dark){
.frontier text{fill:#c3cbd7}.frontier .back{fill:#14181f}.frontier .grid{stroke:#2a323d}.frontier .axis{stroke:#6b7789}
.frontier .strip{fill:#1c222b}.frontier .ours{color:#5fd0b3}.frontier .today{color:#f0f3f7}
.frontier .b0{color:#64b5f0}.frontier .b1{color:#f29a5c}.frontier .b2{color:#c9a2ea}.frontier .b3{color:#d6c350}
.frontier .mark{stroke:#14181f}}
"""


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One setting of a rule: what it reserves, what it suffers, and whether the rule comes like this."""

    reserved: float
    incidents: float
    setting: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class FrontierCurve:
    """One rule at all settings of its dial."""

    name: str
    points: tuple[FrontierPoint, ...]
    role: Literal["ours", "today", "baseline"] = "baseline"


def best_of(points: Sequence[FrontierPoint]) -> list[FrontierPoint]:
    """The points that no other one beats in both measures, the least reserved first."""
    best: list[FrontierPoint] = []
    for point in sorted(points, key=lambda p: (p.reserved, p.incidents)):
        if not best or point.incidents < best[-1].incidents:
            best.append(point)
    return best


def frontier_svg(
    curves: Sequence[FrontierCurve], *, title: str, x_label: str, y_label: str, standalone: bool = False
) -> str:
    """Draw the curves.

    Args:
        curves: rules; baselines take their colour and shape by their order, beyond the fourth again from the first.
        title: of the figure, read out by screen readers, and drawn where it stands alone.
        x_label: with its unit.
        y_label: with its unit.
        standalone: a file of its own, with name space, style and background; else the page brings ``FRONTIER_STYLE``.

    Returns:
        The element. Points that are not finite or below zero are left out; texts are escaped.
    """
    drawn = [
        FrontierCurve(c.name, tuple(p for p in c.points if _can_be_drawn(p)), c.role)
        for c in sorted(curves, key=lambda c: _ROLES.index(c.role))
    ]
    sheet = _Sheet(drawn, title_height=22 if standalone else 0)
    space = ' xmlns="http://www.w3.org/2000/svg"' if standalone else ""
    parts = [
        f'<svg class="frontier" role="img" viewBox="0 0 {WIDTH} {sheet.height:.0f}"{space}'
        f' aria-label="{_text(title, 200)}">'
    ]
    if standalone:
        parts.append(f'<style>{FRONTIER_STYLE}</style><rect class="back" width="{WIDTH}" height="{sheet.height:.0f}"/>')
        parts.append(f'<text class="title" x="{_LEFT}" y="17">{_text(title, 90)}</text>')
    parts += [_keys(sheet), _frame(sheet, x_label, y_label)]
    if sheet.empty:
        parts.append(f'<text x="{WIDTH / 2}" y="{sheet.top + _PLOT / 2}" text-anchor="middle">nothing to draw</text>')
    parts += [_curve(sheet, index) for index in range(len(drawn))]
    return "".join([*parts, "</svg>"])


def _can_be_drawn(point: FrontierPoint) -> bool:
    return all(math.isfinite(v) and v >= 0 for v in (point.reserved, point.incidents))


def _text(value: object, limit: int = 80) -> str:
    return escape(one_line(value, limit))


class _Sheet:
    """Where things stand: axes, the strip of no incidents, the keys."""

    def __init__(self, curves: list[FrontierCurve], title_height: int) -> None:
        points = [p for c in curves for p in c.points]
        self.empty = not points
        self.curves = curves
        self.key_top = title_height + 6
        rows = -(-len(curves) // _KEYS_IN_A_ROW)
        self.top = self.key_top + rows * _KEY_ROW + 22
        self.bottom = self.top + _PLOT
        self.has_zero = any(p.incidents == 0 for p in points)
        self.strip = _LANE * (len(curves) + 1) if self.has_zero else 0
        self.strip_bottom = self.bottom + self.strip
        self.height = self.strip_bottom + _FOOT
        self.x = axis_over([p.reserved for p in points], _LEFT + 8.0, WIDTH - _RIGHT - 8.0)
        above = [p.incidents for p in points if p.incidents > 0]
        self.y = axis_over(above, self.bottom - 8.0, self.top + 8.0, always_log=True)

    def at(self, index: int, point: FrontierPoint) -> tuple[float, float]:
        """Where a point of a curve stands."""
        y = self.y.place(point.incidents) if point.incidents > 0 else self.bottom + _LANE * (len(self.curves) - index)
        return self.x.place(point.reserved), y


def _style_of(curves: Sequence[FrontierCurve], index: int) -> tuple[str, str]:
    """Class and shape of a curve."""
    role = curves[index].role
    if role != "baseline":
        return role, "circle" if role == "ours" else "cross"
    place = sum(c.role == "baseline" for c in curves[:index]) % len(_SHAPES)
    return f"b{place}", _SHAPES[place]


def _keys(sheet: _Sheet) -> str:
    parts = []
    step = (WIDTH - _LEFT - _RIGHT) / _KEYS_IN_A_ROW
    order = sorted(range(len(sheet.curves)), key=lambda i: -_ROLES.index(sheet.curves[i].role))
    for place, index in enumerate(order):
        style, shape = _style_of(sheet.curves, index)
        x = _LEFT + (place % _KEYS_IN_A_ROW) * step
        y = sheet.key_top + (place // _KEYS_IN_A_ROW) * _KEY_ROW + 8.0
        line = "" if shape == "cross" else f'<path class="line" d="M{x:.1f} {y:.1f}h26"/>'
        parts.append(
            f'<g class="{style}">{line}{_mark(shape, x + 13, y, 4.5)}</g>'
            f'<text x="{x + 33:.1f}" y="{y + 4:.1f}">{_text(sheet.curves[index].name, 20)}</text>'
        )
    return "".join(parts)


def _frame(sheet: _Sheet, x_label: str, y_label: str) -> str:
    right = WIDTH - _RIGHT
    parts = []
    if sheet.has_zero:
        size = f'width="{right - _LEFT}" height="{sheet.strip}"'
        parts.append(f'<rect class="strip" x="{_LEFT}" y="{sheet.bottom}" {size}/>')
        parts.append(_label(_LEFT - 6, sheet.bottom + sheet.strip / 2 + 4, "0", "end"))
        parts.append(f'<path class="axis" stroke-dasharray="3 3" d="M{_LEFT} {sheet.bottom}H{right}"/>')
    for value, text in sheet.y.ticks:
        y = sheet.y.place(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>' + _label(_LEFT - 6, y + 4, text, "end"))
    for value, text in sheet.x.ticks:
        x = sheet.x.place(value)
        parts.append(f'<path class="grid" d="M{x:.1f} {sheet.top}V{sheet.strip_bottom}"/>')
        parts.append(_label(x, sheet.strip_bottom + 16, text, "middle"))
    parts.append(f'<path class="axis" fill="none" d="M{_LEFT} {sheet.top}V{sheet.strip_bottom}H{right}"/>')
    scale = ", log scale" if sheet.x.is_log else ""
    parts.append(_label((_LEFT + right) / 2, sheet.strip_bottom + 36, f"{x_label}{scale}", "middle"))
    zero = ", log scale over a strip for 0" if sheet.has_zero else ", log scale"
    parts.append(_label(4, sheet.top - 9, f"{y_label}{zero}", "start"))
    return "".join(parts)


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_text(text)}</text>'


def _curve(sheet: _Sheet, index: int) -> str:
    curve = sheet.curves[index]
    style, shape = _style_of(sheet.curves, index)
    best = best_of(curve.points)
    above = [sheet.at(index, p) for p in best if p.incidents > 0]
    parts = []
    if len(above) > 1:
        parts.append(f'<path class="line" d="M{" ".join(f"{x:.1f} {y:.1f}" for x, y in above)}"/>')
    if above and best[-1].incidents == 0:
        (x, y), (end_x, end_y) = above[-1], sheet.at(index, best[-1])
        parts.append(f'<path class="line fall" d="M{x:.1f} {y:.1f} {end_x:.1f} {end_y:.1f}"/>')
    for point in sorted(curve.points, key=lambda p: p.is_default):
        x, y = sheet.at(index, point)
        told = f"<title>{_text(_told(curve, point), 300)}</title>"
        if point.is_default:
            parts.append(_mark(shape, x, y, 7.0 if curve.role == "ours" else 5.5, told))
        else:
            parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.5">{told}</circle>')
    return f'<g class="{style}">{"".join(parts)}</g>'


def _told(curve: FrontierCurve, point: FrontierPoint) -> str:
    setting = f" ({point.setting})" if point.setting else ""
    return f"{curve.name}{setting}: {point.incidents:,.6g} at {point.reserved:,.6g} reserved"


def _mark(shape: str, x: float, y: float, r: float, inside: str = "") -> str:
    if shape == "circle":
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="{r}">{inside}</circle>'
    paths = {
        "square": f"M{x - r:.1f} {y - r:.1f}h{2 * r}v{2 * r}h{-2 * r}z",
        "triangle": f"M{x:.1f} {y - 1.2 * r:.1f}l{1.2 * r:.1f} {2.1 * r:.1f}h{-2.4 * r:.1f}z",
        "diamond": f"M{x:.1f} {y - 1.3 * r:.1f}l{1.3 * r:.1f} {1.3 * r:.1f}l{-1.3 * r:.1f} {1.3 * r:.1f}"
        f"l{-1.3 * r:.1f} {-1.3 * r:.1f}z",
        "cross": f"M{x - r:.1f} {y - r:.1f}l{2 * r} {2 * r}m0 {-2 * r}l{-2 * r} {2 * r}",
    }
    return f'<path class="{"cross" if shape == "cross" else "mark"}" d="{paths[shape]}">{inside}</path>'
