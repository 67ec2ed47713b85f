"""Which value of a key holds for a workload, and where it comes from.

Layers, the later ones win key by key::

    built-in defaults -> `defaults` of the file -> environment (built-in, then the file's)
      -> namespace (patterns from the least to the most literal characters, then the exact name)
      -> annotations `planner/<key>` of the workload

``risk.level`` is a dial: a layer that turns it also sets the prices and ceilings of the risk, so that those given by
an earlier layer do not outlive a dial that was turned later. Keys of the same layer win over its own dial.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pydantic import ValidationError

from planner.config.fields import flatten, unflatten
from planner.config.problems import problems_of
from planner.config.workload_policy import RISK_LEVELS, WORKLOAD_KEYS, WorkloadOverride, WorkloadPolicy, given_keys
from planner.errors import ConfigError

ANNOTATION_PREFIX = "planner/"
OTHER_ANNOTATIONS = frozenset({"planner/last-plan"})
"""Annotations under the prefix that say something else than the policy."""


@dataclass(frozen=True, slots=True)
class AnnotationWarning:
    """An annotation that was ignored. Who resolves names the object that carries it."""

    annotation: str
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """The keys that hold for one workload."""

    value: WorkloadPolicy
    origin: Mapping[str, str]
    """Dotted key -> ``default``, ``file defaults``, ``environment production (built-in)``, ``environment production``,
    ``namespace team-a``, ``annotation planner/risk.level``."""
    environment: str = ""
    """Name after the aliases; empty = no label of the namespace tells it."""
    excluded: bool = False
    """The namespace is among ``excluded_namespaces``: findings, but no recommendation."""
    warnings: tuple[AnnotationWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """Keys that one place gives."""

    origin: str
    keys: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """Dotted keys after some layers, with their origins."""

    keys: dict[str, Any]
    origin: dict[str, str]

    def with_layer(self, layer: Layer) -> "Merged":
        """The later layer wins key by key; a risk level brings its prices and ceilings along."""
        given = dict(layer.keys)
        if "risk.level" in given:
            prices = {f"risk.{key}": price for key, price in RISK_LEVELS[given["risk.level"]].items()}
            given = prices | given
        return Merged(self.keys | given, self.origin | dict.fromkeys(given, layer.origin))

    def policy(self) -> WorkloadPolicy:
        """Check the rules between keys.

        Raises:
            ValidationError: two keys contradict each other.
        """
        return WorkloadPolicy.model_validate(unflatten(self.keys))


def built_in() -> Merged:
    """The first layer."""
    keys = flatten(WorkloadPolicy().model_dump())
    return Merged(keys, dict.fromkeys(keys, "default"))


def namespace_layers(overrides: Mapping[str, WorkloadOverride], namespace: str) -> Iterator[Layer]:
    """Overrides that match a namespace, the most specific last; the order within the file does not matter."""

    def specificity(pattern: str) -> tuple[bool, int, str]:
        return pattern == namespace, sum(character not in "*?[]!" for character in pattern), pattern

    matching = [pattern for pattern in overrides if pattern == namespace or fnmatchcase(namespace, pattern)]
    for pattern in sorted(matching, key=specificity):
        yield Layer(f"namespace {pattern}", given_keys(overrides[pattern]))


def checked(merged: Merged, what: str) -> WorkloadPolicy:
    """The merged policy; layers that contradict each other are the file's fault.

    Raises:
        ConfigError: two layers contradict each other, such as a minimum above a maximum.
    """
    try:
        return merged.policy()
    except ValidationError as error:
        said = "; ".join(f"{problem.key}: {problem.text}" for problem in problems_of(error, WorkloadPolicy))
        raise ConfigError(
            f"the layers of the policy contradict each other: {said}",
            where=what,
            fix="see where each key comes from with `planner policy show --effective`",
        ) from error


def annotated(merged: Merged, annotations: Mapping[str, str]) -> tuple[Merged, tuple[AnnotationWarning, ...]]:
    """Add the annotations of one workload. What cannot be used is ignored, with a warning.

    Together they are one layer: the dial is turned first, so that prices beside it win. If they contradict the
    rest of the policy they are tried one by one in alphabetical order, and those that break it are ignored.
    """
    layers: list[Layer] = []
    warnings: list[AnnotationWarning] = []
    for name in sorted(annotations):
        read = _read_annotation(name, annotations[name])
        if isinstance(read, AnnotationWarning):
            warnings.append(read)
        else:
            layers.append(read)
    layers.sort(key=lambda layer: "risk.level" not in layer.keys)
    whole = merged
    for layer in layers:
        whole = whole.with_layer(layer)
    try:
        whole.policy()
    except ValidationError:
        whole = merged
        for layer in layers:
            attempt = whole.with_layer(layer)
            try:
                attempt.policy()
            except ValidationError as error:
                text = "; ".join(problem.text for problem in problems_of(error, WorkloadPolicy))
                name = layer.origin.removeprefix("annotation ")
                warnings.append(AnnotationWarning(name, f"contradicts the rest of the policy: {text}", "change it"))
            else:
                whole = attempt
    return whole, tuple(warnings)


def _read_annotation(name: str, text: str) -> Layer | AnnotationWarning:
    key = name.removeprefix(ANNOTATION_PREFIX).replace("-", "_")
    if key not in WORKLOAD_KEYS:
        close = difflib.get_close_matches(key, WORKLOAD_KEYS, n=1)
        fix = f"did you mean {ANNOTATION_PREFIX}{close[0]}?" if close else "list the keys with `planner policy show`"
        return AnnotationWarning(name, "no such key of the policy", fix)
    value = None if text.strip() in ("", "null") else text.strip()
    try:
        override = WorkloadOverride.model_validate(unflatten({key: value}))
    except ValidationError as error:
        first = problems_of(error, WorkloadOverride)[0]
        return AnnotationWarning(name, f"{text[:80]!r}: {first.text}", first.fix or "correct or remove the annotation")
    return Layer(f"annotation {name}", given_keys(override))


def relevant(annotations: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The annotations that speak to the policy, in a form that can be a key of a cache."""
    return tuple(
        sorted(
            (name, text)
            for name, text in annotations.items()
            if name.startswith(ANNOTATION_PREFIX) and name not in OTHER_ANNOTATIONS
        )
    )
