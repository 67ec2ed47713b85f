"""The shipped catalogue: list prices and shapes of instance types, each with its source and date.

It is a default, not a feed. A price of another region is not this cluster's price, and neither is the
on-demand list price of a reserved node: where the catalogue does not know, it says so and why.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from planner.domain.node import Price, Purchase
from planner.shipped import shipped


@dataclass(frozen=True, slots=True)
class InstanceShape:
    """What a machine of an instance type has."""

    cloud: str
    instance_type: str
    arch: str
    """As in the label ``kubernetes.io/arch``; empty = not known."""
    vcpus: float
    memory_gib: float
    gpu_model: str
    gpu_count: float
    """Below 1 = a slice of a GPU."""
    gpu_memory_gib: float
    """Of each GPU."""
    max_pods: int = 0
    """That its network interfaces allow on EKS; 0 = not known."""


@dataclass(frozen=True, slots=True)
class ListPrice:
    """One row of the catalogue; ``None`` = no such offer, or no price known."""

    cloud: str
    region: str
    zone: str
    """Empty = the whole region. AWS zones are zone IDs (``use1-az2``), whose names differ per account."""
    on_demand_per_hour: float
    spot_per_hour: float | None
    as_of: str
    spot_as_of: str

    def price(self, purchase: Purchase) -> Price | None:
        """The price of one purchase option; reserved and unknown ones have no list price."""
        source = f"catalogue:{self.cloud}/{self.region}"
        if purchase is Purchase.ON_DEMAND:
            return Price(self.on_demand_per_hour, source, self.as_of)
        if purchase is Purchase.SPOT and self.spot_per_hour is not None:
            return Price(self.spot_per_hour, source, self.spot_as_of)
        return None


class Catalogue:
    """Shapes and list prices (USD per hour) by instance type."""

    def __init__(self, shapes: Mapping[str, InstanceShape], prices: Mapping[tuple[str, str], list[ListPrice]]) -> None:
        self.shapes = shapes
        self._prices = prices
        self._regions = sorted({region for _, region in prices}, key=len, reverse=True)

    def summary(self) -> str:
        """How much it holds and how old that is, for a person."""
        rows = [row for listed in self._prices.values() for row in listed]
        dates = sorted({row.as_of for row in rows})
        return f"{len(rows)} list prices in {len(self._regions)} regions, of {dates[0]} to {dates[-1]}"

    def price(self, instance_type: str, region: str, zone: str, purchase: Purchase) -> Price | None:
        """List price of a node, or ``None``: unknown is not guessed from another region or purchase option.

        A row of the node's zone or of the whole region tells the price. Where the catalogue has rows for other
        zones only (AWS zone IDs where the node has a zone name), they tell it if they all agree: on-demand
        prices do, spot prices mostly do not.
        """
        rows = self._rows(instance_type, region, zone)
        here = [row for row in rows if row.zone in ("", zone)] or rows
        found = [row.price(purchase) for row in here]
        amounts = {price.amount_per_hour if price else None for price in found}
        return found[0] if len(amounts) == 1 else None

    def why_not(self, instance_type: str, region: str, zone: str, purchase: Purchase) -> str:
        """Why :meth:`price` gives none, as the rest of a sentence."""
        if not instance_type:
            return "the node has no instance type"
        if instance_type not in self.shapes:
            return f"the catalogue has no {instance_type}"
        if not (region or self.region_of_zone(zone)):
            return "the node's region is not known"
        if not self._rows(instance_type, region, zone):
            return f"the catalogue has no {instance_type} in {region or self.region_of_zone(zone)}"
        if purchase not in (Purchase.ON_DEMAND, Purchase.SPOT):
            return f"the catalogue has no {purchase} prices"
        return f"the catalogue has no single {purchase} price of {instance_type} for zone {zone or '(unknown)'}"

    def region_of_zone(self, zone: str) -> str:
        """``us-east-1a`` -> ``us-east-1``, ``eastus-1`` -> ``eastus``; else empty."""
        for region in self._regions:
            if zone.startswith(region) and re.fullmatch(r"[a-z]|-[a-z]|-\d", zone[len(region) :]):
                return region
        return ""

    def _rows(self, instance_type: str, region: str, zone: str) -> list[ListPrice]:
        return self._prices.get((instance_type, region or self.region_of_zone(zone)), [])


@lru_cache(maxsize=4)
def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Read ``instance_types.csv`` and ``prices.csv``; ``None`` = the shipped folder."""
    place = shipped("data") / "catalogue" if folder is None else folder
    shapes = {}
    max_pods: dict[str, int] = {}
    if (place / "max_pods.csv").is_file():
        with (place / "max_pods.csv").open(encoding="utf-8", newline="") as file:
            max_pods = {row["instance_type"]: int(row["max_pods"]) for row in csv.DictReader(file)}
    with (place / "instance_types.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            shapes[row["instance_type"]] = InstanceShape(
                cloud=row["cloud"],
                instance_type=row["instance_type"],
                arch=row["arch"],
                vcpus=float(row["vcpus"]),
                memory_gib=float(row["memory_gib"]),
                gpu_model=row["gpu_model"],
                gpu_count=float(row["gpu_count"] or 0),
                gpu_memory_gib=float(row["gpu_memory_gib"] or 0),
                max_pods=max_pods.get(row["instance_type"], 0),
            )
    prices: dict[tuple[str, str], list[ListPrice]] = {}
    with (place / "prices.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            spot = row["spot_usd_per_hour"]
            listed = ListPrice(
                cloud=row["cloud"],
                region=row["region"],
                zone=row["zone"],
                on_demand_per_hour=float(row["on_demand_usd_per_hour"]),
                spot_per_hour=float(spot) if spot else None,
                as_of=row["as_of"],
                spot_as_of=row["spot_as_of"],
            )
            prices.setdefault((row["instance_type"], row["region"]), []).append(listed)
    return Catalogue(shapes, prices)
