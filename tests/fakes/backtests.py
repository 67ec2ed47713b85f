"""Backtests made by hand for tests of what shows them."""

from datetime import UTC, datetime
from typing import Any

from fakes.plans import CLUSTER, END, HOSTILE_TEXT, START

from planner.plan.backtest import BacktestReport, ContainerOutcome, FoldTimes, Outcome
from planner.plan.frozen import Target
from planner.plan.schema import Window


def outcome(resource: str, method: str, reserved: float, incidents: float, **changes: Any) -> Outcome:
    """A rule over 30 containers and 200 container-days; its incidents are OOM days, or core-seconds."""
    memory = resource == "memory"
    plain: dict[str, Any] = {
        "setting": "as it comes",
        "is_default": True,
        "containers": 30,
        "container_days": 200.0,
        "value_per_month": reserved / 10.0,
        "incident_days": incidents if memory else 0.0,
        "incident_share": incidents / 200.0 if memory else 0.0,
        "shortage_core_seconds": 0.0 if memory else incidents,
        "short_minutes": 0.0 if memory else incidents / 20.0,
        "relative_slack": 0.25,
        "mean_relative_slack": 0.2,
        "worst_1pct": incidents / 2.0,
        "largest_tenth_share": 0.4 if incidents else None,
        "changes_per_day": 0.0123,
    }
    return Outcome(resource=resource, method=method, reserved_hours=reserved, **(plain | changes))


def container_outcome(resource: str, method: str, name: str, **changes: Any) -> ContainerOutcome:
    """One container of namespace ``shop``."""
    target = Target(
        cluster=CLUSTER, api_version="apps/v1", kind="Deployment", namespace="shop", name=name, container="app"
    )
    plain: dict[str, Any] = {
        "target": target,
        "request": 0.5 if resource == "cpu" else 512.0 * 1024**2,
        "days": 20.0,
        "incident_days": 0.0 if resource == "cpu" else 2.0,
        "shortage_core_seconds": 4321.0 if resource == "cpu" else 0.0,
        "short_share": 0.034 if resource == "cpu" else 0.0,
        "relative_slack": 0.1,
    }
    return ContainerOutcome(resource=resource, method=method, **(plain | changes))


def sample_outcomes() -> tuple[Outcome, ...]:
    """CPU and memory: the planner, today and two baselines as they come, and two dials turned."""
    dial = {"is_default": False}
    return (
        outcome("cpu", "planner", 1_000.0, 40_000.0, setting="policy"),
        outcome("cpu", "today", 4_000.0, 500.0, setting="as it is", container_days=204.0, changes_per_day=0.0),
        outcome("cpu", "vpa", 1_100.0, 60_000.0, setting="percentile=0.9,margin=0.15"),
        outcome("cpu", "planner", 2_000.0, 900.0, setting="price of risk x 4", **dial),
        outcome("cpu", "vpa", 9_000.0, 10.0, setting="percentile=1,margin=0.15", **dial),
        outcome("memory", "planner", 3_000.0, 1.0, setting="policy", changes_per_day=None),
        outcome("memory", "today", 10_000.0, 4.0, setting="as it is"),
        outcome("memory", "krr-simple", 4_000.0, 0.0, setting="percentile=0.95,margin=0.15", relative_slack=None),
        outcome("memory", "planner", 2_500.0, 8.0, setting="price of risk x 0.2", **dial),
        outcome("memory", "krr-simple", 2_800.0, 12.0, setting="percentile=0.95,margin=0", **dial),
    )


def sample_report(**changes: Any) -> BacktestReport:
    """Two folds of a plausible cluster; a container that has no CPU request today is among the worst."""
    content: dict[str, Any] = {
        "cluster": CLUSTER,
        "snapshot_id": "snap-5f3c9a1e7b2d4c60",
        "window": Window(start=START, end=END, step_seconds=300),
        "policy_id": "policy-88aa12bc",
        "currency": "USD",
        "horizon_days": 4,
        "folds": (
            FoldTimes(train_start=START, train_end=_day(7), test_end=_day(11)),
            FoldTimes(train_start=START, train_end=_day(11), test_end=END),
        ),
        "outcomes": sample_outcomes(),
        "worst": (
            container_outcome("cpu", "planner", "checkout"),
            container_outcome("cpu", "today", "checkout", request=2.0, shortage_core_seconds=0.0, short_share=0.0),
            container_outcome("cpu", "planner", "search", shortage_core_seconds=1_234_567.0, short_share=0.0004),
            container_outcome("memory", "planner", "search"),
            container_outcome("memory", "today", "search", request=2.0 * 1024**3, incident_days=0.0),
        ),
        "notes": ("A request is judged as if it were the limit.",),
    }
    return BacktestReport(**(content | changes))


def _day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def hostile_report() -> BacktestReport:
    """What an attacker may write into every text, and rules of any name."""
    target = Target(
        cluster=HOSTILE_TEXT,
        api_version=HOSTILE_TEXT,
        kind=HOSTILE_TEXT,
        namespace="=cmd|'/c calc'!A1",
        name=HOSTILE_TEXT,
        container="日本語の名前" * 20,
    )
    outcomes = tuple(
        o.model_copy(update={"method": f"{HOSTILE_TEXT}{o.method}", "setting": HOSTILE_TEXT})
        if o.method not in ("planner", "today")
        else o.model_copy(update={"setting": f"+{HOSTILE_TEXT}"})
        for o in sample_outcomes()
    )
    return sample_report(
        cluster=HOSTILE_TEXT,
        snapshot_id="=1+1",
        policy_id=HOSTILE_TEXT,
        currency=HOSTILE_TEXT,
        outcomes=outcomes,
        worst=tuple(line.model_copy(update={"target": target}) for line in sample_report().worst[:2]),
        containers=tuple(line.model_copy(update={"target": target}) for line in sample_report().worst),
        notes=(HOSTILE_TEXT,),
    )
