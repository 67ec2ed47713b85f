"""Folds of a walk-forward: a training part, and the days right after it that judge what was made of it."""

from dataclasses import dataclass

FEWEST_TRAINING_DAYS = 3


@dataclass(frozen=True, slots=True)
class Fold:
    """Days from ``first`` to before ``cut`` train, days from ``cut`` to before ``after`` judge."""

    first: int
    cut: int
    after: int

    @property
    def test_days(self) -> int:
        """Days that judge."""
        return self.after - self.cut


def walk_forward_folds(days: int, horizon_days: int, most: int = 4) -> tuple[Fold, ...]:
    """Folds of a history, the earliest first; each trains on everything before it.

    The judging parts follow on from each other up to the last day, are as long as the horizon (at most half of
    the history), and leave at least as many days before them, three at the least. A history of less than four days
    has none.

    Args:
        days: of the history.
        horizon_days: that a plan is meant to hold.
        most: folds, the latest ones.
    """
    length = min(horizon_days, days // 2)
    folds: list[Fold] = []
    after = days
    while length > 0 and len(folds) < most and after - length >= max(length, FEWEST_TRAINING_DAYS):
        folds.append(Fold(0, after - length, after))
        after -= length
    return tuple(reversed(folds))
