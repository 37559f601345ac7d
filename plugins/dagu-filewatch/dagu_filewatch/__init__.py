"""Runs that begin when files change."""
