"""Who bears which risk, now and under the plan: the lines that every report shows."""

import numpy as np
from numpy.typing import NDArray

from planner.decisions.candidates import Candidate
from planner.decisions.evidence_of import allowed_memory
from planner.decisions.facts import Facts
from planner.decisions.risk_terms import DAYS
from planner.decisions.sizing import Sizing
from planner.domain.pod_request import PlannedWorkload, requested
from planner.domain.workload import Container
from planner.plan.schema import BudgetUse, RiskSummary

Floats = NDArray[np.float64]
SECONDS_PER_DAY = 86_400.0


def risk_summary(facts: Facts, items: list[Candidate], sizing: Sizing, planned: list[PlannedWorkload]) -> RiskSummary:
    """Expected incidents over all candidates, with those values that the plan leaves as they are."""
    after = {(row, c.name): c for row, workload in enumerate(planned) for c in workload.containers}
    memory = [item for item in items if item.resource == "memory"]
    cpu = [i for i, item in enumerate(items) if item.resource == "cpu"]
    now, then, size = _memory_days(facts, memory, after)
    short_now, short_then = _cpu_shortage(facts, items, cpu, sizing.level, after)
    worst = np.sort(then)[::-1][: max(len(then) // 100, 1)]
    largest = then[np.argsort(-size, kind="stable")[: max(round(len(size) / 10), 1)]]
    return RiskSummary(
        oom_kills_per_1000_container_days_now=_told(now.mean() / DAYS * 1000.0 if len(now) else None),
        oom_kills_per_1000_container_days=_told(then.mean() / DAYS * 1000.0 if len(then) else None),
        cpu_shortage_core_seconds_per_day_now=_told(float(short_now.sum()) if cpu else None),
        cpu_shortage_core_seconds_per_day=_told(float(short_then.sum()) if cpu else None),
        worst_1pct_oom_days_per_30_days=_told(float(worst.mean()) if len(then) else None),
        largest_tenth_share_of_oom_days=_told(float(largest.sum() / then.sum()) if then.sum() > 0 else None),
        budgets=_budgets(sizing),
    )


def _memory_days(
    facts: Facts, items: list[Candidate], after: dict[tuple[int, str], Container]
) -> tuple[Floats, Floats, Floats]:
    """(item,) expected days in 30 above what each may have, now and planned; (item,) planned size."""
    rows = np.array([item.history_row for item in items], dtype=np.intp)
    sides = [
        [allowed_memory(item.container), allowed_memory(after[item.workload_row, item.container.name])]
        for item in items
    ]
    sizes = np.array(sides, dtype=np.float64).reshape(len(items), 2)
    chance = np.nan_to_num(facts.risk.memory.take(rows).chance(sizes)) * DAYS
    return chance[:, 0], chance[:, 1], np.nan_to_num(sizes[:, 1], nan=np.inf)


def _cpu_shortage(
    facts: Facts, items: list[Candidate], cpu: list[int], level: Floats, after: dict[tuple[int, str], Container]
) -> tuple[Floats, Floats]:
    """(item,) expected core-seconds a day above the requests, all pods, now and planned."""
    if not cpu:
        return np.empty(0), np.empty(0)
    own = [items[i] for i in cpu]
    requests = np.array(
        [
            [requested(i.container, "cpu"), requested(after[i.workload_row, i.container.name], "cpu")]
            for i in own
        ]
    )  # fmt: skip
    pods = np.array([facts.billed_pods(item.workload_row, item.container.name) for item in own])
    rows = np.array([item.history_row for item in own], dtype=np.intp)
    shortage = facts.risk.cpu_shortage(rows, level[cpu], requests) * pods[:, None] * SECONDS_PER_DAY
    return shortage[:, 0], shortage[:, 1]


def _budgets(sizing: Sizing) -> tuple[BudgetUse, ...]:
    return tuple(
        BudgetUse(
            scope=row.scope,
            resource="cpu" if row.resource == "cpu" else "memory",
            unit=row.unit,
            budget=row.stated,
            expected=float(f"{row.in_stated_unit(float(use)):.4g}"),
            exceeded=bool(excess > 0),
            saving_of_one_more=float(f"{dual:.4g}"),
        )
        for row, use, dual, excess in zip(
            sizing.budget_rows, sizing.budget_use, sizing.budget_dual, sizing.budget_violation, strict=True
        )
    )


def _told(value: float | None) -> float | None:
    return None if value is None else float(f"{round(float(value), 4):.4g}")
