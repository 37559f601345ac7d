"""Raises while it is imported."""

raise RuntimeError("the cage is empty")
