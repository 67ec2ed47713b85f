"""From today's nodes to the plan's, in an order that never leaves less than either has: what is added comes first."""

from collections.abc import Sequence

from planner.plan.pools import Pool, PoolChange


def ordered_changes(pools: Sequence[Pool]) -> tuple[PoolChange, ...]:
    """Additions by pool, then removals, what saves most first."""
    added = [(pool, pool.nodes - pool.nodes_now) for pool in pools if pool.nodes > pool.nodes_now]
    removed = [(pool, pool.nodes_now - pool.nodes) for pool in pools if pool.nodes < pool.nodes_now]
    added.sort(key=lambda item: (item[0].pool, item[0].instance_type, item[0].purchase, item[0].zone))
    removed.sort(key=lambda item: (-(item[0].price_per_hour or 0.0) * item[1], item[0].pool, item[0].zone))
    steps = [("add", *item) for item in added] + [("remove", *item) for item in removed]
    return tuple(_step(order, action, pool, nodes) for order, (action, pool, nodes) in enumerate(steps, start=1))


def _step(order: int, action: str, pool: Pool, nodes: int) -> PoolChange:
    what = f"{nodes} {pool.instance_type} {pool.purchase} node{'s' if nodes > 1 else ''} in {pool.zone}"
    is_added = action == "add"
    return PoolChange(
        order=order,
        action="add" if is_added else "remove",
        pool=pool.pool,
        instance_type=pool.instance_type,
        purchase=pool.purchase,
        zone=pool.zone,
        nodes=nodes,
        text=f"add {what} to pool {pool.pool}" if is_added else f"cordon, drain and remove {what} of pool {pool.pool}",
    )
