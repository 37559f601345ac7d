"""Templates of new plugins, one folder's worth of text."""
