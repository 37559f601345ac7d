"""The step types `ftp`, `ftps` and `sftp`: they say what is to be done, a process of its own does it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from dagu_core import Attempt, Invalid, SystemClock, WorkerExecutor
from dagu_ftp.config import FtpConfig, FtpsConfig, SftpConfig, TransferConfig, seconds
from dagu_ftp.options import FtpOptions, Hop, Operation, Options, SftpOptions

C = TypeVar("C", bound=TransferConfig)
OPERATIONS: tuple[str, ...] = get_args(Operation)
_NEEDS_SOURCE = ("upload", "download", "delete", "move", "exists", "mirror")
#: keys that say which SSH server and who we are: with one of them, nothing of the DAG's `ssh` counts
_OWN = frozenset({"host", "port", "user", "password", "key", "key_passphrase", "bastion", "host_key"})
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
            min_age=seconds(config.min_age),
            timeout=seconds(config.timeout) or 30.0,
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
    Config = FtpConfig

    def server(self, attempt: Attempt[FtpConfig]) -> FtpOptions:
        config = attempt.config
        if not config.host:
            raise Invalid("no server is named", hint="Add `host:` to the step's config.")
        names = [field.name for field in dataclasses.fields(FtpOptions)]
        values = {name: getattr(config, name) for name in names}
        for name in ("ca_file", "cert_file", "key_file"):
            values[name] = _local(attempt, values[name])
        return FtpOptions(**values)


class FtpsExecutor(FtpExecutor):
    """Like `ftp`, over TLS."""

    name = "ftps"
    Config = FtpsConfig


class SftpExecutor(_TransferExecutor[SftpConfig]):
    """Brings files to and from SSH servers: upload, download, list, delete, move, mkdir, exists, mirror."""

    name = "sftp"
    Config = SftpConfig

    def server(self, attempt: Attempt[SftpConfig]) -> SftpOptions:
        config, known = attempt.config, {}
        if not config.model_fields_set & _OWN and (shared := attempt.dag_fields.get("ssh")) is not None:
            known = _values(shared)
            config = SftpConfig(**{name: known[name] for name in _FROM_DAG if known.get(name)})
            if attempt.config.model_fields_set & {"strict_host_key", "known_host_file"}:
                config = config.model_copy(
                    update={
                        name: getattr(attempt.config, name)
                        for name in attempt.config.model_fields_set & {"strict_host_key", "known_host_file"}
                    }
                )
        if not config.host:
            raise Invalid("no server is named", hint="Add `host:` to the step's config, or `ssh:` to the DAG.")
        hops = [
            Hop(hop.host, hop.port, hop.user, hop.password, _local(attempt, hop.key), hop.key_passphrase)
            for hop in config.bastion
        ]
        return SftpOptions(tuple(hops), config.strict_host_key, config.known_host_file)
