"""Whether pods may stand on nodes: node selectors, node affinity, taints and tolerations, as the scheduler reads them.

Everything here comes from a cluster and may be malformed: what cannot be read matches nothing, and never raises.
Operators: kubernetes.io/docs/concepts/scheduling-eviction (assign-pod-node, taint-and-toleration).
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from planner.decisions.node_pools.model import Placement
from planner.domain.workload import type_json

_HARD_EFFECTS = ("NoSchedule", "NoExecute")


def accepts(placement: Placement, labels: Mapping[str, str], taints: Sequence[type_json]) -> str:
    """Empty if pods may stand on such a node, else why not, in words that name the label or taint."""
    for key, value in placement.node_selector:
        if labels.get(key) != value:
            return f"nodeSelector {key}={value}"
    required = _read(placement.required_affinity)
    if required is not None and not _any_term_matches(required, labels):
        return "required node affinity"
    for taint in taints:
        if taint.get("effect") in _HARD_EFFECTS and not _is_tolerated(taint, placement.tolerations):
            return f"taint {taint.get('key')}={taint.get('value', '')}:{taint.get('effect')}"
    return ""


def dislike(placement: Placement, labels: Mapping[str, str], taints: Sequence[type_json]) -> float:
    """Share of the preferences that such a node misses, 0 to 1; soft taints count as one preference of weight 100."""
    missed = total = 0.0
    preferred = _read(placement.preferred_affinity)
    for item in preferred if isinstance(preferred, list) else []:
        weight = item.get("weight") if isinstance(item, dict) else None
        if not isinstance(weight, int | float) or weight <= 0:
            continue
        total += weight
        missed += 0.0 if _term_matches(item.get("preference"), labels) else weight
    for taint in taints:
        if taint.get("effect") == "PreferNoSchedule":
            total += 100.0
            missed += 0.0 if _is_tolerated(taint, placement.tolerations) else 100.0
    return missed / total if total else 0.0


@lru_cache(maxsize=4096)
def _read(text: str) -> Any:
    """Parsed JSON, ``None`` for an empty text."""
    return json.loads(text) if text else None


def _any_term_matches(required: Any, labels: Mapping[str, str]) -> bool:
    """Terms are alternatives."""
    terms = required.get("nodeSelectorTerms") if isinstance(required, dict) else None
    return isinstance(terms, list) and any(_term_matches(term, labels) for term in terms)


def _term_matches(term: Any, labels: Mapping[str, str]) -> bool:
    """All expressions of a term hold; a term without any matches nothing. ``matchFields`` name single nodes."""
    if not isinstance(term, dict) or term.get("matchFields"):
        return False
    expressions = term.get("matchExpressions")
    if not isinstance(expressions, list) or not expressions:
        return False
    return all(_holds(expression, labels) for expression in expressions)


def _holds(expression: Any, labels: Mapping[str, str]) -> bool:
    if not isinstance(expression, dict):
        return False
    key, operator = str(expression.get("key", "")), expression.get("operator")
    raw = expression.get("values")
    values = [str(value) for value in raw] if isinstance(raw, list) else []
    has = key in labels
    if operator == "In":
        return has and labels[key] in values
    if operator == "NotIn":
        return not has or labels[key] not in values
    if operator == "Exists":
        return has
    if operator == "DoesNotExist":
        return not has
    if operator in ("Gt", "Lt") and has and len(values) == 1:
        try:
            have, bound = int(labels[key]), int(values[0])
        except ValueError:
            return False
        return have > bound if operator == "Gt" else have < bound
    return False


def _is_tolerated(taint: Mapping[str, Any], tolerations: Sequence[str]) -> bool:
    return any(_tolerates(_read(toleration), taint) for toleration in tolerations)


def _tolerates(toleration: Any, taint: Mapping[str, Any]) -> bool:
    if not isinstance(toleration, dict):
        return False
    effect, key = toleration.get("effect"), toleration.get("key")
    if effect and effect != taint.get("effect"):
        return False
    is_any_value = toleration.get("operator") == "Exists"
    if not key:
        return bool(is_any_value)
    return key == taint.get("key") and (is_any_value or (toleration.get("value") or "") == (taint.get("value") or ""))
