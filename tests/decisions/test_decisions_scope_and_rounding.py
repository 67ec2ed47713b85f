import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.decisions.limits import round_value
from planner.decisions.scope import matches_selector
from planner.errors import UsageError

LABELS = {"app": "web", "tier": "front", "app.kubernetes.io/part-of": "shop"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier!=cache", True),
        ("app=api", False),
        ("app in (web, api),tier", True),
        ("app notin (web)", False),
        ("!legacy", True),
        ("!app", False),
        ("app.kubernetes.io/part-of = shop", True),
        ("missing", False),
        ("missing!=x", True),
    ],
)
def test_selectors_as_kubectl_reads_them(selector, matches):
    assert matches_selector(selector, LABELS) is matches


@pytest.mark.parametrize("selector", ["app in web", "=x", "a b"])
def test_what_is_no_selector_is_refused(selector):
    with pytest.raises(UsageError, match="cannot read the label selector"):
        matches_selector(selector, LABELS)


@given(st.floats(0.0005, 500), st.sampled_from(["cpu", "memory"]))
def test_rounding_goes_up_and_stays_close(value, resource):
    scaled = value if resource == "cpu" else value * 2**30
    rounded = round_value(scaled, resource)
    finest = 0.001 if resource == "cpu" else 2**20
    assert rounded >= scaled * (1 - 1e-6) - 1e-9
    assert rounded - scaled <= max(finest, 0.07 * scaled) + 1e-6
    assert rounded >= round_value(scaled, resource, finest=True) - 1e-9


@given(st.floats(0.01, 50), st.floats(0.01, 50))
def test_rounding_never_passes_the_ceiling(value, ceiling):
    assert round_value(min(value, ceiling), "cpu", ceiling=ceiling) <= ceiling + 1e-12
