"""Who gets a word that several plugins claim, and why nobody does."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.base.spelling import fold
from dagu_core.contracts.discovery import plain
from dagu_core.contracts.offers import Offer, claims_of
from dagu_core.contracts.report import PluginReport

Offers = Mapping[str, tuple[Offer, ...]]


class Settled(Struct):
    """What is left of the offers, by plugin; the reasons of the plugins that were `refused`; what is
    `wrong` with the preferences, a sentence each."""

    offers: dict[str, tuple[Offer, ...]]
    refused: dict[str, str]
    wrong: list[str]


def settle(
    offers: Offers,
    reports: Mapping[str, PluginReport],
    builtins: Collection[str],
    prefer: Mapping[str, str],
    unasked: Collection[str] = (),
) -> Settled:
    """Give every word to one plugin.

    A word that two plugins claim goes to the one that `prefer` (word -> plugin or package) names;
    without a preference all of them are refused, since a file would mean either. Words of the
    `builtins` are never given away. What the plugins in `unasked` claim is not known yet.
    """
    claimed: dict[tuple[str, str], list[str]] = {}
    for name, its in offers.items():
        for claim in claims_of(its):
            claimed.setdefault(claim, []).append(name)
    chosen = {fold(word): package for word, package in prefer.items()}
    refused: dict[str, str] = {}
    lost: dict[str, set[tuple[str, str]]] = {}
    for claim, names in claimed.items():
        if len(names) < 2:
            continue
        wanted = chosen.get(claim[1], "")
        ours = [name for name in names if name in builtins]
        winners = [name for name in names if is_meant(reports[name], wanted) and (not ours or name in ours)]
        for name in names:
            if len(winners) == 1 and name not in winners:
                lost.setdefault(name, set()).add(claim)
            elif not winners and name not in builtins:
                refused.setdefault(name, _clash(claim, [reports[each] for each in names], bool(ours)))
    kept = {
        name: tuple(each for offer in its if (each := _without(offer, lost.get(name, set()))) is not None)
        for name, its in offers.items()
        if name not in refused
    }
    words = {word for _, word in claimed}
    wrong = [
        sentence
        for word, package in prefer.items()
        if (sentence := _mistake(word, package, words, claimed, reports, builtins, unasked))
    ]
    return Settled(kept, refused, wrong)


def is_meant(report: PluginReport, wanted: str) -> bool:
    """Whether `wanted` names the plugin or its package, in any spelling."""
    return wanted != "" and plain(wanted) in (plain(report.name), plain(report.package))


def _clash(claim: tuple[str, str], rivals: list[PluginReport], with_the_core: bool) -> str:
    space, word = claim
    both = f"{space} `{word}` is offered by {' and '.join(report.name for report in rivals)}"
    if with_the_core:
        return f"{both}; disable one in plugins.disabled"
    choice = f"choose one with plugins.prefer: {{{word}: {rivals[0].name}}}"
    return f"{both}; {choice}, or disable one in plugins.disabled"


def _without(offer: Offer, lost: set[tuple[str, str]]) -> Offer | None:
    """The offer without the words it has lost, None when nothing is left of it."""
    if lost.isdisjoint(offer.claims):
        return offer
    words = tuple(word for word in offer.words if (offer.space, fold(word)) not in lost)
    if not words or any(("guard", fold(word)) in lost for word in getattr(offer.thing, "step_fields", ())):
        return None
    return replace(offer, words=words)


def _mistake(
    word: str,
    package: str,
    words: Collection[str],
    claimed: Mapping[tuple[str, str], list[str]],
    reports: Mapping[str, PluginReport],
    builtins: Collection[str],
    unasked: Collection[str],
) -> str:
    """What is wrong with one preference, "" when nothing is."""
    where = f"plugins.prefer: {word}: {package}"
    meant = [report for report in reports.values() if is_meant(report, package)]
    if not meant:
        return f"{where}: no such plugin or package is installed; install it or remove the preference"
    bringers = [name for (_, each), names in claimed.items() if each == fold(word) for name in names]
    if any(report.name in unasked or report.name in bringers for report in meant):
        owner = next((name for name in bringers if name in builtins), "")
        if owner and all(report.name not in builtins for report in meant):
            return f"{where}: `{word}` is a word of the core ({owner}) and stays there; remove the preference"
        return ""
    if all(report.state != "loaded" for report in meant):
        return f"{where}: the plugin is {meant[0].state}: {meant[0].reason}"
    others = f"; {', '.join(dict.fromkeys(bringers))} does" if bringers else ""
    return f"{where}: it does not bring `{word}`{others}; correct or remove the preference"
