"""The setting of each workload: cheapest that keeps its service level in the closed loop.

Screening orders the candidates; the replay decides. After each round of replays the estimates are
corrected by what the replays of the same workload showed, and only candidates that could still be
cheaper than the best one found are replayed in the next.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.decisions.autoscaling.screening import Screened, screen
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.lanes import make_lanes
from planner.evidence.autoscaling.replay import replay
from planner.evidence.autoscaling.setting import Setting

Floats = NDArray[np.float64]

PRIOR_SECONDS = 60.0
"""Added to violations before ratios are taken, since both may be zero."""

SLACK = (2.0, 1.3, 1.0)
"""How far above the budget an estimate may lie for its candidate to be replayed, by round: screening
errs on violations, and less once the replays have corrected it."""


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """What the operator allows: demand above ready capacity.

    Attributes:
        violation_seconds_per_day: on average.
        worst_seconds: without a break.
        halves_seconds_per_day: on average of the first and of the second half of the demand, so that no
            choice lives on one quiet week; None = only the whole counts.
    """

    violation_seconds_per_day: float = 300.0
    worst_seconds: float = math.inf
    halves_seconds_per_day: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """One workload to set: demand (value,) in millicores, its candidates, delays and service level."""

    demand_m: Floats
    settings: Sequence[Setting]
    chain: LatencyChain
    level: ServiceLevel


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The choice for one workload and what its candidates showed.

    Attributes:
        place: of the chosen setting among the candidates.
        keeps_level: False if no replayed candidate keeps the service level; then the one that breaks it least.
        replica_hours, violation_seconds, worst_seconds: (setting,) replayed, NaN = screened out.
        replays: closed-loop replays made.
    """

    place: int
    keeps_level: bool
    replica_hours: Floats
    violation_seconds: Floats
    worst_seconds: Floats
    replays: int


def decide(workloads: Sequence[Workload], hold_steps: int, *, per_round: int = 6, rounds: int = 3) -> list[Decision]:
    """Choose for many workloads whose demand has one step and one length; a round is one replay of all.

    Args:
        workloads: what to set.
        hold_steps: syncs per value of demand.
        per_round: replays per workload and round.
        rounds: most rounds; ``per_round`` of at least the number of candidates replays everything.
    """
    screened: dict[tuple[int, int, LatencyChain], Screened] = {}
    searches = []
    for one in workloads:
        # The same demand and candidates under several service levels are screened once.
        key = id(one.demand_m), id(one.settings), one.chain
        if key not in screened:
            screened[key] = screen(one.demand_m, one.settings, one.chain, hold_steps)
        searches.append(_Search(one, screened[key], hold_steps))
    demand = np.stack([one.demand_m for one in workloads]) if workloads else np.empty((0, 0))
    for round_number in range(rounds):
        picks = [(n, place) for n, one in enumerate(searches) for place in one.pick(round_number, per_round)]
        if not picks:
            break
        lanes = make_lanes(
            [workloads[n].settings[place] for n, place in picks],
            [workloads[n].chain for n, _ in picks],
            [n for n, _ in picks],
        )
        outcome = replay(demand, lanes, hold_steps=hold_steps)
        for lane, (n, place) in enumerate(picks):
            halves = outcome.violation_halves[:, lane]
            searches[n].learn(place, outcome.replica_hours[lane], outcome.worst_seconds[lane], halves)
    return [one.decision() for one in searches]


class _Search:
    """What is known of one workload's candidates."""

    def __init__(self, workload: Workload, estimate: Screened, hold_steps: int) -> None:
        days = workload.demand_m.size * hold_steps * workload.chain.sync_seconds / 86_400.0
        # Rounding of a rate per day must not exclude what stands exactly at the level.
        self._budget = workload.level.violation_seconds_per_day * days + 1e-6
        self._worst_allowed = workload.level.worst_seconds
        self._hours, self._violations = estimate.replica_hours, estimate.violation_seconds
        self._seen = np.full((3, len(workload.settings)), np.nan)
        self._halves = np.full((2, len(workload.settings)), np.nan)
        halves = workload.level.halves_seconds_per_day
        self._half_budgets = None if halves is None else np.array(halves)[:, None] * days / 2.0 + 1e-6
        self._where = np.array([_position(one) for one in workload.settings])

    def pick(self, round_number: int, count: int) -> list[int]:
        """Candidates to replay next, at most ``count``."""
        known = np.isfinite(self._seen[0])
        if count >= known.size:
            return [] if round_number else list(range(known.size))
        hours, violations = self._corrected(known)
        keeps = self._keeps(known)
        best = self._seen[0][keeps].min() if keeps.any() else math.inf
        slack = SLACK[min(round_number, len(SLACK) - 1)]
        open_ = ~known & (hours < best)
        likely = np.flatnonzero(open_ & (violations <= slack * self._budget))
        chosen = likely[np.argsort(hours[likely], kind="stable")][: count if round_number else max(1, count - 2)]
        if chosen.size < count:
            rest = np.setdiff1d(np.flatnonzero(open_), chosen)
            order = np.lexsort((hours[rest], np.maximum(violations[rest] - self._budget / slack, 0.0)))
            chosen = np.concatenate([chosen, rest[order][: count - chosen.size]])
        return [int(place) for place in chosen]

    def learn(self, place: int, hours: float, worst_seconds: float, halves_seconds: Floats) -> None:
        """Note what a replay showed."""
        self._seen[:, place] = hours, halves_seconds.sum(), worst_seconds
        self._halves[:, place] = halves_seconds

    def decision(self) -> Decision:
        """The cheapest that keeps the level, else the one with the fewest seconds of violation."""
        known = np.isfinite(self._seen[0])
        keeps = self._keeps(known)
        if keeps.any():
            order = np.lexsort((self._seen[1], np.where(keeps, self._seen[0], np.inf)))
        else:
            order = np.lexsort((self._seen[0], np.where(known, self._seen[1], np.inf)))
        hours, violations, worst = self._seen
        return Decision(int(order[0]), bool(keeps.any()), hours, violations, worst, int(known.sum()))

    def _keeps(self, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        within = (self._seen[1] <= self._budget) & (self._seen[2] <= self._worst_allowed)
        if self._half_budgets is not None:
            within &= (self._halves <= self._half_budgets).all(axis=0)
        keeps: NDArray[np.bool_] = known & within
        return keeps

    def _corrected(self, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Estimates times the ratio of replay to estimate of the candidates replayed nearby."""
        if not known.any():
            return self._hours, self._violations
        apart = ((self._where[:, None, :] - self._where[known][None, :, :]) ** 2).sum(axis=2)
        weight = 1.0 / (0.05 + apart) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        cost = np.log(self._seen[0][known] / self._hours[known])
        lost = np.log((self._seen[1][known] + PRIOR_SECONDS) / (self._violations[known] + PRIOR_SECONDS))
        violations = (self._violations + PRIOR_SECONDS) * np.exp(weight @ lost) - PRIOR_SECONDS
        return self._hours * np.exp(weight @ cost), violations


def _position(setting: Setting) -> tuple[float, float, float, float]:
    """Where a setting lies among the others: one unit apart is little alike."""
    window = math.log(setting.down_window_seconds + 60.0)
    has_behaviour = 0.0 if setting.behaviour is None else 0.3
    return math.log(setting.target_percent) / 0.3, math.log(setting.minimum) / 0.7, window, has_behaviour
