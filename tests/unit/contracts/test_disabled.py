"""Plugins that are here and not wanted: whoever needs a word of theirs is told so, and where it was said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagu_core.app.dags import Dags
from dagu_core.app.plugin_words import who_brings
from dagu_core.base.errors import NotFound
from dagu_core.base.places import InvalidDefinition
from dagu_core.base.settings import Settings
from dagu_core.contracts import host as host_module
from dagu_core.contracts.discovery import installed
from dagu_core.contracts.host import PluginHost

#: what is said, and the words that name the place
SAID = [
    ("plugins: {disabled: [docker]}", {}, {}, "plugins.disabled in {file}:1:21"),
    ("plugins:\n  disabled: dagu-docker\n", {}, {}, "plugins.disabled in {file}:2:13"),
    ("", {"DAGU_PLUGINS_DISABLED": "docker"}, {}, "plugins.disabled in DAGU_PLUGINS_DISABLED"),
    ("plugins: {allow: [dagu-ssh]}", {}, {}, "plugins.allow in {file}:1:18, where it is not named"),
    ("plugins: {safeMode: true}", {}, {}, "safe mode ({file}:1:21)"),
    ("", {"DAGU_SAFE_MODE": "1"}, {}, "safe mode (DAGU_SAFE_MODE)"),
    ("", {}, {"plugins.safeMode": True}, "safe mode (--safe-mode)"),
]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the package dagu-docker, whose import would be told."""
    folder = tmp_path / "site"
    info = folder / "dagu_docker-3.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[dagu.plugins]\ndocker = never_imported\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dagu-docker\nVersion: 3\n\n")
    (folder / "never_imported.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(host_module, "installed", lambda: installed(path=[str(folder)]))
    yield folder
    assert "never_imported" not in sys.modules


def loaded(home: Path, text: str, environ: dict[str, str], flags: dict[str, object]) -> PluginHost:
    (home / "config.yaml").write_text(text)
    environ = {"DAGU_HOME": str(home), "HOME": str(home), "XDG_CACHE_HOME": str(home)} | environ
    return PluginHost.of(Settings.load(environ=environ, flags=flags))


@pytest.mark.parametrize(("text", "environ", "flags", "said"), SAID)
def test_where_it_was_disabled(
    tmp_path: Path, site: Path, text: str, environ: dict[str, str], flags: dict[str, object], said: str
) -> None:
    host = loaded(tmp_path, text, environ, flags)
    reason = said.format(file=tmp_path / "config.yaml")
    (report,) = [each for each in host.reports if each.package == "dagu-docker"]
    assert (report.state, report.reason) == ("disabled", reason)
    with pytest.raises(InvalidDefinition) as refused:
        Dags(tmp_path, tmp_path / "base.yaml", host).check("steps: [{type: docker, command: x}]")
    (problem,) = refused.value.problems
    assert (problem.code, problem.place.column) == ("D014", 16)
    assert problem.message == (
        f"`docker` needs the plugin dagu-docker, which did not load: disabled by {reason}"
    )
    assert "pip install" not in problem.hint
    with pytest.raises(NotFound) as absent:
        host.catalog.executor("docker")
    assert absent.value.hint == (
        f"the plugin dagu-docker is installed but did not load: disabled by {reason}"
    )
    (bringer,) = who_brings(host, "docker")
    assert (bringer.package, bringer.state, bringer.hint) == ("dagu-docker 3", "disabled", reason)


def test_a_package_that_is_not_here_is_still_to_be_installed(tmp_path: Path, site: Path) -> None:
    host = loaded(tmp_path, "plugins: {disabled: [docker, dagu-ssh]}", {}, {})
    with pytest.raises(NotFound) as absent:
        host.catalog.executor("ssh")
    assert absent.value.hint == "install it with: pip install dagu-ssh"


def test_a_built_in_part_stays_unless_it_is_named(tmp_path: Path, site: Path) -> None:
    host = loaded(tmp_path, "plugins: {allow: [dagu-ssh], safeMode: true, disabled: [secrets]}", {}, {})
    states = {each.name: each.state for each in host.reports}
    assert (states["shell"], states["secrets"], states["docker"]) == ("loaded", "disabled", "disabled")


@pytest.mark.parametrize("name", ["dagu_docker", "Dagu-Docker", "dagu.docker"])
@pytest.mark.parametrize("key", ["disabled", "allow"])
def test_a_package_may_be_written_in_any_spelling(tmp_path: Path, site: Path, name: str, key: str) -> None:
    (site / "never_imported.py").write_text("") if key == "allow" else None
    host = loaded(tmp_path, f"plugins: {{{key}: [{name}]}}", {}, {})
    (report,) = [each for each in host.reports if each.package == "dagu-docker"]
    assert (report.state, host.warnings) == ({"disabled": "disabled", "allow": "loaded"}[key], ())
    sys.modules.pop("never_imported", None)


def test_names_that_mean_no_plugin_are_told(tmp_path: Path, site: Path) -> None:
    text = "plugins: {disabled: [dagu-dokcer, dagu-ssh, secrets], allow: [zebra, docker]}"
    (site / "never_imported.py").write_text("")
    host = loaded(tmp_path, text, {}, {})
    sys.modules.pop("never_imported", None)
    nobody = "no plugin or package of that name is installed, so it"
    assert host.warnings == (
        f"plugins.disabled: dagu-dokcer: {nobody} keeps nothing out; did you mean dagu-docker? "
        f"({tmp_path}/config.yaml:1:21)",
        f"plugins.allow: zebra: {nobody} lets nothing in; correct or remove it ({tmp_path}/config.yaml:1:62)",
    )


def test_the_word_of_a_plugin_is_not_its_name(tmp_path: Path, site: Path) -> None:
    (site / "dagu_docker-3.dist-info" / "entry_points.txt").write_text(
        "[dagu.plugins]\ndagu-docker = never\n"
    )
    host = loaded(tmp_path, "plugins: {disabled: [docker], allow: [other]}", {}, {})
    assert "did you mean dagu-docker?" in host.warnings[0]
