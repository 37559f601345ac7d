"""The page of a plugin, read from its docstrings and models; and who brings a word."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from dagu_core.app.plugin_report import shipped
from dagu_core.base.config import Config, fold
from dagu_core.base.errors import NotFound
from dagu_core.contracts.catalog import OWNERS
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.offers import Offer
from dagu_core.contracts.report import PluginReport


class Bringer(Struct, frozen=True):
    """Who brings a word: `kind` is "" for what is not installed, `state` as of the plugin."""

    word: str
    kind: str
    package: str
    state: str
    hint: str = ""


def who_brings(host: PluginHost, word: str) -> list[Bringer]:
    """The plugins, loaded or not, that bring a word of the language. Raises NotFound."""
    wanted = fold(word.replace("-", "_"))
    found = [
        Bringer(word, kind, report.provider, report.state)
        for report in host.reports
        for offer in host.offers_of(report.name)
        for kind, each in _words(offer)
        if fold(each.replace("-", "_")) == wanted
    ]
    owner = next((package for each, package in OWNERS.items() if fold(each) == wanted), "")
    if found or not owner:
        if not found:
            raise NotFound(f"no plugin we know of brings `{word}`", hint="`dagu plugins` lists what is here")
        return found
    for report in host.reports:
        if owner in (report.package, report.name) and report.state != "loaded":
            return [Bringer(word, "", report.provider, report.state, report.reason)]
    return [Bringer(word, "", owner, "not installed", f"pip install {owner}")]


def _words(offer: Offer) -> Iterator[tuple[str, str]]:
    for word in offer.words:
        yield offer.kind, word
    for word in getattr(offer.thing, "step_fields", None) or ():
        yield f"step key of {offer.kind}", word


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
    if model is not None and model.model_fields:
        lines += ["", *_table(model.model_json_schema())]
    for word, inner in (getattr(thing, "step_fields", None) or {}).items():
        lines += ["", f"### Step key `{word}`", "", *_table(inner.model_json_schema())]
    return [line or "" for line in lines]


def _table(schema: dict[str, Any]) -> list[str]:
    lines = ["| Key | What may stand there | Meaning |", "| --- | --- | --- |"]
    needed = schema.get("required", ())
    for key, value in schema.get("properties", {}).items():
        meaning = " ".join(str(value.get("description", "")).split())
        if key in needed:
            meaning = f"{meaning} Required."
        elif value.get("default") not in (None, "", [], {}):
            meaning = f"{meaning} Default: `{value['default']}`."
        lines.append(f"| `{key}` | {_kind(value)} | {meaning.strip()} |".replace("\n", " "))
    return lines


def _kind(value: dict[str, Any]) -> str:
    if "enum" in value:
        return " or ".join(f"`{word}`" for word in value["enum"])
    if "$ref" in value:
        return f"`{value['$ref'].rpartition('/')[2]}`"
    for key in ("anyOf", "oneOf"):
        if key in value:
            kinds = dict.fromkeys(_kind(each) for each in value[key] if each.get("type") != "null")
            return " or ".join(kinds)
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping"}
    found = value.get("type", "anything")
    if found == "array":
        return f"list of {_kind(value.get('items', {}))}"
    return words.get(str(found), str(found))
