"""Rows K01-K10: where the value of a secret may turn up, and must not."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

import pytest

from tests.faults.secret_home import SECRET, VALUE, leaks
from tests.faults.step_home import StepHome, within

SINKS = {
    "stdout": 'command: echo "say $TOK"',
    "stderr": 'command: echo "say $TOK" >&2',
    "base64": 'command: printf %s "$TOK" | base64',
    "base64 in a longer text": 'command: printf "ab%scd" "$TOK" | base64 -w0',
    "hex": 'command: printf %s "$TOK" | od -An -tx1 -v | tr -d " \\n"',
    "url": "script: |\n      #!/usr/bin/env python3\n      import os, urllib.parse\n"
    "      print(urllib.parse.quote(os.environ['TOK'], safe=''))",
    "json": "script: |\n      #!/usr/bin/env python3\n      import os, json\n"
    "      print(json.dumps(os.environ['TOK']))",
    "pieces": 'command: for c in $(printf %s "$TOK" | fold -w1); do printf %s "$c"; sleep 0.01; done',
    "trace": 'command: set -x; true "$TOK"',
    "twice": 'command: echo "$TOK$TOK"',
    "reference": "command: echo ${TOK}",
    "script": 'script: |\n      echo "${TOK}"\n      echo $TOK',
    "argument": "exec: [echo, 'x${TOK}y']",
    "redirect": 'command: echo "$TOK"\n    stdout: ../home/out.txt',
    "error redirect": 'command: echo "$TOK" >&2\n    stderr: ../home/err.txt',
    "merged": 'command: echo "$TOK"; echo "$TOK" >&2\n    logOutput: merged',
    "output": 'command: echo "got $TOK"\n    output: OUT',
    "merged output": 'command: echo "got $TOK"\n    output: OUT\n    logOutput: merged',
    "environment": "command: env",
    "error text": 'command: echo "bad $TOK" >&2; exit 3',
    "error of the shell": 'command: "cat \\"/$TOK\\""',
    "not found": "exec: ['/no/${TOK}']",
    "working folder": "command: pwd\n    workingDir: /no/${TOK}\n    shell: /no/shell",
    "condition": "command: 'true'\n    preconditions: [{condition: 'x${TOK}', expected: y}]",
    "condition of the DAG": "command: 'true'",
    "handler": "command: 'true'",
}


@pytest.mark.parametrize("sink", SINKS)
def test_K01_K02_K03_no_sink_shows_the_value(vault: StepHome, sink: str) -> None:
    handler = '\nhandlerOn:\n  exit:\n    command: echo "bye $TOK"' if sink == "handler" else ""
    condition = (
        "preconditions: [{condition: 'x${TOK}', expected: y}]\n" if sink == "condition of the DAG" else ""
    )
    vault.home.mkdir()
    step = SINKS[sink].replace("../home", str(vault.home))
    done = vault.run(f"{SECRET}{condition}steps:\n  - name: a\n    {step}{handler}\n")
    shown = vault.call("status", "flow").out
    details = vault.call("status", "--json", "flow").out
    listed = vault.call("history", "--json").out
    assert leaks(vault, done.out, done.err, shown, details, listed) == []
    assert "\x1a" not in done.out + done.err + shown
    if sink not in ("condition", "condition of the DAG", "working folder", "not found", "handler"):
        assert any(b"*******" in path.read_bytes() for path in vault.home.rglob("*") if path.is_file())


def test_K01_several_lines_and_short_values(vault: StepHome) -> None:
    (vault.root / "key").write_text("-----BEGIN-----\nMIIEpAIBAAKCAQEA\n-----END-----\n")
    (vault.root / "short").write_text("ab")
    done = vault.run(
        "secrets: [{name: KEY, provider: file, key: key}, {name: PIN, provider: file, key: short}]\n"
        'steps:\n  - command: echo "$KEY"; echo "$KEY" | sed -n 2p; echo "pin $PIN"'
    )
    assert done.code == 0
    log = vault.log_of("cmd_1")
    assert b"MIIE" not in log
    # Two characters are everywhere: they are not masked, and the run says so.
    assert b"pin ab" in log
    assert "too short to be masked: PIN" in vault.run_log()


def test_K04_captured_output_is_stored_as_references_and_still_works(vault: StepHome) -> None:
    done = vault.run(
        f"{SECRET}steps:\n"
        '  - {name: a, command: echo "got $TOK", output: OUT}\n'
        '  - {name: b, command: "test \\"$OUT\\" = \\"got $TOK\\" && echo same ${OUT}"}\n'
    )
    assert (done.code, leaks(vault, done.out, done.err)) == (0, [])
    assert vault.log_of("b") == b"same got *******\n"
    outputs = next(vault.home.rglob("outputs.json"))
    assert json.loads(outputs.read_text())["outputs"] == {"out": "got *******"}


def test_K04_a_retry_in_another_process_knows_the_value_again(vault: StepHome) -> None:
    text = (
        f"{SECRET}steps:\n"
        '  - {name: a, command: echo "got $TOK", output: OUT}\n'
        '  - {name: b, command: "test -e again && test \\"$OUT\\" = \\"got $TOK\\""}\n'
    )
    assert vault.run(text).code == 1
    (vault.root / "again").touch()
    assert vault.call("retry", "--run-id", "r1", "flow").code == 0
    assert leaks(vault) == []


def test_K04_a_childs_secret_does_not_reach_the_parents_log(vault: StepHome) -> None:
    done = vault.run(
        "steps:\n  - {name: one, call: child, output: OUT}\n  - {name: show, command: 'echo ${OUT}'}\n"
        f'---\nname: child\n{SECRET}steps:\n  - {{command: echo "got $TOK", output: X}}\n'
    )
    assert (done.code, leaks(vault, done.out, done.err)) == (0, [])
    for name in ("one", "show"):
        log = vault.log_of(name)
        assert b"got *******" in log
        assert b"\x1a" not in log
        assert b"\\u001a" not in log


def command_lines() -> list[bytes]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_bytes())
            except OSError:
                continue
    return found


@pytest.mark.parametrize(
    "step",
    ['command: echo "${TOK}" > /dev/null; sleep 1', "script: |\n      echo ${TOK} $TOK\n      sleep 1"],
    ids=["command", "script"],
)
def test_K05_no_command_line_shows_the_value(vault: StepHome, step: str) -> None:
    path = vault.write(f"{SECRET}steps:\n  - {step}")
    process = vault.begin("start", str(path))
    samples = 0
    while process.poll() is None:
        samples += 1
        assert not [line for line in command_lines() if VALUE.encode() in line]
        time.sleep(0.01)
    assert (vault.end(process).code, samples > 20) == (0, True)


def test_K06_the_source_of_a_secret_is_not_passed_on(vault: StepHome) -> None:
    vault.environ["DAGU_AUTH_TOKEN"] = "engine-credential"
    done = vault.run(
        f"{SECRET}steps:\n  - {{name: a, command: env > seen}}\n"
        "  - {name: b, call: child}\n"
        "---\nname: child\nsteps:\n  - command: env > seen-by-child"
    )
    assert done.code == 0, done.err
    mine = (vault.root / "seen").read_text().splitlines()
    assert f"TOK={VALUE}" in mine
    assert not [line for line in mine if line.startswith(("MY_TOKEN=", "DAGU_AUTH_TOKEN="))]
    # Secrets belong to the DAG that names them: a child asks for its own.
    assert VALUE not in (vault.root / "seen-by-child").read_text()


def test_K07_the_stored_definition_holds_the_reference_only(vault: StepHome) -> None:
    assert (
        vault.run(
            f"{SECRET}env: [{{COPY: x}}]\nsteps:\n  - {{env: [{{E: '${{TOK}}'}}], command: 'true'}}"
        ).code
        == 0
    )
    assert leaks(vault) == []


def test_K08_a_secret_that_cannot_be_had_is_named_without_its_neighbours(vault: StepHome) -> None:
    done = vault.run(
        "secrets: [{name: TOK, provider: env, key: MY_TOKEN}, {name: GONE, provider: env, key: NOT_SET}]\n"
        "steps:\n  - command: 'true'"
    )
    assert done.code == 1
    assert "GONE" in done.err
    assert leaks(vault, done.out, done.err) == []
    assert vault.details()["nodes"][0]["statusLabel"] == "not_started"


def test_K08_validate_does_not_resolve_anything(vault: StepHome) -> None:
    path = vault.write(f"{SECRET}steps:\n  - {{command: 'echo ${{TOK}} ${{MY_TOKEN}}', nonsense: 1}}")
    done = vault.call("validate", str(path))
    assert done.code == 1
    assert leaks(vault, done.out, done.err) == []


def test_K09_a_process_that_holds_secrets_cannot_be_dumped(vault: StepHome) -> None:
    if sys.platform != "linux":
        pytest.skip("needs /proc")
    process = vault.begin(
        "start", str(vault.write(f"{SECRET}steps:\n  - command: touch $DAG_READY; sleep 1"))
    )
    within(15, vault.is_running)
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 ", limits)
    assert vault.end(process).code == 0


def test_K09_dumpable_is_switched_off() -> None:
    import ctypes
    import subprocess

    program = (
        "import ctypes, resource; from dagu_core.engine.kernel import forbid_dumps; forbid_dumps();"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) in (0, 1, 2)
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["0", "0"]


def test_K10_when_the_filter_dies_nothing_is_written_past_it(vault: StepHome) -> None:
    text = (
        f'{SECRET}steps:\n  - command: touch $DAG_READY; for i in $(seq 40); do sleep 0.05; echo "$TOK"; done'
    )
    process = vault.begin("start", "--run-id", "r1", str(vault.write(text)))
    within(15, vault.is_running)
    killed = 0
    for line in Path("/proc").iterdir():
        try:
            if line.name.isdigit() and b"dagu_core.engine.filter" in (line / "cmdline").read_bytes():
                stat = (line / "stat").read_text().rpartition(") ")[2].split()
                parent = Path(f"/proc/{stat[1]}/environ").read_bytes()
                if f"DAGU_HOME={vault.home}".encode() in parent:
                    os.kill(int(line.name), 9)
                    killed += 1
        except OSError:
            continue
    assert killed == 1
    done = vault.end(process)
    assert leaks(vault, done.out, done.err) == []
    assert vault.details()["statusLabel"] in ("failed", "succeeded")
