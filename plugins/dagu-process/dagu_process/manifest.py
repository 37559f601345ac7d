"""The file `plugin.yaml` of a folder that is a plugin: it names the executable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagu_core import PluginError

#: what the type of such a plugin is called
TYPE = "process-plugin"
_KEYS = ("type", "executable")


def executable_of(manifest: Path) -> Path:
    """The executable a manifest names. Raises PluginError for what is wrong with it."""
    try:
        for place in (manifest, manifest.parent):
            if place.stat().st_mode & 0o022:
                raise PluginError(f"others may write to it: chmod go-w {place}")
        found = _read(manifest)
    except OSError as error:
        raise PluginError(f"{manifest.name} cannot be read: {error.strerror}") from None
    if unknown := [str(key)[:40] for key in found if key not in _KEYS]:
        raise PluginError(f"{manifest.name}: unknown key `{unknown[0]}`, known are {' and '.join(_KEYS)}")
    if found.get("type") != TYPE:
        raise PluginError(f"{manifest.name}: `type` must be {TYPE}")
    named = found.get("executable")
    if not isinstance(named, str) or not named:
        raise PluginError(f"{manifest.name}: `executable` must name a file of the folder")
    folder = manifest.parent.resolve()
    path = (folder / named).resolve()
    if not path.is_relative_to(folder):
        raise PluginError(f"{manifest.name}: the executable `{named[:70]}` lies outside of the folder")
    return path


def _read(manifest: Path) -> dict[Any, Any]:
    import yaml

    try:
        found = yaml.safe_load(manifest.read_text("utf-8"))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise PluginError(f"{manifest.name} is no YAML: {str(error).partition(chr(10))[0]}") from None
    if not isinstance(found, dict):
        raise PluginError(f"{manifest.name} must be a mapping with {' and '.join(_KEYS)}")
    return found
