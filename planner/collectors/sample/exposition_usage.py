"""Usage of the sample as cAdvisor (through the kubelet) and the DCGM exporter expose it."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from planner.collectors.sample.exposition_text import SCRAPE_OFFSETS, Span, labelled, type_line, varying
from planner.collectors.sample.model import Model
from planner.collectors.sample.objects_pods import container_id
from planner.collectors.sample.placement import SampleNode
from planner.collectors.sample.platform import START, STEP_SECONDS
from planner.collectors.sample.pod_times import qos_class
from planner.collectors.sample.shapes import Floats, hexadecimal
from planner.collectors.sample.usage import ContainerUsage
from planner.snapshot.header import Metric
from planner.units import MIB

CFS_PERIODS_PER_SECOND = 10.0
POOLS_WITHOUT_IDS = ("general",)
"""Pools whose scrape job drops the labels ``id`` and ``name``: a restart is a counter reset there, and a new series
elsewhere."""
_OFFSETS = np.array(SCRAPE_OFFSETS, dtype=np.float64)


def cadvisor_families(model: Model, span: Span) -> Iterator[str]:
    """Every family of cAdvisor that the planner reads."""
    nodes = {node.name: node for node in model.nodes}
    usages = list(model.usage.values())
    counters: tuple[tuple[str, Metric, float, Mapping[str, str]], ...] = (
        ("container_cpu_usage_seconds_total", Metric.CPU, 1.0, {"cpu": "total"}),
        ("container_cpu_cfs_throttled_periods_total", Metric.CPU_THROTTLED, CFS_PERIODS_PER_SECOND, {}),
        ("container_pressure_cpu_waiting_seconds_total", Metric.CPU_PRESSURE, 1.0, {}),
        ("container_pressure_memory_stalled_seconds_total", Metric.MEMORY_PRESSURE, 1.0, {}),
    )
    for name, metric, scale, extra in counters:
        yield type_line(name)
        form = "%d" if metric is Metric.CPU_THROTTLED else "%.6f"
        for usage in usages:
            if metric in usage.values:
                yield from _counter(model, usage, nodes, name, usage.values[metric] * scale, form, extra, span)
    yield type_line("container_cpu_cfs_periods_total")
    for usage in usages:
        if Metric.CPU_THROTTLED in usage.values:
            rate = np.full(len(usage.hidden), CFS_PERIODS_PER_SECOND)
            yield from _counter(model, usage, nodes, "container_cpu_cfs_periods_total", rate, "%d", {}, span)
    yield type_line("container_memory_working_set_bytes")
    for usage in usages:
        yield from _gauge(model, usage, nodes, span)


def _labels(model: Model, usage: ContainerUsage, node: SampleNode, incarnation: int) -> dict[str, str]:
    run, container = usage.run, usage.container
    labels = {
        "container": container.name,
        "image": container.image,
        "instance": f"{node.name.partition('.')[0].removeprefix('ip-').replace('-', '.')}:10250",
        "job": "kubelet",
        "metrics_path": "/metrics/cadvisor",
        "namespace": run.spec.namespace,
        "node": node.name,
        "pod": run.name,
    }
    if node.pool.name not in POOLS_WITHOUT_IDS:
        name = container_id(model, run, container, incarnation)
        qos = qos_class(run.part).lower()
        slice_name = f"kubepods-{qos}-pod{run.uid.replace('-', '_')}"
        labels["name"] = name
        labels["id"] = f"/kubepods.slice/kubepods-{qos}.slice/{slice_name}.slice/cri-containerd-{name}.scope"
    return labels


def _label_sets(model: Model, usage: ContainerUsage, node: SampleNode, incarnation: int) -> list[dict[str, str]]:
    """Labels of the container's series; in ``dev`` those of the pod's own cgroup too, which must not be counted."""
    labels = _labels(model, usage, node, incarnation)
    if not usage.run.spec.namespace.startswith("dev"):
        return [labels]
    whole = {key: value for key, value in labels.items() if key not in ("container", "image", "name")}
    return [labels, {**whole, "id": f"/kubepods.slice/pod{usage.run.uid.replace('-', '_')}.slice"}]


def _visible(usage: ContainerUsage, span: Span, first: int, last: int) -> NDArray[np.int64]:
    """Steps of a part of the container's life that lie in the span and are seen."""
    begin, end = max(first, usage.first, span.first), min(last, usage.stop, span.last)
    steps = np.arange(begin, max(begin, end))
    return steps[~usage.hidden[steps - usage.first]]


def _times(steps: NDArray[np.int64]) -> list[int]:
    times = int(START) + steps[:, None] * STEP_SECONDS + np.array(SCRAPE_OFFSETS, dtype=np.int64)[None, :]
    return times.ravel().tolist()


def _incarnations(usage: ContainerUsage) -> Iterator[tuple[int, int, int]]:
    """(number, first step, step after the last) of each start of the container."""
    for number, start in enumerate(usage.starts):
        end = usage.starts[number + 1] if number + 1 < len(usage.starts) else usage.stop
        yield number, start, end


