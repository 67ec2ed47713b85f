"""Field types of the policy: quantities, rules for limits, and overrides that name only some keys."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, create_model

from planner.units import MIB, format_cpu, format_memory, parse_memory, parse_quantity

_MOST_CORES = 100_000
_MOST_MEMORY_BYTES = 2**50


class Section(BaseModel):
    """Base of every part of the policy: immutable, strict about unknown keys, documented by its docstrings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _read_cpu(value: Any) -> float:
    milli = parse_quantity(str(value).strip()) * 1000
    if not 0 <= milli <= _MOST_CORES * 1000:
        raise ValueError(f"not between 0 and {_MOST_CORES} cores")
    if milli != int(milli):
        raise ValueError("finer than 1m, which Kubernetes refuses")
    return float(milli / 1000)


def _read_memory(value: Any) -> int:
    text = str(value).strip()
    size_bytes = parse_memory(text)
    if text.endswith("m"):
        raise ValueError(f"a small m means thousandths of a byte; write {text[:-1]}Mi for mebibytes")
    if not 0 <= size_bytes <= _MOST_MEMORY_BYTES:
        raise ValueError("not between 0 and 1Pi")
    if 0 < size_bytes < MIB:
        raise ValueError("less than 1Mi: is the unit missing (512Mi, 2Gi)?")
    return size_bytes


def refuse_bool(value: Any) -> Any:
    """``true`` is not 1."""
    if value is True or value is False:
        raise ValueError("must be a number")
    return value


def _limit_reader(*words: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, str) and value.strip() in words:
            return value.strip()
        try:
            factor = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            factor = float("nan")
        if not 1 <= factor <= 1000:
            raise ValueError(f"must be {', '.join(words)}, or a factor of the request from 1 to 1000")
        return factor

    return read


def _limit_schema(*words: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"enum": list(words)}, {"type": "number", "minimum": 1, "maximum": 1000}]})


def _split_commas(value: Any) -> Any:
    """A list written as one text, as in an annotation: ``cpu,memory``."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(refuse_bool)]
"""A finite number; ``true`` is not 1."""

Days = Annotated[float, Field(allow_inf_nan=False, gt=0, le=3650), BeforeValidator(refuse_bool)]
"""A time span in days, longer than none."""

Cpu = Annotated[
    float,
    BeforeValidator(_read_cpu),
    PlainSerializer(format_cpu, return_type=str, when_used="json"),
    WithJsonSchema({"type": ["string", "number"], "examples": ["250m", 2]}),
]
"""Cores, read from and written as a Kubernetes quantity."""

Memory = Annotated[
    int,
    BeforeValidator(_read_memory),
    PlainSerializer(format_memory, return_type=str, when_used="json"),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["512Mi", "2Gi"]}),
]
"""Bytes, read from and written as a Kubernetes quantity."""

CpuLimitRule = Annotated[
    Literal["keep", "keep-ratio", "none"] | float,
    BeforeValidator(_limit_reader("keep", "keep-ratio", "none")),
    _limit_schema("keep", "keep-ratio", "none"),
]
MemoryLimitRule = Annotated[
    Literal["keep", "keep-ratio", "equal-request"] | float,
    BeforeValidator(_limit_reader("keep", "keep-ratio", "equal-request")),
    _limit_schema("keep", "keep-ratio", "equal-request"),
]
ResourceNames = Annotated[tuple[Literal["cpu", "memory"], ...], BeforeValidator(_split_commas)]


def _showing_default(built_in: Any) -> Callable[[dict[str, Any]], None]:
    def show(schema: dict[str, Any]) -> None:
        schema.pop("default", None)
        if not isinstance(built_in, dict):
            schema["default"] = built_in

    return show


def partial_model(model: type[BaseModel], name: str) -> type[BaseModel]:
    """The same keys and the same checks of each value, but every key may be left out.

    Rules between keys (minimum not above maximum) are left out too: they hold for the merged whole.
    Which keys were given is in ``model_fields_set``; a ``null`` is only accepted where the model accepts it.
    The JSON Schema shows the defaults of the model.
    """
    built_in = model().model_dump(mode="json")
    fields: dict[str, Any] = {}
    for key, info in model.model_fields.items():
        kind: Any = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = partial_model(kind, f"{kind.__name__}Override")
        elif info.metadata:
            kind = Annotated[(kind, *info.metadata)]
        shown = _showing_default(built_in[key])
        fields[key] = (kind, Field(default=None, description=info.description, json_schema_extra=shown))
    made = create_model(name, __base__=Section, **fields)
    made.__doc__ = (model.__doc__ or "").strip()
    return made


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"risk": {"level": "bold"}}`` -> ``{"risk.level": "bold"}``; lists stay whole."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`flatten`."""
    nested: dict[str, Any] = {}
    for dotted, value in flat.items():
        *sections, key = dotted.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    return nested


def leaf_types(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Every dotted key of a model with the annotation of its value."""
    leaves: dict[str, Any] = {}
    for key, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            leaves.update(leaf_types(kind, f"{prefix}{key}."))
        else:
            leaves[prefix + key] = kind
    return leaves
