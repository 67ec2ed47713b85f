import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.config.layers import AnnotationWarning
from planner.config.load import parse_policy
from planner.config.policy import BUILT_IN_ENVIRONMENTS, Policy
from planner.config.workload_policy import RISK_LEVELS, WORKLOAD_KEYS, WorkloadPolicy
from planner.units import MIB

FILE = """
defaults: {limits: {cpu: none}, requests: {cpu_max: 4}}
environments:
  production: {evidence: {min_days: 7}}
  qa: {opt_out: true}
namespaces:
  team-*: {requests: {cpu_max: 8}}
  team-a: {limits: {cpu: keep}}
"""


def test_each_layer_and_its_origin():
    """The layers of FILE, worked out by hand for a production workload of team-a with one annotation."""
    found = parse_policy(FILE).resolve("team-a", {"env": "prod"}, {"planner/requests.memory-min": "64Mi"})
    assert found.environment == "production"
    expected = {
        "limits.cpu": ("keep", "namespace team-a"),
        "requests.cpu_max": (8.0, "namespace team-*"),
        "evidence.min_days": (7.0, "environment production"),
        "risk.level": ("cautious", "environment production (built-in)"),
        "risk.oom_kill_price": (20.0, "environment production (built-in)"),
        "requests.memory_min": (64 * MIB, "annotation planner/requests.memory-min"),
        "limits.memory": ("keep-ratio", "default"),
    }
    values = {key: value_at(found.value, key) for key in expected}
    assert {key: (values[key], found.origin[key]) for key in expected} == expected
    assert set(found.origin) == set(WORKLOAD_KEYS)
    assert found.warnings == ()


def value_at(policy: WorkloadPolicy, dotted: str):
    for part in dotted.split("."):
        policy = getattr(policy, part)
    return policy


def test_file_defaults_have_their_origin():
    found = parse_policy(FILE).resolve("other", {}, {})
    assert (found.value.limits.cpu, found.origin["limits.cpu"]) == ("none", "file defaults")
    assert found.environment == ""


@pytest.mark.parametrize(
    ("labels", "environment"),
    [
        ({}, ""),
        ({"env": "prod"}, "production"),
        ({"env": "Production "}, "production"),
        ({"env": "stg"}, "staging"),
        ({"environment": "qa", "env": "prod"}, "qa"),
        ({"environment": "unheard-of"}, "unheard-of"),
        ({"tier": "prod"}, ""),
    ],
)
def test_environment_of_a_namespace(labels, environment):
    assert parse_policy(FILE).environment_of(labels) == environment


def test_other_labels_and_aliases():
    policy = parse_policy("environment_labels: [tier]\nenvironment_aliases: {Live: production}")
    assert policy.environment_of({"tier": "LIVE", "env": "dev"}) == "production"
    assert policy.environment_of({"tier": "dev"}) == "development"


def test_an_unknown_environment_adds_nothing():
    policy = Policy()
    assert policy.resolve("a", {"env": "moon"}, {}).value == policy.resolve("a", {}, {}).value


def test_excluded_namespaces_and_patterns():
    policy = parse_policy("excluded_namespaces: [kube-*, default]")
    assert [policy.excludes(name) for name in ("kube-system", "kube-x", "default", "defaults")] == [1, 1, 1, 0]
    assert Policy().resolve("kube-system", {}, {}).excluded
    assert not Policy().resolve("shop", {}, {}).excluded


def test_the_more_specific_pattern_wins_whatever_the_order():
    layers = [
        "'*': {evidence: {min_days: 1}}",
        "'team-*': {evidence: {min_days: 2}}",
        "team-a: {evidence: {min_days: 3}}",
    ]
    for order in (layers, layers[::-1]):
        policy = parse_policy("namespaces: {" + ", ".join(order) + "}")
        found = {name: policy.resolve(name, {}, {}).value.evidence.min_days for name in ("x", "team-b", "team-a")}
        assert found == {"x": 1, "team-b": 2, "team-a": 3}


def test_an_exact_name_beats_a_pattern_with_as_many_literal_characters():
    policy = parse_policy("namespaces: {'team-a*': {opt_out: false}, team-a: {opt_out: true}}")
    assert policy.resolve("team-a", {}, {}).value.opt_out
    assert not policy.resolve("team-ab", {}, {}).value.opt_out


@pytest.mark.parametrize("level", RISK_LEVELS)
def test_the_dial_sets_all_prices_and_ceilings(level):
    risk = parse_policy(f"defaults: {{risk: {{level: {level}}}}}").resolve("a", {}, {}).value.risk
    assert risk.model_dump(exclude={"level"}) == RISK_LEVELS[level]


