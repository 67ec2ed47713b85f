"""A small recorded past whose every number is known, several clusters on one server.

Three days from Monday 2026-01-05, cAdvisor every minute, kube-state-metrics every four. Each cluster
has its label ``cluster``, so a query without the matcher of its cluster gives a wrong number.

``main``
    ``shop``: Deployment web (0.25 cores, 200 MiB, rolled out on day 1 at noon), StatefulSet db
    (0.5 cores, its counter falls to 0 on day 1 at 10:00 with an OOM kill, and it restarts with an
    error on day 2 at 06:00), CronJob nightly (one Job, killed for good on day 0), bare pod debug.
    ``ml``: a PyTorchJob with two GPUs, whose exporter's labels are rewritten.
    ``kube-system``: DaemonSet agent and a static pod. Nothing at all was scraped from 02:00 to 05:00 of day 1.
The other clusters are in :mod:`fakes.prometheus_scene_odd`.
"""

from collections.abc import Iterator
from itertools import chain

from fakes.openmetrics import Recording, container_usage, counter, every, pod_state
from fakes.prometheus_scene_odd import DAY, MIB, START, odd_clusters

END = START + 3 * DAY
GAP = (START + DAY + 2 * 3600, START + DAY + 5 * 3600)
ROLLOUT = START + DAY + 12 * 3600
OOM = START + DAY + 10 * 3600
CRASH = START + 2 * DAY + 6 * 3600
JOB = (START + 3600, START + 3 * 3600)
KILL_INSIDE = START + 2 * DAY + 15 * 3600


def scrapes(start: float = START, end: float = END) -> list[float]:
    """Times at which cAdvisor was scraped."""
    return every(start + 30, end, 60, without=GAP)


def state_times(start: float = START, end: float = END) -> list[float]:
    """Times at which kube-state-metrics was scraped."""
    return every(start + 30, end, 240)


def scene() -> Iterator[str]:
    """All clusters as OpenMetrics text."""
    recordings = [_main(), *odd_clusters()]
    families: dict[str, list[str]] = {}
    for recording in recordings:
        name = ""
        for line in recording.lines():
            if line.startswith("# TYPE"):
                name = line
            else:
                families.setdefault(name, []).append(line)
    return chain.from_iterable(chain([head], families[head]) for head in sorted(families))


def _main() -> Recording:
    r = Recording(cluster="main", job="main")
    web = {"app": {"requests_cpu": 0.5, "requests_memory": 256 * MIB, "limits_memory": 512 * MIB}}
    for name, uid, revision, begin, end in (
        ("web-6d4cf56db6-aaaaa", "u-web-1", "web-6d4cf56db6", START - DAY, ROLLOUT),
        ("web-7b9f8c6d5f-bbbbb", "u-web-2", "web-7b9f8c6d5f", ROLLOUT, END),
    ):
        seen = max(begin, START)
        container_usage(
            r, scrapes(seen, end), namespace="shop", pod=name, container="app", cores=0.25, memory_bytes=200 * MIB
        )
        pod_state(
            r,
            state_times(seen, end),
            namespace="shop",
            pod=name,
            uid=uid,
            node="node-1",
            owner=("ReplicaSet", revision),
            created=begin,
            containers=web,
        )
        who = {"namespace": "shop", "pod": name, "uid": uid, "container": "proxy"}
        times = state_times(seen, end)
        r.constant("kube_pod_init_container_info", {**who, "image": "proxy:2", "restart_policy": "Always"}, times)
        r.constant(
            "kube_pod_init_container_resource_requests", {**who, "resource": "cpu", "unit": "core"}, times, 0.125
        )
        r.constant(
            "kube_replicaset_owner",
            {"namespace": "shop", "replicaset": revision, "owner_kind": "Deployment", "owner_name": "web"},
            times,
        )
    _database(r)
    _job(r)
    _training(r)
    _system(r)
    _policies(r)
    _nodes(r)
    return r


