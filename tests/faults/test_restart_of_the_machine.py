"""After a restart of the machine no file may make an attempt look as if it had never started."""

from __future__ import annotations

import pytest

from dagu_core.app.app import App
from dagu_core.contracts.store import Change
from dagu_core.engine.boot import BOOT
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import StepStatus
from tests.faults.chaos import Home
from tests.faults.test_takeover import killed_at

TEXT = """
    name: cut
    steps:
      - name: a
        onCrash: {policy}
        command: mark start; mark end
    handlerOn:
      exit: {{command: mark start}}
"""


def restart(home: Home) -> None:
    """What the next engine finds when the machine has been started since."""

    async def edit(app: App) -> None:
        summary = (await app.store.load(RunRef("cut", "r"))).summary
        assert summary.extra[BOOT]
        summary.extra[BOOT] = "another-boot"
        await app.store.commit(Change(summary))

    home.ask(edit)


@pytest.mark.parametrize(
    ("policy", "status", "marks"),
    [("fail", StepStatus.FAILED, ["onExit"]), ("retry", StepStatus.SUCCEEDED, ["a", "onExit"])],
)
def test_P06_an_attempt_from_before_a_restart_is_lost(
    home: Home, policy: str, status: StepStatus, marks: list[str]
) -> None:
    # Recorded as started, and no status file: it may have run, and the file may not have been synced.
    killed_at(home, "attempt.started", home.write("cut", TEXT.format(policy=policy)))
    restart(home)
    assert home.cli("recover").code == (0 if policy == "retry" else 1)
    step = home.stored("cut").steps["a"]
    assert step.status is status
    assert home.ledger.steps() == marks
    if policy == "fail":
        assert (step.reason, step.error) == ("lost", "lost: the machine was restarted")


def test_P06_without_a_restart_the_same_attempt_certainly_never_started(home: Home) -> None:
    killed_at(home, "attempt.started", home.write("cut", TEXT.format(policy="fail")))
    assert home.cli("recover").code == 0
    assert home.ledger.steps() == ["a", "onExit"]