def test_a_later_dial_replaces_earlier_prices_and_prices_beside_a_dial_win():
    policy = parse_policy(
        "defaults: {risk: {oom_kill_price: 7}}\n"
        "namespaces: {a: {risk: {level: bold, oom_kill_price: 3}}, b: {risk: {oom_kill_price: 4}}}"
    )
    assert policy.resolve("x", {}, {}).value.risk.oom_kill_price == 7
    assert policy.resolve("x", {"env": "prod"}, {}).value.risk.oom_kill_price == 20
    found = policy.resolve("a", {"env": "prod"}, {}).value.risk
    assert (found.level, found.oom_kill_price, found.cpu_shortage_price_ratio) == ("bold", 3, 9)
    found = policy.resolve("b", {"env": "prod"}, {}).value.risk
    assert (found.level, found.oom_kill_price, found.cpu_shortage_price_ratio) == ("cautious", 4, 99)


def test_a_later_dial_replaces_earlier_ceilings_and_ceilings_beside_a_dial_win():
    """0.3 and 7 stand in an earlier layer than the dials of `a` and of production."""
    policy = parse_policy(
        "defaults: {risk: {max_shortage_share: 0.3, max_incident_days_per_30d: 7}}\n"
        "namespaces: {a: {risk: {level: bold, max_incident_days_per_30d: 3}}}"
    )
    ceilings = lambda risk: (risk.max_incident_days_per_30d, risk.max_shortage_share)  # noqa: E731
    assert ceilings(policy.resolve("x", {}, {}).value.risk) == (7, 0.3)
    assert ceilings(policy.resolve("x", {"env": "prod"}, {}).value.risk) == (0.5, 0.05)
    assert ceilings(policy.resolve("a", {}, {}).value.risk) == (3, 0.1)


@pytest.mark.parametrize(
    ("annotations", "key", "value"),
    [
        ({"planner/opt-out": "true"}, "opt_out", True),
        ({"planner/opt_out": "true"}, "opt_out", True),
        ({"planner/risk.level": "cautious"}, "risk.oom_kill_price", 20.0),
        ({"planner/risk.level": "cautious", "planner/risk.oom-kill-price": "3"}, "risk.oom_kill_price", 3.0),
        ({"planner/limits.cpu": "2.5"}, "limits.cpu", 2.5),
        ({"planner/limits.cpu": " none "}, "limits.cpu", "none"),
        ({"planner/requests.resources": "memory"}, "requests.resources", ("memory",)),
        ({"planner/requests.resources": ""}, "requests.resources", ("cpu", "memory")),
        ({"planner/requests.cpu-max": "null"}, "requests.cpu_max", None),
        ({"planner/requests.cpu-max": "500m", "planner/requests.cpu-min": "400m"}, "requests.cpu_max", 0.5),
    ],
)
def test_annotations(annotations, key, value):
    found = parse_policy("defaults: {requests: {cpu_min: 1, cpu_max: 2}}").resolve("a", {}, annotations)
    assert value_at(found.value, key) == value


@pytest.mark.parametrize(
    ("name", "text", "told", "fix"),
    [
        ("planner/risk.levle", "bold", "no such key", "did you mean planner/risk.level?"),
        ("planner/zzz", "1", "no such key", "planner policy show"),
        ("planner/risk.level", "brave", "'brave' is not one of", ""),
        ("planner/risk.level", "cautios", "'cautios'", "did you mean cautious?"),
        ("planner/risk", "bold", "no such key", ""),
        ("planner/", "bold", "no such key", ""),
        ("planner/opt-out", "maybe", "valid boolean", ""),
        ("planner/requests.cpu-max", "1m", "contradicts the rest of the policy: cpu_min is above cpu_max", ""),
        ("planner/requests.memory-min", "\x1b[31m", "not a Kubernetes quantity", ""),
    ],
)
def test_a_bad_annotation_is_ignored_with_a_warning(name, text, told, fix):
    policy = Policy()
    found = policy.resolve("a", {}, {name: text})
    assert found.value == policy.resolve("a", {}, {}).value
    [warning] = found.warnings
    assert isinstance(warning, AnnotationWarning)
    assert warning.annotation == name
    assert told in warning.text
    assert warning.text.isprintable()
    assert fix in warning.fix


def test_a_bad_annotation_does_not_take_a_good_one_along():
    found = Policy().resolve("a", {}, {"planner/requests.cpu-max": "1m", "planner/risk.level": "bold", "other/x": "1"})
    assert found.value.risk.level == "bold"
    assert found.value.requests.cpu_max is None
    assert [warning.annotation for warning in found.warnings] == ["planner/requests.cpu-max"]


def test_annotations_that_say_something_else_are_left_alone():
    assert Policy().resolve("a", {}, {"planner/last-plan": "plan-1", "kubernetes.io/x": "y"}).warnings == ()


def test_twenty_thousand_workloads_resolve_in_seconds():
    policy = parse_policy(FILE)
    started = time.process_time()
    for i in range(20_000):
        policy.resolve(f"team-{i % 200}", {"env": "prod"}, {"planner/evidence.min_days": "2"} if i % 10 == 0 else {})
    assert time.process_time() - started < 3


