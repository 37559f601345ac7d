"""Runs the commands that stand inside values: backticks and conditions."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from dagu_core.base.errors import Invalid
from dagu_core.engine.env_limit import fits
from dagu_core.engine.supervision import find_program
from dagu_core.model.plan.plan import Shell

#: bytes of a command's output that are kept
OUTPUT_LIMIT = 1_048_576


async def run_for_output(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> tuple[int, str]:
    """Run a command; its exit code and its stdout. The whole group dies with us."""
    argv = list(argv)
    argv[0] = find_program(argv[0], env.get("PATH", os.defpath), str(cwd))
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in env.items() if fits(name, value)},
        cwd=cwd,
        start_new_session=True,
        limit=OUTPUT_LIMIT,
    )
    try:
        stdout, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode or 0, stdout[:OUTPUT_LIMIT].decode("utf-8", "replace").replace("\0", "")


class Substitution:
    """Command substitution for one scope: same text, same shell, same environment.

    Called with the text between backticks; returns its trimmed output. Raises Invalid when the
    command fails, because a value that could not be computed must never look like an empty one.
    """

    def __init__(self, shell: Shell, env: Mapping[str, str], cwd: Path) -> None:
        self.shell, self.env, self.cwd = shell, env, cwd

    async def __call__(self, text: str) -> str:
        shell = ("/bin/sh",) if self.shell.is_direct else self.shell.argv  # a backtick is a shell's word
        try:
            code, output = await run_for_output([*shell, "-c", text], env=self.env, cwd=self.cwd)
        except OSError as error:
            raise Invalid(f"command substitution `{text}` cannot run: {error}") from None
        if code:
            raise Invalid(
                f"command substitution `{text}` failed with exit status {code}",
                hint="make it succeed, e.g. end it with `|| true`",
            )
        return output.strip()
