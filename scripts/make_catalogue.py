"""Make ``data/catalogue`` from a table of prices: ``python scripts/make_catalogue.py SOURCE_CSV OUT_DIR``.

Input: one row per cloud, region, zone (may be empty) and instance type, with the columns of ``_COLUMNS``.
Output: ``instance_types.csv`` (shapes) and ``prices.csv`` (USD per hour), every row with its source and date.
The same input gives the same bytes. What is dropped is counted on stderr.
"""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

_SHAPE = ("vcpus", "memory_gib", "gpu_model", "gpu_count", "gpu_memory_gib")
_COLUMNS = (
    "cloud",
    "region",
    "zone",
    "instance_type",
    *_SHAPE,
    "on_demand_usd_per_hour",
    "spot_usd_per_hour",
)
_TYPE_HEADER = ("cloud", "instance_type", "arch", *_SHAPE, "source", "as_of")
_PRICE_HEADER = (
    "cloud",
    "region",
    "zone",
    "instance_type",
    "on_demand_usd_per_hour",
    "spot_usd_per_hour",
    "source",
    "as_of",
    "spot_source",
    "spot_as_of",
)
_MOST_PER_HOUR = 1000.0
_MOST_PER_VCPU_HOUR = 5.0
_MOST_OVER_FAMILY = 1.5
"""Within a family without GPUs the price follows the vCPUs. More than this over the family's lowest price
per vCPU is another product: Azure's retail list mixes in prices with a Windows licence."""


class Source(NamedTuple):
    """Where a fact comes from, and its date (ISO 8601, to the month where the day is not known)."""

    name: str
    as_of: str


_KARPENTER_AWS_PRICES = Source("aws/karpenter-provider-aws", "2026-07-20")
_KARPENTER_AWS_SHAPES = Source("aws/karpenter-provider-aws", "2026-08")
_AWS_GPU = Source("tsaol/aws-gpu", "2025-11-30")
_EC2_SHOP = Source("yeo/ec2.shop", "2025-04-04")
_SKYPILOT = Source("skypilot-org/skypilot-catalog", "2026-07")
_SPOTINFO = Source("alexei-led/spotinfo", "2025-06-28")
_GCP = Source("doitintl/gcpinstances.info", "2024-06-26")
_KARPENTER_AZURE = Source("Azure/karpenter-provider-azure", "2026-06-18")
_AZURE_SHAPES = Source("Azure size names and documentation", "2026-01")

Row = Mapping[str, str]


def on_demand_source(row: Row) -> Source:
    """Source of a row's on-demand price."""
    cloud, region = row["cloud"], row["region"]
    if cloud == "aws" and row["zone"]:
        return _SKYPILOT
    if cloud == "aws" and region == "us-east-1":
        return _KARPENTER_AWS_PRICES
    if cloud == "aws" and region in ("us-west-2", "eu-west-1"):
        return _AWS_GPU if row["gpu_model"] else _EC2_SHOP
    if cloud == "gcp":
        return _GCP
    if cloud == "azure" and region == "eastus":
        return _KARPENTER_AZURE
    sys.exit(f"no source is known for the prices of {cloud} {region}")


def spot_source(row: Row) -> Source:
    """Source of a row's spot price: without a zone, AWS spot is on-demand less the region's average saving."""
    return _SPOTINFO if row["cloud"] == "aws" and not row["zone"] else on_demand_source(row)


def shape_source(row: Row) -> Source:
    """Source of a type's vCPUs, memory and GPUs."""
    return {"aws": _KARPENTER_AWS_SHAPES, "gcp": _GCP, "azure": _AZURE_SHAPES}[row["cloud"]]


def architecture(cloud: str, instance_type: str) -> str:
    """CPU architecture as in the node label ``kubernetes.io/arch``, told by the name; empty = not known."""
    if cloud == "aws":
        match = re.match(r"^(a1|[a-z]+\d+([a-z]*))[.-]", instance_type)
        if match is None:
            return ""
        return "arm64" if match[1] == "a1" or "g" in (match[2] or "") else "amd64"
    if cloud == "gcp":
        return "arm64" if instance_type.split("-")[0] in ("t2a", "c4a", "n4a") else "amd64"
    match = re.match(r"^Standard_[A-Z]+\d+(?:-\d+)?([a-z]*)_", instance_type)
    return "" if match is None else "arm64" if "p" in match[1] else "amd64"


