"""Autoscaler settings of the planner against the usual ones, on public request traces.

Example::

    python benchmarks/autoscaling.py --data DIR --json out.json

Every trace becomes the demand of pods that serve and request one core; its 99th percentile is the
work of 20 pods. For each usual setting (target 50, 60, 70, 80 %, minimum 2, maximum 3 x the peak of
the part to choose on, no ``behavior``) the planner is allowed the violations of that setting on the
first part, in either half of it, chooses target, minimum and window there, and both are replayed on
the rest. Violations are minutes with demand above ready pods. `--scale` adds the figures of speed,
the audit of screening and the choice for a fleet.
"""

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from autoscaling_scale import print_scale
from autoscaling_traces import POD_M, SOURCES, Fold, load

from planner.decisions.autoscaling.candidates import Limits, seed_settings
from planner.decisions.autoscaling.decide import ServiceLevel, Workload, decide
from planner.evidence.autoscaling.chain import LatencyChain
from planner.evidence.autoscaling.lanes import make_lanes
from planner.evidence.autoscaling.replay import replay
from planner.evidence.autoscaling.setting import Setting

POD_STARTS_SECONDS = (45.0, 300.0)
USUAL_TARGETS = (50, 60, 70, 80)
TARGETS_TRIED = tuple(range(20, 91, 2))
TIE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One comparison: a fold, a pod start, a usual setting."""

    fold: Fold
    pod_start_seconds: float
    usual: Setting

    @property
    def chain(self) -> LatencyChain:
        """Delays."""
        return LatencyChain(pod_start_seconds=self.pod_start_seconds)


def _usual(maximum: int) -> list[Setting]:
    return [Setting(target, 2, maximum, POD_M, POD_M) for target in USUAL_TARGETS]


def cases_of(folds: list[Fold]) -> list[Case]:
    """Every comparison of these folds."""
    cases = []
    for fold in folds:
        maximum = max(3, 3 * int(np.ceil(np.nanmax(fold.first) / POD_M)))
        cases += [Case(fold, start, usual) for start in POD_STARTS_SECONDS for usual in _usual(maximum)]
    return cases


def replay_all(cases: list[Case], settings: list[Setting], part: str):
    """Outcome of one setting per case on one part."""
    hold = cases[0].fold.hold_steps
    demand = np.stack([getattr(case.fold, part) for case in cases])
    lanes = make_lanes(settings, [case.chain for case in cases], range(len(cases)))
    return replay(demand, lanes, hold_steps=hold)


def choose(cases: list[Case], margin: float) -> tuple[list[Setting], int, int]:
    """Setting of the planner for each case from its first part; replays made; levels not reached."""
    allowed = replay_all(cases, [case.usual for case in cases], "first").violation_halves * (1.0 - margin)
    seeded: dict[tuple[int, float], list[Setting]] = {}
    workloads = []
    for case, halves in zip(cases, allowed.T, strict=True):
        key = id(case.fold), case.pod_start_seconds
        if key not in seeded:
            # Everybody works under the same maximum, so that it decides nothing here.
            limits = Limits(POD_M, POD_M, floor=2, ceiling=case.usual.maximum, growth=2.0)
            seeded[key] = seed_settings(
                case.fold.first,
                limits,
                case.chain,
                case.fold.hold_steps,
                extra_percents=TARGETS_TRIED,
                most_minimums=6,
            )
            # The usual settings stay candidates: to keep what there is may be the best answer.
            seeded[key] += [one for one in _usual(case.usual.maximum) if one not in seeded[key]]
        days = case.fold.first.size * case.fold.step_seconds / 86_400
        # No more than the usual setting in either half of the first part.
        per_half = (float(halves[0]) * 2 / days, float(halves[1]) * 2 / days)
        level = ServiceLevel(float(halves.sum()) / days, halves_seconds_per_day=per_half)
        workloads.append(Workload(case.fold.first, seeded[key], case.chain, level))
    decisions = decide(workloads, cases[0].fold.hold_steps, per_round=6, rounds=4)
    settings = [
        one.settings[found.place] if found.keeps_level else case.usual
        for case, one, found in zip(cases, workloads, decisions, strict=True)
    ]
    return settings, sum(one.replays for one in decisions), sum(not one.keeps_level for one in decisions)


def rows_of(cases: list[Case], settings: list[Setting], outcome, method: str) -> list[dict]:
    """JSON rows of one method."""
    rows = []
    for lane, (case, setting) in enumerate(zip(cases, settings, strict=True)):
        rows.append({
            "source": case.fold.source,
            "trace": case.fold.trace,
            "pod_start_seconds": case.pod_start_seconds,
            "method": method,
            "setting": ("" if method == "usual" else "as ") + f"target={case.usual.target_percent}",
            "target": setting.target_percent,
            "min": setting.minimum,
            "max": setting.maximum,
            "window_seconds": setting.down_window_seconds,
            "replica_hours": round(float(outcome.replica_hours[lane]), 3),
            "violation_minutes": round(float(outcome.violation_seconds[lane]) / 60, 2),
            "worst_minutes": round(float(outcome.worst_seconds[lane]) / 60, 2),
            "direction_changes_per_day": round(float(outcome.direction_changes_per_day[lane]), 2),
            "days": round(case.fold.days, 2),
        })  # fmt: skip
    return rows


def verdict(ours: dict, usual: dict) -> str:
    """Both axes, ties within 1 % (and a minute) apart."""
    cost = ours["replica_hours"] / max(usual["replica_hours"], 1e-9) - 1.0
    lost = ours["violation_minutes"] - usual["violation_minutes"]
    slack = max(TIE * usual["violation_minutes"], 1.0)
    if cost > TIE and lost > slack:
        return "WORSE ON BOTH"
    if cost < -TIE and lost <= slack:
        return "better"
    if abs(cost) <= TIE and abs(lost) <= slack:
        return "tie"
    if cost <= TIE and lost < -slack:
        return "safer"
    return "cheaper, less safe" if lost > slack else "dearer"


def print_traces(pairs: list[tuple[dict, dict]]) -> None:
    """Every trace."""
    print(f"{'':<28}{'pod':>6} {'':>9} {'planner':>16} {'pod hours':>19} {'violations, min.':>17}")
    print(
        f"{'trace':<28}{'start':>6} {'usual':>9} {'T/min/W':>16} {'planner':>9} {'usual':>9} "
        f"{'planner':>8} {'usual':>8}"
    )
    for ours, usual in pairs:
        setting = f"{ours['target']}/{ours['min']}/{ours['window_seconds']:.0f}"
        note = "" if ours["days"] >= 7 else " (reported only)"
        print(
            f"{ours['trace']:<28}{ours['pod_start_seconds']:>5.0f}s {usual['setting']:>9} {setting:>16} "
            f"{ours['replica_hours']:>9.0f} {usual['replica_hours']:>9.0f} {ours['violation_minutes']:>8.1f} "
            f"{usual['violation_minutes']:>8.1f} {verdict(ours, usual)}{note}"
        )


def print_sums(pairs: list[tuple[dict, dict]]) -> None:
    """Sums per source, pod start and usual setting, of the traces of a week and more."""
    groups = defaultdict(list)
    for ours, usual in pairs:
        if ours["days"] >= 7:
            groups[ours["source"], ours["pod_start_seconds"], usual["setting"]].append((ours, usual))
    print(
        f"\n{'source':<26}{'start':>6} {'usual':>9} {'traces':>6} {'hours':>8} {'violations':>10} {'worse on both':>14}"
    )
    for (source, start, setting), group in sorted(groups.items()):
        hours = sum(ours["replica_hours"] for ours, _ in group) / sum(usual["replica_hours"] for _, usual in group) - 1
        usual_minutes = sum(usual["violation_minutes"] for _, usual in group)
        minutes = sum(ours["violation_minutes"] for ours, _ in group) / max(usual_minutes, 1e-9) - 1
        worse = sum(verdict(*pair) == "WORSE ON BOTH" for pair in group)
        won = "won" if hours < -TIE and minutes <= TIE else "not won"
        print(
            f"{source:<26}{start:>5.0f}s {setting:>9} {len(group):>6} {hours:>+8.1%} {minutes:>+10.1%} "
            f"{worse:>5} ({worse / len(group):.0%}) {won}"
        )


def run(data: Path, source: str, margin: float, *, is_inner: bool) -> tuple[list[dict], list[tuple[dict, dict]]]:
    """All comparisons of a source."""
    folds, left_out = load(data, source)
    if is_inner:
        folds = [inner for fold in folds if (inner := fold.halved()) is not None]
    print(f"\n== {source}: {len(folds)} folds; left out: {'; '.join(left_out) or 'none'}")
    groups = defaultdict(list)
    for fold in folds:
        groups[fold.step_seconds, fold.first.size, fold.rest.size].append(fold)
    rows: list[dict] = []
    pairs: list[tuple[dict, dict]] = []
    for group in groups.values():
        began = time.process_time()
        cases = cases_of(group)
        settings, replays, unreached = choose(cases, margin)
        usual_rows = rows_of(
            cases, [c.usual for c in cases], replay_all(cases, [c.usual for c in cases], "rest"), "usual"
        )
        our_rows = rows_of(cases, settings, replay_all(cases, settings, "rest"), "planner")
        pairs += zip(our_rows, usual_rows, strict=True)
        rows += usual_rows + our_rows
        spent = time.process_time() - began
        print(f"{len(cases)} comparisons, {replays} replays to choose, {unreached} levels unreached, {spent:.0f} CPU s")
    return rows, pairs


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds usage/*.parquet")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--margin", type=float, default=0.0, help="share of the allowed violations kept in reserve")
    parser.add_argument("--inner", action="store_true", help="use the first parts only, halved: to set the margin")
    parser.add_argument("--scale", action="store_true", help="also measure speed, screening and the fleet's choice")
    options = parser.parse_args()
    rows: list[dict] = []
    pairs: list[tuple[dict, dict]] = []
    for source in options.sources:
        new_rows, new_pairs = run(options.data, source, options.margin, is_inner=options.inner)
        rows += new_rows
        pairs += new_pairs
        print_traces(new_pairs)
    print_sums(pairs)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if options.scale:
        print_scale(options.data)


if __name__ == "__main__":
    main()