def _counter(
    model: Model,
    usage: ContainerUsage,
    nodes: Mapping[str, SampleNode],
    name: str,
    per_second: Floats,
    form: str,
    extra: Mapping[str, str],
    span: Span,
) -> Iterator[str]:
    """One counter: rises with its rate inside each step, from 0 at each start of the container.

    What a container did before the window is taken at its mean rate.
    """
    node = nodes[usage.run.node]
    for number, first, last in _incarnations(usage):
        steps = _visible(usage, span, first, last)
        if not len(steps):
            continue
        inside = max(first, usage.first)
        rates = per_second[inside - usage.first : last - usage.first]
        before = float(np.floor(rates.mean() * STEP_SECONDS * (inside - first)))
        risen = before + np.concatenate([[0.0], np.cumsum(rates)[:-1]]) * STEP_SECONDS
        rows = steps - inside
        values = risen[rows, None] + rates[rows, None] * _OFFSETS[None, :]
        if form == "%d":
            values = np.round(values)
        for labels in _label_sets(model, usage, node, number):
            yield varying(labelled(name, {**labels, **extra}), values.ravel().tolist(), _times(steps), form)


def _gauge(model: Model, usage: ContainerUsage, nodes: Mapping[str, SampleNode], span: Span) -> Iterator[str]:
    """The working set: the step's value at each of its scrapes."""
    node = nodes[usage.run.node]
    memory = usage.values[Metric.MEMORY]
    for number, first, last in _incarnations(usage):
        steps = _visible(usage, span, first, last)
        if len(steps):
            values = np.repeat(memory[steps - usage.first], len(SCRAPE_OFFSETS))
            for labels in _label_sets(model, usage, node, number):
                head = labelled("container_memory_working_set_bytes", labels)
                yield varying(head, values.tolist(), _times(steps), "%d")


def dcgm_families(model: Model, span: Span) -> Iterator[str]:
    """GPUs as a scrape with ``honor_labels: false`` stores them: the workload's labels are ``exported_*``.

    A GPU that nobody holds has the exporter's own labels only.
    """
    families: tuple[tuple[str, Callable[[ContainerUsage], Floats], str], ...] = (
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", lambda usage: usage.values[Metric.GPU_ACTIVE], "%.6f"),
        ("DCGM_FI_DEV_FB_USED", lambda usage: usage.values[Metric.GPU_MEMORY] / MIB, "%d"),
    )
    exporters = {run.node: run.name for run in model.runs if run.spec.name == "dcgm-exporter" and run.last is None}
    held = [usage for usage in model.usage.values() if Metric.GPU_ACTIVE in usage.values]
    nodes = {node.name: node for node in model.nodes}
    for name, values_of, form in families:
        yield type_line(name)
        for usage in held:
            steps = _visible(usage, span, usage.first, usage.stop)
            each = values_of(usage) / usage.container.gpus
            values = np.repeat(each[steps - usage.first], len(SCRAPE_OFFSETS)).tolist()
            for gpu in usage.run.gpus:
                labels = _gpu_labels(model, nodes[usage.run.node], gpu, exporters)
                labels |= {
                    "exported_namespace": usage.run.spec.namespace,
                    "exported_pod": usage.run.name,
                    "exported_container": usage.container.name,
                }
                yield varying(labelled(name, labels), values, _times(steps), form)
        yield from _free_gpus(model, name, held, exporters, span)


def _gpu_labels(model: Model, node: SampleNode, gpu: int, exporters: Mapping[str, str]) -> dict[str, str]:
    return {
        "Hostname": node.name,
        "UUID": f"GPU-{hexadecimal(model.seed, 32, 'gpu', node.name, gpu)}",
        "container": "exporter",
        "device": f"nvidia{gpu}",
        "gpu": str(gpu),
        "job": "dcgm-exporter",
        "modelName": node.type.gpu_product,
        "namespace": "platform",
        "pod": exporters.get(node.name, "dcgm-exporter"),
    }


def _free_gpus(
    model: Model, name: str, held: list[ContainerUsage], exporters: Mapping[str, str], span: Span
) -> Iterator[str]:
    taken: dict[tuple[str, int], NDArray[np.bool_]] = {}
    for usage in held:
        for gpu in usage.run.gpus:
            busy = taken.setdefault((usage.run.node, gpu), np.zeros(model.steps, dtype=bool))
            busy[usage.first : usage.stop] = True
    for node in model.nodes:
        for gpu in range(node.type.gpus):
            busy = taken.get((node.name, gpu), np.zeros(model.steps, dtype=bool))
            steps = np.flatnonzero(~busy[span.first : span.last]) + span.first
            head = labelled(name, _gpu_labels(model, node, gpu, exporters))
            yield varying(head, [0.0] * (len(steps) * len(SCRAPE_OFFSETS)), _times(steps), "%d")
