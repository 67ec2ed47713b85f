import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.collectors.prices.assign import assign_prices
from planner.collectors.prices.price_file import PriceRow
from planner.domain.catalogue import load_catalogue
from planner.domain.node import Node, Price, Purchase
from planner.domain.workload import Resources
from planner.units import GIB

CATALOGUE = load_catalogue()
M5 = Node(
    "c", "a", "general", zone="us-east-1a", region="us-east-1", instance_type="m5.xlarge", purchase=Purchase.ON_DEMAND,
    capacity=Resources(4.0, 16 * GIB),
)  # fmt: skip
"""On demand 0.192 USD an hour on 2026-07-20."""
METAL = replace(M5, name="m", instance_type="", region="", zone="", pool="metal", purchase=Purchase.UNKNOWN)


def row(line: int, amount: float, currency: str = "USD", **selectors) -> PriceRow:
    return PriceRow(line, Price(amount, "file:p.csv", "", currency), **selectors)


def price_of(node: Node, **sources):
    [priced], warnings = assign_prices([node], catalogue=CATALOGUE, **sources)
    return priced.price, [warning.code for warning in warnings]


def test_the_file_beats_opencost_beats_the_catalogue():
    file, opencost = [row(2, 0.1, instance_type="m5.xlarge")], {"a": 0.18}
    assert price_of(M5, price_rows=file, opencost=opencost) == (Price(0.1, "file:p.csv", ""), [])
    assert price_of(M5, opencost=opencost, opencost_as_of="2026-11-24") == (Price(0.18, "opencost", "2026-11-24"), [])
    assert price_of(M5) == (Price(0.192, "catalogue:aws/us-east-1", "2026-07-20"), [])


@pytest.mark.parametrize(
    ("rows", "amount"),
    [
        ([row(2, 1), row(3, 2)], 2),
        ([row(2, 1, pool="general"), row(3, 2)], 1),
        ([row(2, 1, pool="general"), row(3, 2, zone="us-east-1a")], 2),
        ([row(2, 1, pool="general", zone="us-east-1a"), row(3, 2, instance_type="m5.xlarge")], 1),
        ([row(2, 1, node="a"), row(3, 2, pool="general", zone="us-east-1a", purchase=Purchase.ON_DEMAND)], 1),
        ([row(2, 1, node="a"), row(3, 2, node="a", pool="general"), row(4, 3, node="b")], 2),
        ([row(2, 1, node="a", pool="other"), row(3, 2)], 2),
    ],
)
def test_the_more_specific_row_wins_then_the_later_one(rows, amount):
    price, _ = price_of(M5, price_rows=rows)
    assert price is not None
    assert price.amount_per_hour == amount


def test_the_order_of_rows():
    few, many = row(9, 1, node="a"), row(2, 1, pool="p", zone="z", region="r", purchase=Purchase.SPOT)
    plain = [row(3, 1), row(4, 1)]
    assert sorted([few, *plain, many], key=lambda row: row.specificity) == [*plain, many, few]


def test_rows_that_set_no_price_are_named():
    rows = [row(2, 1), row(3, 2), row(4, 3, pool="genral")]
    _, warnings = assign_prices([M5], catalogue=CATALOGUE, price_rows=rows)
    assert [(warning.code, warning.text) for warning in warnings] == [
        ("price_row_unused", "line 2 of p.csv sets the price of no node"),
        ("price_row_unused", "line 4 of p.csv sets the price of no node"),
    ]


def test_unknown_prices_name_their_nodes_by_type_and_reason():
    nodes = [
        replace(M5, name="z", region="ap-south-1", zone=""),
        replace(M5, name="y", region="ap-south-1", zone=""),
        replace(M5, name="r", purchase=Purchase.RESERVED),
        METAL,
        M5,
    ]
    priced, warnings = assign_prices(nodes, catalogue=CATALOGUE)
    assert [node.name for node in priced if node.price is None] == ["z", "y", "r", "m"]
    assert [node.name for node in priced] == [node.name for node in nodes]
    assert {(warning.code, warning.text): warning.objects for warning in warnings} == {
        ("price_unknown", "no price for 1 node: the node has no instance type"): ("m",),
        ("price_unknown", "no price for 2 nodes of m5.xlarge: the catalogue has no m5.xlarge in ap-south-1"): (
            "y",
            "z",
        ),
        ("price_unknown", "no price for 1 node of m5.xlarge: the catalogue has no reserved prices"): ("r",),
    }
    assert all("--price-file" in warning.fix for warning in warnings)


