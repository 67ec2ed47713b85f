"""Raw API objects -> :class:`~planner.collectors.parts.ObservedState`. Pure: no network, no clock."""

from collections.abc import Mapping, Sequence
from typing import Any

from planner.collectors.parts import ObservedState


def normalise(objects: Mapping[str, Sequence[dict[str, Any]]], *, cluster: str, now: float) -> ObservedState:
    """Read raw objects of one cluster.

    Args:
        objects: resource name -> raw objects (dicts as ``kubectl get -o json`` prints them, in
            camelCase). The resource name is kubectl's: the plural alone for Kubernetes' own groups,
            ``plural.group`` for every other group::

                namespaces  nodes  pods  replicationcontrollers  resourcequotas  limitranges
                persistentvolumes  deployments  statefulsets  daemonsets  replicasets
                jobs  cronjobs  horizontalpodautoscalers  poddisruptionbudgets  priorityclasses
                scaledobjects.keda.sh  verticalpodautoscalers.autoscaling.k8s.io
                rollouts.argoproj.io  pytorchjobs.kubeflow.org  rayclusters.ray.io
                jobs.batch.volcano.sh  services.serving.knative.dev  ... (``data/workload_kinds.yaml``)

            A name that is there with an empty list was read and holds nothing; a name that is absent
            was not read. Names that are not listed here or in the table are ignored. Zone-bound
            volumes need only ``persistentvolumes`` (their ``spec.claimRef`` names the claim).
            Objects need ``metadata.name``, ``metadata.namespace`` (where namespaced) and, for owners,
            ``metadata.ownerReferences`` with ``controller: true``. ``apiVersion`` and ``kind`` may be
            absent, as they are in the items of a list.
        cluster: name that becomes part of every key.
        now: Unix seconds of the observation; end of a finished pod that does not tell its own.

    Returns:
        Pods with their direct controllers, workloads with children, and owner links: not yet folded
        (:func:`planner.collectors.merge.merge_states` does that). An object with a field of the wrong
        type becomes a warning ``object_unreadable`` that names it.
    """
    raise NotImplementedError
