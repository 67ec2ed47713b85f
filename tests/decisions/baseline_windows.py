"""Windows for the tests of the baselines."""

import numpy as np

from planner.usage.window import UsageWindow, window_of_steps

STEP_SECONDS = 10_800
PER_DAY = 8


def window_of(values, resource="cpu", step_seconds=STEP_SECONDS) -> UsageWindow:
    return window_of_steps(resource, np.array(values, dtype=np.float32, ndmin=2), step_seconds)


def weighted(values, weights, resource="cpu", day=None, age_days=None) -> UsageWindow:
    """A window of slots that stand for several samples, all on one day unless said otherwise."""
    values = np.array(values, dtype=np.float32, ndmin=2)
    slots = values.shape[1]
    return UsageWindow(
        resource=resource,
        values=values,
        weights=np.broadcast_to(np.array(weights, dtype=np.float32), values.shape).copy(),
        day=np.zeros(slots, dtype=np.int64) if day is None else np.array(day, dtype=np.int64),
        age_days=np.full(slots, 0.5) if age_days is None else np.array(age_days, dtype=np.float64),
        step_seconds=STEP_SECONDS,
    )


def random_window(seed: int, resource="cpu", series=12, days=10, gaps=0.2) -> UsageWindow:
    """Spiky series of very unlike size, the first sample always there."""
    random = np.random.default_rng(seed)
    size = 10.0 ** random.uniform(-3, 2, size=(series, 1)) * (1.0 if resource == "cpu" else 1e8)
    values = size * random.gamma(0.7, 1.0, size=(series, days * PER_DAY)) + size * 0.01
    absent = random.random(values.shape) < gaps
    absent[:, 0] = False
    return window_of(np.where(absent, np.nan, values), resource)
