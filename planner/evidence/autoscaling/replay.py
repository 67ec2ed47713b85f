"""The fast replay: every sync of many settings on many demand series, all lanes a step at a time.

It equals `replay_one` at every sync; the pods' model stands there. Two things make it fast. Most
lanes are quiet at most syncs: their usage lies inside the tolerance and they ask for the replicas
they have, which is two comparisons. And what a lane asks for can only change within a metric's
delay and window of a change of its demand or its pods, so it is kept in between. Memory is (series,
value) for the demand and (lane, window) for the recommendations.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from planner.evidence.autoscaling.calculator import MAX_INT32
from planner.evidence.autoscaling.event_log import EventLog
from planner.evidence.autoscaling.fleet import Fleet
from planner.evidence.autoscaling.lanes import Counts, Floats, Lanes, Places
from planner.evidence.autoscaling.ledger import Ledger, Outcome
from planner.evidence.autoscaling.rolling import NOTHING, RollingMax


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Replicas over time in the caller's order of lanes.

    Attributes:
        desired: (step, lane) int32, ``spec.replicas`` after each sync.
        ready: (step, lane) int32, pods that serve the step after it.
    """

    desired: Counts
    ready: Counts


def replay(demand_m: ArrayLike, lanes: Lanes, *, hold_steps: int = 1, replicas: ArrayLike | None = None) -> Outcome:
    """Replay and keep the figures only.

    Args:
        demand_m: (series, value) offered demand in millicores; NaN = no metric.
        lanes: the settings.
        hold_steps: syncs that each value lasts: 20 for demand of five minutes.
        replicas: (lane,) at the start, ready and counted; None = what the first demand asks for.
    """
    return _Replay(demand_m, lanes, hold_steps, replicas).run(None)


def replay_tracks(
    demand_m: ArrayLike, lanes: Lanes, *, hold_steps: int = 1, replicas: ArrayLike | None = None
) -> tuple[Outcome, Tracks]:
    """Replay and keep the replicas of every sync as well; memory is (step, lane)."""
    run = _Replay(demand_m, lanes, hold_steps, replicas)
    shape = (run.steps, lanes.count)
    tracks = Tracks(np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int32))
    return run.run(tracks), tracks


def start_replicas(first_m: Floats, lanes: Lanes) -> Counts:
    """Replicas of lanes that have stood at their first demand for long; see `replay_one.first_replicas`."""
    wanted = np.ceil(np.nan_to_num(first_m) * 100.0 / (lanes.target * lanes.request_m))
    return np.clip(wanted, lanes.minimum, lanes.maximum).astype(np.int32)


