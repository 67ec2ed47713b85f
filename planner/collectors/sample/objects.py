"""All raw API objects of the sample, by resource name, as they are at the end of the window."""

from planner.collectors.sample.model import Model
from planner.collectors.sample.objects_cluster import cluster_objects
from planner.collectors.sample.objects_controllers import controller_objects
from planner.collectors.sample.objects_pods import pod_objects
from planner.collectors.sample.objects_policy import policy_objects
from planner.collectors.sample.objects_template import Json

ALWAYS_READ = (
    "namespaces",
    "nodes",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "limitranges",
    "persistentvolumes",
    "persistentvolumeclaims",
    "deployments",
    "statefulsets",
    "daemonsets",
    "replicasets",
    "jobs",
    "cronjobs",
    "horizontalpodautoscalers",
    "poddisruptionbudgets",
    "priorityclasses",
)


def raw_objects(model: Model) -> dict[str, list[Json]]:
    """What ``kubectl get RESOURCE -A -o json`` would list.

    Resource names are kubectl's: the plural alone for Kubernetes' own groups, ``plural.group`` for others.
    """
    result: dict[str, list[Json]] = {resource: [] for resource in ALWAYS_READ}
    for resource, document in (*cluster_objects(model), *controller_objects(model), *policy_objects(model)):
        result.setdefault(resource, []).append(document)
    result["pods"] = list(pod_objects(model))
    return result
