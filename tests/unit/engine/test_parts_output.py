"""What step types of plugins write: masked, whole, in order, captured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagu_core import Outcome
from tests.unit.engine.toys import Toys, executor


@pytest.mark.parametrize("size", [1 << 20, 10 << 20])
def test_much_output_arrives_masked_and_whole(toys: Toys, size: int) -> None:
    secret = "swordfish-0042"

    async def chatty(attempt: Any) -> Outcome:
        line = b"x" * 50 + attempt.env["TOKEN"].encode() + b"\xff\n"
        whole = line * (size // len(line))
        for at in range(0, len(whole), 10_007):  # cuts through secrets and characters
            await attempt.stdout.write(whole[at : at + 10_007])
        return Outcome()

    toys.environ["SOURCE"] = secret
    toys.give(executor(chatty))
    ran = toys.run("""
        secrets: [{name: TOKEN, provider: env, key: SOURCE}]
        steps: [{name: s, type: toy}]
        """)
    written = Path(ran.step("s").stdout).read_bytes()
    lines = written.splitlines()
    assert secret.encode() not in written
    assert len(lines) == size // (52 + len(secret)) and len(set(lines)) == 1
    assert lines[0].startswith(b"x" * 50) and lines[0].endswith(b"\xff")


def test_output_of_an_executor_is_captured(toys: Toys) -> None:
    async def answer(attempt: Any) -> Outcome:
        await attempt.stdout.write(b"  forty-two\n")
        await attempt.stderr.write(b"not this\n")
        return Outcome()

    toys.give(executor(answer))
    ran = toys.run("""
        steps:
          - {name: a, type: toy, output: ANSWER}
          - {name: b, command: "echo [$ANSWER]"}
        """)
    assert ran.out("b") == "[forty-two]\n"
    assert ran.err("a") == "not this\n"


@pytest.mark.parametrize("secret", [False, True])
def test_output_of_an_executor_and_of_its_process_is_captured_as_one(toys: Toys, secret: bool) -> None:
    async def both(attempt: Any) -> Outcome:
        await attempt.stdout.write(b"before\n")
        code = await attempt.spawn(["/bin/echo", "within"])
        await attempt.stdout.write(b"after\n")
        return Outcome(exit_code=code)

    toys.environ["SOURCE"] = "swordfish-0042"
    toys.give(executor(both))
    secrets = "secrets: [{name: TOKEN, provider: env, key: SOURCE}]" if secret else ""
    ran = toys.run(f"""
        {secrets}
        steps:
          - {{name: a, type: toy, output: ALL}}
          - {{name: b, command: 'echo $ALL'}}
        """)
    assert ran.out("a") == "before\nwithin\nafter\n"
    assert ran.out("b") == "before within after\n"


def test_what_an_executor_reports_is_masked(toys: Toys) -> None:
    secret = "swordfish-0042"

    async def telling(attempt: Any) -> Outcome:
        said = f"it is {attempt.env['TOKEN']}"
        return Outcome(exit_code=3, message=said, warnings=(said,), details={said: [said, {"n": 1}]})

    toys.environ["SOURCE"] = secret
    toys.give(executor(telling))
    ran = toys.run("""
        secrets: [{name: TOKEN, provider: env, key: SOURCE}]
        steps: [{name: s, type: toy}]
        """)
    assert ran.status == "failed"
    stored = toys.use(lambda app: app.store.events(ran.view.summary.ref, limit=1000))
    found = str(stored)
    assert secret not in found and found.count("it is *******") >= 4


def test_a_log_beyond_its_limit_keeps_its_beginning_and_its_end(toys: Toys) -> None:
    async def chatty(attempt: Any) -> Outcome:
        for number in range(3 << 10):
            await attempt.stdout.write(f"{number:1023}\n".encode())
        return Outcome()

    toys.environ["DAGU_LOG_LIMIT"] = "1048576"
    toys.give(executor(chatty))
    written = Path(toys.run("steps: [{name: s, type: toy}]").step("s").stdout).read_bytes()
    cut = b"\n[1048576 bytes are not kept; the log goes on with its end]\n"
    beginning, mark, end = written.partition(cut)
    assert mark and len(beginning) == 1 << 20 == len(end)
    assert beginning.split()[0] == b"0" and end.split()[-1] == b"3071"
