"""Public request traces as demand of pods, cut into a part to choose on and a part to judge on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SYNC_SECONDS = 15
BLOCK_DAYS = 14
PODS_AT_P99 = 20
POD_M = 1000

SOURCES = {
    "request_rates_1min": (["trace"], "requests", 60),
    "nab_series": (["series"], "value", 300),
    "servegen_llm_rates_10min": (["model", "client"], "rate_rps", 600),
}


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One trace, one pair of consecutive blocks; demand in millicores, a pod serves `POD_M`."""

    source: str
    trace: str
    step_seconds: int
    first: NDArray[np.float64]
    rest: NDArray[np.float64]

    @property
    def hold_steps(self) -> int:
        """Syncs per value."""
        return self.step_seconds // SYNC_SECONDS

    @property
    def days(self) -> float:
        """Length of both parts."""
        return (self.first.size + self.rest.size) * self.step_seconds / 86_400

    @property
    def is_judged(self) -> bool:
        """Traces under a week are only reported."""
        return self.days >= 7.0

    def halved(self) -> "Fold | None":
        """The first part as a fold of its own, None if one half of it has no demand."""
        middle = self.first.size // 2
        first, rest = self.first[:middle], self.first[middle : 2 * middle]
        if not (first > 0).any() or not np.isfinite(rest).any():
            return None
        return replace(self, first=first, rest=rest)


def load(data: Path, source: str) -> tuple[list[Fold], list[str]]:
    """Folds of a source, and the traces that have none, with the reason."""
    import pandas as pd

    keys, column, step = SOURCES[source]
    frame = pd.read_parquet(data / "usage" / f"{source}.parquet")
    if "kind" in frame:
        frame = frame[frame["kind"] == "demand"]
    if source.startswith("servegen"):
        frame = _without_outages(frame)
    folds: list[Fold] = []
    left_out: list[str] = []
    for key, rows in frame.groupby(keys):
        name = "-".join(str(part) for part in key)
        seconds = rows["ts"].to_numpy()
        trace_step = max(step, int(np.median(np.diff(seconds))) // SYNC_SECONDS * SYNC_SECONDS)
        values = _on_grid(seconds, rows[column].to_numpy(dtype=float), trace_step)
        found = _cut(source, name, trace_step, values)
        folds += found
        if not found:
            left_out.append(f"{name}: no demand in the part to choose on")
    return folds, left_out


def _without_outages(frame):
    """Windows in which every client of a service is zero are missing data (README of the data)."""
    frame = frame.copy()
    total = frame.groupby(["model", "ts"])["rate_rps"].transform("sum")
    frame.loc[total == 0, "rate_rps"] = np.nan
    return frame


def _on_grid(seconds: NDArray, values: NDArray, step: int) -> NDArray[np.float64]:
    """Means per step of a regular grid; NaN = no sample."""
    place = ((seconds - seconds[0]) // step).astype(int)
    known = np.isfinite(values)
    total = np.bincount(place[known], values[known], place[-1] + 1)
    count = np.bincount(place[known], minlength=place[-1] + 1)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _cut(source: str, name: str, step: int, values: NDArray[np.float64]) -> list[Fold]:
    """Each block of two weeks is chosen on, the next one judged on; shorter traces are halved.

    The 99th percentile of the positive values of the part to choose on is the work of `PODS_AT_P99` pods.
    """
    block = BLOCK_DAYS * 86_400 // step
    if values.size < 2 * block:
        block = values.size // 2
    folds = []
    for number in range(values.size // block - 1):
        first = values[number * block : (number + 1) * block]
        rest = values[(number + 1) * block : (number + 2) * block]
        busy = first[first > 0]
        if not busy.size or not np.isfinite(rest).any():
            continue
        scale = PODS_AT_P99 * POD_M / float(np.quantile(busy, 0.99))
        folds.append(Fold(source, f"{name}#{number + 1}", step, first * scale, rest * scale))
    return folds
