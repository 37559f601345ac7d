"""A setting, and a finding that follows from it: `rules.maxSteps` is how many steps a DAG may have."""

from typing import ClassVar

from dagu_core import Places, Plan, Problem, Settings, SettingsSection, hookimpl, setting


class RuleSettings(SettingsSection):
    """What DAGs of this house must keep to."""

    section: ClassVar[str] = "rules"
    max_steps: int = setting(1000, "The most steps a DAG may have.", ge=1)


@hookimpl
def dagu_register_settings() -> list[type[SettingsSection]]:
    return [RuleSettings]


@hookimpl
def dagu_lint(plan: Plan, settings: Settings | None, places: Places) -> list[Problem]:
    if settings is None:
        return []
    most = settings.section(RuleSettings).max_steps
    return [
        Problem(f"{len(plan.steps)} steps, where {most} are allowed", places.key(step=step), "RULE1")
        for step in plan.steps[most : most + 1]
    ]
