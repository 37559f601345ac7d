"""Gotchas 82, 84 to 91, 93 to 95, 99, 101: secrets, starts, retries, names, documents, scalars."""

from __future__ import annotations

import asyncio

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.app.views import RunView
from dagu_core.model.status import RunStatus, StepStatus
from tests.gotchas.lab import Lab

SECRET = "s3cr3t-of-the-house"


def test_gotcha_082_a_captured_secret_is_not_stored(lab: Lab) -> None:
    lab.environ["HOUSE"] = SECRET
    ran = lab.run("""
        secrets: [{name: KEY, provider: env, key: HOUSE}]
        steps:
          - {name: a, command: 'echo "key=$KEY"', output: V}
          - {name: b, command: 'test "$V" = "key=$KEY" && echo "same: ${V}"'}
        """)
    assert ran.status == "succeeded"
    assert ran.out("a") == "key=*******\n" and ran.out("b") == "same: key=*******\n"
    kept = [path for path in lab.home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" or "sqlite" in path.name for path in kept), kept
    assert [path for path in kept if SECRET.encode() in path.read_bytes()] == []


def test_gotcha_084_five_is_queued_for_a_run_and_skipped_for_a_step(lab: Lab) -> None:
    path = lab.write("steps: [{name: s, command: 'true', preconditions: ['false']}]")

    async def both(app: App) -> tuple[int, int]:
        queued = await app.runs.enqueue(StartRequest(dag=str(path)))
        view = await app.runs.start(StartRequest(dag=str(path)))
        return int(queued.status), view.details()["nodes"][0]["status"]

    assert lab.use(both) == (RunStatus.QUEUED, StepStatus.SKIPPED) == (5, 5)


def test_gotcha_085_two_starts_run_at_once_in_spite_of_max_active_runs(lab: Lab) -> None:
    path = lab.write("""
        maxActiveRuns: 1
        params: [ME=a, OTHER=b]
        steps: ['touch $ME; for i in $(seq 200); do test -f $OTHER && exit 0; sleep 0.05; done; exit 1']
        """)

    async def both(app: App) -> list[str]:
        words = [("ME=a", "OTHER=b"), ("ME=b", "OTHER=a")]
        views = [app.runs.start(StartRequest(dag=str(path), words=two)) for two in words]
        return [view.summary.status.label for view in await asyncio.gather(*views)]

    assert lab.use(both) == ["succeeded", "succeeded"]


def test_gotcha_086_delay_is_before_the_first_step(lab: Lab) -> None:
    ran = lab.run("delaySec: 0.4\nsteps: [{name: a, command: 'true'}, {name: b, command: 'true'}]")
    begun, a, b = ran.view.summary.started_at, ran.step("a"), ran.step("b")
    assert begun is not None and a.started_at is not None and a.finished_at is not None
    assert b.started_at is not None
    assert a.started_at - begun >= 0.4
    assert b.started_at - a.finished_at < 0.4


def test_gotcha_087_no_days_of_history_mean_thirty(lab: Lab) -> None:
    text = "histRetentionDays: 0\nsteps: ['true']"
    assert lab.check(text).plans[0].history_days == 30
    (warning,) = lab.warnings(text)
    assert "30" in warning.message + warning.hint
    lab.run(text)
    assert lab.use(lambda app: app.history.get("flow")).summary.status is RunStatus.SUCCEEDED


def test_gotcha_088_dry_has_no_side_effects(lab: Lab) -> None:
    path = lab.write("""
        env: [{E: "`touch env`"}]
        params: [{P: "`touch param`"}]
        preconditions: ["touch dag"]
        handlerOn: {init: {command: touch init}}
        steps: [{name: s, command: "touch command `touch ticks`", preconditions: ["touch step"]}]
        """)
    ran = lab.ran(lambda app: app.runs.dry(StartRequest(dag=str(path))))
    assert ran.status == "succeeded"
    assert [each.name for each in lab.work.iterdir()] == ["flow.yaml"]


def test_gotcha_089_a_retry_runs_the_stored_definition(lab: Lab) -> None:
    path = lab.write("steps: [{name: a, command: echo old; test -f fixed}]")

    async def failing(app: App) -> RunView:
        return await app.runs.start(StartRequest(dag=str(path), run_id="r"))

    assert lab.ran(failing).status == "failed"
    lab.write("steps: [{name: a, command: echo new}]")
    (lab.work / "fixed").touch()
    retried = lab.ran(lambda app: app.runs.retry("flow", "r"))
    assert (retried.status, retried.out("a")) == ("succeeded", "old\n")


def _retried(lab: Lab, *, downstream: bool) -> str:
    path = lab.write("""
        type: graph
        steps:
          - {name: s, command: echo s >> order}
          - {name: t, depends: s, command: echo t >> order}
          - {name: other, command: "true"}
        """)
    lab.ran(lambda app: app.runs.start(StartRequest(dag=str(path), run_id="r")))
    (lab.work / "order").unlink()
    ran = lab.ran(lambda app: app.runs.retry("flow", "r", step="s", downstream=downstream))
    assert ran.status == "succeeded"
    return (lab.work / "order").read_text()


def test_gotcha_090_a_retry_of_one_step_leaves_its_dependents(lab: Lab) -> None:
    assert _retried(lab, downstream=False) == "s\n"


def test_gotcha_090_a_retry_downstream_takes_them_along(lab: Lab) -> None:
    assert _retried(lab, downstream=True) == "s\nt\n"


def test_gotcha_091_an_automatic_name_skips_taken_ones(lab: Lab) -> None:
    ran = lab.run("steps: [{name: cmd_2, command: echo a}, echo b, echo c]")
    assert list(ran.statuses) == ["cmd_2", "cmd_3", "cmd_4"]


def test_gotcha_093_a_step_lasts_as_long_as_its_stdout_is_held(lab: Lab) -> None:
    # For two seconds at most: what is left of it then is ended with a warning.
    step = lab.run("steps: [{name: s, command: 'echo now; (sleep 0.6) &'}]").step("s")
    assert step.finished_at is not None and step.started_at is not None
    assert step.finished_at - step.started_at >= 0.6


def test_gotcha_094_a_shell_script_keeps_its_own_variables(lab: Lab) -> None:
    assert lab.run('steps: [{type: shell, script: "x=5; echo $x"}]').out() == "5\n"


def test_gotcha_095_type_shell_resolves_references(lab: Lab) -> None:
    ran = lab.run("""
        params:
          - J: '{"a": 7}'
        steps:
          - {name: one, id: one, type: shell, command: "echo ${J.a}"}
          - {name: two, type: shell, command: "echo ${one.exitCode}"}
        """)
    assert (ran.out("one"), ran.out("two")) == ("7\n", "0\n")


def test_gotcha_099_documents_are_kept_apart(lab: Lab) -> None:
    ran = lab.run("""
        steps: [{name: s, command: 'echo "[$X]"', preconditions: ['test -z "$X"']}]
        ---
        name: never
        env: [{X: "1`touch leaked`"}]
        params: ["P=`touch leaked`"]
        steps: ["true"]
        """)
    assert ran.out("s") == "[]\n"
    assert not (lab.work / "leaked").exists()


def test_gotcha_101_scalars_are_read_as_yaml_1_2(lab: Lab) -> None:
    ran = lab.run("""
        env: [{D: 2024-01-01}, {T: 2024-01-01T10:00:00Z}, {S: 1:30}, {Y: yes}, {N: off}, {F: 1e3}, {B: TRUE}]
        steps: ['echo $D $T $S $Y $N $F $B']
        """)
    assert ran.out() == "2024-01-01 2024-01-01T10:00:00Z 1:30 yes off 1e3 true\n"
