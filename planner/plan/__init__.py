"""The Plan: everything that was decided, with reasons, evidence and money, in one JSON file."""
