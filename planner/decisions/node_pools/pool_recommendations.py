"""One recommendation for each pool whose nodes change."""

from collections.abc import Mapping, Sequence

from planner.decisions.evidence_of import window_evidence
from planner.decisions.facts import Facts
from planner.decisions.node_pools.pool_rows import rows_of_pool
from planner.plan.files import recommendation_id
from planner.plan.frozen import Target
from planner.plan.pools import Pool
from planner.plan.schema import Confidence, Detail, Evidence, Kind, Reason, Recommendation
from planner.snapshot.usage import SECONDS_PER_DAY

_HIGH_DAYS, _MEDIUM_DAYS = 7.0, 2.0
"""A week is what the pools are planned for."""
KARPENTER_LABEL = "karpenter.sh/nodepool"


def pool_recommendations(
    facts: Facts,
    pools: Sequence[Pool],
    repacked: Mapping[str, float],
    today: Mapping[str, float],
) -> tuple[Recommendation, ...]:
    """Changed pools, what saves most first.

    Args:
        facts: of the snapshot.
        pools: all rows.
        repacked: pool -> cost a month with today's requests; what packing alone saves is against that.
        today: pool -> cost a month.
    """
    names = sorted({row.pool for row in pools} | set(today) | set(repacked))
    saving = {name: today.get(name, 0.0) - repacked.get(name, 0.0) for name in names}
    rows = {name: rows_of_pool(pools, name) for name in names}
    changed = [name for name in names if _is_changed(rows[name], today.get(name, 0.0))]
    if not changed:
        return ()
    # A pool that stays as it is has no recommendation; what another packing would do there counts where most is.
    largest = max(changed, key=lambda name: abs(saving[name]))
    total = round(sum(saving.values()), 2)
    rounded = {name: round(saving[name], 2) for name in changed if name != largest}
    rounded[largest] = round(total - sum(rounded.values()), 2)
    made = [_recommendation(facts, name, rows[name], rounded[name]) for name in changed]
    return tuple(sorted(made, key=lambda item: (-(item.saving_per_month or 0.0), item.target.name)))


def _is_changed(rows: Sequence[Pool], cost_today: float) -> bool:
    if not rows:
        return cost_today > 0.0
    return any(row.nodes != row.nodes_now or row.min_nodes != row.nodes_now for row in rows)


def _recommendation(facts: Facts, name: str, rows: Sequence[Pool], saving: float) -> Recommendation:
    is_karpenter = any(n.pool == name and KARPENTER_LABEL in n.labels for n in facts.snapshot.nodes)
    target = Target(
        cluster=facts.snapshot.header.cluster,
        api_version="karpenter.sh/v1" if is_karpenter else "",
        kind="NodePool",
        name=name,
    )
    now, then = sum(row.nodes_now for row in rows), sum(row.nodes for row in rows)
    return Recommendation(
        id=recommendation_id(Kind.NODE_POOL, target),
        kind=Kind.NODE_POOL,
        target=target,
        replicas=None,
        current={"nodes": {_key(row): row.nodes_now for row in rows if row.nodes_now}},
        proposed={
            "nodes": {_key(row): row.nodes for row in rows if row.nodes},
            "min_nodes": {_key(row): row.min_nodes for row in rows if row.max_nodes},
            "max_nodes": {_key(row): row.max_nodes for row in rows if row.max_nodes},
        },
        reason=Reason(text=f"{now} nodes now, {then} in the busiest hours: {_what(rows)}", details=_details(rows)),
        evidence=_evidence(facts, rows),
        freed_value_per_month=None,
        saving_per_month=saving,
        patch={"method": "none", "why_none": "pools are set where they are managed"},
    )


def _key(row: Pool) -> str:
    return f"{row.instance_type}/{row.purchase}/{row.zone}"


def _what(rows: Sequence[Pool]) -> str:
    """``+2 m7i.12xlarge, -6 m7i.4xlarge``, over zones."""
    change: dict[str, int] = {}
    for row in rows:
        change[row.instance_type] = change.get(row.instance_type, 0) + row.nodes - row.nodes_now
    parts = [f"{count:+d} {name}" for name, count in sorted(change.items(), key=lambda i: (-i[1], i[0])) if count]
    return ", ".join(parts) or "the same types, in other zones or hours"


def _details(rows: Sequence[Pool]) -> tuple[Detail, ...]:
    found = []
    for row in rows:
        if row.fill is None:
            continue
        gpu = f", GPUs {row.fill.gpu:.0%}" if row.fill.gpu is not None else ""
        full = f"CPU {row.fill.cpu:.0%}, memory {row.fill.memory:.0%}{gpu}"
        found.append(
            Detail(
                field=f"nodes.{_key(row)}",
                code="fill",
                text=f"{row.nodes} nodes hold {row.pods} pods: {full}",
                numbers={"nodes": row.nodes, "pods": row.pods, "node_hours_per_month": row.node_hours_per_month},
            )
        )
    return tuple(found)


def _evidence(facts: Facts, rows: Sequence[Pool]) -> Evidence:
    header = facts.snapshot.header
    days = (header.end - header.start) / SECONDS_PER_DAY
    confidence = Confidence.LOW
    if days >= _HIGH_DAYS:
        confidence = Confidence.HIGH
    elif days >= _MEDIUM_DAYS:
        confidence = Confidence.MEDIUM
    return window_evidence(
        facts,
        samples=len(facts.snapshot.pods),
        pods=sum(row.pods for row in rows),
        confidence=confidence,
        note="pods by hour of the typical week; a sample is a pod with its start and end",
    )
