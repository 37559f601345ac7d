"""Step types in any language: executables that speak JSON lines."""
