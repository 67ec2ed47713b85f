"""Which workloads a run looks at: namespaces and a label selector, as with kubectl."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from planner.domain.workload import Workload
from planner.errors import UsageError

_SET_TERM = re.compile(r"^\s*([^\s!=,()]+)\s+(in|notin)\s+\(([^()]*)\)\s*$")


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the cluster.

    Attributes:
        namespaces: names; empty = all.
        selector: label selector over the workloads' labels (``app=web,tier!=cache,env in (a, b),!legacy``).
    """

    namespaces: tuple[str, ...] = ()
    selector: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.namespaces and not self.selector.strip()

    def keeps(self, workload: Workload) -> bool:
        """Whether the workload is inside."""
        if self.namespaces and workload.namespace not in self.namespaces:
            return False
        return matches_selector(self.selector, workload.labels)

    def as_json(self) -> dict[str, object]:
        """For the plan."""
        return {"namespaces": sorted(self.namespaces), "selector": self.selector}


def matches_selector(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy a Kubernetes label selector.

    Raises:
        UsageError: the text is no selector.
    """
    return all(_matches_term(term, labels) for term in _terms(selector))


def _terms(selector: str) -> list[str]:
    """Parts between the commas that stand outside parentheses."""
    return [term for term in re.split(r",(?![^()]*\))", selector) if term.strip()] if selector.strip() else []


def _matches_term(term: str, labels: Mapping[str, str]) -> bool:
    found = _SET_TERM.match(term)
    if found:
        key, operator, values = found.groups()
        wanted = {value.strip() for value in values.split(",")}
        inside = labels.get(key) in wanted
        return inside if operator == "in" else not inside
    text = term.strip()
    for operator in ("!=", "==", "="):
        if operator in text:
            key, _, value = (part.strip() for part in text.partition(operator))
            if not key:
                break
            return (labels.get(key) == value) is (operator != "!=")
    else:
        if re.fullmatch(r"!?[^\s!=,()]+", text):
            return text[1:] not in labels if text.startswith("!") else text in labels
    raise UsageError(
        f"cannot read the label selector term {text[:80]!r}", fix="write it as kubectl does: app=web,tier!=cache"
    )
