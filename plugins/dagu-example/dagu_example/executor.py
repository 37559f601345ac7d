"""A step type: `type: wait-for` goes on as soon as something is there."""

from __future__ import annotations

import asyncio

from pydantic import Field

from dagu_core import Attempt, Config, Duration, Executor, Invalid, Outcome


class WaitForConfig(Config):
    """What to wait for; all of it when several are given."""

    file: str = Field("", description="A file, relative to the working folder of the step.")
    port: str = Field("", pattern=r"^(.+:\d{1,5})?$", description="`host:port` that takes connections.")
    timeout: Duration = Field(60, gt=0, description="How long until the step fails.")
    interval: Duration = Field(0.5, gt=0, description="How long between two looks.")


class WaitFor(Executor[WaitForConfig]):
    """Waits until a file is there or a TCP port takes connections."""

    name = "wait-for"
    Config = WaitForConfig
    reattaches = True

    async def run(self, attempt: Attempt[WaitForConfig]) -> Outcome:
        config = attempt.config
        missing = [each for each in (config.file, config.port) if each]
        if not missing:
            raise Invalid("nothing to wait for", hint="set `file` or `port`")
        try:
            async with asyncio.timeout(config.timeout):
                while missing:
                    what = missing[0]
                    if (
                        (attempt.working_dir / what).is_file()
                        if what == config.file
                        else await _answers(what)
                    ):
                        await attempt.stdout.write(f"{what} is there\n".encode())
                        missing.remove(what)
                    else:
                        await asyncio.sleep(config.interval)
        except TimeoutError:
            return Outcome(exit_code=1, message=f"{missing[0]} was not there within {config.timeout:g} s")
        return Outcome()

    async def reattach(self, attempt: Attempt[WaitForConfig]) -> Outcome:
        return await self.run(attempt)  # who waits may as well begin again


async def _answers(port: str) -> bool:
    host, _, number = port.rpartition(":")
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(number))
    except (OSError, OverflowError):
        return False
    writer.close()
    return True
