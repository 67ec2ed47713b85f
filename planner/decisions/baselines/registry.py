"""The baselines by name, at their published settings and over the range of their dials."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

from planner.decisions.baselines.autopilot import CPU_PERCENTILE, AutopilotWindowSizer
from planner.decisions.baselines.fixed import FixedSizer
from planner.decisions.baselines.krr import KrrSimpleSizer
from planner.decisions.baselines.vpa import VpaSizer
from planner.evidence.sizer import Sizer
from planner.usage.window import ResourceName

_RULES: Mapping[str, type[VpaSizer | KrrSimpleSizer | AutopilotWindowSizer | FixedSizer]] = MappingProxyType(
    {
        "vpa": VpaSizer,
        "krr-simple": KrrSimpleSizer,
        "autopilot-window": AutopilotWindowSizer,
        "fixed": FixedSizer,
    }
)
METHODS: tuple[str, ...] = tuple(_RULES)
DEFAULTS: Mapping[str, Sizer] = MappingProxyType({method: rule() for method, rule in _RULES.items()})
"""Every method as published (``fixed`` as chosen here), without floors."""


def baseline(method: str, **dial: float | int | bool | str | None) -> Sizer:
    """A rule by its name.

    Args:
        method: one of `METHODS`.
        dial: its settings, such as ``percentile=0.99``; those left out stay as published.

    Raises:
        ValueError: no such method, no such dial, or a dial turned too far.
    """
    rule = _RULES.get(method)
    if rule is None:
        raise ValueError(f"no baseline named {method!r}; there are {', '.join(METHODS)}")
    known = [entry.name for entry in fields(rule)]
    for name in dial:
        if name not in known:
            raise ValueError(f"{method} has no dial {name!r}; it has {', '.join(known)}")
    try:
        return rule(**dial)  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(f"{method}: {dial} holds a value of the wrong kind") from error


_PERCENTILES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_KRR_PERCENTILES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0)
_KRR_MARGINS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)
_FIXED_QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0)


def frontier(method: str, resource: ResourceName) -> list[Sizer]:
    """The rule with its dial turned from the lowest to the highest reservation; the published setting is among them.

    A percentile is turned first, at the published margin. At 1 it can go no further, and the margin is turned. KRR
    has one dial for each resource: a percentile of CPU, which ends at 1, and a margin over the highest memory, which
    begins at 0; it can be set no higher and no lower than that.

    Returns:
        11 to 13 settings; no series gets less from one than from those before it.

    Raises:
        ValueError: no such method or resource.
    """
    if resource not in ("cpu", "memory"):
        raise ValueError(f"no resource named {resource!r}; there are cpu, memory")
    if method == "vpa":
        return [
            *(VpaSizer(percentile=p) for p in (*_PERCENTILES, 1.0)),
            *(VpaSizer(percentile=1.0, margin=m) for m in (0.3, 0.5, 1.0)),
        ]
    if method == "krr-simple":
        if resource == "cpu":
            return [KrrSimpleSizer(percentile=p) for p in _KRR_PERCENTILES]
        return [KrrSimpleSizer(margin=m) for m in _KRR_MARGINS]
    if method == "autopilot-window":
        if resource == "cpu":
            return [
                *(AutopilotWindowSizer(percentile=None if p == CPU_PERCENTILE else p) for p in (*_PERCENTILES, 1.0)),
                *(AutopilotWindowSizer(percentile=1.0, margin=m) for m in (0.2, 0.35, 0.6)),
            ]
        return [
            *(AutopilotWindowSizer(percentile=p) for p in _PERCENTILES),
            *(AutopilotWindowSizer(margin=m) for m in (0.1, 0.15, 0.3, 0.5)),
        ]
    if method == "fixed":
        return [
            *(FixedSizer(q=q) for q in _FIXED_QUANTILES),
            *(FixedSizer(q=1.0, margin=m) for m in (0.3, 0.5, 0.75, 1.0)),
        ]
    raise ValueError(f"no baseline named {method!r}; there are {', '.join(METHODS)}")
