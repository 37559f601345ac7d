"""Everything about a run that its steps share: environment, parameters, secrets, folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from dagu_core.base.errors import Invalid
from dagu_core.base.masking import Masker
from dagu_core.engine.substitute import Substitution
from dagu_core.model.plan.plan import Plan, Shell
from dagu_core.model.run.events import ConditionResult
from dagu_core.model.values.dotenv import parse_dotenv
from dagu_core.model.values.expand import expand_at_home
from dagu_core.model.values.params import params_json
from dagu_core.model.values.scope import Scope

if TYPE_CHECKING:
    from dagu_core.base.config import Config
    from dagu_core.engine.known_secrets import KnownSecrets

Params = tuple[tuple[str, str], ...]

_PASSED = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "SHELL",
        "TMPDIR",
        "TERM",
        "EDITOR",
        "VISUAL",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "LD_LIBRARY_PATH",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "DAGU_HOME",
    ]
)
_PASSED_PREFIXES = ("LC_", "DAG_")
_OWN = ("DAG_RUN_", "DAG_NAME")


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """What steps see of the engine's own environment: a fixed list, never its credentials."""
    return {
        name: value
        for name, value in environ.items()
        if name in _PASSED or (name.startswith(_PASSED_PREFIXES) and not name.startswith(_OWN))
    }


