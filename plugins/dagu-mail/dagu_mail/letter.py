"""A mail before it is sent: its headers, its text in two forms, what goes with it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from html.parser import HTMLParser
from mimetypes import guess_type
from pathlib import Path

from dagu_core import Invalid, SystemClock

_BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "table", "ul", "ol"})
_UNSEEN = frozenset({"style", "script", "title", "head"})


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that goes with a mail."""

    name: str
    content: bytes
    kind: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail and the addresses that get it; `bcc` stand in no header."""

    message: EmailMessage
    sender: str
    recipients: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its Message-ID."""
        return str(self.message["Message-ID"])


def write_letter(
    *,
    sender: Address,
    to: Sequence[Address],
    subject: str,
    text: str,
    html: str,
    cc: Sequence[Address] = (),
    bcc: Sequence[Address] = (),
    reply_to: Sequence[Address] = (),
    enclosures: Sequence[Enclosure] = (),
    is_notice: bool = False,
) -> Letter:
    """Put a mail together; non-ASCII headers are encoded as RFC 2047 says."""
    clock = SystemClock()
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    for name, addresses in (("To", to), ("Cc", cc), ("Reply-To", reply_to)):
        if addresses:
            message[name] = tuple(addresses)
    message["Subject"] = _encodable(subject)
    message["Date"] = formatdate(clock.now(), localtime=True)
    message["Message-ID"] = f"<dagu.{clock.new_token(24)}@{sender.domain or 'localhost'}>"
    if is_notice:
        # Asks holiday repliers to keep quiet.
        message["Auto-Submitted"] = "auto-generated"
    message.set_content(_encodable(text), cte="base64")
    message.add_alternative(_encodable(html), subtype="html", cte="base64")
    for each in enclosures:
        main, _, sub = each.kind.partition("/")
        name = "".join(character if character.isprintable() else "_" for character in _encodable(each.name))
        message.add_attachment(each.content, maintype=main, subtype=sub, filename=name)
    everybody = dict.fromkeys(address.addr_spec for address in (*to, *cc, *bcc))
    return Letter(message, sender.addr_spec, tuple(everybody))


def enclose(paths: Sequence[Path], each: int, total: int) -> list[Enclosure]:
    """Read the files. Raises Invalid that names the file when one is missing, no file, or too large."""
    found: list[Enclosure] = []
    for path in paths:
        content = _read(path, each)
        total -= len(content)
        if total < 0:
            raise Invalid(
                f"the attachments up to {path.name} are too large together", hint="raise maxTotalSize"
            )
        kind, encoding = guess_type(path.name)
        is_plain = kind is not None and encoding is None and not kind.startswith(("message/", "multipart/"))
        found.append(Enclosure(path.name, content, kind if kind and is_plain else "application/octet-stream"))
    return found


def _read(path: Path, limit: int) -> bytes:
    try:
        # Nobody may make us wait at the other end of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Invalid(f"attachment {path} is no regular file")
            content = file.read(limit + 1)
    except IsADirectoryError:
        raise Invalid(f"attachment {path} is a folder", hint="pack it first") from None
    except OSError as error:
        raise Invalid(f"attachment {path}: {error.strerror}") from None
    if len(content) > limit:
        raise Invalid(f"attachment {path} is larger than {limit} bytes", hint="raise maxAttachmentSize")
    return content


def as_html(message: str) -> str:
    """The text of a step's mail with its line breaks; what HTML it holds stays HTML."""
    return message.replace("\r\n", "\n").replace("\n", "<br />\n")


def as_text(html: str) -> str:
    """What is left of HTML for those who read plain text."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.found)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        if tag == "br" or (tag in _BREAKS and self.found and not self.found[-1].endswith("\n")):
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in _UNSEEN and self._unseen > 0

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.found.append(data)


def _encodable(text: str) -> str:
    """Without halves of characters, which bytes that are no text leave behind."""
    return text.encode("utf-8", "replace").decode("utf-8")
