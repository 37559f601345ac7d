"""Takes secret values out of texts and streams, in every encoding they may appear in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

from dagu_core.base.encodings import SHORTEST, decode, encode, variants

MASK = b"*******"
WITHHELD = b"[output withheld: redaction failed]"

_TOKEN = re.compile("\x1a([^\x1a#]+)#([0-9]+)\x1a")
#: the character that begins and ends a reference, and what stands for it in a text with references
_BOUND, _LITERAL = b"\x1a", "="
_BOUND_TOKEN = b"\x1a=#0\x1a"
#: stands before the name of a secret that a run above has
_ABOVE = "../"
_PREFIX = 4
T = TypeVar("T", str, bytes)


class Masker:
    """Knows the secrets (name -> value) of a run and finds all their forms.

    `too_short` names the secrets with fewer than 4 characters: those are not masked.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.too_short = tuple(
            name for name, value in secrets.items() if 0 < len(value.strip("\r\n")) < SHORTEST
        )
        self._forms = {
            name: variants(value) for name, value in secrets.items() if len(value.strip("\r\n")) >= SHORTEST
        }
        tokens: dict[bytes, bytes] = {}
        for name, forms in self._forms.items():
            for number, form in enumerate(forms):
                tokens.setdefault(form, encode(f"\x1a{name}#{number}\x1a"))
        self._tokens = tokens
        self._roots = _roots(list(tokens))
        self._starts: dict[bytes, list[bytes]] = {}
        for form in tokens:
            self._starts.setdefault(form[:_PREFIX], []).append(form)
        self._heads = frozenset(form[:size] for form in tokens for size in range(1, _PREFIX))
        self.longest = max(map(len, tokens), default=0)

    @property
    def names(self) -> set[str]:
        """The secrets that are masked."""
        return set(self._forms)

    def __bool__(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._tokens)

    def mask(self, data: T) -> T:
        """`data` with every secret replaced by seven stars. Never raises: withheld instead."""
        if not self._tokens:
            return data
        try:
            if isinstance(data, str):
                encoded = encode(data)
                masked = self._masked(encoded)
                return data if masked is encoded else decode(masked)
            return self._masked(data)
        except Exception:
            return decode(WITHHELD) if isinstance(data, str) else WITHHELD

    def tokenize(self, data: T) -> T:
        """`data` with every secret replaced by a reference that `restore` turns back."""
        if isinstance(data, str):
            encoded = encode(data)
            hidden = self.tokenize(encoded)
            return data if hidden is encoded else decode(hidden)
        present: list[bytes] = list(self._present(data))
        if not present and _BOUND not in data:
            return data
        forms = [*sorted(present, key=len, reverse=True), _BOUND]
        pattern = re.compile(b"|".join(map(re.escape, forms)))
        return pattern.sub(lambda found: self._tokens.get(found[0], _BOUND_TOKEN), data)

    def restore(self, text: str) -> str:
        """`text` with the values in the place of their references; unknown references stay."""

        def value(found: re.Match[str]) -> str:
            if found[1] == _LITERAL:
                return "\x1a"
            forms = self._forms.get(found[1], [])
            number = int(found[2])
            return decode(forms[number]) if number < len(forms) else found[0]

        return _TOKEN.sub(value, text)

    def stream(self) -> Stream:
        """A masker for data that comes in pieces."""
        return Stream(self)

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """The (start, end) of everything secret in `data`, overlaps joined, in order."""
        found = sorted(span for form in self._present(data) for span in _occurrences(form, data))
        joined: list[tuple[int, int]] = []
        for start, end in found:
            if joined and start < joined[-1][1]:
                joined[-1] = joined[-1][0], max(end, joined[-1][1])
            else:
                joined.append((start, end))
        return joined

    def beginning(self, data: bytes) -> int:
        """Where the longest tail of `data` that may become a secret starts; len(data) = none."""
        size = len(data)
        for at in range(max(0, size - self.longest + 1), size):
            tail = data[at : at + _PREFIX]
            if len(tail) < _PREFIX:
                if tail in self._heads:
                    return at
            elif (forms := self._starts.get(tail)) and any(
                len(form) > size - at and form.startswith(data[at:]) for form in forms
            ):
                return at
        return size

    def _masked(self, data: bytes) -> bytes:
        pieces, done = [], 0
        for start, end in self.spans(data):
            pieces += [data[done:start], MASK]
            done = end
        return b"".join([*pieces, data[done:]]) if pieces else data

    def _present(self, data: bytes) -> Iterator[bytes]:
        for root, forms in self._roots:
            if root in data:
                yield from (form for form in forms if form in data)


def without_references(text: str) -> str:
    """`text` with references to secrets (see `tokenize`) shown as masks, for people."""
    return _TOKEN.sub(lambda found: "\x1a" if found[1] == _LITERAL else MASK.decode(), text)


def names_below(values: Mapping[str, T]) -> dict[str, T]:
    """Secrets by the names they have in a sub-DAG run."""
    return {_ABOVE + name: value for name, value in values.items()}


def from_below(text: str) -> str:
    """A text of a sub-DAG run as the run above it reads it: references to its own secrets masked."""

    def ours(found: re.Match[str]) -> str:
        if found[1] == _LITERAL:
            return found[0]
        above = found[1].startswith(_ABOVE)
        return f"\x1a{found[1].removeprefix(_ABOVE)}#{found[2]}\x1a" if above else MASK.decode()

    return _TOKEN.sub(ours, text)


def references(text: str) -> set[str]:
    """The names of the secrets that a text refers to."""
    return {found[1] for found in _TOKEN.finditer(text)} - {_LITERAL}


class Stream:
    """Masks bytes that come in pieces of any size; holds back less than the longest form."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = b""
        #: how many of the held bytes the stars written last already stand for
        self._covered = 0
        self._failed = False

    def feed(self, data: bytes) -> bytes:
        """What may be written now. Never raises: output is withheld from a failure on."""
        return self._pass(data, last=False)

    def flush(self) -> bytes:
        """The rest, at the end. What follows a flush is looked at afresh."""
        return self._pass(b"", last=True)

    def _pass(self, data: bytes, *, last: bool) -> bytes:
        if self._failed or not self._masker:
            return b"" if self._failed else data
        try:
            return self._take(self._held + data, last)
        except Exception:
            self._failed, self._held = True, b""
            return WITHHELD

    def _take(self, data: bytes, last: bool) -> bytes:
        keep = len(data) if last else self._masker.beginning(data)
        pieces, done = [], self._covered
        for start, end in self._masker.spans(data):
            if start >= keep:
                break
            if start >= done:
                pieces += [data[done:start], MASK]
            done = max(done, end)
        if done < keep:
            pieces.append(data[done:keep])
        self._held, self._covered = data[keep:], max(0, done - keep)
        return b"".join(pieces)


def _roots(forms: list[bytes]) -> list[tuple[bytes, list[bytes]]]:
    """Forms under the shortest form they contain: where that is absent, so are they."""
    roots: dict[bytes, list[bytes]] = {}
    for form in sorted(forms, key=len):
        inner = next((root for root in roots if root in form), form)
        roots.setdefault(inner, []).append(form)
    return list(roots.items())


def _occurrences(form: bytes, data: bytes) -> Iterator[tuple[int, int]]:
    at = data.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = data.find(form, at + 1)
