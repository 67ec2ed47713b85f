"""Frontiers of `right_sizing.py` compared, as Markdown tables on stdout."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from right_sizing_methods import POLICY
from right_sizing_sets import GIB

if TYPE_CHECKING:
    from right_sizing import SetResult

Floats = NDArray[np.float64]
DRAWS = 400
FEWEST_JUDGED_INCIDENTS = 30
LEVELS = (0.9, 0.95, 0.98, 0.99)
BASELINES = ("krr-simple", "vpa", "autopilot-window", "fixed")


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """All folds of one resource of a set, summed per series.

    Attributes:
        keys: (method, setting) of each row.
        reserved: (row, series) cores or GiB, sum over folds.
        harm: (row, series) memory: container-days above; CPU: core-seconds of shortage.
        days: (series,) container-days.
        size: (series,) highest use in training.
        p95: (series,) sum over folds of the p95 of use in the days judged.
        fold_slack: row -> mean over series and folds of (request - p95) / request.
    """

    keys: list[tuple[str, str]]
    defaults: dict[str, str]
    reserved: Floats
    harm: Floats
    days: Floats
    size: Floats
    p95: Floats
    fold_slack: dict[tuple[str, str], float]

    def rows(self, method: str) -> list[int]:
        """Positions of all settings of a method."""
        return [i for i, (name, _) in enumerate(self.keys) if name == method]

    def row(self, method: str, setting: str) -> int:
        """Position of one setting."""
        return self.keys.index((method, setting))


def pool(result: "SetResult") -> Pooled:
    """Sum folds per series."""
    unit = GIB if result.resource == "memory" else 1.0
    names = sorted({str(name) for fold in result.folds for name in fold.series})
    place = {name: i for i, name in enumerate(names)}
    where = [np.array([place[str(name)] for name in fold.series]) for fold in result.folds]
    shape = (len(result.judged), len(names))
    reserved, harm = np.zeros(shape), np.zeros(shape)
    days, size, p95 = np.zeros(len(names)), np.zeros(len(names)), np.zeros(len(names))
    for number, fold in enumerate(result.folds):
        np.add.at(days, where[number], result.container_days[number])
        np.maximum.at(size, where[number], np.nanmax(fold.train, axis=1))
        np.add.at(p95, where[number], result.p95[number] / unit)
    slack = {}
    for row, judged in enumerate(result.judged):
        own = []
        for number in range(len(result.folds)):
            bad = judged.incidents[number] if result.resource == "memory" else judged.shortage[number]
            np.add.at(reserved[row], where[number], judged.request[number] / unit)
            np.add.at(harm[row], where[number], bad)
            with np.errstate(divide="ignore", invalid="ignore"):
                own.append(1.0 - result.p95[number] / judged.request[number])
        every = np.concatenate(own)
        known = every[np.isfinite(every)]
        slack[judged.method, judged.setting] = float(np.mean(known)) if len(known) else float("nan")
    keys = [(j.method, j.setting) for j in result.judged]
    defaults = {j.method: j.setting for j in result.judged if j.is_default}
    return Pooled(keys, defaults, reserved, harm, days, size, p95, slack)


def envelope(reserved: Floats, harm: Floats) -> tuple[Floats, Floats]:
    """Settings that no other beats on both axes: reserved ascending, harm descending."""
    order = np.lexsort((harm, reserved))
    best = np.minimum.accumulate(harm[order])
    keep = np.r_[True, best[1:] < best[:-1]]
    return reserved[order][keep], best[keep]


def harm_at(reserved: Floats, harm: Floats, target: float) -> float:
    """Harm of a frontier at an amount reserved; NaN left of it."""
    r, h = envelope(reserved, harm)
    return float(np.interp(target, r, h, left=np.nan))


def reserved_at(reserved: Floats, harm: Floats, target: float, *, log: bool) -> float:
    """Least that a frontier reserves at a harm; NaN where it never gets so low."""
    r, h = envelope(reserved, harm)
    if h[-1] > target:
        return float("nan")
    if log:
        x, wanted = np.log(np.maximum(h[::-1], 1e-9)), np.log(max(target, 1e-9))
        return float(np.exp(np.interp(wanted, x, np.log(r[::-1]))))
    return float(np.interp(target, h[::-1], r[::-1]))


def draws(series: int) -> Floats:
    """(draw, series) how often each series is drawn; the first row is the sample itself."""
    rng = np.random.default_rng(20130802)
    counts = rng.multinomial(series, np.full(series, 1.0 / series), size=DRAWS).astype(np.float64)
    return np.concatenate([np.ones((1, series)), counts])


def interval(values: Floats) -> str:
    """The sample's value with the 5 % and 95 % points of the draws."""
    known = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]):
        return "not reached"
    if not len(known):
        return f"{values[0]:.3f}"
    low, high = np.quantile(known, [0.05, 0.95])
    return f"{values[0]:.3f} ({low:.3f} to {high:.3f})"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table."""
    names = list(header)
    print("\n| " + " | ".join(names) + " |")
    print("| " + " | ".join("---" if i == 0 else "---:" for i in range(len(names))) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def report(results: "list[SetResult]") -> None:
    """Print everything."""
    for result in results:
        pooled = pool(result)
        series = ", ".join(str(len(fold.series)) for fold in result.folds)
        print(f"\n## {result.name}, {result.resource}\n")
        print(f"Series in each fold: {series}.")
        for fold in result.folds:
            print(f"- {fold.label}")
        (_memory if result.resource == "memory" else _cpu)(result, pooled)


def _line(pooled: Pooled, method: str, setting: str, what: str) -> list[str]:
    row = pooled.row(method, setting)
    harm, reserved = pooled.harm[row], pooled.reserved[row]
    largest = np.argsort(-pooled.size, kind="stable")[: max(round(len(harm) / 10), 1)]
    share = harm[largest].sum() / harm.sum() if harm.sum() else float("nan")
    worst = np.sort(harm)[::-1][: max(len(harm) // 100, 1)].sum()
    slack = 1.0 - pooled.p95.sum() / reserved.sum()
    return [
        f"{method} {setting}",
        f"{reserved.sum():,.1f}",
        f"{harm.sum():,.0f}",
        what.format(1.0 - harm.sum() / pooled.days.sum()),
        f"{slack:.3f}",
        f"{pooled.fold_slack[method, setting]:.3f}",
        f"{worst:,.0f}",
        f"{harm[largest].sum():,.0f} ({share:.0%})" if np.isfinite(share) else "0",
    ]


def _memory(result: "SetResult", pooled: Pooled) -> None:
    everyone = [("planner", POLICY), *((m, pooled.defaults[m]) for m in BASELINES)]
    table(
        ("as it comes", "GiB x folds", "OOM days", "days free", "slack", "mean slack", "worst 1 %", "largest tenth"),
        [_line(pooled, method, setting, "{:.2%}") for method, setting in everyone],
    )
    _memory_frontier(pooled)
    _memory_policy(pooled)
    _above_baselines(pooled, log=False)
    _ceilings(pooled)


def _memory_frontier(pooled: Pooled) -> None:
    krr, own, oracle = (
        pooled.row("krr-simple", pooled.defaults["krr-simple"]),
        pooled.rows("planner"),
        pooled.rows("oracle"),
    )
    incidents = pooled.harm[krr].sum()
    note = (
        "" if incidents >= FEWEST_JUDGED_INCIDENTS else f" (fewer than {FEWEST_JUDGED_INCIDENTS}: reported, not judged)"
    )
    weights = draws(len(pooled.days))
    reserved, harm = weights @ pooled.reserved.T, weights @ pooled.harm.T
    same, equal, known, known_equal = (np.full(len(weights), np.nan) for _ in range(4))
    for draw in range(len(weights)):
        target_r, target_h = reserved[draw, krr], harm[draw, krr]
        if target_h > 0:
            same[draw] = harm_at(reserved[draw, own], harm[draw, own], target_r) / target_h
            known[draw] = harm_at(reserved[draw, oracle], harm[draw, oracle], target_r) / target_h
        equal[draw] = reserved_at(reserved[draw, own], harm[draw, own], target_h, log=False) / target_r
        known_equal[draw] = reserved_at(reserved[draw, oracle], harm[draw, oracle], target_h, log=False) / target_r
    print(f"\nAgainst krr-simple: {incidents:.0f} OOM container-days at {pooled.reserved[krr].sum():,.1f} GiB{note}.")
    table(
        ("planner's frontier, 90 % interval", "bar", "found", "oracle"),
        [
            ["OOM days at the same GiB, of krr-simple's", "<= 0.40, upper < 0.70", interval(same), f"{known[0]:.3f}"],
            ["GiB at the same OOM days, of krr-simple's", "<= 0.85", interval(equal), f"{known_equal[0]:.3f}"],
        ],
    )


def _memory_policy(pooled: Pooled) -> None:
    own = pooled.row("planner", POLICY)
    free = 1.0 - pooled.harm[own].sum() / pooled.days.sum()
    wanted = max(free, 0.995) if free >= 0.995 else free
    lines = []
    for method in BASELINES:
        rows = [i for i in pooled.rows(method) if 1.0 - pooled.harm[i].sum() / pooled.days.sum() >= wanted - 1e-12]
        if rows:
            best = min(rows, key=lambda i: pooled.reserved[i].sum())
            ratio = pooled.reserved[own].sum() / pooled.reserved[best].sum()
            lines.append([method, pooled.keys[best][1], f"{pooled.reserved[best].sum():,.1f}", f"{ratio:.3f}"])
        else:
            lines.append([method, "never", "", ""])
    reserves = f"{pooled.reserved[own].sum():,.1f} GiB"
    print(f"\nDefault policy: {free:.2%} of container-days free (bar: >= 99.5 %) at {reserves}.")
    table(("turned up until as free", "setting", "GiB x folds", "planner's share of it"), lines)


def _above_baselines(pooled: Pooled, *, log: bool) -> None:
    """Settings of baselines that lie under the planner's frontier by more than 1 %."""
    own = pooled.rows("planner")
    r, h = pooled.reserved[own].sum(axis=1), pooled.harm[own].sum(axis=1)
    under = []
    for method in BASELINES:
        for row in pooled.rows(method):
            reserved, harm = pooled.reserved[row].sum(), pooled.harm[row].sum()
            ours = reserved_at(r, h, harm, log=log)
            if np.isnan(ours) or reserved < ours / 1.01:
                under.append((method, pooled.keys[row][1], reserved, harm, ours))
    count = sum(len(pooled.rows(method)) for method in BASELINES)
    print(f"\nBaseline settings that reserve over 1 % less than the planner at equal harm: {len(under)} of {count}.")
    if under:
        shown = [
            [f"{m} {s}", f"{a:,.1f}", f"{b:,.0f}", "not reached" if np.isnan(c) else f"{c:,.1f}"]
            for m, s, a, b, c in under[:20]
        ]
        table(("baseline", "reserves", "harm", "planner at that harm"), shown)


