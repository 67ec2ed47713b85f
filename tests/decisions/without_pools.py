"""Policies for tests of what is decided before any pool is planned."""

from planner.config.load import parse_policy
from planner.config.pool_policy import NodePoolsPolicy


def requests_only(text: str = "{}"):
    """The policy of a text, with node pools left out: the bill is told in the value of requests."""
    return parse_policy(text).model_copy(update={"node_pools": NodePoolsPolicy(enabled=False)})
