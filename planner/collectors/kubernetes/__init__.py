"""The Kubernetes API as a source: read-only, raw lists, no values that could be secrets."""
