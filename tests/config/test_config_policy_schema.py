import json
import re
from pathlib import Path

import jsonschema
import pytest

from planner.config.document import parse_document
from planner.config.load import parse_policy
from planner.config.policy import Policy
from planner.config.schema import policy_json_schema, policy_schema_text
from planner.config.workload_policy import WORKLOAD_KEYS
from planner.errors import ConfigError

DOCS = Path(__file__).parents[2] / "docs"
VALIDATOR = jsonschema.Draft202012Validator(policy_json_schema())


def test_the_schema_in_docs_is_up_to_date():
    """Renew it with ``planner policy schema > docs/policy.schema.json``."""
    assert (DOCS / "policy.schema.json").read_text(encoding="utf-8") == policy_schema_text()


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(policy_json_schema())


def keywords(schema, path=""):
    """Every property of the schema with its own schema."""
    if isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            yield f"{path}.{name}", inner
        for name, inner in schema.items():
            yield from keywords(inner, f"{path}.{name}")


def test_every_key_is_described():
    definitions = policy_json_schema()["$defs"]

    def described(schema) -> bool:
        named = definitions.get(schema.get("$ref", "").rsplit("/", 1)[-1], {})
        return bool(schema.get("description") or named.get("description"))

    bare = [path for path, schema in keywords(policy_json_schema()) if not described(schema)]
    assert bare == []
    assert len(list(keywords(policy_json_schema()))) >= len(WORKLOAD_KEYS) + len(Policy.model_fields)


def test_no_keyword_of_another_vocabulary():
    """pydantic writes ``gt`` where it cannot place a bound; validators ignore what they do not know."""
    assert not re.search(r'"(gt|ge|lt|le)":', policy_schema_text())


@pytest.mark.parametrize(
    "text",
    [
        "version: 1",
        "defaults: {limits: {cpu: 2.0, memory: equal-request}, requests: {cpu_max: null, cpu_min: 0.5}}",
        "namespaces: {a: {risk: {level: bold}, evidence: {min_days: 2}}}",
        "change_windows: [{days: [mon, tue], start: '22:00', end: '05:00'}]",
        json.dumps(Policy().as_json()),
    ],
)
def test_schema_and_reader_accept_the_same_files(text):
    VALIDATOR.validate(parse_document(text, "p").value)
    parse_policy(text)


@pytest.mark.parametrize(
    "text",
    [
        "version: 2",
        "unknown: 1",
        "currency: euro",
        "defaults: {limits: {cpu: 0.5}}",
        "defaults: {limits: {memory: none}}",
        "history_days: 0",
        "defaults: {risk: {level: brave}}",
        "defaults: {requests: {cpu_min: null}}",
        "namespaces: {a: {b: {}}}",
        "change_windows: [{days: [], start: '22:00', end: '05:00'}]",
        "change_windows: [{days: [mon], start: '24:00', end: '05:00'}]",
    ],
)
def test_schema_and_reader_refuse_the_same_files(text):
    assert not VALIDATOR.is_valid(parse_document(text, "p").value)
    with pytest.raises(ConfigError):
        parse_policy(text)


def test_the_page_names_every_key_and_its_example_is_a_policy():
    page = (DOCS / "policy.md").read_text(encoding="utf-8")
    parse_policy(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1])
    told = set(re.findall(r"`([a-z0-9_.]+)`", page))
    missing = [key for key in Policy.model_fields if key not in told and key not in ("environments", "namespaces")]
    missing += [key for key in WORKLOAD_KEYS if key not in told and key.split(".")[-1] not in told]
    assert missing == []
