"""Sources of observations. Each returns what it saw; :mod:`planner.collectors.merge` makes one picture of it."""
