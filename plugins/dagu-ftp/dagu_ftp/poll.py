"""One entry at work: looks at its server every now and then, and tells what is finished."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

from dagu_core import Config, DaguError, FileLedger, Fire, Masker, SystemClock, TriggerScope, in_thread
from dagu_ftp.options import FtpOptions, SftpOptions
from dagu_ftp.problems import LOGIN, Problem
from dagu_ftp.remote_look import RemoteLooker
from dagu_ftp.servers import server_at
from dagu_ftp.trigger_config import FILLED, FtpTriggerConfig, SftpTriggerConfig
from dagu_ftp.ways import ftp_way, ssh_way

#: seconds by which the clock of a server may differ from ours
SKEW = 3600.0
#: seconds between two tries at a server that is away, at most, unless `pollInterval` is longer
LONGEST = 300.0
#: seconds after a login that was refused, at least: servers lock out who tries too often
REFUSED = 60.0
#: seconds without change with `settle: 0`: any time at all, so that two looks have to agree
QUIET = 0.001
_REFERENCE = re.compile(r"\$\{(\w+)\}")


Model = TypeVar("Model", bound=Config)


class Poll:
    """The work of one entry in one scheduler, from its start until `close`."""

    def __init__(
        self,
        scope: TriggerScope,
        config: FtpTriggerConfig | SftpTriggerConfig,
        tell: Callable[[str], None],
    ) -> None:
        self._scope, self._config, self._tell = scope, config, tell
        self._looker = RemoteLooker(config)
        self._ledger = FileLedger(scope.scratch, config, self._looker.existing, quiet=QUIET, skew=SKEW)
        self._masker = Masker({})

    def close(self) -> None:
        """Let go of everything, also of a look that hangs."""
        self._looker.give_up()
        self._ledger.close()

    async def fires(self, cursor: Any) -> AsyncGenerator[Fire, None]:
        """What is to be told, for ever."""
        for fire in await self._ledger.resume(cursor):
            yield fire
        interval = self._config.poll_interval
        delay = interval
        while True:
            try:
                found = await self._looked(cursor)
            except Problem as problem:
                if problem.code == LOGIN:
                    delay = max(delay, REFUSED)
                self._tell(self._masker.mask(f"degraded: {problem}; the next try is in {delay:g}s"))
                await asyncio.sleep(delay)
                delay = max(interval, min(delay * 2, LONGEST))
                continue
            for fire in found:
                yield fire
            self._tell(self._masker.mask(self._ledger.health(self._looker.troubles)))
            delay = interval
            await asyncio.sleep(delay)

    async def _looked(self, cursor: Any) -> list[Fire]:
        """What one look makes of it. Raises Problem when the server cannot be asked."""
        looker, ledger = self._looker, self._ledger
        if not looker.is_connected:
            await self._find_way()
        found = await in_thread(lambda: looker.look(ledger.tracker), "remote trigger")
        if ledger.is_new:
            await ledger.begin(found.files, cursor)
        return await ledger.told(found, time.monotonic())

    async def _find_way(self) -> None:
        """How the server is reached, with the secrets as they are now. Raises Problem."""
        known: dict[str, str] = {}
        try:
            config = await self._filled(self._config, known)
            way = self._way(config)
        except DaguError as error:
            raise Problem(str(error), LOGIN) from None
        literal = {f"{number} of the way": text for number, text in enumerate(way.secrets)}
        self._masker = Masker({**known, **literal})
        # What is not checked is told when the file is read; here it would be told with every login.
        self._looker.make = lambda: server_at(way, config.timeout, SystemClock().now(), lambda line: None)

    def _way(self, config: FtpTriggerConfig | SftpTriggerConfig) -> FtpOptions | SftpOptions:
        folder = self._scope.folder
        if isinstance(config, FtpTriggerConfig):
            return ftp_way(config, folder)
        way = ssh_way(config, None, folder)
        known = way.known_host_file and str(folder / os.path.expanduser(way.known_host_file))
        return dataclasses.replace(way, known_host_file=known)

    async def _filled(self, model: Model, known: dict[str, str]) -> Model:
        """`model` with secrets in the place of references, which are added to `known`."""
        update: dict[str, Any] = {}
        for name in type(model).model_fields:
            value = getattr(model, name)
            if name in FILLED and isinstance(value, str):
                for reference in _REFERENCE.findall(value):
                    known[reference] = await self._scope.secret(reference)
                update[name] = _REFERENCE.sub(lambda found: known[found[1]], value)
            elif name == "bastion":
                update[name] = [await self._filled(hop, known) for hop in value]
        return model.model_copy(update=update)
