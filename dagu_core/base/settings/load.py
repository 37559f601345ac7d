"""File, environment and flags become one validated object."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from dagu_core.base.errors import DaguError, Invalid, NotFound, PluginError
from dagu_core.base.settings.document import Node, read_document
from dagu_core.base.settings.explain import refusals, shown, unknown_keys
from dagu_core.base.settings.folders import Home, Paths, find_home
from dagu_core.base.settings.given import Given
from dagu_core.base.settings.record import is_required
from dagu_core.base.settings.section import SettingsSection, declarations
from dagu_core.base.settings.sections import (
    CoreSettings,
    LocationSettings,
    PathSettings,
    PluginSettings,
    QueuesSettings,
    SchedulerSettings,
)
from dagu_core.base.settings.services import (
    AuthSettings,
    CoordinatorSettings,
    HistorySettings,
    MonitoringSettings,
    PeerSettings,
    ServerSettings,
    UISettings,
    WorkerSettings,
)

S = TypeVar("S", bound=SettingsSection)

OUR_SECTIONS: tuple[type[SettingsSection], ...] = (
    CoreSettings,
    PathSettings,
    QueuesSettings,
    SchedulerSettings,
    LocationSettings,
    PluginSettings,
    ServerSettings,
    UISettings,
    AuthSettings,
    CoordinatorSettings,
    WorkerSettings,
    HistorySettings,
    PeerSettings,
    MonitoringSettings,
)


class Settings:
    """Everything that is configured; flag > environment > file > default.

    A section is validated when it is first asked for, so that a mistake in one that a command
    does not need cannot stop the command.
    """

    def __init__(
        self,
        home: Home,
        document: Node,
        environ: Mapping[str, str],
        flags: Mapping[str, Any],
        file: Path | None,
    ) -> None:
        self.environ = environ
        #: the configuration file in use, None when there is none
        self.file = file
        self._home, self._given = home, Given(document, environ, flags)
        self._sections: dict[type[SettingsSection], SettingsSection] = {}
        self._sources: dict[str, str] = {}
        self._declared: dict[str, None] = {}

    @classmethod
    def load(
        cls,
        *,
        environ: Mapping[str, str],
        config: str | None = None,
        home: str | None = None,
        flags: Mapping[str, Any] | None = None,
    ) -> Settings:
        """Read what is configured.

        `environ` is the whole environment, `config` the path of a file that must exist, `home`
        stands above DAGU_HOME, `flags` maps keys (`port`, `paths.dagsDir`) to values given on the
        command line; None = not given. Raises NotFound, and Invalid for a file that cannot be used.
        """
        place = find_home(environ, home)
        file = Path(os.path.expanduser(config)).absolute() if config else place.config / "config.yaml"
        if config and not file.is_file():
            raise NotFound(f"there is no configuration file {file}", hint="check --config")
        document, found = Node(), None
        for path in (file, place.config / "admin.yaml"):
            if path.is_file():
                document.merge(read_document(path, environ))
                found = found or path
        given = {name: value for name, value in (flags or {}).items() if value is not None}
        if given:
            from dagu_core.base.settings.flags import refuse_unknown

            refuse_unknown(given)
        return cls(place, document, environ, given, found)

    @property
    def home(self) -> Path | None:
        """The folder that holds everything (DAGU_HOME), None with the XDG layout."""
        return self._home.root

    @property
    def plugin_folder(self) -> Path:
        """Where plugins that are single files are: `plugins` beside the configuration file."""
        return self._home.config / "plugins"

    @property
    def config_folder(self) -> Path:
        """The folder of the configuration file, whether there is one or not."""
        return self.file.parent if self.file is not None else self._home.config

    @property
    def core(self) -> CoreSettings:
        """What every command needs to know."""
        return self.section(CoreSettings)

    @property
    def queues(self) -> QueuesSettings:
        """The queues."""
        return self.section(QueuesSettings)

    @property
    def worker(self) -> WorkerSettings:
        """The runner processes."""
        return self.section(WorkerSettings)

    @property
    def scheduler(self) -> SchedulerSettings:
        """The scheduler service."""
        return self.section(SchedulerSettings)

    @property
    def location(self) -> LocationSettings:
        """The place on Earth."""
        return self.section(LocationSettings)

    @property
    def server(self) -> ServerSettings:
        """The REST API and the UI's server."""
        return self.section(ServerSettings)

    @property
    def ui(self) -> UISettings:
        """How the UI looks."""
        return self.section(UISettings)

    @property
    def auth(self) -> AuthSettings:
        """Who may come in."""
        return self.section(AuthSettings)

    @property
    def plugins(self) -> PluginSettings:
        """Which plugins are loaded."""
        return self.section(PluginSettings)

    @cached_property
    def paths(self) -> Paths:
        """Where things are, absolute."""
        return Paths.of(self.section(PathSettings), self._home, self.environ)

    @property
    def store(self) -> str:
        """URL of the state store."""
        return self.core.store or f"sqlite://{quote(str(self.paths.data / 'dagu.db'))}"

    @property
    def durability(self) -> str:
        """`normal` or `full`."""
        return self.core.durability

    @property
    def warnings(self) -> tuple[str, ...]:
        """Old spellings in use, keys nobody knows, and odd values of the sections used so far.

        Ask when the plugins were looked for: only then are their keys known.
        """
        for model in OUR_SECTIONS:
            for item in declarations(model):
                if (found := self._given.find(item)) is not None and item.unused:
                    self._given.tell(f"{found[1]}: `{item.key}` has no effect: {item.unused}")
        models = dict.fromkeys((*OUR_SECTIONS, *self._sections))
        items = [item for model in models for item in declarations(model)]
        unknown = unknown_keys(self._given.document, items, self._declared)
        return (*dict.fromkeys((*self._home.warnings, *self._given.told)), *unknown)

    def know(self, keys: Iterable[str]) -> None:
        """Take dotted keys of sections that nobody has asked for as known: those of plugins."""
        self._declared |= dict.fromkeys(keys)

    def section(self, model: type[S]) -> S:
        """The validated section; a plugin's model is read from the same sources.

        Raises Invalid with `file:line:col`, or the variable's or flag's name.
        """
        known = self._sections.get(model)
        if known is None:
            known = self._sections[model] = self._validate(model)
        assert isinstance(known, model)
        return known

    def source_of(self, key: str) -> str:
        """Where the value of a key was given that has been used: `file:line:col`, a variable, `flag KEY`;
        "" = nowhere."""
        return self._sources.get(key, "")

    def problems(self, models: Iterable[type[SettingsSection]] = ()) -> list[DaguError]:
        """What is wrong with values of sections, ours and those of plugins."""
        found: list[DaguError] = []
        for model in dict.fromkeys((*OUR_SECTIONS, *models)):
            try:
                self.section(model)
            except DaguError as error:
                found.append(error)
        return found

    def explain(self) -> list[tuple[str, Any, str]]:
        """(key, value, source) of every setting; secrets are shown as ***, and sections in which something
        is refused are left out: `problems` has those."""
        rows = []
        for model in dict.fromkeys((*OUR_SECTIONS, *self._sections)):
            try:
                section = self.paths if model is PathSettings else self.section(model)
            except DaguError:
                continue
            for item in declarations(model):
                value = self.store if item.key == "store" else getattr(section, item.name)
                rows.append((item.key, shown(value), self._sources.get(item.key, "default") + item.remark))
        return rows

    def _validate(self, model: type[S]) -> S:
        values: dict[str, Any] = {}
        nodes: dict[str, Node] = {}
        for item in declarations(model):
            found = self._given.find(item)
            if found is not None:
                values[item.name], self._sources[item.key], node = found
                if node:
                    nodes[item.name] = node
        if not values and not any(is_required(item.declared) for item in declarations(model)):
            return model()
        from pydantic import ValidationError

        from dagu_core.base.settings.judging import judged

        lenient = {item.name: item.key for item in declarations(model) if item.lenient}
        try:
            return judged(model, values)
        except ValidationError as error:
            problems = refusals(error, model, nodes, self._sources)
            if not all(name in lenient for name, _ in problems):
                lines = [line for name, line in problems if name not in lenient]
                raise Invalid("\n".join(lines), hint="see `dagu config` for every setting") from None
            for name, line in problems:
                self._given.tell(f"{line}; the default is used")
                values.pop(name, None)
                self._sources.pop(lenient[name], None)
            return judged(model, values)
        except Exception as error:  # validators are code of plugins, too
            broken = f"{model.__name__}, the section `{model.section}`, could not judge what it was given"
            hint = "its validators should raise ValueError for a value they refuse"
            raise PluginError(f"{broken}: {type(error).__name__}: {error}", hint=hint) from error