class RunContext(Struct):
    """What the steps of one run share. `environ` is what references may fall back to; `base_env`
    is the process environment of every step before anything of its own is added; `fields` are the
    DAG-level values of plugins, references replaced; `secrets` are those of the DAG, `known` all that
    must be masked. `working_dir` is where the DAG works, `folder` where its file lies. `large` names
    what is in `base_env`, but too large for a process."""

    environ: Mapping[str, str]
    dag_env: dict[str, str]
    params: Params
    working_dir: Path
    folder: Path
    shell: Shell
    secrets: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    masker: Masker | None = None
    special: dict[str, str] = field(default_factory=dict)
    base_env: dict[str, str] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    fields: Mapping[str, Config] = field(default_factory=dict)
    large: frozenset[str] = frozenset()

    @property
    def param_values(self) -> dict[str, str]:
        return dict(self.params)

    def mask(self, text: str) -> str:
        """`text` with every secret replaced."""
        return self.masker.mask(text) if self.masker else text

    def mask_data(self, data: Any) -> Any:
        """JSON data with every secret in its texts (and keys) replaced."""
        if isinstance(data, str):
            return self.mask(data)
        if isinstance(data, Mapping):
            return {self.mask(str(key)): self.mask_data(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.mask_data(value) for value in data]
        return data

    def masked(self, result: ConditionResult) -> ConditionResult:
        """What became of a condition, without the values of secrets."""
        return replace(result, condition=self.mask(result.condition), error=self.mask(result.error))

    def restore(self, text: str) -> str:
        """`text` with references to secrets replaced by their values."""
        return self.masker.restore(text) if self.masker else text


def default_shell(plan: Plan, environ: Mapping[str, str]) -> Shell:
    """The DAG's shell, or $DAGU_DEFAULT_SHELL, $SHELL, sh in that order."""
    if plan.shell is not None:
        argv = tuple(_naive(word, environ) for word in plan.shell.argv)
        return Shell(argv, plan.shell.packages)
    named = environ.get("DAGU_DEFAULT_SHELL") or environ.get("SHELL")
    if named and which(named.split()[0]):
        return Shell(tuple(named.split()))
    return Shell(("/bin/sh",))


def _naive(text: str, environ: Mapping[str, str]) -> str:
    if "$" not in text:
        return text
    from string import Template

    return Template(text).safe_substitute(environ)


def from_home(folder: str) -> str:
    """The folder with its `~` replaced. Raises Invalid when it is the home of nobody here."""
    found = os.path.expanduser(folder)
    if found.startswith("~"):
        nobody = found.partition("/")[0]
        raise Invalid(
            f"workingDir {folder}: there is no home folder {nobody}",
            hint=f"a folder of that name is ./{nobody}",
        )
    return found


def working_dir(plan: Plan, environ: Mapping[str, str], fallback: str = "") -> Path:
    """Where the DAG works: its own workingDir, else `fallback`, else the folder of its file."""
    folder = Path(plan.source.path).parent if plan.source.path else Path.cwd()
    if plan.working_dir:
        return Path(os.path.normpath(folder / from_home(_naive(plan.working_dir, environ))))
    return Path(fallback) if fallback else folder


def substitution(plan: Plan, environ: Mapping[str, str], fallback: str = "") -> Substitution:
    """What runs the backticks of a DAG that has not begun: in its folder, or where its file lies."""
    cwd = working_dir(plan, environ, fallback)
    if not cwd.is_dir():
        cwd = Path(plan.source.path).parent if plan.source.path else Path("/")
    return Substitution(default_shell(plan, environ), environ, cwd)


async def dag_environment(
    plan: Plan, environ: Mapping[str, str], fallback: str = "", *, run_commands: bool = True
) -> dict[str, str]:
    """Evaluate the DAG's `env`, once, each entry seeing the earlier ones.

    Raises Invalid when a command substitution fails. Without `run_commands` backticks stay.
    """
    values: dict[str, str] = {}
    for entry in plan.env:
        scope = Scope(layers=(values,), environ=environ)
        run = substitution(plan, {**environ, **values}, fallback) if run_commands else None
        try:
            values[entry.name] = await expand_at_home(entry.value, scope, run)
        except Invalid as error:
            raise Invalid(f"env {entry.name}: {error}", hint=error.hint) from None
    return values


def load_dotenv(plan: Plan, cwd: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of the dotenv files, later files over earlier; missing files are skipped."""
    if not plan.dotenv:
        return {}
    folders = [cwd]
    if plan.source.path:
        folders.append(Path(plan.source.path).parent)
    values: dict[str, str] = {}
    for name in dict.fromkeys((".env", *plan.dotenv)):
        path = Path(os.path.expanduser(_naive(name, environ)))
        for candidate in [path] if path.is_absolute() else [folder / path for folder in folders]:
            if candidate.is_file():
                try:
                    values.update(parse_dotenv(candidate.read_text("utf-8")))
                except (OSError, ValueError) as error:
                    raise Invalid(f"dotenv file {candidate}: {error}") from None
                break
    return values


def positional(params: Params) -> tuple[str, ...]:
    """The positional parameters for a shell's $1, $2, ...; gaps are empty."""
    numbered = {int(name): value for name, value in params if name.isdigit() and 0 < int(name) <= 1000}
    return tuple(numbered.get(index, "") for index in range(1, max(numbered, default=0) + 1))


def assemble(
    *,
    environ: Mapping[str, str],
    dag_env: dict[str, str],
    dotenv: Mapping[str, str],
    params: Params,
    secrets: KnownSecrets | None,
    special: dict[str, str],
    shell: Shell,
    cwd: Path,
    source: str,
    home: str,
    given: str = "",
) -> RunContext:
    """Put a context together in the order of precedence of the language (later wins); `given` is the JSON
    text the parameters were given as."""
    all_env = {**dag_env, **dotenv}
    own = secrets.own if secrets else {}
    base = passed_on(environ) | all_env | special | dict(params) | own
    base.setdefault("DAGU_HOME", home)
    if params or given:
        base["DAGU_PARAMS_JSON"] = given or params_json(params)
    return RunContext(
        environ=environ,
        dag_env=all_env,
        params=params,
        working_dir=cwd,
        folder=Path(source).parent if source else cwd,
        shell=shell,
        secrets=own,
        known=secrets.every if secrets else {},
        masker=secrets.masker if secrets else None,
        special=special,
        base_env=base,
        positional=positional(params),
    )
