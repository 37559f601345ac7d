"""What is accepted and does nothing here: each is a warning with its place, and the DAG stays valid."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

import dagu_cron.plugin as cron
from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.definition import Definition
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.vocabulary import Vocabulary
from tests.unit.model.schedule_words import BARE, WORDS, plan, told


def read(text: str, words: Vocabulary = WORDS, base: str = "") -> Definition:
    return read_definition(f"{text}\nsteps: [a]\n", vocabulary=words, base=base)


def placed(marked: str) -> tuple[str, str]:
    """The text without its mark, and where that was."""
    before = marked[: marked.index("‸")]
    return marked.replace("‸", ""), f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


@pytest.mark.parametrize("marked", [
    "schedule: ‸0 1 * * *",
    "SCHEDULE: ‸['CRON_TZ=UTC 0 1 * * *', 0 2 * * *]",
    "name: d\nschedule:\n  ‸stop: 0 1 * * *",
    "schedule: ‸{start: {expression: 0 1 * * *, queue: q}}",
    "schedule: ‸{exclude: {cron: 0 * * * *}}",
])  # fmt: skip
def test_plain_cron_without_its_plugin(marked: str) -> None:
    text, place = placed(marked)
    (found,) = read(text, BARE).warnings
    assert f"{found.place.line}:{found.place.column} {found.code}" == f"{place} D014"
    assert found.message == (
        "nothing comes of the cron lines of `schedule`: `cron` needs the plugin dagu-cron"
    )
    assert found.hint == "install it with: pip install dagu-cron"


def test_plain_cron_whose_plugin_is_here_but_not_loaded() -> None:
    reason = "disabled by plugins.disabled in /c.yaml:1:1"
    (found,) = read("schedule: 0 1 * * *", replace(BARE, broken={"dagu-cron": reason})).warnings
    assert found.message.endswith(f"dagu-cron, which did not load: {reason}")
    assert found.hint == "`dagu plugins` tells more"


def test_cron_lines_of_the_base_count_for_each_dag() -> None:
    (found,) = read("name: d", BARE, base="schedule: 0 1 * * *").warnings
    assert found.code == "D014" and (found.place.line, found.place.column) == (1, 1)


def test_with_its_plugin_there_is_nothing_to_say() -> None:
    words = PluginHost.load(plugins=[cron], discover=False).catalog.vocabulary
    assert read("schedule: {start: 0 1 * * *, exclude: {cron: '* 2 * * *'}}", words).warnings == ()
    assert read("schedule: ['']", BARE).warnings == ()


def test_a_key_that_only_tells_somebody_says_why_it_does_not() -> None:
    words = replace(BARE, broken={"dagu-mail": "disabled by safe mode (--safe-mode)"})
    (found,) = read("mailOn: {failure: true}", words).warnings
    assert found.message == (
        "`mailOn` has no effect: it needs the plugin dagu-mail, which did not load: "
        "disabled by safe mode (--safe-mode)"
    )


def test_a_word_that_is_the_name_of_a_plugin_which_did_not_load() -> None:
    words = replace(BARE, broken={"acme": "disabled by safe mode (--safe-mode)"})
    found = [line for line in told("triggers: [{type: acme}]", words) if "acme" in line]
    assert found == [
        "1:19 D014 `acme` needs the plugin acme, which did not load: disabled by safe mode (--safe-mode)"
    ]


@pytest.mark.parametrize("marked", [
    "schedule: {start: {times: ['09:00'], ‸profile: prod}}",
    "schedule:\n  - times: ['09:00']\n    ‸Profile: prod",
])  # fmt: skip
def test_the_profile_of_a_schedule_line_is_refused(marked: str) -> None:
    text, place = placed(marked)
    word = "Profile" if "Profile" in text else "profile"
    assert told(text) == [f"{place} D014 `{word}` is not built yet"]


@pytest.mark.parametrize("marked", ["disableQueue: ‸true", "name: d\ndisable_queue: ‸true"])
def test_disable_queue(marked: str) -> None:
    text, place = placed(marked)
    (line,) = told(text)
    assert line.startswith(f"{place} D111 `disableQueue` has no effect")
    assert plan(text).disable_queue


def test_disable_queue_that_is_false_wrong_or_of_the_base() -> None:
    assert told("disableQueue: false") == [] and not plan("disableQueue: false").disable_queue
    assert told("disableQueue: maybe") == [
        "1:15 D002 `disableQueue` must be true or false, not a text ('maybe')"
    ]
    assert plan("name: d", base="disableQueue: true").disable_queue
    assert not plan("disableQueue: false", base="disableQueue: true").disable_queue


def test_worker_selector() -> None:
    text, place = placed("workerSelector: ‸{gpu: 'true'}")
    (line,) = told(text)
    assert line.startswith(f"{place} D113 `workerSelector` selects nothing")
    assert plan(text).worker_selector == {"gpu": "true"}
    assert told("workerSelector: {}") == []
