"""Lines of a terminal: measured in cells (a Chinese character takes two), never in characters."""

from collections.abc import Iterable

from rich.cells import cell_len, chop_cells, set_cell_size

from planner.patches.untrusted import one_line

DEFAULT_WIDTH = 80
_STYLES = {"bold": "\x1b[1m", "dim": "\x1b[2m", "warn": "\x1b[1;33m"}
_RESET = "\x1b[0m"
_CUT = "..."


class Page:
    """Lines of one width, with a style each.

    Attributes:
        width: cells that a line may take; ``None`` = as many as it needs.
    """

    def __init__(self, width: int | None, *, color: bool = False) -> None:
        self.width = width
        self._color = color
        self._lines: list[str] = []

    def line(self, text: str = "", style: str = "") -> None:
        """Add a line, cut to the width. The text must be one printable line."""
        kept = text.rstrip()
        if self.width is not None:
            kept = clip(kept, self.width)
        self._lines.append(f"{_STYLES[style]}{kept}{_RESET}" if style and self._color and kept else kept)

    def heading(self, text: str, style: str = "bold") -> None:
        """Add a line after an empty one."""
        if self._lines:
            self.line()
        self.line(text, style)

    def paragraph(self, text: str, indent: str = "", style: str = "", most: int = 4) -> None:
        """Add a text of any origin, wrapped, in at most some lines."""
        room = (self.width or 100) - cell_len(indent)
        for part in wrap(one_line(text, 2000), max(room, 20), most):
            self.line(indent + part, style)

    def text(self) -> str:
        """All lines, with a newline at the end."""
        return "\n".join(self._lines) + "\n"


def clip(text: str, width: int) -> str:
    """The text in at most ``width`` cells, cut at its end."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - len(_CUT), 0)) + _CUT[: max(width, 0)]


def clip_middle(text: str, width: int) -> str:
    """The text in at most ``width`` cells, cut in its middle: names differ at their ends."""
    if cell_len(text) <= width or width < 8:
        return clip(text, width)
    head = (width - len(_CUT)) // 2
    tail = width - len(_CUT) - head
    start = set_cell_size(text, head)
    end = text
    while cell_len(end) > tail:
        end = end[1:]
    return start + _CUT + end


def left(text: str, width: int) -> str:
    """The text in exactly ``width`` cells, blanks after it."""
    return set_cell_size(clip(text, width), width)


def right(text: str, width: int) -> str:
    """The text in exactly ``width`` cells, blanks before it."""
    kept = clip(text, width)
    return " " * (width - cell_len(kept)) + kept


def wrap(text: str, width: int, most: int = 4) -> list[str]:
    """Words in lines of at most ``width`` cells; what does not fit in ``most`` lines is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += " " + word
        else:
            lines += chop_cells(word, width) if cell_len(word) > width else [word]
        if len(lines) > most:
            return [*lines[: most - 1], clip(lines[most - 1] + " " + _CUT, width)]
    return lines


def columns(rows: Iterable[Iterable[str]], align: str, gap: str = "  ") -> list[str]:
    """Rows as lines with columns as wide as their longest cell.

    Args:
        rows: cells of each row, printable.
        align: one character per column: ``<`` or ``>``.
        gap: between columns.
    """
    cells = [list(row) for row in rows]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(align))] if cells else []
    return [
        gap.join(
            right(cell, width) if side == ">" else left(cell, width)
            for cell, width, side in zip(row, widths, align, strict=True)
        ).rstrip()
        for row in cells
    ]
