"""How much may come out of an archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from dagu_archive.codes import CORRUPT, refuse

#: below this much the ratio says nothing: a short file of blanks is no bomb
_RATIO_COUNTS_FROM = 1 << 20


class Limits:
    """Counts entries and bytes while an archive is read, and ends the work when it is too much."""

    def __init__(self, max_bytes: int, max_files: int, max_ratio: float, packed: int) -> None:
        self.max_files = max_files
        self._max_bytes, self._max_ratio, self._packed = max_bytes, max_ratio, packed
        self._files = 0

    def entry(self) -> None:
        """One more entry."""
        self._files += 1
        self.files(self._files)

    def files(self, count: int) -> None:
        """`count` entries, known or only claimed by the archive."""
        if count > self.max_files:
            _too_much(f"it has more than {self.max_files} entries", "raise maxFiles")

    def bytes(self, count: int) -> None:
        """`count` bytes, unpacked or only claimed by the archive."""
        if count > self._max_bytes:
            _too_much(f"more than {self._max_bytes} bytes come out of it", "raise maxBytes")
        if count > _RATIO_COUNTS_FROM and count > self._max_ratio * self._packed:
            _too_much(f"it becomes more than {self._max_ratio:g} times its size", "raise maxRatio")

    def meter(self) -> Callable[[int], None]:
        """A counter of bytes of its own that ends the work at the limit."""
        total = 0

        def add(count: int) -> None:
            nonlocal total
            total += count
            self.bytes(total)

        return add


def _too_much(what: str, hint: str) -> NoReturn:
    refuse(CORRUPT, f"the archive is too large to unpack: {what}", f"{hint} if you trust it")
