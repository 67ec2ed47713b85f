import csv
import re
import time

import pytest

from planner.domain.catalogue import Catalogue, InstanceShape, ListPrice, load_catalogue
from planner.domain.node import Price, Purchase
from planner.shipped import shipped

ON_DEMAND, SPOT, RESERVED, UNKNOWN = Purchase.ON_DEMAND, Purchase.SPOT, Purchase.RESERVED, Purchase.UNKNOWN


def rows(name: str) -> list[dict[str, str]]:
    with (shipped("data") / "catalogue" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_has_a_source_and_a_date():
    date = re.compile(r"^20\d\d-\d\d(-\d\d)?$")
    prices, shapes = rows("prices.csv"), rows("instance_types.csv")
    assert len(prices) > 1300
    assert len(shapes) > 400
    for row in [*prices, *shapes]:
        assert row["source"], row
        assert date.match(row["as_of"]), row
    for row in prices:
        assert bool(row["spot_usd_per_hour"]) == bool(row["spot_source"]) == bool(row["spot_as_of"]), row
        assert not row["spot_as_of"] or date.match(row["spot_as_of"]), row


def test_the_page_names_every_source_with_its_date():
    page = (shipped("data") / "catalogue" / "README.md").read_text(encoding="utf-8")
    pairs = {(row["source"], row["as_of"]) for row in [*rows("prices.csv"), *rows("instance_types.csv")]}
    pairs |= {(row["spot_source"], row["spot_as_of"]) for row in rows("prices.csv") if row["spot_source"]}
    for source, as_of in pairs:
        assert any(source in line and as_of in line for line in page.splitlines()), (source, as_of)


def test_prices_are_believable():
    for row in rows("prices.csv"):
        on_demand = float(row["on_demand_usd_per_hour"])
        assert 0 < on_demand <= 1000, row
        assert not row["spot_usd_per_hour"] or 0 < float(row["spot_usd_per_hour"]) <= on_demand, row


def test_keys_are_unique_and_every_price_has_a_shape():
    keys = [(row["cloud"], row["region"], row["zone"], row["instance_type"]) for row in rows("prices.csv")]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys)
    assert {(cloud, name) for cloud, _, _, name in keys} == {
        (row["cloud"], row["instance_type"]) for row in rows("instance_types.csv")
    }
    names = [row["instance_type"] for row in rows("instance_types.csv")]
    assert len(set(names)) == len(names), "an instance type tells its cloud"


@pytest.mark.parametrize(
    ("instance_type", "region", "zone", "purchase", "amount", "source", "as_of"),
    [
        ("m5.xlarge", "us-east-1", "us-east-1a", ON_DEMAND, 0.192, "aws/us-east-1", "2026-07-20"),
        ("m5.xlarge", "eu-west-1", "", ON_DEMAND, 0.214, "aws/eu-west-1", "2025-04-04"),
        ("g5.xlarge", "us-west-2", "", ON_DEMAND, 1.006, "aws/us-west-2", "2025-11-30"),
        ("p5.48xlarge", "us-east-1", "use1-az2", SPOT, 19.197, "aws/us-east-1", "2026-07"),
        ("p5.48xlarge", "us-east-1", "us-east-1a", ON_DEMAND, 55.04, "aws/us-east-1", "2026-07"),
        ("n2-standard-4", "us-central1", "us-central1-a", ON_DEMAND, 0.19424, "gcp/us-central1", "2024-06-26"),
        ("Standard_D4s_v5", "eastus", "eastus-1", ON_DEMAND, 0.192, "azure/eastus", "2026-06-18"),
    ],
)  # fmt: skip
def test_known_prices(instance_type, region, zone, purchase, amount, source, as_of):
    """m5.xlarge, p5 and n2 as on the clouds' own price pages on these dates."""
    price = load_catalogue().price(instance_type, region, zone, purchase)
    assert price is not None
    assert price.amount_per_hour == pytest.approx(amount, rel=1e-3)
    assert (price.source, price.as_of, price.currency) == (f"catalogue:{source}", as_of, "USD")


