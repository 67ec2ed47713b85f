"""What holds for whole pods and whole namespaces, checked on the rounded values; what breaks it is taken back.

The linear program sees requests, container by container. A cluster also looks at pods (their sum against a node and
a LimitRange of type Pod), at limits (a ResourceQuota may count them) and at QoS classes. Each check names the
(change, resource) pairs to take back; those fall back to today's values, which the cluster accepts already.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

from planner.decisions.changes import ContainerPlan
from planner.decisions.eligibility import Refusal, declared_of, is_guaranteed
from planner.decisions.facts import Facts
from planner.decisions.limits import with_amount
from planner.decisions.quota_rows import POD_COUNTS, RESOURCES, PodCount, pods_of, quota_counts, quota_hard
from planner.domain.pod_request import amount, effective_request, requested
from planner.domain.policy_objects import ResourceQuota
from planner.domain.workload import Container, Workload

Finding = tuple[ContainerPlan, str, Refusal]
"""A change, the resource to take back, and why."""

Pod = tuple[Workload, list[ContainerPlan], list[Container], list[Container]]
"""A workload, its changes to one template, and the containers of that pod today and as planned."""

SLACK = 1 + 1e-9


def take_back(facts: Facts, changes: list[ContainerPlan]) -> list[Finding]:
    """Take back what fails, until everything holds. The changes are edited; those left without items are empty.

    A cut that is taken back uses room again that an earlier check had given away, so the checks start over until
    none finds anything; each round takes something back, and all of today's values hold.
    """
    taken: list[Finding] = []
    before = -1
    while len(taken) > before:
        before = len(taken)
        for check in (_pod_fits_a_node, _pod_limit_range, _quota_of_requests, _quota_of_limits, _qos_class):
            found = list(check(facts, changes))
            for change, resource, _ in found:
                _restore(change, resource)
            taken += found
    return taken


def _restore(change: ContainerPlan, resource: str) -> None:
    """Today's request and limit again."""
    before, after = change.before, change.after
    change.after = replace(
        after,
        requests=with_amount(after.requests, resource, amount(before.requests, resource)),
        limits=with_amount(after.limits, resource, amount(before.limits, resource)),
    )
    change.items.pop(resource, None)
    change.details = [detail for detail in change.details if detail.field.partition(".")[2] != resource]


def _by_template(changes: list[ContainerPlan]) -> dict[tuple[int, str | None], list[ContainerPlan]]:
    groups: dict[tuple[int, str | None], list[ContainerPlan]] = defaultdict(list)
    for change in changes:
        groups[change.workload_row, change.before.template].append(change)
    return groups


def _pods(facts: Facts, changes: list[ContainerPlan]) -> Iterator[Pod]:
    """Every pod with a change; injected containers are in it too."""
    for (row, template), own in _by_template(changes).items():
        workload = facts.workloads[row]
        before = [c for c in workload.containers if c.template == template or c.injected]
        after = {change.before.name: change.after for change in own}
        yield workload, own, before, [after.get(c.name, c) for c in before]


def _raised(own: list[ContainerPlan], resource: str) -> list[ContainerPlan]:
    return [
        c for c in own if resource in c.items and requested(c.after, resource) > requested(c.before, resource) * SLACK
    ]


def _pod_fits_a_node(facts: Facts, changes: list[ContainerPlan]) -> Iterator[Finding]:
    """The pod's effective request, CPU and memory together, must fit the allocatable of at least one node."""
    sizes = {
        (node.allocatable.cpu_cores or 0.0, float(node.allocatable.memory_bytes or 0)) for node in facts.snapshot.nodes
    }
    if not sizes:
        return
    for workload, own, before, after in _pods(facts, changes):
        planned, today = effective_request(workload, after), effective_request(workload, before)
        grows = planned.cpu_cores > today.cpu_cores * SLACK or planned.memory_bytes > today.memory_bytes * SLACK
        if not grows or any(planned.cpu_cores <= cpu and planned.memory_bytes <= memory for cpu, memory in sizes):
            continue
        text = "together the containers of its pod would fit no node"
        for resource in RESOURCES:
            for change in _raised(own, resource):
                yield change, resource, Refusal("larger_than_any_node", text, "add a larger node type")


