"""How requests would have done in the days after they were made.

Per container, from its ranked days (:mod:`planner.usage.day_ranks`), all its pods together::

    reserved        request x pod-hours seen                                 core-hours or byte-hours
    incident days   days with a sample above what the container may have      memory
    shortage        sum over samples of (u - r)+ x step                       core-seconds, CPU
    time short      steps with u > r                                          seconds of pods, CPU
    slack           (request - p95 of use) / request                          Autopilot's relative slack, EuroSys 2020
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.usage.day_ranks import DayRanks
from planner.usage.weighted_samples import descending_shares, mean_excess_of, quantiles_of
from planner.usage.window import ResourceName

Floats = NDArray[np.float64]
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Outcome of one set of requests; (series,) float64 unless said otherwise. NaN requests score nothing.

    Attributes:
        request: cores or bytes.
        reserved_hours: core-hours or byte-hours over the pods' time.
        incident_days: days above; 0 for CPU.
        days: days with samples.
        shortage_core_seconds: 0 for memory.
        short_seconds: pod-seconds above the request.
        sample_seconds: pod-seconds with samples.
        p95: of the use in these days.
    """

    request: Floats
    reserved_hours: Floats
    incident_days: Floats
    days: Floats
    shortage_core_seconds: Floats
    short_seconds: Floats
    sample_seconds: Floats
    p95: Floats


def score(
    resource: ResourceName, after: DayRanks, request: Floats, step_seconds: int, allowed: Floats | None = None
) -> Score:
    """Judge requests by the days after them.

    Args:
        resource: ``cpu`` or ``memory``.
        after: the days that judge.
        request: (series,) cores or bytes, NaN = none.
        step_seconds: of a sample.
        allowed: (series,) what each container may have before it fails, such as its limit; ``None`` = the request,
            NaN = no bound.
    """
    values, share, samples = descending_shares(after)
    has = np.isfinite(request) & (samples > 0)
    sized = np.where(has, request, 0.0)
    bound = sized if allowed is None else np.where(np.isnan(allowed), np.inf, allowed)
    seconds = np.where(has, samples * step_seconds, 0.0)
    days = np.where(has, np.isfinite(after.peak).sum(axis=1), 0).astype(np.float64)
    incidents = shortage = short = np.zeros(len(request))
    if resource == "memory":
        with np.errstate(invalid="ignore"):
            incidents = np.where(has, (after.peak > bound[:, None]).sum(axis=1), 0).astype(np.float64)
    else:
        shortage = mean_excess_of(values, share, sized[:, None])[:, 0] * seconds
        short = (share * (values > sized[:, None])).sum(axis=1) * seconds
    return Score(
        request=np.where(has, request, np.nan),
        reserved_hours=sized * seconds / SECONDS_PER_HOUR,
        incident_days=incidents,
        days=days,
        shortage_core_seconds=shortage,
        short_seconds=short,
        sample_seconds=seconds,
        p95=np.where(has, quantiles_of(values, share, np.array([0.95]))[:, 0], np.nan),
    )


def joined(scores: "list[Score]") -> Score:
    """Several periods of the same containers as one; the request is the last that was judged, slack is over all."""

    def total(name: str) -> Floats:
        result: Floats = np.sum([getattr(s, name) for s in scores], axis=0)
        return result

    request = scores[0].request
    for later in scores[1:]:
        request = np.where(np.isfinite(later.request), later.request, request)
    seconds = np.array([s.sample_seconds for s in scores])
    p95 = np.array([np.nan_to_num(s.p95) for s in scores])
    weight = seconds.sum(axis=0)
    mean_p95 = np.divide((p95 * seconds).sum(axis=0), weight, out=np.full(weight.shape, np.nan), where=weight > 0)
    return Score(
        request=request,
        reserved_hours=total("reserved_hours"),
        incident_days=total("incident_days"),
        days=total("days"),
        shortage_core_seconds=total("shortage_core_seconds"),
        short_seconds=total("short_seconds"),
        sample_seconds=total("sample_seconds"),
        p95=mean_p95,
    )


@dataclass(frozen=True, slots=True)
class Totals:
    """A score over all containers.

    Attributes:
        containers: with a request and samples.
        container_days: their days.
        reserved_hours: core-hours, or byte-hours.
        incident_days: container-days above.
        incident_share: of the container-days.
        shortage_core_seconds, short_minutes: of CPU.
        relative_slack: 1 - use at p95 / reserved, over the sums.
        mean_relative_slack: mean over containers of their own (Autopilot's figure).
        worst_1pct: incidents (memory: days; CPU: core-seconds) of the worst hundredth of containers, at least one.
        largest_tenth_share: share of all incidents that the tenth of containers with the largest requests has; NaN
            where there are none.
    """

    containers: int
    container_days: float
    reserved_hours: float
    incident_days: float
    incident_share: float
    shortage_core_seconds: float
    short_minutes: float
    relative_slack: float
    mean_relative_slack: float
    worst_1pct: float
    largest_tenth_share: float


def totals(resource: ResourceName, one: Score, size_of: Floats | None = None) -> Totals:
    """Sum a score up.

    Args:
        resource: ``cpu`` or ``memory``.
        one: the score.
        size_of: (series,) what tells the largest tenth, the same for all methods; ``None`` = the requests.
    """
    has = np.isfinite(one.request)
    bad = one.incident_days if resource == "memory" else one.shortage_core_seconds
    size = np.nan_to_num(one.request if size_of is None else size_of)
    order = np.argsort(-size[has], kind="stable")
    largest = bad[has][order[: max(round(len(order) / 10), 1)]].sum() if has.any() else 0.0
    worst = np.sort(bad[has])[::-1][: max(int(has.sum()) // 100, 1)].sum() if has.any() else 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        slack = 1.0 - one.p95 / one.request
    slack = slack[np.isfinite(slack)]
    use = np.nansum(one.p95 * one.sample_seconds) / SECONDS_PER_HOUR
    reserved = float(one.reserved_hours.sum())
    days = float(one.days.sum())
    return Totals(
        containers=int(has.sum()),
        container_days=days,
        reserved_hours=reserved,
        incident_days=float(one.incident_days.sum()),
        incident_share=float(one.incident_days.sum()) / days if days else 0.0,
        shortage_core_seconds=float(one.shortage_core_seconds.sum()),
        short_minutes=float(one.short_seconds.sum()) / 60.0,
        relative_slack=1.0 - float(use) / reserved if reserved else float("nan"),
        mean_relative_slack=float(np.mean(slack)) if len(slack) else float("nan"),
        worst_1pct=float(worst),
        largest_tenth_share=float(largest / bad[has].sum()) if bad[has].sum() > 0 else float("nan"),
    )
