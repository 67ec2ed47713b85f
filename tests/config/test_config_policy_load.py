import json
import time

import pytest

from planner.config.document import LARGEST_BYTES, parse_document
from planner.config.load import load_policy, parse_policy
from planner.config.policy import Policy
from planner.errors import EXIT_USAGE, ConfigError


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_policy(text, "p.yaml")
    return caught.value


def test_empty_file_is_the_built_in_policy():
    for text in ("", "# nothing\n", "version: 1\n", "{}", "defaults:\nenvironments:\n  production:\nnamespaces:\n"):
        assert parse_policy(text).digest() == Policy().digest(), text


def test_no_file_is_the_built_in_policy():
    assert load_policy(None).digest() == Policy().digest()


@pytest.mark.parametrize(
    ("text", "where", "what", "fix"),
    [
        ("a: 1", "p.yaml:1", "a: unknown key", "known here: version"),
        ("\ncurency: EUR", "p.yaml:2", "curency: unknown key", "did you mean currency?"),
        ("currency: euro", "p.yaml:1", "currency: string should match", ""),
        ("version: 2", "p.yaml:1", "version '2'", ""),
        ("version: true", "p.yaml:1", "version 'True'", ""),
        ("version: [1]", "p.yaml:1", "this program reads version 1", ""),
        ("time_zone: Europe/Brlin", "p.yaml:1", "time_zone: no time zone 'Europe/Brlin'", ""),
        ("time_zone: ../../etc/passwd", "p.yaml:1", "no time zone", ""),
        ("- 1", "p.yaml", "a mapping of keys", "version: 1"),
        ("just text", "p.yaml", "a mapping of keys", ""),
        ("defaults: 3", "p.yaml:1", "defaults: must be a mapping", ""),
        ("excluded_namespaces: kube-system", "p.yaml:1", "excluded_namespaces: must be a list", ""),
        (
            "defaults:\n  risk:\n    level: cautios",
            "p.yaml:3",
            "'cautios' is not one of cautious, balanced, bold",
            "did you mean cautious?",
        ),
        ("defaults:\n  risk: {lvl: bold}", "p.yaml:2", "defaults.risk.lvl: unknown key", "did you mean level?"),
        (
            "environments:\n  production:\n    risk: {leve: bold}",
            "p.yaml:3",
            "environments.production.risk.leve",
            "level",
        ),
        ("namespaces:\n  a:\n    limit: {}", "p.yaml:3", "namespaces.a.limit: unknown key", "did you mean limits?"),
        (
            "change_windows:\n- days: [mon]\n  start: 22:00\n  end: 2:00",
            "p.yaml:4",
            "change_windows[0].end: must be HH:MM",
            "",
        ),
        (
            "change_windows: [{days: [funday], start: '22:00', end: '02:00'}]",
            "p.yaml:1",
            "'funday' is not one of mon",
            "",
        ),
        (
            "change_windows: [{days: [mon], start: '22:00', end: '02:00', till: 3}]",
            "p.yaml:1",
            "till: unknown key",
            "known here: days, start, end",
        ),
        ("defaults: {requests: {cpu_min: 10x}}", "p.yaml:1", "cpu_min: not a Kubernetes quantity: '10x'", ""),
        ("defaults: {requests: {cpu_min: -1}}", "p.yaml:1", "cpu_min: not between 0", ""),
        ("defaults: {requests: {cpu_min: 1e99}}", "p.yaml:1", "cpu_min: not between 0", ""),
        ("defaults: {requests: {cpu_min: 0.1m}}", "p.yaml:1", "finer than 1m", ""),
        ("defaults: {requests: {cpu_min: true}}", "p.yaml:1", "not a Kubernetes quantity", ""),
        ("defaults: {requests: {cpu_min: null}}", "p.yaml:1", "not a Kubernetes quantity", ""),
        ("defaults: {requests: {cpu_min: [1]}}", "p.yaml:1", "not a Kubernetes quantity", ""),
        ("defaults: {requests: {memory_min: 128m}}", "p.yaml:1", "write 128Mi", ""),
        ("defaults: {requests: {memory_min: 512}}", "p.yaml:1", "is the unit missing", ""),
        ("defaults: {requests: {memory_max: 2Ei}}", "p.yaml:1", "not between 0 and 1Pi", ""),
        ("defaults: {requests: {memory_margin: true}}", "p.yaml:1", "must be a number", ""),
        ("defaults: {requests: {memory_margin: -0.1}}", "p.yaml:1", "greater than or equal to 0", ""),
        ("defaults: {requests: {resources: [cpu, cpu]}}", "p.yaml:1", "names a resource twice", ""),
        ("defaults: {limits: {cpu: 0.5}}", "p.yaml:1", "a factor of the request from 1", ""),
        ("defaults: {limits: {memory: none}}", "p.yaml:1", "must be keep, keep-ratio, equal-request", ""),
        ("defaults: {evidence: {min_days: .nan}}", "p.yaml:1", "min_days: input should be a valid number", ""),
        ("history_days: 0", "p.yaml:1", "greater than 0", ""),
        ("environment_aliases: {live: prodution}", "p.yaml:1", "there is no environment 'prodution'", "production?"),
        ("environments: {prod: {}}", "p.yaml:1", "is an alias of production", "environments.production"),
        ("environments: {QA: {}}", "p.yaml:1", "lower case", "write qa"),
    ],
)
def test_bad_values_are_told_with_line_key_and_hint(text, where, what, fix):
    error = refused(text)
    assert error.exit_code == EXIT_USAGE
    assert error.where == where
    assert what in error.what
    assert fix in error.fix


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("currency: USD\ncurrency: EUR", "the key 'currency' is given twice"),
        ('{"currency": "USD", "currency": "EUR"}', "the key 'currency' is given twice"),
        ("defaults:\n  risk: &r {level: bold}\nenvironments:\n  qa: {risk: *r}", "anchors and aliases"),
        ("a: &a [x]\nb: [*a, *a]", "anchors and aliases"),
        ("a: !!python/object/apply:os.system [id]", "tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("defaults: &d {opt_out: true}", "anchors and aliases"),
        ("a: !!binary aGk=", "the tag"),
        ("a: !mine 1", "the tag"),
        ("a: !!int x", "not a value of its tag"),
        ("? [a]\n: 1", "a key must be text"),
        ("a: 1\n---\nb: 2", "another document"),
        ("a: 'x", "not readable YAML"),
        ("a: b: c", "not readable YAML"),
        ("a: \x00", "control characters"),
        ("[" * 5000, "nested deeper"),
        ("{" * 5000, "nested deeper"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested deeper"),
        ('{"protected_share": NaN}', "NaN is not a number"),
    ],
)
def test_documents_of_another_kind_are_refused(text, what):
    assert what in refused(text).what


