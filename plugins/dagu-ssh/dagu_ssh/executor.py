"""The step type: what the step's own process is told, and what its end means."""

from __future__ import annotations

import getpass
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagu_core import (
    Attempt,
    Expansion,
    Invalid,
    Outcome,
    PlannedStep,
    SystemClock,
    WorkerExecutor,
    variables_in,
)
from dagu_ssh.config import Copy, Host, JumpHost, SshConfig, SshSettings

_LOST = "lost"
#: shells that know `"$NAME"`
_POSIX = frozenset({"sh", "bash", "zsh", "ksh", "ash", "dash", "mksh"})
_FLAGS = {"pwsh": "-Command", "powershell": "-Command", "cmd": "/c", "cmd.exe": "/c"}


class SshExecutor(WorkerExecutor[SshConfig]):
    """Runs commands on another machine over SSH, and copies files there and back.

    The connection belongs to a process of the step's own, which outlives the engine. The command
    there is ended when the step is stopped, and when the connection breaks.
    """

    name = "ssh"
    Config = SshConfig
    capabilities = frozenset({"command", "commands", "exec", "shell"})
    work = "dagu_ssh.work:main"
    icon = "server"

    @classmethod
    def expansion_of(cls, step: PlannedStep, config: SshConfig, dag_fields: Mapping[str, Any]) -> Expansion:
        settings = _settings(config, dag_fields.get("ssh"))
        if settings.plain:
            return "full"
        own = step.shell.argv if step.shell is not None and not step.shell.is_direct else ()
        shell = _words(settings.shell) or own
        # Where no shell reads the command, a value is an argument: never two, and never a quote.
        if not shell:
            return "posix" if step.exec[:2] == ("sh", "-c") else "words"
        return "posix" if _name(shell) in _POSIX else "full"

    async def run(self, attempt: Attempt[SshConfig]) -> Outcome:
        return _judged(attempt, await super().run(attempt))

    async def reattach(self, attempt: Attempt[SshConfig]) -> Outcome:
        return _judged(attempt, await super().reattach(attempt))

    async def request(self, attempt: Attempt[SshConfig]) -> Any:
        config = _settings(attempt.config, attempt.dag_fields.get("ssh"))
        if not config.address:
            raise Invalid("the ssh step has no host", hint="Add `host` to its config, or `ssh` to the DAG.")
        commands = _commands(attempt, config)
        if not commands and not config.upload and not config.download:
            raise Invalid("the ssh step has nothing to do", hint="Add a command, `upload` or `download`.")
        if config.plain and config.env:
            raise Invalid("`env` needs a POSIX shell there", hint="Remove it, or `plain: true`.")
        folder = attempt.dag_working_dir
        target = {**_target(config, folder), "host": config.address}
        return {
            "target": {**target, "jump": _jump(config.jump, config, folder)},
            # Steps do not see the engine's agent; that they may use it is the meaning of this type.
            "agent": attempt.env.get("SSH_AUTH_SOCK") or os.environ.get("SSH_AUTH_SOCK", ""),
            "keep_alive": config.keep_alive,
            "commands": commands,
            "env": {**variables_in(_code(commands), attempt), **_environment(config, attempt)},
            "plain": config.plain,
            "upload": _copies(config.upload),
            "download": _copies(config.download),
            "grace": attempt.grace,
            "token": SystemClock().new_token(32),
            "lost": str(attempt.scratch / _LOST),
        }


def _judged(attempt: Attempt[SshConfig], outcome: Outcome) -> Outcome:
    """The outcome, unless the process left word that it does not know how the command ended."""
    try:
        why = (attempt.scratch / _LOST).read_text("utf-8")
    except FileNotFoundError:
        return outcome
    return Outcome(exit_code=None, ended="lost", message=f"lost: {why}")


def _settings(own: SshConfig, of_dag: SshSettings | None) -> SshConfig:
    """What holds for the step: its own config with a host stands alone, so that nothing meant for one
    machine is ever told to another."""
    if of_dag is None or own.address:
        return own
    return SshConfig.model_validate({**_given(of_dag), **_given(own)})


