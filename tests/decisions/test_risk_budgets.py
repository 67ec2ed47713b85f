"""Shared budgets as rows, and that what is replayed is what is recommended."""

import numpy as np
import pytest
from fakes.snapshots import GIB, STEPS, container, make_snapshot, workload

from planner.config.load import parse_policy
from planner.decisions.backtests import history_folds, planner_sizer, run_backtests
from planner.decisions.candidates import find_candidates
from planner.decisions.facts import gather
from planner.decisions.risk_budgets import risk_budget_rows
from planner.decisions.risk_terms import risk_terms
from planner.decisions.scope import Scope
from planner.decisions.sizing import size
from planner.domain.node import Node, Price
from planner.domain.workload import Resources
from planner.snapshot.header import Metric
from planner.usage.fleet_risk import DAYS_PER_MONTH

NODE = Node("toy", "node-1", "p", allocatable=Resources(64.0, 256 * GIB), capacity=Resources(64.0, 256 * GIB),
            price=Price(3.2, "f", ""))  # fmt: skip
DAYS = 10


def found(tmp_path, policy="{}"):
    """Three services of one container, two in `shop` and one in `pay`: three candidates of each resource."""
    items = [workload("a"), workload("b"), workload("c", container(cpu=2.0), namespace="pay")]
    usage = {}
    for seed, item in enumerate(items):
        rng = np.random.default_rng(seed)
        level = np.repeat(np.exp(rng.normal(0, 0.1, DAYS)), STEPS)
        noise = rng.gamma(10.0, 0.1, DAYS * STEPS)
        usage[item.namespace, f"{item.name}-0", "app"] = {
            Metric.CPU: 0.3 * level * noise,
            Metric.MEMORY: 0.3 * GIB * level * noise,
        }
    facts = gather(make_snapshot(tmp_path / "s", items, usage, nodes=[NODE]), parse_policy(policy))
    return facts, find_candidates(facts, Scope()).items


def test_the_default_budget_by_hand(tmp_path):
    """3 in 1,000 container-days: three containers have 3 x 730 / 24 days a month, so 0.009 x 30.4 = 0.274 of them."""
    facts, items = found(tmp_path)
    (row,) = risk_budget_rows(facts, items)
    assert (row.name, row.resource, row.most_price) == ("oom_kills_within_budget[fleet]", "memory", 500)
    assert row.limit_per_month == pytest.approx(0.009 * 730 / 24)
    assert [items[i].resource for i in row.items] == ["memory"] * 3
    assert row.in_stated_unit(row.limit_per_month) == pytest.approx(3)


def test_budgets_of_namespaces_and_of_cpu(tmp_path):
    """7,200 core-seconds a day are 2 core-hours. Of the patterns for `shop` the most literal one holds, and the exact
    name beats any for `pay`, which takes its budget away."""
    facts, items = found(
        tmp_path,
        "risk_budgets:\n"
        "  fleet: {oom_kills_per_1000_container_days: null, cpu_shortage_core_seconds_per_day: 7200}\n"
        "  namespaces:\n"
        "    '*': {oom_kills_per_1000_container_days: 9}\n"
        "    sho*: {oom_kills_per_1000_container_days: 1}\n"
        "    pay: {}\n"
        "  most_price_per_core_hour_short: 7",
    )
    fleet, shop = risk_budget_rows(facts, items)
    assert (fleet.name, fleet.most_price, len(fleet.items)) == ("cpu_shortage_within_budget[fleet]", 7, 3)
    assert fleet.limit_per_month == pytest.approx(2 * 730 / 24)
    assert fleet.in_stated_unit(fleet.limit_per_month) == pytest.approx(7200)
    assert (shop.name, shop.scope) == ("oom_kills_within_budget[namespace/shop]", "shop")
    assert shop.limit_per_month == pytest.approx(0.001 * 2 * DAYS_PER_MONTH)


def test_a_tight_budget_holds_and_tells_what_it_costs(tmp_path):
    """0.1 in 1,000 days at any price, against incidents that cost next to nothing."""
    cheap = "defaults: {risk: {oom_kill_price: 0.001, max_incident_days_per_30d: 30}, requests: {memory_margin: 0}}\n"
    tight = "risk_budgets: {fleet: {oom_kills_per_1000_container_days: 0.1}, most_price_per_oom_kill: 1000000}"
    none = "risk_budgets: {fleet: {oom_kills_per_1000_container_days: null}}"
    held = size(*found(tmp_path / "tight", cheap + tight), "scipy")
    free = size(*found(tmp_path / "free", cheap + none), "scipy")
    row = held.budget_rows[0]
    assert held.budget_use[0] <= row.limit_per_month * (1 + 1e-6)
    assert held.budget_violation[0] <= 1e-9
    assert held.budget_dual[0] > 0
    assert free.expected_incidents[row.items].sum() > row.limit_per_month
    assert (held.request[row.items] >= free.request[row.items] * (1 - 1e-9)).all()


def test_a_budget_of_nothing_is_passed_at_its_price(tmp_path):
    """No size is free of risk, so no kill at all cannot be had: what remains is told, and its price is the most."""
    policy = "risk_budgets: {fleet: {oom_kills_per_1000_container_days: 0}, most_price_per_oom_kill: 40}"
    sizing = size(*found(tmp_path, policy), "scipy")
    assert sizing.budget_dual.tolist() == [40.0]
    assert sizing.budget_violation[0] == pytest.approx(sizing.budget_use[0])
    assert sizing.budget_use[0] > 0


@pytest.mark.parametrize("resource", ["cpu", "memory"])
def test_the_rule_that_is_replayed_is_the_rule_that_recommends(tmp_path, resource):
    """The sizer of the backtest, given the whole history, against the program of the plan."""
    facts, items = found(tmp_path)
    positions = np.array([i for i, item in enumerate(items) if item.resource == resource])
    rule = planner_sizer(facts, items, risk_terms(facts, items), positions)
    history = facts.history.cpu if resource == "cpu" else facts.history.memory
    ranks = history.ranks.take(np.array([items[i].history_row for i in positions]))
    replayed = rule.size(ranks.window(resource, facts.snapshot.header.step_seconds))
    assert replayed == pytest.approx(size(facts, items, "scipy").request[positions], rel=1e-6)


def test_the_backtest_of_a_snapshot(tmp_path):
    """Ten days and a horizon of seven: five to learn and five to judge, for both resources."""
    facts, items = found(tmp_path)
    assert [(fold.cut, fold.after) for fold in history_folds(facts)] == [(5, 10)]
    cpu, memory = run_backtests(facts, items, methods=("krr-simple",))
    assert (cpu.resource, memory.resource) == ("cpu", "memory")
    assert [result.method for result in memory.results] == ["planner", "today", "krr-simple"]
    assert memory.of("today").whole.request.tolist() == [GIB] * 3
    assert memory.of("planner").totals.container_days == 15.0
    own = memory.of("planner")
    assert own.totals.reserved_hours == pytest.approx(own.whole.request.sum() * 5 * 24)
    assert (own.whole.request >= 1.05 * facts.history.memory.day_peak[:, :5].max(axis=1) * (1 - 1e-9)).all()
    assert run_backtests(facts, []) == []
