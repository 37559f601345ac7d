"""A step type that keeps the contract, and others that break one sentence of it each."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from dagu_core import Attempt, Config, Executor, Outcome


class MimeConfig(Config):
    """How a mime plays."""

    times: int = Field(1, description="How often.")


class Mime(Executor[MimeConfig]):
    """Does what a shell does."""

    name = "mime"
    Config = MimeConfig
    capabilities = frozenset({"command"})
    reattaches = True

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        return self.outcome(await attempt.spawn(["/bin/sh", "-c", attempt.commands[0]]))

    async def reattach(self, attempt: Attempt[Any]) -> Outcome:
        code = await attempt.reattach()
        if code is None and attempt.never_started:
            return await self.run(attempt)
        return Outcome(exit_code=None, ended="lost") if code is None else self.outcome(code)

    def outcome(self, code: int) -> Outcome:
        return Outcome() if code == 0 else Outcome(exit_code=code, message=f"it ended with {code}")


class Honest(Executor[MimeConfig]):
    """Does what a mime does, and cannot find it again."""

    name = "mime"
    Config = MimeConfig
    capabilities = frozenset({"command"})

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        return await Mime().run(attempt)


class Silent(Mime):
    pass


class Terse(Mime):
    """Has a field nobody explains."""

    class Config(Config):
        """Too little."""

        times: int = 1


class Lenient(Mime):
    """Takes any key below `inner`."""

    class Config(Config):
        """Too much."""

        class Inner(BaseModel):
            """Anything."""

            model_config = ConfigDict(extra="ignore")

        inner: list[Inner] = Field([], description="What is inside.")


class Opaque(Mime):
    """Cannot describe what it takes."""

    class Config(Config):
        """Nothing a file could hold."""

        model_config = ConfigDict(arbitrary_types_allowed=True)
        call: Callable[[], None] | None = Field(None, description="What to call.")


class Misspelt(Mime):
    """Claims what nobody knows."""

    capabilities: ClassVar[Any] = frozenset({"command", "comand"})


class Forgetful(Executor[MimeConfig]):
    """Says it finds attempts again, and has no way to."""

    name = "mime"
    Config = MimeConfig
    capabilities = frozenset({"command"})
    reattaches = True

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        return Outcome()


class Boastful(Mime):
    """Claims several commands, of which the core refuses even one."""

    capabilities = frozenset({"commands"})


class Modest(Mime):
    """Uses what it does not claim."""

    capabilities = frozenset()


class Untidy(Mime):
    """Leaves a temporary file."""

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        os.close(tempfile.mkstemp()[0])
        return await super().run(attempt)


class Busy(Mime):
    """Leaves a task."""

    begun: ClassVar[list[asyncio.Task[Any]]] = []

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        self.begun.append(asyncio.create_task(asyncio.sleep(60)))
        return await super().run(attempt)


class Parent(Mime):
    """Leaves a process."""

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        env = {**attempt.env}
        subprocess.Popen(["/bin/sleep", "20"], env=env, start_new_session=True).returncode = 0
        return await super().run(attempt)


class Loud(Mime):
    """Raises when something fails."""

    def outcome(self, code: int) -> Outcome:
        if code:
            raise RuntimeError(f"it ended with {code}")
        return Outcome()


class Deaf(Mime):
    """Goes on when it is told to stop."""

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        for _ in range(2):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                continue
        return Outcome()


class Whole(Mime):
    """Holds all of the output in memory at once."""

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        data = Path(attempt.commands[0].split()[-1].strip("'")).read_bytes()
        await attempt.stdout.write(self.changed(data))
        return Outcome()

    def changed(self, data: bytes) -> bytes:
        return data


class Cutting(Whole):
    """Drops what is beyond a thousand bytes."""

    def changed(self, data: bytes) -> bytes:
        return data[:1000]


class Decoding(Whole):
    """Takes everything for text."""

    def changed(self, data: bytes) -> bytes:
        return data.decode(errors="replace").encode()


class Splitting(Mime):
    """Takes the command apart and puts it together with single blanks."""

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        return self.outcome(await attempt.spawn(["/bin/sh", "-c", " ".join(attempt.commands[0].split())]))


class Looking(Mime):
    """Looks at what was substituted again."""

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        value = attempt.env["VALUE_OF_TEST"]
        return self.outcome(await attempt.spawn(["/bin/sh", "-c", f'printf %s "{value}"']))


class Bypassing(Whole):
    """Writes into the log past the core."""

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        data = Path(attempt.commands[0].split()[-1].strip("'")).read_bytes()
        Path(attempt.env["DAG_RUN_STEP_STDOUT_FILE"]).write_bytes(data)
        return Outcome()


class Telling(Mime):
    """Keeps what it was asked in a file."""

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        (attempt.working_dir / "asked.txt").write_text(attempt.commands[0])
        return await super().run(attempt)


class Again(Mime):
    """Does everything anew after a crash."""

    async def reattach(self, attempt: Attempt[Any]) -> Outcome:
        process = await asyncio.create_subprocess_shell(attempt.commands[0])
        return self.outcome(await process.wait())


class Optimist(Mime):
    """Says that all went well, and does not know."""

    reattaches = False

    async def reattach(self, attempt: Attempt[Any]) -> Outcome:
        return Outcome()
