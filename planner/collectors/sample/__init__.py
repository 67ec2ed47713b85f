"""A made-up ML platform, the same from every run: as raw Kubernetes objects, as a snapshot and as OpenMetrics text."""
