"""What the node pools are planned from: pods in classes of equal needs, offerings, and who may stand where.

Whole units everywhere, so that a check of a packing is exact: thousandths of a core, MiB, counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.domain.node import Purchase
from planner.domain.workload import type_json
from planner.plan.pools import Excuse, Relaxation
from planner.plan.schema import PlanWarning

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

WHOLE_GPU = frozenset({"nvidia.com/gpu", "amd.com/gpu"})
"""Resources of which one unit is one physical GPU, on a node that does not share its GPUs."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where pods of a class may stand; hashable, so that equal pods meet in one class. JSON texts have sorted keys.

    Attributes:
        node_selector: (key, value), sorted.
        required_affinity: JSON of ``requiredDuringSchedulingIgnoredDuringExecution``, empty = none.
        preferred_affinity: JSON of the node preferences, empty = none.
        tolerations: JSON of each, sorted.
        zones: the only zones that will do (zone-bound volumes, data, labels); ``None`` = any.
        is_zone_bound: a volume keeps them there: no loss of their zone can be survived, they are not protected then.
        most_per_node: pods of this class on one node (anti-affinity or spread by host), 0 = any number.
        zone_skew: ``maxSkew`` over zones that must hold (``DoNotSchedule``), 0 = none.
        data_zone: where their data are, empty = not told; ``data_gib_per_hour`` is what one pod moves.
        is_gang: all in one zone, all or none.
        priority: of the pods.
    """

    node_selector: tuple[tuple[str, str], ...] = ()
    required_affinity: str = ""
    preferred_affinity: str = ""
    tolerations: tuple[str, ...] = ()
    zones: tuple[str, ...] | None = None
    is_zone_bound: bool = False
    data_zone: str = ""
    data_gib_per_hour: float = 0.0
    most_per_node: int = 0
    zone_skew: int = 0
    is_gang: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class PodShape:
    """What the scheduler counts of one pod."""

    cpu_milli: int
    memory_mib: int
    ephemeral_mib: int = 0
    extended: tuple[tuple[str, int], ...] = ()
    """(resource, units), sorted; GPUs among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """The pods of one workload's template in a class; ``pods`` and ``protected`` are (period,)."""

    workload_row: int
    template: str | None
    pods: Ints
    protected: Ints


@dataclass(frozen=True, slots=True, eq=False)
class PodClass:
    """Pods of equal shape and placement."""

    name: str
    shape: PodShape
    placement: Placement
    members: tuple[Member, ...]

    @property
    def pods(self) -> Ints:
        """(period,) int64 pods that run."""
        total: Ints = np.sum([member.pods for member in self.members], axis=0)
        return total

    @property
    def protected(self) -> Ints:
        """(period,) int64 pods that must have a place when any one zone is lost."""
        total: Ints = np.sum([member.protected for member in self.members], axis=0)
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Offering:
    """Nodes that can be had: one type, purchase option, zone and GPU mode, as part of one pool.

    Attributes:
        pool: today's pool that such nodes would join, or a proposed name.
        mode: how GPUs are shared; empty where there are none.
        labels, taints: as its nodes carry them.
        cpu_milli, memory_mib, ephemeral_mib, max_pods: of one node, what is left for pods that are planned: allocatable
            less the DaemonSets (and mirror pods) that run there, less headroom.
        extended: (resource, units), sorted.
        price_per_hour: in the policy's currency; never ``None`` here, what has no price is no offering (an ``Excuse``).
        nodes_now: ready nodes of it in the cluster today.
        least, most: nodes that rules allow.
        paid_anyway: nodes that a commitment pays for all month, whether they run or not.
        interruption: share of a month's nodes that the cloud takes back, ``None`` = not spot, or not known.
    """

    name: str
    pool: str
    instance_type: str
    purchase: Purchase
    zone: str
    mode: str
    labels: Mapping[str, str]
    taints: tuple[type_json, ...]
    cpu_milli: int
    memory_mib: int
    ephemeral_mib: int
    max_pods: int
    extended: tuple[tuple[str, int], ...]
    price_per_hour: float
    price_source: str
    nodes_now: int = 0
    least: int = 0
    most: float = np.inf
    paid_anyway: int = 0
    interruption: float | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A part of the typical week; ``hours`` are those of the week from Monday 00:00 UTC, 0 to 167."""

    name: str
    hours: tuple[int, ...]

    @property
    def hours_per_week(self) -> float:
        """Its length."""
        return float(len(self.hours))


@dataclass(frozen=True, slots=True, eq=False)
class PoolInput:
    """Everything a pool plan is made from.

    Attributes:
        periods: the busiest first; their hours are all 168.
        classes: pods by class; ``pods[0]`` is the busiest period's.
        offerings: what can be bought.
        zones: of the offerings, sorted; those that may be lost.
        allowed: (class, offering) bool; a class without any is in ``relaxations``, and its pods are not planned.
        place_cost: (class, offering) float64, currency per hour of a pod there beside the node's price.
        unpriced: nodes of today that are in no offering, since their group has no price: they are in no bill.
        excuses, relaxations, warnings, notes: what was left out and why, for the plan.
    """

    periods: tuple[Period, ...]
    classes: tuple[PodClass, ...]
    offerings: tuple[Offering, ...]
    zones: tuple[str, ...]
    allowed: Bools
    place_cost: NDArray[np.float64]
    unpriced: frozenset[str] = frozenset()
    excuses: tuple[Excuse, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()
    notes: tuple[str, ...] = ()
