"""What a core, a GiB and a GPU cost where a workload runs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.domain.node import Node
from planner.domain.pod_request import PodRequest
from planner.domain.prices import ResourcePrices, is_gpu, resource_prices
from planner.domain.workload import Workload
from planner.plan.schema import PriceUse
from planner.units import GIB, HOURS_PER_MONTH

if TYPE_CHECKING:
    import pandas as pd

REFERENCE_PRICES = ResourcePrices(core_per_hour=0.031611, gib_per_hour=0.004237, gpu_per_hour=0.95)
"""Only to weigh risk where no price is known, never in an amount (OpenCost ``default.json``, read 2024-10)."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices by node, and their mean where a workload's nodes are not known.

    Attributes:
        by_node: node name -> prices; nodes without a price are absent.
        mean: mean over the priced nodes; ``None`` when there are none.
    """

    by_node: Mapping[str, ResourcePrices]
    mean: ResourcePrices | None
    all_nodes: frozenset[str]


def price_book(nodes: Iterable[Node], currency: str) -> PriceBook:
    """Split every node's price into prices of its resources; a price in another currency is no price."""
    listed = list(nodes)
    ours = [node for node in listed if node.price is not None and node.price.currency == currency]
    by_node = {node.name: prices for node in ours if (prices := resource_prices(node)) is not None}
    mean = _mean(by_node.values()) if by_node else None
    return PriceBook(by_node, mean, frozenset(node.name for node in listed))


def workload_prices(
    pods: "pd.DataFrame", workloads: tuple[Workload, ...], book: PriceBook
) -> list[ResourcePrices | None]:
    """Prices for each workload: the mean over the nodes of its running pods.

    Where none of its pods runs on a node of today the mean of all priced nodes is taken; where its nodes
    are known but have no price the answer is ``None``: unknown is not free.
    """
    alive = pods[pods["ended"].isna() & (pods["node"] != "")]
    nodes_of: dict[tuple[str, str, str], Counter[str]] = {}
    columns = (alive[name].to_numpy() for name in ("namespace", "kind", "workload", "node"))
    for namespace, kind, workload, node in zip(*columns, strict=True):
        if node in book.all_nodes:
            nodes_of.setdefault((namespace, kind, workload), Counter())[node] += 1
    result: list[ResourcePrices | None] = []
    for item in workloads:
        seen = nodes_of.get((item.namespace, item.kind, item.name))
        if seen is None:
            result.append(book.mean)
            continue
        priced = [
            book.by_node[node] for node, count in sorted(seen.items()) if node in book.by_node for _ in range(count)
        ]
        result.append(_mean(priced) if priced else None)
    return result


def value_per_month(request: PodRequest, prices: ResourcePrices) -> float:
    """Value of a request, summed over its pods, in the nodes' currency a month."""
    gpus = sum(count for name, count in request.extended.items() if is_gpu(name))
    hourly = (
        request.cpu_cores * prices.core_per_hour
        + request.memory_bytes / GIB * prices.gib_per_hour
        + gpus * prices.gpu_per_hour
    )
    return hourly * HOURS_PER_MONTH


def price_uses(nodes: Iterable[Node], book: PriceBook) -> tuple[PriceUse, ...]:
    """Which price stands behind which nodes, one row per pool, type, zone, purchase and price."""
    groups: dict[tuple[str, str, str, str, float | None, str, str], list[Node]] = {}
    for node in nodes:
        price = node.price
        key = (
            node.pool,
            node.instance_type,
            node.zone,
            node.purchase.value,
            None if price is None else price.amount_per_hour,
            "" if price is None else price.source,
            "" if price is None else price.as_of,
        )
        groups.setdefault(key, []).append(node)
    uses = []
    for key in sorted(groups, key=lambda k: tuple(str(part) for part in k)):
        prices = book.by_node.get(groups[key][0].name)
        uses.append(
            PriceUse(
                pool=key[0],
                instance_type=key[1],
                zone=key[2],
                purchase=key[3],
                nodes=len(groups[key]),
                amount_per_hour=key[4],
                source=key[5],
                as_of=key[6],
                core_per_hour=None if prices is None else round(prices.core_per_hour, 6),
                gib_per_hour=None if prices is None else round(prices.gib_per_hour, 6),
                gpu_per_hour=None if prices is None else round(prices.gpu_per_hour, 6),
            )
        )
    return tuple(uses)


def _mean(prices: Iterable[ResourcePrices]) -> ResourcePrices:
    listed = list(prices)
    with_gpu = [p.gpu_per_hour for p in listed if p.gpu_per_hour > 0]
    return ResourcePrices(
        core_per_hour=sum(p.core_per_hour for p in listed) / len(listed),
        gib_per_hour=sum(p.gib_per_hour for p in listed) / len(listed),
        gpu_per_hour=sum(with_gpu) / len(with_gpu) if with_gpu else 0.0,
    )
