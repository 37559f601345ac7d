"""Archives as steps: create, extract, list."""
