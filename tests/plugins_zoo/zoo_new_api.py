"""Made for a core that is yet to come."""

DAGU_API = (2, 3)
