"""YAML with a comment over any value: small, and every reader reads the same.

Readers differ on what a bare word is: ``1e3`` is text to one and a number to another, ``y`` a letter or
*true*. So only words that cannot be anything else stand bare, and all other text is quoted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from planner.patches.untrusted import one_line

Path = tuple[str | int, ...]
Comments = Mapping[Path, Sequence[str]]

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]+", re.ASCII)
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "nan", "inf"})
_COMMENT_WIDTH = 96


def to_yaml(document: Any, comments: Comments | None = None) -> str:
    """A document of mappings, lists and scalars as block YAML.

    Args:
        document: JSON-like.
        comments: path of keys and indices -> lines to put over that value.
    """
    return "\n".join(_lines(document, (), comments or {})) + "\n"


def scalar(value: str | int | float | bool | None) -> str:
    """One value as every YAML reader takes it back."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        digits, exponent, power = repr(value).partition("e")
        return f"{digits}.0e{power}" if exponent and "." not in digits else repr(value)
    if _BARE.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return '"' + "".join(_quoted(character) for character in value) + '"'


def _quoted(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:  # half a pair is no character in any file
        return "\ufffd"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def comment_lines(text: str, limit: int = 480) -> list[str]:
    """``# ...`` lines of a text, wrapped. Nothing in the text can end the comment."""
    words = one_line(text, limit).split(" ")
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _COMMENT_WIDTH:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return [f"# {line}".rstrip() for line in lines]


def _lines(value: Any, path: Path, comments: Comments) -> Iterator[str]:
    if not _is_block(value):
        yield _flat(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _comments_at((*path, key), comments)
            if _is_block(item):
                yield f"{scalar(key)}:"
                yield from (f"  {line}" for line in _lines(item, (*path, key), comments))
            else:
                yield f"{scalar(key)}: {_flat(item)}"
    else:
        for index, item in enumerate(value):
            yield from _comments_at((*path, index), comments)
            inner = _lines(item, (*path, index), comments)
            yield f"- {next(inner)}"
            yield from (f"  {line}" for line in inner)


def _comments_at(path: Path, comments: Comments) -> Iterator[str]:
    for text in comments.get(path, ()):
        yield from comment_lines(text)


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping | list) and bool(value)


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list):
        return "[]"
    return scalar(value)
