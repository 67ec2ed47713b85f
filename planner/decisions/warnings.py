"""What the reader must know before trusting the plan."""

from collections import defaultdict

from planner.decisions.facts import Facts
from planner.decisions.sizing import Sizing
from planner.plan.schema import PlanWarning
from planner.units import human_cpu, human_memory

MOST_OBJECTS = 20


def plan_warnings(facts: Facts, sizing: Sizing, inside: list[int]) -> tuple[PlanWarning, ...]:
    """Warnings of the sources, and those of the decisions, in a fixed order."""
    found = [
        PlanWarning(code=w.code, text=w.text, costs=w.costs, fix=w.fix, objects=w.objects)
        for w in facts.snapshot.header.warnings
    ]
    found += _policy_warnings(facts, inside)
    found += _quota_warnings(sizing)
    found += _budget_warnings(sizing, facts.policy.currency)
    unpriced = facts.unpriced_nodes()
    if unpriced and not any(w.code.startswith("price_unknown") for w in found):
        found.append(
            PlanWarning(
                code="price_unknown",
                text=f"{len(unpriced)} nodes have no known price in {facts.policy.currency}",
                costs="their workloads are sized, but left out of the bill",
                fix="give the prices with --price-file",
                objects=tuple(unpriced[:MOST_OBJECTS]),
            )
        )
    if facts.history.unknown_pods:
        found.append(
            PlanWarning(
                code="usage_without_owner",
                text=f"{facts.history.unknown_pods} pods have usage but no known workload",
                costs="what they use is not planned",
                fix="give access to the Kubernetes API, or export kube_pod_owner",
            )
        )
    if facts.history.undeclared:
        names = sorted(f"{facts.workloads[row].key}/{name}" for row, name in facts.history.undeclared)
        found.append(
            PlanWarning(
                code="undeclared_container",
                text=f"{len(names)} containers have usage but are declared nowhere",
                costs="they are not sized",
                objects=tuple(names[:MOST_OBJECTS]),
            )
        )
    return tuple(found)


def _policy_warnings(facts: Facts, inside: list[int]) -> list[PlanWarning]:
    """Annotations that could not be read, once per text."""
    objects: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in inside:
        for warning in facts.effective[row].warnings:
            objects[warning.text, warning.fix].append(str(facts.workloads[row].key))
    return [
        PlanWarning(
            code="annotation_unreadable",
            text=text,
            costs="the annotation is ignored",
            fix=fix,
            objects=tuple(found[:MOST_OBJECTS]),
        )
        for (text, fix), found in sorted(objects.items())
    ]


def _quota_warnings(sizing: Sizing) -> list[PlanWarning]:
    """Quotas that the pods would pass if all that may run at once did; one warning per quota and resource."""
    found: dict[tuple[str, str], PlanWarning] = {}
    for row, missing in zip(sizing.quota_rows, sizing.quota_missing, strict=True):
        asked = float(sizing.request[row.items] @ row.pods) + row.undecided
        if asked <= row.hard * (1 + 1e-6) and missing <= 0:
            continue
        show = human_cpu if row.resource == "cpu" else human_memory
        namespace, quota, _ = row.name.partition("[")[2].rstrip("]").split("/")
        costs = "pods beyond it are refused, as today: at the most replicas, or in a roll-out"
        if missing > 0:
            costs = f"{show(missing)} are missing: some requests stay below the peaks seen, those pods go first"
        text = f"ResourceQuota {quota} of {namespace} holds {show(row.hard)} of {row.resource}; "
        found[f"{namespace}/ResourceQuota/{quota}", row.resource] = PlanWarning(
            code="quota_too_small",
            text=f"{text}all pods that may run at once would ask for {show(asked)}",
            costs=costs,
            fix="raise the quota, or lower replicas",
            objects=(f"{namespace}/ResourceQuota/{quota}",),
        )
    return list(found.values())


def _budget_warnings(sizing: Sizing, currency: str) -> list[PlanWarning]:
    """Budgets of incidents that the plan does not meet, since it would cost too much or cannot be."""
    found = []
    for row, use, excess in zip(sizing.budget_rows, sizing.budget_use, sizing.budget_violation, strict=True):
        if excess <= 0:
            continue
        expected = row.in_stated_unit(float(use))
        found.append(
            PlanWarning(
                code="risk_budget_not_met",
                text=f"{expected:.3g} {row.unit} are expected in {row.scope}; its budget is {row.stated:g}",
                costs=f"meeting it would cost more than {row.most_price:g} {currency} for each incident that it avoids",
                fix="see which containers expect most (a quota or a ceiling may hold them down), or raise the budget",
            )
        )
    return found
