"""``backtest_snapshot(snapshot, policy) -> BacktestReport``: the same bytes from the same input."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from planner.config.policy import Policy
from planner.decisions.backtests import PLANNER, TODAY, ResourceBacktest, history_folds, run_backtests
from planner.decisions.baselines.registry import METHODS
from planner.decisions.candidates import Candidate, find_candidates
from planner.decisions.facts import Facts, gather
from planner.decisions.recommend import target_of
from planner.decisions.scope import Scope
from planner.errors import DataTooPoorError
from planner.evidence.backtest import MethodResult
from planner.evidence.folds import fewest_days
from planner.plan.backtest import BacktestReport, ContainerOutcome, FoldTimes, Outcome
from planner.plan.schema import Window
from planner.snapshot.usage import SECONDS_PER_DAY, day_start
from planner.units import GIB

if TYPE_CHECKING:
    from planner.snapshot.read import Snapshot

MOST_WORST = 20
NOTES = (
    "A request is judged as if it were the limit; today's memory by its limit. Limits, quotas and node sizes are"
    " left out: a backtest judges the forecast.",
    "What could not be seen cannot be judged: use was held down by today's limits, and a kill ends a pod's peak.",
    "The planner prices risk by environment and priority: it seeks the least value with risk, not the least shortage.",
)


def backtest_snapshot(
    snapshot: "Snapshot",
    policy: Policy,
    scope: Scope | None = None,
    *,
    methods: Sequence[str] = METHODS,
    frontiers: bool = False,
    per_container: bool = False,
) -> BacktestReport:
    """Backtest every container that the policy lets the planner size.

    Raises:
        DataTooPoorError: there is nothing to size, or the history is too short to hold days back.
    """
    scope = scope or Scope()
    facts = gather(snapshot, policy)
    if facts.workloads and not any(scope.keeps(workload) for workload in facts.workloads):
        raise DataTooPoorError(
            "no workload matches the namespaces and the selector",
            where=str(snapshot.folder),
            fix="`planner recommend -o wide` lists them all",
        )
    items = find_candidates(facts, scope).items
    folds = history_folds(facts)
    if not folds:
        seen, needed = len(facts.history.days), fewest_days(facts.policy.horizon_days)
        raise DataTooPoorError(
            f"{seen} {'day' if seen == 1 else 'days'} of usage, too few to hold some back",
            where=str(snapshot.folder),
            fix=f"a backtest needs {needed}; collect more with --days",
        )
    if not items:
        raise DataTooPoorError("no container can be sized", where=str(snapshot.folder), fix="see `planner recommend`")
    found = run_backtests(facts, items, methods=methods, frontiers=frontiers)
    header = snapshot.header
    starts = [day_start(day) for day in facts.history.days]
    starts.append(starts[-1] + SECONDS_PER_DAY)
    return BacktestReport(
        cluster=header.cluster,
        snapshot_id=header.snapshot_id,
        window=Window(start=_time(header.start), end=_time(header.end), step_seconds=header.step_seconds),
        synthetic=header.synthetic,
        policy_id=f"policy-{policy.digest()[:16]}",
        currency=policy.currency,
        horizon_days=policy.horizon_days,
        folds=tuple(
            FoldTimes(
                train_start=_time(starts[f.first]), train_end=_time(starts[f.cut]), test_end=_time(starts[f.after])
            )
            for f in folds
        ),
        outcomes=tuple(_outcome(part, result) for part in found for result in part.results),
        worst=tuple(line for part in found for line in _worst(facts, items, part)),
        containers=tuple(line for part in found for line in _all(facts, items, part)) if per_container else (),
        notes=NOTES,
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _outcome(part: ResourceBacktest, result: MethodResult) -> Outcome:
    totals = result.totals
    unit = float(GIB) if part.resource == "memory" else 1.0
    value = part.value_per_month(result)
    return Outcome(
        resource=part.resource,
        method=result.method,
        setting=result.setting,
        is_default=(result.method, result.setting) in part.defaults,
        containers=totals.containers,
        container_days=totals.container_days,
        reserved_hours=_short(totals.reserved_hours / unit),
        value_per_month=round(value, 2),
        value_with_risk_per_month=round(value + part.harm_per_month(result), 2),
        incident_days=totals.incident_days,
        incident_share=_short(totals.incident_share),
        shortage_core_seconds=_short(totals.shortage_core_seconds),
        short_minutes=_short(totals.short_minutes),
        relative_slack=_known(totals.relative_slack),
        mean_relative_slack=_known(totals.mean_relative_slack),
        worst_1pct=_short(totals.worst_1pct),
        largest_tenth_share=_known(totals.largest_tenth_share),
        changes_per_day=_known(result.changes_per_day),
    )


def _worst(facts: Facts, items: list[Candidate], part: ResourceBacktest) -> list[ContainerOutcome]:
    own = part.of(PLANNER).whole
    bad = own.incident_days if part.resource == "memory" else own.shortage_core_seconds
    order = [int(i) for i in np.argsort(-bad, kind="stable")[:MOST_WORST] if bad[i] > 0]
    both = (part.of(PLANNER), part.of(TODAY))
    lines = (_line(facts, items, part, result, series) for series in order for result in both)
    return [line for line in lines if line is not None]


def _all(facts: Facts, items: list[Candidate], part: ResourceBacktest) -> list[ContainerOutcome]:
    """Every container under every rule as it comes."""
    defaults = [result for result in part.results if (result.method, result.setting) in part.defaults]
    lines = (_line(facts, items, part, r, series) for series in range(len(part.positions)) for r in defaults)
    return [line for line in lines if line is not None]


def _line(
    facts: Facts, items: list[Candidate], part: ResourceBacktest, result: MethodResult, series: int
) -> ContainerOutcome | None:
    """One container under one rule; ``None`` = it had no request of it."""
    item, one = items[int(part.positions[series])], result.whole
    if not np.isfinite(one.request[series]):
        return None
    return ContainerOutcome(
        target=target_of(facts.workloads[item.workload_row], item.container.name),
        resource=part.resource,
        method=result.method,
        request=_short(float(one.request[series])),
        days=float(one.days[series]),
        incident_days=float(one.incident_days[series]),
        shortage_core_seconds=_short(float(one.shortage_core_seconds[series])),
        short_share=_short(float(one.short_seconds[series] / max(one.sample_seconds[series], 1.0))),
        relative_slack=_known(float(1.0 - one.p95[series] / one.request[series])) if one.request[series] > 0 else None,
    )


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _known(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
