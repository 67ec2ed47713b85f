"""Right-sizing on public usage series: what the planner and its baselines reserve, and what happens after.

Example::

    python benchmarks/right_sizing.py --data DIR --json rows.json --decisions decisions.json --plots docs/images

``DIR`` holds the sets described in `right_sizing_sets.py`. Every fold trains each rule on its first part and judges the
requests by the raw samples of the second, which no rule has seen. Floors are off for all rules. Series are stand-ins
for containers.

``--json`` writes ``{set, resource, fold, method, setting, reserved, incident_share, incidents, container_days,
shortage, relative_slack, worst_1pct, largest_tenth_share, changes_per_day}``, one row per fold, method and setting:

* reserved: sum of the requests, cores or GiB;
* incidents: memory: container-days with a sample above the request; CPU: minutes above the request;
* incident_share: of the container-days, of the time;
* shortage: core-seconds above the request (CPU);
* relative_slack: 1 - sum of p95 of use / sum of requests;
* worst_1pct: incidents (CPU: shortage) of the worst hundredth of series; largest_tenth_share: of the largest tenth;
* changes_per_day: requests that change by 10 % or more, a series and day, against the fold before.

``--decisions`` writes ``{set, resource, fold, series, method, setting, request}`` in cores or bytes.

The tables that follow compare frontiers, pooled over the folds of a set, with a bootstrap over series.
"""

import argparse
import json
import resource as process
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from right_sizing_methods import Rule, oracle_requests, rules
from right_sizing_report import report
from right_sizing_sets import GIB, PER_DAY, SETS, STEP, Fold, Set, folds_of

from planner.usage.window import ResourceName, window_of_steps

Floats = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Judged:
    """One rule at one setting on the folds of a set: per fold (series,) arrays.

    Attributes:
        request: cores or bytes.
        incidents: container-days above, or minutes above.
        shortage: core-seconds.
    """

    method: str
    setting: str
    is_default: bool
    request: list[Floats] = field(default_factory=list)
    incidents: list[Floats] = field(default_factory=list)
    shortage: list[Floats] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class SetResult:
    """All rules on one resource of a set."""

    name: str
    resource: ResourceName
    folds: list[Fold]
    judged: list[Judged]
    container_days: list[Floats]
    p95: list[Floats]


def judge(resource: ResourceName, test: NDArray[np.float32], request: Floats) -> tuple[Floats, Floats]:
    """(series,) incidents and shortage of raw samples."""
    if resource == "memory":
        peaks = np.fmax.reduce(test.reshape(len(test), -1, PER_DAY), axis=2)
        return (peaks > request[:, None]).sum(axis=1).astype(np.float64), np.zeros(len(test))
    over = np.clip(np.nan_to_num(test - request[:, None].astype(np.float32)), 0.0, None)
    return (over > 0).sum(axis=1) * STEP / 60.0, over.sum(axis=1, dtype=np.float64) * STEP


def run_set(folder: Path, described: Set, resource: ResourceName) -> SetResult | None:
    """Run every rule on every fold."""
    folds = folds_of(folder, described, resource)
    if not folds:
        return None
    horizon = described.plan.test_days
    table: dict[tuple[str, str], Judged] = {}

    def note(method: str, setting: str, is_default: bool, fold: Fold, request: Floats) -> None:
        judged = table.setdefault((method, setting), Judged(method, setting, is_default))
        incidents, shortage = judge(resource, fold.test, request)
        judged.request.append(request)
        judged.incidents.append(incidents)
        judged.shortage.append(shortage)

    for fold in folds:
        window = window_of_steps(resource, fold.train, STEP)
        each: Rule
        for each in rules(resource, len(fold.series), horizon):
            note(each.sizer.method, each.sizer.setting, each.is_default, fold, each.sizer.size(window))
        for setting, request in oracle_requests(resource, fold.test, PER_DAY):
            note("oracle", setting, False, fold, request)
    days = [
        np.isfinite(np.fmax.reduce(f.test.reshape(len(f.test), -1, PER_DAY), axis=2)).sum(axis=1).astype(np.float64)
        for f in folds
    ]
    p95 = [np.nanquantile(f.test, 0.95, axis=1).astype(np.float64) for f in folds]
    return SetResult(described.name, resource, folds, list(table.values()), days, p95)


