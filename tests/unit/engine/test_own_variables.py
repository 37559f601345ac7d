"""What a DAG says about its places with variables of its own, and with `~`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gotchas.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(
        tmp_path / "home", tmp_path / "work", environ={"HOME": str(tmp_path / "house"), "OUTSIDE": "os"}
    )


def seen(lab: Lab, text: str) -> str:
    """What the step `show` of the run prints."""
    ran = lab.run(text)
    assert ran.status == "succeeded", ran.view.details()
    return ran.out("show").strip()


@pytest.mark.parametrize("base", [False, True])
def test_the_working_folder_may_stand_in_the_env(lab: Lab, base: bool) -> None:
    env = "env: [{TOP: place}, {OUTSIDE: mine}]"
    if base:
        lab.base(env)
    text = f"{'' if base else env}\nworkingDir: ${{TOP}}/$OUTSIDE\nsteps: [{{name: show, command: pwd}}]"
    assert seen(lab, text) == f"{lab.work}/place/mine"
    assert [path.name for path in lab.work.iterdir() if "$" in path.name] == []


def test_commands_in_the_env_run_in_the_folder_that_the_env_names(lab: Lab) -> None:
    text = "env: [{W: sub}, {P: '`pwd`'}]\nworkingDir: $W\nparams: {Q: '`pwd`'}\nsteps:\n"
    text += "  - {name: show, command: echo $P $Q}"
    assert seen(lab, text) == f"{lab.work} {lab.work}", "while there is no such folder, beside the file"
    (lab.work / "sub").mkdir(exist_ok=True)
    assert seen(lab, text) == f"{lab.work}/sub {lab.work}/sub"


def test_dotenv_files_may_stand_in_the_env(lab: Lab) -> None:
    lab.write("A=found", "conf/x.env")
    text = "env: [{CONF: conf}]\ndotenv: ['${CONF}/x.env']\nsteps: [{name: show, command: echo $A}]"
    assert seen(lab, text) == "found"


def test_files_of_secrets_and_schemas_are_looked_for_in_that_folder(lab: Lab) -> None:
    lab.write("four", "sub/s.txt")
    lab.write('{"properties": {"n": {"type": "integer"}}}', "sub/s.json")
    text = (
        "env: [{W: sub}, {N: '`echo x >> ran`'}]\nworkingDir: $W\n"
        "secrets: [{name: S, provider: file, key: s.txt}]\nparams: {schema: s.json, values: {n: 7}}\n"
        "steps: [{name: show, command: 'echo ${#S} $n; cat ran'}]"
    )
    assert seen(lab, text) == "5 7\nx", "five bytes with the end of the line"


def test_the_shell_may_stand_in_the_env(lab: Lab) -> None:
    text = "env: [{SH: /bin/sh}, {N: '`echo n`'}]\nshell: $SH -e\nparams: {P: '`echo p`'}\n"
    assert seen(lab, text + "steps: [{name: show, command: echo $0 $N $P}]") == "/bin/sh n p"


@pytest.mark.parametrize(
    ("written", "is_home"),
    [("~", True), ("~/x", True), ("~/${PART}", True), ("a ~/x", False), ("~ x", False), ("~~", False)],
)
def test_a_leading_tilde_is_the_home_folder(lab: Lab, written: str, is_home: bool) -> None:
    text = (
        f"env: [{{PART: x}}, {{E: '{written}'}}]\nparams: [{{P: '{written}'}}]\n"
        f"steps: [{{name: show, command: 'echo \"$E|$P|$S\"', env: [{{S: '{written}'}}]}}]"
    )
    value = written.replace("${PART}", "x")
    expected = f"{lab.environ['HOME']}{value[1:]}" if is_home else value
    assert seen(lab, text) == "|".join([expected] * 3)


def test_a_tilde_from_outside_is_data(lab: Lab) -> None:
    ran = lab.run("params: {P: '~/a'}\nsteps: [{name: show, command: echo \"$P\"}]", "P=~/b")
    assert ran.out("show") == "~/b\n"


def test_a_file_for_the_output_may_lie_in_the_home_folder(lab: Lab) -> None:
    assert seen(lab, "steps: [{name: show, command: echo x, stdout: ~/out.txt}]") == "x"
    assert (Path(lab.environ["HOME"]) / "out.txt").read_text() == "x\n"
    assert not (lab.work / "~").exists()


def test_a_child_is_given_folders_at_home(lab: Lab) -> None:
    lab.run(
        f"""
        steps:
          - {{call: child, params: {{A: ~/x, B: a ~}}}}
          - {{call: child, parallel: [~/y]}}
        ---
        name: child
        params: A=0 B=0
        steps:
          - echo "$A $B $1" >> {lab.work}/seen
        """
    )
    home = lab.environ["HOME"]
    assert (lab.work / "seen").read_text() == f"{home}/x a ~ \n0 0 {home}/y\n"


@pytest.mark.parametrize("name", ["dry-run", "c.d", "two words", "größe"])
def test_a_variable_of_any_name_can_be_referred_to(lab: Lab, name: str) -> None:
    ran = lab.run(
        f"""
        params: [{{"{name}": "it's $NO"}}]
        steps:
          - name: show
            env: [{{E: "${{{name}}}!"}}]
            command: echo "${{{name}}}" "$E"
          - {{name: direct, shell: direct, command: "echo ${{{name}}}"}}
        """
    )
    assert (ran.out("show"), ran.out("direct")) == ("it's $NO it's $NO!\n", "it's $NO\n")


def test_a_default_value_stays_one_where_no_variable_has_that_name(lab: Lab) -> None:
    text = "params: [{a: 5}, {a-b: 1}]\nsteps:\n  - name: show\n    command: echo ${a-b} ${a-c} ${no-c}"
    assert seen(lab, text) == "1 5 c"
