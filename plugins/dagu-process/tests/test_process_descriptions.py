"""What an executable says of itself: asked for when needed, kept, and never trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from dagu_core.testing.fixtures import Command
from dagu_process import asking

from .hosts import dag, host_of, left_alive, listed, report_of

Make = Callable[..., Path]

_DESCRIBED = '{"type":"description","protocol":"dagu-exec/1","stepTypes":['
_TYPE = '{"name":"odd","description":"Is odd.","config":{"properties":{'
BROKEN = {
    "it crashes": ("echo 'no library' >&2; kill -SEGV $$", "it ended without an answer; it said: no library"),
    "it says nothing": ("exit 0", "it ended without an answer"),
    "garbage": ("echo hello", "line 1 of its output is no JSON"),
    "no message": ("echo '[1]'", "line 1 of its output is no message"),
    "deep": ("head -c 100000 /dev/zero | tr '\\0' '['; echo", "line 1 of its output is no JSON"),
    "an endless line": ("tr '\\0' x </dev/zero", "line 1 of its output is longer than 1048576 bytes"),
    "another answer": ('echo \'{"type":"result"}\'', "it answered with `result`, not with `description`"),
    "another protocol": (
        'echo \'{"type":"description","protocol":"dagu-exec/2"}\'',
        "it speaks 'dagu-exec/2', this is 'dagu-exec/1'",
    ),
    "no step types": (f"echo '{_DESCRIBED}]}}'", "`stepTypes` is no list of 1 to 100 step types"),
    "no name": (f"echo '{_DESCRIBED}{{}}]}}'", "stepTypes[0]: `name` is missing"),
    "a capability": (
        f'echo \'{_DESCRIBED}{{"name":"a","description":"b","capabilities":["call"]}}]}}\'',
        "stepTypes[0]: the capability 'call' is none of command, commands, script",
    ),
    "a key without description": (
        f'echo \'{_DESCRIBED}{_TYPE}"a":{{"type":"string"}}}}}}}}]}}\'',
        "stepTypes[0]: property `a`: it has no `description`",
    ),
    "a keyword": (
        f'echo \'{_DESCRIBED}{_TYPE}"a":{{"description":"b","oneOf":[]}}}}}}}}]}}\'',
        "property `a`: `oneOf` is no keyword that is understood there",
    ),
    "a default": (
        f'echo \'{_DESCRIBED}{_TYPE}"a":{{"description":"b","type":"integer","default":"x"}}}}}}}}]}}\'',
        "the default of `a` is wrong: Input should be a valid integer",
    ),
    "a pattern": (
        f'echo \'{_DESCRIBED}{_TYPE}"a":{{"description":"b","type":"string","pattern":"("}}}}}}}}]}}\'',
        "a limit is wrong",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_executable_is_a_report_of_its_own(case: str, make: Make, tmp_path: Path) -> None:
    body, reason = BROKEN[case]
    path = make(f"#!/bin/sh\nread -r message\n{body}\n", whole=True)
    good = make("", name="good", stepTypes=[{"name": "even", "description": "Is even."}])
    host = host_of(tmp_path, path, good)
    reports = {report.name: report for report in host.reports}
    assert (reports["odd"].state, reports["good"].state) == ("failed", "loaded")
    assert reason in reports["odd"].reason
    assert "even" in host.catalog.executors and "odd" not in host.catalog.executors
    assert left_alive(str(path)) == []


def test_one_that_never_answers_has_its_budget(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "BUDGET", 0.5)
    path = make("#!/bin/sh\ntrap '' TERM\necho waiting >&2\nsleep 600.375 & wait\n", whole=True)
    began = monotonic()
    assert report_of(tmp_path, path).reason == "asked to describe: no answer within 0.5 s; it said: waiting"
    assert monotonic() - began < 30
    assert left_alive("600.375", str(path)) == []


def test_files_that_are_none_are_told_without_a_start(make: Make, tmp_path: Path) -> None:
    path = make(f"#!/bin/sh\ntouch {tmp_path}/started\n", whole=True)
    path.chmod(0o666)
    assert "chmod +x" in report_of(tmp_path, path).reason
    path.chmod(0o777)
    assert "others may write to it" in report_of(tmp_path, path).reason
    assert "No such file" in report_of(tmp_path, tmp_path / "bin" / "none").reason
    assert "write the whole path" in report_of(tmp_path, Path("odd")).reason
    path.chmod(0o755)
    path.write_bytes(b"\x7fELF nonsense")
    assert "cannot be started: Exec format error" in report_of(tmp_path, path).reason
    assert not (tmp_path / "started").exists()


def test_it_is_asked_once_and_only_when_it_is_needed(make: Make, dagu: Command, tmp_path: Path) -> None:
    said = tmp_path / "asked"
    count = f"echo x >> {said}\n"
    path = make("printf '%s\\n' '{\"type\":\"result\"}'\n")
    path.write_text(path.read_text("utf-8").replace("case $message", f"{count}case $message"), "utf-8")
    dagu.environ |= listed(path)
    plain = dag(tmp_path / "plain.yaml", {"name": "a", "command": "true"})
    odd = dag(tmp_path / "odd.yaml", {"name": "a", "type": "odd"})

    def asked() -> int:
        return len(said.read_text("utf-8").splitlines()) if said.exists() else 0

    assert dagu("start", str(plain)).code == 0
    assert asked() == 0
    assert dagu("validate", str(odd)).code == 0
    assert asked() == 1
    assert "executor odd" in dagu("plugins").out
    assert dagu("start", str(plain)).code == 0
    assert asked() == 1
    assert dagu("start", str(odd)).code == 0
    assert asked() == 2  # the run itself
    os.utime(path, ns=(1, 1))
    assert "executor odd" in dagu("plugins").out
    assert asked() == 3


def test_a_kept_answer_that_is_damaged_is_asked_for_again(make: Make, tmp_path: Path) -> None:
    path = make("")
    kept = tmp_path / "data" / "executables.json"
    for damage in (
        None,
        "",
        "[]",
        "{",
        json.dumps({str(path): 3}),
        json.dumps({str(path): {"fingerprint": []}}),
    ):
        if damage is not None:
            kept.write_text(damage, "utf-8")
        assert report_of(tmp_path, path).state == "loaded"
        assert '"odd"' in kept.read_text("utf-8")
        assert "odd" in host_of(tmp_path, path).catalog.executors  # at once, unasked


def test_a_word_nobody_has_names_the_executables_that_are_broken(make: Make, dagu: Command) -> None:
    path = make("#!/bin/sh\nexit 1\n", name="strange", whole=True)
    dagu.environ |= listed(path)
    done = dagu("validate", str(dag(dagu.home / "a.yaml", {"name": "a", "type": "odd"})))
    assert done.code == 1
    assert 'executor type "odd" is not registered' in done.err and f"did not load: {path}" in done.err


def test_without_the_package_the_setting_says_what_to_install(make: Make, tmp_path: Path) -> None:
    from dagu_core.contracts.host import PluginHost

    host = PluginHost.load(discover=False, executables=[str(make(""))])
    (report,) = [each for each in host.reports if each.name == "odd"]
    assert report.reason == "no plugin can run it: pip install dagu-process"


def test_the_settings_choose_among_executables_too(make: Make, tmp_path: Path) -> None:
    path = make(f"#!/bin/sh\ntouch {tmp_path}/started\n", whole=True)
    for more in ({"DAGU_PLUGINS_DISABLED": "odd"}, {"DAGU_PLUGINS_ALLOW": "no"}, {"DAGU_SAFE_MODE": "1"}):
        (report,) = [each for each in host_of(tmp_path, path, **more).reports if each.name == "odd"]
        assert report.state == "disabled"
    assert not (tmp_path / "started").exists()


def test_keys_are_checked_when_the_file_is_read(make: Make, dagu: Command) -> None:
    config = {
        "required": ["json"],
        "properties": {
            "json": {"type": "integer", "maximum": 3, "description": "A name models have for themselves."},
            "max-size": {"type": "string", "description": "No Python name.", "enum": ["s", "m"]},
            "inner": {
                "type": "object",
                "description": "An object.",
                "properties": {"a": {"type": "string", "description": "Deep."}},
            },
        },
    }
    path = make("", stepTypes=[{"name": "odd", "description": "Is odd.", "config": config}])
    dagu.environ |= listed(path)

    def told(**given: object) -> str:
        return dagu(
            "validate", str(dag(dagu.home / "a.yaml", {"name": "a", "type": "odd", "config": given}))
        ).err

    assert told(json=3, inner={"a": "x"}, **{"max-size": "m"}) == ""
    assert "must be at most 3" in told(json=4)
    assert "json" in told()
    assert "unknown key `other`" in told(json=1, other=2)
    assert "'s' or 'm'" in told(json=1, **{"max-size": "x"})
    assert "inner" in told(json=1, inner={"b": "x"})
    assert '"max-size"' in dagu("schema").out
