"""Identities that survive roll-outs: never a pod name or uid."""

from dataclasses import dataclass

from planner.errors import UsageError


@dataclass(frozen=True, slots=True, order=True)
class WorkloadKey:
    """A workload over time: its top controller in one namespace of one cluster."""

    cluster: str
    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        """``namespace/Kind/name``, as people type it."""
        return f"{self.namespace}/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class ContainerKey:
    """A container of a workload over time."""

    workload: WorkloadKey
    container: str

    def __str__(self) -> str:
        """``namespace/Kind/name/container``."""
        return f"{self.workload}/{self.container}"


@dataclass(frozen=True, slots=True)
class TargetQuery:
    """What a person typed to name a workload or one of its containers."""

    namespace: str
    kind: str
    name: str
    container: str | None

    def matches(self, key: WorkloadKey) -> bool:
        """Whether this names the workload (the kind in any case, as with kubectl)."""
        return (self.namespace, self.kind.lower(), self.name) == (key.namespace, key.kind.lower(), key.name)


def parse_target(text: str) -> TargetQuery:
    """Read ``NAMESPACE/KIND/NAME[/CONTAINER]``.

    Raises:
        UsageError: another number of parts, or an empty part.
    """
    parts = text.split("/")
    if len(parts) not in (3, 4) or not all(parts):
        raise UsageError(
            f"cannot read the target {text[:200]!r}",
            fix="write NAMESPACE/KIND/NAME or NAMESPACE/KIND/NAME/CONTAINER",
        )
    return TargetQuery(parts[0], parts[1], parts[2], parts[3] if len(parts) == 4 else None)