@pytest.mark.parametrize(
    ("instance_type", "region", "zone", "purchase", "reason"),
    [
        ("m5.xlarge", "ap-south-1", "ap-south-1a", ON_DEMAND, "the catalogue has no m5.xlarge in ap-south-1"),
        ("m5.xlarge", "", "", ON_DEMAND, "the node's region is not known"),
        ("m5.xlarge", "", "us-east-1-atl-2a", ON_DEMAND, "the node's region is not known"),
        ("m5.xlarge", "us-east-1", "", RESERVED, "the catalogue has no reserved prices"),
        ("m5.xlarge", "us-east-1", "", UNKNOWN, "the catalogue has no unknown prices"),
        ("Standard_D4s_v5", "eastus", "", SPOT, "no single spot price of Standard_D4s_v5 for zone (unknown)"),
        ("p5.48xlarge", "us-east-1", "us-east-1a", SPOT, "no single spot price of p5.48xlarge for zone us-east-1a"),
        ("p5.4xlarge", "us-east-1", "use1-az1", SPOT, "no single spot price"),
        ("x99.huge", "us-east-1", "", ON_DEMAND, "the catalogue has no x99.huge"),
        ("", "us-east-1", "", ON_DEMAND, "the node has no instance type"),
    ],
)
def test_what_is_not_known_is_not_guessed(instance_type, region, zone, purchase, reason):
    catalogue = load_catalogue()
    assert catalogue.price(instance_type, region, zone, purchase) is None
    assert reason in catalogue.why_not(instance_type, region, zone, purchase)


def test_the_zone_tells_the_region_where_no_label_does():
    catalogue = load_catalogue()
    zones = {"us-east-1a": "us-east-1", "us-central1-f": "us-central1", "eastus-2": "eastus", "eastus2-1": "", "x": ""}
    assert {zone: catalogue.region_of_zone(zone) for zone in zones} == zones
    assert catalogue.price("m5.xlarge", "", "us-east-1b", ON_DEMAND) == (
        catalogue.price("m5.xlarge", "us-east-1", "us-east-1b", ON_DEMAND)
    )


def listed(zone: str, on_demand: float, spot: float | None) -> ListPrice:
    return ListPrice("aws", "r", zone, on_demand, spot, "2026-01-01", "2026-02-02")


def test_rows_of_other_zones_count_only_if_all_of_them_agree():
    shape = InstanceShape("aws", "t", "", 4, 16, "", 0, 0)

    def price(prices: list[ListPrice], zone: str, purchase: Purchase) -> Price | None:
        return Catalogue({"t": shape}, {("t", "r"): prices}).price("t", "r", zone, purchase)

    agree = [listed("z1", 2.0, 0.5), listed("z2", 2.0, 0.7)]
    assert price(agree, "other", ON_DEMAND) == Price(2.0, "catalogue:aws/r", "2026-01-01")
    assert price(agree, "other", SPOT) is None
    assert price(agree, "z2", SPOT) == Price(0.7, "catalogue:aws/r", "2026-02-02")
    half = [listed("z1", 2.0, 0.5), listed("z2", 2.0, None)]
    assert price(half, "other", SPOT) is None
    assert price(half, "z2", SPOT) is None


def test_shapes():
    shapes = load_catalogue().shapes
    assert shapes["m7g.xlarge"] == InstanceShape("aws", "m7g.xlarge", "arm64", 4, 16, "", 0, 0, max_pods=58)
    assert shapes["p5.48xlarge"] == InstanceShape("aws", "p5.48xlarge", "amd64", 192, 2048, "H100", 8, 80, max_pods=100)
    assert shapes["a2-highgpu-2g"].gpu_count == 2


def test_it_loads_quickly():
    load_catalogue.cache_clear()
    started = time.process_time()
    load_catalogue()
    assert time.process_time() - started < 0.3
