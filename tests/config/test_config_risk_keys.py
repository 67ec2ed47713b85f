"""The keys of shared risk: budgets, horizon, priorities, and what is refused of them."""

import pytest

from planner.config.load import parse_policy
from planner.config.policy import Policy
from planner.errors import ConfigError


def test_one_budget_holds_by_default():
    budgets = Policy().risk_budgets
    assert budgets.fleet.oom_kills_per_1000_container_days == 3
    assert budgets.fleet.cpu_shortage_core_seconds_per_day is None
    assert budgets.namespaces == {}
    assert (budgets.most_price_per_oom_kill, budgets.most_price_per_core_hour_short) == (500, 50)
    assert Policy().horizon_days == 7


def test_budgets_are_read_and_null_takes_one_away():
    budgets = parse_policy(
        "horizon_days: 14\n"
        "risk_budgets:\n"
        "  fleet: {oom_kills_per_1000_container_days: null, cpu_shortage_core_seconds_per_day: 3600}\n"
        "  namespaces: {team-*: {oom_kills_per_1000_container_days: 0}}\n"
        "  most_price_per_oom_kill: 40"
    ).risk_budgets
    assert budgets.fleet.oom_kills_per_1000_container_days is None
    assert budgets.fleet.cpu_shortage_core_seconds_per_day == 3600
    assert budgets.namespaces["team-*"].oom_kills_per_1000_container_days == 0
    assert budgets.namespaces["team-*"].cpu_shortage_core_seconds_per_day is None
    assert budgets.most_price_per_oom_kill == 40


def test_a_budget_of_a_namespace_has_no_default():
    assert parse_policy("risk_budgets: {namespaces: {a: {}}}").risk_budgets.namespaces["a"].model_dump() == {
        "oom_kills_per_1000_container_days": None,
        "cpu_shortage_core_seconds_per_day": None,
    }


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("horizon_days: 0", "horizon_days"),
        ("horizon_days: 91", "horizon_days"),
        ("horizon_days: 1.5", "horizon_days"),
        ("risk_budgets: {fleet: {oom_kills_per_1000_container_days: -1}}", "oom_kills_per_1000_container_days"),
        ("risk_budgets: {fleet: {oom_kills_per_1000_container_days: 1001}}", "oom_kills_per_1000_container_days"),
        ("risk_budgets: {fleet: {oom_kills_per_1000_container_days: true}}", "oom_kills_per_1000_container_days"),
        ("risk_budgets: {fleet: {cpu_shortage_core_seconds_per_day: -1}}", "cpu_shortage_core_seconds_per_day"),
        ("risk_budgets: {fleet: {cpu_shortage_core_seconds_per_day: .inf}}", "cpu_shortage_core_seconds_per_day"),
        ("risk_budgets: {namespaces: {a: {oom_kills: 1}}}", "oom_kills"),
        ("risk_budgets: {most_price_per_oom_kill: 0}", "most_price_per_oom_kill"),
        ("risk_budgets: {most_price_per_core_hour_short: 0}", "most_price_per_core_hour_short"),
        ("priority_factors: {high: 0}", "high"),
        ("priority_factors: {high: 1001}", "high"),
        ("priority_factors: {high: true}", "high"),
        ("defaults: {risk: {max_incident_days_per_30d: 0}}", "max_incident_days_per_30d"),
        ("defaults: {risk: {max_incident_days_per_30d: 31}}", "max_incident_days_per_30d"),
        ("defaults: {risk: {max_shortage_share: 0}}", "max_shortage_share"),
        ("defaults: {risk: {max_shortage_share: 1.5}}", "max_shortage_share"),
        ("defaults: {requests: {oom_hold_days: -1}}", "oom_hold_days"),
        ("defaults: {requests: {oom_fade_days: -1}}", "oom_fade_days"),
        ("defaults: {evidence: {backtest_tolerance: 0.5}}", "backtest_tolerance"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(text, place):
    with pytest.raises(ConfigError, match=place):
        parse_policy(text)


@pytest.mark.parametrize(
    ("name", "priority", "factor"),
    [
        (None, None, 1.0),
        (None, 0, 1.0),
        (None, 5, 2.0),
        (None, -5, 0.5),
        ("unlisted", 5, 2.0),  # no entry: the sign of the priority
        ("gold", -5, 8.0),  # an entry wins over the sign
        ("gold-east", None, 3.0),  # of two patterns the longer one
        ("golden", None, 4.0),
        ("zero", 5, 1.0),
    ],
)
def test_the_factor_of_a_priority(name, priority, factor):
    policy = parse_policy("priority_factors: {gold*: 4, gold: 8, gold-*: 3, zero: 1}")
    assert policy.priority_factor(name, priority) == factor


def test_budgets_and_factors_are_part_of_the_policy_s_identity():
    texts = ["{}", "horizon_days: 8", "priority_factors: {a: 2}", "risk_budgets: {namespaces: {a: {}}}"]
    assert len({parse_policy(text).digest() for text in texts}) == len(texts)
    whole = parse_policy("risk_budgets: {namespaces: {a: {cpu_shortage_core_seconds_per_day: 5}}}").as_json()
    assert whole["risk_budgets"]["namespaces"]["a"]["cpu_shortage_core_seconds_per_day"] == 5
