"""Node selectors, affinity, taints: what the scheduler accepts, and texts that cannot be read."""

import json

import pytest

from planner.decisions.node_pools.matching import accepts, dislike
from planner.decisions.node_pools.model import Placement

LABELS = {"zone": "a", "size": "8", "gpu": "true"}


def required(*expressions):
    return Placement(required_affinity=json.dumps({"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}))


@pytest.mark.parametrize(
    ("operator", "key", "values", "fits"),
    [
        ("In", "zone", ["a", "b"], True),
        ("In", "zone", ["b"], False),
        ("NotIn", "zone", ["b"], True),
        ("NotIn", "zone", ["a"], False),
        ("NotIn", "missing", ["a"], True),
        ("Exists", "gpu", [], True),
        ("Exists", "missing", [], False),
        ("DoesNotExist", "missing", [], True),
        ("DoesNotExist", "gpu", [], False),
        ("Gt", "size", ["7"], True),
        ("Gt", "size", ["8"], False),
        ("Lt", "size", ["9"], True),
        ("Lt", "zone", ["9"], False),
        ("Near", "zone", ["a"], False),
    ],
)
def test_operators(operator, key, values, fits):
    placement = required({"key": key, "operator": operator, "values": values})
    assert (accepts(placement, LABELS, ()) == "") is fits


def test_terms_are_alternatives_and_expressions_are_not():
    bad, good = ({"key": "zone", "operator": "In", "values": [zone]} for zone in "ba")
    assert accepts(required(bad, good), LABELS, ())
    either = json.dumps({"nodeSelectorTerms": [{"matchExpressions": [bad]}, {"matchExpressions": [good]}]})
    assert not accepts(Placement(required_affinity=either), LABELS, ())


@pytest.mark.parametrize(
    "text", ['{"nodeSelectorTerms": 3}', '{"nodeSelectorTerms": [{}]}', "[]", '{"nodeSelectorTerms": [7]}']
)
def test_what_cannot_be_read_matches_nothing(text):
    assert accepts(Placement(required_affinity=text), LABELS, ()) == "required node affinity"


def test_selectors_name_the_label():
    assert accepts(Placement(node_selector=(("zone", "b"),)), LABELS, ()) == "nodeSelector zone=b"


@pytest.mark.parametrize(
    ("toleration", "fits"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "spot", "operator": "Exists"}, True),
        ({"key": "spot", "value": "true", "effect": "NoSchedule"}, True),
        ({"key": "spot", "value": "no"}, False),
        ({"key": "spot", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"value": "true"}, False),
    ],
)
def test_taints(toleration, fits):
    taint = {"key": "spot", "value": "true", "effect": "NoSchedule"}
    placement = Placement(tolerations=(json.dumps(toleration),))
    assert (accepts(placement, {}, (taint,)) == "") is fits
    assert accepts(Placement(), {}, ({**taint, "effect": "PreferNoSchedule"},)) == ""


def test_preferences_are_a_share():
    prefer = [
        {"weight": 30, "preference": {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}},
        {"weight": 10, "preference": {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}},
        {"weight": "x"},
        5,
    ]
    placement = Placement(preferred_affinity=json.dumps(prefer))
    assert dislike(placement, LABELS, ()) == pytest.approx(0.25)
    assert dislike(Placement(), LABELS, ({"key": "k", "effect": "PreferNoSchedule"},)) == 1.0
