"""Who brings a word: of a DAG file, of the settings, of the command line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from msgspec import Struct

from dagu_core.app.plugin_report import core_version
from dagu_core.base.config import Config
from dagu_core.base.errors import NotFound
from dagu_core.base.spelling import fold
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


def who_brings(host: PluginHost, word: str, commands: Collection[str] = ()) -> list[Bringer]:
    """The plugins, loaded or not, that bring a word, or who will; `commands` are the core's own.

    A word that is nothing by itself is looked for below others: `pullPolicy` is a key of
    `container`. Raises NotFound.
    """
    for look in (_parts, _absent, _core, _left_out, _inner):
        if found := list(dict.fromkeys(look(host, word, commands))):
            return found
    raise NotFound(f"no plugin we know of brings `{word}`", hint="`dagu plugins` lists what is here")


def _plain(word: str) -> str:
    return fold(word.replace("-", "_"))


def _our_name() -> str:
    return f"dagu {core_version()}"


def _provider(report: PluginReport) -> str:
    return _our_name() if report.package == "dagu" else report.provider


def _offers(host: PluginHost) -> Iterator[tuple[PluginReport, Offer]]:
    for report in host.reports:
        for offer in host.offers_of(report.name):
            yield report, offer


def _parts(host: PluginHost, word: str, commands: Collection[str]) -> Iterator[Bringer]:
    """What is registered under the word, or meant by it."""
    wanted = _plain(word)
    other = NOTATIONS.get(wanted)
    for report, offer in _offers(host):
        known = [(offer.kind, each) for each in offer.words]
        known += [(f"step key of {offer.kind}", each) for each in _step_fields(offer)]
        for kind, each in known:
            if _plain(each) == wanted or (kind, each) == other:
                hint = "" if _plain(each) == wanted else f"{kind} `{each}`"
                yield Bringer(word, kind, _provider(report), report.state, hint)


def _step_fields(offer: Offer) -> dict[str, type[Config]]:
    return getattr(offer.thing, "step_fields", None) or {}


def _absent(host: PluginHost, word: str, commands: Collection[str]) -> Iterator[Bringer]:
    """A package that is switched off, not installed, or not built yet; words of no engine of ours."""
    from dagu_core.model.spec.step import NOT_SUPPORTED

    wanted = _plain(word)
    owner = next((package for each, package in OWNERS.items() if _plain(each) == wanted), "")
    for report in host.reports:
        its = owner not in ("", "dagu") and owner in (report.package, report.name)
        if its and report.state != "loaded":
            yield Bringer(word, "", report.provider, report.state, report.reason)
            return
    if (outlook := PLANNED.get(wanted)) is not None:
        yield Bringer(word, "", owner, "not built yet", outlook)
    elif owner:
        yield Bringer(word, "", owner, "not installed", f"pip install {owner}")
    elif wanted in NOT_SUPPORTED:
        yield Bringer(word, "", "-", "not supported", "chat and agent steps are not part of this engine")


def _core(host: PluginHost, word: str, commands: Collection[str]) -> Iterator[Bringer]:
    """What needs no plugin, and every setting, by its whole key."""
    from dagu_core.base.settings.load import OUR_SECTIONS
    from dagu_core.base.settings.section import declarations, folded
    from dagu_core.model.spec.dag import DagSpec
    from dagu_core.model.spec.step import StepSpec

    wanted, ours = _plain(word), _our_name()
    for kind, model in (("DAG key", DagSpec), ("step key", StepSpec)):
        if wanted in map(_plain, (*model.model_fields, *model.spellings)):
            yield Bringer(word, kind, ours, "loaded")
    if wanted in map(_plain, {item.path[0] for model in OUR_SECTIONS for item in declarations(model)}):
        yield Bringer(word, "setting", ours, "loaded")
    if wanted in map(_plain, commands):
        yield Bringer(word, "command", ours, "loaded")
    sections = [(ours, "loaded", model) for model in OUR_SECTIONS]
    sections += [(_provider(r), r.state, o.thing) for r, o in _offers(host) if o.kind == "settings section"]
    for package, state, section in sections:
        for item in declarations(section):
            if "." in word and folded(word) in map(folded, (item.key, *item.old_keys)):
                hint = "" if folded(word) == item.path else f"now `{item.key}`"
                yield Bringer(word, "setting", package, state, hint)


def _left_out(host: PluginHost, word: str, commands: Collection[str]) -> Iterator[Bringer]:
    """A word that is refused, because two claim it or whoever brought it is switched off."""
    if (reason := host.catalog.refused.get(fold(word))) is not None:
        yield Bringer(word, "", "-", "left out", reason)


def _inner(host: PluginHost, word: str, commands: Collection[str]) -> Iterator[Bringer]:
    """Keys below those of the file and of the settings; the hint says where."""
    from dagu_core.base.settings.explain import item_model
    from dagu_core.base.settings.load import OUR_SECTIONS
    from dagu_core.base.settings.record import fields
    from dagu_core.base.settings.section import SettingsSection, declarations
    from dagu_core.model.spec.schema import dag_schema
    from dagu_core.model.spec.vocabulary import Vocabulary

    wanted, ours = _plain(word), _our_name()

    def settings(model: type[SettingsSection], package: str, state: str) -> Iterator[Bringer]:
        for item in declarations(model):
            if item.path[-1] == wanted:
                yield Bringer(word, "setting", package, state, f"`{item.key}`")
            if (listed := item_model(item)) is not None and wanted in map(fold, fields(listed)):
                yield Bringer(word, "key of a setting", package, state, f"in the list `{item.key}`")

    for model in OUR_SECTIONS:
        yield from settings(model, ours, "loaded")
    for path in _paths(dag_schema(Vocabulary()), wanted):
        yield Bringer(word, "key", ours, "loaded", f"`{'.'.join(path)}`")
    for report, offer in _offers(host):
        package = _provider(report)
        if offer.kind == "settings section":
            yield from settings(offer.thing, package, report.state)
            continue
        for top, schema in _schemas(offer):
            for path in _paths(schema, wanted):
                where = f"`{'.'.join((top, *path))}`"
                yield Bringer(word, f"key of {offer.kind}", package, report.state, where)


def _schemas(offer: Offer) -> Iterator[tuple[str, dict[str, Any]]]:
    """The models of a part: (the word they stand under, JSON Schema)."""
    thing = offer.thing
    model = thing if isinstance(thing, type) and issubclass(thing, Config) else getattr(thing, "Config", None)
    if model is not None:
        yield offer.words[0], model.model_json_schema()
    for key, inner in _step_fields(offer).items():
        yield key, inner.model_json_schema()


def _paths(schema: dict[str, Any], wanted: str) -> Iterator[tuple[str, ...]]:
    """The ways to a key in a JSON Schema, in one spelling. Each definition is entered once, on the
    shortest way."""
    seen: set[str] = set()
    told: set[tuple[str, ...]] = set()
    level: list[tuple[tuple[str, ...], Any]] = [((), schema)]
    while level:
        below: list[tuple[tuple[str, ...], Any]] = []
        for path, node in level:
            for key, value in _properties(node, schema.get("$defs", {}), seen):
                if _plain(key) == wanted and (way := (*map(_plain, path), wanted)) not in told:
                    told.add(way)
                    yield (*path, key)
                below.append(((*path, key), value))
        level = below


def _properties(node: Any, definitions: dict[str, Any], seen: set[str]) -> Iterator[tuple[str, Any]]:
    """The keys a schema has at its own level, whatever form it may take."""
    if not isinstance(node, dict):
        return
    if (name := str(node.get("$ref", "")).rpartition("/")[2]) and name not in seen:
        seen.add(name)
        yield from _properties(definitions.get(name), definitions, seen)
    yield from node.get("properties", {}).items()
    several = [each for form in ("anyOf", "oneOf", "allOf") for each in node.get(form, ())]
    for each in (*several, node.get("items"), node.get("additionalProperties")):
        yield from _properties(each, definitions, seen)