def test_an_unknown_way_of_paying_counts_as_on_demand_and_is_told():
    price, codes = price_of(replace(M5, purchase=Purchase.UNKNOWN))
    assert price == Price(0.192, "catalogue:aws/us-east-1", "2026-07-20")
    assert codes == ["purchase_unknown"]


def test_an_old_price_of_a_node_does_not_survive():
    assert price_of(replace(METAL, price=Price(9.0, "old", "")))[0] is None


def test_the_zone_id_label_finds_the_spot_price_of_the_zone():
    node = replace(M5, instance_type="p5.48xlarge", purchase=Purchase.SPOT)
    assert price_of(node)[0] is None
    price, _ = price_of(replace(node, labels={"topology.k8s.aws/zone-id": "use1-az2"}))
    assert price is not None
    assert price.amount_per_hour == 19.197


@pytest.mark.parametrize(
    ("amount", "code", "source"),
    [
        (0.192, None, "opencost"),
        (0.16, None, "opencost"),
        (0.15, "opencost_differs", "opencost"),
        (0.24, "opencost_differs", "opencost"),
        (0.0, "opencost_not_positive", "catalogue:aws/us-east-1"),
        (-1.0, "opencost_not_positive", "catalogue:aws/us-east-1"),
        (float("nan"), "opencost_not_positive", "catalogue:aws/us-east-1"),
        (float("inf"), "opencost_not_positive", "catalogue:aws/us-east-1"),
        (0.192 / 730, "opencost_implausible", "catalogue:aws/us-east-1"),
        (0.192 * 730, "opencost_implausible", "catalogue:aws/us-east-1"),
        (0.192 / 25, "opencost_implausible", "catalogue:aws/us-east-1"),
    ],
)
def test_opencost_is_checked_against_the_list_price(amount, code, source):
    price, codes = price_of(M5, opencost={"a": amount})
    assert codes == ([code] if code else [])
    assert price is not None
    assert price.source == source


def test_the_trap_of_730_hours_is_named():
    _, [warning] = assign_prices([M5], catalogue=CATALOGUE, opencost={"a": 0.192 / 730})
    assert "about 730 times below the list price (an hour taken for a month of 730 hours?)" in warning.text


def test_the_trap_is_seen_without_a_list_price_too():
    """4 cores and 16 GiB cost about 0.0334 x (4 + 16/9) = 0.19 USD an hour; 0.0003 is 643 times less."""
    price, codes = price_of(METAL, opencost={"m": 0.0003})
    assert price is None
    assert codes == ["price_unknown", "opencost_implausible"]
    assert price_of(METAL, opencost={"m": 0.02})[0] == Price(0.02, "opencost", "")
    assert price_of(replace(METAL, capacity=Resources()), opencost={"m": 0.0003})[0] == Price(0.0003, "opencost", "")


def test_spot_nodes_at_the_on_demand_price_are_told():
    price, codes = price_of(replace(M5, purchase=Purchase.SPOT), opencost={"a": 0.192})
    assert codes == ["opencost_spot_at_list"]
    assert price == Price(0.192, "opencost", "")


def test_a_spot_node_without_a_discount_in_the_catalogue_is_no_trap():
    """AWS gave no discount on p5.48xlarge in use1-az1 in July 2026: 55.04 on demand and as spot."""
    node = replace(
        M5, instance_type="p5.48xlarge", purchase=Purchase.SPOT, labels={"topology.k8s.aws/zone-id": "use1-az1"}
    )
    assert price_of(node, opencost={"a": 55.04}) == (Price(55.04, "opencost", ""), [])


