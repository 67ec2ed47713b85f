"""What every page has in common: its frame, its style, a tile, a table, and text that cannot become markup."""

from collections.abc import Iterable
from html import escape

from planner.patches.untrusted import one_line

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root{color-scheme:light dark;--ink:#1d2430;--soft:#5c6675;--line:#d9dee6;--paper:#fff;--card:#f5f7fa;--now:#a9b4c4;
--planned:#2f7d6b;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#98a3b3;--line:#333c49;--paper:#14181f;--card:#1c222b;
--now:#5a6677;--planned:#57b39c;--warn:#e0b050}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:75rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.5rem 0 .75rem}h3{font-size:.9rem;margin:0 0 .5rem}
p{margin:.35rem 0}.soft,dt,figcaption{color:var(--soft)}.warn{color:var(--warn);font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:1rem;margin:1.5rem 0 1rem}
.tile{background:var(--card);border-radius:8px;padding:.9rem 1rem}
.tile b{font-size:1.5rem;font-variant-numeric:tabular-nums;font-weight:600;display:block}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:2rem}
figure{margin:0}svg{width:100%;height:auto}svg text{fill:var(--ink);font-size:12px}
svg .figure{fill:var(--soft);font-size:10px}
.now{fill:var(--now);background:var(--now)}.planned{fill:var(--planned);background:var(--planned)}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .35em 0 .8em}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{padding:.4rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:500;white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.c{white-space:nowrap}
td.name{overflow-wrap:anywhere;min-width:14rem}summary{cursor:pointer;color:var(--soft)}details p{font-size:.8rem}
li{margin:.6rem 0}
code{font-size:.85em;background:var(--card);padding:.1em .35em;border-radius:4px;overflow-wrap:anywhere}
"""


def page(title: str, body: Iterable[str], style: str = "") -> str:
    """A page that needs nothing else and may load or run nothing.

    Args:
        title: any text.
        body: elements, safe as they are; empty ones are left out.
        style: further style sheet of the page's own.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title, 120)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def safe(value: object, limit: int = 240) -> str:
    """Any text as one line without markup."""
    return escape(one_line(value, limit))


def tile(label: str, figure: str, below: str) -> str:
    """One figure with its name over it; safe texts."""
    return f'<div class="tile"><span class="soft">{label}</span><b>{figure}</b><span class="soft">{below}</span></div>'


def table(header: Iterable[str], rows: Iterable[Iterable[str]], align: str = "") -> str:
    """A table of safe cells in a box that scrolls.

    Args:
        header: of the columns.
        rows: cells.
        align: one character per column, ``>`` = figures at the right, ``n`` = a long name; none = all at the left.
    """
    classes = {">": ' class="n"', "n": ' class="name"'}
    of = [classes.get(side, "") for side in align]

    def line(kind: str, cells: Iterable[str]) -> str:
        return "".join(
            f"<{kind}{of[i] if i < len(of) and (kind == 'td' or align[i] == '>') else ''}>{cell}</{kind}>"
            for i, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{line("th", header)}</tr></thead><tbody>{body}</tbody></table></div>'
