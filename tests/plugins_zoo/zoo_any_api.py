"""Made for this core and the next."""

DAGU_API = (1, 2)
