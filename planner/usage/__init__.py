"""Statistics of usage: pure numpy over (series, time) arrays."""
