"""Restarts and OOM kills of both sources without counting one twice."""

from typing import TYPE_CHECKING

from planner.snapshot.tables import EVENT_COLUMNS, empty_frame

if TYPE_CHECKING:
    import pandas as pd

SAME_EVENT_SECONDS = 600
"""Two sources tell the time of one kill differently: by the container's end, and by the scrape that saw it."""
_WHERE = ["namespace", "pod", "container"]


def merge_events(
    now: "pd.DataFrame | None",
    history: "pd.DataFrame | None",
    *,
    known_pods: "pd.DataFrame | None",
    cluster: str,
    window_start: float,
    window_end: float,
) -> "pd.DataFrame":
    """Events of the window.

    Kills: those of Prometheus, and those of the API that have no kill of the same container within
    ten minutes among them. A restart that Prometheus saw at the time of such a kill is that kill.
    Restarts: those of Prometheus; the API's only for pods that Prometheus does not know, since the
    API tells a total without times.

    Args:
        now: events that the container states of the API tell.
        history: events that Prometheus saw.
        known_pods: pods that Prometheus knows.
        cluster: name of every row.
        window_start: Unix seconds.
        window_end: Unix seconds, exclusive.
    """
    import pandas as pd

    api, past = _prepared(now), _prepared(history)
    if len(api) and len(past):
        kills, old_kills = api[api["kind"] == "oom_kill"], past[past["kind"] == "oom_kill"]
        same = _nearest(kills, old_kills)
        known = same >= 0
        past = _with_limits(past, kills[known], same[known])
        new = kills[~known]
        past = _without_restarts(past, new)
        api = pd.concat([new, api[api["kind"] != "oom_kill"]])
    if known_pods is not None and history is not None and len(api):
        names = pd.MultiIndex.from_frame(api[["namespace", "pod"]])
        watched = names.isin(pd.MultiIndex.from_frame(known_pods[["namespace", "pod"]]))
        api = api[~(watched & (api["kind"] == "restart").to_numpy())]
    events = pd.concat([past, api], ignore_index=True)
    events["cluster"] = cluster
    inside = (events["time"] >= window_start) & (events["time"] < window_end)
    events = events[inside & (events["count"] > 0)].reset_index(drop=True)
    return events.astype({name: "str" if kind == "string" else "float64" for name, kind in EVENT_COLUMNS.items()})


def _prepared(frame: "pd.DataFrame | None") -> "pd.DataFrame":
    if frame is None:
        return empty_frame("events")
    result = frame[list(EVENT_COLUMNS)].dropna(subset=["time"]).reset_index(drop=True)
    return result.astype({name: "str" if kind == "string" else "float64" for name, kind in EVENT_COLUMNS.items()})


def _nearest(events: "pd.DataFrame", others: "pd.DataFrame") -> "pd.Series[int]":
    """For each event the index of the nearest other one of its container within ten minutes, -1 = none."""
    import pandas as pd

    left = events[[*_WHERE, "time"]].assign(_event=events.index).sort_values("time", kind="stable")
    right = others[[*_WHERE, "time"]].assign(_other=others.index).sort_values("time", kind="stable")
    pairs = pd.merge_asof(left, right, on="time", by=_WHERE, direction="nearest", tolerance=SAME_EVENT_SECONDS)
    found = pairs.set_index("_event")["_other"].fillna(-1).astype("int64")
    return found.reindex(events.index)


def _with_limits(past: "pd.DataFrame", kills: "pd.DataFrame", same: "pd.Series[int]") -> "pd.DataFrame":
    """Prometheus' kills with the memory limit that the API knows."""
    limits = kills["memory_limit_bytes"].groupby(same).max()
    result = past.copy()
    result["memory_limit_bytes"] = result["memory_limit_bytes"].fillna(limits.reindex(result.index))
    return result


def _without_restarts(past: "pd.DataFrame", kills: "pd.DataFrame") -> "pd.DataFrame":
    """Prometheus' restarts less those that are kills which only the API names."""
    restarts = past[past["kind"] == "restart"]
    if not len(restarts) or not len(kills):
        return past
    nearest = _nearest(kills, restarts)
    counted = nearest[nearest >= 0].value_counts()
    result = past.copy()
    result["count"] = result["count"] - counted.reindex(result.index).fillna(0.0)
    return result
