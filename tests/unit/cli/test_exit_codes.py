"""One exit code and wording for the same mistake, whatever the verb: 2 = worded wrongly, 3 = not found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.asked import InHome

Call = Callable[..., tuple[int, str]]
NO_TIME = "'noon' is not a time"
NO_NAME = "queue name 'a/b' must be 1 to 40 letters, digits, `_`, `.` and `-`"
NO_DAG = "there is no DAG 'nope'"
NO_PRIORITY = "priority '10' is none"
BACKWARDS = "the range is empty: --to comes before --from"
MANY = "0 is not in the range"


#: (the same mistake, its exit code, the verbs that can be called with it)
MISTAKES: dict[str, tuple[int, list[str]]] = {
    NO_TIME: (
        2,
        [
            "backfill create cron --from noon --to 2026-01-02",
            "backfill create cron --from 2026-01-01 --to noon",
            "schedule preview cron --from noon",
            "schedule preview cron --to noon",
            "scheduler --once --now noon",
            "history --from noon",
            "history --to noon",
            "events --from noon",
            "events --to noon",
        ],
    ),
    BACKWARDS: (
        2,
        [
            "backfill create cron --from 2026-01-02 --to 2026-01-01",
            "schedule preview cron --from 2026-01-02 --to 2026-01-01",
            "history --from 2026-01-02 --to 2026-01-01",
            "events --from 2026-01-02 --to 2026-01-01",
        ],
    ),
    NO_NAME: (
        2,
        [
            "enqueue one -u a/b",
            "start one -u a/b",
            "exec -u a/b -- true",
            "retry one -r r1 -u a/b",
            "restart one -u a/b",
            "dequeue a/b",
            "queue show a/b",
            "queue pause a/b",
            "queue resume a/b",
            "queue set a/b --reset",
            "queue move -r one:r1 --to a/b",
            "backfill create cron --from 2026-01-01 --to 2026-01-02 -u a/b",
        ],
    ),
    "unknown queue 'zz', known: main": (
        2,
        [
            "enqueue one -u zz",
            "start one -u zz",
            "exec -u zz -- true",
            "retry one -r r1 -u zz",
            "queue pause zz",
            "queue resume zz",
            "queue set zz --reset",
            "queue move -r one:r1 --to zz",
            "backfill create cron --from 2026-01-01 --to 2026-01-02 -u zz",
        ],
    ),
    "DAG closed says `disableQueue: true`, which rules --queue out": (
        2,
        [
            "enqueue closed -u main",
            "start closed -u main",
            "backfill create closed --from 2026-01-01 --to 2026-01-02 -u main",
        ],
    ),
    "there is no queue 'zz'": (3, ["queue show zz", "dequeue zz"]),
    NO_PRIORITY: (
        2,
        [
            "enqueue one --priority 10",
            "start one --priority 10",
            "exec --priority 10 -- true",
            "retry one -r r1 --priority 10",
            "restart one --priority 10",
            "queue move -r one:r1 --priority 10",
            "backfill create cron --from 2026-01-01 --to 2026-01-02 --priority 10",
        ],
    ),
    MANY: (
        2,
        [
            "queue set main --max-concurrency 0",
            "backfill create cron --from 2026-01-01 --to 2026-01-02 --max-active 0",
            "backfill create cron --from 2026-01-01 --to 2026-01-02 --max-runs 0",
            "backfill create cron --from 2026-01-01 --to 2026-01-02 --entry 0",
            "schedule preview cron --count 0",
            "history --limit 0",
            "events --limit 0",
        ],
    ),
    "'-1d' must be positive": (
        2,
        ["backfill create one --from 2026-01-01 --to 2026-01-02 --step -1d", "history --last -1d"],
    ),
    "'soon' is not a length of time": (
        2,
        ["backfill create one --from 2026-01-01 --to 2026-01-02 --step soon", "history --last soon"],
    ),
    "'late' is no kind of decision": (2, ["events --kind late", "events cron --kind skipped,late"]),
    "there is no entry 7": (2, ["backfill create cron --from 2026-01-01 --to 2026-01-02 --entry 7"]),
    "--from lies ahead": (2, ["backfill create cron --from 2999-01-01 --to 2999-01-02"]),
    "has no start schedule": (2, ["backfill create one --from 2026-01-01 --to 2026-01-02"]),
    "runs are more than the 100 allowed": (1, ["backfill create cron --from 2024-01-01 --to 2026-01-01"]),
    "run id 'a/b' must be": (2, ["start one -r a/b", "enqueue one -r a/b", "exec -r a/b -- true"]),
    "DAG name 'a/b' must be": (2, ["start one -N a/b", "enqueue one -N a/b", "dry one -N a/b"]),
    NO_DAG: (
        3,
        [
            "start nope",
            "enqueue nope",
            "dry nope",
            "validate nope",
            "stop nope",
            "restart nope",
            "status nope",
            "why nope",
            "history nope",
            "events nope",
            "cleanup nope -y",
            "schedule preview nope",
            "schedule suspend nope",
            "schedule resume nope",
            "backfill list nope",
            "backfill create nope --from 2026-01-01 --to 2026-01-02",
        ],
    ),
    "run one:nope does not exist": (
        3,
        [
            "status one -r nope",
            "why one -r nope",
            "stop one -r nope",
            "retry one -r nope",
            "restart one -r nope",
            "start one --from-run-id nope",
            "dequeue main -d one:nope",
            "queue move -r one:nope --front",
        ],
    ),
    "invalid run reference": (2, ["dequeue main -d x", "queue move -r :x --front", "start one --parent x"]),
    "has no step 'zz'": (3, ["retry one -r r1 --step zz"]),
    "there is no backfill 0": (
        3,
        [f"backfill {verb} 0" for verb in ("show", "pause", "resume", "cancel", "retry-failed")],
    ),
    "is not running": (1, ["restart one", "restart one -r r1"]),
    "run one:r1 does not wait in queue main": (4, ["dequeue main -d one:r1"]),
    "queue main is empty": (1, ["dequeue main"]),
}


CASES = [(line, code, told) for told, (code, lines) in MISTAKES.items() for line in lines]


@pytest.fixture
def call(in_home: InHome, dags: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command line, in a home with two DAGs, one run, and a list of queues."""
    (dags / "one.yaml").write_text("queue: main\nsteps: ['true']\n")
    (dags / "cron.yaml").write_text("queue: main\nschedule: '0 9 * * *'\nsteps: ['true']\n")
    (dags / "closed.yaml").write_text("disableQueue: true\nschedule: '0 9 * * *'\nsteps: ['true']\n")
    (tmp_path / "config.yaml").write_text(
        "queues: {strict: true, config: [{name: main, maxConcurrency: 1}]}\n"
    )
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str]:
        code, _, err = in_home(*words)
        return code, err

    assert call("start", "-q", "one", "-r", "r1") == (0, "")
    return call