def _ceilings(pooled: Pooled) -> None:
    """The planner's setting with default ceilings nearest to what krr-simple reserves."""
    krr = pooled.row("krr-simple", pooled.defaults["krr-simple"])
    kept = [i for i in pooled.rows("planner") if pooled.keys[i][1].endswith("max_incident_days_per_30d=1")]
    near = min(kept, key=lambda i: abs(pooled.reserved[i].sum() - pooled.reserved[krr].sum()))
    print("\nCeilings: the setting with default ceilings that reserves nearest to krr-simple.")
    table(
        ("", "GiB x folds", "OOM days", "days free", "slack", "mean slack", "worst 1 %", "largest tenth"),
        [_line(pooled, *pooled.keys[i], "{:.2%}") for i in (near, krr)],
    )


def _cpu(result: "SetResult", pooled: Pooled) -> None:
    everyone = [("planner", POLICY), *((m, pooled.defaults[m]) for m in BASELINES)]
    table(
        ("as it comes", "cores x folds", "core-seconds short", "", "slack", "mean slack", "worst 1 %", "largest tenth"),
        [_line(pooled, method, setting, "") for method, setting in everyone],
    )
    weights = draws(len(pooled.days))
    reserved, harm = weights @ pooled.reserved.T, weights @ pooled.harm.T
    own, oracle = pooled.rows("planner"), pooled.rows("oracle")
    lines = []
    for method in ("vpa", "autopilot-window", "krr-simple"):
        row = pooled.row(method, pooled.defaults[method])
        ratio = np.array(
            [
                reserved_at(reserved[d, own], harm[d, own], harm[d, row], log=True) / reserved[d, row]
                for d in range(len(weights))
            ]
        )
        bar = "<= 0.92" if result.name == "bitbrains" and method != "krr-simple" else ""
        lines.append([f"cores at the shortage of {method}, of its own", bar, interval(ratio)])
    table(("planner's frontier, 90 % interval", "bar", "found"), lines)
    _quantiles(pooled, reserved, harm, own, oracle)
    _above_baselines(pooled, log=True)


def _quantiles(pooled: Pooled, reserved: Floats, harm: Floats, own: list[int], oracle: list[int]) -> None:
    """Against the same quantile for all, and the share of the way from there to the oracle."""
    lines = []
    for level in LEVELS:
        row = pooled.row("fixed", f"q={level:g},margin=0")
        ratio, best, closed = (np.full(len(reserved), np.nan) for _ in range(3))
        for draw in range(len(reserved)):
            target = harm[draw, row]
            ours = reserved_at(reserved[draw, own], harm[draw, own], target, log=True)
            known = reserved_at(reserved[draw, oracle], harm[draw, oracle], target, log=True)
            ratio[draw], best[draw] = ours / reserved[draw, row], known / reserved[draw, row]
            closed[draw] = (1.0 - ratio[draw]) / (1.0 - best[draw]) if best[draw] < 1.0 else np.nan
        lines.append([f"p{level * 100:g}", interval(ratio), f"{best[0]:.3f}", interval(closed)])
    table(
        (
            "shortage of the fixed quantile",
            "planner's cores, of its own (bar <= 1.005)",
            "oracle",
            "way closed (aim 0.25)",
        ),
        lines,
    )
