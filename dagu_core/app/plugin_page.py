"""The page of a plugin, read from its docstrings and models; and who brings a word."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from dagu_core.app.plugin_report import core_version, shipped
from dagu_core.base.config import Config, fold
from dagu_core.base.errors import NotFound
from dagu_core.contracts.catalog import NOTATIONS, OWNERS, PLANNED
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
    """The plugins, loaded or not, that bring a word of the language, or who will. Raises NotFound."""
    wanted = _plain(word)
    other = NOTATIONS.get(wanted)
    found = dict.fromkeys(
        Bringer(
            word, kind, _provider(report), report.state, "" if _plain(each) == wanted else f"{kind} `{each}`"
        )
        for report in host.reports
        for offer in host.offers_of(report.name)
        for kind, each in _words(offer)
        if _plain(each) == wanted or (kind, each) == other
    )
    if found:
        return list(found)
    owner = next((package for each, package in OWNERS.items() if _plain(each) == wanted), "")
    for report in host.reports:
        its = owner not in ("", "dagu") and owner in (report.package, report.name)
        if its and report.state != "loaded":
            return [Bringer(word, "", report.provider, report.state, report.reason)]
    if (outlook := PLANNED.get(wanted)) is not None:
        return [Bringer(word, "", owner, "not built yet", outlook)]
    if owner:
        return [Bringer(word, "", owner, "not installed", f"pip install {owner}")]
    if kinds := list(_of_the_core(wanted)):
        return [Bringer(word, kind, f"dagu {core_version()}", "loaded") for kind in kinds]
    if (reason := host.catalog.refused.get(fold(word))) is not None:
        return [Bringer(word, "", "-", "left out", reason)]
    raise NotFound(f"no plugin we know of brings `{word}`", hint="`dagu plugins` lists what is here")


def _plain(word: str) -> str:
    return fold(word.replace("-", "_"))


def _provider(report: PluginReport) -> str:
    return f"dagu {core_version()}" if report.package == "dagu" else report.provider


def _words(offer: Offer) -> Iterator[tuple[str, str]]:
    for word in offer.words:
        yield offer.kind, word
    for word in getattr(offer.thing, "step_fields", None) or ():
        yield f"step key of {offer.kind}", word


def _of_the_core(wanted: str) -> Iterator[str]:
    """What a word is that needs no plugin."""
    from dagu_core.base.settings.load import OUR_SECTIONS
    from dagu_core.base.settings.section import declarations
    from dagu_core.model.spec.dag import DagSpec
    from dagu_core.model.spec.step import StepSpec

    for kind, model in (("DAG key", DagSpec), ("step key", StepSpec)):
        if wanted in map(_plain, (*model.model_fields, *model.spellings)):
            yield kind
    sections = {item.key.partition(".")[0] for model in OUR_SECTIONS for item in declarations(model)}
    if wanted in map(_plain, sections):
        yield "setting"


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
