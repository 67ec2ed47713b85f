"""Backends that solve a LinearModel."""
