"""What node pools may look like."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from planner.config.fields import Number, Section, refuse_bool

_GibPerHour = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e6), BeforeValidator(refuse_bool)]


class Commitment(Section):
    """Nodes of a type that are paid for all month, used or not: Reserved Instances, committed use."""

    instance_type: str = Field(min_length=1)
    """Type that is committed."""
    nodes: int = Field(ge=1, le=100_000)
    """How many, over all zones."""
    price_per_hour: Number = Field(ge=0, le=1e6)
    """What one costs an hour, in `currency`."""


class DataZone(Section):
    """Where the data of a namespace are."""

    zone: str = Field(min_length=1)
    """Zone of the data."""
    gib_per_pod_hour: _GibPerHour | None = None
    """Data that one pod moves in an hour; another zone then costs this times `price_per_gib_across_zones`. null = its
    pods stay in the zone."""


class NodePoolsPolicy(Section):
    """Node pools: what may be bought, and the rules that every plan keeps."""

    enabled: bool = True
    """Plan pools. Without, the bill is told in the value of requests."""
    instance_types: tuple[str, ...] = ()
    """Types that every pool may use besides its own and their neighbours of the same family: names, or patterns with
    * and ?, of the catalogue."""
    excluded_instance_types: tuple[str, ...] = ()
    """Types that must not be bought: names or patterns. Nodes of today are not forced out, they are replaced."""
    only_todays_types: bool = False
    """Change numbers of nodes only: every pool keeps the types that it has."""
    zones: tuple[str, ...] = ()
    """Zones that may be used; empty = those of today's nodes."""
    zone_caps: dict[str, int] = Field(default_factory=dict)
    """Most nodes by zone."""
    spot_max_share: Number = Field(default=1.0, ge=0, le=1)
    """Largest share of all cores that may be spot. Only pools that are spot today get spot nodes."""
    headroom: Number = Field(default=0.0, ge=0, le=0.9)
    """Share of every node's CPU and memory that stays free."""
    pool_min_nodes: dict[str, int] = Field(default_factory=dict)
    """Fewest nodes by pool; they are paid for all month."""
    pool_max_nodes: dict[str, int] = Field(default_factory=dict)
    """Most nodes by pool."""
    commitments: tuple[Commitment, ...] = ()
    """What is paid for whether it is used or not."""
    churn_price: Number = Field(default=1.0, ge=0, le=1e6)
    """Price of adding or removing one node, in `currency`, spread over a month: changes that save less are not made."""
    data_zones: dict[str, DataZone] = Field(default_factory=dict)
    """Where data are, by namespace: a name, or a pattern with * and ?."""
    price_per_gib_across_zones: Number = Field(default=0.01, ge=0, le=100)
    """Price of a GiB that crosses zones, in `currency`. 0.01 each way on AWS and GCP."""
    periods: int = Field(default=4, ge=1, le=12)
    """Most parts into which the typical week is divided."""
    time_limit_seconds: Number = Field(default=60, ge=1, le=3600)
    """Most processor seconds for one plan of the pools; what was found by then is told with its gap."""