def family(row: Row) -> str:
    """Types that differ in size only."""
    cloud, name = row["cloud"], row["instance_type"]
    if cloud == "aws":
        return name.split(".")[0]
    return name.rpartition("-")[0] if cloud == "gcp" else re.sub(r"\d+", "", name, count=1)


def usable(rows: Sequence[Row], dropped: Counter[str]) -> list[dict[str, str]]:
    """Rows with a believable on-demand price; a spot price that is not believable becomes empty."""
    lowest: dict[tuple[str, str], float] = {}
    for row in rows:
        price = _number(row["on_demand_usd_per_hour"])
        if price > 0 and not row["gpu_model"]:
            key = (row["region"], family(row))
            lowest[key] = min(price / float(row["vcpus"]), lowest.get(key, float("inf")))
    kept = []
    for row in rows:
        price = _number(row["on_demand_usd_per_hour"])
        spot = _number(row["spot_usd_per_hour"])
        per_vcpu = price / float(row["vcpus"])
        if price <= 0:
            dropped["rows: no on-demand price"] += 1
        elif price > _MOST_PER_HOUR or per_vcpu > _MOST_PER_VCPU_HOUR:
            dropped["rows: absurd on-demand price"] += 1
        elif not row["gpu_model"] and per_vcpu > _MOST_OVER_FAMILY * lowest[row["region"], family(row)]:
            dropped["rows: far over the price per vCPU of the family"] += 1
        else:
            believable = 0 < spot <= price
            if row["spot_usd_per_hour"] and not believable:
                dropped["spot prices: zero, or above on-demand"] += 1
            kept.append({**row, "spot_usd_per_hour": row["spot_usd_per_hour"] if believable else ""})
    return kept


def type_rows(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    """Lines of ``instance_types.csv``."""
    shapes: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in rows:
        cloud, name = row["cloud"], row["instance_type"]
        shape = (architecture(cloud, name), *(row[column] for column in _SHAPE), *shape_source(row))
        if shapes.setdefault((cloud, name), shape) != shape:
            sys.exit(f"two shapes of {cloud} {name}")
    return [(*key, *shapes[key]) for key in sorted(shapes)]


def price_rows(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    """Lines of ``prices.csv``."""
    lines = []
    for row in rows:
        spot = row["spot_usd_per_hour"]
        lines.append(
            (
                *(row[column] for column in _PRICE_HEADER[:4]),
                row["on_demand_usd_per_hour"],
                spot,
                *on_demand_source(row),
                *(spot_source(row) if spot else ("", "")),
            )
        )
    lines.sort(key=lambda line: line[:4])
    for before, after in pairwise(lines):
        if before[:4] == after[:4]:
            sys.exit(f"two prices of {' '.join(after[:4])}")
    return lines


def _number(text: str) -> float:
    return float(text) if text else 0.0


def _write(path: Path, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    temporary = path.with_name(f"{path.name}.tmp-make")
    temporary.write_text(buffer.getvalue(), encoding="utf-8", newline="")
    temporary.replace(path)


def main(arguments: Sequence[str]) -> None:
    """Read the table, write both files."""
    if len(arguments) != 2:
        sys.exit(__doc__)
    source, folder = Path(arguments[0]), Path(arguments[1])
    with source.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            sys.exit(f"{source.name}: the columns must be {', '.join(_COLUMNS)}")
        rows: list[Row] = list(reader)
    dropped: Counter[str] = Counter()
    kept = usable(rows, dropped)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "instance_types.csv", _TYPE_HEADER, type_rows(kept))
    _write(folder / "prices.csv", _PRICE_HEADER, price_rows(kept))
    sys.stderr.write(f"{len(rows)} rows read, {len(kept)} kept\n")
    sys.stderr.writelines(f"dropped {what}: {count}\n" for what, count in sorted(dropped.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