def test_contradictions_are_refused_where_the_file_makes_them():
    error = refused("defaults:\n  requests:\n    cpu_min: 2\n    cpu_max: 1\n")
    assert (error.where, error.what) == ("p.yaml:2", "defaults.requests: cpu_min is above cpu_max")
    error = refused("environments:\n  qa:\n    requests: {memory_max: 16Mi}\n")
    assert (error.where, error.what) == ("p.yaml:3", "environments.qa.requests: memory_min is above memory_max")
    error = refused("namespaces:\n  '*':\n    requests: {cpu_max: 1m}\n")
    assert (error.where, error.what) == ("p.yaml:3", "namespaces.*.requests: cpu_min is above cpu_max")


def test_a_contradiction_in_one_environment_only_is_told_where_it_is_met():
    """team-a caps memory at 512Mi; only `batch` demands 1Gi at least. The file is fine until team-a is a batch one."""
    policy = parse_policy(
        "environments: {batch: {requests: {memory_min: 1Gi}}}\nnamespaces: {team-a: {requests: {memory_max: 512Mi}}}"
    )
    assert policy.resolve("team-a", {"env": "prod"}, {}).value.requests.memory_max == 512 * 1024**2
    with pytest.raises(ConfigError, match="memory_min is above memory_max") as caught:
        policy.resolve("team-a", {"env": "batch"}, {})
    assert caught.value.where == "namespace team-a, environment batch"


def test_several_problems_are_told_together_each_with_its_line():
    error = refused("currency: euro\ndefaults:\n  risk: {level: brave}\n  requests: {cpu_mn: 1}\n")
    assert error.what.splitlines()[0] == "3 problems in the policy:"
    told = error.what.splitlines()[1:]
    assert [line.split(": ")[0].strip() for line in told] == ["p.yaml:1", "p.yaml:3", "p.yaml:4"]
    assert "did you mean cpu_min?" in told[2]


def test_very_many_problems_are_cut_short():
    error = refused("".join(f"key{i}: 1\n" for i in range(50)))
    assert error.what.splitlines()[-1].strip() == "... and 30 more"


def test_terminal_escapes_in_keys_do_not_reach_the_message():
    error = refused('"a\\e[31m\\nb": 1')
    assert error.what.isprintable()


def test_scalars_are_those_of_yaml_1_2():
    text = "a: 22:00\nb: no\nc: 2026-11-24\nd: 010\ne: 1_000\nf: 0x10\ng: True\nh: ~\ni: 1.5e3\nj:\nk: '1'\nl: <<\n"
    assert parse_document(text, "d").value == {
        "a": "22:00", "b": "no", "c": "2026-11-24", "d": 10, "e": "1_000", "f": "0x10",
        "g": True, "h": None, "i": 1500.0, "j": None, "k": "1", "l": "<<",
    }  # fmt: skip


def test_json_is_yaml_tabs_included():
    document = Policy().as_json() | {"currency": "EUR"}
    assert parse_policy(json.dumps(document, indent="\t")).currency == "EUR"
    assert parse_policy("{currency: EUR}").currency == "EUR"


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_policy(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load_policy(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("currency: US\xe4".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_policy(latin)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (LARGEST_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 512 KiB"):
        load_policy(large)


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_bytes(b"\xef\xbb\xbfversion: 1\r\ncurrency: EUR\r\n")
    assert load_policy(file).currency == "EUR"


def test_lines_point_into_lists_and_nested_sections(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("defaults:\n  requests:\n    resources:\n    - cpu\n    - gpu\n")
    with pytest.raises(ConfigError) as caught:
        load_policy(file)
    assert caught.value.where == f"{file}:5"


def test_a_thousand_namespaces_load_in_seconds():
    text = "namespaces:\n" + "".join(f"  team-{i}: {{risk: {{level: bold}}}}\n" for i in range(1000))
    started = time.process_time()
    policy = parse_policy(text)
    assert len(policy.namespaces) == 1000
    assert time.process_time() - started < 10
