"""The question of sharing capacity among tenants, checked on entry."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

NO_COHORT = -1


@dataclass(frozen=True, slots=True, eq=False)
class FairProblem:
    """Needs, capacity and rules; ``resource`` may be every (pool, resource) pair laid out flat.

    Attributes:
        need: (tenant, resource) what each asks for, 0 or more.
        capacity: (resource,) what there is.
        weights: (tenant,) more than 0; twice the weight, twice the dominant share.
        guaranteed: (tenant, resource) kept for the tenant whatever others ask.
        cap: (tenant, resource) most it may have, ``inf`` for none.
        priority: (tenant,) whole numbers; higher ones are served before lower ones, after all guarantees.
        cohort: (tenant,) -1 for none. A cohort shares the sum of its members' ``nominal``.
        nominal: (tenant, resource) own part of the cohort, read for members only.
        borrowing_limit: (tenant, resource) most above ``nominal``, ``inf`` for none.
        lending_limit: (tenant, resource) most of ``nominal`` that others may take, ``inf`` for all.
        price: (resource,) money for a unit.
        budget: (tenant,) most money, ``inf`` for none.
    """

    need: Floats
    capacity: Floats
    weights: Floats
    guaranteed: Floats
    cap: Floats
    priority: Indices
    cohort: Indices
    nominal: Floats
    borrowing_limit: Floats
    lending_limit: Floats
    price: Floats
    budget: Floats

    def __post_init__(self) -> None:
        """Check every shape and value once."""
        if self.need.ndim != 2:
            raise ValueError(f"need has shape {self.need.shape}; expected (tenant, resource)")
        tenants, resources = self.need.shape
        shapes = {
            "need": (tenants, resources),
            "capacity": (resources,),
            "weights": (tenants,),
            "guaranteed": (tenants, resources),
            "cap": (tenants, resources),
            "priority": (tenants,),
            "cohort": (tenants,),
            "nominal": (tenants, resources),
            "borrowing_limit": (tenants, resources),
            "lending_limit": (tenants, resources),
            "price": (resources,),
            "budget": (tenants,),
        }
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.shape != shape:
                raise ValueError(f"{name} has shape {value.shape}; expected {shape}")
            if name not in ("priority", "cohort") and not (value >= 0).all():
                raise ValueError(f"{name} holds a number below 0, or none at all")
        if not (self.weights > 0).all():
            raise ValueError("weights must be more than 0")
        for name in ("need", "capacity", "weights", "guaranteed", "nominal", "price"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} holds a number that is not finite")

    @property
    def most(self) -> Floats:
        """(tenant, resource) the lower of the cap and of what may be borrowed."""
        member = (self.cohort != NO_COHORT)[:, None]
        return np.minimum(self.cap, np.where(member, self.nominal + self.borrowing_limit, np.inf))

    @property
    def reserved(self) -> Floats:
        """(tenant, resource) guarantees, and what a member of a cohort does not lend."""
        member = (self.cohort != NO_COHORT)[:, None]
        kept = np.maximum(self.nominal - self.lending_limit, 0.0)
        return np.maximum(self.guaranteed, np.where(member, kept, 0.0))


def fair_problem(
    need: Floats,
    capacity: Floats,
    *,
    weights: Floats | None = None,
    guaranteed: Floats | None = None,
    cap: Floats | None = None,
    priority: Indices | None = None,
    cohort: Indices | None = None,
    nominal: Floats | None = None,
    borrowing_limit: Floats | None = None,
    lending_limit: Floats | None = None,
    price: Floats | None = None,
    budget: Floats | None = None,
) -> FairProblem:
    """A problem in which every rule that is not told does not bind.

    ``capacity`` may be (pool, resource) where ``need`` is (tenant, pool, resource); all are laid out flat.
    """
    need = np.asarray(need, dtype=np.float64)
    need = need.reshape(need.shape[0], int(np.prod(need.shape[1:])))
    tenants, shape = need.shape[0], need.shape

    def filled(given: Floats | None, other: float, size: tuple[int, ...]) -> Floats:
        return np.full(size, other) if given is None else np.asarray(given, dtype=np.float64).reshape(size)

    def whole(given: Indices | None, other: int) -> Indices:
        return np.full(tenants, other, dtype=np.int64) if given is None else np.asarray(given, dtype=np.int64)

    return FairProblem(
        need=need,
        capacity=np.asarray(capacity, dtype=np.float64).ravel(),
        weights=filled(weights, 1.0, (tenants,)),
        guaranteed=filled(guaranteed, 0.0, shape),
        cap=filled(cap, np.inf, shape),
        priority=whole(priority, 0),
        cohort=whole(cohort, NO_COHORT),
        nominal=filled(nominal, 0.0, shape),
        borrowing_limit=filled(borrowing_limit, np.inf, shape),
        lending_limit=filled(lending_limit, np.inf, shape),
        price=filled(price, 0.0, shape[1:]),
        budget=filled(budget, np.inf, (tenants,)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class ShareRow:
    """One limit that tenants share: ``sum over members of their amount of resource <= capacity``.

    Attributes:
        cohort: -1 = the whole capacity.
        resource: its column.
        members: (member,) tenants.
        capacity: in the unit of the resource.
    """

    cohort: int
    resource: int
    members: Indices
    capacity: float


def share_rows(problem: FairProblem) -> list[ShareRow]:
    """Rows of every cohort, then of the whole capacity."""
    rows = []
    resources = range(problem.need.shape[1])
    for cohort in sorted(set(problem.cohort.tolist()) - {NO_COHORT}):
        members = np.flatnonzero(problem.cohort == cohort)
        total = problem.nominal[members].sum(axis=0)
        rows += [ShareRow(cohort, resource, members, float(total[resource])) for resource in resources]
    everyone = np.arange(problem.need.shape[0])
    rows += [ShareRow(NO_COHORT, resource, everyone, float(problem.capacity[resource])) for resource in resources]
    return rows


def dominant_share(problem: FairProblem) -> Floats:
    """(tenant,) ``d_n``: largest share of a whole capacity that the full need asks for; 1 where it asks for none."""
    there = problem.capacity > 0
    share = problem.need[:, there] / problem.capacity[there]
    largest = share.max(axis=1, initial=0.0)
    return np.where(largest > 0, largest, 1.0)


@dataclass(frozen=True, slots=True)
class GuaranteeRelaxation:
    """A limit that cannot hold what is guaranteed, and by how much guarantees must shrink for it.

    Attributes:
        rule: ``capacity``, ``cohort``, ``cap`` or ``budget``.
        tenant: of ``cap`` and ``budget``; -1 else.
        cohort: of ``cohort``; -1 else.
        resource: -1 for ``budget``.
        guaranteed: sum under the limit, in its unit (money for ``budget``).
        limit: the limit. ``guaranteed - limit`` is the smallest sum by which it can be met.
    """

    rule: str
    tenant: int
    cohort: int
    resource: int
    guaranteed: float
    limit: float


def relax_guarantees(problem: FairProblem, rows: list[ShareRow]) -> tuple[Floats, list[GuaranteeRelaxation]]:
    """Guarantees that all limits can hold together, (tenant, resource), and what had to give.

    Limits are nested (a tenant's own, its cohort's, the whole), so going from the inner ones to the outer ones and
    cutting
    each by just its excess, in proportion, cuts each resource by the least possible sum.
    """
    reserved, relaxations = problem.reserved.copy(), []
    most = problem.most
    for tenant, resource in np.argwhere(reserved > most * (1 + 1e-12) + 1e-12):
        amounts = float(reserved[tenant, resource]), float(most[tenant, resource])
        relaxations.append(GuaranteeRelaxation("cap", int(tenant), -1, int(resource), *amounts))
    reserved = np.minimum(reserved, most)
    cost = reserved @ problem.price
    for tenant in np.flatnonzero(cost > problem.budget * (1 + 1e-12) + 1e-12):
        amounts = float(cost[tenant]), float(problem.budget[tenant])
        relaxations.append(GuaranteeRelaxation("budget", int(tenant), -1, -1, *amounts))
        priced = problem.price > 0
        reserved[tenant, priced] *= problem.budget[tenant] / cost[tenant]
    for row in rows:
        total = float(reserved[row.members, row.resource].sum())
        if total > row.capacity * (1 + 1e-12) + 1e-12:
            rule = "capacity" if row.cohort == NO_COHORT else "cohort"
            relaxations.append(GuaranteeRelaxation(rule, -1, row.cohort, row.resource, total, row.capacity))
            reserved[row.members, row.resource] *= row.capacity / total
    return reserved, relaxations
