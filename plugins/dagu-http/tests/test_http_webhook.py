"""Webhooks: who is told what, when, and what becomes of a run when nobody listens."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dagu_core import InvalidDefinition
from dagu_core.testing.harness import run_step
from dagu_core.testing.notifier_contract import NotifierContract
from dagu_http import plugin
from dagu_http.webhook import Webhook


class TestWebhookContract(NotifierContract):
    notifier = Webhook
    heavy = ("httpx", "httpcore", "anyio", "certifi")

    @pytest.fixture(autouse=True)
    def _with_site(self, site: Any) -> None:
        self.site = site

    def value(self) -> Any:
        return {"url": f"{self.site.url}/ok"}

    def dead_value(self) -> Any:
        return {"url": "http://169.254.169.254/"}

    def delivered(self) -> Sequence[bytes]:
        return [each.body for each in self.site.seen]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    """Run a DAG of one step with a webhook; (result, what was said on stderr)."""

    def go(webhook: Any, command: str = "true", *, step: Any = None, key: str = "webhook", **dag: Any) -> Any:
        dag = {"tags": ["nightly"], key: webhook, **dag}
        result = run_step({"command": command, **(step or {})}, plugins=[plugin], dag=dag)
        return result, capfd.readouterr().err

    return go


def _bodies(site: Any) -> list[Any]:
    return [json.loads(each.body) for each in site.seen]


@pytest.mark.parametrize("key", ["webhook", "webhooks"])
@pytest.mark.parametrize("form", ["text", "mapping", "list", "texts"])
def test_every_way_to_write_it(run: Any, site: Any, form: str, key: str) -> None:
    url = f"{site.url}/ok"
    value = {"text": url, "mapping": {"url": url}, "list": [{"url": url}], "texts": [url]}[form]
    result, said = run(value, key=key)
    assert (result.status, said) == ("succeeded", "")
    assert [each["event"] for each in _bodies(site)] == ["success"]


def test_the_facts(run: Any, site: Any) -> None:
    result, _ = run(f"{site.url}/ok", "echo oh no >&2; exit 3")
    (told,) = _bodies(site)
    assert list(told) == [
        "event", "dag", "runId", "attemptId", "status", "startedAt", "finishedAt", "error", "tags",
        "root", "parent", "steps",
    ]  # fmt: skip
    summary = result.view.summary
    assert (told["event"], told["dag"], told["runId"]) == ("failure", summary.ref.dag, "r")
    assert (told["status"], told["tags"], told["parent"]) == ("failed", ["nightly"], None)
    assert told["error"].startswith("step: ") and "oh no" in told["error"]
    assert told["startedAt"] <= told["finishedAt"] and told["startedAt"].endswith("+00:00")
    (step,) = told["steps"]
    assert (step["name"], step["status"], step["exitCode"], step["attempts"]) == ("step", "failed", 3, 1)
    head = site.last.headers
    assert (site.last.method, head["Content-Type"], head["X-Dagu-Event"]) == (
        "POST", "application/json", "failure",
    )  # fmt: skip
    assert len(head["X-Dagu-Delivery"]) == 32 and "X-Dagu-Signature" not in head
    assert abs(int(head["X-Dagu-Timestamp"]) - time.time()) < 30


@pytest.mark.parametrize(
    ("command", "events"),
    [("true", ["start", "success"]), ("false", ["start", "stepFailure", "failure"])],
)
def test_which_events(run: Any, site: Any, command: str, events: list[str]) -> None:
    every = ["start", "success", "partial", "failure", "abort", "rejected", "stepFailure"]
    run({"url": f"{site.url}/ok", "on": every}, command)
    assert [each["event"] for each in _bodies(site)] == events
    assert len({each.headers["X-Dagu-Delivery"] for each in site.seen}) == len(events)
    if command == "false":
        assert _bodies(site)[1]["step"] == "step"


@pytest.mark.parametrize(("command", "calls"), [("true", 0), ("false", 1)])
def test_only_what_was_asked_for(run: Any, site: Any, command: str, calls: int) -> None:
    run({"url": f"{site.url}/ok", "on": ["failure"]}, command)
    assert len(site.seen) == calls


def test_partial_success_and_abort(run: Any, site: Any) -> None:
    steps = [{"command": "true"}, {"command": "false", "continueOn": {"failed": True}}]
    child = {"name": "child", "webhook": f"{site.url}/ok", "steps": steps}
    run_step({"call": "child"}, plugins=[plugin], documents=[child])
    run(f"{site.url}/ok", preconditions=[{"condition": "false"}])
    assert [each["event"] for each in _bodies(site)] == ["partial", "abort"]


def test_a_step_that_fails_at_first_is_told_once_it_has_failed_for_good(run: Any, site: Any) -> None:
    step = {"retryPolicy": {"limit": 2, "intervalSec": 0}}
    run({"url": f"{site.url}/ok", "on": ["stepFailure"]}, "false", step=step)
    assert len(site.seen) == 1 and _bodies(site)[0]["steps"][0]["attempts"] == 3


def test_the_signature(run: Any, site: Any) -> None:
    run({"url": f"{site.url}/ok", "secret": "shared-key", "headers": {"X-More": "1", "X-Dagu-Event": "mine"}})
    head = site.last.headers
    signed = head["X-Dagu-Timestamp"].encode() + b"." + site.last.body
    assert head["X-Dagu-Signature"] == "sha256=" + hmac.new(b"shared-key", signed, hashlib.sha256).hexdigest()
    assert (head["X-More"], head["X-Dagu-Event"]) == ("1", "success")


def test_it_is_delivered_again_until_it_is_taken(run: Any, site: Any) -> None:
    result, said = run({"url": f"{site.url}/flaky/2/503", "secret": "shared-key"})
    assert (result.status, said) == ("succeeded", "")
    assert len(site.seen) == 3
    assert len({each.headers["X-Dagu-Delivery"] for each in site.seen}) == 1
    assert len({each.body for each in site.seen}) == 1


@pytest.mark.parametrize(("path", "code"), [("status/404", "404"), ("redirect?to=/ok", "302")])
def test_what_is_refused_is_not_tried_again(run: Any, site: Any, path: str, code: str) -> None:
    result, said = run({"url": f"{site.url}/{path}"})
    assert result.status == "succeeded" and len(site.seen) == 1
    assert f"not delivered: 127.0.0.1:{site.port}: the answer was {code}" in said


def test_X04_a_server_that_stalls_is_given_up_within_the_bound(
    run: Any, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagu_http.webhook.PATIENCE", 1.0)
    monkeypatch.setattr("dagu_http.webhook.TRY", 0.3)
    result, said = run([f"{site.url}/stall", f"{site.url}/ok"])
    assert result.status == "succeeded"
    assert "no answer within 0.3 s (tried for 1 s)" in said
    assert [each.path for each in site.seen].count("/ok") == 1


def test_the_bound_is_below_that_of_the_engine() -> None:
    from dagu_core.engine import fanout
    from dagu_http import webhook

    assert webhook.PATIENCE < fanout.PATIENCE == 30


def test_nobody_listens_and_the_path_is_not_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagu_http.webhook.PATIENCE", 0.3)
    result, said = run("http://user:topsecret@127.0.0.1:1/services/topsecret")
    assert result.status == "succeeded"
    assert "127.0.0.1:1: cannot connect: Connection refused" in said and "topsecret" not in said


def test_X03_webhooks_obey_the_network_policy(run: Any, site: Any) -> None:
    _, said = run(f"{site.url}/ok", network={"policy": "restricted"})
    assert "not a public address" in said and site.seen == []
    _, said = run("http://169.254.169.254/hook")
    assert "never allowed" in said


def test_tls(run: Any, make_site: Any, certificates: Any) -> None:
    site = make_site(tls=certificates.server())
    _, said = run(f"{site.url}/ok")
    assert "the certificate is not trusted" in said and site.seen == []
    run({"url": f"{site.url}/ok", "caFile": certificates.ca_file})
    assert len(site.seen) == 1


def test_messages_for_chats(run: Any, site: Any) -> None:
    run({"url": f"{site.url}/ok", "format": "slack"}, "echo '<!everyone> & more' >&2; false")
    text = _bodies(site)[0]["text"]
    assert text.startswith("harness: failed (r)\nstep: ") and "&lt;!everyone&gt; &amp; more" in text
    run({"url": f"{site.url}/ok", "format": "discord"})
    assert _bodies(site)[1] == {"content": "harness: succeeded (r)", "allowed_mentions": {"parse": []}}


def test_a_message_of_ones_own(run: Any, site: Any) -> None:
    template = {"title": "{dag} is {status}", "n": 5, "deep": [{"why": "{error}{finishedAt}"}], "x": "{nope}"}
    run({"url": f"{site.url}/ok", "template": template}, "echo '\"{dag}' >&2; false")
    (told,) = _bodies(site)
    assert (told["title"], told["n"], told["x"]) == ("harness is failed", 5, "{nope}")
    assert '"{dag}' in told["deep"][0]["why"]  # what was put in is not looked at again


def test_secrets_for_headers_come_from_the_run(site: Any, capfd: pytest.CaptureFixture[str]) -> None:
    secrets = [{"name": "HOOK", "provider": "env", "key": "SOURCE"}]
    webhook = {"url": f"{site.url}/ok?k=${{HOOK}}", "headers": {"X-Key": "${HOOK}"}, "secret": "${HOOK}"}
    dag = {"secrets": secrets, "webhook": webhook}
    run_step({"command": "true"}, plugins=[plugin], dag=dag, environ={"SOURCE": "swordfish"})
    assert site.last.headers["X-Key"] == "swordfish" and site.last.path == "/ok?k=swordfish"
    bad = {**webhook, "headers": {"X-Key": "${HOOK}\nmore"}}
    run_step(
        {"command": "true"}, plugins=[plugin], dag={**dag, "webhook": bad}, environ={"SOURCE": "swordfish"}
    )
    said = capfd.readouterr().err
    assert "the header X-Key has a line break" in said and "swordfish" not in said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"url": "ftp://h"}, "http:// or https://"),
        ("nowhere", "http:// or https://"),
        ({"on": ["failure"]}, "url"),
        ({"url": "http://h", "on": ["sometimes"]}, "failure"),
        ({"url": "http://h", "on": []}, "on"),
        ({"url": "http://h", "ulr": 1}, "ulr"),
        ({"url": "http://h", "format": "xml"}, "format"),
        (5, "webhook"),
    ],
)
def test_what_makes_no_sense_is_refused_when_the_file_is_read(run: Any, value: Any, said: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        run(value)
    assert said in "\n".join(str(problem) for problem in caught.value.problems)


def test_the_schema_knows_every_way_to_write_it() -> None:
    schema = Webhook.Config.model_json_schema()
    good: list[Any] = ["http://h", {"url": "http://h"}, ["http://h", {"url": "http://h", "on": ["start"]}]]
    bad: list[Any] = [5, {"on": ["start"]}, [{"url": "http://h", "on": ["sometimes"]}]]
    for value in good:
        jsonschema.validate(value, schema)
    for value in bad:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(value, schema)


@pytest.mark.parametrize(
    ("own", "events"),
    [("", ["failure"]), ("webhook: {on: [stepFailure]}", ["stepFailure"]), ("webhook: []", [])],
)
def test_base_config_speaks_for_all_dags_and_a_dag_for_itself(
    site: Any, tmp_path: Path, own: str, events: list[str]
) -> None:
    (tmp_path / "base.yaml").write_text(f"webhook:\n  url: {site.url}/ok\n  on: [failure]\n")
    (tmp_path / "dag.yaml").write_text(f'{own}\nsteps:\n  - command: "false"\n')
    environ = {**os.environ, "DAGU_HOME": str(tmp_path)}
    argv = [sys.executable, "-m", "dagu_core", "start", str(tmp_path / "dag.yaml")]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=50)
    assert done.returncode == 1, done.stderr
    assert [each["event"] for each in _bodies(site)] == events


def test_only_some_of_very_many_steps_are_told(site: Any) -> None:
    from dagu_http.payload import STEPS

    steps = [{"name": f"s{number}", "command": "true"} for number in range(STEPS + 5)]
    steps[-1]["command"] = "false"
    documents = [{"name": "child", "webhook": f"{site.url}/ok", "type": "graph", "steps": steps}]
    run_step({"call": "child"}, plugins=[plugin], documents=documents)
    (told,) = _bodies(site)
    assert (len(told["steps"]), told["stepsOmitted"]) == (STEPS, 5)
    assert told["steps"][-1]["status"] == "failed" and told["parent"] == "harness:r"
