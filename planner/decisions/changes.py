"""A container with new values, on its way from the program to the plan."""

from dataclasses import dataclass

from planner.domain.workload import Container
from planner.plan.schema import Detail


@dataclass(slots=True)
class ContainerPlan:
    """A container with new values.

    Attributes:
        workload_row: in ``Facts.workloads``.
        before, after: the container today and planned.
        items: positions of its candidates that really change, by resource.
        details: why each value is what it is.
    """

    workload_row: int
    before: Container
    after: Container
    items: dict[str, int]
    details: list[Detail]