class _Replay:
    """State of one run; arrays are (lane,) in sorted order."""

    def __init__(self, demand_m: ArrayLike, lanes: Lanes, hold_steps: int, replicas: ArrayLike | None) -> None:
        demand = np.atleast_2d(np.asarray(demand_m, dtype=np.float64))
        self._demand = np.ascontiguousarray(demand.T)
        self._hold = hold_steps
        self.steps = self._demand.shape[0] * hold_steps
        self._lanes = lanes
        self._has_gaps = bool(np.isnan(demand).any())
        self._offered: Floats = self._demand[0][lanes.series]
        if replicas is None:
            self._replicas: Counts = start_replicas(self._offered, lanes)
        else:
            given = np.asarray(replicas, dtype=np.int32)[lanes.order]
            self._replicas = np.clip(given, lanes.minimum, lanes.maximum)
        self._fleet = Fleet(lanes, self._replicas)
        self._ledger = Ledger(lanes, self._replicas, self.steps)
        self._events = EventLog(lanes)
        self._down = RollingMax(lanes.down_steps)
        # Few lanes have a scale-up window; they are kept aside, sorted by it.
        with_up = np.flatnonzero(lanes.is_up_seeded)
        self._with_up: Places = with_up[np.argsort(lanes.up_steps[with_up], kind="stable")]
        self._up = RollingMax(lanes.up_steps[self._with_up])
        self._low = np.where(self._replicas == lanes.minimum, -np.inf, lanes.low_sum)
        self._high = np.where(self._replicas == lanes.maximum, np.inf, lanes.high_sum)
        self._per_pod: Floats = np.minimum(self._offered / self._fleet.ready, lanes.capacity_m)
        self._history = lanes.delay_steps + lanes.window_steps
        self._seen = np.repeat(self._per_pod[None, :], self._history, axis=0)
        self._demand_seen = np.repeat(self._offered[None, lanes.outside], self._history, axis=0)
        self._over: Places = np.empty(0, dtype=np.int64)
        self._asked: Counts = self._replicas.copy()
        nobody: Places = np.empty(0, dtype=np.int64)
        self._changed: deque[Places] = deque([nobody] * self._history, maxlen=self._history)

    def run(self, tracks: Tracks | None) -> Outcome:
        """Every sync."""
        for step in range(self.steps):
            is_new = step % self._hold == 0
            gained = self._fleet.arrive(step)
            moved, fewer = self._sync(step)
            self._changed.append(np.concatenate([gained, moved]))
            if is_new:
                np.take(self._demand[step // self._hold], self._lanes.series, out=self._offered)
                np.divide(self._offered, self._fleet.ready, out=self._per_pod)
                np.minimum(self._per_pod, self._lanes.capacity_m, out=self._per_pod)
            elif gained.size or fewer.size:
                changed = np.concatenate([gained, fewer])
                per_pod = self._offered[changed] / self._fleet.ready[changed]
                self._per_pod[changed] = np.minimum(per_pod, self._lanes.capacity_m[changed])
            if is_new or gained.size or fewer.size:
                self._over = np.flatnonzero(self._offered > self._fleet.ready * self._lanes.capacity_m)
            if self._over.size:
                idx = self._over
                excess_m = self._offered[idx] - self._fleet.ready[idx] * self._lanes.capacity_m[idx]
                self._ledger.violated(step, idx, excess_m)
            self._seen[step % self._history] = self._per_pod
            self._demand_seen[step % self._history] = self._offered[self._lanes.outside]
            if tracks is not None:
                tracks.desired[step, self._lanes.order] = self._replicas
                tracks.ready[step, self._lanes.order] = self._fleet.ready
        return self._ledger.outcome(self._replicas)

    def _sync(self, step: int) -> tuple[Places, Places]:
        """One sync of all lanes; returns those that were scaled and those whose ready pods became fewer."""
        missing = self._ask(step)
        wanted = self._stabilised(step, self._asked.copy())
        if missing.size:
            wanted[missing] = self._replicas[missing]
        idx = np.flatnonzero(wanted != self._replicas)
        return self._move(step, idx, wanted[idx]) if idx.size else (idx, idx)

    def _ask(self, step: int) -> Places:
        """Bring the raw recommendations up to date; returns the lanes without a metric."""
        delay, hold = self._lanes.delay_steps, self._hold
        last_new = (step - 1 - delay) // hold * hold
        nobody: Places = np.empty(0, dtype=np.int64)
        if step and not self._has_gaps and last_new < max(step - self._history, 0):
            # The demand in the metric's window is that of the sync before: only lanes whose pods changed.
            lanes = np.concatenate(self._changed)
            if lanes.size:
                usage = self._usage_sum(step, lanes)
                self._asked[lanes] = self._replicas[lanes]
                is_out = (usage < self._low[lanes]) | (usage >= self._high[lanes])
                self._asked[lanes[is_out]] = self._proposal(step, lanes[is_out], usage[is_out])
                self._ask_outside(step)
            return nobody
        usage = self._usage_sum(step, slice(None))
        np.copyto(self._asked, self._replicas)
        out = np.flatnonzero((usage < self._low) | (usage >= self._high))
        if out.size:
            self._asked[out] = self._proposal(step, out, usage[out])
        self._ask_outside(step)
        if not self._has_gaps:
            return nobody
        missing = np.flatnonzero(np.isnan(usage))
        self._asked[missing] = NOTHING
        return missing

    def _ask_outside(self, step: int) -> None:
        """Recommendations of the lanes that follow the demand; see `calculator.per_pod_target`."""
        lanes, idx = self._lanes, self._lanes.outside
        if not idx.size:
            return
        total = np.nan_to_num(self._window_sum(self._demand_seen, step, slice(None)))
        demand_m = np.floor_divide(total, float(lanes.window_steps))
        current = self._replicas[idx]
        ratio = demand_m / (lanes.threshold_m[idx] * current)
        keeps = (ratio >= 1.0 - lanes.tolerance_down[idx]) & (ratio <= 1.0 + lanes.tolerance_up[idx])
        wanted = np.minimum(np.ceil(demand_m / lanes.threshold_m[idx]), MAX_INT32)
        self._asked[idx] = np.where(keeps, current, wanted).astype(np.int32)

    def _usage_sum(self, step: int, lanes: Places | slice) -> Floats:
        """Usage per pod summed over the metric's window."""
        return self._window_sum(self._seen, step, lanes)

    def _window_sum(self, ring: Floats, step: int, lanes: Places | slice) -> Floats:
        """Sum over the metric's window, in the order of time."""
        total: Floats = ring[step % self._history][lanes]
        for ahead in range(1, self._lanes.window_steps):
            total = total + ring[(step + ahead) % self._history][lanes]
        return total

    def _proposal(self, step: int, idx: Places, usage_sum: Floats) -> Counts:
        """Raw replicas of lanes outside the tolerance; see `calculator`."""
        lanes = self._lanes
        target, request_m = lanes.target[idx], lanes.request_m[idx]
        usage_m = np.floor_divide(usage_sum, float(lanes.window_steps))
        ratio = np.floor(usage_m * 100.0 / request_m) / target
        current = self._replicas[idx].astype(np.float64)
        counted = self._fleet.counted(step, idx)
        raw = np.ceil(ratio * counted)
        damped = (counted < current) & (ratio > 1.0)
        if damped.any():
            percent = np.floor((counted * usage_m * 100.0)[damped] / (current * request_m)[damped])
            again = percent / target[damped]
            keeps = (again <= 1.0 + lanes.tolerance_up[idx][damped]) | (again < 1.0)
            grown = np.maximum(np.ceil(again * current[damped]), current[damped])
            raw[damped] = np.where(keeps, current[damped], grown)
        return np.minimum(raw, MAX_INT32).astype(np.int32)

    def _stabilised(self, step: int, raw: Counts) -> Counts:
        """Replicas on which both windows agree, between minimum and maximum; overwrites ``raw``."""
        lanes = self._lanes
        logged = raw
        if step == 0:
            logged = np.where(lanes.is_down_seeded, np.maximum(raw, self._replicas), raw)
        down = self._down.push(logged)
        if lanes.legacy_count:
            raw[: lanes.legacy_count] = down[: lanes.legacy_count]
        if self._with_up.size:
            raw[self._with_up] = self._lowest(step, raw[self._with_up])
        np.maximum(raw, self._replicas, out=raw)
        np.minimum(raw, down, out=raw)
        if lanes.legacy_count:
            raw[: lanes.legacy_count] = down[: lanes.legacy_count]
        np.maximum(raw, lanes.minimum, out=raw)
        np.minimum(raw, lanes.maximum, out=raw)
        return raw

    def _lowest(self, step: int, raw: Counts) -> Counts:
        """Lowest recommendation of the scale-up windows, a rolling maximum of negatives."""
        negative = np.where(raw == NOTHING, NOTHING, -raw)
        if step == 0:
            negative = np.maximum(negative, -self._replicas[self._with_up])
        return -self._up.push(negative)

    def _move(self, step: int, idx: Places, wanted: Counts) -> tuple[Places, Places]:
        """Limit the rate, write the scale; returns the lanes scaled and those with fewer ready pods."""
        lanes = self._lanes
        old = self._replicas[idx]
        legacy = np.searchsorted(idx, lanes.legacy_count)
        if legacy:
            limit = np.maximum(2 * old[:legacy], 4)
            wanted[:legacy] = np.maximum(np.minimum(wanted[:legacy], limit), lanes.minimum[idx[:legacy]])
        if legacy < idx.size:
            wanted[legacy:] = self._events.limit(step, idx[legacy:], old[legacy:], wanted[legacy:])
        moved = wanted != old
        idx, old, new = idx[moved], old[moved], wanted[moved]
        if not idx.size:
            return idx, idx
        legacy = np.searchsorted(idx, lanes.legacy_count)
        self._events.store(step, idx[legacy:], (new - old)[legacy:])
        self._ledger.moved(step, idx, old, new)
        self._replicas[idx] = new
        self._low[idx] = np.where(new == lanes.minimum[idx], -np.inf, lanes.low_sum[idx])
        self._high[idx] = np.where(new == lanes.maximum[idx], np.inf, lanes.high_sum[idx])
        return idx, self._fleet.resize(step, idx, old, new)
