"""`schedule` and the keys around it, put together and checked against each other."""

from __future__ import annotations

from msgspec.structs import replace

from dagu_core.base.places import Place
from dagu_core.model.plan.schedule import CatchUp, Overlap, Schedule
from dagu_core.model.spec.merge import Merged
from dagu_core.model.spec.model import Reading


def whole_schedule(merged: Merged, reading: Reading) -> Schedule:
    """The schedule of the plan; problems go into the findings."""
    spec = merged.spec
    _check(merged, reading)
    overlap = spec.overlap.build() if spec.overlap is not None else Overlap()
    if spec.overlap_policy is not None:
        overlap = Overlap(policy=spec.overlap_policy, explicit=True)
    catch_up = CatchUp()
    if spec.catch_up is not None:
        catch_up = spec.catch_up.build()
    if spec.catchup_window is not None:
        mode = catch_up.mode if spec.catch_up is not None else "all"
        catch_up = replace(catch_up, mode=mode, window=spec.catchup_window)
    return replace(
        spec.schedule,
        timezone=spec.timezone,
        start_date=spec.start_date,
        end_date=spec.end_date,
        overlap=overlap,
        catch_up=catch_up,
        triggers=(*spec.triggers, *spec.file_trigger),
    )


def _check(merged: Merged, reading: Reading) -> None:
    spec, raw, findings = merged.spec, merged.own.raw, reading.findings

    def place(field: str) -> Place:
        key = raw.fields.get(field)
        return raw.value_place(key) if key is not None else raw.place

    if spec.start_date and spec.end_date and spec.end_date < spec.start_date:
        message = f"`endDate` {spec.end_date} is before `startDate` {spec.start_date}"
        findings.error(message, place("end_date"), code="D005")
    if merged.own.overlap is not None and merged.own.overlap_policy is not None:
        message = "`overlapPolicy` and `overlap` say the same"
        findings.error(message, place("overlap_policy"), code="D012", hint="keep one of the two")
    own = merged.own.catch_up
    if own is not None and own.window is not None and merged.own.catchup_window is not None:
        message = "`catchupWindow` and `catchUp.window` say the same"
        findings.error(message, place("catchup_window"), code="D012", hint="keep one of the two")
    if own is not None and own.mode == "none" and (own.window or merged.own.catchup_window):
        message = "a catch-up window has no effect with `mode: none`"
        findings.warning(message, place("catch_up"), code="D091", hint="use `latest` or `all`")
    unplanned = "cron" not in reading.vocabulary.clocks and _has_cron(spec.schedule)
    if unplanned and (lack := reading.lack_of("cron")) is not None:
        # No error: a run of the DAG does not need the plugin that plans its starts.
        message = f"nothing comes of the cron lines of `schedule`: `cron` {lack[0]}"
        findings.warning(message, place("schedule"), code="D014", hint=lack[1])
    policy = spec.overlap_policy or (spec.overlap.policy if spec.overlap is not None else "")
    if policy and policy != "allow" and spec.max_active_runs < 0:
        message = f"`overlapPolicy: {policy}` has no effect: `maxActiveRuns: -1` sets no limit"
        findings.warning(message, place("max_active_runs"), code="D101")


def _has_cron(schedule: Schedule) -> bool:
    kinds = [entry.kind for entry in schedule.entries] + [each.kind for each in schedule.exclusions]
    return "cron" in kinds
