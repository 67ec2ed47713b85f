"""Node pools for a list of pods: real packings, a proved bound, and what first-fit decreasing costs.

Example::

    python benchmarks/node_pools.py --pods openb_pod_list_default.csv --prices prices_gpu_cpu.csv \
        --allocatable aws_eks_allocatable.csv --types 9 --time-limit 120 --json out.json --placement placement.csv

Nodes have what the allocatable file says, less 250m, 400 MiB and 6 pods for DaemonSets. Shares of one GPU add up to at
most 1000 milli. Pods that fit no type are listed apart. ``--protect 1`` asks that every pod has a place when any one
zone is lost. With ``--nodes`` the pods go onto given nodes instead, without DaemonSets, and as many GPUs as possible
are to be allocated.

``class_duals`` of the JSON proves the bound: for one scenario, no pattern of pods that fits a node is worth more than
the node costs, so the sum over all pods bounds the cost of every packing. With protection there are duals for
the loss of a zone too; a node's best pattern at each, times the part of the nodes that is left, adds up to at most
its cost.
"""

import argparse
import csv
import json
import resource
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from node_pools_baseline import first_fit_decreasing
from node_pools_input import (
    TYPES_9,
    TYPES_16,
    Pods,
    item_classes,
    offers_by_zone,
    pool_problem,
    read_allocatable,
    read_pods,
    read_prices,
)
from node_pools_nodes import allocate_on_nodes

from solvers.bin_plan import BinPlan, ScenarioPacking
from solvers.node_patterns import PlanLimits, plan_bins
from solvers.packing_state import gpu_layout
from solvers.pattern_columns import Round
from solvers.pool_problem import PoolProblem


