"""Replay recommendations over the folds of a history: train on what lay before, judge by what came after."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.evidence.folds import Fold
from planner.evidence.score import Score, Totals, joined, score, totals
from planner.evidence.sizer import Sizer
from planner.usage.day_ranks import DayRanks
from planner.usage.window import ResourceName

Floats = NDArray[np.float64]
CHANGE_WORTH_MAKING = 0.1
"""Relative difference to the request before that counts as a change."""


@dataclass(frozen=True, slots=True, eq=False)
class MethodResult:
    """One rule at one setting of its dial, over all folds.

    Attributes:
        method, setting: the rule and its dial.
        folds: scores fold by fold.
        whole: all folds as one period.
        totals: over all containers.
        changes_per_day: changes of requests a container and day; NaN with less than two folds.
    """

    method: str
    setting: str
    folds: tuple[Score, ...]
    whole: Score
    totals: Totals
    changes_per_day: float


def backtest(
    resource: ResourceName,
    ranks: DayRanks,
    sizers: Sequence[Sizer],
    folds: Sequence[Fold],
    step_seconds: int,
    allowed: "dict[tuple[str, str], Floats] | None" = None,
) -> list[MethodResult]:
    """Run rules over folds.

    Args:
        resource: ``cpu`` or ``memory``.
        ranks: the history of the containers.
        sizers: the rules.
        folds: at least one.
        step_seconds: of a sample.
        allowed: (method, setting) -> (series,) what containers may have before they fail, where it is not the request.

    Returns:
        One result per rule, in their order.
    """
    size_of = np.fmax.reduce(ranks.peak, axis=1).astype(np.float64)
    results = []
    for sizer in sizers:
        own = (allowed or {}).get((sizer.method, sizer.setting))
        scores = []
        for fold in folds:
            window = ranks.between(fold.first, fold.cut).window(resource, step_seconds)
            after = ranks.between(fold.cut, fold.after)
            scores.append(score(resource, after, sizer.size(window), step_seconds, own))
        whole = joined(scores)
        results.append(
            MethodResult(
                method=sizer.method,
                setting=sizer.setting,
                folds=tuple(scores),
                whole=whole,
                totals=totals(resource, whole, size_of),
                changes_per_day=_changes_per_day(scores, folds),
            )
        )
    return results


def _changes_per_day(scores: Sequence[Score], folds: Sequence[Fold]) -> float:
    if len(scores) < 2:
        return float("nan")
    changes, container_days = 0.0, 0.0
    for before, now, fold in zip(scores, scores[1:], folds[1:], strict=False):
        both = np.isfinite(before.request) & np.isfinite(now.request)
        moved = np.abs(now.request[both] - before.request[both]) > CHANGE_WORTH_MAKING * before.request[both]
        changes += float(moved.sum())
        container_days += float(both.sum()) * fold.test_days
    return changes / container_days if container_days else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """The rule that keeps given requests, such as today's."""

    request: Floats
    method: str = "today"
    setting: str = "as it is"

    def size(self, window: object) -> Floats:
        """(series,) the same whatever was seen."""
        return self.request
