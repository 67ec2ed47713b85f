"""The planner: one capacity and cost plan for a Kubernetes cluster, with the evidence beside it."""

__version__ = "0.1.0"
