"""What the operator wants (Policy) and how to reach the sources (Settings)."""
