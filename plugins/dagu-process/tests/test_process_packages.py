"""A folder with a manifest in the folder `plugins` of the home is a plugin."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.fixtures import Command

from .hosts import dag

Make = Callable[..., Path]
_DONE = 'echo greetings >&3; echo \'{"type":"result"}\''


@pytest.fixture
def package(make: Make, dagu: Command) -> Path:
    """A folder with an executable that brings the step type `odd`, and its manifest."""
    folder = dagu.home / "plugins" / "odd-one"
    (folder / "bin").mkdir(parents=True, mode=0o755)
    made = make(_DONE)
    (folder / "bin" / "odd").write_text(made.read_text())
    (folder / "bin" / "odd").chmod(0o755)
    write(folder, "type: process-plugin\nexecutable: bin/odd\n")
    for each in (folder, folder / "bin"):
        each.chmod(0o755)
    return folder


def write(folder: Path, manifest: str) -> None:
    (folder / "plugin.yaml").write_text(manifest)
    (folder / "plugin.yaml").chmod(0o644)


def report(dagu: Command, name: str = "odd-one") -> dict[str, Any]:
    (found,) = [each for each in json.loads(dagu("plugins", "--json").out) if each["name"] == name]
    return dict(found)


def test_a_folder_with_a_manifest_brings_its_step_types(package: Path, dagu: Command) -> None:
    found = report(dagu)
    assert (found["state"], found["parts"]) == ("loaded", ["executor odd"])
    assert found["package"] == str(package)
    file = dag(dagu.home / "a.yaml", {"name": "a", "type": "odd"})
    done = dagu("start", str(file))
    assert done.code == 0 and "greetings" in done.out
    assert str(package) in dagu("plugin", "which", "odd").out


def test_the_settings_choose_among_them(package: Path, dagu: Command) -> None:
    dagu.environ["DAGU_PLUGINS_DISABLED"] = "odd-one"
    assert report(dagu)["state"] == "disabled"
    refused = dagu("validate", str(dag(dagu.home / "a.yaml", {"name": "a", "type": "odd"})))
    assert refused.code == 1


def test_a_folder_without_a_manifest_is_none(package: Path, dagu: Command) -> None:
    (package / "plugin.yaml").unlink()
    assert "odd-one" not in dagu("plugins").out


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("type: [", "plugin.yaml is no YAML"),
        ("- a", "plugin.yaml must be a mapping with type and executable"),
        ("executable: bin/odd", "plugin.yaml: `type` must be process-plugin"),
        ("type: process-plugin", "plugin.yaml: `executable` must name a file of the folder"),
        ("{type: process-plugin, executable: 5}", "plugin.yaml: `executable` must name a file of the folder"),
        ("{type: process-plugin, executable: bin/odd, more: 1}", "unknown key `more`"),
        ("{type: process-plugin, executable: ../odd}", "lies outside of the folder"),
        ("{type: process-plugin, executable: /bin/sh}", "lies outside of the folder"),
        ("{type: process-plugin, executable: link}", "lies outside of the folder"),
        ("{type: process-plugin, executable: nothing}", "cannot be used: No such file or directory"),
    ],
)
def test_a_bad_manifest_is_told_and_harms_nobody(
    package: Path, dagu: Command, manifest: str, told: str
) -> None:
    (package / "link").symlink_to("/bin/sh")
    write(package, manifest)
    found = report(dagu)
    assert found["state"] == "failed" and told in found["reason"]
    assert dagu("start", str(dag(dagu.home / "a.yaml", {"name": "a", "command": "true"}))).code == 0


@pytest.mark.parametrize("place", [".", "plugin.yaml", "bin", "bin/odd"])
def test_what_others_may_write_to_is_not_started(package: Path, dagu: Command, place: str) -> None:
    (package / place).chmod((package / place).stat().st_mode | 0o020)
    found = report(dagu)
    assert found["state"] == "failed" and "others may write to it" in found["reason"]
