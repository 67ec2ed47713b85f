"""The JSON Schema of the policy file, for editors and for checks before a file is used."""

import json
from typing import Any

from planner.config.policy import Policy

SCHEMA_TITLE = "Policy of the capacity planner"


def policy_json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a policy file. Rules between keys (minimum not above maximum) are not in it."""
    schema = _tidied(Policy.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": SCHEMA_TITLE}


def policy_schema_text() -> str:
    """Text of ``docs/policy.schema.json``."""
    return json.dumps(policy_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidied(value: Any) -> Any:
    """Without the titles that only repeat the keys, and with every description on one line."""
    if isinstance(value, list):
        return [_tidied(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidied = {}
    for key, item in value.items():
        if key == "title" and isinstance(item, str):
            continue
        tidied[key] = " ".join(item.split()) if key == "description" and isinstance(item, str) else _tidied(item)
    return tidied
