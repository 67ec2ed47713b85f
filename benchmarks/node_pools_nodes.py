"""Pods onto given nodes: as many GPUs allocated as possible (the node-pool benchmark with ``--nodes``)."""

import csv
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from node_pools_input import item_classes, read_pods

from solvers.node_patterns import PlanLimits, plan_bins
from solvers.packing_state import PackingState, gpu_layout
from solvers.pool_problem import BinTypes, PoolProblem


def allocate_on_nodes(pods_file: Path, nodes_file: Path, time_limit: float, placement: Path | None) -> dict:
    """Place pods, GPU pods first; a pod with a list of models goes onto those only.

    Leaving a GPU out costs 1, leaving a core out 0.0001, so that GPUs decide and cores break ties.
    """
    began = time.monotonic()
    pods = read_pods(pods_file, use_models=True)
    items = item_classes(pods, 0.0)
    with nodes_file.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    keys = [(int(r["cpu_milli"]), int(r["memory_mib"]), int(r["gpu"] or 0), r["model"]) for r in rows]
    kinds = sorted(set(keys))
    most_pods = len(pods.names)
    bins = BinTypes(
        names=tuple("-".join(map(str, kind)) for kind in kinds),
        capacity=np.array([[kind[0], kind[1], most_pods] for kind in kinds], dtype=np.int64),
        gpus=np.array([kind[2] for kind in kinds], dtype=np.int64),
        cost_per_hour=np.zeros(len(kinds)),
        group=np.zeros(len(kinds), dtype=np.int64),
        limit=np.array([float(keys.count(kind)) for kind in kinds]),
    )
    models = [set(key[4].split("|")) if key[4] else None for key in pods.classes]
    allowed = np.array([[model is None or kind[3] in model for kind in kinds] for model in models])
    core_cost = items.demand[:, 0] * 1e-7
    drop_cost = items.gpu_milli / 1000.0 + core_cost
    problem = PoolProblem(items, bins, ("given",), allowed=allowed, drop_cost=drop_cost)
    limits = PlanLimits(time_limit_seconds=max(5.0, time_limit - time.process_time()))
    found = plan_bins(problem, limits)
    if found.faults:
        raise SystemExit("the packing does not hold: " + "; ".join(found.faults[:5]))
    # Nodes that the plan leaves empty, and room beside its patterns, take what was left out.
    bin_type = np.repeat(np.arange(len(kinds)), bins.limit.astype(int))
    state = PackingState(problem, bin_type)
    place = {b: np.flatnonzero(bin_type == b).tolist() for b in range(len(kinds))}
    for number, row in zip(found.bin_type.tolist(), found.scenarios[0].contents, strict=True):
        state.fill(place[number].pop(0), row)
    left = items.count - state.contents.sum(axis=0)
    for k in np.lexsort((-items.demand[:, 0], -items.gpu_milli)).tolist():
        left[k] -= state.add_many(k, int(left[k]))
    total = float(bins.gpus[bin_type].sum())
    share = float(state.contents.sum(axis=0) @ items.gpu_milli) / 1000.0 / total
    wanted = float(items.count @ items.gpu_milli) / 1000.0 / total
    # The bound counts cores that are left out too; at most all of them are.
    left_cores_at_most = float(items.count @ core_cost)
    of_kind: dict[int, list[str]] = defaultdict(list)
    for row, key in zip(rows, keys, strict=True):
        of_kind[kinds.index(key)].append(row["sn"])
    node_names = [of_kind[int(b)].pop(0) for b in bin_type]
    if placement:
        _write(placement, problem, state, pods, node_names, [kinds[int(b)][3] for b in bin_type])
    number_left = np.flatnonzero(left).tolist()
    unplaced = [pods.names[i] for k in number_left for i in np.flatnonzero(pods.class_of_pod == k)[-int(left[k]) :]]
    return {
        "allocated_gpu_share": round(share, 6),
        "wanted_gpu_share": round(wanted, 6),
        "most_gpu_share_proved": round(wanted - max(0.0, found.lower_bound - left_cores_at_most) / total, 6),
        "gpus": int(total),
        "pods": len(pods.names),
        "seconds": round(time.monotonic() - began, 2),
        "cpu_seconds": round(time.process_time(), 2),
        "stopped_by": found.stopped_by,
        "unplaced_pods": unplaced,
    }


def _write(
    placement: Path, problem: PoolProblem, state: PackingState, pods, names: list[str], models: list[str]
) -> None:
    next_pod = {k: iter(np.flatnonzero(pods.class_of_pod == k).tolist()) for k in range(problem.items.size)}
    with placement.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["pod", "node", "instance_type", "zone", "purchase", "gpus", "scenario"])
        for number, contents in enumerate(state.contents):
            layout = gpu_layout(problem.items, contents, int(problem.bins.gpus[state.bin_type[number]])) or []
            plain = [
                (k, ())
                for k in np.flatnonzero(contents).tolist()
                if not problem.items.gpu_milli[k]
                for _ in range(int(contents[k]))
            ]
            for k, gpus in layout + plain:
                row = [pods.names[next(next_pod[k])], names[number], models[number], "", "", "+".join(map(str, gpus))]
                writer.writerow([*row, "normal"])
