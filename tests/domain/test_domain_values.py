from decimal import Decimal

import pytest
from fakes.snapshots import GIB, MIB, container, workload
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.keys import parse_target
from planner.domain.pod_request import effective_request
from planner.domain.workload import ContainerRole, Resources
from planner.errors import UsageError
from planner.units import (
    format_cpu,
    format_memory,
    human_cpu,
    human_memory,
    parse_cpu,
    parse_memory,
    parse_quantity,
)

QUANTITIES = [
    "0",
    "1",
    "250m",
    "1.5",
    "100u",
    "7n",
    "512Mi",
    "1Gi",
    "1.5Gi",
    "2e3",
    "2E3",
    "1E",
    "3k",
    "+5",
    "-1",
    ".5",
    "1.",
    "12Pi",
    "1e-3",
]


@pytest.mark.parametrize("text", QUANTITIES)
def test_quantities_agree_with_the_kubernetes_client(text):
    from kubernetes.utils.quantity import parse_quantity as oracle

    assert parse_quantity(text) == oracle(text.lstrip("+"))


@pytest.mark.parametrize(
    "text", ["", "m", "1 Gi", "1gi", "0x10", "1e", "--1", "١", "1KiB", "NaN", "inf", "1e99999", "1_000"]
)
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        parse_quantity(text)


def test_cpu_and_memory():
    assert parse_cpu("250m") == 0.25
    assert parse_cpu(2) == 2.0
    assert parse_memory("1Ki") == 1024
    assert parse_memory("0.1") == 1  # rounded up, as the API server does
    assert parse_quantity("0.1Ki") == Decimal("102.4")


@given(st.integers(0, 10**9))
def test_a_formatted_cpu_is_read_back(milli):
    assert parse_cpu(format_cpu(milli / 1000)) == pytest.approx(milli / 1000)


@given(st.integers(0, 2**50))
def test_a_formatted_size_is_read_back(size):
    assert parse_memory(format_memory(size)) == size


def test_formats_for_people():
    assert format_cpu(2.0) == "2"
    assert format_cpu(0.0001) == "1m"
    assert format_memory(512 * MIB) == "512Mi"
    assert human_memory(1.2 * GIB) == "1.2Gi"
    assert human_cpu(0.25) == "250m"
    assert human_cpu(12.345) == "12.3"


def test_a_pod_asks_for_the_larger_of_its_containers_and_its_largest_init_step():
    """KEP-753: sidecar 1 starts before init 5, so the init step needs 6; apps 2 + 1 and the sidecar need 4."""
    item = workload(
        "web",
        container("mesh", role=ContainerRole.SIDECAR, cpu=1.0, memory=1),
        container("migrate", role=ContainerRole.INIT, cpu=5.0, memory=1),
        container("app", cpu=2.0, memory=10),
        container("log", cpu=1.0, memory=10),
    )
    request = effective_request(item, item.containers)
    assert request.cpu_cores == 6.0
    assert request.memory_bytes == 21


def test_an_init_step_before_the_sidecar_does_not_count_it():
    item = workload(
        "web",
        container("migrate", role=ContainerRole.INIT, cpu=5.0),
        container("mesh", role=ContainerRole.SIDECAR, cpu=1.0),
        container("app", cpu=2.0),
    )
    assert effective_request(item, item.containers).cpu_cores == 5.0


def test_overhead_is_added_and_a_pod_level_request_replaces_the_sum():
    item = workload("web", container(cpu=1.0), overhead=Resources(0.25, 100))
    assert effective_request(item, item.containers).cpu_cores == 1.25
    item = workload("web", container(cpu=1.0), pod_requests=Resources(0.5, None))
    assert effective_request(item, item.containers).cpu_cores == 0.5


def test_a_limit_without_a_request_counts_as_the_request_and_gpus_are_carried():
    item = workload("web", container(cpu=None, cpu_limit=2.0, memory=None))
    assert effective_request(item, item.containers).cpu_cores == 2.0
    gpu = container().__class__("g", requests=Resources(1.0, 1, {"nvidia.com/gpu": 1.0}))
    assert effective_request(item, [gpu, gpu]).extended == {"nvidia.com/gpu": 2.0}


def test_targets():
    assert parse_target("shop/deployment/web").matches(workload("web").key)
    assert parse_target("shop/Deployment/web/app").container == "app"
    for text in ("web", "shop/web", "a/b/c/d/e", "shop//web"):
        with pytest.raises(UsageError, match="cannot read the target"):
            parse_target(text)
