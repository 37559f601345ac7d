"""The step type keeps what every step type must keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dagu_core import InvalidDefinition
from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_core.testing.harness import offering, run_step
from dagu_http.executor import HttpExecutor


class TestHttpContract(ExecutorContract):
    executor = HttpExecutor
    heavy = ("httpx", "httpcore", "anyio", "certifi")

    @pytest.fixture(autouse=True)
    def _with_site(self, site: Any) -> None:
        self.site = site

    def good_step(self) -> Step:
        return {"type": "http", "command": f"GET {self.site.url}/ok"}

    def failing_step(self) -> Step:
        return {"type": "http", "command": f"GET {self.site.url}/status/404"}

    def long_step(self) -> Step:
        return {"type": "http", "command": f"GET {self.site.url}/stall", "config": {"idleTimeout": 120}}

    def printing_step(self, file: Path) -> Step:
        url = f"{self.site.url}/file?path={quote(str(file))}"
        return {"type": "http", "command": f"GET {url}", "config": {"silent": True}}

    def echo_step(self, text: str) -> Step:
        url = f"{self.site.url}/echo"
        return {"type": "http", "command": f"POST {url}", "config": {"silent": True, "body": text}}

    def env_step(self, name: str) -> Step:
        return self.echo_step(f"${{{name}}}")

    def leaking_step(self, reference: str) -> Step:
        return {
            "type": "http",
            "command": f"GET {self.site.url}/garbage?q={reference}",
            "config": {"headers": {"X-Key": reference}, "debug": True},
        }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"command": ["GET http://h/", "GET http://h/"]}, "multiple commands"),
        ({"shell": "bash"}, "shell"),
        ({"container": {"image": "x"}}, "container"),
        ({"workerSelector": {"gpu": "1"}}, "workerSelector"),
    ],
)
def test_fields_it_does_not_understand_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        run_step({"type": "http", "command": "GET http://h/", **more}, plugins=[offering(HttpExecutor)])
    assert said in "\n".join(str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"timout": 3}, "timout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"expect": [99]}, "status code"),
        ({"expect": ["6xx"]}, "family"),
        ({"expect": []}, "expect"),
        ({"retry": {"limit": 0}}, "limit"),
        ({"retry": {"on": ["often"]}}, "family"),
        ({"auth": {"user": "ann", "token": "t"}}, "either"),
        ({"auth": {"password": "p"}}, "either"),
        ({"body": "a", "form": {"b": "c"}}, "cannot be sent at once"),
        ({"bodyFile": "a", "files": {"b": "c"}}, "cannot be sent at once"),
        ({"json": True, "saveTo": "x"}, "exclude"),
        ({"proxy": "ftp://h"}, "http://HOST:PORT"),
        ({"headers": "X: y"}, "headers"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_when_the_file_is_read(
    config: dict[str, Any], said: str
) -> None:
    step = {"type": "http", "command": "GET http://h/", "config": config}
    with pytest.raises(InvalidDefinition) as caught:
        run_step(step, plugins=[offering(HttpExecutor)])
    assert said in "\n".join(str(problem) for problem in caught.value.problems)
