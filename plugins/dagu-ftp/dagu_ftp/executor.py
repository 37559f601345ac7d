"""The step types `ftp`, `ftps` and `sftp`: they say what is to be done, a process of its own does it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar, cast, get_args

from dagu_core import Attempt, Invalid, SystemClock, WorkerExecutor
from dagu_ftp.config import FtpConfig, FtpsConfig, SftpConfig, TransferConfig
from dagu_ftp.options import FtpOptions, Operation, Options, SftpOptions
from dagu_ftp.ways import ftp_way, ssh_way

C = TypeVar("C", bound=TransferConfig)
OPERATIONS: tuple[str, ...] = get_args(Operation)
_NEEDS_SOURCE = ("upload", "download", "delete", "move", "exists", "mirror")
_MEANING = {
    2: "the step asks for something that makes no sense",
    5: "the server cannot be reached",
    20: "not everything could be done",
    21: "the login was refused",
    22: "the server could not prove who it is",
    23: "there is no such file",
    24: "no space left",
}


class _TransferExecutor(WorkerExecutor[C]):
    capabilities = frozenset({"command"})
    work = "dagu_ftp.work:run"
    icon = "folder-sync"

    async def request(self, attempt: Attempt[C]) -> Any:
        config = attempt.config
        operation = operation_of(attempt.commands, config)
        is_mirror = operation == "mirror"
        if operation in _NEEDS_SOURCE and not config.source:
            raise Invalid(f"{operation} needs a source", hint="Add `source:` to the step's config.")
        if operation in ("move", "mirror") and not config.destination:
            raise Invalid(f"{operation} needs a destination", hint="Add `destination:` to the step's config.")
        if operation == "mkdir" and not (config.destination or config.source):
            raise Invalid("mkdir needs a folder", hint="Add `destination:` to the step's config.")
        if config.delete_source and config.verify == "none":
            raise Invalid("deleteSource needs files to be verified", hint="Leave `verify: none` out.")
        # The form without a command took folders whole.
        recursive = config.recursive if config.recursive is not None else is_mirror or not attempt.commands
        options = Options(
            operation=operation,
            upward=operation == "upload" or (is_mirror and config.direction == "upload"),
            source=config.source or ".",
            destination=config.destination or ("" if operation == "mkdir" else "."),
            recursive=recursive or is_mirror,
            exclude=tuple(config.exclude),
            overwrite=config.overwrite or ("ifDifferent" if is_mirror else "always"),
            preserve_times=is_mirror if config.preserve_times is None else config.preserve_times,
            min_age=config.min_age,
            timeout=config.timeout,
            working_dir=str(attempt.working_dir),
            now=SystemClock().now(),
            grace=attempt.grace,
            part=_part(attempt),
            server=self.server(attempt),
            **{name: getattr(config, name) for name in _PLAIN},
        )
        return dataclasses.asdict(options)

    def server(self, attempt: Attempt[C]) -> FtpOptions | SftpOptions:
        """How to reach the server."""
        raise NotImplementedError

    def explain(self, attempt: Attempt[C], code: int) -> str:
        meaning = f" ({_MEANING[code]})" if code in _MEANING else ""
        return f"{super().explain(attempt, code)}{meaning}"


#: options that are the values of the keys of the same name
_PLAIN = (
    "atomic",
    "resume",
    "verify",
    "preserve_permissions",
    "delete_source",
    "delete_extra",
    "allow_empty",
    "parallel",
    "max_bytes_per_sec",
    "retries",
    "progress_sec",
)


class FtpExecutor(_TransferExecutor[FtpConfig]):
    """Brings files to and from FTP servers: upload, download, list, delete, move, mkdir, exists, mirror."""

    name = "ftp"
    Config: ClassVar[type[FtpConfig]] = FtpConfig

    def server(self, attempt: Attempt[FtpConfig]) -> FtpOptions:
        return ftp_way(attempt.config, attempt.working_dir)


class FtpsExecutor(FtpExecutor):
    """Like `ftp`, over TLS."""

    name = "ftps"
    Config: ClassVar[type[FtpConfig]] = FtpsConfig


class SftpExecutor(_TransferExecutor[SftpConfig]):
    """Brings files to and from SSH servers: upload, download, list, delete, move, mkdir, exists, mirror."""

    name = "sftp"
    Config = SftpConfig

    def server(self, attempt: Attempt[SftpConfig]) -> SftpOptions:
        return ssh_way(attempt.config, attempt.dag_fields.get("ssh"), attempt.working_dir)


def operation_of(commands: Sequence[str], config: TransferConfig) -> Operation:
    """What the step is to do: its command, or the direction of a step without one."""
    word = commands[0].strip() if commands else config.direction
    if not word:
        hint = "Add `command: upload` or another operation."
        raise Invalid("the step does not say what to do", hint=hint)
    if word not in OPERATIONS:
        close = get_close_matches(word, OPERATIONS, 1)
        known = f"Known are {', '.join(OPERATIONS)}."
        raise Invalid(f"unknown operation {word!r}", hint=f"Did you mean {close[0]!r}?" if close else known)
    if word == "mirror" and not config.direction:
        raise Invalid("mirror needs a direction", hint="Add `direction: upload` or `direction: download`.")
    if word in ("upload", "download") and config.direction not in ("", word):
        raise Invalid(f"the command says {word}, but the direction says {config.direction}")
    return cast(Operation, word)


def _part(attempt: Attempt[Any]) -> str:
    """The same for every attempt of this step in this run, so that one goes on where another ended."""
    text = "|".join((attempt.run.dag, attempt.run.run_id, attempt.step.name))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
