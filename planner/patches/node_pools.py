"""Files for node pools: what a managed group is set to, and patches of Karpenter's NodePools.

Pools are not objects of the cluster where a cloud manages them, so their numbers come as data: one YAML table and the
same as Terraform variables. Karpenter's pools are objects: limits are merged in (other limits stay), and the types and
zones of the plan are one more requirement (Karpenter takes the intersection of requirements on one key).
"""

import json
from collections.abc import Sequence
from typing import Any

from planner.domain.catalogue import load_catalogue
from planner.patches.untrusted import file_stem, one_line
from planner.patches.yaml_text import comment_lines, to_yaml
from planner.plan.pools import Pool
from planner.plan.schema import Kind, Plan

FOLDER = "_node-pools"
TABLE, VARIABLES = "node-pools.yaml", "node-pools.auto.tfvars.json"
KARPENTER = "karpenter.sh/"
_REQUIREMENTS = "/spec/template/spec/requirements/-"


def pool_files(plan: Plan) -> dict[str, str]:
    """Path -> text; empty where no pools are planned."""
    if not plan.pools:
        return {}
    texts = {
        f"{FOLDER}/{TABLE}": _head(plan, _TABLE_WORDS) + to_yaml({"node_pools": [_row(row) for row in plan.pools]}),
        f"{FOLDER}/{VARIABLES}": _variables(plan),
    }
    for item in plan.recommendations:
        if item.kind is Kind.NODE_POOL and item.target.api_version.startswith(KARPENTER):
            rows = [row for row in plan.pools if row.pool == item.target.name and row.max_nodes]
            if rows:
                texts |= _karpenter(plan, item.target.name, item.target.api_version, rows)
    return texts


_TABLE_WORDS = (
    "Node pools of the plan: for each pool, type, purchase option and zone what to set. `min_nodes` and `max_nodes` are"
    " for the autoscaler of the group, `nodes` is what the busiest hours need. Add first, then remove: see `changes`"
    " of the plan, or `planner explain pool/NAME`.",
)


def _head(plan: Plan, words: Sequence[str]) -> str:
    made_up = ["The snapshot was made up: these values fit no real cluster."] if plan.synthetic else []
    origin = (
        f"Plan {one_line(plan.plan_id, 80)} of snapshot {one_line(plan.snapshot_id, 80)},"
        f" cluster {one_line(plan.cluster, 80)}."
    )
    lines = [line for text in (origin, *made_up, *words) for line in comment_lines(text)]
    return "\n".join(lines) + "\n"


def _row(row: Pool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "pool": row.pool,
        "instance_type": row.instance_type,
        "purchase": row.purchase,
        "zone": row.zone,
        "nodes_now": row.nodes_now,
        "nodes": row.nodes,
        "min_nodes": row.min_nodes,
        "max_nodes": row.max_nodes,
    }
    return made | ({"gpu_mode": row.mode} if row.mode else {})


def _variables(plan: Plan) -> str:
    """Terraform reads ``*.auto.tfvars.json`` by itself; keys are ``pool/type/purchase/zone``."""
    groups = {
        f"{row.pool}/{row.instance_type}/{row.purchase}/{row.zone}": {
            name: value for name, value in _row(row).items() if name != "nodes_now"
        }
        for row in plan.pools
    }
    return json.dumps({"node_pools": groups}, indent=2, ensure_ascii=True) + "\n"


def _karpenter(plan: Plan, name: str, api_version: str, rows: Sequence[Pool]) -> dict[str, str]:
    """A merge patch of the limits, where the types are known, and a JSON patch of what may be bought."""
    stem = file_stem(f"nodepool-{name}", name)
    limits = _limits(rows)
    texts = {}
    if limits:
        path = f"{FOLDER}/{stem}.merge.yaml"
        body = {"apiVersion": api_version, "kind": "NodePool", "metadata": {"name": name}, "spec": {"limits": limits}}
        words = (
            "Limits: what the plan's most nodes of any hour have in sum, whole machines.",
            f"kubectl patch nodepool {_safe(name)} --type merge --patch-file {stem}.merge.yaml",
        )
        texts[path] = _head(plan, words) + to_yaml(body)
    operations = [
        {"op": "add", "path": _REQUIREMENTS, "value": {"key": key, "operator": "In", "values": values}}
        for key, values in (
            ("node.kubernetes.io/instance-type", sorted({row.instance_type for row in rows})),
            ("topology.kubernetes.io/zone", sorted({row.zone for row in rows})),
            ("karpenter.sh/capacity-type", sorted({row.purchase for row in rows} & {"spot", "on-demand", "reserved"})),
        )
        if values
    ]
    words = (
        "Requirements: what the plan buys. Each is added to those that the pool has; Karpenter takes the intersection.",
        f"kubectl patch nodepool {_safe(name)} --type json --patch-file {stem}.json6902.yaml",
    )
    texts[f"{FOLDER}/{stem}.json6902.yaml"] = _head(plan, words) + to_yaml(operations)
    return texts


def _limits(rows: Sequence[Pool]) -> dict[str, str]:
    """Sums over the most nodes of every row; empty if a type is not in the catalogue."""
    shapes = load_catalogue().shapes
    if any(row.instance_type not in shapes for row in rows):
        return {}
    cores = sum(shapes[row.instance_type].vcpus * row.max_nodes for row in rows)
    memory = sum(shapes[row.instance_type].memory_gib * row.max_nodes for row in rows)
    return {"cpu": f"{cores:.0f}", "memory": f"{memory:.0f}Gi"}


def _safe(name: str) -> str:
    """A name for a command in a comment: only what a Kubernetes name may hold."""
    return name if all(c.isascii() and (c.isalnum() or c in "-.") for c in name) else "NAME"
