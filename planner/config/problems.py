"""What pydantic found wrong, told as an operator reads it: dotted key, reason, hint."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    key: str
    """Dotted path of the key, empty for the document as a whole."""
    text: str
    fix: str = ""

    def __str__(self) -> str:
        """``key: text; fix``."""
        return (f"{self.key}: " if self.key else "") + self.text + (f"; {self.fix}" if self.fix else "")


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Every problem of a validation error, in the order of the document.

    Values are shown only where a choice of words was missed; they are shortened.
    """
    return [_problem(item, model) for item in _items(error)]


def places_of(error: ValidationError) -> list[tuple[str | int, ...]]:
    """Paths of the keys that :func:`problems_of` tells about, in the same order."""
    return [_place_of(item) for item in _items(error)]


def _items(error: ValidationError) -> list[Any]:
    """Without lists that are only too short because their items were refused."""
    items: list[Any] = error.errors(include_url=False)
    places = [item["loc"] for item in items]

    def follows(item: Any) -> bool:
        own = item["loc"]
        return item["type"] == "too_short" and any(place[: len(own)] == own != place for place in places)

    return [item for item in items if not follows(item)]


def misplaced(place: tuple[str | int, ...], text: str, fix: str = "") -> PydanticCustomError:
    """An error that a validator of the whole raises about a place far below it."""
    return PydanticCustomError("misplaced", "{text}", {"text": text, "fix": fix, "place": place})


def _place_of(item: Any) -> tuple[str | int, ...]:
    """Path of the key that one item of ``ValidationError.errors()`` is about."""
    place: tuple[str | int, ...] = item["ctx"]["place"] if item["type"] == "misplaced" else item["loc"]
    return place


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word, or nothing."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def _problem(item: Any, model: type[BaseModel]) -> Problem:
    place = _place_of(item)
    key = dotted(place)
    kind: str = item["type"]
    if kind == "extra_forbidden":
        known = _keys_at(model, place[:-1])
        hint = did_you_mean(str(place[-1]), known)
        return Problem(key, "unknown key", hint or (f"known here: {', '.join(known)}" if known else ""))
    if kind in ("literal_error", "enum"):
        words = str(item["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        given = item["input"]
        hint = did_you_mean(given, words) if isinstance(given, str) else ""
        return Problem(key, f"{str(given)[:40]!r} is not one of {', '.join(words)}", hint)
    if kind == "misplaced":
        return Problem(key, item["ctx"]["text"], item["ctx"]["fix"])
    if kind == "value_error":
        return Problem(key, str(item["ctx"]["error"]))
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return Problem(key, "must be a mapping of keys to values")
    if kind in ("tuple_type", "list_type"):
        return Problem(key, "must be a list")
    return Problem(key, item["msg"][:1].lower() + item["msg"][1:])


def dotted(place: Iterable[str | int]) -> str:
    """``("change_windows", 0, "start")`` -> ``change_windows[0].start``."""
    text = ""
    for part in place:
        word = str(part)[:80]
        text += f"[{part}]" if isinstance(part, int) else f".{word}" if text else word
    return "".join(character if character.isprintable() else "?" for character in text)


def _keys_at(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    """Keys that the model knows at a place, empty where keys are free."""
    here: type[BaseModel] | None = model
    free: type[BaseModel] | None = None  # the model under every key of a mapping, or item of a list
    for part in place:
        if here is None:
            here, free = free, None
            continue
        info = here.model_fields.get(str(part))
        kind: Any = info.annotation if info else None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            here = kind
            continue
        inside = next((arg for arg in get_args(kind) if isinstance(arg, type) and issubclass(arg, BaseModel)), None)
        optional = type(None) in get_args(kind)
        here, free = (inside, None) if optional else (None, inside)
    return list(here.model_fields) if here else []
