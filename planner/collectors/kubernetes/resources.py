"""Resources that are read: their paths, the RBAC rule of each, and what is lost without it."""

from collections.abc import Mapping
from dataclasses import dataclass

from planner.collectors.kubernetes.kinds import KindFacts, resource_name, workload_kinds


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API.

    Attributes:
        plural: name in the path.
        group: API group, empty for the core.
        version: version to ask for.
        namespaced: whether its objects lie in namespaces.
        costs: what a plan loses without it.
        metadata_only: ask the server for metadata alone.
        optional: a cluster may well not have it.
    """

    plural: str
    group: str
    version: str
    namespaced: bool
    costs: str
    metadata_only: bool = False
    optional: bool = False

    @property
    def name(self) -> str:
        """As kubectl takes it: ``deployments``, ``rollouts.argoproj.io``."""
        return resource_name(self.plural, self.group)

    def path(self, namespace: str = "") -> str:
        """Path of the list, of one namespace or of the whole cluster."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"

    @property
    def rule(self) -> str:
        """The RBAC rule that permits the list."""
        return rbac_rule("list", self.group, self.plural)


def rbac_rule(verb: str, group: str, resource: str) -> str:
    """One rule of a (Cluster)Role in one line."""
    return f'verbs ["{verb}"], apiGroups ["{group}"], resources ["{resource}"]'


_LIMITS = "proposals may break limits of the cluster that are not known"
_CORE = (
    Resource("namespaces", "", "v1", False, "policies by namespace labels do not apply"),
    Resource("nodes", "", "v1", False, "no node pools, no prices"),
    Resource("pods", "", "v1", True, "no pods, restarts, injected containers or kinds outside the table"),
    Resource("resourcequotas", "", "v1", True, _LIMITS),
    Resource("limitranges", "", "v1", True, _LIMITS),
    Resource("persistentvolumes", "", "v1", False, "zone-bound volumes are not known: pods may seem free to move"),
    Resource("horizontalpodautoscalers", "autoscaling", "v2", True, "proposals may fight autoscalers"),
    Resource("poddisruptionbudgets", "policy", "v1", True, "disruption budgets are not known"),
    Resource("priorityclasses", "scheduling.k8s.io", "v1", False, "priorities are known from running pods only"),
)
_OPTIONAL = (
    Resource("scaledobjects", "keda.sh", "v1alpha1", True, "proposals may fight KEDA", optional=True),
    Resource("verticalpodautoscalers", "autoscaling.k8s.io", "v1", True, "proposals may fight the VPA", optional=True),
)


def _of_kind(facts: KindFacts) -> Resource:
    return Resource(
        plural=facts.plural,
        group=facts.group,
        version=facts.versions[0],
        namespaced=True,
        costs=f"no {facts.kind}: its pods are seen under what created them, and no patch reaches it",
        metadata_only=facts.metadata_only,
        optional=not facts.built_in,
    )


def all_resources() -> tuple[Resource, ...]:
    """Everything that may be read, in the order of reading: largest lists first."""
    kinds = [_of_kind(facts) for facts in workload_kinds()]
    everything = (*_CORE, *(r for r in kinds if not r.optional), *_OPTIONAL, *(r for r in kinds if r.optional))
    large = ("pods", "replicasets", "jobs")
    first = [resource for name in large for resource in everything if resource.name == name]
    return (*first, *(resource for resource in everything if resource.name not in large))


def served_version(resource: Resource, served: Mapping[tuple[str, str], list[str]]) -> str:
    """Version to ask for: the preferred one where it is served, else the server's first; empty = not served.

    Args:
        resource: what to read.
        served: (group, plural) -> versions in the server's order of preference.
    """
    versions = served.get((resource.group, resource.plural), [])
    wanted = [resource.version]
    for facts in workload_kinds():
        if (facts.group, facts.plural) == (resource.group, resource.plural):
            wanted = list(facts.versions)
    return next((version for version in wanted if version in versions), versions[0] if versions else "")