def _database(r: Recording) -> None:
    who = {"namespace": "shop", "pod": "db-0", "uid": "u-db", "container": "db"}
    times = scrapes()
    container_usage(
        r, times, namespace="shop", pod="db-0", container="db", cores=0.5, memory_bytes=900 * MIB, resets=[OOM]
    )
    pod_state(
        r,
        state_times(),
        namespace="shop",
        pod="db-0",
        uid="u-db",
        node="node-2",
        owner=("StatefulSet", "db"),
        created=START - 10 * DAY,
        containers={"db": {"requests_cpu": 1.0, "requests_memory": 1024 * MIB}},
        qos="Burstable",
        restarts=False,
    )
    state = state_times()
    r.add(
        "kube_pod_container_status_restarts_total",
        who,
        ((t, 3.0 + (t >= OOM) + (t >= CRASH)) for t in state),
    )
    for reason, begin, end in (("OOMKilled", OOM, CRASH), ("Error", CRASH, END)):
        r.constant(
            "kube_pod_container_status_last_terminated_reason",
            {**who, "reason": reason},
            [t for t in state if begin <= t < end],
        )
    # the limit was raised in place after the kill
    r.add(
        "kube_pod_container_resource_limits",
        {**who, "resource": "memory", "unit": "byte", "node": "node-2"},
        ((t, (1024 if t < OOM + 3600 else 2048) * MIB) for t in state),
    )
    # the kill above shows here too; the second rise is a process killed inside the living container
    r.add("container_oom_events_total", who, ((t, float((t >= OOM) + (t >= KILL_INSIDE))) for t in times))
    r.constant("container_cpu_cfs_periods_total", {**who, "id": "/a"}, times[:1], 0.0)
    r.add("container_cpu_cfs_periods_total", {**who, "id": "/b"}, counter(times, 10.0, start=times[0]))
    r.add("container_cpu_cfs_throttled_periods_total", {**who, "id": "/b"}, counter(times, 2.5, start=times[0]))
    r.add("container_pressure_cpu_waiting_seconds_total", {**who, "id": "/b"}, counter(times, 0.125, start=times[0]))
    r.add("container_pressure_memory_stalled_seconds_total", {**who, "id": "/b"}, counter(times, 2.0, start=times[0]))


def _job(r: Recording) -> None:
    times = state_times(*JOB)
    pod_state(
        r,
        times,
        namespace="shop",
        pod="nightly-29454480-ccccc",
        uid="u-job",
        node="node-2",
        owner=("Job", "nightly-29454480"),
        created=JOB[0],
        containers={"batch": {"requests_cpu": 2.0, "limits_memory": 512 * MIB}},
        phase="Failed",
    )
    who = {"namespace": "shop", "pod": "nightly-29454480-ccccc", "uid": "u-job"}
    r.constant("kube_pod_completion_time", who, times[-5:], JOB[1] - 1000)
    r.constant(
        "kube_pod_container_status_terminated_reason",
        {**who, "container": "batch", "reason": "OOMKilled"},
        times[-5:],
    )
    job = {"namespace": "shop", "job_name": "nightly-29454480"}
    r.constant("kube_job_owner", {**job, "owner_kind": "CronJob", "owner_name": "nightly"}, times)
    r.constant("kube_cronjob_info", {"namespace": "shop", "cronjob": "nightly", "schedule": "0 1 * * *"}, state_times())
    container_usage(
        r,
        scrapes(*JOB),
        namespace="shop",
        pod="nightly-29454480-ccccc",
        container="batch",
        cores=1.5,
        memory_bytes=400 * MIB,
    )
    pod_state(
        r,
        state_times(END - 3600),
        namespace="shop",
        pod="debug",
        uid="u-debug",
        node="node-1",
        owner=("", ""),
        created=END - 3600,
        containers={"shell": {}},
        qos="BestEffort",
    )


