"""Recorded series as OpenMetrics text, for :mod:`fakes.real_prometheus`."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping


def escaped(value: str) -> str:
    """A label value as the text form writes it."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    """A sample value as the text form writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))


class Recording:
    """Series by family, in any order in, grouped out."""

    def __init__(self, **always: str) -> None:
        """Take labels that every series gets (``job``, ``cluster`` ...)."""
        self.always = always
        self._families: dict[str, list[str]] = defaultdict(list)

    def add(self, name: str, labels: Mapping[str, str], samples: Iterable[tuple[float, float]]) -> None:
        """One series: (Unix seconds, value) in the order of time."""
        every = {**self.always, **labels}
        text = ",".join(f'{key}="{escaped(value)}"' for key, value in sorted(every.items()))
        lines = self._families[name]
        lines.extend(f"{name}{{{text}}} {number(value)} {time:.3f}\n" for time, value in samples)

    def constant(self, name: str, labels: Mapping[str, str], times: Iterable[float], value: float = 1.0) -> None:
        """One series with the same value at every time."""
        self.add(name, labels, ((time, value) for time in times))

    def lines(self) -> Iterator[str]:
        """The text without its ``# EOF``."""
        for name, lines in sorted(self._families.items()):
            base, kind = (name.removesuffix("_total"), "counter") if name.endswith("_total") else (name, "gauge")
            yield f"# TYPE {base} {kind}\n"
            yield from lines


def every(start: float, end: float, seconds: float, *, without: tuple[float, float] | None = None) -> list[float]:
    """Scrape times of a half-open time, optionally without a gap (half-open too)."""
    times = [start + seconds * i for i in range(math.ceil((end - start) / seconds))]
    return [t for t in times if without is None or not without[0] <= t < without[1]]


def counter(
    times: Iterable[float], per_second: float, *, start: float, resets: Iterable[float] = ()
) -> list[tuple[float, float]]:
    """A counter that rises evenly since ``start`` and falls to 0 at each reset."""
    zeros = [start, *sorted(resets)]
    return [(t, per_second * (t - max(z for z in zeros if z <= t))) for t in times]


def container_usage(
    recording: Recording,
    times: list[float],
    *,
    namespace: str,
    pod: str,
    container: str,
    cores: float,
    memory_bytes: float,
    resets: Iterable[float] = (),
    **labels: str,
) -> None:
    """The cAdvisor series of one container: even CPU use and an even working set, with the kubelet's labels."""
    who = {
        "namespace": namespace,
        "pod": pod,
        "container": container,
        "id": f"/kubepods.slice/{pod}/{container}",
        "image": "registry.example/app@sha256:0",
        "name": f"{pod}-{container}",
        **labels,
    }
    start = times[0]
    recording.add(
        "container_cpu_usage_seconds_total", {**who, "cpu": "total"}, counter(times, cores, start=start, resets=resets)
    )
    recording.constant("container_memory_working_set_bytes", who, times, memory_bytes)


def pod_state(
    recording: Recording,
    times: list[float],
    *,
    namespace: str,
    pod: str,
    uid: str,
    node: str,
    owner: tuple[str, str],
    created: float,
    containers: Mapping[str, Mapping[str, float]],
    phase: str = "Running",
    qos: str = "Burstable",
    restarts: bool = True,
) -> None:
    """The kube-state-metrics series of one pod.

    Args:
        recording: where they go.
        times: scrape times.
        namespace, pod, uid, node: of the pod.
        owner: (kind, name) of the controller; ``("<none>", "<none>")`` for a bare pod.
        created: Unix seconds.
        containers: name -> ``requests_cpu``, ``limits_memory`` ... -> amount.
        phase: its phase at every time.
        qos: its class.
        restarts: whether its restart counters stay at 0; False = the caller records them.
    """
    who = {"namespace": namespace, "pod": pod, "uid": uid}
    kind, name = owner
    recording.constant(
        "kube_pod_info",
        {
            **who,
            "node": node,
            "created_by_kind": kind,
            "created_by_name": name,
            "host_ip": "10.0.0.1",
            "pod_ip": "10.1.0.1",
        },
        times,
    )
    recording.constant("kube_pod_created", who, times, created)
    recording.constant("kube_pod_start_time", who, times, created + 2)
    recording.constant("kube_pod_status_ready_time", who, times, created + 12)
    for other in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
        recording.constant("kube_pod_status_phase", {**who, "phase": other}, times, float(other == phase))
    for other in ("BestEffort", "Burstable", "Guaranteed"):
        recording.constant("kube_pod_status_qos_class", {**who, "qos_class": other}, times, float(other == qos))
    for container, amounts in containers.items():
        inside = {**who, "container": container}
        recording.constant(
            "kube_pod_container_info",
            {
                **inside,
                "image": f"registry.example/{container}:1",
                "image_id": f"registry.example/{container}@sha256:{uid}",
            },
            times,
        )
        if restarts:
            recording.constant("kube_pod_container_status_restarts_total", inside, times, 0.0)
        for key, amount in amounts.items():
            side, _, resource = key.partition("_")
            unit = {"cpu": "core", "memory": "byte"}.get(resource, "integer")
            recording.constant(
                f"kube_pod_container_resource_{side}",
                {**inside, "resource": resource, "unit": unit, "node": node},
                times,
                amount,
            )
