"""What Prometheus would tell of the sample's past: every pod of the window, its kills, and who owned it."""

import json
from typing import TYPE_CHECKING

import numpy as np

from planner.collectors.kubernetes.containers import read_pod_spec
from planner.collectors.parts import ObjectRef, ObservedState, OwnerLinks
from planner.collectors.sample.model import Model
from planner.collectors.sample.objects_controllers import API_VERSIONS
from planner.collectors.sample.objects_template import pod_spec
from planner.collectors.sample.pod_times import image_digest, pod_times, qos_class
from planner.domain.workload import Workload
from planner.snapshot.header import Source
from planner.snapshot.tables import EVENT_COLUMNS, POD_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def history(model: Model, cluster: str) -> ObservedState:
    """The past of the sample, with direct controllers, as a source returns it."""
    return ObservedState(
        source=Source(name="sample"),
        workloads=_deleted_jobs(model, cluster),
        pods=pods_frame(model, cluster),
        events=events_frame(model, cluster),
        owners=_owners(model),
        seen={"pods", "events"},
    )


def pods_frame(model: Model, cluster: str) -> "pd.DataFrame":
    """One row per pod of the window. Of deleted ones phase and class are not known any more."""
    import pandas as pd

    rows = []
    for run in model.runs:
        times = pod_times(run, model)
        images = {c.name: image_digest(run, c, model.seed) for c in run.part.containers}
        finished = run.is_job and times.ended is not None
        rows.append(
            (
                cluster,
                run.spec.namespace,
                run.name,
                run.uid,
                run.owner_kind,
                run.owner_name,
                run.node,
                # metrics tell the revision by the name of the ReplicaSet only; the API adds the others
                run.revision if run.owner_kind == "ReplicaSet" else "",
                json.dumps(images, sort_keys=True),
                "Succeeded" if finished else "Running" if times.ended is None else "",
                qos_class(run.part) if run.visible is None else "",
                times.created,
                times.started,
                times.ready,
                np.nan if times.ended is None else times.ended,
            )
        )
    return pd.DataFrame(rows, columns=list(POD_COLUMNS))


def events_frame(model: Model, cluster: str) -> "pd.DataFrame":
    """OOM kills and other restarts inside the window."""
    import pandas as pd

    rows = []
    for usage in model.usage.values():
        limit = usage.container.memory_limit
        for step in usage.starts[1:]:
            if 0 <= step < model.steps:
                killed = step in usage.kills
                place = (cluster, usage.run.spec.namespace, usage.run.name, usage.container.name)
                seen_limit = float(limit) if killed and limit is not None else np.nan
                rows.append((*place, "oom_kill" if killed else "restart", model.time(step), 1.0, seen_limit))
    return pd.DataFrame(rows, columns=list(EVENT_COLUMNS))


def _owners(model: Model) -> OwnerLinks:
    """Controllers of ReplicaSets and Jobs, deleted ones included."""
    links: OwnerLinks = {}
    for run in model.runs:
        spec = run.spec
        if run.owner_kind == "ReplicaSet":
            parent = ObjectRef(spec.kind, spec.name)
            if spec.kind == "InferenceService":
                parent = ObjectRef("Deployment", f"{spec.name}-predictor")
            links[spec.namespace, "ReplicaSet", run.owner_name] = parent
        elif run.owner_kind == "Job" and spec.kind == "CronJob":
            links[spec.namespace, "Job", run.owner_name] = ObjectRef("CronJob", spec.name)
    return links


def _deleted_jobs(model: Model, cluster: str) -> list[Workload]:
    """Jobs of which only the past is left, with the containers of their last pod."""
    last = {(run.spec.namespace, run.spec.name): run for run in model.runs if run.spec.gone}
    return [
        Workload(
            cluster=cluster,
            namespace=namespace,
            kind="Job",
            name=name,
            api_version=API_VERSIONS["Job"],
            replicas=0,
            containers=read_pod_spec(pod_spec(run.spec, run.part, injected=True), pod=run.name).containers,
            template_path="spec.template",
        )
        for (namespace, name), run in sorted(last.items())
    ]
