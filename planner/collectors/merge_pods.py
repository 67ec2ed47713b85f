"""Pods of both sources in one table, each under its top controller. Vectorised: a window has 300,000 of them."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from planner.collectors.ownership import STATIC_POD, Ownership
from planner.collectors.parts import ObjectRef
from planner.snapshot.tables import POD_COLUMNS, empty_frame

if TYPE_CHECKING:
    import pandas as pd

_TEXTS = [name for name, kind in POD_COLUMNS.items() if kind == "string" and name not in ("cluster", "uid")]
_FILLED_TIMES = ("created", "started", "ready")
"""The end is not among them: a pod that the API shows has the end that the API tells."""
_SEPARATOR = "/"
"""Cannot be part of a namespace, a kind or a name."""


def combine_pods(
    now: "pd.DataFrame | None",
    history: "pd.DataFrame | None",
    *,
    cluster: str,
    window_start: float,
    window_end: float,
    seen_now: Callable[[str], bool],
) -> "pd.DataFrame":
    """One row per pod, joined on uid, else on namespace and name.

    Args:
        now: pods that the API shows; its values win.
        history: pods that Prometheus saw in the window.
        cluster: name of every row.
        window_start: pods that ended before are left out.
        window_end: end of a pod that Prometheus saw last and the API no longer shows.
        seen_now: whether the API showed all pods of a namespace.

    Returns:
        Columns of ``POD_COLUMNS``, still with direct controllers.
    """
    import pandas as pd

    present = _prepared(now)
    past = _prepared(history)
    match = _matches(present, past)
    matched = match >= 0
    partner = past[matched].assign(_row=match[matched]).drop_duplicates("_row").set_index("_row")
    partner = partner.reindex(range(len(present)))
    for name in _TEXTS:
        other = partner[name].fillna("").astype("str")
        present[name] = present[name].where(present[name] != "", other)
    for name in _FILLED_TIMES:
        present[name] = present[name].fillna(partner[name])
    rest = past[~matched].copy()
    whole = rest["namespace"].map({name: seen_now(name) for name in rest["namespace"].unique()}).astype("bool")
    vanished = rest["ended"].isna() & whole
    last = rest["created"].clip(lower=window_end).fillna(window_end)
    rest["ended"] = rest["ended"].where(~vanished, last)
    pods = pd.concat([present, rest], ignore_index=True)
    pods["cluster"] = cluster
    pods = pods[~(pods["ended"] < window_start)].reset_index(drop=True)
    return pods.astype({name: "str" if kind == "string" else "float64" for name, kind in POD_COLUMNS.items()})


def _prepared(frame: "pd.DataFrame | None") -> "pd.DataFrame":
    if frame is None:
        return empty_frame("pods")
    result = frame[list(POD_COLUMNS)].reset_index(drop=True).copy()
    for name, kind in POD_COLUMNS.items():
        result[name] = result[name].fillna("").astype("str") if kind == "string" else result[name].astype("float64")
    return result


def _matches(present: "pd.DataFrame", past: "pd.DataFrame") -> "pd.Series[int]":
    """For each row of the past the row of the present that is the same pod, -1 = none."""
    import pandas as pd

    rows = pd.Series(range(len(present)), index=present.index, dtype="int64")
    with_uid = present["uid"] != ""
    by_uid = pd.Series(rows[with_uid].to_numpy(), index=present.loc[with_uid, "uid"].to_numpy())
    by_uid = by_uid[~by_uid.index.duplicated()]
    match = past["uid"].map(by_uid).fillna(-1).astype("int64")
    if not len(present) or not len(past):
        return match
    by_name = pd.Series(rows.to_numpy(), index=_names(present).to_numpy())
    by_name = by_name[~by_name.index.duplicated()]
    named = _names(past).map(by_name).fillna(-1).astype("int64")
    # A name alone is no proof: the uid of one of the two must be missing, and the lives must overlap.
    there = named.clip(lower=0).to_numpy()
    unknown = (past["uid"] == "") | (present["uid"].take(there).to_numpy() == "")
    earlier = past["ended"].to_numpy() < present["created"].take(there).to_numpy()
    usable = (match < 0) & (named >= 0) & unknown & ~earlier
    return match.where(~usable, named)


def _names(frame: "pd.DataFrame") -> "pd.Series[str]":
    return frame["namespace"] + _SEPARATOR + frame["pod"]


def owners_of(pods: "pd.DataFrame") -> dict[tuple[str, str], ObjectRef]:
    """(namespace, pod) -> direct controller, of pods that have one."""
    owned = pods[(pods["kind"] != "Pod") | (pods["workload"] != pods["pod"])]
    columns = (owned[name] for name in ("namespace", "pod", "kind", "workload"))
    return {(namespace, pod): ObjectRef(kind, name) for namespace, pod, kind, name in zip(*columns, strict=True)}


def fold_into_tops(
    pods: "pd.DataFrame", ownership: Ownership, static_pods: Collection[tuple[str, str]]
) -> "pd.DataFrame":
    """The pods with their top controllers.

    Args:
        pods: rows with direct controllers.
        ownership: finds the tops; asked once per controller.
        static_pods: (namespace, name without the node) of static pods, which kube-state-metrics
            shows as bare pods.
    """
    import numpy as np
    import pandas as pd

    keys = pods["namespace"] + _SEPARATOR + pods["kind"] + _SEPARATOR + pods["workload"]
    codes, uniques = pd.factorize(keys)
    kinds, names = [], []
    for unique in uniques:
        namespace, kind, name = unique.split(_SEPARATOR, 2)
        top = ownership.top(namespace, ObjectRef(kind, name))
        kinds.append(top.kind)
        names.append(top.name)
    result = pods.copy()
    result["kind"] = pd.Series(np.array(kinds, dtype=object)[codes], index=pods.index, dtype="str")
    result["workload"] = pd.Series(np.array(names, dtype=object)[codes], index=pods.index, dtype="str")
    return _folded_static(result, static_pods) if static_pods else result


def _folded_static(pods: "pd.DataFrame", static_pods: Collection[tuple[str, str]]) -> "pd.DataFrame":
    bare = pods.index[(pods["kind"] == "Pod") & (pods["workload"] == pods["pod"]) & (pods["node"] != "")]
    for row in bare:
        namespace, pod, node = pods.loc[row, ["namespace", "pod", "node"]]
        name = str(pod).removesuffix(f"-{node}")
        if (namespace, name) in static_pods:
            pods.loc[row, ["kind", "workload"]] = [STATIC_POD, name]
    return pods
