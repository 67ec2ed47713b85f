import csv
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_catalogue.py"
HEADER = (
    "cloud,region,zone,instance_type,vcpus,memory_gib,gpu_model,gpu_count,gpu_memory_gib,"
    "on_demand_usd_per_hour,spot_usd_per_hour\n"
)
ROWS = """\
gcp,us-central1,us-central1-a,n2-standard-2,2,8,,,,0.0971,0.0234
aws,us-east-1,,m5.large,2,8,,,,0.096,0.04
aws,us-east-1,,m5.xlarge,4,16,,,,0.192,0.3
aws,us-east-1,,m5.2xlarge,8,32,,,,0,0.1
aws,us-east-1,,m5.4xlarge,16,64,,,,700.0,
aws,us-west-2,,g5.xlarge,4,16,A10G,1,22,1.006,0.5
aws,us-west-2,,m6g.large,2,8,,,,0.077,0
aws,us-west-2,usw2-az1,p5.48xlarge,192,2048,H100,8,80,55.04,55.04
azure,eastus,,Standard_D2as_v5,2,8,,,,0.178,
azure,eastus,,Standard_D4as_v5,4,16,,,,0.172,
azure,eastus,,Standard_D2ps_v5,2,8,,,,0.077,
"""


def make(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "in.csv").write_text(text)
    command = [sys.executable, str(SCRIPT), str(tmp_path / "in.csv"), str(tmp_path / "out")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def made(tmp_path: Path, name: str) -> dict[str, dict[str, str]]:
    with (tmp_path / "out" / name).open(newline="") as file:
        return {row["instance_type"]: row for row in csv.DictReader(file)}


def test_sentinels_are_dropped_and_counted(tmp_path):
    """m5.2xlarge has no price, m5.4xlarge a sentinel; D2as_v5 costs twice its sibling per vCPU (a Windows price)."""
    found = make(tmp_path, HEADER + ROWS)
    assert found.returncode == 0, found.stderr
    assert found.stderr.splitlines() == [
        "11 rows read, 8 kept",
        "dropped rows: absurd on-demand price: 1",
        "dropped rows: far over the price per vCPU of the family: 1",
        "dropped rows: no on-demand price: 1",
        "dropped spot prices: zero, or above on-demand: 2",
    ]
    prices = made(tmp_path, "prices.csv")
    assert sorted(prices) == sorted(made(tmp_path, "instance_types.csv"))
    assert {name: row["spot_usd_per_hour"] for name, row in prices.items()} == {
        "m5.large": "0.04", "m5.xlarge": "", "g5.xlarge": "0.5", "m6g.large": "", "p5.48xlarge": "55.04",
        "n2-standard-2": "0.0234", "Standard_D4as_v5": "", "Standard_D2ps_v5": "",
    }  # fmt: skip


def test_each_row_gets_its_own_source_and_date(tmp_path):
    make(tmp_path, HEADER + ROWS)
    prices = made(tmp_path, "prices.csv")
    columns = ("source", "as_of", "spot_source", "spot_as_of")
    assert {name: tuple(row[column] for column in columns) for name, row in prices.items()} == {
        "m5.large": ("aws/karpenter-provider-aws", "2026-07-20", "alexei-led/spotinfo", "2025-06-28"),
        "m5.xlarge": ("aws/karpenter-provider-aws", "2026-07-20", "", ""),
        "g5.xlarge": ("tsaol/aws-gpu", "2025-11-30", "alexei-led/spotinfo", "2025-06-28"),
        "m6g.large": ("yeo/ec2.shop", "2025-04-04", "", ""),
        "p5.48xlarge": ("skypilot-org/skypilot-catalog", "2026-07", "skypilot-org/skypilot-catalog", "2026-07"),
        "n2-standard-2": ("doitintl/gcpinstances.info", "2024-06-26", "doitintl/gcpinstances.info", "2024-06-26"),
        "Standard_D4as_v5": ("Azure/karpenter-provider-azure", "2026-06-18", "", ""),
        "Standard_D2ps_v5": ("Azure/karpenter-provider-azure", "2026-06-18", "", ""),
    }
    archs = {name: row["arch"] for name, row in made(tmp_path, "instance_types.csv").items()}
    assert [name for name, arch in archs.items() if arch == "arm64"] == ["m6g.large", "Standard_D2ps_v5"]


def test_the_same_table_in_another_order_gives_the_same_bytes(tmp_path):
    make(tmp_path, HEADER + ROWS)
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    make(tmp_path, HEADER + "\n".join(reversed(ROWS.splitlines())) + "\n")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first
    assert sorted(first) == ["instance_types.csv", "prices.csv"]


def test_what_has_no_source_or_says_two_things_is_refused(tmp_path):
    for rows, told in (
        ("aws,eu-north-1,,m5.large,2,8,,,,0.1,\n", "no source is known for the prices of aws eu-north-1"),
        ("aws,us-east-1,,m5.large,2,8,,,,0.1,\naws,us-west-2,,m5.large,2,9,,,,0.1,\n", "two shapes of aws m5.large"),
        ("aws,us-east-1,,m5.large,2,8,,,,0.1,\naws,us-east-1,,m5.large,2,8,,,,0.11,\n", "two prices of aws us-east-1"),
    ):
        found = make(tmp_path, HEADER + rows)
        assert found.returncode == 1
        assert told in found.stderr
    assert "the columns must be" in make(tmp_path, "a,b\n1,2\n").stderr
