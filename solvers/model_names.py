"""Names of variables and rows: one form for people, one that every reader of ``.lp`` files takes.

A block ``quota_covers_requests`` with the labels ``team-a`` and ``team-b`` has the rows
``quota_covers_requests[team-a]`` and ``quota_covers_requests[team-b]``. In a ``.lp`` file brackets
and minus signs belong to the grammar, and labels come from outside, so there the rows are called
``quota_covers_requests(team_a)`` and ``quota_covers_requests(team_b)``. Both forms are unique and
depend on nothing but the block and its labels.
"""

import re
from collections.abc import Callable, Sequence

Labels = Sequence[str] | Sequence[Sequence[str]] | Callable[[], Sequence[str]] | None
"""Labels of a block: one string per element, one sequence per axis, or a function that makes them."""

LP_NAME_LIMIT = 200
"""Characters of a name in a ``.lp`` file; CPLEX cuts at 255."""

_BLOCK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}", re.ASCII)
_LOOKS_LIKE_A_NUMBER = re.compile(r"[eE][0-9]", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9_.,#]", re.ASCII)


def is_block_name(name: str) -> bool:
    """True if ``name`` can begin a name in every format; ``e5`` cannot, it reads as an exponent."""
    return bool(_BLOCK_NAME.fullmatch(name)) and not _LOOKS_LIKE_A_NUMBER.match(name)


def check_block_name(name: str) -> None:
    """Raise ValueError unless ``name`` can name a block."""
    if not is_block_name(name):
        message = f"not a name of a block: {name[:90]!r} (letters, digits and '_', starting with a letter, not 'e5')"
        raise ValueError(message)


def check_labels(block: str, labels: Labels, shape: tuple[int, ...]) -> None:
    """Raise ValueError if labels do not fit the shape or repeat; labels made by a function are checked when made."""
    if labels is None or callable(labels):
        return
    if isinstance(labels, str):
        message = f"labels of {block} are one string; expected a sequence of strings"
        raise ValueError(message)  # noqa: TRY004 - whoever builds a model catches one class
    if len(shape) == 1:
        _check_axis(block, labels, shape[0], "")
        return
    if len(labels) != len(shape):
        raise ValueError(f"labels of {block} have {len(labels)} axes; its shape {shape} has {len(shape)}")
    for axis, (axis_labels, size) in enumerate(zip(labels, shape, strict=True)):
        _check_axis(block, axis_labels, size, f" along axis {axis}")


def _check_axis(block: str, labels: Sequence[object], size: int, place: str) -> None:
    if len(labels) != size:
        raise ValueError(f"{block} has {size} elements{place} but {len(labels)} labels")
    if len(set(labels)) != size:
        seen: set[object] = set()
        for label in labels:
            if label in seen:
                raise ValueError(f"{block} has the label {str(label)[:80]!r} twice{place}")
            seen.add(label)


def element_labels(block: str, labels: Labels, shape: tuple[int, ...]) -> list[str]:
    """One label per element in C order: ``"a"``, ``"a,x"`` for two axes, numbers where none were given."""
    if callable(labels):
        made = list(labels())
        _check_axis(block, made, _size(shape), "")
        return made
    if len(shape) == 1:
        return [str(label) for label in labels] if labels is not None else [str(i) for i in range(shape[0])]
    joined = [""]
    for axis, size in enumerate(shape):
        axis_labels: Sequence[object] = labels[axis] if labels is not None else range(size)
        comma = "," if axis else ""
        joined = [f"{prefix}{comma}{label}" for prefix in joined for label in axis_labels]
    return joined


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def display_names(block: str, labels: Sequence[str]) -> list[str]:
    """``block[label]`` of each label."""
    return unique_names([f"{block}[{label}]" for label in labels])


def lp_names(block: str, labels: Sequence[str]) -> list[str]:
    """``block(label)`` with every character outside ``[A-Za-z0-9_.,#]`` replaced, cut and made unique."""
    room = LP_NAME_LIMIT - len(block) - 14
    return unique_names([f"{block}({_UNSAFE.sub('_', label.replace('/', '.'))[:room]})" for label in labels])


def unique_names(names: list[str]) -> list[str]:
    """Append ``~position`` to the second and later holders of a name; names that are unique stay as they are."""
    taken = set(names)
    if len(taken) == len(names):
        return names
    seen: set[str] = set()
    result = []
    for position, name in enumerate(names):
        unique = name
        while unique in seen or (unique is not name and unique in taken):
            unique = f"{unique}~{position}"
        seen.add(unique)
        result.append(unique)
    return result
