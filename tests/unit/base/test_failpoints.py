"""The rules of fail points; that the points stand where they say is shown by tests/faults."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from dagu_core.base.failpoints import VARIABLE, Injected, fail_point, make


def test_without_the_variable_a_point_does_nothing() -> None:
    assert make("") is make("")
    assert make("")("store.commit.before") is None
    fail_point("no such point")


def test_an_action_hits_its_point_only_and_its_hit_only() -> None:
    reach = make("spawn.before=raise@2; adopt.after=ENOSPC")
    reach("spawn.before")
    reach("spawn.after")
    with pytest.raises(Injected, match=r"spawn\.before"):
        reach("spawn.before")
    reach("spawn.before")
    for _ in range(2):
        with pytest.raises(OSError, match="No space left") as caught:
            reach("adopt.after")
        assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    "rule", ["spawn.before", "spawn.before=fly", "nowhere=raise", "spawn.before=raise@x", "=raise"]
)
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="DAGU_FAILPOINTS"):
        make(rule)


@pytest.mark.parametrize(("action", "code"), [("kill9", -9), ("exit(7)", 7), ("sleep(0.01)", 0)])
def test_the_actions_of_a_process(action: str, code: int) -> None:
    program = "from dagu_core.base.failpoints import fail_point; fail_point('spawn.after')"
    environ = {VARIABLE: f"spawn.after={action}", "PYTHONPATH": ":".join(filter(None, sys.path))}
    assert subprocess.run([sys.executable, "-c", program], env=environ, check=False).returncode == code
