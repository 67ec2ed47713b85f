"""From options to a configured client: kubeconfig, context, service account, each failure by its name."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.collectors.kubernetes.options import KubernetesOptions
from planner.errors import ConfigError, SourceDenied, UsageError

DEFAULT_KUBECONFIG = Path("~/.kube/config")
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MOST_CONTEXTS = 20


@dataclass(frozen=True)
class Connection:
    """A configured client.

    Attributes:
        configuration: ``kubernetes.client.Configuration``; holds credentials, never print it.
        context: name of the context, ``in-cluster`` for a service account.
    """

    configuration: Any
    context: str

    def __repr__(self) -> str:
        """Without credentials."""
        return f"Connection(context={self.context!r})"


def connection(options: KubernetesOptions) -> Connection:
    """Find and read the credentials.

    Raises:
        ConfigError: no kubeconfig, or one that cannot be used.
        UsageError: no such context.
        SourceDenied: the credential plug-in of the kubeconfig gave nothing.
    """
    paths = _paths(options)
    if options.in_cluster or not paths:
        return _in_cluster(options)
    where = os.pathsep.join(paths)
    context, user = _checked_context(paths, options.context)
    return Connection(_load(where, context, user), context)


def _paths(options: KubernetesOptions) -> list[str]:
    """Files of the kubeconfig that exist; empty where the service account is to be used."""
    if options.kubeconfig:
        named = [str(Path(part).expanduser()) for part in options.kubeconfig.split(os.pathsep) if part]
        there = [part for part in named if Path(part).is_file()]
        if not there and not options.in_cluster:
            raise ConfigError(
                "there is no kubeconfig", where=options.kubeconfig, fix="name another one with --kubeconfig"
            )
        return there
    default = DEFAULT_KUBECONFIG.expanduser()
    return [str(default)] if default.is_file() else []


def _in_cluster(options: KubernetesOptions) -> Connection:
    if not (SERVICE_ACCOUNT / "token").is_file():
        place = "no service account is mounted" if options.in_cluster else f"{DEFAULT_KUBECONFIG} does not exist"
        raise ConfigError(
            f"no way to the Kubernetes API: {place}",
            fix="name a kubeconfig with --kubeconfig, or run in a pod with a service account",
        )
    if options.context:
        raise UsageError(f"there is no context {options.context!r} inside a pod", fix="leave --context out")
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except (config.ConfigException, OSError) as error:
        raise ConfigError(f"the service account cannot be used: {error}", where=str(SERVICE_ACCOUNT)) from error
    return Connection(configuration, "in-cluster")


def _checked_context(paths: list[str], wanted: str) -> tuple[str, dict[str, Any]]:
    """Name of the context and raw entry of its user, with every shape checked that the client takes for granted."""
    contexts: dict[str, dict[str, Any]] = {}
    clusters: dict[str, dict[str, Any]] = {}
    users: dict[str, dict[str, Any]] = {}
    current = ""
    for path in paths:
        document = _parsed(path)
        for target, key, inner in ((contexts, "contexts", "context"), (clusters, "clusters", "cluster")):
            for name, entry in _named(document, key, inner, path).items():
                target.setdefault(name, entry)
        for name, entry in _named(document, "users", "user", path).items():
            users.setdefault(name, entry)
        if isinstance(document.get("current-context"), str) and not current:
            current = document["current-context"]
    where = os.pathsep.join(paths)
    known = ", ".join(sorted(contexts)[:MOST_CONTEXTS]) or "none"
    name = wanted or current
    if not name:
        raise UsageError("the kubeconfig has no current context", where=where, fix=f"choose --context from: {known}")
    if name not in contexts:
        raise UsageError(f"there is no context {name[:200]!r}", where=where, fix=f"choose --context from: {known}")
    cluster = clusters.get(str(contexts[name].get("cluster")))
    if cluster is None or not isinstance(cluster.get("server"), str):
        raise ConfigError(f"context {name!r} names no cluster with a server", where=where, fix="mend the kubeconfig")
    return name, users.get(str(contexts[name].get("user")), {})


def _parsed(path: str) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        # The parser's own message quotes the file, which holds credentials.
        raise ConfigError("the kubeconfig is not YAML", where=path, fix="mend it or name another one") from error
    except OSError as error:
        raise ConfigError(f"cannot read the kubeconfig: {error.strerror}", where=path) from error
    if not isinstance(document, dict):
        raise ConfigError("the kubeconfig is empty or of another shape", where=path, fix="name another --kubeconfig")
    return document


def _named(document: dict[str, Any], key: str, inner: str, path: str) -> dict[str, dict[str, Any]]:
    entries = document.get(key) or []
    if not isinstance(entries, list):
        raise ConfigError(f"{key} of the kubeconfig is not a list", where=path, fix="mend the kubeconfig")
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ConfigError(f"an entry of {key} has no name", where=path, fix="mend the kubeconfig")
        content = entry.get(inner) or {}
        if not isinstance(content, dict):
            raise ConfigError(f"{inner} {entry['name']!r} is not a map", where=path, fix="mend the kubeconfig")
        found.setdefault(entry["name"], content)
    return found


def _load(where: str, context: str, user: dict[str, Any]) -> Any:
    from kubernetes import client, config

    configuration = client.Configuration()
    with _root_errors() as errors:
        try:
            # persist_config would write refreshed tokens into the user's file: this program only reads.
            config.load_kube_config(
                config_file=where, context=context, client_configuration=configuration, persist_config=False
            )
        except config.ConfigException as error:
            said = " ".join(str(error).split())[:200]
            raise ConfigError(f"the kubeconfig cannot be used: {said}", where=where, fix="mend it") from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            # The loader indexes certificates, tokens and expiry times without looking at their types.
            raise ConfigError(
                f"the kubeconfig cannot be used: {type(error).__name__} in its user or cluster", where=where
            ) from error
    if "exec" in user and not configuration.api_key and not configuration.cert_file:
        plugin = user["exec"].get("command", "?") if isinstance(user["exec"], dict) else "?"
        said = f": {errors[0][:200]}" if errors else ""
        raise SourceDenied(
            f"the credential plug-in {str(plugin)[:100]!r} of context {context!r} gave no credentials{said}",
            where=where,
            fix=f"log in again, and try `kubectl --context {context} get namespaces`",
        )
    return configuration


@contextmanager
def _root_errors() -> Iterator[list[str]]:
    """Catch what the client writes to the root logger instead of raising it (a failed credential plug-in)."""
    caught: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR:
            return True
        caught.append(record.getMessage().splitlines()[0] if record.getMessage() else "")
        return False

    root = logging.getLogger()
    silent = logging.NullHandler()
    root.addFilter(keep)
    # With any handler in place logging.error() does not install one of its own.
    root.addHandler(silent)
    try:
        yield caught
    finally:
        root.removeFilter(keep)
        root.removeHandler(silent)
