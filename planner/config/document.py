"""A small, strict reader of YAML: one document of plain mappings, lists and scalars, with line numbers.

Stricter than YAML on purpose, so that a file means what it seems to mean: no duplicate keys, no anchors and
aliases (nothing can grow while it is read), no tags, text keys only, bounded size and depth. Scalars follow
YAML 1.2: ``true`` and ``false`` are the only booleans, ``22:00`` and ``2026-11-24`` are text. JSON is YAML.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from planner.errors import ConfigError

LARGEST_BYTES = 512 * 1024
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a document, and where its keys stand."""

    value: Any
    lines: dict[tuple[str | int, ...], int]
    """Path of a key or list item -> line, counted from 1. Empty for JSON."""
    name: str
    """How messages call the file."""

    def where(self, path: tuple[str | int, ...]) -> str:
        """``file:line`` of a path, or of the nearest place around it that is known."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{self.name}:{self.lines[path[:length]]}"
        return self.name


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's surprises."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (the base's attribute)
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not accepted", problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {_DEEPEST} levels", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]{1,18}$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?$", "-+.0123456789"),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))

_COLLECTIONS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_READERS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:bool": lambda text: {"true": True, "false": False}[text.lower()],
    "tag:yaml.org,2002:null": lambda _: None,
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
}


def read_document(path: Path) -> Document:
    """Read a YAML or JSON file.

    Raises:
        ConfigError: the file cannot be read, or is not a document of the strict kind.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the file: {error.strerror}", where=name) from error
    if len(raw) > LARGEST_BYTES:
        raise ConfigError(f"the file is larger than {LARGEST_BYTES // 1024} KiB", where=name)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("the file is not UTF-8 text", where=name) from error
    return parse_document(text, name)


def parse_document(text: str, name: str) -> Document:
    """Read the text of a document; see :func:`read_document`."""
    if text.lstrip().startswith("{"):
        read = _parse_json(text, name)
        if read is not None:
            return read
    lines: dict[tuple[str | int, ...], int] = {}
    try:
        node = yaml.compose(text, Loader=_StrictLoader)
        value = None if node is None else _construct(node, (), lines)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        reason = " ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"not readable YAML: {reason}", where=f"{name}{line}") from error
    except yaml.YAMLError as error:
        raise ConfigError("not readable YAML: the file has control characters", where=name) from error
    return Document(value, lines, name)


def _construct(node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> Any:
    if node.tag not in _READERS and node.tag not in _COLLECTIONS:
        raise yaml.MarkedYAMLError(problem=f"the tag {node.tag[:60]} is not accepted", problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be text", problem_mark=mark)
            key = str(key_node.value)
            if key in made:
                raise yaml.MarkedYAMLError(problem=f"the key {key[:60]!r} is given twice", problem_mark=mark)
            here = (*path, key)
            lines[here] = mark.line + 1
            made[key] = _construct(value_node, here, lines)
        return made
    if isinstance(node, yaml.SequenceNode):
        items = []
        for position, item in enumerate(node.value):
            lines[*path, position] = item.start_mark.line + 1
            items.append(_construct(item, (*path, position), lines))
        return items
    try:
        return _READERS[node.tag](node.value)
    except (ValueError, KeyError) as error:
        raise yaml.MarkedYAMLError(problem="not a value of its tag", problem_mark=node.start_mark) from error


def _parse_json(text: str, name: str) -> Document | None:
    """JSON proper (YAML stumbles over its tabs); ``None`` = a flow mapping of YAML."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in names if names.count(key) > 1)
            raise ConfigError(f"the key {twice[:60]!r} is given twice", where=name)
        return made

    def refuse(constant: str) -> None:
        raise ConfigError(f"{constant} is not a number", where=name)

    try:
        return Document(json.loads(text, object_pairs_hook=unique, parse_constant=refuse), {}, name)
    except RecursionError as error:
        raise ConfigError(f"nested deeper than {_DEEPEST} levels", where=name) from error
    except ValueError:
        return None
