"""What nodes cost: the operator's file, OpenCost, the shipped catalogue; and the split into core, GiB and GPU."""
