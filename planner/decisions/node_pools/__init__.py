"""Node pools: from planned workloads to pod classes, offerings, a packing with its bound, and certificates."""
