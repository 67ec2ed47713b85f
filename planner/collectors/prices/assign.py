"""Give every node a price, from the first source that knows it; say loudly where none does.

Order: the operator's file > OpenCost > the catalogue > unknown. A price in another currency than the policy's is
not converted: the node's price is then unknown, even if a later source has one in the right currency, since the
earlier source was meant to override it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from planner.collectors.prices.opencost import judge
from planner.collectors.prices.price_file import PriceRow
from planner.domain.catalogue import Catalogue
from planner.domain.node import Node, Price, Purchase
from planner.snapshot.header import SourceWarning

PriceWarning = SourceWarning

ZONE_ID_LABEL = "topology.k8s.aws/zone-id"
_CATALOGUE_CURRENCY = "USD"
_PRICE_FILE_FIX = "give their price in a price file (--price-file FILE)"
_OPENCOST_TEXTS = {
    "not-positive": ("opencost_not_positive", "is ignored", ""),
    "implausible": ("opencost_implausible", "is ignored", ""),
    "spot-at-list": ("opencost_spot_at_list", "is used", "Spot nodes look dearer than they are."),
    "differs": ("opencost_differs", "is used", ""),
}


@dataclass(slots=True)
class _Findings:
    """Node names by what there is to say about them."""

    unknown: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """(instance type, reason)."""
    opencost: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """(verdict, instance type, text)."""
    assumed_on_demand: list[str] = field(default_factory=list)
    used_lines: set[int] = field(default_factory=set)


def assign_prices(
    nodes: Sequence[Node],
    *,
    catalogue: Catalogue,
    price_rows: Sequence[PriceRow] = (),
    opencost: Mapping[str, float] | None = None,
    currency: str = "USD",
    opencost_currency: str = "USD",
    opencost_as_of: str = "",
) -> tuple[list[Node], list[PriceWarning]]:
    """The same nodes with their prices, and what there is to warn about.

    Args:
        nodes: as observed; a price that they already have is replaced.
        catalogue: list prices, in USD.
        price_rows: rows of the operator's file.
        opencost: ``node_total_hourly_cost`` by node name.
        currency: the policy's currency. Prices in another one are not used.
        opencost_currency: OpenCost's metric does not tell it.
        opencost_as_of: ISO date of OpenCost's figures.
    """
    prices = opencost or {}
    findings = _Findings()
    file_prices = _FilePrices(price_rows)
    priced = []
    for node in nodes:
        price: Price | None
        row = file_prices.row_for(node)
        if row is not None:
            findings.used_lines.add(row.line)
            price = row.price
        else:
            price = _opencost_price(node, prices.get(node.name), opencost_currency, opencost_as_of, catalogue, findings)
            price = price or _catalogue_price(node, catalogue, findings)
        if price is not None and price.currency != currency:
            reason = f"{price.source.split(':')[0]} gives it in {price.currency}, the policy counts in {currency}"
            findings.unknown[node.instance_type, reason].append(node.name)
            price = None
        if price is not None and node.purchase is Purchase.UNKNOWN and price.source.startswith("catalogue:"):
            findings.assumed_on_demand.append(node.name)
        priced.append(replace(node, price=price))
    return priced, _warnings(findings, price_rows)


class _FilePrices:
    """Rows of a price file, found without trying each row on each node."""

    def __init__(self, rows: Sequence[PriceRow]) -> None:
        self._by_node: dict[str, list[PriceRow]] = defaultdict(list)
        self._for_any = [row for row in rows if not row.node]
        for row in rows:
            if row.node:
                self._by_node[row.node].append(row)
        self._found: dict[tuple[str, str, str, str, Purchase], PriceRow | None] = {}

    def row_for(self, node: Node) -> PriceRow | None:
        named = [row for row in self._by_node.get(node.name, ()) if row.matches(node)]
        if named:
            return max(named, key=lambda row: row.specificity)
        key = (node.pool, node.instance_type, node.region, node.zone, node.purchase)
        if key not in self._found:
            matching = (row for row in self._for_any if row.matches(node))
            self._found[key] = max(matching, key=lambda row: row.specificity, default=None)
        return self._found[key]


def _opencost_price(
    node: Node, amount: float | None, currency: str, as_of: str, catalogue: Catalogue, findings: _Findings
) -> Price | None:
    if amount is None:
        return None
    price = Price(amount, "opencost", as_of, currency)
    if currency != _CATALOGUE_CURRENCY:
        if amount > 0:
            return price
        findings.opencost["not-positive", node.instance_type, "zero or not a number"].append(node.name)
        return None
    judgement = judge(
        amount, node, _list_price(node, node.purchase, catalogue), _list_price(node, Purchase.ON_DEMAND, catalogue)
    )
    if judgement.verdict != "fine":
        findings.opencost[judgement.verdict, node.instance_type, judgement.text].append(node.name)
    return price if judgement.usable else None


def _catalogue_price(node: Node, catalogue: Catalogue, findings: _Findings) -> Price | None:
    purchase = Purchase.ON_DEMAND if node.purchase is Purchase.UNKNOWN else node.purchase
    price = _list_price(node, purchase, catalogue)
    if price is None:
        reason = catalogue.why_not(node.instance_type, node.region, node.zone, purchase)
        findings.unknown[node.instance_type, reason].append(node.name)
    return price


def _list_price(node: Node, purchase: Purchase, catalogue: Catalogue) -> Price | None:
    region = node.region or catalogue.region_of_zone(node.zone)
    return catalogue.price(node.instance_type, region, node.labels.get(ZONE_ID_LABEL) or node.zone, purchase)


def _warnings(findings: _Findings, price_rows: Sequence[PriceRow]) -> list[PriceWarning]:
    warnings = []
    for (instance_type, reason), names in sorted(findings.unknown.items()):
        what = _nodes_text(names, instance_type)
        costs = "They count neither as free nor at a guessed price: their cost is missing from every amount."
        warnings.append(_warning("price_unknown", f"no price for {what}: {reason}", names, costs, _PRICE_FILE_FIX))
    for (verdict, instance_type, text), names in sorted(findings.opencost.items()):
        code, use, costs = _OPENCOST_TEXTS[verdict]
        said = f"OpenCost's price of {_nodes_text(names, instance_type)} {use}: {text}"
        warnings.append(_warning(code, said, names, costs, "check OpenCost's prices, or " + _PRICE_FILE_FIX))
    if findings.assumed_on_demand:
        names = findings.assumed_on_demand
        said = f"{_nodes_text(names, '')} do not tell how they are paid for: priced on demand"
        warnings.append(_warning("purchase_unknown", said, names, "Amounts are too high if they are spot nodes.", ""))
    for row in sorted(price_rows, key=lambda row: row.line):
        if row.line not in findings.used_lines:
            said = f"line {row.line} of {row.price.source.removeprefix('file:')} sets the price of no node"
            warnings.append(_warning("price_row_unused", said, [], "", "check its selectors"))
    return warnings


def _nodes_text(names: Sequence[str], instance_type: str) -> str:
    return f"{len(names)} node{'' if len(names) == 1 else 's'}{f' of {instance_type}' if instance_type else ''}"


def _warning(code: str, text: str, names: Sequence[str], costs: str, fix: str) -> PriceWarning:
    return SourceWarning(source="prices", code=code, text=text, costs=costs, fix=fix, objects=tuple(sorted(names)))
