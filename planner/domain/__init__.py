"""Nouns of the field, as frozen values: no reading, no writing, no deciding."""