def test_a_copy_with_other_keys_forgets_what_was_resolved():
    policy = Policy()
    before = policy.resolve("a", {}, {}).value
    other = parse_policy("defaults: {opt_out: true}")
    copied = policy.model_copy(update={"defaults": other.defaults})
    assert copied.resolve("a", {}, {}).value.opt_out
    assert policy.resolve("a", {}, {}).value == before


_KEYS = {
    "risk.level": st.sampled_from(list(RISK_LEVELS)),
    "risk.oom_kill_price": st.sampled_from([0.0, 2.0, 50.0]),
    "risk.cpu_shortage_price_ratio": st.sampled_from([1.0, 7.0]),
    "evidence.min_days": st.sampled_from([0.0, 2.0, 9.0]),
    "limits.cpu": st.sampled_from(["keep", "none", 2.0]),
    "requests.cpu_max": st.sampled_from([None, 1.0, 8.0]),
    "opt_out": st.booleans(),
}
_LAYER = st.fixed_dictionaries({}, optional=_KEYS)


def nested(flat: dict) -> dict:
    made: dict = {}
    for dotted, value in flat.items():
        section, _, key = dotted.rpartition(".")
        (made.setdefault(section, {}) if section else made)[key] = value
    return made


def written(value) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@settings(max_examples=150, deadline=None)
@given(
    defaults=_LAYER, environment=_LAYER, pattern=_LAYER, exact=_LAYER, annotations=_LAYER,
    name=st.sampled_from(["production", "batch", "qa"]),
)  # fmt: skip
def test_the_last_layer_that_speaks_of_a_key_wins(defaults, environment, pattern, exact, annotations, name):
    """Search each key from the last layer to the first; a dial speaks of its two prices too."""
    policy = Policy.model_validate(
        {
            "defaults": nested(defaults),
            "environments": {name: nested(environment)},
            "namespaces": {"te*": nested(pattern), "team": nested(exact)},
        }
    )
    given_annotations = {f"planner/{key}": written(value) for key, value in annotations.items()}
    found = policy.resolve("team", {"env": name}, given_annotations)
    built_in = BUILT_IN_ENVIRONMENTS.get(name)
    built_in_keys = {
        f"{section}.{key}": value
        for section, keys in (built_in.model_dump(exclude_unset=True) if built_in else {}).items()
        for key, value in keys.items()
    }
    layers = [
        (annotations, "annotation "), (exact, "namespace team"), (pattern, "namespace te*"),
        (environment, f"environment {name}"), (built_in_keys, f"environment {name} (built-in)"),
        (defaults, "file defaults"),
    ]  # fmt: skip
    for key in _KEYS:
        for layer, origin in layers:  # noqa: B007 (read after the loop)
            level = layer.get("risk.level")
            if key in layer:
                value = layer[key]
            elif level is not None and key.removeprefix("risk.") in RISK_LEVELS[level]:
                value = RISK_LEVELS[level][key.removeprefix("risk.")]
            else:
                continue
            break
        else:
            value, origin = value_at(WorkloadPolicy(), key), "default"
        assert value_at(found.value, key) == value, key
        assert found.origin[key].startswith(origin), key
    assert found.warnings == ()


@settings(max_examples=100, deadline=None)
@given(defaults=_LAYER, environment=_LAYER, pattern=_LAYER, name=st.sampled_from(["production", "qa"]))
def test_the_whole_policy_reads_back_as_itself(defaults, environment, pattern, name):
    policy = Policy.model_validate(
        {
            "defaults": nested(defaults),
            "environments": {name: nested(environment)},
            "namespaces": {"te*": nested(pattern)},
        }
    )
    again = Policy.model_validate(policy.as_json())
    assert again.as_json() == policy.as_json()
    assert again.digest() == policy.digest()
    for namespace in ("team", "other"):
        for labels in ({}, {"env": name}, {"env": "batch"}):
            assert again.resolve(namespace, labels, {}).value == policy.resolve(namespace, labels, {}).value


def test_the_digest_follows_the_meaning_not_the_text():
    same = [
        "namespaces: {a: {risk: {level: bold}}, b: {opt_out: true}}",
        "namespaces: {b: {opt_out: true}, a: {risk: {level: bold}}}\ncurrency: USD",
        "defaults: {requests: {cpu_min: 0.01, memory_min: 33554432}}\n"
        "namespaces: {b: {opt_out: true}, a: {risk: {level: bold, oom_kill_price: 1}}}",
        "excluded_namespaces: [kube-system, kube-public, kube-node-lease]\n"
        "namespaces: {a: {risk: {level: bold}}, b: {opt_out: true}}",
    ]
    assert len({parse_policy(text).digest() for text in same}) == 1
    others = ["", "namespaces: {a: {risk: {level: bold}}}", "currency: EUR", "defaults: {opt_out: true}",
              "environments: {production: {opt_out: true}}"]  # fmt: skip
    assert len({parse_policy(text).digest() for text in [same[0], *others]}) == 6
    assert len(parse_policy("").digest()) == 64