def test_no_currency_is_converted():
    euro = {"currency": "EUR"}
    price, codes = price_of(M5, **euro)
    assert (price, codes) == (None, ["price_unknown"])
    assert price_of(M5, price_rows=[row(2, 0.2, "EUR")], **euro) == (Price(0.2, "file:p.csv", "", "EUR"), [])
    assert price_of(M5, price_rows=[row(2, 0.2, "USD")], **euro) == (None, ["price_unknown"])
    assert price_of(M5, price_rows=[row(2, 0.2, "EUR")]) == (None, ["price_unknown"])
    assert price_of(M5, opencost={"a": 0.2}, **euro) == (None, ["price_unknown"])
    found = price_of(M5, opencost={"a": 0.2}, opencost_currency="EUR", **euro)
    assert found == (Price(0.2, "opencost", "", "EUR"), [])


def test_a_mix_of_currencies_is_told_with_both_names():
    rows = [row(2, 0.2, "EUR", node="a"), row(3, 0.2, "USD")]
    priced, [warning] = assign_prices([M5, replace(M5, name="b")], catalogue=CATALOGUE, price_rows=rows)
    assert [node.price is None for node in priced] == [True, False]
    assert warning.text == "no price for 1 node of m5.xlarge: file gives it in EUR, the policy counts in USD"


def test_five_thousand_nodes_and_a_thousand_rows_take_no_time():
    nodes = [replace(M5, name=f"n{i}", pool=f"p{i % 40}") for i in range(5000)]
    rows = [row(i, 1.0, node=f"n{i}") if i % 2 else row(i, 1.0, pool=f"p{i % 40}") for i in range(1, 1001)]
    started = time.process_time()
    assign_prices(nodes, catalogue=CATALOGUE, price_rows=rows, opencost={node.name: 0.19 for node in nodes})
    assert time.process_time() - started < 3


_NODES = st.lists(
    st.builds(
        replace, st.just(M5), name=st.sampled_from([f"n{i}" for i in range(5)]),
        pool=st.sampled_from(["p", "q"]), instance_type=st.sampled_from(["m5.xlarge", "c5.large", "odd", ""]),
        region=st.sampled_from(["us-east-1", "mars", ""]), purchase=st.sampled_from(list(Purchase)),
    ),
    max_size=5, unique_by=lambda node: node.name,
)  # fmt: skip
_ROWS = st.lists(
    st.builds(
        row, st.just(0), st.sampled_from([0.5, 1.5]), st.sampled_from(["USD", "EUR"]),
        node=st.sampled_from(["", "n0", "n1"]), pool=st.sampled_from(["", "p", "q"]),
        instance_type=st.sampled_from(["", "m5.xlarge"]), purchase=st.sampled_from([None, Purchase.SPOT]),
    ),
    max_size=6,
).map(lambda rows: [replace(row, line=i + 2) for i, row in enumerate(rows)])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(nodes=_NODES, rows=_ROWS, opencost=st.dictionaries(st.sampled_from(["n0", "n2", "n9"]), st.floats()))
def test_every_node_has_a_price_or_a_warning_that_names_it(nodes, rows, opencost):
    priced, warnings = assign_prices(nodes, catalogue=CATALOGUE, price_rows=rows, opencost=opencost)
    named = {name for warning in warnings if warning.code == "price_unknown" for name in warning.objects}
    assert {node.name for node in priced if node.price is None} == named
    for node in priced:
        assert node.price is None or (node.price.currency == "USD" and node.price.amount_per_hour > 0)
        matching = [row for row in rows if row.matches(node)]
        if matching:
            best = sorted(matching, key=lambda row: row.specificity)[-1]
            assert node.price == (best.price if best.price.currency == "USD" else None)
    again = assign_prices(nodes[::-1], catalogue=CATALOGUE, price_rows=rows[::-1], opencost=opencost)
    assert again == (priced[::-1], warnings)
