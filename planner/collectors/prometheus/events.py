"""OOM kills and restarts of the window, with their times and the memory limit in force.

Three signs are read together, so that one kill counts once:

1. The restart counter of kube-state-metrics rises; a rise at which the container's last termination
   reason is ``OOMKilled`` is a kill, another one a restart.
2. A container that is not restarted (a Job's) stays terminated with the reason ``OOMKilled``.
3. cAdvisor's ``container_oom_events_total`` rises. It misses containers that die at once and counts
   processes inside living ones; only what has no kill near it in 1 and 2 is new.

Each counter is first read as one number per container; times are asked for only where it rose.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.collectors.prometheus import queries
from planner.collectors.prometheus.chunks import Allowance, Part, ask_in_parts, cut_evenly
from planner.collectors.prometheus.pods import Pods
from planner.collectors.prometheus.queries import Scope, any_of
from planner.collectors.prometheus.state_reader import Ask, Rows, StateReader, When

if TYPE_CHECKING:
    import pandas as pd

CONTAINER = ("namespace", "pod", "uid", "container")
CADVISOR_CONTAINER = ("namespace", "pod", "container")
RESTARTS = Ask("kube_pod_container_status_restarts_total", CONTAINER, When.HIGHEST, condition="> 0")
LAST_OOM = Ask(
    "kube_pod_container_status_last_terminated_reason",
    CONTAINER,
    When.HIGHEST,
    only=('reason="OOMKilled"',),
    condition="== 1",
)
KILLED_FOR_GOOD = Ask(
    "kube_pod_container_status_terminated_reason",
    CONTAINER,
    When.HIGHEST,
    only=('reason="OOMKilled"',),
    condition="== 1",
)
LAST_TERMINATED = Ask("kube_pod_container_status_last_terminated_timestamp", CONTAINER, When.LAST)
OOM_EVENTS = Ask("container_oom_events_total", CADVISOR_CONTAINER, When.HIGHEST, condition="> 0")
LIMIT = "kube_pod_container_resource_limits"
MANY_PODS = 200
"""Names of pods in one selector; above, only their namespaces are named."""


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the table of events."""

    namespace: str
    pod: str
    container: str
    kind: str
    time: float
    count: float
    memory_limit_bytes: float = math.nan


def read_events(reader: StateReader, cadvisor: StateReader, pods: Pods) -> list[Event]:
    """Every restart and OOM kill of the window.

    Args:
        reader: kube-state-metrics.
        cadvisor: the same server with the label names of cAdvisor's series.
        pods: of the window, for the life of each.
    """
    restarted, oomed, killed, terminated = reader.read([RESTARTS, LAST_OOM, KILLED_FOR_GOOD, LAST_TERMINATED])
    events = _restarts(reader, pods, restarted, oomed, terminated) if restarted else []
    events += _finished_kills(reader, pods, killed, events)
    inside = cadvisor.one(OOM_EVENTS)
    if inside:
        events += _kills_inside(cadvisor, inside, events)
    events = _with_limits(reader, events)
    events.sort(key=lambda event: (event.namespace, event.pod, event.container, event.time, event.kind))
    return events


