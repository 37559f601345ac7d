"""What may stand in a DAG about mail."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from dagu_core import Config, Duration, Size

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_REFERENCE = re.compile(r"[$`]")
Addresses = str | list[str]


def _checked_addresses(value: Any, info: ValidationInfo) -> Any:
    """Every address is one; those with references are judged when the run knows their values."""
    from dagu_mail.addresses import parse

    for text in [value] if isinstance(value, str) else value:
        if not _waits(text, info):
            parse(text)
    return value


def _waits(text: str, info: ValidationInfo) -> bool:
    """Whether this is a reference that nobody knows the value of yet."""
    return (info.context or {}).get("phase") == "read" and bool(_REFERENCE.search(text))


def _one_line(value: str) -> str:
    line = value.strip("\r\n")
    if _CONTROL.search(line):
        raise ValueError("must be one line without control characters")
    return line


class SmtpConfig(Config):
    """The mail server."""

    host: str = Field("", description="Name or address of the mail server.")
    port: int | str = Field(
        0, description="Its port; 465 with `tls: implicit`, 587 with a user name, else 25 when not given."
    )
    username: str = Field("", description="Who logs in; nobody when empty.")
    password: str = Field("", repr=False, description="The password; better a reference to a secret.")
    tls: Literal["auto", "starttls", "implicit", "none"] = Field(
        "auto",
        description="`starttls` demands encryption after the greeting, `implicit` from the first byte, "
        "`none` never encrypts; `auto`: implicit on port 465, else STARTTLS if offered and somebody logs in.",
    )
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's.")
    timeout: Duration = Field(
        30, gt=0, le=600, description="How long the whole delivery of one mail may take."
    )
    local_hostname: str = Field("", description="How we introduce ourselves; this machine when empty.")

    @field_validator("port")
    @classmethod
    def _port_is_a_number(cls, value: int | str, info: ValidationInfo) -> int | str:
        if isinstance(value, str) and _waits(value, info):
            return value
        if isinstance(value, str) and not value.strip():
            return 0
        if isinstance(value, str) and not (value.isascii() and value.strip().isdigit()):
            raise ValueError("must be a number")
        if not 0 <= int(value) <= 65_535:
            raise ValueError("must be from 0 to 65535")
        return int(value)

    _lines = field_validator("host", "username", "local_hostname")(_one_line)

    @property
    def is_implicit(self) -> bool:
        """Whether encryption begins with the first byte."""
        return self.tls == "implicit" or (self.tls == "auto" and int(self.port) == 465)

    @property
    def real_port(self) -> int:
        """The port to connect to."""
        return int(self.port) or (465 if self.is_implicit else 587 if self.username else 25)

    @property
    def address(self) -> str:
        """The server as errors name it."""
        return f"{self.host}:{self.real_port}"


class MailOnConfig(Config):
    """When a run tells by mail how it went."""

    failure: bool = Field(False, description="Send `errorMail` after a failure.")
    success: bool = Field(False, description="Send `infoMail` after a success, also a partial one.")
    wait: bool = Field(False, description="Send `waitMail` when the run begins to wait for somebody.")


class NoticeConfig(Config):
    """One kind of notification: who gets it from whom, and what goes with it."""

    sender: str = Field("", alias="from", description="The sender.")
    to: Addresses = Field("", description="The recipients: a text (several with commas) or a list.")
    prefix: str = Field("", description="What the subject begins with.")
    attach_logs: bool = Field(False, description="Attach the stdout log of each step.")
    attach_stderr: bool = Field(False, description="With `attachLogs`: attach the stderr logs, too.")
    max_log_size: Size = Field(
        1_048_576,
        ge=1,
        le=26_214_400,
        description="How much of each log is attached; the end of longer ones.",
    )
    spellings: ClassVar[dict[str, str]] = {"from": "sender"}

    _addresses = field_validator("sender", "to")(_checked_addresses)
    _lines = field_validator("prefix")(_one_line)


class MailConfig(Config):
    """One mail."""

    sender: str = Field("", alias="from", description="The sender.")
    to: Addresses = Field("", description="The recipients: a text (several with commas) or a list.")
    cc: Addresses = Field("", description="Recipients of a copy.")
    bcc: Addresses = Field("", description="Recipients of a copy whom the others do not see.")
    reply_to: Addresses = Field("", description="Where answers go instead of to the sender.")
    subject: str = Field("", description="The subject, one line.")
    message: str = Field("", description="The text; may hold HTML, line breaks are kept.")
    attachments: str | list[str] = Field(
        default_factory=list, description="Files that go with it; relative to the step's working folder."
    )
    max_attachment_size: Size = Field(
        10_485_760, ge=1, le=104_857_600, description="How big one attachment may be."
    )
    max_total_size: Size = Field(
        26_214_400, ge=1, le=209_715_200, description="How big all attachments together may be."
    )
    spellings: ClassVar[dict[str, str]] = {"from": "sender"}

    _addresses = field_validator("sender", "to", "cc", "bcc", "reply_to")(_checked_addresses)
    _lines = field_validator("subject")(_one_line)
