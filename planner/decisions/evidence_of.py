"""The evidence beside a recommendation: what was seen, and what is expected now and as proposed."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from planner.decisions.bounds import THROTTLED_SHARE
from planner.decisions.candidates import Candidate
from planner.decisions.changes import ContainerPlan
from planner.decisions.facts import Facts
from planner.domain.pod_request import amount, requested
from planner.domain.workload import Container
from planner.plan.schema import BacktestLine, Confidence, Evidence, Expectation
from planner.snapshot.header import asked_ranges
from planner.snapshot.usage import day_start
from planner.units import human_memory

SECONDS_PER_DAY = 86_400.0
DAYS = 30.0
SPREAD_WORTH_TELLING = 2.0
SETTLED_DAYS = 7.0
"""After so long an image counts as known."""


@dataclass(slots=True)
class Expected:
    """(change,) expected incidents now and as proposed; NaN where the resource does not change."""

    cpu_now: NDArray[np.float64]
    cpu_proposed: NDArray[np.float64]
    memory_now: NDArray[np.float64]
    memory_proposed: NDArray[np.float64]


def expected_incidents(
    facts: Facts, changes: list[ContainerPlan], items: list[Candidate], level: NDArray[np.float64]
) -> Expected:
    """Evaluate the risk curves at today's and at the proposed values.

    CPU waits above the *request* (its neighbours may take the rest); memory is killed above the *limit*,
    or above the request where there is no limit (the node then evicts it first). ``level`` (candidate,) is the
    quantile at which each CPU request is decided.
    """
    nothing = np.full(len(changes), np.nan)
    result = Expected(nothing.copy(), nothing.copy(), nothing.copy(), nothing.copy())
    cpu = [i for i, change in enumerate(changes) if "cpu" in change.items]
    if cpu:
        own = [changes[i].items["cpu"] for i in cpu]
        rows = np.array([items[i].history_row for i in own])
        pods = np.array([facts.billed_pods(changes[i].workload_row, changes[i].before.name) for i in cpu])
        points = np.array([[requested(changes[i].before, "cpu"), requested(changes[i].after, "cpu")] for i in cpu])
        shortage = facts.risk.cpu_shortage(rows, level[own], points) * pods[:, None] * SECONDS_PER_DAY
        result.cpu_now[cpu], result.cpu_proposed[cpu] = shortage[:, 0], shortage[:, 1]
    memory = [i for i, change in enumerate(changes) if "memory" in change.items]
    if memory:
        rows = np.array([items[changes[i].items["memory"]].history_row for i in memory])
        sides = ("before", "after")
        sizes = np.array([[allowed_memory(getattr(changes[i], side)) for side in sides] for i in memory])
        chance = np.nan_to_num(facts.risk.memory.take(rows).chance(sizes)) * DAYS  # no limit and no request: 0
        result.memory_now[memory], result.memory_proposed[memory] = chance[:, 0], chance[:, 1]
    return result


def window_evidence(facts: Facts, *, samples: int, pods: int, confidence: Confidence, note: str) -> Evidence:
    """The evidence of what is decided from objects and pods over the window, not from one container's usage.

    Coverage is the share of the window for which the sources were asked.
    """
    header = facts.snapshot.header
    length = max(header.end - header.start, 1.0)
    asked = sum(max(0.0, min(b, header.end) - max(a, header.start)) for a, b in asked_ranges(header))
    return Evidence(
        first=datetime.fromtimestamp(header.start, tz=UTC),
        last=datetime.fromtimestamp(header.end, tz=UTC),
        days=round(length / SECONDS_PER_DAY, 2),
        samples=samples,
        pods=pods,
        coverage=round(min(1.0, asked / length), 4),
        confidence=confidence,
        notes=(note,),
    )


def allowed_memory(container: Container) -> float:
    """Bytes that a container may have before it fails: its limit, else its request; NaN = neither is set."""
    limit = amount(container.limits, "memory")
    if limit is not None:
        return limit
    request = amount(container.requests, "memory")
    return np.nan if request is None else request


def evidence(
    facts: Facts,
    change: ContainerPlan,
    position: int,
    items: list[Candidate],
    expected: Expected,
    backtest: BacktestLine | None,
) -> Evidence:
    """Everything that one recommendation rests on."""
    own = {resource: items[i] for resource, i in change.items.items()}
    any_item = next(iter(own.values()))
    histories = {"cpu": facts.history.cpu, "memory": facts.history.memory}
    row = any_item.history_row
    step = facts.snapshot.header.step_seconds
    origin = day_start(facts.history.days[0])
    first = min(histories[r].first_step[row] for r in own)
    last = max(histories[r].last_step[row] for r in own)
    coverage = min(item.seen.coverage for item in own.values())
    days = min(item.seen.days for item in own.values())
    return Evidence(
        first=datetime.fromtimestamp(origin + float(first) * step, tz=UTC),
        last=datetime.fromtimestamp(origin + float(last + 1) * step, tz=UTC),
        days=round(days, 2),
        samples=int(sum(item.seen.samples for item in own.values())),
        pods=int(facts.counts.seen[change.workload_row]),
        coverage=round(coverage, 4),
        confidence=_confidence(days, coverage, own, _days_of_image(facts, change)),
        observed=_observed(facts, own),
        expected_incidents=_expectations(change, position, expected),
        backtest=backtest,
        notes=(*_notes(facts, own), *_image_note(facts, change)),
    )


def _days_of_image(facts: Facts, change: ContainerPlan) -> float:
    """Days since the container runs its image; inf = it never ran another one."""
    since = facts.image_since.get((change.workload_row, change.before.name))
    return np.inf if since is None else max(facts.snapshot.header.end - since, 0.0) / SECONDS_PER_DAY


def _image_note(facts: Facts, change: ContainerPlan) -> tuple[str, ...]:
    days = _days_of_image(facts, change)
    if days >= SETTLED_DAYS:
        return ()
    return (f"runs another image since {days:.1f} days: what was seen before may not hold",)


def _confidence(days: float, coverage: float, own: dict[str, Candidate], days_of_image: float) -> Confidence:
    """High needs two whole weeks nearly without gaps; less than a week is low, as is anything cut off by a limit.

    A new image counts as less history: under a day low, under a week medium at most.
    """
    censored = any(item.needs.oom_kills or item.needs.throttled > THROTTLED_SHARE for item in own.values())
    if days < 7 or coverage < 0.7 or any(item.container.heap_bytes is not None for item in own.values()):
        return Confidence.LOW
    if days_of_image < 1:
        return Confidence.LOW
    if days_of_image < SETTLED_DAYS or any(item.needs.growth_per_day > 0 for item in own.values()):
        return Confidence.MEDIUM
    if days < 14 - 0.01 or coverage < 0.95 or censored:
        return Confidence.MEDIUM
    return Confidence.HIGH


def _observed(facts: Facts, own: dict[str, Candidate]) -> dict[str, float]:
    observed: dict[str, float] = {}
    for resource, item in sorted(own.items()):
        history = facts.history.cpu if resource == "cpu" else facts.history.memory
        name = "cpu_cores" if resource == "cpu" else "memory_bytes"
        row = item.history_row
        for level, value in zip(("p50", "p95", "p99"), history.told()[row], strict=True):
            observed[f"{name}_{level}"] = float(f"{value:.4g}")
        observed[f"{name}_max"] = float(f"{history.highest[row]:.6g}")
    throttled = facts.history.throttled[next(iter(own.values())).history_row]
    if "cpu" in own and np.isfinite(throttled):
        observed["cpu_throttled_ratio"] = round(float(throttled), 4)
    pressure = facts.history.cpu_pressure[next(iter(own.values())).history_row]
    if "cpu" in own and np.isfinite(pressure):
        observed["cpu_pressure_ratio"] = round(float(pressure), 4)
    if "memory" in own:
        observed["oom_kills"] = float(own["memory"].needs.oom_kills)
    return observed


def _expectations(change: ContainerPlan, position: int, expected: Expected) -> tuple[Expectation, ...]:
    result = []
    if "memory" in change.items:
        has_limit = change.after.limits.memory_bytes is not None
        name = "oom_kill_days_per_30_days" if has_limit else "days_over_memory_request_per_30_days"
        result.append(_expectation(name, expected.memory_now[position], expected.memory_proposed[position]))
    if "cpu" in change.items:
        name = "cpu_shortage_core_seconds_per_day"
        result.append(_expectation(name, expected.cpu_now[position], expected.cpu_proposed[position]))
    return tuple(result)


def _expectation(name: str, now: float, proposed: float) -> Expectation:
    return Expectation(
        name=name,
        current=_told(now),
        proposed=_told(proposed),
    )


def _told(value: float) -> float | None:
    """Three digits; below a ten-thousandth the tail's formula says no more than "never seen"."""
    return float(f"{round(value, 4):.3g}") if np.isfinite(value) else None


def _notes(facts: Facts, own: dict[str, Candidate]) -> tuple[str, ...]:
    notes = [note for item in own.values() for note in item.bounds.notes]
    kind = facts.workloads[next(iter(own.values())).workload_row].kind
    for resource, item in sorted(own.items()):
        history = facts.history.cpu if resource == "cpu" else facts.history.memory
        spread = history.pod_peak_spread[item.history_row]
        if np.isfinite(spread) and spread > SPREAD_WORTH_TELLING:
            unlike = " (nodes may differ; one template must fit the largest)" if kind == "DaemonSet" else ""
            notes.append(f"its pods differ: the highest {resource} peak is {spread:.1f} x the median pod's{unlike}")
        if resource == "memory" and item.needs.growth_per_day > 0:
            notes.append(
                f"its daily memory peak grows by {human_memory(item.needs.growth_per_day)} a day: sized for"
                f" {facts.policy.horizon_days} days ahead, and it may be a leak"
            )
        if item.container.resize_restart and resource in item.container.resize_restart:
            notes.append(f"a resize of {resource} restarts the container")
    return tuple(dict.fromkeys(notes))
