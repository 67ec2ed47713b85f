"""How to reach a Kubernetes API, as the command line and the settings tell it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KubernetesOptions:
    """How to reach a cluster and how hard to ask.

    Attributes:
        cluster: name of the cluster in every key; empty takes the context's name.
        kubeconfig: path of a kubeconfig, or several joined as in the variable ``KUBECONFIG``; empty
            takes ``~/.kube/config``, and inside a pod its service account where there is no such file.
        context: context of the kubeconfig; empty takes the current one.
        in_cluster: use the pod's service account in any case.
        as_user: impersonate this user (``kubectl --as``).
        as_groups: impersonate these groups too (``kubectl --as-group``).
        namespaces: read namespaced objects of these alone; empty reads all.
        page_size: objects per request.
        connect_seconds: longest wait for a connection.
        read_seconds: longest wait for one whole answer.
        tries: requests per page before a failing list is given up.
        wait_seconds: pause before the second try; doubles with every further one.
        threads: lists read at the same time.
    """

    cluster: str = ""
    kubeconfig: str = ""
    context: str = ""
    in_cluster: bool = False
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    page_size: int = 500
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    tries: int = 5
    wait_seconds: float = 0.5
    threads: int = 4