def _training(r: Recording) -> None:
    state, times = state_times(), scrapes()
    pod_state(
        r,
        state,
        namespace="ml",
        pod="train-worker-0",
        uid="u-train",
        node="node-2",
        owner=("PyTorchJob", "train"),
        created=START - 3600,
        containers={"pytorch": {"requests_nvidia_com_gpu": 2, "limits_nvidia_com_gpu": 2, "requests_cpu": 4}},
    )
    for gpu, active, used in (("0", 0.75, 1000.0), ("1", 0.5, 3000.0)):
        labels = {
            "namespace": "gpu-operator",
            "pod": "nvidia-dcgm-exporter-xyz",
            "container": "nvidia-dcgm-exporter",
            "exported_namespace": "ml",
            "exported_pod": "train-worker-0",
            "exported_container": "pytorch",
            "UUID": f"GPU-{gpu}",
            "gpu": gpu,
        }
        r.constant("DCGM_FI_PROF_GR_ENGINE_ACTIVE", labels, times, active)
        r.constant("DCGM_FI_DEV_FB_USED", labels, times, used)
    idle = {"namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-xyz", "container": "nvidia-dcgm-exporter"}
    r.constant("DCGM_FI_DEV_FB_USED", {**idle, "UUID": "GPU-2", "gpu": "2"}, times, 5.0)


def _system(r: Recording) -> None:
    for node in ("node-1", "node-2"):
        pod_state(
            r,
            state_times(),
            namespace="kube-system",
            pod=f"agent-{node}",
            uid=f"u-agent-{node}",
            node=node,
            owner=("DaemonSet", "agent"),
            created=START - 20 * DAY,
            containers={"agent": {"requests_cpu": 0.1}},
        )
        pod_state(
            r,
            state_times(),
            namespace="kube-system",
            pod=f"kube-proxy-{node}",
            uid=f"u-proxy-{node}",
            node=node,
            owner=("Node", node),
            created=START - 20 * DAY,
            containers={"kube-proxy": {"requests_cpu": 0.1}},
        )
    # sums of pods, and pause containers
    for container in ("", "POD"):
        container_usage(
            r,
            scrapes(END - DAY),
            namespace="kube-system",
            pod="agent-node-1",
            container=container,
            cores=9.0,
            memory_bytes=9.0,
        )


