"""What an earlier collection knew of pods, events and workloads that the server may have forgotten since."""

from dataclasses import replace

from planner.collectors.parts import ObservedState
from planner.snapshot.read import Snapshot


def with_earlier(state: ObservedState, earlier: Snapshot) -> ObservedState:
    """The state with the pods, events and workloads of an earlier snapshot added.

    A pod in both keeps its new row and its earlier times. A pod that was alive then and is seen no more
    ended at the end of that snapshot, as far as anybody knows. A Job that is done and seen no more keeps the containers
    that it had.
    """
    import pandas as pd

    pods = state.pods
    if pods is not None:
        before = earlier.pods.copy()
        keys = ["namespace", "pod", "uid"]
        before["ended"] = before["ended"].fillna(earlier.header.end)
        known = before.set_index(keys)
        known = known[~known.index.duplicated()]
        index = pd.MultiIndex.from_frame(pods[keys])
        pods = pods.copy()
        for name in ("created", "started", "ready"):
            pods[name] = pods[name].where(pods[name].notna(), known[name].reindex(index).to_numpy())
        gone = before[~pd.MultiIndex.from_frame(before[keys]).isin(index)]
        pods = pd.concat([gone, pods], ignore_index=True)
    events = state.events
    if events is not None:
        merged = pd.concat([earlier.events, events], ignore_index=True)
        key = ["namespace", "pod", "container", "kind", "time"]
        events = merged.drop_duplicates(key, keep="last", ignore_index=True)
    present = {(w.namespace, w.kind, w.name) for w in state.workloads}
    jobs = [w for w in earlier.workloads if w.kind == "Job" and w.containers]
    kept = [w for w in jobs if (w.namespace, w.kind, w.name) not in present]
    return replace(state, pods=pods, events=events, workloads=[*state.workloads, *kept])
