"""The triggers `ftp`, `ftps` and `sftp`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from dagu_core import Config as Model
from dagu_core import Fire, Trigger, TriggerScope
from dagu_ftp.trigger_config import FtpsTriggerConfig, FtpTriggerConfig, SftpTriggerConfig


class _RemoteTrigger(Trigger):
    icon = "folder-sync"

    async def fires(self, scope: TriggerScope, config: Model, cursor: Any) -> AsyncIterator[Fire]:
        from dagu_ftp.poll import Poll

        assert isinstance(config, FtpTriggerConfig | SftpTriggerConfig)
        poll = Poll(scope, config, self._tell)
        try:
            async with aclosing(poll.fires(cursor)) as fires:
                async for fire in fires:
                    yield fire
        finally:
            poll.close()

    def _tell(self, health: str) -> None:
        self.health = health


class FtpTrigger(_RemoteTrigger):
    """Starts, stops or restarts a DAG when files appear, change or go on an FTP server."""

    name = "ftp"
    Config = FtpTriggerConfig


class FtpsTrigger(_RemoteTrigger):
    """Like `ftp`, over TLS."""

    name = "ftps"
    Config = FtpsTriggerConfig


class SftpTrigger(_RemoteTrigger):
    """Starts, stops or restarts a DAG when files appear, change or go on an SSH server."""

    name = "sftp"
    Config = SftpTriggerConfig
