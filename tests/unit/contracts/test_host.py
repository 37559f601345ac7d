"""A broken plugin is a report of its own and nobody's trouble."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagu_core.base.errors import NotFound, PluginError
from dagu_core.base.places import Problem
from dagu_core.base.settings import Settings
from dagu_core.contracts import host as host_module
from dagu_core.contracts.discovery import installed
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.report import PluginReport

ZOO = Path(__file__).parents[2] / "plugins_zoo"
SECRETS = ("dagu_core.builtins.secrets",)

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs animals of the zoo as packages, without building anything."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [str(site), str(ZOO), *sys.path])
    # What happens to be installed beside them is none of these tests' business.
    monkeypatch.setattr(host_module, "installed", lambda: installed(path=[str(site)]))

    def put(module: str, *, name: str = "", package: str = "", attribute: str = "") -> None:
        name = name or module.removeprefix("zoo_")
        package = package or f"dagu-{name}"
        info = site / f"{package.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        target = f"{module}:{attribute}" if attribute else module
        (info / "entry_points.txt").write_text(f"[dagu.plugins]\n{name} = {target}\n", encoding="utf-8")
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n\nText: no header\n", encoding="utf-8"
        )
        importlib.invalidate_caches()

    yield put
    for module in [each for each in sys.modules if each.startswith("zoo_")]:
        del sys.modules[module]


def load(**more: object) -> tuple[PluginHost, dict[str, PluginReport]]:
    host = PluginHost.load(builtins=SECRETS, **more)  # type: ignore[arg-type]
    return host, {report.name: report for report in host.reports}


def test_a_good_plugin_is_loaded_with_all_it_offers(install: Install) -> None:
    install("zoo_good")
    host, reports = load()
    assert reports["good"] == PluginReport(
        "good",
        "dagu-good",
        "1.2",
        "loaded",
        "",
        ("DAG field aviary", "executor parrot", "guard perch", "settings section cage"),
    )
    words = host.catalog.vocabulary
    assert words.step_types["parrot"] == words.step_types["bird"]
    assert words.step_types["bird"].description == "Says what it is told."
    assert words.step_types["bird"].capabilities == {"command"}
    assert set(words.step_keys) == {"perch"}
    assert set(words.dag_keys) == {"aviary"}
    assert words.providers == {"env", "file"}
    assert host.catalog.executor("bird").name == "parrot"
    assert [each.section for each in host.catalog.settings] == ["cage"]
    assert host.read_source(Path("x"), "parrot:hello") == "hello"
    assert host.read_source(Path("x"), "hello") is None


BROKEN = {
    "zoo_raises": "RuntimeError: the cage is empty (plugins_zoo/zoo_raises.py:3)",
    "zoo_exits": "SystemExit: 3",
    "zoo_asserts": "AssertionError: sums",
    "zoo_missing_dependency": "ModuleNotFoundError: No module named 'no_such_package_of_the_zoo'",
    "zoo_bad_syntax": "SyntaxError: ",
    "zoo_old_api": "made for plugin API 0, this is 1",
    "zoo_new_api": "made for plugin API 2-3, this is 1",
    "zoo_odd_api": "DAGU_API is 'one', neither a number nor (first, last)",
    "zoo_unknown_hook": "PluginValidationError: unknown hook 'dagu_register_executers'",
    "zoo_wrong_argument": "PluginValidationError: Plugin 'wrong_argument' for hook",
    "zoo_hook_raises": "dagu_register_guards raised ValueError: not today",
    "zoo_hook_exits": "dagu_register_guards raised SystemExit: 4",
    "zoo_no_list": "dagu_register_observers returned the class Observer, not a list",
    "zoo_not_a_class": "dagu_register_observers returned a int in its list, not a class derived",
    "zoo_no_description": "observer Silent has no description (docstring)",
    "zoo_no_field_description": "DAG field burrow: the field `depth` has no description",
    "zoo_bad_config": "observer Odd: Config is the class dict, not a class derived from Config",
    "zoo_abstract": "Lazy does not implement observe",
    "zoo_wrapper": "dagu_register_executors is a wrapper",
    "zoo_gone": "ModuleNotFoundError: No module named 'zoo_gone'",
}


def test_X08_each_broken_plugin_is_reported_and_harms_no_other(install: Install, tmp_path: Path) -> None:
    (tmp_path / "site" / "zoo_bad_syntax.py").write_text("def broken(:\n", encoding="utf-8")
    install("zoo_good")
    install("zoo_constructor", attribute="Plugin")
    for module in BROKEN:
        install(module)
    host, reports = load()
    for module, reason in BROKEN.items():
        report = reports[module.removeprefix("zoo_")]
        assert report.state == "failed", module
        assert report.reason.startswith(reason), module
        assert report.parts == ()
        assert report.version == "1.2"
    assert reports["constructor"].reason == "OSError: no nest (plugins_zoo/zoo_constructor.py:8)"
    assert [name for name, each in reports.items() if each.state == "loaded"] == ["secrets", "good"]
    assert set(host.catalog.executors) == {"parrot", "bird"}
    assert host.catalog.vocabulary.broken["dagu-raises"] == BROKEN["zoo_raises"]


def test_X08_a_plugin_that_hangs_is_left_behind(install: Install) -> None:
    install("zoo_hangs")
    install("zoo_good")
    _, reports = load(import_limit=0.3)
    assert reports["hangs"].reason == "import took longer than 0.3 s"
    assert reports["good"].state == "loaded"
    hanging = [each for each in threading.enumerate() if each.name == "import of plugin hangs"]
    assert all(thread.daemon for thread in hanging) and hanging


def test_disabled_plugins_are_never_imported(install: Install) -> None:
    install("zoo_raises")
    install("zoo_good")
    _, reports = load(disabled=["raises", "dagu-good"])
    assert {reports["raises"].state, reports["good"].state} == {"disabled"}
    assert not {"zoo_raises", "zoo_good"} & set(sys.modules)


def test_only_allowed_plugins_are_imported(install: Install) -> None:
    install("zoo_raises")
    install("zoo_good")
    _, reports = load(allow=["good"])
    assert (reports["raises"].state, reports["good"].state) == ("disabled", "loaded")
    assert reports["raises"].reason == "plugins.allow in the settings, where it is not named"
    assert "zoo_raises" not in sys.modules


def test_two_packages_with_one_name_are_both_refused_unseen(install: Install) -> None:
    install("zoo_good", name="bird", package="dagu-a")
    install("zoo_raises", name="bird", package="dagu-b")
    host, reports = load()
    reason = "the name bird is claimed by dagu-a, dagu-b; uninstall one"
    assert reports["bird (dagu-a)"].reason == reports["bird (dagu-b)"].reason == reason
    assert not host.catalog.executors
    assert "zoo_good" not in sys.modules


def test_two_plugins_with_one_word_are_both_refused(install: Install) -> None:
    install("zoo_good")
    install("zoo_second_parrot")
    host, reports = load()
    for name in ("good", "second_parrot"):
        assert reports[name].state == "failed"
        assert "executor `bird` is offered by good and second_parrot" in reports[name].reason
    assert not host.catalog.executors


def test_nobody_takes_a_word_of_the_core(install: Install) -> None:
    install("zoo_takes_env")
    host, reports = load()
    assert reports["takes_env"].state == "failed"
    assert reports["secrets"].state == "loaded"
    assert host.catalog.provider("env").__module__ == "dagu_core.builtins.secrets"


def test_a_missing_built_in_is_a_report() -> None:
    host = PluginHost.load(builtins=("dagu_core.builtins.no_such", *SECRETS), discover=False)
    assert [(each.name, each.state) for each in host.reports] == [
        ("no_such", "failed"),
        ("secrets", "loaded"),
    ]


def test_plugins_are_given_as_objects(install: Install) -> None:
    good = importlib.import_module("zoo_good")
    host, reports = load(plugins=[good], discover=False)
    assert reports["zoo_good"].state == "loaded"
    assert "parrot" in host.catalog.executors


def test_a_reader_that_breaks_is_named(install: Install) -> None:
    class Reader:
        """Reads badly."""

        from dagu_core import hookimpl

        @hookimpl
        def dagu_read_source(self, text: str) -> str | None:
            raise KeyError(text)

    host, _ = load(plugins=[Reader()], discover=False)
    with pytest.raises(PluginError, match=r"plugin Reader cannot read f\.x: KeyError"):
        host.read_source(Path("f.x"), "a")


def test_findings_may_depend_on_the_settings(tmp_path: Path) -> None:
    class Linter:
        """Looks at the settings."""

        from dagu_core import hookimpl

        @hookimpl
        def dagu_lint(self, settings: Settings | None) -> list[Problem]:
            return [Problem(settings.core.tz if settings else "none")]

    settings = Settings.load(environ={"DAGU_HOME": str(tmp_path), "DAGU_TZ": "Asia/Tokyo"})
    found = PluginHost.of(settings, plugins=[Linter()], discover=False).lint(None)  # type: ignore[arg-type]
    assert [each.message for each in found] == ["Asia/Tokyo"]
    host, _ = load(plugins=[Linter()], discover=False)
    assert [each.message for each in host.lint(None)] == ["none"]  # type: ignore[arg-type]


def test_an_unknown_step_type_names_its_package_or_the_cause(install: Install) -> None:
    install("zoo_raises", name="docker", package="dagu-docker")
    host, _ = load()
    with pytest.raises(NotFound) as broken:
        host.catalog.executor("docker")
    assert broken.value.hint == (
        "the plugin dagu-docker is installed but did not load: "
        "RuntimeError: the cage is empty (plugins_zoo/zoo_raises.py:3)"
    )
    with pytest.raises(NotFound) as absent:
        host.catalog.executor("ssh")
    assert absent.value.hint == "install it with: pip install dagu-ssh"


def test_hook_calls_can_be_traced(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    load(discover=False, trace=True)
    assert "hook dagu_register_secret_providers <- secrets: [" in capsys.readouterr().err


def test_the_first_package_on_the_path_hides_the_second(tmp_path: Path) -> None:
    for folder, version in (("a", "1"), ("b", "2")):
        info = tmp_path / folder / f"Dagu_X-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "entry_points.txt").write_text(
            "[console_scripts]\nx = x:main\n[dagu.plugins]\n# a note\nx = dagu_x.plugin\n", encoding="utf-8"
        )
    found = installed(path=[str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "none")])
    assert [(each.name, each.target, each.package, each.version) for each in found] == [
        ("x", "dagu_x.plugin", "Dagu-X", "1")
    ]


def test_packages_inside_an_archive_are_found(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("dagu_z-3.dist-info/entry_points.txt", "[dagu.plugins]\nz = dagu_z.plugin\n")
        archive.writestr("dagu_z-3.dist-info/METADATA", "Metadata-Version: 2.1\nName: dagu-z\nVersion: 3\n")
    found = installed(path=[str(tmp_path / "lib.zip")])
    assert [(each.name, each.package, each.version) for each in found] == [("z", "dagu-z", "3")]


def test_without_third_parties_stevedore_is_not_even_imported() -> None:
    code = (
        "import sys, dagu_core.contracts.host as host; host.installed = list;"
        "host.PluginHost.load(builtins=('dagu_core.builtins.secrets',)); print('stevedore' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
