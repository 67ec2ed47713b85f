"""The sample platform as OpenMetrics text, as a Prometheus would have scraped it.

::

    model = build_model(days=3)
    for begin, end in block_ranges(model, hours=54):
        write_openmetrics(model, Path("part.txt"), begin, end)
        # promtool tsdb create-blocks-from openmetrics --max-block-duration=54h part.txt data

Timing. A step's value is constant inside ``[t, t + 300)`` and scraped at t + 30, 105, 180, 255, so
that ``rate(x[5m])`` and ``max_over_time(x[5m])`` at t + 300 give back the step's own value.
kube-state-metrics is scraped every 240 s, inside Prometheus' lookback of five minutes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from planner.collectors.sample.exposition_objects import object_families
from planner.collectors.sample.exposition_pods import State, families, pod_families
from planner.collectors.sample.exposition_text import span_of
from planner.collectors.sample.exposition_usage import cadvisor_families, dcgm_families
from planner.collectors.sample.model import Model
from planner.collectors.sample.objects import raw_objects
from planner.collectors.sample.objects_cluster import provider_id
from planner.collectors.sample.platform import REGION, START, STEP_SECONDS

SECONDS_PER_HOUR = 3600


def openmetrics(
    model: Model,
    start: float | None = None,
    end: float | None = None,
    *,
    node_prices: Mapping[str, float] | None = None,
) -> Iterator[str]:
    """Text of a part of the window, in chunks of whole lines, families together, without ``# EOF``.

    Args:
        model: what to expose.
        start: Unix seconds on the grid of steps; ``None`` = start of the window.
        end: the same, first second that is left out; ``None`` = end of the window.
        node_prices: USD per hour by node: OpenCost's metrics of nodes are exposed too.
    """
    first = 0 if start is None else max(0, round((start - START) / STEP_SECONDS))
    last = model.steps if end is None else min(model.steps, round((end - START) / STEP_SECONDS))
    span = span_of(first, last)
    yield from cadvisor_families(model, span)
    yield from dcgm_families(model, span)
    yield from pod_families(model, span)
    yield from object_families(model, raw_objects(model), span)
    if node_prices:
        yield from families(_prices(model, node_prices), span)


def write_openmetrics(
    model: Model,
    path: Path,
    start: float | None = None,
    end: float | None = None,
    *,
    node_prices: Mapping[str, float] | None = None,
) -> None:
    """Write :func:`openmetrics` to a file that ends with ``# EOF``."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(openmetrics(model, start, end, node_prices=node_prices))
        stream.write("# EOF\n")


def block_ranges(model: Model, *, hours: int = 54) -> list[tuple[float, float]]:
    """(start, end) of the parts of the window that each lie in one block of Prometheus.

    Blocks begin at multiples of their length since 1970.
    """
    length = hours * SECONDS_PER_HOUR
    edges = [model.start]
    edge = (model.start // length + 1) * length
    while edge < model.end:
        edges.append(edge)
        edge += length
    return list(zip(edges, [*edges[1:], model.end], strict=True))


def _prices(model: Model, node_prices: Mapping[str, float]) -> Mapping[str, list[State]]:
    """What OpenCost exposes of nodes."""
    states: dict[str, list[State]] = {"kubecost_node_is_spot": [], "node_total_hourly_cost": []}
    for node in model.nodes:
        if node.name in node_prices:
            labels = {
                "node": node.name,
                "instance": node.name,
                "instance_type": node.type.name,
                "region": REGION,
                "provider_id": provider_id(model, node),
                "arch": "amd64",
            }
            spot = float(node.pool.capacity_label[1].lower() == "spot")
            states["kubecost_node_is_spot"].append(State(labels, spot, model.start, model.end))
            states["node_total_hourly_cost"].append(State(labels, node_prices[node.name], model.start, model.end))
    return states
