"""Bars of now against planned per namespace, as SVG that stands inside a page."""

from collections.abc import Sequence
from html import escape

from planner.patches.untrusted import one_line
from planner.reports.figures import NamespaceBar

_MOST_BARS = 12
_WIDTH, _ROW, _BAR, _LABEL = 480, 50, 11, 16
_ROOM = _WIDTH - 70


def bars_svg(title: str, unit: str, rows: Sequence[tuple[str, float, float]]) -> str:
    """A pair of bars for each (name, now, planned), on one scale."""
    highest = max((max(now, planned) for _, now, planned in rows), default=0.0) or 1.0
    parts = [
        f'<svg role="img" viewBox="0 0 {_WIDTH} {_ROW * len(rows) + 4}" aria-label="{escape(title)}: now and planned">'
    ]
    for index, (name, now, planned) in enumerate(rows):
        top = index * _ROW
        parts.append(f'<text x="0" y="{top + _LABEL - 4}">{escape(one_line(name, 48) or "(no namespace)")}</text>')
        for offset, value, kind in ((0, now, "now"), (_BAR + 2, planned, "planned")):
            y = top + _LABEL + offset
            length = max(_ROOM * value / highest, 1.0)
            parts.append(f'<rect class="{kind}" x="0" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>')
            parts.append(
                f'<text class="figure" x="{length + 6:.1f}" y="{y + _BAR - 2}">{value:,.4g} {escape(unit)}</text>'
            )
    return "".join([*parts, "</svg>"])


def namespace_rows(bars: Sequence[NamespaceBar], resource: str) -> list[tuple[str, float, float]]:
    """(name, now, planned) of the largest namespaces, and of all others together."""
    figures = [
        (bar.namespace, bar.cpu_now, bar.cpu_planned)
        if resource == "cpu"
        else (bar.namespace, bar.memory_now_gib, bar.memory_planned_gib)
        for bar in bars
    ]
    figures.sort(key=lambda row: (-max(row[1], row[2]), row[0]))
    if len(figures) <= _MOST_BARS:
        return figures
    rest = figures[_MOST_BARS - 1 :]
    others = (f"{len(rest)} others", sum(row[1] for row in rest), sum(row[2] for row in rest))
    return [*figures[: _MOST_BARS - 1], others]
