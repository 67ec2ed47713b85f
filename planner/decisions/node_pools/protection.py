"""How much of a workload must still have a place when a zone is lost.

In this order, the first that applies:

1. runs to an end (jobs, gangs): nothing, it starts again;
2. negative priority: nothing;
3. bound to one zone by a volume: nothing, it cannot leave (told in the plan's notes);
4. a PodDisruptionBudget: what it says must stay available, at most the policy's share;
5. else the policy's ``protected_share``.
"""

import math
from collections.abc import Iterable, Mapping

from planner.decisions.node_pools.placement import JOB_KINDS
from planner.domain.policy_objects import DisruptionBudget
from planner.domain.workload import Workload


def protected_share(workload: Workload, budgets: Iterable[DisruptionBudget], policy_share: float, pods: float) -> float:
    """Share of the workload's pods, 0 to 1, but for volumes.

    Args:
        workload: whose pods.
        budgets: those of its namespace.
        policy_share: of the policy.
        pods: that it runs, to read a budget in whole pods.
    """
    if workload.kind in JOB_KINDS or (workload.priority or 0) < 0:
        return 0.0
    shares = [share for b in budgets if _covers(b.selector, workload) and (share := _kept(b, pods)) is not None]
    return min([policy_share, *shares])


def fewest_by_budget(workload: Workload, budgets: Iterable[DisruptionBudget]) -> int:
    """Pods that a budget in whole pods needs so that one may be evicted; 0 = none asks for any."""
    wanted = 0
    for budget in budgets:
        text = budget.min_available
        if text is not None and text.isdigit() and _covers(budget.selector, workload):
            wanted = max(wanted, int(text) + 1)
    return wanted


def protected_pods(share: float, pods: int) -> int:
    """Whole pods of a share, rounded up."""
    return min(pods, math.ceil(share * pods - 1e-9))


def _kept(budget: DisruptionBudget, pods: float) -> float | None:
    """Share of the pods that a budget keeps; ``None`` if it cannot be read."""
    for text, is_lost in ((budget.min_available, False), (budget.max_unavailable, True)):
        if text is None:
            continue
        try:
            share = float(text[:-1]) / 100.0 if text.endswith("%") else float(text) / max(pods, 1.0)
        except ValueError:
            return None
        return min(1.0, max(0.0, 1.0 - share if is_lost else share))
    return None


def _covers(selector: Mapping[str, str], workload: Workload) -> bool:
    own = {**workload.labels, **workload.selector}
    return bool(selector) and all(own.get(key) == value for key, value in selector.items())