def rows_of(result: SetResult) -> list[dict[str, Any]]:
    """Rows of ``--json``."""
    unit = GIB if result.resource == "memory" else 1.0
    rows = []
    for judged in result.judged:
        for number, fold in enumerate(result.folds):
            request, bad = judged.request[number], judged.incidents[number]
            harm = bad if result.resource == "memory" else judged.shortage[number]
            size = np.nanmax(fold.train, axis=1)
            largest = np.argsort(-size, kind="stable")[: max(round(len(size) / 10), 1)]
            days = float(result.container_days[number].sum())
            minutes = float(np.isfinite(fold.test).sum()) * STEP / 60.0
            total = float(harm.sum())
            rows.append(
                {
                    "set": result.name,
                    "resource": result.resource,
                    "fold": fold.label,
                    "method": judged.method,
                    "setting": judged.setting,
                    "reserved": round(float(request.sum()) / unit, 4),
                    "incident_share": float(bad.sum()) / (days if result.resource == "memory" else minutes),
                    "incidents": float(bad.sum()),
                    "container_days": days,
                    "shortage": round(float(judged.shortage[number].sum()), 1),
                    "relative_slack": round(1.0 - float(result.p95[number].sum()) / max(float(request.sum()), 1e-9), 4),
                    "worst_1pct": round(float(np.sort(harm)[::-1][: max(len(harm) // 100, 1)].sum()), 2),
                    "largest_tenth_share": round(float(harm[largest].sum()) / total, 4) if total else None,
                    "changes_per_day": _changes(result, judged, number),
                }
            )
    return rows


def _changes(result: SetResult, judged: Judged, number: int) -> float | None:
    if number == 0:
        return None
    before = dict(zip(result.folds[number - 1].series.tolist(), judged.request[number - 1].tolist(), strict=True))
    now = zip(result.folds[number].series.tolist(), judged.request[number].tolist(), strict=True)
    pairs = [(before[name], value) for name, value in now if name in before]
    if not pairs:
        return None
    moved = sum(abs(value - old) > 0.1 * old for old, value in pairs)
    days = result.folds[number].test.shape[1] / PER_DAY
    return round(moved / len(pairs) / days, 5)


def decisions_of(result: SetResult) -> list[dict[str, Any]]:
    """Rows of ``--decisions``."""
    return [
        {
            "set": result.name,
            "resource": result.resource,
            "fold": fold.label,
            "series": str(name),
            "method": judged.method,
            "setting": judged.setting,
            "request": float(f"{value:.9g}"),
        }
        for judged in result.judged
        if judged.method != "oracle"
        for fold, request in zip(result.folds, judged.request, strict=True)
        for name, value in zip(fold.series, request.tolist(), strict=True)
    ]


def growth(sizes: tuple[int, ...], days: int = 28) -> list[dict[str, float]]:
    """CPU seconds of sizing CPU and memory of so many containers, calibration included, on made-up series."""
    from right_sizing_methods import POLICY, planner_settings

    measured = []
    for size in sizes:
        rng = np.random.default_rng(7)
        t = 2 * np.pi * np.arange(days * PER_DAY, dtype=np.float32) / PER_DAY
        seconds = 0.0
        resources: tuple[ResourceName, ...] = ("cpu", "memory")
        for resource in resources:
            level = rng.lognormal(-1, 1.2, size).astype(np.float32)[:, None] * (GIB if resource == "memory" else 1)
            values = rng.gamma(4, 0.25, (size, days * PER_DAY)).astype(np.float32)
            values *= level * (1 + 0.5 * np.sin(t + rng.uniform(0, 6, (size, 1)).astype(np.float32)))
            sizer = next(s for s in planner_settings(resource, size, 7) if s.setting == POLICY)
            began = time.process_time()
            sizer.size(window_of_steps(resource, values, STEP))
            seconds += time.process_time() - began
        peak = process.getrusage(process.RUSAGE_SELF).ru_maxrss / 1024
        measured.append({"containers": size, "days": days, "cpu_seconds": round(seconds, 1), "peak_mb": round(peak)})
        print(f"  {size:>7} containers x {days} days: {seconds:6.1f} CPU s, {peak:,.0f} MB at most so far", flush=True)
    return measured


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the parquet files")
    parser.add_argument("--sets", nargs="*", help="only these sets")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--decisions", type=Path)
    parser.add_argument("--plots", type=Path, help="folder for SVG plots")
    parser.add_argument("--growth", nargs="*", type=int, default=[1000, 3000, 10000], help="sizes; none = leave it out")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="All-NaN")
    results = []
    for described in SETS:
        if options.sets and described.name not in options.sets:
            continue
        for resource in described.values:
            began = time.process_time()
            result = run_set(options.data, described, resource)  # type: ignore[arg-type]
            if result is None:
                print(f"{described.name} {resource}: no fold", file=sys.stderr)
                continue
            print(f"{described.name} {resource}: {time.process_time() - began:.1f} CPU s", file=sys.stderr)
            results.append(result)
    if not results:
        sys.exit(f"no set of {options.data} gave a fold; it should hold files such as {SETS[0].file}")
    if options.json:
        options.json.write_text(json.dumps([row for result in results for row in rows_of(result)], indent=0))
    if options.decisions:
        options.decisions.write_text(json.dumps([row for result in results for row in decisions_of(result)]))
    report(results)
    measured = []
    if options.growth:
        print("\n## Growth: CPU and memory of made-up series, policy setting\n", flush=True)
        measured = growth(tuple(options.growth))
    if options.plots:
        from right_sizing_plots import write_plots

        write_plots(results, measured, options.plots)


if __name__ == "__main__":
    main()
