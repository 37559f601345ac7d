"""Was made for another plugin API."""

DAGU_API = 0
