"""Read a policy file, or tell everything that is wrong with it at once."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from planner.config.document import Document, parse_document, read_document
from planner.config.policy import Policy
from planner.config.problems import places_of, problems_of
from planner.errors import ConfigError

_MOST_PROBLEMS_TOLD = 20


def load_policy(path: Path | None) -> Policy:
    """The policy of a file; ``None`` = the built-in defaults.

    Raises:
        ConfigError: the file cannot be read or used; the message has the line and key of every problem.
    """
    return Policy() if path is None else _policy(read_document(path))


def parse_policy(text: str, name: str = "policy") -> Policy:
    """The policy of a text; see :func:`load_policy`."""
    return _policy(parse_document(text, name))


def _policy(document: Document) -> Policy:
    value = _without_empty_sections(document.value)
    if not isinstance(value, dict):
        raise ConfigError("a policy is a mapping of keys to values", where=document.name, fix="begin with `version: 1`")
    version = value.get("version", 1)
    if isinstance(version, bool) or version != 1:
        raise ConfigError(
            f"the policy has version {str(version)[:20]!r}, this program reads version 1",
            where=document.where(("version",)),
        )
    try:
        return Policy.model_validate(value)
    except ValidationError as error:
        raise _told(error, document) from error


def _without_empty_sections(value: Any) -> Any:
    """A section with nothing under it (``environments:``) reads as null and means an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        return value
    sections = {"defaults", "environments", "namespaces", "environment_aliases"}
    filled = {key: {} if key in sections and item is None else item for key, item in value.items()}
    for section in ("environments", "namespaces"):
        if isinstance(filled.get(section), dict):
            filled[section] = {name: {} if item is None else item for name, item in filled[section].items()}
    return filled


def _told(error: ValidationError, document: Document) -> ConfigError:
    found = problems_of(error, Policy)
    places = [document.where(place) for place in places_of(error)]
    if len(found) == 1:
        one = found[0]
        return ConfigError(f"{one.key}: {one.text}" if one.key else one.text, where=places[0], fix=one.fix)
    told = [f"{place}: {problem}" for place, problem in zip(places, found, strict=True)]
    more = [f"... and {len(told) - _MOST_PROBLEMS_TOLD} more"] if len(told) > _MOST_PROBLEMS_TOLD else []
    lines = "\n  ".join(told[:_MOST_PROBLEMS_TOLD] + more)
    return ConfigError(f"{len(found)} problems in the policy:\n  {lines}")
