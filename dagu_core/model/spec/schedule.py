"""`schedule` as it is written: a text, a list, or a mapping with what holds starts back."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SkipValidation, ValidationInfo

from dagu_core.base.errors import Invalid
from dagu_core.model.plan.schedule import Exclusion, Schedule, ScheduleEntry
from dagu_core.model.spec.located import Map, Seq, plain
from dagu_core.model.spec.model import Reading, SpecModel
from dagu_core.model.spec.moments import WEEKDAYS, Dates, Weekdays, Window
from dagu_core.model.spec.policies import without_broken
from dagu_core.model.spec.refusal import describe, refused, report_item
from dagu_core.model.spec.schedule_entry import WRONG, EntrySpec, mistaken_item, read_text, report

ENTRIES = str | EntrySpec | list[str | EntrySpec]


def _entries(value: Any, info: ValidationInfo[Reading]) -> list[ScheduleEntry]:
    """A text, a mapping, or a list of them -> entries; the key it stands under is the action."""
    reading: Reading = info.context
    action = info.field_name if info.field_name in ("stop", "restart") else "start"
    if isinstance(value, str):
        try:
            return [read_text(action, value, reading)] if value.strip() else []
        except Invalid as error:
            raise refused(str(error), code=error.details.get("code", WRONG), hint=error.hint) from None
    if isinstance(value, Map):
        return _of_mapping(action, value, reading)
    if not isinstance(value, Seq):
        raise refused(f"must be a text, a list or a mapping, not {describe(value)}")
    found: list[ScheduleEntry] = []
    for index, item in enumerate(value):
        if isinstance(item, Map):
            found += _of_mapping(action, item, reading)
        elif isinstance(item, str):
            try:
                found += [read_text(action, item, reading)] if item.strip() else []
            except Invalid as error:
                report(error, value.item_place(index), reading)
        elif item is not None:
            report_item(info, value, index, mistaken_item(item))
    return found


def _of_mapping(action: str, item: Map, reading: Reading) -> list[ScheduleEntry]:
    spec = EntrySpec.model_validate(item, context=reading)
    entry = spec.build(action, reading)
    return [entry] if entry is not None else []


Entries = Annotated[
    SkipValidation[list[ScheduleEntry]], BeforeValidator(_entries, json_schema_input_type=ENTRIES)
]


class ExclusionSpec(SpecModel):
    """Times at which nothing is started."""

    noun: ClassVar[str] = "exclude"

    between: Window = Field(
        default_factory=list, description="From-to on the clock, the end excluded; may go over midnight."
    )
    days: Weekdays = Field(
        default_factory=list, description="Weekdays `between` starts on; whole days without `between`."
    )
    dates: Dates = Field(default_factory=list, description="Dates, or ranges such as 2026-12-27..2026-12-31.")
    cron: str = Field("", description="A cron line: the minutes it matches.")

    def build(self, reading: Reading) -> Exclusion | None:
        """The exclusion of the plan; None when something is wrong, which is reported then."""
        if self.broken:
            return None
        given = [key for key in ("between", "dates", "cron") if getattr(self, key)]
        if len(given) > 1 or not (given or self.days) or (self.days and given not in ([], ["between"])):
            message = "an exclusion has one of `between` (with `days` or not), `days`, `dates` and `cron`"
            reading.findings.error(message, self.raw.place, code="D012")
            return None
        if self.cron:
            return self._by_clock(reading)
        if self.dates:
            ranges = [(first, last) for first, last in self.dates]
            return Exclusion(", ".join(a if a == b else f"{a}..{b}" for a, b in ranges), dates=tuple(ranges))
        first, last = self.between or (0, 0)
        days = ", ".join(WEEKDAYS[day] for day in self.days)
        text = f"{_clock(first)}-{_clock(last)} {days}" if self.between else days
        return Exclusion(text.strip(), between=(first, last), days=frozenset(self.days))

    def _by_clock(self, reading: Reading) -> Exclusion | None:
        try:
            entry = read_text("start", self.cron, reading)
        except Invalid as error:
            report(error, self.raw.value_place(self.raw.fields["cron"]), reading)
            return None
        return Exclusion(f"cron {entry.text}", kind=entry.kind, config=entry.config)


def _clock(second: int) -> str:
    text = f"{second // 3600:02}:{second // 60 % 60:02}"
    return f"{text}:{second % 60:02}" if second % 60 else text


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, Map) else value


def _within(least: float, most: float) -> BeforeValidator:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            message = f"must be a number from {least:g} to {most:g}, not {describe(value)}"
            raise refused(message, code="D082")
        return float(value)

    return BeforeValidator(check, json_schema_input_type=float)


class LocationSpec(SpecModel):
    """A place on Earth, for schedules that follow the sun."""

    noun: ClassVar[str] = "location"
    spellings: ClassVar[dict[str, str]] = {"latitude": "lat", "longitude": "lon", "lng": "lon"}

    lat: Annotated[float, _within(-90, 90)] = Field(description="Latitude in degrees, north is positive.")
    lon: Annotated[float, _within(-180, 180)] = Field(description="Longitude in degrees, east is positive.")
    elevation: Annotated[float, _within(-500, 10_000)] = Field(0.0, description="Metres above the sea.")


class ScheduleSpec(SpecModel):
    """What starts, stops and restarts a DAG by itself, and what holds that back."""

    noun: ClassVar[str] = "schedule"

    start: Entries = Field(default_factory=list, description="When a run is started.")
    stop: Entries = Field(default_factory=list, description="When active runs are stopped.")
    restart: Entries = Field(
        default_factory=list, description="When the active run is stopped and started anew."
    )
    exclude: Annotated[
        list[ExclusionSpec],
        AfterValidator(without_broken),
        BeforeValidator(_one_or_more, json_schema_input_type=ExclusionSpec | list[ExclusionSpec]),
    ] = Field(default_factory=list, description="Times at which nothing is started.")
    on_excluded: Literal["skip", "defer"] = Field(
        "skip", description="`skip` excluded starts, or `defer` them to one start at the end of the window."
    )
    location: LocationSpec | None = Field(None, description="The place, for schedules that follow the sun.")

    @classmethod
    def plugin_key(cls, key: str, raw: Map, reading: Reading) -> str | None:
        """An unknown key, in the words people know from elsewhere."""
        known = "start, stop, restart, exclude, onExcluded, location"
        message = f"schedule: unknown key `{key[:40]}`, known are {known}"
        reading.findings.error(message, raw.value_place(key), code="D003")
        return ""

    def build(self, reading: Reading) -> Schedule:
        """The schedule of the plan, as far as it is valid."""
        exclusions = (each.build(reading) for each in self.exclude)
        location = plain(self.location.model_dump()) if self.location is not None else None
        return Schedule(
            entries=(*self.start, *self.stop, *self.restart),
            exclusions=tuple(each for each in exclusions if each is not None),
            on_excluded=self.on_excluded,
            location=location,
        )


def _schedule(value: Any, info: ValidationInfo[Reading]) -> Schedule:
    if isinstance(value, Map):
        return ScheduleSpec.model_validate(value, context=info.context).build(info.context)
    return Schedule(entries=tuple(_entries(value, info)))


ScheduleField = Annotated[
    SkipValidation[Schedule],
    BeforeValidator(_schedule, json_schema_input_type=str | list[str | EntrySpec] | ScheduleSpec),
]
