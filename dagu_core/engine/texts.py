"""Prepares the texts of a step for its executor, in the mode the executor asked for."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from dagu_core.base.errors import Invalid
from dagu_core.contracts.executor import Expansion
from dagu_core.engine.env_limit import fits, refuse_too_large, size
from dagu_core.engine.scope import StepScope
from dagu_core.engine.substitute import Substitution
from dagu_core.model.plan.plan import Call, PlannedStep, Shell
from dagu_core.model.values.expand import expand
from dagu_core.model.values.shelltext import ShellText, for_shell, in_place
from dagu_core.model.values.words import expand_words

_POSIX = frozenset({"sh", "bash", "zsh", "ksh", "ash", "dash", "nix-shell", "busybox", "mksh"})


class Texts(Struct):
    """The expanded texts; `env` holds the values that references were turned into."""

    commands: tuple[str, ...] = ()
    exec: tuple[str, ...] = ()
    script: str = ""
    call: Call | None = None
    env: dict[str, str] = field(default_factory=dict)


def is_posix(shell: Shell) -> bool:
    """Whether texts for this shell may leave plain references to it."""
    return bool(shell.argv) and shell.argv[0].rsplit("/", 1)[-1] in _POSIX


async def prepare(
    node: PlannedStep, shell: Shell, mode: Expansion, values: StepScope, substitution: Substitution
) -> Texts:
    """Expand the texts of a step once; what was inserted is never scanned again."""
    if values.too_large and mode in ("shell", "posix", "words"):
        refuse_too_large((*node.commands, *node.exec, node.script), values.scope)
    texts = Texts(commands=node.commands, exec=node.exec, script=node.script)
    if node.call is not None:
        target = await expand(node.call.target, values.scope, substitution)
        texts.call = replace(node.call, target=target)
        return texts
    if mode == "none":
        return texts
    scope = values.scope
    if mode == "script":
        texts.script = await expand(node.script, scope, substitution)
        return texts
    if mode == "posix" and node.exec[:2] == ("sh", "-c"):
        code = await for_shell(node.exec[2], scope, None)
        texts.exec, texts.env = ("sh", "-c", code.text), dict(code.env)
    else:
        texts.exec = tuple([await expand(word, scope, substitution) for word in node.exec])
    if mode == "words":
        texts.commands = tuple([await expand_words(line, scope, substitution) for line in node.commands])
        texts.script = await expand(node.script, scope, substitution)
        return texts
    if mode == "shell" and (shell.is_direct or (node.script and node.commands)):
        # An argument vector, or an interpreter that gets the script as a file: no shell reads either.
        texts.commands = tuple([await expand_words(text, scope, substitution) for text in node.commands])
        texts.script = in_place(node.script, scope)
        return texts
    if mode == "full" or (mode == "shell" and not is_posix(shell)):
        texts.commands = tuple([await expand(text, scope, substitution) for text in node.commands])
        texts.script = (
            await expand(node.script, scope, substitution) if mode == "full" else in_place(node.script, scope)
        )
        return texts
    commands = []
    for index, line in enumerate(node.commands):
        prepared = await for_shell(line, scope, substitution)
        commands.append(_kept_apart(index, prepared, texts.env))
    texts.commands = tuple(commands)
    if node.script:
        if has_foreign_shebang(node):
            texts.script = in_place(node.script, scope)
        else:
            prepared = await for_shell(node.script, scope, None)
            texts.script = _kept_apart(0, prepared, texts.env)
    for name, value in texts.env.items():
        if not fits(name, value):
            raise Invalid(f"a value in its command is {size(value)} bytes, too large for a shell to be given")
    return texts


def has_foreign_shebang(node: PlannedStep) -> bool:
    """Whether the script names an interpreter of its own that is no POSIX shell."""
    if not node.script.startswith("#!") or node.shell is not None:
        return False
    words = node.script.split("\n", 1)[0][2:].split()
    names = [word.rsplit("/", 1)[-1] for word in words]
    program = names[1] if names[:1] == ["env"] and len(names) > 1 else (names[0] if names else "")
    return program not in _POSIX


def _kept_apart(index: int, prepared: ShellText, all_values: dict[str, str]) -> str:
    """Give the value variables of the `index`-th text of a step names of their own."""
    if not index or not prepared.env:
        all_values.update(prepared.env)
        return prepared.text
    all_values.update({name.replace("REF_", f"REF{index}_"): value for name, value in prepared.env.items()})
    return prepared.text.replace("${DAGU_REF_", f"${{DAGU_REF{index}_")
