import math
from collections import defaultdict
from collections.abc import Iterator
from statistics import geometric_mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.catalogue import InstanceShape, ListPrice, load_catalogue
from planner.domain.node import Node, Price, Purchase
from planner.domain.prices import (
    GENERAL_CORE_USD_PER_HOUR,
    GIB_PER_CORE,
    MOST_BESIDE_GPUS,
    SHARE_BESIDE_GPUS,
    SPOT_SHARE,
    gpu_units,
    is_gpu,
    resource_prices,
)
from planner.domain.workload import Resources
from planner.units import GIB


def node(price, cores, gib, currency="USD", purchase=Purchase.ON_DEMAND, **extended) -> Node:
    capacity = Resources(
        cores, None if gib is None else int(gib * GIB), {k.replace("__", "/"): v for k, v in extended.items()}
    )
    return Node("c", "n", "p", capacity=capacity, purchase=purchase, price=price and Price(price, "test", "", currency))


def test_a_node_without_gpus_by_hand():
    """4 cores + 18 GiB / 9 = 6 core equivalents: at 0.3 an hour a core costs 0.05, a GiB 0.05 / 9."""
    found = resource_prices(node(0.3, 4, 18))
    assert found is not None
    assert found.core_per_hour == pytest.approx(0.05)
    assert found.gib_per_hour == pytest.approx(0.05 / 9)
    assert found.gpu_per_hour == 0


def test_a_gpu_node_by_hand():
    """8 cores + 72 GiB / 9 = 16 core equivalents at 0.0334 = 0.5344 USD; 8 GPUs carry the other 7.4656."""
    found = resource_prices(node(8.0, 8, 72, **{"nvidia.com__gpu": 8}))
    assert found is not None
    assert found.core_per_hour == pytest.approx(0.0334)
    assert found.gpu_per_hour == pytest.approx(7.4656 / 8)


def test_spot_gpu_nodes_have_cheaper_cores():
    found = resource_prices(node(8.0, 8, 72, purchase=Purchase.SPOT, **{"nvidia.com__gpu": 8}))
    assert found is not None
    assert found.core_per_hour == pytest.approx(0.0334 * 0.35)


def test_gpus_carry_at_least_half():
    """64 cores + 256 GiB / 9 at 0.0334 would be 3.09 of 4.00 USD: cut to 2.00."""
    found = resource_prices(node(4.0, 64, 256, **{"amd.com__gpu": 1}))
    assert found is not None
    assert found.gpu_per_hour == pytest.approx(2.0)


def test_other_currencies_use_a_share_of_the_price():
    found = resource_prices(node(1000.0, 8, 72, currency="JPY", **{"nvidia.com__gpu": 1}))
    assert found is not None
    assert found.gpu_per_hour == pytest.approx(1000 * (1 - SHARE_BESIDE_GPUS))


def test_unknown_stays_unknown():
    assert resource_prices(node(None, 4, 16)) is None
    assert resource_prices(node(1.0, None, None)) is None
    only_gpus = resource_prices(node(1.0, None, None, **{"nvidia.com__gpu": 4}))
    assert only_gpus is not None
    assert (only_gpus.core_per_hour, only_gpus.gpu_per_hour) == (0, 0.25)


@pytest.mark.parametrize(
    ("resource", "counts"),
    [
        ("nvidia.com/gpu", True),
        ("nvidia.com/gpu.shared", True),
        ("nvidia.com/mig-1g.10gb", True),
        ("amd.com/gpu", True),
        ("gpu.intel.com/i915", True),
        ("google.com/tpu", True),
        ("nvidia.com/gpumem", False),
        ("nvidia.com/gpucores", False),
        ("gpu.intel.com/memory.max", False),
        ("ephemeral-storage", False),
    ],
)
def test_which_resources_are_gpus(resource, counts):
    assert is_gpu(resource) is counts
    assert gpu_units(Node("c", "n", "p", capacity=Resources(1, GIB, {resource: 3}))) == (3 if counts else 0)


