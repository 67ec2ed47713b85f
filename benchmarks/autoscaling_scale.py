"""Speed of replays, audit of the screening, and the choice for a fleet."""

import time
from pathlib import Path

import numpy as np
from autoscaling_traces import POD_M, load

from planner.decisions.autoscaling.candidates import Limits, seed_settings
from planner.decisions.autoscaling.decide import ServiceLevel, Workload, decide
from planner.evidence.autoscaling.chain import LatencyChain
from solvers.choice import ChoiceProblem, SharedLimit, choose

CHAIN = LatencyChain()
HOLD_STEPS = 20
VALUES = 14 * 288


def print_scale(data: Path) -> None:
    """All three."""
    print_speed(1000, 40)
    print_audit(data, 50)
    print_choice(5000, 30)


def synthetic(workloads: int, seed: int = 1) -> list[np.ndarray]:
    """Two weeks at five minutes: a daily wave, noise, and a burst now and then."""
    rng = np.random.default_rng(seed)
    clock = 2 * np.pi * np.arange(VALUES) / 288
    series = []
    for _ in range(workloads):
        wave = 1 + rng.uniform(0, 0.8) * np.sin(clock + rng.uniform(0, 2 * np.pi))
        noise = rng.gamma(20, 1 / 20, VALUES)
        burst = 1 + (rng.random(VALUES) < 0.005) * rng.exponential(1.0, VALUES)
        series.append(rng.lognormal(np.log(8_000), 1.0) * wave * noise * burst)
    return series


def workloads_of(series: list[np.ndarray], candidates: int, level: ServiceLevel) -> list[Workload]:
    """Each with at most ``candidates`` settings."""
    found = []
    for demand in series:
        seeds = seed_settings(demand, Limits(POD_M, POD_M), CHAIN, HOLD_STEPS, extra_percents=range(30, 91, 10))
        keep = np.linspace(0, len(seeds) - 1, min(candidates, len(seeds))).astype(int)
        found.append(Workload(demand, [seeds[place] for place in keep], CHAIN, level))
    return found


def print_speed(workloads: int, candidates: int) -> None:
    """Choose for a fleet."""
    began = time.process_time()
    problems = workloads_of(synthetic(workloads), candidates, ServiceLevel(300.0))
    seeded = time.process_time() - began
    decisions = decide(problems, HOLD_STEPS)
    total = time.process_time() - began
    replays = sum(one.replays for one in decisions)
    tried = sum(len(one.settings) for one in problems)
    print(
        f"\nspeed: {workloads} workloads, {tried} candidates, 14 days at 15 s: {total:.0f} CPU s "
        f"(seeding {seeded:.0f}); {replays} closed-loop replays; {sum(d.keeps_level for d in decisions)} keep the level"
    )


def print_audit(data: Path, workloads: int) -> None:
    """Replay every candidate and see what screening missed; public traces, fifty of one shape."""
    folds, _ = load(data, "servegen_llm_rates_10min")
    series = [np.repeat(np.nan_to_num(fold.first), 2) for fold in folds if fold.is_judged and fold.step_seconds == 600]
    series = series[:: max(1, len(series) // workloads)][:workloads]
    for seconds in (60.0, 300.0, 900.0):
        problems = workloads_of(series, 40, ServiceLevel(seconds))
        screened = decide(problems, HOLD_STEPS)
        everything = decide(problems, HOLD_STEPS, per_round=10**9, rounds=1)
        gaps = []
        for ours, best in zip(screened, everything, strict=True):
            if best.keeps_level:
                found = ours.replica_hours[ours.place] if ours.keeps_level else np.inf
                gaps.append(found / best.replica_hours[best.place] - 1.0)
        missed = sum(gap > 0.01 for gap in gaps)
        print(
            f"audit: {seconds:.0f} s a day allowed: {len(gaps)} of {len(problems)} workloads can keep it; "
            f"{missed} found more than 1 % dearer (worst {max(gaps, default=0):.1%}); "
            f"{sum(one.replays for one in screened)} of {sum(one.replays for one in everything)} replays"
        )


def print_choice(items: int, options: int) -> None:
    """One option per workload under namespace budgets, a pool and a shared service level."""
    rng = np.random.default_rng(1)
    size = rng.lognormal(0, 1.2, (items, 1))
    hot = np.sort(rng.uniform(0, 1, (items, options)), axis=1)
    cost = size * (1 + 2 * hot + 0.2 * rng.random((items, options)))
    peak = cost * rng.uniform(1, 3, (items, 1)) * rng.uniform(0.8, 1.2, (items, options))
    lost = rng.exponential(20, (items, 1)) * (1 - hot) ** 2 * rng.uniform(0.7, 1.3, (items, options))
    cheapest, every = cost.argmin(axis=1), np.arange(items)
    limits = [
        SharedLimit("slo", every, lost, 0.4 * lost[every, cheapest].sum()),
        SharedLimit("pool", every, peak, 1.35 * peak[every, cheapest].sum()),
    ]
    for number in range(60):
        members = every[number::60]
        room = (1.05, 1.15, 1.4)[number % 3]
        limits.append(
            SharedLimit(f"namespace[{number}]", members, peak[members], room * peak[members, cheapest[members]].sum())
        )
    problem = ChoiceProblem(cost, limits)
    began = time.process_time()
    answer = choose(problem)
    spent = time.process_time() - began
    print(
        f"choice: {items} workloads x {options} options, {len(limits)} limits: {spent:.1f} CPU s, "
        f"{answer.status}, gap {answer.gap:.4%}, {int((answer.prices > 0).sum())} limits bind"
    )
