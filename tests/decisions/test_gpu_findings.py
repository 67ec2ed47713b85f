"""Idle GPUs, GPUs larger than what runs on them, and GPUs that nobody can take, on clusters made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from fakes.snapshots import GIB, STEPS, container, make_snapshot, workload

from planner.config.policy import Policy
from planner.decisions.facts import gather
from planner.decisions.gpu_findings import MARGIN, gpu_findings
from planner.domain.node import Node, Price, Purchase
from planner.domain.workload import Resources
from planner.snapshot.header import Metric

DAYS = 8
TIME = DAYS * STEPS


def gpu_node(instance_type="g5.2xlarge", product="NVIDIA-A10G", gpus=1.0, cpu=8.0, **labels):
    return Node(
        "toy", "node-1", "gpu", zone="us-east-1a", region="us-east-1", instance_type=instance_type,
        purchase=Purchase.ON_DEMAND, allocatable=Resources(cpu, 32 * GIB, {"nvidia.com/gpu": gpus}),
        capacity=Resources(cpu, 32 * GIB, {"nvidia.com/gpu": gpus}),
        labels={"nvidia.com/gpu.product": product, **labels}, price=Price(1.2, "file:prices.csv", "2026-01-01"),
    )  # fmt: skip


def asks(gpus=1.0, name="app", cpu=1.0):
    return replace(
        container(name, cpu=cpu),
        requests=Resources(cpu, GIB, {"nvidia.com/gpu": gpus}),
        limits=Resources(None, None, {"nvidia.com/gpu": gpus}),
    )


def use(active, memory_gib, gpus=1):
    """Sums over the GPUs of a pod, as the metric has them."""
    active, memory_gib = np.broadcast_to(active, TIME), np.broadcast_to(memory_gib, TIME)
    return {
        Metric.CPU: np.full(TIME, 0.1), Metric.MEMORY: np.full(TIME, 1e8),
        Metric.GPU_ACTIVE: active * gpus, Metric.GPU_MEMORY: memory_gib * GIB * gpus,
    }  # fmt: skip


def found(tmp_path, usage, node=None, workloads=None):
    workloads = workloads or [workload("model", asks())]
    snapshot = make_snapshot(tmp_path / "s", workloads, usage, nodes=[node or gpu_node()])
    return {finding.code: finding for finding in gpu_findings(gather(snapshot, Policy()))}


MODEL = ("shop", "model-0", "app")


def test_a_gpu_that_nobody_uses_is_told_with_what_it_is_worth(tmp_path):
    idle = found(tmp_path, {MODEL: use(0.01, 2.0)})["idle_gpu"]
    assert idle.severity == "warning"
    assert idle.target.container == "app"
    assert idle.numbers["active_mean"] == pytest.approx(0.01, rel=1e-3)
    assert idle.numbers["value_per_month"] > 0


def test_bursts_are_not_idle(tmp_path):
    """Active for 2 % of the time, fully: the mean is under 5 %, the 99th percentile is not."""
    bursts = np.zeros(TIME)
    bursts[::50] = 1.0
    assert "idle_gpu" not in found(tmp_path, {MODEL: use(bursts, 2.0)})


def test_a_cheaper_model_that_holds_the_peak(tmp_path):
    """6 GiB and a tenth active on an A10G: a T4 has 16 GiB and costs less than four fifths."""
    smaller = found(tmp_path, {MODEL: use(0.1, 6.0)})["smaller_gpu"]
    assert "T4" in smaller.text
    assert smaller.numbers["gpu_per_hour"] <= 0.8 * smaller.numbers["gpu_per_hour_now"]
    assert smaller.numbers["peak_gib"] == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize(
    ("active", "memory"),
    [
        pytest.param(0.1, 20.0, id="too much memory for any cheaper model"),
        pytest.param(0.9, 6.0, id="too busy"),
        pytest.param(0.1, np.repeat([6.0, 6.0 * MARGIN * 1.1], [6 * STEPS, 2 * STEPS]), id="later days were larger"),
    ],
)
def test_no_smaller_model_is_named(tmp_path, active, memory):
    assert "smaller_gpu" not in found(tmp_path, {MODEL: use(active, memory)})


def test_a_mig_profile_that_fits(tmp_path):
    """4 GiB x 1.2 = 4.8 is above the 4.75 of 1g.5gb; 2g.10gb holds it, and 10 % active is under 2/7."""
    node = gpu_node("p4d.24xlarge", "NVIDIA-A100-SXM4-40GB", gpus=8.0, cpu=96.0)
    fits = found(tmp_path, {MODEL: use(0.1, 4.0)}, node)["gpu_fits_mig"]
    assert fits.numbers["profile"] == "2g.10gb"
    busy = found(tmp_path / "busy", {MODEL: use(0.6, 4.0)}, node)
    assert "gpu_fits_mig" not in busy


def test_a_shared_device_is_never_one_pods(tmp_path):
    node = gpu_node(**{"nvidia.com/gpu.sharing-strategy": "time-slicing", "nvidia.com/gpu.replicas": "4"})
    assert found(tmp_path, {MODEL: use(0.0, 1.0)}, node) == {}


def test_too_short_a_history_says_nothing(tmp_path):
    short = {metric: values[: 2 * STEPS] for metric, values in use(0.0, 1.0).items()}
    assert found(tmp_path, {MODEL: short}) == {}


def test_a_free_gpu_without_cores_beside_it(tmp_path):
    """Two GPUs and 8 cores: one model takes a GPU and 1 core, another pod 6.5 cores; half a core is left."""
    workloads = [workload("model", asks()), workload("batch", container(cpu=6.5))]
    usage = {MODEL: use(0.5, 20.0), ("shop", "batch-0", "app"): {Metric.CPU: np.full(TIME, 1.0)}}
    stranded = found(tmp_path, usage, gpu_node(gpus=2.0), workloads)["stranded_gpu"]
    assert (stranded.target.kind, stranded.target.name) == ("Node", "node-1")
    assert stranded.numbers["free_gpus"] == 1.0
    assert stranded.numbers["free_cpu_cores"] == pytest.approx(0.5)
    workloads[1] = workload("batch", container(cpu=2.0))
    assert "stranded_gpu" not in found(tmp_path / "room", usage, gpu_node(gpus=2.0), workloads)
