"""What page, README and guide show is valid, and a preview beside a DAG is the real one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dagu_core.model.plan.plan import Plan
from dagu_core.testing.page_contract import PageContract
from dagu_cron import plugin
from dagu_cron.expression import DESCRIPTORS
from dagu_cron.trigger import CronTrigger

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "schedules.md"
PREVIEWS = re.findall(
    r"^```yaml\n# preview: (\S+) ([^\n]*)\n(.*?)^```$.*?^```text\n\$ dagu (.*?)\n(.*?)^```$",
    GUIDE.read_text("utf-8"),
    re.M | re.S,
)


class TestPages(PageContract):
    pages = (ROOT / "docs/plugins/cron.md", GUIDE, ROOT / "plugins/dagu-cron/README.md")
    plugins = (plugin,)
    models = (CronTrigger.Config,)

    def check(self, plan: Plan) -> None:
        assert plan.schedule

    def test_the_page_has_every_word(self) -> None:
        text = self.pages[0].read_text("utf-8")
        assert [word for word in DESCRIPTORS if f"`{word}`" not in text] == []


def test_there_are_previews() -> None:
    assert len(PREVIEWS) == 3


@pytest.mark.parametrize("shown", PREVIEWS, ids=[each[0] for each in PREVIEWS])
def test_a_preview_is_the_real_one(shown: tuple[str, str, str, str, str], tmp_path: Path) -> None:
    file, words, dag, command, expected = shown
    (tmp_path / file).write_text(dag)
    assert command == f"schedule preview {file} {words}"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DAGU_", "TZ"))}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dagu")), *command.split()],
        cwd=tmp_path,
        env=env | {"DAGU_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected
