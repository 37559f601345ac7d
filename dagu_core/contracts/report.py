"""How a plugin fares, in words and figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dagu_core.base.errors import DaguError, PluginError
from dagu_core.contracts.hookspecs import API_VERSION

State = Literal["loaded", "disabled", "failed"]
_CORE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class PluginReport:
    """One plugin that was found. `package` is empty for plugins given as objects, and the path of
    a plugin that is a single file; `api` is the range of hook versions it was made for ("" = it
    does not say), `import_ms` what its import took. The steps of one that is `isolated` run in processes of
    their own."""

    name: str
    package: str
    version: str
    state: State
    reason: str = ""
    parts: tuple[str, ...] = ()
    api: str = field(default="", compare=False)
    import_ms: float = field(default=0.0, compare=False)
    isolated: bool = field(default=False, compare=False)

    @property
    def provider(self) -> str:
        """What brings its parts: `dagu-docker 1.2`, the path of a file, or its own name."""
        return f"{self.package or self.name} {self.version}".strip()


def cause(error: BaseException) -> str:
    """An exception in one line, with the line of the plugin it comes from; type and place are left out
    where the message was made for people."""
    text = str(error).strip().partition("\n")[0]
    if isinstance(error, DaguError) and text:
        return text
    told = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = "" if isinstance(error, SyntaxError) else _place(error)  # which tells its place itself
    return f"{told} ({place})" if place else told


def _place(error: BaseException) -> str:
    """`folder/file.py:line` of what the plugin did last, "" when none of its code was reached: an SDK
    it uses may have raised, and its own line is the one to look at."""
    lines: list[tuple[Path, int]] = []
    trace = error.__traceback__
    while trace is not None:
        lines.append((Path(trace.tb_frame.f_code.co_filename), trace.tb_lineno))
        trace = trace.tb_next
    own = [each for each in lines if each[0].is_absolute() and not _of_the_loaders(each[0])]
    if not own:
        return ""
    file, line = [each for each in own if each[0].is_relative_to(own[0][0].parent)][-1]
    return f"{file.parent.name}/{file.name}:{line}"


def _of_the_loaders(file: Path) -> bool:
    return file.is_relative_to(_CORE) or file.parent.name in {"stevedore", "importlib", "metadata"}


def api_range(made_for: object) -> tuple[int, int]:
    """The versions a plugin's `DAGU_API` stands for: a number, or the first and the last one.

    Raises PluginError for anything else.
    """
    if isinstance(made_for, int) and not isinstance(made_for, bool):
        return made_for, made_for
    if isinstance(made_for, tuple | list):
        match list(made_for):
            case [int(first), int(last)] if first <= last:
                return first, last
    raise PluginError(f"DAGU_API is {made_for!r}, neither a number nor (first, last)")


def made_for(plugin: object) -> str:
    """The range of hook versions a plugin was made for, "" when it does not say.

    Raises PluginError when this core is none of them.
    """
    if (said := getattr(plugin, "DAGU_API", None)) is None:
        return ""
    first, last = api_range(said)
    text = str(first) if first == last else f"{first}-{last}"
    if not first <= API_VERSION <= last:
        raise PluginError(f"made for plugin API {text}, this is {API_VERSION}")
    return text


def reasons_of(reports: Iterable[PluginReport]) -> dict[str, str]:
    """Names and packages of the plugins that are here and not loaded -> why."""
    return {
        word: report.reason if report.state == "failed" else f"disabled by {report.reason}"
        for report in reports
        if report.state != "loaded"
        for word in (report.name, report.package)
        if word not in {"", "dagu"}
    }