def main() -> None:
    """Read, plan, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=Path, required=True)
    parser.add_argument("--prices", type=Path)
    parser.add_argument("--allocatable", type=Path)
    parser.add_argument("--nodes", type=Path, help="given nodes: sn, cpu_milli, memory_mib, gpu, model")
    parser.add_argument("--types", default="9", help="9, 16, or a file with one instance type per line")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--zones", type=int, default=1)
    parser.add_argument("--protect", type=float, default=0.0, help="share of each class that survives a zone's loss")
    parser.add_argument("--time-limit", type=float, default=120.0, help="seconds of processor time, reading included")
    parser.add_argument("--copies", type=float, default=1.0, help="scale the pods of each class, for growth tables")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--placement", type=Path)
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    if not 0.0 <= options.protect <= 1.0:
        parser.error("--protect is a share from 0 to 1")
    if options.zones < 1 or (options.protect and options.zones < 2):
        parser.error("--zones must be at least 1, and at least 2 with --protect")
    if options.nodes:
        result = allocate_on_nodes(options.pods, options.nodes, options.time_limit, options.placement)
    elif options.prices is None or options.allocatable is None:
        parser.error("--prices and --allocatable are needed without --nodes")
    else:
        result = plan(options)
    text = json.dumps(result, indent=1)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    short = {key: value for key, value in result.items() if not key.startswith("class_duals")}
    short["unplaced_pods"] = len(result.get("unplaced_pods", []))
    print(json.dumps(short, indent=1))


def plan(options: argparse.Namespace) -> dict:
    """Plan pools for the pods, as the JSON of the benchmark."""
    began = time.monotonic()
    pods = grown(read_pods(options.pods, use_models=False), options.copies)
    allocatable = read_allocatable(options.allocatable)
    types = wanted_types(options.types)
    prices, warnings = read_prices(options.prices, options.region, types)
    for name in [name for name in types if name not in allocatable or not prices[name]]:
        warnings.append(f"{name}: no {'price' if name in allocatable else 'allocatable resources'}; left out")
        del prices[name]
    zones, offers = offers_by_zone(prices, options.region, options.zones)
    if not offers:
        raise SystemExit("no instance type has both a price in the region and allocatable resources")
    problem = pool_problem(item_classes(pods, options.protect), zones, offers, allocatable)

    def progress(done: Round) -> None:
        if not options.quiet and done.number % 10 == 0:
            print(f"round {done.number}: relaxed {done.master_cost:.2f}, bound {done.lower_bound:.2f}", flush=True)

    first_fit = first_fit_decreasing(problem)
    left = max(5.0, options.time_limit - time.process_time())
    found = plan_bins(problem, PlanLimits(time_limit_seconds=left), progress=progress)
    if found.faults:
        raise SystemExit("the packing does not hold: " + "; ".join(found.faults[:5]))
    rows, lost = placement_rows(problem, found, pods)
    if options.placement:
        with options.placement.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["pod", "node", "instance_type", "zone", "purchase", "gpus", "scenario"])
            writer.writerows(rows)
    counted = Counter(int(b) for b in found.bin_type)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    placed_nowhere = np.flatnonzero(problem.without_place[pods.class_of_pod] > 0)
    duals = [dual_table(pods, prices_of_scenario) for prices_of_scenario in found.class_prices]
    return {
        "packed_cost_per_hour": round(found.cost_per_hour, 6),
        "lower_bound_per_hour": round(found.lower_bound, 6),
        "bound_source": found.bound_source,
        "gap": round(found.gap, 6),
        "ffd_cost_per_hour": round(first_fit, 6),
        "below_ffd": round(1.0 - found.cost_per_hour / first_fit, 6) if first_fit else 0.0,
        "seconds": round(time.monotonic() - began, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_memory_mib": round(usage.ru_maxrss / 1024, 1),
        "pods": len(pods.names),
        "stopped_by": found.stopped_by,
        "rounds": found.rounds,
        "warnings": warnings,
        "nodes": [
            {
                "instance_type": offers[b].instance_type,
                "zone": offers[b].zone,
                "purchase": "on-demand",
                "count": count,
                "usd_per_hour": offers[b].usd_per_hour,
            }
            for b, count in sorted(counted.items())
        ],
        "unplaced_pods": [pods.names[i] for i in placed_nowhere] + [pods.names[i] for i in left_out_pods(found, pods)],
        "zone_loss": lost,
        "class_duals": duals[0],
        "class_duals_lost": [
            {"lost": "any zone" if len(duals) == 2 else zone, "weight": float(weight), "duals": table}
            for zone, weight, table in zip(zones, found.scenario_weight[1:], duals[1:], strict=False)
        ],
    }


def wanted_types(text: str) -> list[str]:
    """Instance types by name of the list or from a file."""
    if text in ("9", "16"):
        return list(TYPES_9 if text == "9" else TYPES_16)
    lines = Path(text).read_text(encoding="utf-8").split()
    return list(dict.fromkeys(line.strip(",") for line in lines))


def grown(pods: Pods, copies: float) -> Pods:
    """The same classes with more or fewer pods of each, at least one."""
    if copies == 1.0:
        return pods
    count = np.bincount(pods.class_of_pod, minlength=len(pods.classes))
    scaled = np.maximum(1, np.rint(count * copies)).astype(int)
    class_of_pod = np.repeat(np.arange(len(scaled)), scaled)
    return Pods([f"pod-{i:06d}" for i in range(len(class_of_pod))], class_of_pod, pods.classes, pods.with_models)


def dual_table(pods: Pods, prices: np.ndarray) -> dict[str, float]:
    """Price by "cpu_milli,memory_mib,num_gpu,gpu_milli" of a class."""
    table = {}
    for (cpu, memory, gpus, milli, _), price in zip(pods.classes, prices, strict=True):
        table[f"{cpu},{memory},{1 if milli else gpus},{milli or (1000 if gpus else 0)}"] = float(price)
    return table


def left_out_pods(found: BinPlan, pods: Pods) -> list[int]:
    """Pods that fit a type but have no place in the plan; none unless the search failed."""
    result: list[int] = []
    for k in np.flatnonzero(found.scenarios[0].left_out).tolist():
        result += np.flatnonzero(pods.class_of_pod == k)[-int(found.scenarios[0].left_out[k]) :].tolist()
    return result


def placement_rows(problem: PoolProblem, found: BinPlan, pods: Pods) -> tuple[list[list[str]], list[dict]]:
    """A row for each pod and scenario, and what became of the protected pods for each lost zone.

    The first pods of a class are its protected ones. Pods whose node survives stay there where the packing allows.
    """
    names = [problem.bins.names[b].split("/") for b in range(problem.bins.size)]
    of_class: dict[int, list[int]] = defaultdict(list)
    for i, k in enumerate(pods.class_of_pod.tolist()):
        of_class[k].append(i)
    rows: list[list[str]] = []
    lost: list[dict] = []
    usual: dict[int, dict[int, list[int]]] = {}
    for scenario in found.scenarios:
        is_normal = scenario.lost_group < 0
        wanted = problem.items.count if is_normal else problem.items.protected
        on_node, moved = _pods_on_nodes(scenario, {k: of_class[k][: int(n)] for k, n in enumerate(wanted)}, usual)
        name = "normal"
        if is_normal:
            usual = on_node
        else:
            zone = problem.group_names[scenario.lost_group]
            name = f"lost:{zone}"
            lost.append(
                {
                    "zone": zone,
                    "unplaced_protected_pods": int(scenario.left_out.sum()),
                    "protected_pods_that_fit_no_type": int(problem.items.protected[problem.without_place].sum()),
                    "pods_moved_within_other_zones": moved,
                }
            )
        for number, contents in zip(scenario.bins.tolist(), scenario.contents, strict=True):
            b = int(found.bin_type[number])
            here = {k: iter(numbers) for k, numbers in on_node[number].items()}
            gpus_of = (gpu_layout(problem.items, contents, int(problem.bins.gpus[b])) or []) + [
                (k, ())
                for k in np.flatnonzero(contents).tolist()
                if not problem.items.gpu_milli[k]
                for _ in range(int(contents[k]))
            ]
            for k, gpus in gpus_of:
                node = [f"node-{number:05d}", *names[b], "on-demand"]
                rows.append([pods.names[next(here[k])], *node, "+".join(map(str, gpus)), name])
    return rows, lost


def _pods_on_nodes(
    scenario: ScenarioPacking, wanted: dict[int, list[int]], usual: dict[int, dict[int, list[int]]]
) -> tuple[dict[int, dict[int, list[int]]], int]:
    """Pods by node and class, and how many left a node that survives: pods stay where they usually are if they can."""
    on_node: dict[int, dict[int, list[int]]] = {}
    waiting = {k: set(numbers) for k, numbers in wanted.items()}
    for number, contents in zip(scenario.bins.tolist(), scenario.contents, strict=True):
        on_node[number] = {}
        for k in np.flatnonzero(contents).tolist():
            stay = [i for i in usual.get(number, {}).get(k, []) if i in waiting[k]][: int(contents[k])]
            on_node[number][k] = stay
            waiting[k].difference_update(stay)
    survivors = {i for number in on_node for numbers in usual.get(number, {}).values() for i in numbers}
    moved = 0
    ordered = {k: iter(sorted(numbers)) for k, numbers in waiting.items()}
    for number, contents in zip(scenario.bins.tolist(), scenario.contents, strict=True):
        for k, stay in on_node[number].items():
            while len(stay) < int(contents[k]):
                pod = next(ordered[k])
                moved += pod in survivors
                stay.append(pod)
    return on_node, moved


if __name__ == "__main__":
    main()