def _pattern(scope: Scope, keys: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Matchers that name the pods of some rows, or their namespaces where there are many."""
    rows = sorted(set(keys))
    pods = {row[1] for row in rows}
    namespaces = f"{scope.names.namespace}=~{any_of(row[0] for row in rows)}"
    return (namespaces, f"{scope.names.pod}=~{any_of(pods)}") if len(pods) <= MANY_PODS else (namespaces,)


_Points = dict[tuple[str, ...], dict[float, float]]
"""Labels -> time -> value."""


def _points(reader: StateReader, text: str, labels: tuple[str, ...], series: int) -> _Points:
    """Rows of a sparse range query over the whole window."""
    step = reader.step_seconds
    options = replace(reader.client.options, max_range_seconds=reader.end - reader.start)  # sparse: any length will do
    found: _Points = {}

    def ask(part: Part) -> None:
        answer = reader.client.range(text, part.start + step, part.end, step)
        offset = 0
        for row, count in zip(answer.labels, answer.counts.tolist(), strict=True):
            times, values = answer.times[offset : offset + count], answer.values[offset : offset + count]
            offset += count
            key = tuple(row.get(label, "") for label in labels)
            found.setdefault(key, {}).update(zip(times.tolist(), values.tolist(), strict=True))

    # the text names its pods or namespaces already: only its time can be cut
    for piece in cut_evenly(Part(reader.start, reader.end, ()), step, series=series / 20, options=options):
        ask_in_parts(ask, piece, step_seconds=step, list_namespaces=tuple, allowance=Allowance())
    return found


def _restarts(reader: StateReader, pods: Pods, restarted: Rows, oomed: Rows, terminated: Rows) -> list[Event]:
    """Rises of the restart counter, told apart by the reason right after them."""
    scope = reader.scope
    keys = tuple(scope.names.of(label) for label in CONTAINER)
    rises = queries.increase_events(RESTARTS.name, scope.where(*_pattern(scope, restarted)), keys, reader.step_seconds)
    risen = _points(reader, rises, keys, len(restarted))
    killed: _Points = {}
    limits: _Points = {}
    suspects = sorted(set(oomed) & set(risen))
    if suspects:
        pattern = _pattern(scope, suspects)
        rises = queries.increase_events(RESTARTS.name, scope.where(*pattern), keys, reader.step_seconds)
        kills = queries.only_where(rises, keys, LAST_OOM.name, scope.where(*pattern, *LAST_OOM.only))
        killed = _points(reader, kills, keys, len(suspects))
        if killed and reader.has(LIMIT):
            memory = scope.where(*pattern, 'resource="memory"')
            limits = _points(reader, queries.value_at(LIMIT, memory, keys, kills), keys, len(killed))
    events = []
    for key, total in sorted(restarted.items()):
        namespace, name, uid, container = key
        points = risen.get(key, {})
        last = terminated.get(key)
        for time, count in sorted(points.items()):
            is_kill = time in killed.get(key, {})
            limit = limits.get(key, {}).get(time, math.nan) if is_kill else math.nan
            when = last if last is not None and time - reader.step_seconds <= last <= time else time
            events.append(Event(namespace, name, container, "oom_kill" if is_kill else "restart", when, count, limit))
        pod = pods.find(namespace, name, uid)
        unseen = total - sum(points.values())
        if pod is not None and pod.created >= reader.start and unseen >= 1:
            # it rose before the first scrape or across a gap: the number is right, the time is the pod's start
            kind = "oom_kill" if key in oomed and key not in killed else "restart"
            began = pod.created if math.isnan(pod.started) else pod.started
            events.append(Event(namespace, name, container, kind, began, unseen))
    return events


def _finished_kills(reader: StateReader, pods: Pods, killed: Rows, known: list[Event]) -> list[Event]:
    """Kills of containers that nobody restarted: one each, at the end of their pod."""
    counted = {(event.namespace, event.pod, event.container) for event in known if event.kind == "oom_kill"}
    events = []
    for namespace, name, uid, container in sorted(killed):
        if (namespace, name, container) not in counted:
            pod = pods.find(namespace, name, uid)
            time = pod.ended if pod is not None and not math.isnan(pod.ended) else reader.end
            events.append(Event(namespace, name, container, "oom_kill", time, 1.0))
    return events


def _kills_inside(cadvisor: StateReader, oom: Rows, known: list[Event]) -> list[Event]:
    """Rises of cAdvisor's counter that are not the shadow of a kill that is known already."""
    scope = cadvisor.scope
    keys = tuple(scope.names.of(label) for label in CADVISOR_CONTAINER)
    real = [key for key in sorted(oom) if all(key) and key[2] != "POD"]
    if not real:
        return []
    where = scope.containers(*_pattern(scope, real))
    rises = queries.increase_events(OOM_EVENTS.name, where, keys, cadvisor.step_seconds)
    near = 2 * cadvisor.step_seconds + 60
    kills: dict[tuple[str, ...], list[float]] = {}
    for event in known:
        if event.kind == "oom_kill":
            kills.setdefault((event.namespace, event.pod, event.container), []).append(event.time)
    return [
        Event(key[0], key[1], key[2], "oom_kill", time, count)
        for key, points in sorted(_points(cadvisor, rises, keys, len(real)).items())
        for time, count in sorted(points.items())
        if not any(abs(time - kill) <= near for kill in kills.get(key, ()))
    ]


def _with_limits(reader: StateReader, events: list[Event]) -> list[Event]:
    """Kills whose limit at the time could not be read take the last one of their container."""
    lacking = [
        (event.namespace, event.pod)
        for event in events
        if event.kind == "oom_kill" and math.isnan(event.memory_limit_bytes)
    ]
    if not lacking:
        return events
    ask = Ask(LIMIT, CADVISOR_CONTAINER, When.LAST, only=(*_pattern(reader.scope, lacking), 'resource="memory"'))
    limits = reader.one(ask)
    return [
        replace(event, memory_limit_bytes=limits.get((event.namespace, event.pod, event.container), math.nan))
        if event.kind == "oom_kill" and math.isnan(event.memory_limit_bytes)
        else event
        for event in events
    ]


def events_frame(events: list[Event], cluster: str) -> "pd.DataFrame":
    """Columns of ``EVENT_COLUMNS``."""
    import pandas as pd

    texts = {
        name: pd.Series([getattr(event, name) for event in events], dtype="str")
        for name in (*CADVISOR_CONTAINER, "kind")
    }
    numbers = {
        name: pd.Series([getattr(event, name) for event in events], dtype="float64")
        for name in ("time", "count", "memory_limit_bytes")
    }
    return pd.DataFrame({"cluster": pd.Series([cluster] * len(events), dtype="str"), **texts, **numbers})
