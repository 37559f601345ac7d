"""The step type `mail`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dagu_core import BlockingAttempt, BlockingExecutor, DaguError, Invalid, Outcome
from dagu_mail.config import MailConfig, SmtpConfig

if TYPE_CHECKING:
    from dagu_mail.delivery import Delivery
    from dagu_mail.letter import Letter


class Mail(BlockingExecutor[MailConfig]):
    """Sends a mail over the server of the DAG's `smtp`."""

    name = "mail"
    Config = MailConfig
    icon = "mail"

    def __init__(self) -> None:
        self._delivery: Delivery | None = None

    def work(self, attempt: BlockingAttempt[MailConfig]) -> Outcome:
        try:
            return self._send(attempt)
        except DaguError as error:
            message = f"{error} ({error.hint})" if error.hint else str(error)
            return Outcome(exit_code=error.details.get("reply") or 1, message=message)

    def interrupt(self, attempt: BlockingAttempt[MailConfig]) -> None:
        if self._delivery is not None:
            self._delivery.cut("stopped")

    def _send(self, attempt: BlockingAttempt[MailConfig]) -> Outcome:
        from dagu_mail.delivery import Delivery

        server = server_of(attempt.attempt.dag_fields.get("smtp"))
        letter = _letter(attempt.config, attempt.attempt.working_dir)
        attempt.out(_shown(letter, attempt.config))
        self._delivery = Delivery(server, server.timeout)
        if attempt.stopping.is_set():
            self._delivery.cut("stopped")
        self._delivery.send(letter)
        return Outcome(details={"messageId": letter.id, "recipients": len(letter.recipients)})


def server_of(value: object) -> SmtpConfig:
    """The mail server of the DAG. Raises Invalid when it names none."""
    if not isinstance(value, SmtpConfig) or not value.host:
        raise Invalid(
            "there is no mail server", hint="name one in the DAG or in base.yaml: smtp: {host: ...}"
        )
    return value


def _letter(config: MailConfig, folder: Path) -> Letter:
    from dagu_mail.addresses import parse_all
    from dagu_mail.letter import as_html, as_text, enclose, write_letter

    senders, to = parse_all(config.sender), parse_all(config.to)
    cc, bcc = parse_all(config.cc), parse_all(config.bcc)
    if len(senders) != 1:
        raise Invalid("a mail has one sender", hint="set `from`")
    if not (to or cc or bcc):
        raise Invalid("the mail has no recipient", hint="set `to`")
    names = [config.attachments] if isinstance(config.attachments, str) else config.attachments
    paths = [folder / os.path.expanduser(name) for name in names if name]
    html = as_html(config.message)
    return write_letter(
        sender=senders[0],
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=parse_all(config.reply_to),
        subject=config.subject,
        html=html,
        text=as_text(html),
        enclosures=enclose(paths, config.max_attachment_size, config.max_total_size),
    )


def _shown(letter: Letter, config: MailConfig) -> bytes:
    """What the step's log says about the mail."""
    lines = [
        f"{name}: {letter.message[name]}" for name in ("From", "To", "Cc", "Reply-To") if letter.message[name]
    ]
    lines += [f"Subject: {config.subject}", f"Message-ID: {letter.id}"]
    lines += [f"Attachment: {part.get_filename()}" for part in letter.message.iter_attachments()]
    return "\n".join([*lines, "", config.message.rstrip("\n"), ""]).encode("utf-8", "replace")
