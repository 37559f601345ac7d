"""Does not know what a version is."""

DAGU_API = "one"
