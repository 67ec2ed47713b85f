"""Reading fields of raw API objects: any of them may be missing or of another type than expected.

A missing field (or ``null``) gives the empty value of its type. A field of another type raises
:class:`FieldError`, which makes the whole object a warning and nothing else.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from planner.units import parse_quantity

LONGEST_TEXT = 4096
DEEPEST_JSON = 24
LARGEST_NUMBER = 1e30
LARGEST_WHOLE_NUMBER = 2**62
TIME_START = 0.0
TIME_END = 4102444800.0
"""Times outside 1970 to 2100 are no times of a cluster."""


class FieldError(ValueError):
    """A field does not hold what its name says. The value itself is not repeated: it may be a secret."""

    def __init__(self, field: str, wanted: str, value: Any) -> None:
        self.field = field
        super().__init__(f"{field[:120]} is not {wanted} but of type {type(value).__name__}")


def at_path(document: Mapping[str, Any], path: str) -> Any:
    """Value at a dotted path, ``None`` where any step is missing; list items by their index."""
    value: Any = document
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def child(document: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Map below some keys, empty when missing."""
    value: Any = document
    for key in keys:
        value = value.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise FieldError(key, "a map", value)
    return value  # type: ignore[no-any-return]


def items(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """List of maps, empty when missing."""
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise FieldError(key, "a list", value)
    for item in value:
        if not isinstance(item, dict):
            raise FieldError(key, "a list of maps", item)
    return value


def texts(document: Mapping[str, Any], key: str) -> list[str]:
    """List of texts, empty when missing."""
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise FieldError(key, "a list", value)
    for item in value:
        if not isinstance(item, str):
            raise FieldError(key, "a list of texts", item)
    return value


def text(document: Mapping[str, Any], key: str) -> str:
    """Text, empty when missing."""
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise FieldError(key, "a short text", value)
    return value


def text_map(document: Mapping[str, Any], key: str) -> dict[str, str]:
    """Map of texts, empty when missing; sorted by key."""
    value = child(document, key)
    for content in value.values():
        if not isinstance(content, str):
            raise FieldError(key, "a map of texts", content)
    return dict(sorted(value.items()))


def integer(document: Mapping[str, Any], key: str) -> int | None:
    """Whole number that fits 32 bits, ``None`` when missing."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
        raise FieldError(key, "a whole number", value)
    return value


def flag(document: Mapping[str, Any], key: str) -> bool:
    """Truth value, false when missing."""
    value = document.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise FieldError(key, "true or false", value)
    return value


def number_or_percent(document: Mapping[str, Any], key: str) -> str | None:
    """``IntOrString`` as text, ``None`` when missing."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or len(str(value)) > 32:
        raise FieldError(key, "a number or a percentage", value)
    return str(value)


def instant(document: Mapping[str, Any], key: str) -> float | None:
    """Unix seconds of an RFC 3339 time, ``None`` when missing."""
    value = document.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise FieldError(key, "a time", value)
    try:
        moment = datetime.fromisoformat(value)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise FieldError(key, "an RFC 3339 time", value) from None
    # The zero time of Go (year 1) means "not set".
    return seconds if TIME_START <= seconds < TIME_END else None


def quantity(value: Any, field: str) -> float:
    """Value of a quantity (text or number): ``"250m"`` -> 0.25."""
    return float(_decimal(value, field))


def whole_quantity(value: Any, field: str) -> int:
    """Value of a quantity rounded up, as the API server does with bytes."""
    whole = math.ceil(_decimal(value, field))
    if whole >= LARGEST_WHOLE_NUMBER:
        raise FieldError(field, "a quantity of a cluster", value)
    return whole


def _decimal(value: Any, field: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FieldError(field, "a quantity", value)
    try:
        parsed = parse_quantity(str(value))
    except ValueError:
        raise FieldError(field, "a quantity", value) from None
    if not 0 <= parsed < LARGEST_NUMBER:
        raise FieldError(field, "a quantity of a cluster", value)
    return parsed


def quantities(document: Mapping[str, Any], key: str) -> dict[str, float]:
    """Map of quantities, empty when missing; sorted by name."""
    return {name: quantity(value, f"{key}.{name}") for name, value in sorted(child(document, key).items())}


def fragment(value: Any, field: str) -> dict[str, Any]:
    """A map that is carried along unread: plain JSON of bounded depth, keys sorted."""
    if not isinstance(value, dict):
        raise FieldError(field, "a map", value)
    result: dict[str, Any] = _plain(value, field, DEEPEST_JSON)
    return result


def _plain(value: Any, field: str, depth: int) -> Any:
    if depth == 0:
        raise FieldError(field, "shallow enough", value)
    if isinstance(value, dict):
        return {str(name): _plain(value[name], field, depth - 1) for name in sorted(value)}
    if isinstance(value, list):
        return [_plain(item, field, depth - 1) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise FieldError(field, "plain JSON", value)
