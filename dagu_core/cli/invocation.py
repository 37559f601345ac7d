"""One call of the command line: its common flags, its settings, and the app behind it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct, field

from dagu_core.base.clock import Clock, SystemClock

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.dags import Dags
    from dagu_core.app.log_lines import LogLines
    from dagu_core.base.settings import Settings
    from dagu_core.contracts.host import PluginHost

T = TypeVar("T")


class Invocation(Struct, dict=True):
    """The flags every verb takes, and what follows from them; `ctx.obj` of every click context.

    `flags` are settings that were given on the command line, by their keys.
    """

    config: str | None = None
    home: str | None = None
    quiet: bool = False
    cpu_profile: bool = False
    safe_mode: bool = False
    flags: dict[str, str] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """The settings, read once. Home, file, flags and zone reach runners by the environment."""
        from dagu_core.base.settings import Settings

        flags = {**self.flags, "plugins.safeMode": self.safe_mode or None}
        settings = Settings.load(environ=dict(os.environ), config=self.config, home=self.home, flags=flags)
        if self.home and settings.home:
            os.environ["DAGU_HOME"] = str(settings.home)
        if self.config:
            os.environ["DAGU_CONFIG"] = os.path.abspath(os.path.expanduser(self.config))
        if self.safe_mode:
            os.environ["DAGU_SAFE_MODE"] = "1"
        if self.flags:
            from dagu_core.base.settings.flags import as_variables

            os.environ |= as_variables(self.flags)
        if (zone := settings.core.tz) and os.environ.get("TZ") != zone:
            os.environ["TZ"] = zone
            if hasattr(time, "tzset"):
                time.tzset()
        return settings

    @cached_property
    def clock(self) -> Clock:
        """The clock shown durations are measured with."""
        return SystemClock()

    @cached_property
    def lines(self) -> LogLines:
        """What writes log lines."""
        from dagu_core.app.log_lines import LogLines

        return LogLines.of(self.settings)

    @cached_property
    def host(self) -> PluginHost:
        """The plugins, loaded without opening a store."""
        from dagu_core.contracts.host import PluginHost

        return PluginHost.of(self.settings)

    @cached_property
    def has_plugins(self) -> bool:
        """Whether anything was installed beside the built-in parts; told without loading it."""
        from dagu_core.contracts.discovery import dropped_in, installed

        # Only a look: reading the settings would cost the help more than all the rest of it.
        home = Path(self.home or os.environ.get("DAGU_HOME") or "~/.dagu")
        places = [Path(os.path.expanduser(each)) for each in (home, "~/.config/dagu")]
        files = (file for place in places for file in dropped_in(place / "plugins"))
        return "host" in self.__dict__ or bool(installed()) or any(files)

    @cached_property
    def dags(self) -> Dags:
        """The definitions, for verbs that need no store."""
        from dagu_core.app.dags import Dags

        paths = self.settings.paths
        return Dags(paths.dags, paths.base_config, self.host, paths.kept_plans)

    def begin_home(self) -> None:
        """Make the examples in a home that has no DAGs folder yet, unless the settings name one."""
        from dagu_core.base.settings.sections import PathSettings

        settings = self.settings
        folder = settings.paths.dags
        if folder.exists() or settings.core.skip_examples or settings.section(PathSettings).dags:
            return
        from dagu_core.app.examples import make_examples

        make_examples(folder)

    def run(self, work: Callable[[App], Awaitable[T]]) -> T:
        """Open the app, await `work` with it, close it; measured with `--cpu-profile`."""
        from dagu_core.app.app import App
        from dagu_core.cli.event_loop import run_to_end

        async def with_app() -> T:
            async with App.open(self.settings, host=self.host, clock=self.clock, lines=self.lines) as app:
                return await work(app)

        if not self.cpu_profile:
            return run_to_end(with_app())
        import cProfile

        profile = cProfile.Profile()
        try:
            return profile.runcall(run_to_end, with_app())
        finally:
            profile.dump_stats("cpu.pprof")


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def on_terminal(stream: Any) -> bool:
    """Whether the stream is a terminal a person looks at."""
    return bool(stream) and stream.isatty()


def in_colour() -> bool:
    """Whether stdout may be coloured."""
    return on_terminal(sys.stdout) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
