"""OpenCost's ``node_total_hourly_cost``, checked before it is believed.

Its split into CPU, RAM and GPU is not read: it follows fixed ratios that are wrong on GPU nodes. Known faults of
the total (opencost/opencost issues 3781, 3160, 3219; kubecost/kubecost 2418): 730 times too low or too high when
custom prices are taken for monthly ones, zero, and the on-demand price on spot nodes without a spot data feed.
"""

import math
from dataclasses import dataclass
from typing import Literal

from planner.domain.node import Node, Price, Purchase
from planner.domain.prices import GENERAL_CORE_USD_PER_HOUR, GIB_PER_CORE
from planner.units import GIB

Verdict = Literal["fine", "not-positive", "implausible", "spot-at-list", "differs"]

DIFFERS_BY = 0.20
"""Share of the list price from which a difference is told."""
IMPLAUSIBLE_FACTOR = 20.0
"""No discount, and no surcharge, moves a list price that far; a wrong unit does."""
_IMPLAUSIBLE_FACTOR_OF_ESTIMATE = 100.0
_SAME_PRICE = 0.02
_HOURS_PER_MONTH_TRAP = (500.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a price of OpenCost is worth."""

    verdict: Verdict
    text: str = ""
    """How it differs, for the warning."""

    @property
    def usable(self) -> bool:
        """Whether the price may be used, if only with a warning."""
        return self.verdict in ("fine", "spot-at-list", "differs")


def judge(amount_per_hour: float, node: Node, list_price: Price | None, on_demand: Price | None) -> Judgement:
    """Compare OpenCost's price of a node with the list prices of its type.

    Args:
        amount_per_hour: OpenCost's total for the node, USD.
        node: the node.
        list_price: catalogue price for the way in which the node is paid for, if it is known.
        on_demand: catalogue price on demand, if it is known.
    """
    if not math.isfinite(amount_per_hour) or amount_per_hour <= 0:
        return Judgement("not-positive", "zero or not a number")
    reference = on_demand.amount_per_hour if on_demand else _estimate(node)
    allowed = IMPLAUSIBLE_FACTOR if on_demand else _IMPLAUSIBLE_FACTOR_OF_ESTIMATE
    # The estimate leaves GPUs out, so it only shows prices that are too low.
    too_high = amount_per_hour / reference if on_demand and reference else 0.0
    too_low = reference / amount_per_hour
    if max(too_low, too_high) > allowed:
        factor, word = max((too_low, "below"), (too_high, "above"))
        low, high = _HOURS_PER_MONTH_TRAP
        unit = " (an hour taken for a month of 730 hours?)" if low <= factor <= high else ""
        return Judgement("implausible", f"about {factor:.0f} times {word} the list price{unit}")
    if (
        node.purchase is Purchase.SPOT
        and on_demand
        and abs(amount_per_hour / on_demand.amount_per_hour - 1) <= _SAME_PRICE
        and (list_price is None or list_price.amount_per_hour < on_demand.amount_per_hour)
    ):
        return Judgement("spot-at-list", "the on-demand list price, on spot nodes")
    if list_price and abs(amount_per_hour / list_price.amount_per_hour - 1) > DIFFERS_BY:
        share = amount_per_hour / list_price.amount_per_hour - 1
        return Judgement("differs", f"{share:+.0%} against the list price of {list_price.as_of}")
    return Judgement("fine")


def _estimate(node: Node) -> float:
    """A rough on-demand price of the node's cores and memory; 0 where nothing is known."""
    cores = node.capacity.cpu_cores or 0.0
    gib = (node.capacity.memory_bytes or 0) / GIB
    return GENERAL_CORE_USD_PER_HOUR * (cores + gib / GIB_PER_CORE)
