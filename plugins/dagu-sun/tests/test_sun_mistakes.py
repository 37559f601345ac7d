"""Entries that are wrong, as a definition tells them."""

from __future__ import annotations

import pytest

import dagu_cron.plugin
import dagu_sun.plugin
from dagu_core import Invalid, InvalidDefinition, Settings
from dagu_core.app.dags import Dags
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_sun.trigger import SunTrigger

VOCABULARY = PluginHost.load(plugins=[dagu_sun.plugin, dagu_cron.plugin], discover=False).catalog.vocabulary


def told(schedule: str) -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(f"steps: [a]\nschedule: {schedule}\n", vocabulary=VOCABULARY)
    return [
        f"{each.place.line}:{each.place.column} {each.code} {each.message} {each.hint}"
        for each in caught.value.problems
    ]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("'@sunsett'", "2:11 D082 invalid schedule: unknown event @sunsett did you mean `sunset`?"),
        ("'@sundown-1h'", "D082 invalid schedule: unknown event @sundown known are @sunrise"),
        ("'@sunset-13h'", "2:11 D082 invalid schedule: the offset '-13h' is more than 12 hours"),
        ("'@sunset-30'", "D082 invalid schedule:"),
        ("'@sunset+'", "D082 invalid schedule:"),
        ("{start: {sun: noonish}}", "2:25 D082 `schedule.sun` must be one of sunrise, sunset,"),
        ("{start: {sun: sunset, offset: 12h1s}}", "2:41 D082 the offset '12h1s' is more than 12 hours"),
        ("{start: {sun: sunset, offset: soon}}", "2:41 D082 'soon' is not"),
        ("{start: {sun: sunset, days: FUN}}", "2:39 D082 `schedule.days` must be weekdays"),
        ("{start: {sun: sunset, fallback: '25:00'}}", "2:43 D082 `schedule.fallback` must be a time of day"),
        ("{start: {sun: dusk, twilight: polar}}", "2:41 D071 `schedule.twilight` must be one of"),
        ("{start: {sun: sunset, twilight: civil}}", "D082 `twilight` is about dawn and dusk, not sunset"),
        ("{start: {sun: sunset, colour: red}}", "D003 unknown key `colour`"),
        ("{start: '@noon', location: {lat: 90.5, lon: 0}}", "D082 `location.lat` must be"),
        ("{start: '@noon', location: {lat: 0, lon: 181}}", "D082 `location.lon` must be"),
        ("{start: '@noon', location: {lat: 1}}", "D004 `lon` is required"),
    ],
)
def test_an_entry_that_is_wrong(schedule: str, expected: str) -> None:
    found = told(schedule)
    assert len(found) == 1, found
    assert expected in found[0]


@pytest.mark.parametrize("text", ["@daily", "@midnight", "0 9 * * *", "sunset", "@", "@every 5m", "@reboot"])
def test_what_is_no_event_of_the_sun_is_left_to_others(text: str) -> None:
    assert SunTrigger.read(text) is None


def test_midnight_without_an_offset_is_that_of_cron() -> None:
    plan = read_definition("steps: [a]\nschedule: '@midnight'\n", vocabulary=VOCABULARY).plans[0]
    assert [entry.kind for entry in plan.schedule.entries] == ["cron"]


@pytest.fixture
def dags(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Dags:
    settings = Settings.load(environ={"DAGU_HOME": str(tmp_path)})
    return Dags(
        settings.paths.dags,
        settings.paths.base_config,
        PluginHost.of(settings, plugins=[dagu_sun.plugin, dagu_cron.plugin], discover=False),
    )


def test_a_place_is_required(dags: Dags) -> None:
    text = "steps: [a]\nschedule: '@sunset'\n"
    with pytest.raises(InvalidDefinition, match="2:1: error D081 a schedule that follows the sun"):
        dags.check(text)
    assert dags.check("steps: [a]\nschedule: '0 9 * * *'\n").warnings == ()
    dags.check("steps: [a]\nschedule: {start: '@sunset', location: {lat: 1, lon: 2}}\n")


def test_the_settings_may_name_the_place(tmp_path: object) -> None:
    environ = {"DAGU_HOME": str(tmp_path), "DAGU_LOCATION_LAT": "51.5", "DAGU_LOCATION_LON": "-0.1"}
    settings = Settings.load(environ=environ)
    host = PluginHost.of(settings, plugins=[dagu_sun.plugin], discover=False)
    found = Dags(settings.paths.dags, settings.paths.base_config, host).check(
        "steps: [a]\nschedule: '@sunset'\n"
    )
    assert found.plans[0].schedule.location is None


def test_a_mistake_tells_its_code() -> None:
    with pytest.raises(Invalid) as caught:
        SunTrigger.read("@sunset-99h")
    assert caught.value.details["code"] == "D082"