@given(
    price=st.floats(1e-4, 1e3), cores=st.one_of(st.none(), st.just(0.0), st.floats(1e-3, 512)),
    gib=st.one_of(st.none(), st.integers(0, 4096)), gpus=st.integers(0, 16), slices=st.integers(0, 56),
    purchase=st.sampled_from(list(Purchase)), currency=st.sampled_from(["USD", "EUR"]),
)  # fmt: skip
def test_the_parts_times_the_capacity_are_the_price(price, cores, gib, gpus, slices, purchase, currency):
    made = node(price, cores, gib, currency, purchase, **{"nvidia.com__gpu": gpus, "nvidia.com__mig-1g.10gb": slices})
    found = resource_prices(made)
    if not cores and not gib and not gpus and not slices:
        assert found is None
        return
    assert found is not None
    gpu_part = found.gpu_per_hour * (gpus + slices)
    total = found.core_per_hour * (cores or 0) + found.gib_per_hour * (gib or 0) + gpu_part
    assert math.isclose(total, price, rel_tol=1e-9)
    assert min(found.core_per_hour, found.gib_per_hour, found.gpu_per_hour) >= 0
    if gpus + slices:
        assert gpu_part >= (1 - MOST_BESIDE_GPUS) * price * (1 - 1e-9)


def offers() -> Iterator[tuple[InstanceShape, ListPrice]]:
    """One row per type and region."""
    catalogue = load_catalogue()
    for (name, _), rows in sorted(catalogue._prices.items()):
        yield catalogue.shapes[name], rows[0]


def line_of(shape: InstanceShape) -> str:
    """Machines of one generation and maker, whatever their memory per vCPU: c5, m5 and r5 are line 5."""
    name = shape.instance_type
    if shape.cloud == "aws":
        return name.split(".")[0][1:]
    return name.split("-")[0] if shape.cloud == "gcp" else name.split("_")[1].lstrip("DEF0123456789") + name[-3:]


def test_the_ratio_of_core_and_gib_is_that_of_the_catalogue():
    """Two families of a line give two equations; medians 10.4 (AWS), 8.8 (Azure), 7.5 (GCP), geometric mean 8.8."""
    per_vcpu: dict[tuple[str, str, str], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for shape, offer in offers():
        if not shape.gpu_model and (shape.cloud != "azure" or shape.instance_type[9] in "DE"):
            key = (shape.cloud, offer.region, line_of(shape))
            per_vcpu[key][shape.memory_gib / shape.vcpus].append(offer.on_demand_per_hour / shape.vcpus)
    ratios = defaultdict(list)
    for (cloud, _, _), by_memory in per_vcpu.items():
        low, high = min(by_memory), max(by_memory)
        if low < high:
            gib = (median(by_memory[high]) - median(by_memory[low])) / (high - low)
            ratios[cloud].append((median(by_memory[low]) - low * gib) / gib)
    medians = {cloud: round(median(found), 1) for cloud, found in ratios.items()}
    assert medians == {"aws": 10.4, "azure": 8.8, "gcp": 7.5}
    assert geometric_mean(medians.values()) == pytest.approx(8.8, abs=0.05)
    assert round(geometric_mean(medians.values())) == GIB_PER_CORE


def test_the_general_rate_and_the_spot_share_are_those_of_the_catalogue():
    rates, spots = defaultdict(list), defaultdict(list)
    for shape, offer in offers():
        if not shape.gpu_model and shape.memory_gib == 4 * shape.vcpus:
            rates[offer.region].append(offer.on_demand_per_hour / (shape.vcpus + shape.memory_gib / GIB_PER_CORE))
            if offer.spot_per_hour:
                spots[offer.region].append(offer.spot_per_hour / offer.on_demand_per_hour)
    regional = [median(found) for found in rates.values()]
    assert (round(min(regional), 4), round(max(regional), 4)) == (0.0332, 0.0370)
    assert round(median(regional), 4) == GENERAL_CORE_USD_PER_HOUR
    assert round(median([median(found) for found in spots.values()]), 2) == SPOT_SHARE


def test_the_share_beside_gpus_is_that_of_the_catalogue():
    shares = [
        GENERAL_CORE_USD_PER_HOUR * (shape.vcpus + shape.memory_gib / GIB_PER_CORE) / offer.on_demand_per_hour
        for shape, offer in offers()
        if shape.gpu_model
    ]
    assert round(median(min(share, MOST_BESIDE_GPUS) for share in shares), 2) == SHARE_BESIDE_GPUS