def _policies(r: Recording) -> None:
    times = state_times(END - DAY)
    for metric, labels, value in (
        ("kube_deployment_spec_replicas", {"namespace": "shop", "deployment": "web"}, 3.0),
        ("kube_deployment_spec_strategy_rollingupdate_max_surge", {"namespace": "shop", "deployment": "web"}, 1.0),
        (
            "kube_deployment_spec_strategy_rollingupdate_max_unavailable",
            {"namespace": "shop", "deployment": "web"},
            0.0,
        ),
        ("kube_deployment_spec_replicas", {"namespace": "shop", "deployment": "asleep"}, 0.0),
        ("kube_statefulset_replicas", {"namespace": "shop", "statefulset": "db"}, 1.0),
        ("kube_daemonset_status_desired_number_scheduled", {"namespace": "kube-system", "daemonset": "agent"}, 2.0),
        ("kube_namespace_labels", {"namespace": "shop", "label_environment": "production"}, 1.0),
        ("kube_namespace_labels", {"namespace": "ml"}, 1.0),
        (
            "kube_resourcequota",
            {"namespace": "shop", "resourcequota": "q", "resource": "requests.cpu", "type": "hard"},
            8.0,
        ),
        (
            "kube_resourcequota",
            {"namespace": "shop", "resourcequota": "q", "resource": "requests.cpu", "type": "used"},
            1.5,
        ),
    ):
        r.constant(metric, labels, times, value)
    limits = {"namespace": "shop", "limitrange": "lr", "type": "Container"}
    r.constant("kube_limitrange", {**limits, "resource": "memory", "constraint": "max"}, times, 4096 * MIB)
    r.constant("kube_limitrange", {**limits, "resource": "cpu", "constraint": "defaultRequest"}, times, 0.1)
    hpa = {"namespace": "shop", "horizontalpodautoscaler": "web"}
    target = {
        "scaletargetref_kind": "Deployment",
        "scaletargetref_name": "web",
        "scaletargetref_api_version": "apps/v1",
    }
    r.constant("kube_horizontalpodautoscaler_info", {**hpa, **target}, times)
    for name, value in (("spec_min", 2.0), ("spec_max", 10.0), ("status_current", 3.0), ("status_desired", 4.0)):
        r.constant(f"kube_horizontalpodautoscaler_{name}_replicas", hpa, times, value)
    for metric, kind, value in (("cpu", "utilization", 70.0), ("queue_length", "average", 30.0)):
        r.constant(
            "kube_horizontalpodautoscaler_spec_target_metric",
            {**hpa, "metric_name": metric, "metric_target_type": kind},
            times,
            value,
        )
    pdb = {"namespace": "shop", "poddisruptionbudget": "db"}
    for name, value in (
        ("pod_disruptions_allowed", 0.0),
        ("current_healthy", 1.0),
        ("desired_healthy", 1.0),
        ("expected_pods", 1.0),
    ):
        r.constant(f"kube_poddisruptionbudget_status_{name}", pdb, times, value)
    volume = {"persistentvolume": "pv-1"}
    r.constant("kube_persistentvolume_labels", {**volume, "label_topology_kubernetes_io_zone": "eu-1a"}, times)
    r.constant("kube_persistentvolume_claim_ref", {**volume, "name": "data-db-0", "claim_namespace": "shop"}, times)
    r.constant("kube_persistentvolume_info", {**volume, "storageclass": "fast"}, times)
    r.constant("kube_persistentvolume_capacity_bytes", volume, times, 1024 * MIB)


def _nodes(r: Recording) -> None:
    times = state_times(END - DAY)
    for node, cpu, labels, hourly in (
        (
            "node-1",
            3.92,
            {
                "label_topology_kubernetes_io_zone": "eu-1a",
                "label_topology_kubernetes_io_region": "eu-1",
                "label_node_kubernetes_io_instance_type": "m5.xlarge",
                "label_eks_amazonaws_com_nodegroup": "general",
                "label_eks_amazonaws_com_capacity_type": "SPOT",
            },
            0.2,
        ),
        ("node-2", 7.91, {}, 2.5),
    ):
        who = {"node": node}
        r.constant("kube_node_info", {**who, "kubelet_version": "v1.34.1"}, times)
        r.constant("kube_node_labels", {**who, **labels}, times)
        r.constant("kube_node_created", who, times, START - 30 * DAY)
        r.constant(
            "kube_node_status_condition",
            {**who, "condition": "Ready", "status": "true"},
            times,
            float(node == "node-1"),
        )
        for side, factor in (("allocatable", 1.0), ("capacity", 1.02)):
            for resource, unit, value in (
                ("cpu", "core", cpu * factor),
                ("memory", "byte", 16e9 * factor),
                ("pods", "integer", 58.0),
                ("nvidia_com_gpu", "integer", 4.0 if node == "node-2" else 0.0),
            ):
                r.constant(f"kube_node_status_{side}", {**who, "resource": resource, "unit": unit}, times, value)
        # two replicas of OpenCost that disagree
        for replica, off in (("a", -0.05), ("b", 0.05)):
            r.constant(
                "node_total_hourly_cost",
                {"instance": node, "node": node, "instance_type": "g5.2xlarge", "region": "eu-1", "replica": replica},
                times,
                hourly + off,
            )
        r.constant("kubecost_node_is_spot", {"instance": node, "node": node}, times, float(node == "node-2"))
    r.constant(
        "kube_node_spec_taint", {"node": "node-2", "key": "nvidia.com/gpu", "value": "", "effect": "NoSchedule"}, times
    )