@pytest.mark.parametrize(("line", "code", "told"), CASES)
def test_the_same_mistake_has_the_same_code_and_words(line: str, code: int, told: str, call: Call) -> None:
    found, err = call(*line.split())
    assert (found, told in err) == (code, True), err
    assert err.startswith("Error: ") and "internal error" not in err


def test_every_verb_with_an_argument_is_in_the_table() -> None:
    from dagu_core.cli.group import VERBS

    told = {line.split()[0] for line, _, _ in CASES}
    without = {"scheduler", "start-all", "worker", "recover", "doctor", "schema", "plugins", "plugin"}
    assert set(VERBS) - told <= without | {"config", "completion", "version", "help", "migrate"}, (
        set(VERBS) - told
    )


def test_a_queue_that_only_the_file_names_is_the_fault_of_the_file(call: Call, tmp_path: Path) -> None:
    (tmp_path / "dags" / "lost.yaml").write_text("queue: zz\nsteps: ['true']\n")
    code, err = call("enqueue", "lost")
    assert code == 1 and "DAG lost: unknown queue 'zz', known: main" in err


def test_disable_queue_rules_out_only_the_option(call: Call) -> None:
    code, err = call("start", "closed", "-r", "r1")
    assert code == 0 and "D111" in err and "disableQueue" in err
    code, err = call("retry", "closed", "-r", "r1", "-u", "main")
    assert code == 2 and "rules --queue out" in err and "Hint: leave --queue out" in err
    assert call("-q", "enqueue", "closed") == (0, "")
    assert call("backfill", "create", "closed", "--from", "2026-01-01", "--to", "2026-01-02")[0] == 0


def test_what_is_there_but_does_nothing_is_no_mistake(call: Call) -> None:
    assert call("stop", "one") == (0, "") and call("history", "cron") == (0, "")
