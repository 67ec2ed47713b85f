import pytest

from planner.collectors.prices.price_file import read_price_file
from planner.domain.node import Node, Price, Purchase
from planner.errors import EXIT_USAGE, ConfigError

NODE = Node(
    "c", "n1", "pool-a", zone="us-east-1a", region="us-east-1", instance_type="m5.xlarge", purchase=Purchase.SPOT
)


def write(tmp_path, text: str | bytes):
    path = tmp_path / "prices.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_in_any_order_of_columns(tmp_path):
    text = (
        "price_per_hour,note,Instance_Type,currency,as_of,purchase\n"
        '0.1425,"after, the plan",m5.xlarge,EUR,2026-10-01,On-Demand\n'
        "\n"
        "0.07,,,,,\n"
    )
    first, second = read_price_file(write(tmp_path, text))
    assert first.price == Price(0.1425, "file:prices.csv", "2026-10-01", "EUR")
    assert (first.line, first.instance_type, first.purchase) == (2, "m5.xlarge", Purchase.ON_DEMAND)
    assert second.price == Price(0.07, "file:prices.csv", "", "USD")
    assert second.matches(NODE)
    assert not first.matches(NODE)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_files_of_windows_programs(tmp_path, end, mark):
    text = mark + f"node,price_per_hour{end}n1,0.5{end}".encode()
    [row] = read_price_file(write(tmp_path, text))
    assert (row.node, row.price.amount_per_hour) == ("n1", 0.5)


@pytest.mark.parametrize(
    ("selectors", "fits"),
    [
        ({}, True),
        ({"node": "n1"}, True),
        ({"node": "n2"}, False),
        ({"pool": "pool-a", "instance_type": "m5.xlarge"}, True),
        ({"pool": "pool-a", "instance_type": "m5.large"}, False),
        ({"region": "us-east-1", "zone": "us-east-1a", "purchase": "spot"}, True),
        ({"zone": "us-east-1b"}, False),
        ({"region": "eu-west-1"}, False),
        ({"purchase": "reserved"}, False),
        ({"instance_type": "M5.xlarge"}, False),
    ],
)
def test_all_selectors_must_fit(tmp_path, selectors, fits):
    header, cells = ",".join([*selectors, "price_per_hour"]), ",".join([*selectors.values(), "1"])
    [row] = read_price_file(write(tmp_path, f"{header}\n{cells}\n"))
    assert row.matches(NODE) is fits


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the price file is empty"),
        ("\n\n", "the price file is empty"),
        ("node;price_per_hour\nn1;1\n", "must be separated by commas"),
        ("node\tprice_per_hour\nn1\t1\n", "must be separated by commas"),
        ("node,price\nn1,1\n", "unknown column 'price'"),
        ("instance,price_per_hour\nn1,1\n", "did you mean instance_type?"),
        ("node,node,price_per_hour\na,b,1\n", "the column node is given twice"),
        ("node,pool\na,b\n", "there is no column price_per_hour"),
        ("node,price_per_hour\nn1,0\n", ":2: price_per_hour 0 is not above zero"),
        ("node,price_per_hour\nn1,-1\n", ":2: price_per_hour -1 is not above zero"),
        ("node,price_per_hour\nn1,nan\n", ":2: price_per_hour nan is not above zero"),
        ("node,price_per_hour\nn1,inf\n", ":2: price_per_hour inf is not above zero"),
        ("node,price_per_hour\nn1,1001\n", ":2: price_per_hour 1001 is above 1000"),
        ("node,price_per_hour\nn1,\n", ":2: price_per_hour '' is not a number"),
        ("node,price_per_hour\nn1\n", ":2: price_per_hour '' is not a number"),
        ("node,price_per_hour\nn1,$1\n", ":2: price_per_hour '$1' is not a number"),
        ("node,price_per_hour\nn1,0,5\n", ":2: has 3 cells, the header has 2 (a decimal comma?)"),
        ("price_per_hour,currency\n1,eur\n", ":2: the currency 'eur'"),
        ("price_per_hour,as_of\n1,24.11.2026\n", ":2: as_of '24.11.2026' is not a date"),
        ("price_per_hour,as_of\n1,20261124\n", ":2: as_of '20261124' is not a date"),
        ("price_per_hour,purchase\n1,sport\n", ":2: unknown purchase 'sport'; did you mean spot?"),
        ('price_per_hour,note\n1,"open\n', "not readable CSV"),
        (b"price_per_hour,note\n1,\xe4\n", "not UTF-8"),
    ],
)
def test_bad_files_are_refused_with_file_and_line(tmp_path, text, told):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_price_file(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == EXIT_USAGE


def test_every_bad_row_is_told(tmp_path):
    text = "node,price_per_hour\na,0\nb,1\nc,x\n" + "d,-1\n" * 30
    with pytest.raises(ConfigError) as caught:
        read_price_file(write(tmp_path, text))
    lines = caught.value.what.splitlines()
    assert lines[0].startswith("32 rows")
    assert ":2: " in lines[1]
    assert ":4: " in lines[2]
    assert lines[-1].strip() == "... and 12 more"


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_price_file(tmp_path / "none.csv")


def test_the_largest_price_can_be_raised(tmp_path):
    path = write(tmp_path, "price_per_hour\n2500\n")
    assert read_price_file(path, max_per_hour=5000)[0].price.amount_per_hour == 2500
