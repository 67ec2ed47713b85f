"""Hand-made pods and nodes to plan pools for."""

import numpy as np

from planner.decisions.node_pools.model import Member, Offering, Period, Placement, PodClass, PodShape, PoolInput
from planner.domain.node import Purchase


def offering(zone, price=1.0, **more):
    values = {"pool": "general", "instance_type": "toy.10", "purchase": Purchase.ON_DEMAND, "mode": ""} | more
    return Offering(
        name=f"{values['pool']}/{values['instance_type']}/{zone}", zone=zone, labels={}, taints=(), cpu_milli=10_000,
        memory_mib=10_000, ephemeral_mib=0, max_pods=100, extended=(), price_per_hour=price, price_source="toy",
        **values,
    )  # fmt: skip


def given(pods, offerings, protected=None, placement=None, cpu_milli=4000):
    """One class; ``pods`` and ``protected`` by period, the first one 48 hours of two."""
    pods = np.array(pods, dtype=np.int64)
    kept = np.zeros_like(pods) if protected is None else np.array(protected, dtype=np.int64)
    classes = (PodClass("c", PodShape(cpu_milli, 1000), placement or Placement(), (Member(0, None, pods, kept),)),)
    hours = [tuple(range(168))] if len(pods) == 1 else [tuple(range(48)), tuple(range(48, 168))]
    shape = (1, len(offerings))
    return PoolInput(
        periods=tuple(Period(f"p{i}", h) for i, h in enumerate(hours)), classes=classes, offerings=tuple(offerings),
        zones=tuple(sorted({one.zone for one in offerings})), allowed=np.ones(shape, dtype=bool),
        place_cost=np.zeros(shape),
    )  # fmt: skip
