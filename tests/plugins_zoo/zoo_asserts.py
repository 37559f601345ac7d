"""Fails an assertion while it is imported."""

assert 1 + 1 == 3, "sums"
