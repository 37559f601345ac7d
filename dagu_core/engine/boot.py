"""What a restart of the machine means for a run: its processes are gone, whatever files say."""

from __future__ import annotations

from dagu_core.base.clock import boot_id
from dagu_core.engine.logs import RunFiles
from dagu_core.engine.status_file import Fate, read_story
from dagu_core.model.run.events import AttemptEnded, Outcome
from dagu_core.model.run.run import Run

#: where in RunSummary.extra the boot is kept in which the run was last driven
BOOT = "boot"


def lost_to_a_restart(run: Run, files: RunFiles, now: float) -> list[AttemptEnded]:
    """The ends of attempts that were at work when the machine went down.

    A status file that was not on the disk yet would look like an attempt that never started, and
    starting it again could do its work twice. A code that did reach the disk still counts.
    """
    if run.summary.extra.get(BOOT, boot_id()) == boot_id():
        return []
    outcome = Outcome(exit_code=None, ended="lost", message="lost: the machine was restarted")
    return [
        AttemptEnded(now, node.name, attempts, outcome)
        for node in (run.plan.nodes[index] for index in sorted(run.active))
        if node.call is None
        and (attempts := run.steps[node.index].attempts)
        and read_story(files.status(node.index, attempts)).exit_code is None
    ]


def never_begun(run: Run, files: RunFiles, now: float) -> list[AttemptEnded]:
    """The ends of attempts that were recorded but never started, in a run that is ending: nothing
    is started any more, not even what was about to be."""
    outcome = Outcome(exit_code=None, ended="stopped", message="stopped before it began")
    return [
        AttemptEnded(now, node.name, attempts, outcome)
        for node in (run.plan.nodes[index] for index in sorted(run.active))
        if node.call is None
        and (attempts := run.steps[node.index].attempts)
        and read_story(files.status(node.index, attempts)).fate is Fate.NOT_STARTED
    ]
