"""The data sets of `right_sizing.py`: read, put on a grid of 5 minutes, cut into fixed folds.

Series there are virtual machines, servers, jobs and pools: stand-ins for containers. A set that is in per cent counts
1 % as 0.1 core or 0.1 GiB. Any folder with files of the same names and columns can be read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STEP = 300
DAY = 86_400
PER_DAY = DAY // STEP
KIB, GIB = 1024, 2**30
PERCENT_CORES, PERCENT_BYTES = 0.1, 0.1 * GIB
LEAST_COVERAGE = 0.5
"""A series counts in a fold if it has samples for this share of both parts."""
FEWEST_SERIES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One (train, next) pair of a set.

    Attributes:
        label: dates or days of both parts.
        series: (series,) names.
        train, test: (series, step) float32, NaN = no sample; cores or bytes.
    """

    label: str
    series: NDArray[np.object_]
    train: NDArray[np.float32]
    test: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the days of a piece of a set are cut: train, test, and by how much the next fold starts later."""

    train_days: int
    test_days: int
    least_test_days: int = 3


@dataclass(frozen=True, slots=True)
class Set:
    """A set: its file, columns, pieces and folds.

    Attributes:
        name: of the set.
        file: below the folder.
        key: columns that make a series.
        values: resource -> (column, factor to cores or bytes).
        plan: the cut.
        epoch: whether ``ts`` is since 1970, so that folds can be told by dates.
        pieces: times [start, end) that are cut one by one; empty = the whole.
        piece_column: a column whose values are pieces with a time of their own.
    """

    name: str
    file: str
    key: tuple[str, ...]
    values: dict[str, tuple[str, float]]
    plan: Plan
    epoch: bool = False
    pieces: tuple[tuple[str, str], ...] = ()
    piece_column: str = ""


SETS = (
    Set(
        "bitbrains",
        "bitbrains_rnd_vm_5min.parquet",
        ("vm",),
        {"memory": ("mem_kib", KIB), "cpu": ("cpu_mcores", 1e-3)},
        Plan(14, 7),
        epoch=True,
        # All series have a hole of a day on 30 August: folds stay inside a month.
        pieces=(("2013-08-02", "2013-08-30"), ("2013-09-01", "2013-09-29")),
    ),
    Set(
        "borg",
        "borg2011_jobs_5min.parquet",
        ("job",),
        {"memory": ("mem_pct", PERCENT_BYTES), "cpu": ("cpu_pct", PERCENT_CORES)},
        Plan(6, 2, 2),
    ),
    Set(
        "azure",
        "azure2017_vm_cpu_5min.parquet",
        ("vm",),
        {"cpu": ("cpu_avg_pct_x100", PERCENT_CORES / 100)},
        Plan(14, 7),
    ),
    Set(
        "jumpstarter",
        "jumpstarter_servers_5min.parquet",
        ("group", "server"),
        {"cpu": ("cpu_pct_x100", PERCENT_CORES / 100)},
        Plan(14, 7),
        piece_column="segment",
    ),
    Set(
        "cloudcluster",
        "cloudcluster2024_pools_5min.parquet",
        ("pool",),
        {"memory": ("mem_max", GIB), "cpu": ("cpu_mean", 1.0)},
        Plan(14, 7),
        epoch=True,
    ),
    Set(
        "alibaba2018",
        "alibaba2018_machines_60s.parquet",
        ("machine",),
        {"memory": ("mem_util_percent", PERCENT_BYTES), "cpu": ("cpu_util_percent", PERCENT_CORES)},
        Plan(5, 2, 2),
    ),
)


def folds_of(folder: Path, described: Set, resource: str) -> list[Fold]:
    """All folds of one resource of a set; empty where the file or enough series are missing."""
    import pandas as pd

    path = folder / described.file
    if not path.exists():
        return []
    column, factor = described.values[resource]
    wanted = [*described.key, "ts", column, *([described.piece_column] if described.piece_column else [])]
    frame = pd.read_parquet(path, columns=wanted).dropna(subset=[column])
    frame["series"] = _names(frame, described.key)
    frame["value"] = frame[column].astype("float64") * factor
    how = "max" if resource == "memory" else "mean"
    folds: list[Fold] = []
    for piece, label in _pieces(frame, described):
        names, values, start = _grid(piece, how, described.epoch)
        folds += _cut(names, values, start, described, label)
    return folds


def _names(frame: "pd.DataFrame", key: tuple[str, ...]) -> "pd.Series":  # noqa: F821
    """One name per row, made once per series."""
    groups = frame.groupby(list(key), sort=True, observed=True)
    number = groups.ngroup()
    first = frame.assign(number=number).drop_duplicates("number")
    names = {row[-1]: "/".join(map(str, row[:-1])) for row in first[[*key, "number"]].itertuples(index=False)}
    return number.map(names).astype("category")


def _pieces(frame: "pd.DataFrame", described: Set) -> Iterator[tuple["pd.DataFrame", str]]:  # noqa: F821
    if described.piece_column:
        for name, part in frame.groupby(described.piece_column, sort=True):
            yield part, f"{name} "
        return
    found = False
    for start, end in described.pieces:
        first, after = (np.datetime64(day, "s").astype(np.int64) for day in (start, end))
        part = frame[(frame["ts"] >= first) & (frame["ts"] < after)]
        if len(part):
            found = True
            yield part, ""
    if not found:
        yield frame, ""


def _grid(frame: "pd.DataFrame", how: str, epoch: bool) -> tuple[NDArray[np.object_], NDArray[np.float32], float]:  # noqa: F821
    """(series, step) values from the start of the first day; several samples of a step are one."""
    import pandas as pd

    first = float(frame["ts"].min())
    start = first - first % DAY if epoch else first
    step = ((frame["ts"] - start) // STEP).astype(int)
    one = frame.assign(step=step).groupby(["series", "step"], sort=True, observed=True)["value"].agg(how)
    names = np.array(sorted(frame["series"].unique()), dtype=object)
    days = -(-(int(step.max()) + 1) // PER_DAY)
    values = np.full((len(names), days * PER_DAY), np.nan, dtype=np.float32)
    rows = pd.Index(names).get_indexer(one.index.get_level_values("series"))
    values[rows, one.index.get_level_values("step")] = one.to_numpy()
    return names, values, start


def _cut(
    names: NDArray[np.object_], values: NDArray[np.float32], start: float, described: Set, label: str
) -> list[Fold]:
    plan, days = described.plan, values.shape[1] // PER_DAY
    tell: Callable[[int], str] = lambda day: f"day {day}"  # noqa: E731
    if described.epoch:
        tell = lambda day: str(np.datetime64(int(start + day * DAY), "s"))[:10]  # noqa: E731
    folds = []
    for first in range(0, days, plan.test_days):
        cut, after = first + plan.train_days, min(first + plan.train_days + plan.test_days, days)
        if after - cut < plan.least_test_days:
            break
        train, test = values[:, first * PER_DAY : cut * PER_DAY], values[:, cut * PER_DAY : after * PER_DAY]
        usable = (np.isfinite(train).mean(axis=1) > LEAST_COVERAGE) & (np.isfinite(test).mean(axis=1) > LEAST_COVERAGE)
        usable &= np.nanmax(np.where(np.isfinite(train), train, 0.0), axis=1) > 0
        if usable.sum() < FEWEST_SERIES:
            continue
        text = f"{label}{tell(first)} to {tell(cut)}, judged to {tell(after)}"
        folds.append(Fold(text, names[usable], train[usable], test[usable]))
    return folds
