"""The plan itself, as JSON and as YAML: the same document, safe to print on a terminal."""

import re
from typing import Any

import yaml

from planner.patches.yaml_text import scalar
from planner.plan.files import plan_json
from planner.plan.schema import Plan

_SUSPECT = re.compile(r"[^\x00-\x7e]")
"""Beyond ASCII. What is not printable of it would reach the terminal: JSON escapes only U+0000 to U+001F."""


def render_json(plan: Plan) -> str:
    """The plan file's own text, with invisible characters as escapes: the same document to every reader."""
    return _SUSPECT.sub(_json_escape, plan_json(plan))


def _json_escape(match: "re.Match[str]") -> str:
    character = match.group()
    if character.isprintable():
        return character
    return "".join(f"\\u{unit:04x}" for unit in _utf16_units(character))


def _utf16_units(character: str) -> list[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


class _Dumper(yaml.SafeDumper):
    """Quotes every text that some YAML reader might take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never write anchors: equal parts are written twice."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if scalar(value).startswith('"') else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def render_yaml(plan: Plan) -> str:
    """The same document as YAML, keys in the order of the schema."""
    document = plan.model_dump(mode="json")
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000, default_flow_style=False
    )
    return _SUSPECT.sub(_yaml_escape, text)


def _yaml_escape(match: "re.Match[str]") -> str:
    character = match.group()
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
