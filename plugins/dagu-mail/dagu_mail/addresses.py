"""Mail addresses: several in one text are several, and none may smuggle in a line."""

from __future__ import annotations

from collections.abc import Iterable
from email.errors import InvalidHeaderDefect
from email.headerregistry import Address, HeaderRegistry
from typing import Any

#: recipients of one mail
MOST = 1000


def parse(text: str) -> list[Address]:
    """The addresses of a text such as `a@x.org, Ann <b@y.org>`. Raises ValueError.

    An address without a domain is one of the server's own machine.
    """
    text = text.strip()
    if not text:
        return []
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("an address must be one line without control characters")
    if "${" in text:
        raise ValueError(f"`{text[:200]}` refers to something that has no value")
    try:
        header: Any = HeaderRegistry()("to", text)
        found = list(header.addresses)
        wrong = [defect for defect in header.defects if isinstance(defect, InvalidHeaderDefect)]
    except Exception:  # its parser knows texts it cannot read at all
        found, wrong = [], []
    local = len(wrong) == 1 and "no domain" in str(wrong[0])
    if not found or (wrong and not local):
        raise ValueError(f"`{text[:200]}` is no mail address; write several with commas or as a list")
    if len(found) > MOST:
        raise ValueError(f"a mail may have {MOST} recipients at most, not {len(found)}")
    return [_in_ascii(address) for address in found]


def parse_all(texts: str | Iterable[str]) -> list[Address]:
    """The addresses of a text or of a list of texts, each once. Raises ValueError."""
    found: dict[str, Address] = {}
    for text in [texts] if isinstance(texts, str) else texts:
        for address in parse(text):
            found.setdefault(address.addr_spec, address)
    return list(found.values())


def _in_ascii(address: Address) -> Address:
    """The same with a domain that every mail server understands."""
    if address.domain.isascii():
        return address
    try:
        domain = address.domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"`{address.domain[:200]}` is no domain") from None
    return Address(address.display_name, address.username, domain)
