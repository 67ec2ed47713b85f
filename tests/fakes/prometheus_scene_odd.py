"""Clusters of the scene that each have one oddity; the first of its three days only.

``twice``
    Every series of one container comes from two Prometheus replicas; its cgroup changes once.
``renamed``
    kube-state-metrics and cAdvisor without ``honor_labels``.
``old``
    kube-state-metrics 1.9 (amounts by metric, no uid, no kube_pod_info) and the first dcgm-exporter (``pod_name``).
``hostile``
    Names that break naive quoting, a label value of 40,000 characters, NaN, infinities, a fall below zero.
"""

from fakes.openmetrics import Recording, container_usage, counter, every

DAY = 86_400.0
START = 1_767_571_200.0
"""2026-01-05T00:00Z."""
MIB = 2.0**20

HOSTILE_NAMESPACE = "null"
HOSTILE_POD = 'x"} or vector(1) # \\ \n\u00e9\u732b'
HOSTILE_CONTAINER = "yes"
LONG_VALUE = "v" * 40_000


def odd_clusters() -> list[Recording]:
    """One recording per cluster."""
    return [_twice(), _renamed(), _old(), _hostile()]


def _twice() -> Recording:
    """0.25 cores from two replicas; at noon of day 0 the container restarts and its cgroup changes."""
    r = Recording(cluster="twice", job="kubelet")
    noon = START + DAY / 2
    for replica in ("a", "b"):
        for cgroup, begin, end in (("/one", START, noon), ("/two", noon, START + DAY)):
            who = {"namespace": "n", "pod": "p", "container": "c", "id": cgroup, "prometheus_replica": replica}
            times = every(begin + (30 if replica == "a" else 45), end, 60)
            r.add("container_cpu_usage_seconds_total", {**who, "cpu": "total"}, counter(times, 0.25, start=begin))
            r.constant("container_memory_working_set_bytes", who, times, 64 * MIB)
    return r


def _renamed() -> Recording:
    """The exporter's own pod holds the plain labels."""
    r = Recording(cluster="renamed", job="ksm", namespace="monitoring", pod="exporter-0", container="exporter")
    times = every(START + 30, START + DAY, 60)
    real = {"exported_namespace": "n", "exported_pod": "p-0", "exported_container": "c"}
    usage = {"id": "/x", "name": "x"}
    r.add("container_cpu_usage_seconds_total", {**usage, **real, "cpu": "total"}, counter(times, 0.5, start=START))
    r.constant("container_memory_working_set_bytes", {**usage, **real}, times, 10 * MIB)
    # the sum of the pod: its own labels are empty, so the exporter's are all that is left
    r.constant("container_memory_working_set_bytes", {"id": "/"}, times, 99 * MIB)
    state = every(START + 30, START + DAY, 240)
    pod = {"exported_namespace": "n", "exported_pod": "p-0", "uid": "u"}
    r.constant(
        "kube_pod_info",
        {
            **pod,
            "node": "monitoring-node",
            "exported_node": "node-9",
            "created_by_kind": "StatefulSet",
            "created_by_name": "p",
        },
        state,
    )
    r.constant("kube_pod_container_info", {**pod, "exported_container": "c", "image": "c:1"}, state)
    r.constant(
        "kube_pod_container_resource_requests",
        {**pod, "exported_container": "c", "resource": "cpu", "unit": "core"},
        state,
        0.75,
    )
    r.constant("kube_statefulset_replicas", {"exported_namespace": "n", "statefulset": "p"}, state, 2.0)
    return r


def _old() -> Recording:
    """One pod of 0.5 cores and 256 MiB with a GPU that is busy for 40 %."""
    r = Recording(cluster="old", job="old")
    times, state = every(START + 30, START + DAY, 60), every(START + 30, START + DAY, 240)
    pod = {"namespace": "n", "pod": "web-5d8f-x"}
    inside = {**pod, "container": "app", "node": "node-1"}
    r.constant(
        "kube_pod_owner",
        {**pod, "owner_kind": "ReplicaSet", "owner_name": "web-5d8f", "owner_is_controller": "true"},
        state,
    )
    r.constant(
        "kube_replicaset_owner",
        {"namespace": "n", "replicaset": "web-5d8f", "owner_kind": "Deployment", "owner_name": "web"},
        state,
    )
    r.constant("kube_pod_created", pod, state, START)
    r.constant("kube_pod_container_info", {**pod, "container": "app", "image": "app:1", "image_id": ""}, state)
    r.constant("kube_pod_container_resource_requests_cpu_cores", inside, state, 0.5)
    r.constant("kube_pod_container_resource_requests_memory_bytes", inside, state, 256 * MIB)
    r.constant("kube_pod_container_resource_limits_memory_bytes", inside, state, 512 * MIB)
    r.constant("kube_node_status_allocatable_cpu_cores", {"node": "node-1"}, state, 8.0)
    r.constant("kube_node_status_allocatable_memory_bytes", {"node": "node-1"}, state, 32e9)
    r.constant("kube_node_status_allocatable_pods", {"node": "node-1"}, state, 110.0)
    exporter = {"namespace": "gpu", "pod": "dcgm-exporter-1", "container": "dcgm-exporter", "UUID": "GPU-a"}
    owner = {"pod_name": "web-5d8f-x", "pod_namespace": "n", "container_name": "app"}
    r.constant("DCGM_FI_DEV_GPU_UTIL", {**exporter, **owner}, times, 40.0)
    return r


def _hostile() -> Recording:
    r = Recording(cluster='ho"st\\ile', job="kubelet")
    times = every(START + 30, START + DAY, 60)
    container_usage(
        r,
        times,
        namespace=HOSTILE_NAMESPACE,
        pod=HOSTILE_POD,
        container=HOSTILE_CONTAINER,
        cores=0.125,
        memory_bytes=1 * MIB,
        label_of_somebody=LONG_VALUE,
    )
    odd = {"namespace": "n", "pod": "p", "container": "odd", "id": "/odd"}
    values = [float("nan"), float("inf"), float("-inf"), -5.0, 2.0**20]
    # one kind of value for each hour
    r.add(
        "container_memory_working_set_bytes",
        odd,
        ((t, values[int((t - START) // 3600) % len(values)]) for t in times),
    )
    return r
