"""Read, write and name plans."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from planner.errors import PlanFileError
from planner.plan.frozen import Frozen, Target
from planner.plan.schema import SCHEMA_VERSION, Plan

_OUTSIDE_THE_HASH = {"plan_id", "created_at", "planner_version"}


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def recommendation_id(kind: str, target: Target) -> str:
    """The same id for the same kind and target over runs, whatever is proposed."""
    return f"{kind}-{digest([kind, target.model_dump()])[:12]}"


def with_id(plan: Plan) -> Plan:
    """The plan named by its own content; creation time and program version do not count."""
    content = plan.model_dump(mode="json", exclude=_OUTSIDE_THE_HASH)
    return plan.model_copy(update={"plan_id": f"plan-{digest(content)[:16]}"})


def document_json(document: Frozen) -> str:
    """A file's text: indented, keys in the order of the schema, one newline at the end."""
    try:
        return document.model_dump_json(indent=2) + "\n"
    except PydanticSerializationError:  # a lone surrogate: Python writes it, the fast writer does not
        return json.dumps(document.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_plan(plan: Plan, path: Path) -> None:
    """Write the file whole or not at all, also when the machine stops in between."""
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(document_json(plan))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PlanFileError(f"cannot write the plan: {error.strerror}", where=str(path)) from error


def read_plan(path: Path) -> Plan:
    """Read a plan and check its schema version and its own hash.

    Raises:
        PlanFileError: no such file, not a plan, another schema version, or changed since it was written.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise PlanFileError(f"cannot read the plan: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise PlanFileError("not a plan: the file is not JSON", where=str(path)) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, str) or "plan_id" not in document:
        raise PlanFileError(
            "not a plan of this program", where=str(path), fix="make one with `planner recommend -o json`"
        )
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise PlanFileError(
            f"the plan has schema version {version[:20]!r}, this program reads {SCHEMA_VERSION}", where=str(path)
        )
    try:
        plan = Plan.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PlanFileError(f"damaged plan: {place}: {first['msg']}", where=str(path)) from error
    if with_id(plan).plan_id != plan.plan_id:
        raise PlanFileError("the plan was changed after it was written: its hash does not match", where=str(path))
    return plan
