"""Looks at what the machine and the installation offer: clock, time zone, limits, plugins."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from dagu_core.app.checks.finding import Finding, Treatment
from dagu_core.base.clock import utc
from dagu_core.base.errors import DaguError
from dagu_core.base.settings import Settings
from dagu_core.base.zones import zone_named
from dagu_core.contracts.broken_lint import try_lint
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.store import RunQuery

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: open files one process should be allowed: a runner hosts up to a hundred runs
FILES = 1024
#: seconds a clock may be behind the newest record, and the time before which it is plainly wrong
_BEHIND, _BEGINNING = 60.0, 1_735_689_600.0


def limits() -> list[Finding]:
    """How many files one process may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES:
        return []
    what = f"a process may open only {soft} files at once; many steps at once need more"
    return [Finding("limits", "warning", what, f"ulimit -n (at most {hard})", f"ulimit -n {FILES} or more")]


def zone(settings: Settings) -> list[Finding]:
    """Whether the time zone of schedules is known."""
    found = []
    named = (
        ("the setting tz", _setting(settings)),
        ("the variable TZ", os.environ.get("TZ", "").lstrip(":")),
    )
    for where, name in named:
        try:
            zone_named("" if name.startswith("/") else name)
        except DaguError as error:
            advice = "name a zone such as Europe/Berlin; if that one is unknown as well, install tzdata"
            found.append(Finding("clock", "error", f"{error}: times are taken as UTC", where, advice))
    return found


def settings(settings: Settings, host: PluginHost) -> list[Finding]:
    """Values that are refused, keys nobody knows, old spellings."""
    wrong = settings.problems(host.complete().settings)
    where, advice = str(settings.file or "the environment"), "`dagu config` shows every setting"
    found = [Finding("settings", "error", str(one), where, one.hint or advice) for one in wrong]
    return found + [Finding("settings", "warning", one, where, advice) for one in settings.warnings]


def plugins(host: PluginHost) -> list[Finding]:
    """Plugins that are installed, but could not be loaded, or judge no file; settings of plugins that mean
    nothing."""
    try_lint(host)
    unable = [each for each in host.reports if each.state == "loaded" and each.reason]
    advice = "update or repair the package: DAGs that use it are refused until then"
    broken = [
        Finding("plugins", "error", f"plugin {one.name}: {one.reason}", one.provider, advice)
        for one in unable
    ]
    return (
        broken
        + [
            Finding(
                "plugins",
                "error",
                f"plugin {one.name} did not load: {one.reason}",
                one.provider,
                "repair or remove the package, or name it in plugins.disabled",
            )
            for one in host.reports
            if one.state == "failed"
        ]
        + [
            Finding("plugins", "warning", one, "the settings", "`dagu plugins` lists what is here")
            for one in host.warnings
        ]
    )


async def clock(app: App, treatment: Treatment) -> list[Finding]:
    """Whether the clock goes forward: behind the newest record it went back."""
    now = app.clock.now()
    newest = await app.store.find(RunQuery(roots_only=False, limit=1))
    what = ""
    if now < _BEGINNING:
        what = f"the clock says {utc(now):%Y-%m-%d}, which cannot be"
    elif newest and newest[0].created_at > now + _BEHIND:
        behind = newest[0].created_at - now
        what = f"the clock is {behind:.0f} s behind the newest run ({newest[0].ref}): it was set back"
    if not what:
        return []
    advice = "set the clock; until it has caught up, nothing of a schedule is done twice"
    return [Finding("clock", "error", what, "the clock of this machine", advice)]


def _setting(settings: Settings) -> str:
    try:
        return settings.core.tz
    except DaguError:
        return ""  # told when the settings are read for what they are needed for
