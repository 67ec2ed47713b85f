"""Items of classes, bins of types with prices, groups that may be lost: what is to be packed into what.

Sets and data::

    k   item class: n_k equal items, each with a demand d_kr >= 0 of every resource r, and one GPU
        request: nothing, a share of one GPU (1..999 milli), or g_k whole GPUs
    b   bin type: capacity C_br, G_b GPUs, cost c_b per bin and hour, one group z(b), at most U_b bins
    z   group of bins that can fail together

A bin of type b holds a multiset a of items (a *pattern*) if::

    sum_k d_kr a_k <= C_br    for every resource r
    each item sits on its GPUs: a whole one alone, shares of one GPU up to 1000 milli in all
    a_k > 0 only where the class is allowed on b

The cheapest bins are sought, such that all items have a place, and that the protected items p_k
have a place (another one, if need be) in the bins that remain when any one group is gone::

    min sum_b c_b n_b    n_b <= U_b whole,  the n_b bins hold all n_k,
                         for each group f the bins of the other groups hold all p_k,
                         L_i <= sum_b f_ib n_b <= H_i for every side row i

Standing on a type may cost an item something (e_kb >= 0 an hour, in the normal state): then the sum of it is added.

A class may exist for losses only (n_k = 0 < p_k): items that obey other rules once a group is gone.

Demands and capacities are whole numbers of small units (thousandths of a core, MiB), so that a check is exact.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WHOLE_MILLI = 1000
"""Thousandths of a GPU that its shares may add up to."""


@dataclass(frozen=True, eq=False)
class ItemClasses:
    """The classes of equal items.

    Attributes:
        names: (class,) names, unique.
        demand: (class, resource) int64, at least 0.
        count: (class,) int64, items of the class, at least 0.
        gpus: (class,) int64, whole GPUs of one item, 0 = none.
        share_milli: (class,) int64, thousandths of one GPU, 0 = none; 1 to 999, and only without whole GPUs.
        protected: (class,) int64, items that must have a place when any one group is lost.
        most_per_bin: (class,) int64, most items of the class in one bin, 0 = any number; ``None`` = all 0.
    """

    names: tuple[str, ...]
    demand: Ints
    count: Ints
    gpus: Ints
    share_milli: Ints
    protected: Ints
    most_per_bin: Ints | None = None

    def __post_init__(self) -> None:
        """Check shapes and ranges."""
        size = len(self.names)
        _check_shapes("items", size, self.count, self.gpus, self.share_milli, self.protected)
        if len(set(self.names)) != size:
            raise ValueError("item classes must have names of their own")
        if self.demand.ndim != 2 or self.demand.shape[0] != size:
            raise ValueError(f"demand has shape {self.demand.shape}; expected ({size}, resources)")
        for what, values in (("demand", self.demand), ("count", self.count), ("gpus", self.gpus)):
            _check_whole(what, values)
        _check_whole("share_milli", self.share_milli, most=WHOLE_MILLI - 1)
        _check_whole("protected", self.protected)
        if np.any((self.gpus > 0) & (self.share_milli > 0)):
            raise ValueError("an item asks for whole GPUs or for a share of one, not for both")
        if np.any((self.demand.sum(axis=1) + self.gpus + self.share_milli) == 0):
            raise ValueError("an item class takes nothing of any resource")
        if self.most_per_bin is not None:
            _check_shapes("items", size, self.most_per_bin)
            _check_whole("most_per_bin", self.most_per_bin)

    @property
    def size(self) -> int:
        """Number of classes."""
        return len(self.names)

    @cached_property
    def at_once(self) -> Ints:
        """(class,) int64, most items that any scenario has."""
        most: Ints = np.maximum(self.count, self.protected)
        return most

    @cached_property
    def most_in_a_bin(self) -> Ints:
        """(class,) int64, most items that one bin can be asked to hold."""
        if self.most_per_bin is None:
            return self.at_once
        limit = np.where(self.most_per_bin > 0, self.most_per_bin, self.at_once)
        most: Ints = np.minimum(limit, self.at_once)
        return most

    @cached_property
    def gpu_milli(self) -> Ints:
        """(class,) int64, thousandths of GPUs of one item, whole ones included."""
        return self.gpus * WHOLE_MILLI + self.share_milli


@dataclass(frozen=True, eq=False)
class BinTypes:
    """The types of bins that can be had; the same machine in two groups, or at two prices, is two types.

    Attributes:
        names: (type,) names, unique.
        capacity: (type, resource) int64, what is left for items.
        gpus: (type,) int64 GPUs of one bin.
        cost_per_hour: (type,) float64, at least 0.
        group: (type,) int64, number of the group that the bins stand in.
        limit: (type,) float64, most bins, ``inf`` for no limit.
    """

    names: tuple[str, ...]
    capacity: Ints
    gpus: Ints
    cost_per_hour: Floats
    group: Ints
    limit: Floats

    def __post_init__(self) -> None:
        """Check shapes and ranges."""
        size = len(self.names)
        _check_shapes("bins", size, self.gpus, self.cost_per_hour, self.group, self.limit)
        if len(set(self.names)) != size:
            raise ValueError("bin types must have names of their own")
        if self.capacity.ndim != 2 or self.capacity.shape[0] != size:
            raise ValueError(f"capacity has shape {self.capacity.shape}; expected ({size}, resources)")
        for what, values in (("capacity", self.capacity), ("gpus", self.gpus), ("group", self.group)):
            _check_whole(what, values)
        if not (np.isfinite(self.cost_per_hour).all() and np.all(self.cost_per_hour >= 0.0)):
            raise ValueError("costs of bins must be finite and at least 0")
        if not np.all(self.limit >= 0.0):
            raise ValueError("limits of bins must be at least 0")

    @property
    def size(self) -> int:
        """Number of types."""
        return len(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class SideRow:
    """A rule over the numbers of bins: ``lower <= sum_b factor_b n_b <= upper``.

    Attributes:
        name: of the rule.
        factor: (type,) float64.
        lower, upper: infinite where there is none.
    """

    name: str
    factor: Floats
    lower: float = -np.inf
    upper: float = np.inf

    def is_kept(self, bins: Ints) -> bool:
        """Whether (type,) numbers of bins obey it."""
        total = float(self.factor @ bins)
        slack = 1e-6 * max(1.0, float(np.abs(self.factor) @ bins))
        return self.lower - slack <= total <= self.upper + slack


@dataclass(frozen=True, eq=False)
class Shape:
    """What a bin can hold, whatever it costs and wherever it stands; patterns belong to shapes.

    Attributes:
        capacity: (resource,) int64.
        gpus: GPUs.
        fits: (class,) bool, classes of which one item may be, and can be, alone in the bin.
        item_cost: (class,) float64 cost per hour of an item that is there in the normal state.
    """

    capacity: Ints
    gpus: int
    fits: Bools
    item_cost: Floats


@dataclass(frozen=True, eq=False)
class PoolProblem:
    """Items, bins, and which class is allowed on which bin type; see the text of this module.

    Attributes:
        items: the classes.
        bins: the bin types, over the same resources.
        allowed: (class, type) bool, ``None`` = every class everywhere.
        group_names: names of the groups by number; at least two where something is protected.
        drop_cost: (class,) float64, cost per hour of an item that is left out; ``None`` = none may be left out.
        rows: rules over the numbers of bins.
        item_cost: (class, type) float64, at least 0, cost per hour of an item of the class in a bin of the type while
            no group is lost; ``None`` = none.
    """

    items: ItemClasses
    bins: BinTypes
    group_names: tuple[str, ...]
    allowed: Bools | None = None
    drop_cost: Floats | None = None
    rows: tuple[SideRow, ...] = ()
    item_cost: Floats | None = None

    def __post_init__(self) -> None:
        """Check shapes and ranges."""
        if self.items.demand.shape[1] != self.bins.capacity.shape[1]:
            raise ValueError("items and bins have different numbers of resources")
        if self.bins.size and int(self.bins.group.max()) >= len(self.group_names):
            raise ValueError("a bin type stands in a group that has no name")
        if self.allowed is not None and self.allowed.shape != (self.items.size, self.bins.size):
            raise ValueError(f"allowed has shape {self.allowed.shape}; expected (classes, types)")
        if self.item_cost is not None and not (np.isfinite(self.item_cost).all() and np.all(self.item_cost >= 0.0)):
            raise ValueError("costs of items must be finite and at least 0")
        for row in self.rows:
            if row.factor.shape != (self.bins.size,) or not np.isfinite(row.factor).all() or row.lower > row.upper:
                raise ValueError(f"rule {row.name}: (type,) finite factors and lower <= upper are expected")

    @cached_property
    def fits(self) -> Bools:
        """(class, type) bool: one item of the class may be in an empty bin of the type, and has room there."""
        items, bins = self.items, self.bins
        room: Bools = np.all(items.demand[:, None, :] <= bins.capacity[None, :, :], axis=2)
        room &= items.gpus[:, None] <= bins.gpus[None, :]
        room &= (items.share_milli[:, None] == 0) | (bins.gpus[None, :] >= 1)
        if self.allowed is not None:
            room &= self.allowed
        return room

    @cached_property
    def without_place(self) -> Bools:
        """(class,) bool: classes that fit no bin type."""
        nowhere: Bools = np.logical_not(self.fits.any(axis=1))
        return nowhere

    @cached_property
    def shape_of_bin(self) -> Ints:
        """(type,) int64: the number of each type's shape."""
        return self._shapes[1]

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The different shapes, in the order of the first type of each."""
        return self._shapes[0]

    @cached_property
    def groups_are_alike(self) -> bool:
        """True if every group offers the same, two groups or more."""
        offers: list[list[OfferKey]] = [[] for _ in self.group_names]
        for b in range(self.bins.size):
            offers[int(self.bins.group[b])].append(self.offer_key(b))
        return len(offers) > 1 and all(sorted(offer) == sorted(offers[0]) for offer in offers)

    def offer_key(self, b: int) -> "OfferKey":
        """What two bin types of different groups must share to be the same offer."""
        factors = tuple(float(row.factor[b]) for row in self.rows)
        return int(self.shape_of_bin[b]), float(self.bins.cost_per_hour[b]), float(self.bins.limit[b]), factors

    @cached_property
    def _shapes(self) -> tuple[tuple[Shape, ...], Ints]:
        shapes: list[Shape] = []
        numbers: dict[tuple[bytes, int, bytes, bytes], int] = {}
        cost = np.zeros(self.fits.shape) if self.item_cost is None else self.item_cost
        of_bin = np.zeros(self.bins.size, dtype=np.int64)
        for b in range(self.bins.size):
            capacity, gpus = self.bins.capacity[b], int(self.bins.gpus[b])
            fits = np.ascontiguousarray(self.fits[:, b])
            item_cost = np.ascontiguousarray(cost[:, b])
            key = (capacity.tobytes(), gpus, fits.tobytes(), item_cost.tobytes())
            if key not in numbers:
                numbers[key] = len(shapes)
                shapes.append(Shape(capacity, gpus, fits, item_cost))
            of_bin[b] = numbers[key]
        return tuple(shapes), of_bin


OfferKey = tuple[int, float, float, tuple[float, ...]]


def _check_shapes(what: str, size: int, *arrays: NDArray[np.generic]) -> None:
    for array in arrays:
        if array.shape != (size,):
            raise ValueError(f"{what}: an array has shape {array.shape}; expected ({size},)")


def _check_whole(what: str, values: Ints, most: int | None = None) -> None:
    if values.dtype != np.int64:
        raise ValueError(f"{what} must be int64, not {values.dtype}")
    if values.size and (values.min() < 0 or (most is not None and values.max() > most)):
        raise ValueError(f"{what} must be at least 0{'' if most is None else f' and at most {most}'}")
