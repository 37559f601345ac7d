"""A pytest plugin: each test leaves the time zone of the process as it found it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _own_time_zone() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    # Commands take over the zone of their settings, for the whole process.
    time.tzset()