def _given(config: SshSettings) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.model_fields_set}


def _target(config: Host, folder: Path) -> dict[str, Any]:
    """The log-in. Its files begin at `folder`, that of the DAG: all of its steps mean the same ones."""
    return {
        "host": config.host.strip(),
        "port": config.port,
        "user": config.user or _local_user(),
        "key": _file(config.key, folder),
        "key_passphrase": config.key_passphrase,
        "password": config.password,
        "strict_host_key": config.strict_host_key,
        "known_host_file": _file(config.known_host_file, folder),
        "timeout": config.timeout,
    }


def _file(name: str, folder: Path) -> str:
    return name if not name or name.startswith("~") else str(folder / name)


def _jump(jump: JumpHost | None, behind: Host, folder: Path) -> dict[str, Any] | None:
    """The jump host; what it does not say is as for the machine behind it, but no password is ever
    shown to a machine it was not written for."""
    if jump is None:
        return None
    if not jump.host:
        raise Invalid("the jump host has no host", hint="Write it as `user@host:port`.")
    same = ["user", "strict_host_key", "known_host_file", "timeout"]
    if not jump.key and not jump.password:
        same += ["key", "key_passphrase"]
    update = {name: getattr(behind, name) for name in same if name not in jump.model_fields_set}
    whole = jump.model_copy(update=update)
    return {**_target(whole, folder), "jump": _jump(jump.jump, whole, folder)}


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise Invalid("the ssh step has no user", hint="Add `user` to its config.") from None


def _commands(attempt: Attempt[SshConfig], config: SshConfig) -> list[list[str]] | list[str]:
    """Each command as an argument vector; for a plain host as the text it gets."""
    shell, argv = _shell(attempt, config), list(attempt.exec)
    if shell:
        # A command of several lines comes as `sh -c TEXT`: the chosen shell reads it instead.
        is_script = argv[:2] == ["sh", "-c"] and len(argv) == 3
        texts = [argv[2] if is_script else shlex.join(argv)] if argv else attempt.commands
        flag = _FLAGS.get(_name(shell), "-c")
        vectors = [[*shell, flag, text] for text in texts]
    elif config.plain and not argv:
        return list(attempt.commands)
    else:
        vectors = [argv] if argv else [_words(line) for line in attempt.commands]
    if config.plain:
        return [shlex.join(vector) for vector in vectors]
    return vectors if shell else [["/bin/sh", "-c", shlex.join(vector)] for vector in vectors]


def _shell(attempt: Attempt[SshConfig], config: SshConfig) -> list[str]:
    """The shell of the config, else the one of the step itself; none by default."""
    if config.shell:
        return _words(config.shell) + config.shell_args
    return list(attempt.shell.argv) if attempt.shell_is_own and not attempt.shell.is_direct else []


def _words(line: str | list[str]) -> list[str]:
    if isinstance(line, list):
        return list(line)
    try:
        return shlex.split(line)
    except ValueError as error:
        raise Invalid(f"cannot split the command into words: {error}", hint="Set `shell`.") from None


def _name(shell: Sequence[str]) -> str:
    return shell[0].rsplit("/", 1)[-1].lower()


def _code(commands: list[list[str]] | list[str]) -> list[str]:
    return [vector[-1] for vector in commands if isinstance(vector, list)]


def _environment(config: SshConfig, attempt: Attempt[SshConfig]) -> dict[str, str]:
    if isinstance(config.env, dict):
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in config.env.items()
        }
    found: dict[str, str] = {}
    for entry in config.env:
        name, given, value = entry.partition("=")
        if not given and name not in attempt.env:
            raise Invalid(f"config.env: the step has no variable {name}", hint="Write it as `NAME=value`.")
        found[name] = value if given else attempt.env[name]
    return found


def _copies(copies: Sequence[Copy]) -> list[list[str]]:
    return [[copy.source, copy.to] for copy in copies]
