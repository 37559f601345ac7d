"""JSON queries as steps."""
