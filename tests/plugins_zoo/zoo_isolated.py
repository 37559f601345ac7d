"""Mimes that `plugins.isolation` moved into processes of their own."""

from __future__ import annotations

import zoo_mime

from dagu_core.contracts.isolation import isolated
from dagu_core.contracts.offers import Offer


def _isolated(name: str, part: type) -> type:
    found: type = isolated(Offer("zoo", "executor", ("mime",), part)).thing
    found.__module__, found.__qualname__ = __name__, name
    return found


Mime = _isolated("Mime", zoo_mime.Mime)
Honest = _isolated("Honest", zoo_mime.Honest)
