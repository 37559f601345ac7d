"""Statements against databases as steps."""
