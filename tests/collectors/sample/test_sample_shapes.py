"""The small parts of the sample's model, with cases worked out by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.collectors.sample.model import admitted
from planner.collectors.sample.placement import Size, pod_size
from planner.collectors.sample.platform import START
from planner.collectors.sample.shapes import generator, pattern, quantised, token
from planner.collectors.sample.spec import ContainerSpec, Footprint, Load, Part, Scaling, WorkloadSpec, one
from planner.collectors.sample.timeline import desired_replicas, pod_runs
from planner.units import GIB, MIB

HOUR = 3600.0
DAY = 24 * HOUR
LOAD, RAM = Load(0.1, 1.1, "office"), Footprint("flat", 0.5)


def container(requests: str = "1 1Gi", limits: str = "- -", **more) -> ContainerSpec:
    return ContainerSpec("app", "registry.example.com/app:1", LOAD, RAM, requests, limits, **more)


def values(name: str, *seconds: float) -> list[float]:
    return pattern(name, START + np.array(seconds), generator(1)).tolist()


def test_patterns_by_hand():
    """START is a Monday at midnight UTC: office hours peak at 15:00, a Saturday has 18 % of it."""
    assert values("office", 15 * HOUR, 5 * DAY + 15 * HOUR) == pytest.approx([1.0, 0.18], abs=0.02)
    assert values("office", 4 * HOUR) == pytest.approx([0.0], abs=0.01)
    assert values("consumer", 5 * DAY + HOUR, 5 * DAY + 13 * HOUR) == pytest.approx([1.0, 0.15])
    assert values("nightly", 3 * HOUR, 12 * HOUR) == [1.0, 0.05]
    assert values("hourly", 300.0, 1800.0) == [1.0, 0.08]
    assert values("dead", 0.0) == [0.0]


@given(st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=50), st.integers(3, 10))
def test_rounding_to_a_few_bits_is_close_and_changes_nothing_the_second_time(numbers, bits):
    rounded = quantised(np.array(numbers), bits)
    assert np.all(np.abs(rounded - numbers) <= np.array(numbers) * 2.0**-bits)
    np.testing.assert_array_equal(quantised(rounded, bits), rounded)


def test_names_are_those_that_kubernetes_would_draw():
    assert token(7, 10, "a") == token(7, 10, "a") != token(7, 10, "b")
    assert set(token(7, 32, "c")) <= set("bcdfghjklmnpqrstvwxz2456789")


def test_the_size_of_a_pod_by_hand():
    """Apps 1 + sidecar 0.5 = 1.5 cores; an init container behind the sidecar needs 2 + 0.5 = 2.5: that counts."""
    part = Part(
        "",
        1,
        (
            container("500m 256Mi", role="sidecar"),
            container("2 512Mi", role="init"),
            container("1 1Gi", gpus=2),
        ),
    )
    assert pod_size(part) == Size(2.5, GIB + 256 * MIB, 2)


def test_a_missing_request_is_the_limit():
    assert container("- -", "2 1Gi").cpu_request == 2.0
    assert container("- -", "2 1Gi").memory_request == GIB
    assert container("- -", "- -").cpu_request == 0.0


def test_staging_gives_default_limits_and_data_only_small_requests():
    """staging: default limit 500m / 1Gi, default request 100m / 256Mi; a request that is there stays."""
    assert (admitted(container("200m -"), "staging").requests, admitted(container("200m -"), "staging").limits) == (
        "200m 256Mi",
        "500m 1Gi",
    )
    assert admitted(container("- -", "1 -"), "staging-2").requests == "1 256Mi"  # the own limit before the default
    assert admitted(container("- -"), "data").requests == "10m 32Mi"
    assert admitted(container("- -"), "dev").requests == "- -"


def test_an_hpa_asks_for_as_many_pods_as_the_target_needs():
    """4 declared pods do 1 core each at the peak above 0.1 idle: 4 / (0.5 x 1 - 0.1) = 10 pods at 15:00, 2 at night."""
    spec = WorkloadSpec("dev", "Deployment", "web", one(container(), replicas=4), scaling=Scaling("hpa", 2, 20, 50))
    wanted = desired_replicas(spec, 1, 288)
    assert wanted[15 * 12] == 10
    assert wanted[4 * 12] == 2
    assert (
        desired_replicas(WorkloadSpec("dev", "Deployment", "web", one(container(), replicas=4)), 1, 3).tolist()
        == [4] * 3
    )


def test_rollouts_of_a_deployment_overlap_and_those_of_a_stateful_set_do_not():
    def lives(kind: str) -> list[tuple[int, int | None]]:
        spec = WorkloadSpec("dev", kind, "web", one(container()), rollouts_per_week=5.0)
        return [(run.first, run.last) for run in pod_runs(spec, 1, 3 * 288)]

    for kind, overlap in (("Deployment", 1), ("StatefulSet", 0)):
        runs = lives(kind)
        assert len(runs) >= 3
        assert runs[0][0] < 0
        assert runs[-1][1] is None
        assert all(old[1] - new[0] == overlap for old, new in pairwise(runs))
