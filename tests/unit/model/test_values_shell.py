"""Texts for shells, run by real ones."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagu_core.model.values.scope import Scope, StepFacts
from dagu_core.model.values.shelltext import ShellText, for_shell, in_place

SHELLS = ["/bin/sh"] + [path for path in [shutil.which("bash")] if path]
#: Any text a process environment can hold, with a liking for what shells care about.
VALUES = st.text(
    st.one_of(
        st.sampled_from("'\"\\$`!*?~ \n\t\r{}()[];&|<>#%=-"),
        st.characters(exclude_characters="\0", codec="utf-8"),
    ),
    max_size=30,
)


async def run_command(text: str) -> str:
    return subprocess.run(["/bin/sh", "-c", text], capture_output=True, check=True).stdout.decode().strip()


def prepared(text: str, scope: Scope, *, commands: bool = True, quoted_outputs: bool = True) -> ShellText:
    return asyncio.run(
        for_shell(text, scope, run_command if commands else None, quoted_outputs=quoted_outputs)
    )


def printed(
    text: str, scope: Scope, shell: str = "/bin/sh", *, commands: bool = True, quoted_outputs: bool = True
) -> str:
    ready = prepared(text, scope, commands=commands, quoted_outputs=quoted_outputs)
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    for layer in reversed(scope.layers):
        env |= layer
    done = subprocess.run(
        [shell, "-c", ready.text, "name", *scope.positional],
        env=env | ready.env,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_every_value_arrives_as_it_is_and_is_never_code(shell: str, value: str) -> None:
    scope = Scope(layers=[{"V": value, "J": json.dumps({"k": value})}])
    text = (
        """printf '%s\\000' "$V" "${V}" "${J.k}" "$J.k" '${J.k}' 'a ${V} b' 'a $V b' "x ${J.k} `printf y`" """
    )
    seen = printed(text, scope, shell).split("\0")
    assert seen[:7] == [value] * 5 + [f"a {value} b"] * 2
    assert seen[7] == f"x {value} y"


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=60, deadline=None)
@given(value=VALUES.filter(lambda value: value == value.strip("\n")))
def test_backticks_see_values_as_data(shell: str, value: str) -> None:
    scope = Scope(layers=[{"V": value, "J": json.dumps({"k": value})}])
    text = """printf '%s\\000' "`printf '%s' "$V"`" 'a `printf "%s" "${J.k}"` b'"""
    assert printed(text, scope, shell) == f"{value.strip()}\0a {value.strip()} b\0"


@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_an_output_in_quotes_keeps_its_characters_but_not_its_control_characters(value: str) -> None:
    scope = Scope(layers=[{"V": value}], outputs={"V": value})
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    shown = "".join(
        named.get(char) or (f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else char) for char in value
    )
    assert printed("""printf %s "${V}" """, scope) == shown
    assert printed("""printf %s "${V}" """, scope, quoted_outputs=False) == value


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("'\"\\$`{}()<# \nEaVJ.:-|;ce"), max_size=40), value=VALUES)
def test_no_shell_code_ever_contains_a_value(text: str, value: str) -> None:
    value = f"\u2603{value}"
    scope = Scope(layers=[{"V": value, "E": value, "J": json.dumps({"a": value})}])
    assert "\u2603" not in prepared(text, scope, commands=False).text or "<<" in text


@given(text=st.text(max_size=60))
def test_text_without_references_is_left_alone(text: str) -> None:
    text = text.replace("$", "").replace("`", "")
    assert prepared(text, Scope()) == ShellText(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "f() { echo \"$1\" ${J.n}; }; f 'x ${P} y' | cat; [ ${#P} = 1 ] && (echo '( ${P} )')",
            "x v y 123\n( v )\n",
        ),
        ("echo '${P}' 'a ${P} b' 'a ${P}' '$P x'", "${P} a v b a ${P} $P x\n"),
        ('echo $P ${P} ${P:-x} ${NOPE:-x} "$P"', "v v v x v\n"),
        ("echo ${one.stdout} ${one.exitCode} ${one.exit_code} ${one.stderr:1:2}", "/o/ut 7 7 er\n"),
        ("echo ${two-b.exitCode}", "0\n"),
        ("echo '${J.a}' ${J.l[1].x} ${J.l[-1].x} \"${J.a | length}\"", "s t 2 2 3\n"),
        ("echo $J.a. $P.txt", "s t. v.txt\n"),
        ("printf '%s ' $1 ${2} '$1'", "p1 p 2 $1 "),
        ('echo `echo hi | tr h H` \'`echo in`\' "`echo "$P"`" \\`x\\`', "Hi in v `x`\n"),
        ("echo $((1<<2)) $((${J.n}+1)) $( (echo a) ) # '${J.a}'", "4 124 a\n"),
        ("cat <<X\n${J.a} $P '${J.a}' $1\nX\necho '${J.a}'", "s t v 's t' p1\ns t\n"),
        ("cat <<'X'\n${J.a} $P '${P}' $HOME $1\nX\necho end", "s t v '${P}' $HOME $1\nend\n"),
        ("cat <<-\\X\n\t$P\n\tX\necho end", "v\nend\n"),
        ("cat <<'X'\n$M\nX\necho end", "a\nX\nb\nend\n"),
        ("x=\"$(case b in a) echo 'no';; b) echo 'a ${P} b';; esac)\"; echo \"$x\"", "a v b\n"),
        ('echo "it\'s ${J.a}" "${NOPE:-\'${J.a}\'}" "${NOPE:-"${J.a}"}"', "it's s t 's t' s t\n"),
        ("echo \"$(echo \"$(echo '${J.a}')\")\" '$(x)'", "s t $(x)\n"),
        ('echo "a\\"${J.a}\\"" a\\\'${J.a}\\\'', "a\"s t\" a's t'\n"),
    ],
)
def test_what_a_shell_prints(text: str, expected: str) -> None:
    scope = Scope(
        layers=[{"P": "v", "J": '{"a":"s t","l":[1,{"x":2}],"n":123}', "M": "a\nX\nb"}],
        steps={"one": StepFacts("/o/ut", "/err", 7), "two-b": StepFacts()},
        positional=["p1", "p 2"],
    )
    for shell in SHELLS:
        assert printed(text, scope, shell) == expected


def test_backticks_run_once() -> None:
    ran: list[str] = []

    async def run(text: str) -> str:
        ran.append(text)
        return "out"

    ready = asyncio.run(for_shell("echo `one` '`two`'", Scope(), run))
    assert ran == ["one", "two"]
    assert sorted(ready.env.values()) == ["out", "out"]


def test_equal_values_share_a_variable() -> None:
    scope = Scope(layers=[{"J": '{"a":1,"b":1,"c":2}'}])
    ready = prepared("echo ${J.a} '${J.b}' ${J.c}", scope)
    assert ready.env == {"DAGU_REF_1": "1", "DAGU_REF_2": "2"}


def test_scripts_keep_their_backticks() -> None:
    assert prepared("echo `date` '`x`'", Scope(), commands=False) == ShellText("echo `date` '`x`'")


@pytest.mark.parametrize(
    "text", ["echo ${J.x", "echo ${P.a} ${no.stdout} $P.a", "echo ${J.a b}", "echo '${P.a} x'"]
)
def test_what_cannot_be_told_stays(text: str) -> None:
    assert prepared(text, Scope(layers=[{"P": "v", "J": '{"a":1}'}])) == ShellText(text)


def test_the_content_of_a_log_file(tmp_path: Path) -> None:
    log = tmp_path / "out"
    log.write_text(" l1\n$(x) \n")
    scope = Scope(steps={"one": StepFacts(stdout=str(log))})
    assert printed("""printf '%s' "${one.stdout.text}" """, scope) == "l1\n$(x)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('print("${V}", ${N}, $N)', 'print("a\\"b\\n", 1, 1)'),
        ("awk '{print $1}' $10 ${1}", "awk '{print $1}' $10 ${1}"),
        ("$NOPE ${NOPE} ${NOPE.a} \\$N $HOME", "$NOPE ${NOPE} ${NOPE.a} \\$N $HOME"),
        ("'${N}' '${N} x' 'x ${N} y' '${J.a}'", "'${N}' '${N} x' 'x 1 y' '${N}'"),
        ("$J.a $N.txt ${s.exitCode}", "${N} 1.txt 3"),
    ],
)
def test_in_place(text: str, expected: str) -> None:
    scope = Scope(
        layers=[{"V": 'a"b\n', "N": "1", "J": '{"a":"${N}"}'}],
        environ={"HOME": "/h"},
        steps={"s": StepFacts("", "", 3)},
        positional=["p"],
    )
    assert in_place(text, scope) == expected


def test_a_value_never_ends_a_here_document_and_becomes_code() -> None:
    scope = Scope(layers=[{"V": "x\nY\necho canary\n"}])
    assert printed("cat <<'Y'\n${V}\nY", scope) == "x\nY\necho canary\n\n"
    unended = "cat <<-'Y'\n<<'X'\n${V}\nX\n"
    assert prepared(unended, scope) == ShellText(unended)
