"""The one line behind each number. Table, YAML comment and dashboard all show these texts."""

import numpy as np

from planner.decisions.candidates import Candidate
from planner.decisions.facts import Facts
from planner.decisions.risk_budgets import FLEET
from planner.decisions.sizing import Sizing
from planner.plan.schema import Detail
from planner.units import human_cpu, human_memory
from solvers.risk import Binding


def request_detail(facts: Facts, item: Candidate, sizing: Sizing, position: int, value: float) -> Detail:
    """Why the request of one resource is what it is."""
    code, text = _binding(facts, item, sizing, position)
    numbers: dict[str, float | int | str | None] = {
        "chosen": float(f"{value:.6g}"),
        "before_rounding": float(f"{sizing.request[position]:.6g}"),
        "floor": float(f"{item.bounds.lower:.6g}"),
        "ceiling": float(f"{item.bounds.upper:.6g}") if np.isfinite(item.bounds.upper) else None,
    }
    if item.resource == "memory" and item.needs.oom_kills:
        numbers["oom_kills"] = item.needs.oom_kills
    return Detail(field=f"requests.{item.resource}", code=code, text=text, numbers=numbers)


def _binding(facts: Facts, item: Candidate, sizing: Sizing, position: int) -> tuple[str, str]:
    binding = sizing.binding[position]
    if binding == Binding.BUDGET and _under_quota(sizing, position):
        return _quota_text(sizing, position)
    if binding == Binding.LOWER and item.bounds.lower_code:
        return item.bounds.lower_code, item.bounds.lower_text
    if binding == Binding.UPPER and item.bounds.upper_code:
        return item.bounds.upper_code, item.bounds.upper_text
    if item.resource == "cpu":
        return _cpu_text(facts, item, sizing, position)
    highest = float(facts.history.memory.highest[item.history_row])
    over = sizing.request[position] / max(highest, 1.0) - 1
    text = f"highest peak {human_memory(highest)} and {over:.0%} over it"
    for row, dual in zip(sizing.budget_rows, sizing.budget_dual, strict=True):
        if dual > 0 and position in row.items:
            return (
                "risk_budget",
                f"{text}; where the {_scope(row.scope)} budget of {row.stated:g} {row.unit} is cheapest",
            )
    return "risk_price", f"{text}; more costs more than the OOM kills it saves"


def _scope(scope: str) -> str:
    return "fleet's" if scope == FLEET else f"namespace {scope}'s"


def _cpu_text(facts: Facts, item: Candidate, sizing: Sizing, position: int) -> tuple[str, str]:
    cpu = facts.history.cpu
    share = cpu.share_covered(item.history_row, float(sizing.request[position]))
    median = float(cpu.told()[item.history_row, 0])
    ratio = item.policy.risk.cpu_shortage_price_ratio
    return (
        "risk_price",
        f"covers {share:.1%} of its samples (median {human_cpu(median)}); "
        f"a missing core-hour is priced {ratio:g} x a spare one",
    )


def _under_quota(sizing: Sizing, position: int) -> bool:
    """Whether a quota that holds it back moved a request, and not a budget of incidents."""
    rows = zip(sizing.quota_rows, sizing.quota_dual, sizing.quota_violation, strict=True)
    return any(position in row.items and (abs(dual) > 0 or violation > 0) for row, dual, violation in rows)


def _quota_text(sizing: Sizing, position: int) -> tuple[str, str]:
    for row, dual, violation in zip(sizing.quota_rows, sizing.quota_dual, sizing.quota_violation, strict=True):
        if position not in row.items or (abs(dual) <= 0 and violation <= 0):
            continue
        show = human_cpu if row.resource == "cpu" else human_memory
        quota = row.name.partition("[")[2].rstrip("]").split("/")[1]
        text = f"ResourceQuota {quota} leaves {show(max(row.room, 0.0))} of {row.resource} for these pods"
        if violation > 0:
            return "quota_too_small", f"{text}, {show(violation)} less than their floors need"
        return "quota", text
    return "quota", "a ResourceQuota of its namespace leaves no more"
