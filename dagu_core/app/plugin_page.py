"""The page of a plugin, read from its docstrings and models."""

from __future__ import annotations

import inspect
from typing import Any

from dagu_core.app.key_tables import tables
from dagu_core.app.plugin_report import shipped
from dagu_core.base.config import Config
from dagu_core.base.settings import SettingsSection
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.offers import Offer
from dagu_core.contracts.report import PluginReport


def page_of(host: PluginHost, report: PluginReport) -> str:
    """Markdown: what the plugin brings, each part with its docstring and the table of its keys."""
    lines = [f"# {report.name}", "", f"Brought by {report.provider}." if report.package else ""]
    if report.state != "loaded":
        lines.append(f"It is {report.state}: {report.reason}")
    if report.package not in ("", "dagu") and (told := shipped(report)):
        lines += ["", f"Verified: {told.line()}."]
    for offer in host.offers_of(report.name):
        lines += ["", f"## {offer.kind[0].upper()}{offer.kind[1:]} `{offer.words[0]}`", ""]
        if others := offer.words[1:]:
            lines += ["Also written " + ", ".join(f"`{each}`" for each in others) + ".", ""]
        lines += _about(offer)
    return "\n".join(lines).rstrip() + "\n"


def _about(offer: Offer) -> list[str]:
    thing = offer.thing
    lines = [inspect.getdoc(thing) if isinstance(thing, type) else getattr(thing, "help", "")]
    model = thing if isinstance(thing, type) and issubclass(thing, Config) else getattr(thing, "Config", None)
    if capabilities := getattr(thing, "capabilities", None):
        lines += ["", "Step fields: " + ", ".join(f"`{each}`" for each in sorted(capabilities)) + "."]
    if offer.kind == "settings section":
        lines += ["", *tables(_settings(thing), "###")]
    elif model is not None and model.model_fields:
        lines += ["", *tables(model.model_json_schema(), "###")]
    for word, inner in (getattr(thing, "step_fields", None) or {}).items():
        lines += ["", f"### Step key `{word}`", "", *tables(inner.model_json_schema(), "####")]
    return [line or "" for line in lines]


def _settings(model: type[SettingsSection]) -> dict[str, Any]:
    """The JSON Schema of a section, by the keys of the file, with the environment variables."""
    from dagu_core.base.settings.judging import model_of
    from dagu_core.base.settings.section import declarations

    schema = model_of(model).model_json_schema()
    properties = {}
    for item in declarations(model):
        shown = dict(schema["properties"][item.name])
        if item.env:
            variables = ", ".join(f"`{name}`" for name in item.env)
            shown["description"] = f"{shown.get('description', '')} Variable: {variables}."
        properties[item.key] = shown
    return schema | {"properties": properties}
