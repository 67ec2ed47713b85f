"""Decisions: domain values to arrays, arrays to solvers, and the answer back into the Plan."""
