"""Heap sizes that a container's settings fix, in bytes. The settings themselves are not kept.

A memory recommendation must not go below the heap that the program was told to take, and a working
set that is the size of a fixed heap is not demand.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from planner.collectors.kubernetes.fields import FieldError, child, items, text, texts, whole_quantity
from planner.units import GIB, KIB, MIB

_REFERENCE = re.compile(r"\$[({]([A-Za-z_][A-Za-z0-9_.-]{0,200})[)}]")
_MAX_HEAP = re.compile(r"-(?:Xmx|XX:MaxHeapSize=)(\d{1,18})([kKmMgGtT]?)(?![\w.])")
_MAX_SHARE = re.compile(r"-XX:MaxRAMPercentage=(\d{1,3}(?:\.\d{1,9})?)(?![\w.])")
_OLD_SPACE = re.compile(r"--max[-_]old[-_]space[-_]size[= ](\d{1,9})(?!\w)")
_GO_LIMIT = re.compile(r"(\d{1,18})(B|KiB|MiB|GiB|TiB)?")
_UNITS = {"": 1, "k": KIB, "m": MIB, "g": GIB, "t": 1024 * GIB}
_GO_UNITS = {None: 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": 1024 * GIB}
LARGEST_HEAP = 2**50
_JVM_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")


def fixed_heap(container: Mapping[str, Any], memory_limit_bytes: int | None) -> tuple[int | None, str | None]:
    """Heap that a raw container asks for, and the setting that told it.

    A later setting of the same command line wins, as in the JVM; ``-Xmx`` wins over
    ``MaxRAMPercentage``; the command line wins over variables.

    Args:
        container: raw container of a pod spec.
        memory_limit_bytes: its memory limit, the base of percentages.

    Returns:
        (bytes, setting): bytes is ``None`` for a percentage without a limit; both are ``None``
        where nothing is fixed.
    """
    variables = _plain_variables(container)
    words = [_expanded(word, variables) for word in (*texts(container, "command"), *texts(container, "args"))]
    order = [*sorted(name for name in variables if name not in _JVM_VARIABLES), *reversed(_JVM_VARIABLES)]
    lines = [" ".join(words)]
    if "_JAVA_OPTIONS" in variables:
        lines.insert(0, _expanded(variables["_JAVA_OPTIONS"], variables))
    lines += [_expanded(variables[name], variables) for name in order if name in variables]
    for line in lines:
        heap = _last(_MAX_HEAP, line)
        if heap is not None:
            return _bounded(int(heap[1]) * _UNITS[heap[2].lower()]), "-Xmx"
    for line in lines:
        share = _last(_MAX_SHARE, line)
        if share is not None and 0 < float(share[1]) <= 100:
            setting = f"MaxRAMPercentage={float(share[1]):g}"
            return (None if memory_limit_bytes is None else int(memory_limit_bytes * float(share[1]) / 100)), setting
    go = _go_limit(container, variables, memory_limit_bytes)
    if go is not None:
        return _bounded(go), "GOMEMLIMIT"
    for line in lines:
        space = _last(_OLD_SPACE, line)
        if space is not None:
            return _bounded(int(space[1]) * MIB), "--max-old-space-size"
    return None, None


def _plain_variables(container: Mapping[str, Any]) -> dict[str, str]:
    return {text(entry, "name"): _value(entry) for entry in items(container, "env") if entry.get("value") is not None}


def _value(entry: Mapping[str, Any]) -> str:
    value = entry["value"]
    if not isinstance(value, str):
        raise FieldError("env.value", "a text", value)
    return value


def _expanded(line: str, variables: Mapping[str, str]) -> str:
    """The line with its references to plain variables filled in, one level deep."""
    return _REFERENCE.sub(lambda match: variables.get(match[1], ""), line)


def _last(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(line):  # noqa: B007 the last one counts
        pass
    return found


def _go_limit(container: Mapping[str, Any], variables: Mapping[str, str], memory_limit_bytes: int | None) -> int | None:
    match = _GO_LIMIT.fullmatch(_expanded(variables.get("GOMEMLIMIT", ""), variables).strip())
    if match is not None:
        return int(match[1]) * _GO_UNITS[match[2]]
    for entry in items(container, "env"):
        source = child(entry, "valueFrom", "resourceFieldRef")
        if entry.get("name") != "GOMEMLIMIT" or source.get("resource") != "limits.memory" or memory_limit_bytes is None:
            continue
        divisor = whole_quantity(source.get("divisor") or 1, "divisor")
        # The kubelet hands over the limit divided by the divisor; Go reads the number as bytes.
        return math.ceil(memory_limit_bytes / max(divisor, 1))
    return None


def _bounded(heap_bytes: int) -> int | None:
    return heap_bytes if 0 < heap_bytes <= LARGEST_HEAP else None