def _pod_limit_range(facts: Facts, changes: list[ContainerPlan]) -> Iterator[Finding]:
    """LimitRanges of type Pod bound the sums over the pod's containers."""
    for workload, own, before, after in _pods(facts, changes):
        for item in facts.limit_ranges.get(workload.namespace, []):
            if item.type != "Pod":
                continue
            for resource in RESOURCES:
                sums = [_sums(containers, resource) for containers in (before, after)]
                broken = _pod_bounds_broken(sums[1], item.min.get(resource), item.max.get(resource))
                if broken and not _pod_bounds_broken(sums[0], item.min.get(resource), item.max.get(resource)):
                    text = f"LimitRange {item.name} of type Pod: the sum of {resource} would be {broken}"
                    for change in own:
                        if resource in change.items:
                            yield change, resource, Refusal("limit_range_pod", text)


def _sums(containers: list[Container], resource: str) -> tuple[float, float]:
    """Sum of requests and of limits over a pod."""
    return (
        sum(requested(container, resource) for container in containers),
        sum(amount(container.limits, resource) or 0.0 for container in containers),
    )


def _pod_bounds_broken(sums: tuple[float, float], lowest: float | None, highest: float | None) -> str:
    if lowest is not None and sums[0] * SLACK < lowest:
        return "below its minimum"
    if highest is not None and max(sums) > highest * SLACK:
        return "above its maximum"
    return ""


def _quota_of_requests(facts: Facts, changes: list[ContainerPlan]) -> Iterator[Finding]:
    """Effective requests of all pods at once within the quotas, or at least no further beyond them than today."""
    yield from _quotas(facts, changes, "requests", lambda workload, own, resource: _effective(workload, own, resource))


def _quota_of_limits(facts: Facts, changes: list[ContainerPlan]) -> Iterator[Finding]:
    """Sums of limits within the quotas that count them."""
    yield from _quotas(facts, changes, "limits", lambda _, own, resource: _sums(own, resource)[1])


def _effective(workload: Workload, containers: list[Container], resource: str) -> float:
    request = effective_request(workload, containers)
    return request.cpu_cores if resource == "cpu" else request.memory_bytes


def _quotas(
    facts: Facts,
    changes: list[ContainerPlan],
    side: str,
    of_pod: Callable[[Workload, list[Container], str], float],
) -> Iterator[Finding]:
    by_namespace: dict[str, list[ContainerPlan]] = defaultdict(list)
    for change in changes:
        by_namespace[facts.workloads[change.workload_row].namespace].append(change)
    for namespace, own in sorted(by_namespace.items()):
        after = {(change.workload_row, change.before.name): change.after for change in own}
        for quota in facts.quotas.get(namespace, []):
            for resource in RESOURCES:
                hard = quota_hard(quota, side, resource)
                if hard is None:
                    continue
                sums = [_sums_of(facts, quota, resource, after, of_pod, count) for count in POD_COUNTS.values()]
                if all(planned <= max(hard, today) * SLACK for today, planned in sums):
                    continue
                text = f"ResourceQuota {quota.name} has no room for more {side} of {resource}"
                for change in own:
                    if resource in change.items and _grows(change, side, resource):
                        yield change, resource, Refusal(f"quota_on_{side}", text, "raise the quota")


def _grows(change: ContainerPlan, side: str, resource: str) -> bool:
    if side == "requests":
        return requested(change.after, resource) > requested(change.before, resource) * SLACK
    before, after = (amount(container.limits, resource) or 0.0 for container in (change.before, change.after))
    return after > before * SLACK


def _sums_of(
    facts: Facts,
    quota: ResourceQuota,
    resource: str,
    after: dict[tuple[int, str], Container],
    of_pod: Callable[[Workload, list[Container], str], float],
    count: PodCount,
) -> tuple[float, float]:
    """What the quota counts today and as planned."""
    today = planned = 0.0
    for row in facts.rows_of_namespace.get(quota.namespace, []):
        workload = facts.workloads[row]
        if not quota_counts(quota, workload):
            continue
        for pod in pods_of(workload):
            pods = count(facts, row, pod[0])
            today += of_pod(workload, pod, resource) * pods
            planned += of_pod(workload, [after.get((row, c.name), c) for c in pod], resource) * pods
    return today, planned


def _qos_class(facts: Facts, changes: list[ContainerPlan]) -> Iterator[Finding]:
    """The QoS class stays, where the policy says so."""
    for (row, _), own in _by_template(changes).items():
        if not facts.effective[row].value.limits.keep_qos_class:
            continue
        declared = declared_of(facts.workloads[row], own[0].before)
        after = {change.before.name: change.after for change in own}
        planned = [after.get(container.name, container) for container in declared]
        if is_guaranteed(planned) != is_guaranteed(declared):
            text = "the values would move its pod to another QoS class"
            for change in own:
                for resource in sorted(change.items):
                    yield change, resource, Refusal("qos_class_kept", text, "set limits.keep_qos_class: false")
