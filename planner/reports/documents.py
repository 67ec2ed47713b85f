"""A plan or a backtest itself, as JSON; a plan as YAML: the same document, safe to print on a terminal."""

import re

from planner.patches.yaml_text import to_yaml
from planner.plan.files import document_json
from planner.plan.frozen import Frozen
from planner.plan.schema import Plan

_SUSPECT = re.compile(r"[^\x00-\x7e]")
"""Beyond ASCII. What is not printable of it would reach the terminal: JSON escapes only U+0000 to U+001F."""


def render_json(document: Frozen) -> str:
    """The file's own text, with invisible characters as escapes: the same document to every reader."""
    return _SUSPECT.sub(_json_escape, document_json(document))


def _json_escape(match: "re.Match[str]") -> str:
    character = match.group()
    if character.isprintable():
        return character
    return "".join(f"\\u{unit:04x}" for unit in _utf16_units(character))


def _utf16_units(character: str) -> list[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


def render_yaml(plan: Plan) -> str:
    """The same document as YAML, keys in the order of the schema. Whatever a reader could misread is quoted."""
    return to_yaml(plan.model_dump(mode="json"))
