"""The step type everything begins with: a command line, several, a script, or plain arguments."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from dagu_core import Attempt, Executor, Outcome, hookimpl

if TYPE_CHECKING:
    from dagu_core import NoConfig

_ERREXIT = frozenset({"sh", "bash", "zsh", "ksh", "ash", "dash"})


class ShellExecutor(Executor["NoConfig"]):
    """Runs commands and scripts on this machine, in the shell of the step or of the DAG.

    A failing command ends the line (`-e` is added) unless the step chooses a shell of its own.
    """

    name = "command"
    aliases = ("shell",)
    capabilities = frozenset({"command", "commands", "exec", "script", "shell"})
    expansion = "shell"
    reattaches = True
    icon = "terminal"

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        return _outcome(attempt, await attempt.spawn(argv_of(attempt)))

    async def reattach(self, attempt: Attempt[NoConfig]) -> Outcome:
        code = await attempt.reattach()
        if code is not None:
            return _outcome(attempt, code)
        if attempt.never_started:
            return await self.run(attempt)
        return Outcome(exit_code=None, ended="lost", message="lost: machine or all processes ended")


def _outcome(attempt: Attempt[Any], code: int) -> Outcome:
    if code == 0:
        return Outcome()
    return Outcome(
        exit_code=code, message=f'failed to execute step "{attempt.step.name}": exit status {code}'
    )


def argv_of(attempt: Attempt[Any]) -> list[str]:
    """The argument vector of a step; writes its script file when it has one."""
    if attempt.exec:
        return list(attempt.exec)
    shell = list(attempt.shell.argv)
    if attempt.script:
        return _script(attempt, shell)
    if attempt.shell.is_direct:
        lines = [shlex.split(line) for line in attempt.commands]
        return lines[0] if len(lines) == 1 else _one_after_another([shlex.join(line) for line in lines])
    prefix = _with_errexit(shell, attempt.shell_is_own)
    flag = (
        "-Command"
        if _program(shell) in ("pwsh", "powershell")
        else "/c"
        if _program(shell) == "cmd"
        else "-c"
    )
    if _program(shell) == "nix-shell":
        return _nix(attempt)
    # $1, $2 ... are real arguments: nothing in them is ever read as shell text.
    arguments = [_program(shell), *attempt.arguments] if attempt.arguments and flag == "-c" else []
    if len(attempt.commands) == 1:
        return [*prefix, flag, attempt.commands[0], *arguments]
    return _one_after_another(
        [shlex.join([*prefix, flag, command, *arguments]) for command in attempt.commands]
    )


def _script(attempt: Attempt[Any], shell: list[str]) -> list[str]:
    path = attempt.scratch / "script.sh"
    # What a command is given is the text and nothing else: `cat` would show the end of a line.
    end = "" if attempt.commands else "\n"
    path.write_text(attempt.script.rstrip("\n") + end, "utf-8", errors="surrogateescape")
    path.chmod(0o750)
    if attempt.commands:
        return [*shlex.split(attempt.commands[0]), str(path)]
    if attempt.script.startswith("#!") and not attempt.shell_is_own:
        interpreter = attempt.script.split("\n", 1)[0][2:].strip().split(None, 1)
        if interpreter:
            return [*interpreter, str(path), *attempt.arguments]
    if attempt.shell.is_direct:
        return [str(path)]
    if _program(shell) in ("pwsh", "powershell"):
        return [*shell, "-ExecutionPolicy", "Bypass", "-File", str(path)]
    return [*_with_errexit(shell, attempt.shell_is_own), str(path), *attempt.arguments]


def _with_errexit(shell: list[str], own: bool) -> list[str]:
    if own or _program(shell) not in _ERREXIT or any(_has_e(word) for word in shell[1:]):
        return shell
    return [*shell, "-e"]


def _has_e(word: str) -> bool:
    return word.startswith("-") and not word.startswith("--") and "e" in word


def _nix(attempt: Attempt[Any]) -> list[str]:
    packages = [word for package in attempt.shell.packages for word in ("-p", package)]
    return [*attempt.shell.argv, *packages, "--pure", "--run", "set -e; " + "\n".join(attempt.commands)]


def _program(shell: list[str]) -> str:
    return shell[0].rsplit("/", 1)[-1] if shell else ""


def _one_after_another(lines: list[str]) -> list[str]:
    """One process that runs each line in a shell of its own and stops at the first failure."""
    loop = (
        'n=0; for line do n=$((n+1)); eval "$line" || { code=$?; '
        'echo "command $n failed" >&2; exit $code; }; done'
    )
    return ["/bin/sh", "-c", loop, "sh", *lines]


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [ShellExecutor]
