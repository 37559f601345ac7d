"""What page, README and guide show is valid, and a preview beside a DAG is the real one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_cron import plugin
from dagu_cron.expression import DESCRIPTORS
from dagu_cron.trigger import CronTrigger

ROOT = Path(__file__).parents[3]
PAGE, GUIDE = ROOT / "docs" / "plugins" / "cron.md", ROOT / "docs" / "guides" / "schedules.md"
BLOCKS = [
    (path.name, block)
    for path in (PAGE, GUIDE, ROOT / "plugins" / "dagu-cron" / "README.md")
    for block in re.findall(r"^```yaml\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S)
]
PREVIEWS = re.findall(
    r"^```yaml\n# preview: (\S+) ([^\n]*)\n(.*?)^```$.*?^```text\n\$ dagu (.*?)\n(.*?)^```$",
    GUIDE.read_text("utf-8"),
    re.M | re.S,
)


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page}-{n}" for n, (page, _) in enumerate(BLOCKS)])
def test_examples_are_valid_and_without_warnings(page: str, block: str) -> None:
    vocabulary = PluginHost.load(plugins=[plugin], discover=False).catalog.vocabulary
    definition = read_definition(block, vocabulary=vocabulary)
    assert definition.warnings == ()
    assert definition.plans[0].schedule


def test_there_are_examples() -> None:
    assert {page for page, _ in BLOCKS} == {"cron.md", "schedules.md", "README.md"}
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


def test_the_page_has_every_word() -> None:
    text = PAGE.read_text("utf-8")
    keys = [field.alias or name for name, field in CronTrigger.Config.model_fields.items()]
    assert [word for word in (*DESCRIPTORS, *keys) if f"`{word}`" not in text] == []
